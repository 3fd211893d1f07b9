//! What the command line says of requests, as a client of the library.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use fanout::http::Method;
use fanout::{BuildError, Builder, Exchange, FanOutClient, RetryBudget, RetryPolicy};

use crate::cli::{GetArgs, RetryArgs};
use crate::exit::{UsageError, reason};
use crate::template::Template;
use crate::values::request::{self, Data};
use crate::values::statuses::Statuses;
use crate::values::{duration, percent, size, url, whole};

use super::value::{optional, value};

/// The largest body of --data, before {id} is filled in: 1 MiB. Each id that is under way, or waits to be tried again,
/// has one of its own.
const MAX_DATA: u64 = 1024 * 1024;

/// A longer word is no header's name, and may be a secret.
const LONGEST_NAME: usize = 40;

/// A run may make so many retries whatever the percentage of --retry-budget is.
pub(super) const BUDGET_BASE: u32 = 100;

/// What --retry-budget is unless it is given.
pub(super) const BUDGET_PERCENT: u32 = 10;

/// What the client has been told, and a plan tells.
pub(crate) struct Bounds {
    pub(crate) max_body: u64,
    /// Of an id.
    pub(crate) retries: u32,
    /// Of all ids: so many, and so many percent of them.
    pub(crate) retry_budget: (u32, u32),
}

/// Checks it by building it, from a builder that has its URL and its limits.
pub(super) fn client(
    builder: Builder,
    args: &GetArgs,
    max_in_flight: usize,
    retry: RetryPolicy,
    body: Option<Vec<u8>>,
    observer: impl Fn(&Exchange<'_>) + Send + Sync + 'static,
) -> Result<FanOutClient, UsageError> {
    let builder = builder
        .max_in_flight(max_in_flight)
        .max_wait(max_wait(args)?)
        .retries(retry)
        .retry_budget(RetryBudget::new(BUDGET_BASE, retry_percent(args)?))
        .adaptive(args.retry.adaptive)
        .reserve(value("reserve", &args.retry.reserve, |text| whole(text, 0..=u64::MAX))?)
        .keep_going(args.responses.keep_going)
        .observe(observer);
    let builder = requests(builder, args, body)?;
    let builder = connections(builder, args)?;
    let builder = responses(builder, args)?;
    builder.build().map_err(|error| in_our_words(&error, args))
}

/// The longest pause of the server's that is waited for.
pub(super) fn max_wait(args: &GetArgs) -> Result<Duration, UsageError> {
    value("max-wait", &args.pace.max_wait, duration::parse)
}

/// What is tried again.
pub(super) fn retry_policy(args: &RetryArgs) -> Result<RetryPolicy, UsageError> {
    let most =
        optional("retries", args.retries.as_deref(), |text| whole(text, 0..=RetryPolicy::MAX_RETRIES))?;
    let needy = [
        ("--retry-500", args.retry_500),
        ("--retry-unsafe", args.retry_unsafe),
        ("--retry-budget", args.retry_budget.is_some()),
    ];
    for (option, is_given) in needy {
        if is_given && most.is_none() {
            return Err(UsageError::new(format!(
                "{option}: there are no retries without --retries (use for instance --retries 4)"
            )));
        }
    }
    let most = most.unwrap_or(0);
    Ok(RetryPolicy::new(most).on_500(args.retry_500).even_unsafe(args.retry_unsafe))
}

/// The method of every request.
pub(super) fn method(args: &GetArgs) -> Result<Method, UsageError> {
    match optional("method", args.requests.method.as_deref(), request::method)? {
        Some(method) => Ok(method),
        // curl would take POST for granted, but what changes something at a server is not to be guessed.
        None if args.requests.data.is_some() => {
            Err(UsageError::new("--data: a body, but no method (say which: -X POST, for instance)"))
        }
        None => Ok(Method::GET),
    }
}

/// What is sent, as a plan shows it.
pub(super) fn template(args: &GetArgs, method: Method, body: Option<&[u8]>) -> Result<Template, UsageError> {
    let names: Vec<String> = headers(args)?.into_iter().map(|(name, _)| name).collect();
    Ok(Template::new(method, &args.url, names, body))
}

/// What a plan counts with.
pub(super) fn bounds(args: &GetArgs, retry: &RetryPolicy) -> Result<Bounds, UsageError> {
    Ok(Bounds {
        max_body: max_body(args)?,
        retries: retry.retries(),
        retry_budget: (BUDGET_BASE, retry_percent(args)?),
    })
}

fn retry_percent(args: &GetArgs) -> Result<u32, UsageError> {
    let percent = optional("retry-budget", args.retry.retry_budget.as_deref(), percent::parse)?;
    Ok(percent.unwrap_or(BUDGET_PERCENT))
}

fn max_body(args: &GetArgs) -> Result<u64, UsageError> {
    value("max-body", &args.responses.max_body, size::parse)
}

fn requests(builder: Builder, args: &GetArgs, body: Option<Vec<u8>>) -> Result<Builder, UsageError> {
    let mut builder = builder.method(method(args)?).user_agent(concat!("fanout/", env!("CARGO_PKG_VERSION")));
    if let Some(body) = body {
        builder = builder.body(body);
    }
    Ok(headers(args)?.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value)))
}

fn headers(args: &GetArgs) -> Result<Vec<(String, String)>, UsageError> {
    let headers = &args.requests.header;
    let parsed = headers.iter().enumerate().map(|(place, text)| {
        request::header(text).map_err(|error| {
            let which = which_header(text, place + 1, headers.len());
            UsageError::new(format!("--header{which}: {error}"))
        })
    });
    parsed.collect()
}

