//! How long requests took: a histogram, its percentiles, and where the time went.

use std::time::Duration;

use maud::{Markup, html};

use crate::report::plot::{Plot, percent};
use crate::report::record::{Latencies, Records, Stage};
use crate::report::scale::{Linear, Logarithmic};
use crate::report::words::{self, trimmed};

use super::details;

const HEIGHT: f64 = 200.0;

/// Above the bars, for the names of the percentiles.
const ROOF: f64 = 58.0;

/// What is shown of a distribution.
const PARTS: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// The times of one bar.
struct Bar {
    from: Duration,
    to: Duration,
    good: u64,
    bad: u64,
}

/// The histogram. Nothing of nothing.
pub(crate) fn latencies(records: &Records) -> Option<Markup> {
    let all = records.good.plus(&records.bad);
    let (least, most) = all.range()?;
    let scale = scale(least, most);
    let bars = bars(records, scale, all.count());
    let highest = bars.iter().map(|bar| bar.good.saturating_add(bar.bad)).max().unwrap_or(0);
    let up = Linear::up_to(highest as f64);
    let has_failed = records.bad.count() > 0;
    let title = "How long a request was on the wire";
    let marks = html! {
        @for bar in &bars { (drawn(bar, scale, up)) }
        @for (row, (name, part)) in PARTS.iter().enumerate() { (rule(name, all.within(*part), row, scale)) }
    };
    let mut counts = up.whole_ticks(4);
    counts.iter_mut().for_each(|tick| tick.at *= (HEIGHT - ROOF) / HEIGHT);
    let plot = Plot {
        id: "latencies",
        title,
        description: &description(&all),
        height: HEIGHT,
        across: &scale.time_ticks(6),
        up: &counts,
    };
    Some(html! {
        figure {
            figcaption {
                strong { (title) "." } " "
                "From its beginning to the last byte of its body, without the waits for a place in flight "
                "and for the quota. The scale is logarithmic."
                @if records.cut_off > 0 { " Without those that the end of the run cut off." }
            }
            ul class="legend" aria-hidden="true" {
                li { span class="swatch good" {} "succeeded" }
                @if has_failed { li { span class="swatch bad" {} "failed" } }
            }
            (plot.with(&marks))
            (details("The histogram as a table", &table(&bars)))
        }
    })
}

/// How long each stage took.
pub(crate) fn phases(records: &Records) -> Markup {
    let all = records.good.plus(&records.bad);
    let row = |name: &str, class: &str, latencies: &Latencies| {
        html! {
            tr {
                th scope="row" { span class={ "swatch " (class) } {} (name) }
                @for (_, part) in PARTS {
                    td { (latencies.within(part).map_or_else(|| "–".to_owned(), words::time)) }
                }
            }
        }
    };
    html! {
        table class="phases" id="phases" {
            thead { tr { th scope="col" { "" } @for (name, _) in PARTS { th scope="col" { (name) } } } }
            tbody {
                (row("on the wire, all together", "good", &all))
                @for (stage, latencies) in Stage::ALL.iter().zip(&records.stages) {
                    (row(stage.name(), stage.class(), latencies))
                }
            }
        }
    }
}

/// A little more than from the shortest to the longest, and not too little: bars cannot be narrower than what is
/// measured.
fn scale(least: Duration, most: Duration) -> Logarithmic {
    let (least, most) = (least.as_secs_f64().max(1e-6), most.as_secs_f64().max(1e-6));
    let room = (2.0 / (most / least)).max(1.0).sqrt() * 1.06;
    Logarithmic::new(least / room, most * room)
}

fn bars(records: &Records, scale: Logarithmic, count: u64) -> Vec<Bar> {
    let number = number_of_bars(count);
    let edge = |place: u32| Duration::from_secs_f64(scale.value(f64::from(place) / f64::from(number)));
    let bar = |place: u32| {
        let (from, to) = (edge(place), edge(place + 1));
        Bar { from, to, good: records.good.between(from, to), bad: records.bad.between(from, to) }
    };
    (0..number).map(bar).collect()
}

/// More for more requests, so that what is seen is their distribution and not their chance: half again as many as
/// by the rule of Rice.
fn number_of_bars(count: u64) -> u32 {
    (3.0 * (count as f64).cbrt()).clamp(8.0, 48.0) as u32
}

fn drawn(bar: &Bar, scale: Logarithmic, up: Linear) -> Markup {
    let (from, to) = (scale.at(bar.from.as_secs_f64()), scale.at(bar.to.as_secs_f64()));
    let high = |count: u64| up.at(count as f64) * (HEIGHT - ROOF);
    let (good, bad) = (high(bar.good), high(bar.bad));
    // A hair of paper between two of them.
    let (x, width) = (percent(from), percent((to - from) * 0.92));
    html! {
        @if bar.good + bar.bad > 0 {
            g {
                title { (counted(bar)) }
                rect class="good" x=(x) width=(width) y=(trimmed(HEIGHT - good, 2))
                    height=(trimmed(good, 2)) {}
                @if bar.bad > 0 {
                    rect class="bad" x=(x) width=(width) y=(trimmed(HEIGHT - good - bad, 2))
                        height=(trimmed(bad, 2)) {}
                }
            }
        }
    }
}

/// A line at a percentile, with its name: each below the one before, so that those that lie close can be read.
fn rule(name: &str, latency: Option<Duration>, row: usize, scale: Logarithmic) -> Markup {
    let Some(latency) = latency else { return html! {} };
    let x = scale.at(latency.as_secs_f64().max(1e-6));
    let y = 10.0 + 13.0 * row as f64;
    let text = format!("{name} {}", words::time(latency));
    html! {
        line class="rule" x1=(percent(x)) x2=(percent(x)) y1=(trimmed(y - 8.0, 2)) y2=(trimmed(HEIGHT, 2)) {}
        @if x > 0.6 {
            text class="name end" x=(percent(x)) dx="-5" y=(trimmed(y, 2)) { (text) }
        } @else {
            text class="name" x=(percent(x)) dx="5" y=(trimmed(y, 2)) { (text) }
        }
    }
}

fn counted(bar: &Bar) -> String {
    let (from, to) = (words::time(bar.from), words::time(bar.to));
    let good = words::counted(bar.good, "request", "requests");
    let failed =
        if bar.bad > 0 { format!(", and {} that failed", words::count(bar.bad)) } else { String::new() };
    format!("{from} to {to}: {good}{failed}")
}

fn description(all: &Latencies) -> String {
    let parts = PARTS.map(|(name, part)| {
        format!("{name} {}", all.within(part).map_or_else(|| "none".to_owned(), words::time))
    });
    format!("{}: {}.", words::counted(all.count(), "request", "requests"), parts.join(", "))
}

fn table(bars: &[Bar]) -> Markup {
    html! {
        table {
            thead { tr { th { "longer than" } th { "up to" } th { "succeeded" } th { "failed" } } }
            tbody {
                @for bar in bars.iter().filter(|bar| bar.good + bar.bad > 0) {
                    tr {
                        td { (words::time(bar.from)) }
                        td { (words::time(bar.to)) }
                        td { (words::count(bar.good)) }
                        td { (words::count(bar.bad)) }
                    }
                }
            }
        }
    }
}
