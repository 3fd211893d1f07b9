//! Which quota is shared, and where: checked as far as that can be without asking Redis.

use std::env;
#[cfg(feature = "redis-tls")]
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanout::{FanOutClient, SharedError, SharedQuota, SharedQuotaBuilder};

use crate::cli::{GetArgs, SharedArgs, StatusArgs};
use crate::exit::UsageError;
#[cfg(feature = "redis-tls")]
use crate::exit::reason;
use crate::failure::{IS_IT_RUNNING, WANTS_A_PASSWORD};
use crate::limits::Limits;
use crate::values::duration;

use super::value::{optional, value};

/// The variable with Redis's password.
const PASSWORD: &str = "FANOUT_REDIS_PASSWORD";

/// Keeps a request's permit when its process is not heard of; longer where a request may take longer than half of it.
const LEASE: Duration = Duration::from_secs(30);

/// The library's bound of a lease, halved.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(1_800);

/// The library's bounds of a lease.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

const REDIS_WAIT: Duration = Duration::from_secs(10);
const REDIS_WAITS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

const USE_BY: Duration = Duration::from_millis(5);
const USE_BYS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);

/// A quota by its name, with the way to its Redis.
#[derive(Clone)]
pub(crate) struct QuotaPlace {
    pub(crate) name: String,
    /// The URL without what may be secret.
    pub(crate) redis: String,
    cacert: Option<PathBuf>,
    has_password_of_variable: bool,
    builder: SharedQuotaBuilder,
}

impl QuotaPlace {
    /// What to do about an error of Redis's, where that is known.
    pub(crate) fn hint(&self, error: &SharedError) -> Option<&'static str> {
        let text = error.to_string();
        let says = |sign: &str| text.contains(sign);
        if says("UnknownIssuer") && self.cacert.is_none() {
            Some("name its CA's certificate with --redis-cacert")
        } else if says("it wants a password") {
            Some(WANTS_A_PASSWORD)
        } else if says("authentication failed") || says("WRONGPASS") {
            Some(match self.has_password_of_variable {
                true => "the password is that of FANOUT_REDIS_PASSWORD",
                false => "is the password in the URL right, and percent-encoded?",
            })
        } else if says("no Redis") || says("unexpected end of file") {
            Some("is this the port of Redis?")
        } else if says("Connection refused") {
            Some(IS_IT_RUNNING)
        } else if says("has other limits") && leases_differ(&text) {
            Some("the lease is --quota-lease, or twice the --timeout; use the same everywhere")
        } else if says("has other limits") {
            Some("use the same everywhere")
        } else {
            None
        }
    }
}

/// Makes the client of a run when the quota is there.
pub(crate) type MakeClient = Box<dyn FnOnce(&SharedQuota) -> Result<FanOutClient, UsageError>>;

/// `there "…; lease 30s; …", and here "…; lease 40s; …"`
fn leases_differ(text: &str) -> bool {
    let mut leases = text.split("lease ").skip(1).map(|rest| rest.split([';', '"']).next());
    leases.next() != leases.next()
}

/// What is to be shared.
pub(crate) struct Shared {
    pub(crate) place: QuotaPlace,
    pub(crate) builder: SharedQuotaBuilder,
    pub(crate) redis_wait: Duration,
    /// So long the permit of a request is kept when its process is not heard of.
    lease: Duration,
    use_by: Duration,
    is_idle: bool,
}

impl Shared {
    /// What a plan tells of it, for which nobody is asked.
    pub(crate) fn planned(&self) -> Vec<String> {
        let QuotaPlace { name, redis, .. } = &self.place;
        let asked = format!("as {name} in {redis}, which was not asked");
        let lease = duration::shown(self.lease);
        let first = format!("if it knows no such quota, nothing is sent for {lease} first (--quota-lease)");
        [asked].into_iter().chain((!self.is_idle).then_some(first)).collect()
    }