/// The names of headers as they stand on the command line.
pub(super) fn header_names(headers: &[String]) -> impl Iterator<Item = &str> {
    headers.iter().filter_map(|header| header.split_once(':')).map(|(name, _)| name.trim())
}

/// Which of several headers is meant, without its value, which may be a secret: `'Authorization …'`, and where the
/// first word need not be a name, `number 2 of 3`.
fn which_header(text: &str, place: usize, of: usize) -> String {
    match text.split_once([' ', '\t']) {
        _ if text.contains(':') => String::new(), // the error has the name
        Some((name, _)) if !name.is_empty() && name.len() <= LONGEST_NAME && request::is_name(name) => {
            format!(" '{name} …'")
        }
        _ if of > 1 => format!(", number {place} of {of}"),
        _ => String::new(),
    }
}

/// The body of every request, before {id} is filled in. No error repeats it: it may be a secret.
pub(super) fn body(args: &GetArgs, deadline: Option<Duration>) -> Result<Option<Vec<u8>>, UsageError> {
    let Some(text) = &args.requests.data else { return Ok(None) };
    let (shown, body) = match request::data(text) {
        Ok(Data::Bytes(bytes)) => ("--data".to_owned(), Ok(bytes.to_vec())),
        Ok(Data::File(path)) => (format!("--data {}", text.escape_debug()), read_bounded(path, deadline)),
        Err(error) => return Err(UsageError::new(format!("--data {}: {error}", text.escape_debug()))),
    };
    let body =
        body.map_err(|error| UsageError::new(format!("{shown}: cannot read it: {}", reason(&error))))?;
    if body.len() as u64 > MAX_DATA {
        return Err(UsageError::new(format!("{shown}: larger than 1 MiB (use a smaller body)")));
    }
    Ok(Some(body))
}

/// One byte more than is allowed, if there are so many: what is read may have no end. And it may never begin: a pipe
/// that nobody writes to is waited for until the deadline, by a thread that ends with the process.
fn read_bounded(path: &Path, deadline: Option<Duration>) -> io::Result<Vec<u8>> {
    let read = |path: &Path| {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_DATA + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let Some(deadline) = deadline.filter(|_| path.metadata().is_ok_and(|metadata| !metadata.is_file()))
    else {
        return read(path);
    };
    let (done, bytes) = bounded(1);
    let path = path.to_owned();
    let reader = move || _ = done.send(read(&path));
    thread::Builder::new().name("data".to_owned()).spawn(reader)?;
    bytes.recv_timeout(deadline).unwrap_or_else(|_| {
        Err(io::Error::new(ErrorKind::TimedOut, "it did not come to its end before the deadline"))
    })
}

fn connections(mut builder: Builder, args: &GetArgs) -> Result<Builder, UsageError> {
    builder = builder
        .timeout(value("timeout", &args.requests.timeout, duration::parse)?)
        .connect_timeout(value("connect-timeout", &args.requests.connect_timeout, duration::parse)?)
        .stall_timeout(optional("stall-timeout", args.requests.stall_timeout.as_deref(), duration::parse)?);
    for text in &args.requests.resolve {
        let (host, addresses) = value("resolve", text, request::resolve)?;
        builder = builder.resolve(host, addresses);
    }
    if let Some(path) = &args.requests.cacert {
        let certificates = fs::read(path).map_err(|error| {
            UsageError::new(format!("--cacert {}: cannot read it: {}", path.display(), reason(&error)))
        })?;
        builder = builder.root_certificates_pem(certificates);
    }
    if let Some(url) = &args.requests.proxy {
        builder = builder.proxy(url);
    }
    if let Some(hosts) = &args.requests.noproxy {
        builder = builder.no_proxy(hosts);
    }
    Ok(builder.proxy_from_env())
}

fn responses(builder: Builder, args: &GetArgs) -> Result<Builder, UsageError> {
    let statuses = value("ok", &args.responses.ok, Statuses::parse)?;
    Ok(builder
        .accept_status(move |status| statuses.contains(status))
        .max_redirects(value("max-redirects", &args.requests.max_redirects, |text| {
            whole(text, 0..=u32::MAX)
        })?)
        .max_body(max_body(args)?))
}

/// The library names its settings (`burst is 0: …`); here they are options, in the form of [`value`].
fn in_our_words(error: &BuildError, args: &GetArgs) -> UsageError {
    let (setting, text) = (error.setting(), error.to_string());
    let what = text.strip_prefix(setting).unwrap_or(&text);
    let what = what.strip_prefix(" is ").unwrap_or(what);
    let works = |url: &str| FanOutClient::builder(url).build().is_ok();
    UsageError::new(match (setting, &args.requests.cacert) {
        ("url", _) => match url::meant(&args.url, works) {
            Some(guess) => format!("URL {what} (did you mean {guess}?)"),
            None => format!("URL {what}"),
        },
        ("root_certificates_pem", Some(path)) => {
            let what = what.trim_start_matches("not usable: ");
            let broken = if what.starts_with("it ") { "" } else { "a certificate that cannot be read: " };
            format!("--cacert {}: {broken}{what}", path.display())
        }
        ("no_proxy", _) => format!("--noproxy {what}"),
        // A variable of the environment.
        (variable, _) if variable.to_ascii_lowercase().ends_with("_proxy") => {
            format!("{variable} {what} (--proxy '' goes without)")
        }
        _ => format!("--{} {what}", setting.replace('_', "-")),
    })
}
