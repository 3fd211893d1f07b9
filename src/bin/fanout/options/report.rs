//! What a report says of the settings.

use std::path::Path;

use crate::cli::GetArgs;
use crate::failure::Endpoint;
use crate::limits::Limits;
use crate::report::About;

use super::client::{BUDGET_BASE, BUDGET_PERCENT, header_names};

/// So many characters of a value are shown.
const SHOWN: usize = 200;

/// What a report tells of a run before it begins; `beyond` are settings that do not stand on the command line as they
/// are.
pub(super) fn about(
    args: &GetArgs,
    limits: &Limits,
    endpoint: &Endpoint,
    max_in_flight: usize,
    mut beyond: Vec<(&'static str, String)>,
) -> About {
    let mut settings = settings(args, limits);
    settings.append(&mut beyond);
    settings.iter_mut().for_each(|(_, value)| shorten(value));
    About {
        method: endpoint.method().to_string(),
        url: endpoint.template().to_owned(),
        begun: begun(),
        max_in_flight,
        settings,
    }
}

/// `2026-11-28 16:42:07 UTC`
fn begun() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The settings, without what may be secret: bodies, and the values of headers.
fn settings(args: &GetArgs, limits: &Limits) -> Vec<(&'static str, String)> {
    let (pace, retry) = (&args.pace, &args.retry);
    let names: Vec<&str> = header_names(&args.requests.header).collect();
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    let path = |path: &Path| path.display().to_string();
    let mut settings = vec![
        ("quota", limits.to_string()),
        ("in flight, at most", pace.max_in_flight.clone()),
        ("ids from", ids_from(args)),
        ("records to", args.output.place().map_or_else(|| "standard output".to_owned(), path)),
        ("deadline of the run", or_none(&pace.deadline)),
        ("timeout of a request", args.requests.timeout.clone()),
        ("timeout to connect", args.requests.connect_timeout.clone()),
        ("timeout without a byte", or_none(&args.requests.stall_timeout)),
        ("longest pause", pace.max_wait.clone()),
        ("retries of an id", retry.retries.clone().unwrap_or_else(|| "0".to_owned())),
        ("taken for success", args.responses.ok.clone()),
        ("goes on past failures", yes(args.responses.keep_going)),
        ("redirects, at most", args.requests.max_redirects.clone()),
        ("largest body", args.responses.max_body.clone()),
    ];
    if retry.retries.is_some() {
        let percent = retry.retry_budget.clone().unwrap_or_else(|| format!("{BUDGET_PERCENT}%"));
        settings.push(("retries of the run", format!("{BUDGET_BASE} and {percent}")));
        settings.push(("retries after a 500", yes(retry.retry_500)));
        settings.push(("retries of what is not safe", yes(retry.retry_unsafe)));
    }
    let more = [
        ("finds out the server's limits", retry.adaptive.then(|| yes(true))),
        ("left to others", Some(retry.reserve.clone()).filter(|reserve| reserve != "0")),
        ("headers", Some(names.join(", ")).filter(|names| !names.is_empty())),
        ("body", args.requests.data.as_ref().map(|_| "yes, not shown".to_owned())),
        ("resolved by hand", Some(args.requests.resolve.join(", ")).filter(|text| !text.is_empty())),
        ("certificates from", args.requests.cacert.as_deref().map(path)),
    ];
    settings.extend(more.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    settings
}

fn ids_from(args: &GetArgs) -> String {
    match (&args.ids, &args.input) {
        (Some(spec), _) => spec.clone(),
        (None, Some(path)) if path != Path::new("-") => path.display().to_string(),
        (None, _) => "standard input".to_owned(),
    }
}

/// On one line, and not too long.
fn shorten(value: &mut String) {
    let escaped = value.chars().flat_map(|c| match c {
        '"' | '\'' | '\\' => c.to_string().chars().collect::<Vec<_>>(),
        c => c.escape_debug().collect(),
    });
    let mut short: String = escaped.take(SHOWN).collect();
    if short.chars().count() == SHOWN {
        short.push('…');
    }
    *value = short;
}
