//! The page: what was recorded, put into words and figures, for one look and for a long one.
//!
//! It is HTML that is well-formed XML at the same time, so that everything can read it.

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts;
use super::record::Records;
use super::words;

/// Nothing is loaded, run, sent or embedded, whatever stands in an id or in an answer of the server's.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Elements without an end, in the form that XML has for them.
const HEAD: &str = concat!(
    "<meta charset=\"utf-8\"/>",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>",
    "<meta name=\"referrer\" content=\"no-referrer\"/>",
    "<meta name=\"generator\" content=\"fanout ",
    env!("CARGO_PKG_VERSION"),
    "\"/>"
);

/// What is known of a run before it begins.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) method: String,
    /// Without what may be secret.
    pub(crate) url: String,
    /// When it began, as people write it.
    pub(crate) begun: String,
    pub(crate) max_in_flight: usize,
    /// What each setting is.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) fetched: u64,
    pub(crate) failed: u64,
    pub(crate) retries: u64,
    pub(crate) total: Option<u128>,
    pub(crate) elapsed: Duration,
    /// Why it ended before its time, if it did.
    pub(crate) broken_off: Option<String>,
}

impl End {
    fn is_good(&self) -> bool {
        self.broken_off.is_none() && self.failed == 0
    }

    /// `All 60 ids were fetched in 4.02 s.`
    fn told(&self) -> String {
        let fetched = words::count(self.fetched);
        let total = self.total.unwrap_or_else(|| u128::from(self.fetched) + u128::from(self.failed));
        let ids = if total == 1 { "id was" } else { "ids were" };
        let time = words::time(self.elapsed);
        match total {
            0 => "There was no id, and so nothing was sent.".to_owned(),
            _ if total == u128::from(self.fetched) => format!("All {fetched} {ids} fetched in {time}."),
            _ => format!("{fetched} of {} {ids} fetched in {time}.", words::count(total)),
        }
    }
}

/// See the module's documentation.
pub(crate) fn page(about: &About, records: &Records, end: &End) -> String {
    let has_failed = records.failures.count() > 0 || records.failures.lost_count > 0;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (PreEscaped(HEAD))
                (policy())
                title { "fanout: " (about.method) " " (about.url) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                main {
                    (top(about, records, end))
                    @if has_failed { (failures(records)) }
                    @if records.requests > 0 {
                        (quota(records))
                        (requests(about, records))
                        (latency(records))
                    }
                    @if records.tries.len() > 1 || records.pause_count > 0 { (retries(records)) }
                    (settings(about))
                    (footer())
                }
            }
        }
    };
    page.into_string()
}

