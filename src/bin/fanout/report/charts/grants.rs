//! The picture that proves the quota: how many requests were granted by each instant, under the line of each limit.

use std::time::Duration;

use maud::{Markup, html};

use crate::report::plot::{Plot, point, steps, stretched};
use crate::report::record::{Held, Records};
use crate::report::scale::{Linear, Time};
use crate::report::words;

use super::{TIME_TICKS, details};

const HEIGHT: f64 = 260.0;

/// So many points the edge has below which everything is admitted by all limits.
const EDGE: u32 = 128;

/// So many rows has the table.
const ROWS: u32 = 20;

/// Instants, and how many were granted by then.
type Counts = Vec<(Duration, u64)>;

/// See the module's documentation.
pub(crate) fn grants(records: &Records) -> Markup {
    let first = records.grants.first.unwrap_or_default();
    let time = Time::up_to(records.end);
    let counts = counts(records);
    let most = admitted(&records.grants.held, records.end.saturating_sub(first));
    let scale = Linear::up_to(most.unwrap_or(0.0).max(records.requests as f64) * 1.04);
    let title = "Granted requests, and the most that the quota admits";
    let marks = html! {
        (super::pauses(&records.pauses, time, HEIGHT))
        (stretched(HEIGHT, &html! {
            @if most.is_some() {
                polygon class="admitted" points=(edge(&records.grants.held, first, time, scale)) {}
            }
            @for (number, held) in records.grants.held.iter().enumerate() {
                (line(held, number, first, time, scale))
            }
            polyline class="granted" points=(path(&counts, records, time, scale)) {}
        }))
    };
    let plot = Plot {
        id: "grants",
        title,
        description: &description(records),
        height: HEIGHT,
        across: &time.ticks(TIME_TICKS),
        up: &scale.whole_ticks(5),
    };
    html! {
        figure {
            figcaption { strong { (title) "." } " " (caption(records)) }
            (legend(&records.grants.held))
            (plot.with(&marks))
            (details("Granted and admitted, as a table", &table(records, &counts, first)))
        }
    }
}

/// Exactly where each request is known, or else at the end of each bin.
fn counts(records: &Records) -> Counts {
    if records.are_all_kept() {
        let mut instants: Vec<Duration> = records.kept.iter().map(|kept| kept.request.granted).collect();
        instants.sort_unstable();
        return instants.into_iter().zip(1..).collect();
    }
    let width = records.timeline.width();
    let mut sum = 0_u64;
    let bins = records.timeline.bins().iter().zip(1_u32..);
    bins.map(|(bin, number)| {
        sum = sum.saturating_add(bin.granted);
        (width.saturating_mul(number), sum)
    })
    .collect()
}

fn path(counts: &Counts, records: &Records, time: Time, scale: Linear) -> String {
    let points = counts.iter().map(|(at, count)| (time.at(*at).min(1.0), scale.at(*count as f64)));
    let end = (1.0, scale.at(records.requests as f64));
    let start = records.grants.first.map(|first| (time.at(first), 0.0));
    let points = start.into_iter().chain(points).chain([end]);
    if records.are_all_kept() {
        return steps(points);
    }
    // What is known of a bin is how many there were at its end: the line goes straight there.
    points.map(|(x, y)| point(x, y)).collect::<Vec<_>>().join(" ")
}

/// The most that all limits admit within so long of the first grant.
fn admitted(held: &[Held], since: Duration) -> Option<f64> {
    held.iter().filter_map(|held| held.quota.admits(since)).reduce(f64::min)
}

fn edge(held: &[Held], first: Duration, time: Time, scale: Linear) -> String {
    let end = Duration::from_secs_f64(time.span());
    let whole = end.saturating_sub(first);
    let mut points = vec![point(time.at(first), 0.0)];
    for number in 0..=EDGE {
        let since = whole.mul_f64(f64::from(number) / f64::from(EDGE));
        let most = admitted(held, since).unwrap_or_default();
        points.push(point(time.at(first.saturating_add(since)), scale.at(most)));
    }
    points.push(point(1.0, 0.0));
    points.join(" ")
}

fn line(held: &Held, number: usize, first: Duration, time: Time, scale: Linear) -> Markup {
    let end = Duration::from_secs_f64(time.span());
    let at = |since: Duration| scale.at(held.quota.admits(since).unwrap_or_default());
    let points = [point(time.at(first), at(Duration::ZERO)), point(1.0, at(end.saturating_sub(first)))];
    html! { polyline class=(dashes(number)) points=(points.join(" ")) { title { (held.name) } } }
}

/// Each limit has dashes of its own.
fn dashes(number: usize) -> String {
    format!("limit dashes-{number}")
}

fn legend(held: &[Held]) -> Markup {
    html! {
        ul class="legend" {
            li { span class="stroke granted" {} "granted by then" }
            @for (number, held) in held.iter().enumerate() {
                li {
                    svg class="stroke" width="30" height="8" aria-hidden="true" {
                        line class=(dashes(number)) x1="0" x2="30" y1="4" y2="4" {}
                    }
                    (held.name)
                }
            }
            @if !held.is_empty() { li { span class="swatch admitted" {} "admitted: burst + rate · t" } }
        }
    }
}

fn caption(records: &Records) -> String {
    let others = match records.grants.held.len() {
        0 => return "There was no rate limit.".to_owned(),
        1 => "the other one",
        _ => "all others",
    };
    format!(
        "As long as the solid line stays at or below {others}, the run has kept its quota from its \
         first request on. Whether it did so in every window, wherever that begins, is told below."
    )
}

fn description(records: &Records) -> String {
    let requests = words::counted(records.requests, "request was", "requests were");
    let first = records.grants.first.unwrap_or_default();
    let mut text = format!("{requests} granted in {}.", words::time(records.end));
    if let Some(most) = admitted(&records.grants.held, records.end.saturating_sub(first)) {
        text += &format!(" The quota admits at most {} in that time.", words::count(most.floor() as u64));
    }
    text
}

fn table(records: &Records, counts: &Counts, first: Duration) -> Markup {
    let rows = (0..=ROWS).map(|number| records.end.mul_f64(f64::from(number) / f64::from(ROWS)));
    html! {
        table {
            thead {
                tr {
                    th { "by" } th { "granted" }
                    @for held in &records.grants.held { th { "admitted by " (held.name) } }
                }
            }
            tbody {
                @for at in rows {
                    tr {
                        td { (words::time(at)) }
                        td { (words::count(granted_by(counts, at))) }
                        @for held in &records.grants.held {
                            td { (most(held, at, first)) }
                        }
                    }
                }
            }
        }
    }
}

fn granted_by(counts: &Counts, at: Duration) -> u64 {
    let known = counts.partition_point(|(instant, _)| *instant <= at);
    known.checked_sub(1).and_then(|place| counts.get(place)).map_or(0, |(_, count)| *count)
}

fn most(held: &Held, at: Duration, first: Duration) -> String {
    let since = at.saturating_sub(first);
    // Cut off, not rounded: half a token admits nothing.
    held.quota.admits(since).map_or_else(|| "–".to_owned(), |most| words::count(most.floor() as u64))
}