    /// What a report tells of it.
    pub(super) fn told(&self) -> [(&'static str, String); 5] {
        [
            ("quota shared as", self.place.name.clone()),
            ("in", self.place.redis.clone()),
            ("waits for Redis, at most", duration::shown(self.redis_wait)),
            ("permits of a lost process kept", duration::shown(self.lease)),
            ("a grant of it may be used for", duration::shown(self.use_by)),
        ]
    }
}

/// The quota that `fanout get` is to share, if it is.
pub(super) fn shared(
    args: &GetArgs,
    limits: &Limits,
    max_in_flight: usize,
) -> Result<Option<Shared>, UsageError> {
    let shared = &args.shared;
    let redis_wait = optional("redis-wait", shared.redis_wait.as_deref(), |text| {
        duration::within(text, REDIS_WAITS, "it may be from 1ms to 1d")
    })?;
    let use_by = optional("use-by", shared.use_by.as_deref(), |text| {
        duration::within(
            text,
            USE_BYS,
            "it may be from 1ms to 1s, and must be longer than a round trip to Redis",
        )
    })?;
    let cacert = shared.redis_cacert.as_deref();
    let Some(place) = place(shared.redis.as_deref(), shared.quota.as_deref(), cacert)? else {
        return nothing_shared(shared);
    };
    let timeout = value("timeout", &args.requests.timeout, |text| match duration::parse(text)? {
        timeout if timeout > LONGEST_TIMEOUT => {
            Err("longer than --quota can keep permits for (at most 30m)".to_owned())
        }
        timeout => Ok(timeout),
    })?;
    let redis_wait = redis_wait.unwrap_or(REDIS_WAIT);
    let cap = u32::try_from(max_in_flight).unwrap_or(u32::MAX);
    let builder = limits.iter().fold(place.builder.clone(), SharedQuotaBuilder::limit);
    let lease = optional("quota-lease", shared.quota_lease.as_deref(), |text| lease(text, timeout))?;
    let lease = lease.unwrap_or(LEASE.max(timeout * 2));
    let builder = builder.max_in_flight(cap).lease(lease).redis_wait(redis_wait);
    let builder = builder.is_idle(shared.quota_idle);
    let use_by = use_by.unwrap_or(USE_BY);
    let builder = builder.use_by(use_by);
    builder.check().map_err(|error| in_our_words(&error, &place))?;
    Ok(Some(Shared { place, builder, redis_wait, lease, use_by, is_idle: shared.quota_idle }))
}

/// Whoever cannot renew it must have ended its requests before it is over.
fn lease(text: &str, timeout: Duration) -> Result<Duration, String> {
    let lease = duration::within(text, LEASES, "it may be from 1s to 1h")?;
    let least = timeout * 2;
    if lease < least {
        let (least, timeout) = (duration::shown(least), duration::shown(timeout));
        return Err(format!("shorter than twice the --timeout, which is {timeout} (at least {least})"));
    }
    Ok(lease)
}

/// What is said about a quota makes no sense without one.
fn nothing_shared(args: &SharedArgs) -> Result<Option<Shared>, UsageError> {
    let no_redis = |what| format!("there is no Redis {what} (name it: --redis redis://127.0.0.1:6379)");
    if let Some(wait) = &args.redis_wait {
        return value("redis-wait", wait, |_| Err(no_redis("to wait for")));
    }
    if let Some(path) = &args.redis_cacert {
        return Err(UsageError::new(format!("--redis-cacert {}: {}", path.display(), no_redis("to trust"))));
    }
    if let Some(lease) = &args.quota_lease {
        return value("quota-lease", lease, |_| Err(no_redis("that keeps permits")));
    }
    if let Some(use_by) = &args.use_by {
        return value("use-by", use_by, |_| Err(no_redis("that grants anything")));
    }
    match args.quota_idle {
        true => Err(UsageError::new(format!("--quota-idle: {}", no_redis("that shares a quota")))),
        false => Ok(None),
    }
}

/// The quota that `fanout status` is to show.
pub(crate) fn status(args: &StatusArgs) -> Result<(QuotaPlace, SharedQuotaBuilder), UsageError> {
    let cacert = args.redis_cacert.as_deref();
    let place = place(args.redis.as_deref(), args.quota.as_deref(), cacert)?
        .ok_or_else(|| UsageError::new("no quota (use --redis redis://127.0.0.1:6379 --quota NAME)"))?;
    // Something must be limited for the rest to be checked; it is not looked at.
    let something = place.builder.clone().max_in_flight(1);
    something.check().map_err(|error| in_our_words(&error, &place))?;
    let builder = place.builder.clone();
    Ok((place, builder))
}

fn place(
    redis: Option<&str>,
    quota: Option<&str>,
    cacert: Option<&Path>,
) -> Result<Option<QuotaPlace>, UsageError> {
    let (url, name) = match (redis, quota) {
        (Some(url), Some(name)) => (url, name),
        (None, None) => return Ok(None),
        (None, Some(name)) => {
            let error = "no Redis to share it in (name it: --redis redis://127.0.0.1:6379)";
            return value("quota", name, |_| Err(error.to_owned()));
        }
        (Some(_), None) => {
            return Err(UsageError::new(
                "--redis: no quota to share (name it: --quota NAME, best after the API's key)",
            ));
        }
    };
    let is_tls = ["rediss://", "valkeys://"].iter().any(|scheme| url.starts_with(scheme));
    if is_tls && !cfg!(feature = "redis-tls") {
        return Err(UsageError::new(
            "--redis rediss://: this fanout was built without TLS for Redis (build it with the feature \
             redis-tls, or use redis:// where the way there is safe)",
        ));
    }
    let mut builder = SharedQuota::builder(url, name);
    if let Some(path) = cacert {
        builder = trusting(builder, path)?;
    }
    let mut has_password_of_variable = false;
    match env::var(PASSWORD) {
        _ if has_password(url) => {}
        Ok(password) if !password.is_empty() => {
            has_password_of_variable = true;
            builder = builder.password(password);
        }
        Ok(_) | Err(env::VarError::NotPresent) => {}
        Err(env::VarError::NotUnicode(_)) => {
            return Err(UsageError::new(format!("{PASSWORD}: not UTF-8 (use a password that is)")));
        }
    }
    Ok(Some(QuotaPlace {
        name: name.to_owned(),
        redis: without_secrets(url),
        cacert: cacert.map(Path::to_owned),
        has_password_of_variable,
        builder,
    }))
}

/// Whether the URL says what the password is, which it then is: what is said here and now comes first.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let userinfo = authority.and_then(|authority| authority.rsplit_once('@'));
    userinfo
        .and_then(|(userinfo, _)| userinfo.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}

/// These certificates alone.
fn trusting(builder: SharedQuotaBuilder, path: &Path) -> Result<SharedQuotaBuilder, UsageError> {
    let wrong = |why: String| UsageError::new(format!("--redis-cacert {}: {why}", path.display()));
    #[cfg(feature = "redis-tls")]
    return match fs::read(path) {
        Ok(pem) => Ok(builder.root_certificates_pem(pem)),
        Err(error) => Err(wrong(format!("cannot read it: {}", reason(&error)))),
    };
    #[cfg(not(feature = "redis-tls"))]
    {
        let _ = builder;
        Err(wrong(
            "this fanout was built without TLS for Redis (build it with the feature redis-tls)".to_owned(),
        ))
    }
}

/// Of a URL that the library takes: `redis://:secret@h:6379/0?protocol=3` is `redis://h:6379/0`.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", rest.trim_end_matches('/'))
}