fn policy() -> Markup {
    PreEscaped(format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>"))
}

fn top(about: &About, records: &Records, end: &End) -> Markup {
    html! {
        header {
            p class="top" { span { "fanout: report of a run" } span { (about.begun) } }
            h1 { span class="method" { (about.method) } " " (about.url) }
            p class="verdict" id="outcome" { (sign(end.is_good())) (end.told()) (broken_off(end)) }
            (kept(records))
            (figures(records, end))
        }
    }
}

/// A sign that can be told by its shape as well as by its colour.
fn sign(is_good: bool) -> Markup {
    html! {
        @if is_good { span class="sign good" aria-hidden="true" { "✓" } }
        @else { span class="sign bad" aria-hidden="true" { "×" } }
    }
}

fn broken_off(end: &End) -> Markup {
    html! {
        @if let Some(why) = &end.broken_off { " " (why) }
        @else if end.failed > 0 { " " (words::count(end.failed)) " failed." }
    }
}

fn kept(records: &Records) -> Markup {
    let held = &records.grants.held;
    let fullest = held.iter().max_by(|a, b| {
        let part = |held: &super::record::Held| held.fullest.spent() / f64::from(held.quota.burst.max(1));
        part(a).total_cmp(&part(b))
    });
    html! {
        @if let Some(fullest) = fullest.filter(|_| records.requests > 0) {
            @let was_kept = records.grants.were_kept();
            p class="verdict" id="kept" {
                (sign(was_kept))
                @if was_kept { "The quota was kept: " } @else { "The quota was NOT kept: " }
                "of a burst of " (words::count(fullest.quota.burst)) " the fullest window took "
                (words::trimmed(fullest.fullest.spent(), 3)) "."
                @if records.grants.late > 0 {
                    " " (words::count(records.grants.late)) " could not be measured."
                }
            }
        } @else if held.is_empty() {
            p class="verdict" id="kept" { "There was no rate limit to keep." }
        }
    }
}

fn figures(records: &Records, end: &End) -> Markup {
    let all = records.good.plus(&records.bad);
    let within = |part| all.within(part).map_or_else(|| "–".to_owned(), words::time);
    let rate = records.requests as f64 / end.elapsed.as_secs_f64().max(1e-9);
    let more = [
        (records.redirects, "redirect", "redirects"),
        (records.replays, "replay", "replays"),
        (records.cut_off, "cut off", "cut off"),
    ];
    let more: Vec<String> = more
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| words::counted(count, one, many))
        .collect();
    let figure = |name: &str, value: String, note: String| {
        html! { div { dt { (name) } dd { (value) @if !note.is_empty() { small { (note) } } } } }
    };
    html! {
        dl class="figures" {
            (figure("requests", words::count(records.requests), more.join(", ")))
            (figure("a second", words::figures(rate), "on average".to_owned()))
            (figure("ids fetched", words::count(end.fetched), of(end)))
            (figure("ids failed", words::count(end.failed), String::new()))
            (figure("retries", words::count(end.retries), String::new()))
            (figure("half within", within(0.5), "on the wire (p50)".to_owned()))
            (figure("99 % within", within(0.99), "on the wire (p99)".to_owned()))
            (figure("received", words::bytes(records.body_bytes), connections(records)))
        }
    }
}

fn of(end: &End) -> String {
    end.total.map_or_else(String::new, |total| format!("of {}", words::count(total)))
}

fn connections(records: &Records) -> String {
    format!("over {}", words::counted(records.connections, "connection", "connections"))
}

fn failures(records: &Records) -> Markup {
    html! {
        section id="failed" {
            h2 { "What failed" }
            @if records.failures.count() > 0 { div class="wide" { (charts::failures(records)) } }
            @if let Some(lost) = charts::lost(&records.failures) { div class="wide" { (lost) } }
        }
    }
}

fn quota(records: &Records) -> Markup {
    html! {
        section {
            h2 { "The quota" }
            (charts::grants(records))
            @if let Some(windows) = charts::windows(records) { (windows) }
        }
    }
}

fn requests(about: &About, records: &Records) -> Markup {
    html! {
        section {
            h2 { "The requests" }
            @if !charts::lanes_fit(records) { (charts::density(records, about.max_in_flight)) }
            @if let Some(first) = charts::first_lanes(records) { (first) }
            @if let Some(last) = charts::last_lanes(records) { (last) }
        }
    }
}

fn latency(records: &Records) -> Markup {
    html! {
        section {
            h2 { "How long it took" }
            @if let Some(latencies) = charts::latencies(records) { (latencies) }
            p class="lead" {
                strong { "Where the time went." }
                " Half of all requests took no longer than p50 at it, nine tenths no longer than p90."
            }
            div class="wide" { (charts::phases(records)) }
        }
    }
}

fn retries(records: &Records) -> Markup {
    html! {
        section {
            h2 { "Retries and pauses" }
            div class="pair" {
                @if records.tries.len() > 1 { (charts::tries(records)) }
                @if records.pause_count > 0 { (charts::told_pauses(records)) }
            }
        }
    }
}

fn settings(about: &About) -> Markup {
    html! {
        section {
            h2 { "Settings" }
            table class="settings" id="settings" {
                tbody {
                    @for (name, value) in &about.settings {
                        tr { th scope="row" { (name) } td { (value) } }
                    }
                }
            }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer {
            "Made by fanout " (env!("CARGO_PKG_VERSION")) ". Times count from the start of the run. "
            "Percentiles are exact to three figures. No userinfo, query or header value is in this page, and "
            "it loads nothing."
        }
    }
}
