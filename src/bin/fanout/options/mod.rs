//! Turns the command line into checked values, once. What comes out of here can be carried out, as far as
//! that can be known without sending anything.

mod client;
mod files;
mod ids;
mod limits;
mod report;
mod serve;
#[cfg(feature = "redis")]
mod shared;
mod value;

use std::sync::Arc;
use std::time::Duration;

use fanout::{Exchange, FanOutClient, MAX_IN_FLIGHT};

use crate::atomic_file::AtomicFile;
use crate::cli::{GetArgs, ProgressWhen, TalkArgs};
use crate::end::{Again, Figures, Settings};
use crate::exit::UsageError;
use crate::failure::Endpoint;
use crate::limits::Limits;
use crate::output::Opening;
use crate::paths::place_of;
use crate::report::{Recorder, Report};
use crate::run::Run;
use crate::template::Template;
use crate::traffic::Traffic;
use crate::values::{duration, whole};

use client::Bounds;
use files::Files;
use value::{optional, value};

pub(crate) use serve::serve_settings;
#[cfg(feature = "redis")]
pub(crate) use shared::{MakeClient, QuotaPlace, Shared, in_our_words, status as shared_status};

/// What `fanout get` is to do.
pub(crate) struct GetOptions {
    /// Its client keeps limits of its own until the quota that is to be shared has been joined.
    pub(crate) run: Run,
    #[cfg(feature = "redis")]
    pub(crate) shared: Option<(Shared, MakeClient)>,
    /// Records in the order of the ids.
    pub(crate) ordered: bool,
    pub(crate) deadline: Option<Duration>,
    pub(crate) template: Template,
    pub(crate) bounds: Bounds,
    /// The file of --failed.
    pub(crate) failed: Option<AtomicFile>,
    pub(crate) figures: Option<Figures>,
    pub(crate) report: Option<Report>,
    pub(crate) settings: Settings,
    pub(crate) again: Again,
    pub(crate) progress: ProgressWhen,
    pub(crate) talk: TalkArgs,
}

impl GetOptions {
    /// Checks everything. The output is looked at, and left to be opened, so that no mistake elsewhere empties a file.
    pub(crate) fn check(args: GetArgs) -> Result<(GetOptions, Opening), UsageError> {
        let limits = limits::limits(&args.pace.limits)?;
        let max_in_flight =
            value("max-in-flight", &args.pace.max_in_flight, |text| whole(text, 1..=MAX_IN_FLIGHT))?;
        let deadline = optional("deadline", args.pace.deadline.as_deref(), duration::parse)?;
        let method = client::method(&args)?;
        let retry = client::retry_policy(&args.retry)?;
        let body = client::body(&args, deadline)?;
        let traffic = Arc::new(Traffic::default());
        let recorder = args.output.report.as_ref().map(|_| Recorder::new(&limits));
        let observe = {
            let (traffic, recorder) = (traffic.clone(), recorder.clone());
            move || observer(traffic.clone(), recorder.clone())
        };
        #[cfg(feature = "redis")]
        let shared = shared::shared(&args, &limits, max_in_flight)?;
        let by_itself = limits.set(FanOutClient::builder(&args.url));
        let client = client::client(by_itself, &args, max_in_flight, retry.clone(), body.clone(), observe())?;
        let (ids, opening) = ids::ids_and_output(&args)?;
        if let (Some(deadline), Some(total)) = (deadline, ids.total) {
            refuse_what_cannot_be_met(deadline, total, &limits)?;
        }
        let Files { failed, figures, report } = files::files(&args, &ids)?;
        let endpoint = Endpoint::of(&args.url, method.clone())
            .with_headers(client::header_names(&args.requests.header))
            .with_max_wait(client::max_wait(&args)?);
        let report = report.zip(recorder).map(|(file, recorder)| {
            let proxy = client.proxy_for(&endpoint.url("0")).map(|proxy| ("proxy", proxy));
            let beyond = proxy.into_iter();
            #[cfg(feature = "redis")]
            let beyond = beyond.chain(shared.iter().flat_map(Shared::told));
            let about = report::about(&args, &limits, &endpoint, max_in_flight, beyond.collect());
            Report { file, about, recorder }
        });
        let options = GetOptions {
            run: Run {
                client,
                traffic,
                ids,
                limits,
                max_in_flight,
                keep_going: args.responses.keep_going,
                endpoint,
                begins: true,
            },
            ordered: args.output.ordered,
            deadline,
            again: again(&args, failed.as_ref()),
            settings: Settings {
                output: args.output.place().map(|path| path.display().to_string()),
                #[cfg(feature = "redis")]
                shared_quota: args.shared.quota.clone(),
                #[cfg(not(feature = "redis"))]
                shared_quota: None,
            },
            failed,
            figures,
            report,
            template: client::template(&args, method, body.as_deref())?,
            bounds: client::bounds(&args, &retry)?,
            progress: args.output.progress,
            talk: args.talk,
            // The last one: it keeps the arguments.
            #[cfg(feature = "redis")]
            shared: shared.map(|shared| {
                let make: MakeClient = Box::new(move |quota| {
                    let builder = FanOutClient::builder(&args.url).shared(quota);
                    client::client(builder, &args, max_in_flight, retry, body, observe())
                });
                (shared, make)
            }),
        };
        Ok((options, opening))
    }
}

/// Shows each request to those who want to know of it.
fn observer(traffic: Arc<Traffic>, recorder: Option<Arc<Recorder>>) -> impl Fn(&Exchange<'_>) + Send + Sync {
    move |exchange| {
        traffic.note(exchange);
        if let Some(recorder) = &recorder {
            recorder.note(exchange);
        }
    }
}

/// What to say to whoever wants the rest.
fn again(args: &GetArgs, failed: Option<&AtomicFile>) -> Again {
    let is_input = |failed: &AtomicFile| {
        let input = args.input.as_ref().and_then(|input| place_of(input).ok());
        input.is_some_and(|input| input == failed.place())
    };
    Again { failed_is_input: failed.is_some_and(is_input), output_is_file: args.output.place().is_some() }
}

/// Before anything is sent.
pub(crate) fn refuse_what_cannot_be_met(
    deadline: Duration,
    total: u128,
    limits: &Limits,
) -> Result<(), UsageError> {
    let least = match limits.least_time(total) {
        Some(least) if least < deadline => return Ok(()),
        // The last one would go out when it is over.
        Some(least) if least == deadline => format!("more than {}", duration::shown(least)),
        Some(least) => format!("at least {}", duration::shown(least)),
        None => "more than 584 years".to_owned(),
    };
    Err(UsageError::new(format!(
        "--deadline {}: {total} ids at this quota ({limits}) take {least} (nothing was sent)",
        duration::shown(deadline)
    )))
}