/// The library names its settings (`limit is 200/s, burst 1: …`); here they are options. The URL is never shown: what
/// is wrong with it may be its password.
pub(crate) fn in_our_words(error: &SharedError, place: &QuotaPlace) -> UsageError {
    let name = &place.name;
    let text = error.to_string();
    let (setting, rest) = text.split_once(" is ").unwrap_or(("", &text));
    UsageError::new(match (setting, rest.split_once(": ")) {
        ("quota", Some((_, right))) => format!("--quota {}: {right}", name.escape_debug()),
        ("redis", Some(_)) => {
            "--redis: not a URL of Redis (use redis://HOST:6379, or rediss://HOST:6379 for TLS; a password \
             in it is percent-encoded, or comes from FANOUT_REDIS_PASSWORD)"
                .to_owned()
        }
        ("root_certificates_pem", Some((_, what))) => {
            let path = place.cacert.as_deref().unwrap_or(Path::new("")).display();
            let is_broken = !["it ", "redis:// "].iter().any(|start| what.starts_with(start));
            let broken = if is_broken { "a certificate that cannot be read: " } else { "" };
            format!("--redis-cacert {path}: {broken}{what}")
        }
        ("limit", Some((limit, right))) => {
            let right = right.replace("a shorter use_by", "a shorter --use-by");
            format!("--quota {name}: cannot keep {limit}: {right}")
        }
        _ => format!("--quota {name}: {text}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:sec?r/e#t@h:1/0", "redis://h:1/0"),
            ("redis://me:se@cret@h/?protocol=resp3", "redis://h"),
            ("rediss://h:1/#insecure", "rediss://h:1"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn a_url_may_say_the_password() {
        for url in ["redis://:sesame@h:1/0", "redis://me:se@cret@h", "rediss://me:s@[::1]:1/@"] {
            assert!(has_password(url), "{url}");
        }
        for url in ["redis://h:1/0", "redis://me@h:1/0", "redis://me:@h", "redis://h/a:b@c", "h:1", ""] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn leases_that_differ_are_seen() {
        let text = |theirs| format!("there \"1/s; lease {theirs}\", and here \"1/s; lease 30s; use by 5ms\"");
        assert!(leases_differ(&text("40s; use by 5ms")) && !leases_differ(&text("30s; use by 5ms")));
    }
}
