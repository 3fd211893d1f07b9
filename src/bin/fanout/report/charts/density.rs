//! How many requests were at what, and how many were granted a second, over time: for runs with more requests than can
//! be drawn one by one.

use std::time::Duration;

use maud::{Markup, html};

use crate::report::plot::{Plot, columns, stretched};
use crate::report::record::{Bin, Records, Stage};
use crate::report::scale::{Linear, Tick, Time};
use crate::report::words::{self, trimmed};

use super::{TIME_TICKS, details, stage_legend};

/// So many columns, which are some three pixels wide on a large screen.
const COLUMNS: usize = 320;

/// So many rows has the table.
const ROWS: usize = 24;

const HEIGHT: f64 = 190.0;
const RATE_HEIGHT: f64 = 84.0;

/// From the ground up: work first, so that waits lie on top of it.
const STACK: [Stage; Stage::COUNT] = [Stage::Body, Stage::Answer, Stage::Connect, Stage::Quota, Stage::Line];

/// What the columns are made of.
struct Columns {
    bins: Vec<Bin>,
    width: Duration,
    end: Duration,
}

impl Columns {
    fn of(records: &Records, most: usize) -> Columns {
        let timeline = records.timeline.in_at_most(most);
        Columns { bins: timeline.bins().to_vec(), width: timeline.width(), end: records.end }
    }

    fn from(&self, place: usize) -> Duration {
        self.width.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The last one ends with the run.
    fn seconds(&self, place: usize) -> f64 {
        let rest = self.end.saturating_sub(self.from(place));
        // Of what is next to nothing no rate can be told.
        rest.min(self.width).max(self.width / 16).as_secs_f64()
    }

    /// How many requests were at this stage at the same time, on average.
    fn at(&self, place: usize, stage: Stage) -> f64 {
        self.bins[place].spent[stage as usize] as f64 / 1e9 / self.seconds(place)
    }

    fn a_second(&self, place: usize, count: u64) -> f64 {
        count as f64 / self.seconds(place)
    }

    fn places(&self) -> std::ops::Range<usize> {
        0..self.bins.len()
    }
}

/// Both charts. `cap` is how many may be in flight.
pub(crate) fn density(records: &Records, cap: usize) -> Markup {
    let shown = Columns::of(records, COLUMNS);
    let time = Time::up_to(records.end);
    html! {
        figure {
            figcaption {
                strong { "What the " (words::counted(records.lanes as u64, "worker", "workers")) " did." } " "
                "How many requests were at what, on average over each " (words::time(shown.width))
                ". At the bottom is work on the wire, and on top of it are waits. The line is the cap of "
                (words::count(cap as u64)) " in flight."
            }
            (stage_legend(&html! {}))
            (in_flight(records, &shown, time, cap))
            (rate(records, &shown, time))
            (details("Over time, as a table", &table(&Columns::of(records, ROWS))))
        }
    }
}

fn in_flight(records: &Records, shown: &Columns, time: Time, cap: usize) -> Markup {
    let heights = |place: usize| STACK.iter().map(|stage| shown.at(place, *stage)).sum::<f64>();
    let most = shown.places().map(heights).fold(cap as f64, f64::max);
    let scale = Linear::up_to(most);
    let width = time.width(shown.width);
    let mut low = vec![0.0; shown.bins.len()];
    let layers = STACK.map(|stage| {
        let layer: Vec<(f64, f64)> =
            shown.places().map(|place| (low[place], low[place] + scale.at(shown.at(place, stage)))).collect();
        low = layer.iter().map(|(_, high)| *high).collect();
        (stage, columns(width, &layer))
    });
    let y = trimmed(HEIGHT * (1.0 - scale.at(cap as f64)), 2);
    let up = [0, cap / 2, cap]
        .map(|number| Tick { at: scale.at(number as f64), label: words::count(number as u64) });
    let marks = html! {
        (super::pauses(&records.pauses, time, HEIGHT))
        (stretched(HEIGHT, &html! {
            @for (stage, path) in layers.iter().filter(|_| !shown.bins.is_empty()) {
                path class=(stage.class()) d=(path) {}
            }
        }))
        line class="limit" x1="0" x2="100%" y1=(y) y2=(y) {}
    };
    Plot {
        id: "density",
        title: "Requests in flight over time, by what they were at",
        description: &description(shown, cap),
        height: HEIGHT,
        across: &[],
        up: &up,
    }
    .with(&marks)
}

fn description(shown: &Columns, cap: usize) -> String {
    let all: f64 = STACK.iter().map(|stage| total(shown, *stage)).sum();
    let parts = Stage::ALL.map(|stage| {
        format!("{} {} %", stage.name(), trimmed(100.0 * total(shown, stage) / all.max(1e-9), 1))
    });
    format!("At most {cap} at the same time. Of the time of all workers: {}.", parts.join(", "))
}

fn total(shown: &Columns, stage: Stage) -> f64 {
    shown.bins.iter().map(|bin| bin.spent[stage as usize] as f64).sum()
}

fn rate(records: &Records, shown: &Columns, time: Time) -> Markup {
    let granted: Vec<f64> =
        shown.places().map(|place| shown.a_second(place, shown.bins[place].granted)).collect();
    let failed: Vec<f64> =
        shown.places().map(|place| shown.a_second(place, shown.bins[place].failed)).collect();
    let most = granted.iter().chain(&failed).copied().fold(0.0, f64::max);
    let scale = Linear::up_to(most * 1.05);
    let width = time.width(shown.width);
    let area = |values: &[f64]| {
        columns(width, &values.iter().map(|value| (0.0, scale.at(*value))).collect::<Vec<_>>())
    };
    let has_failed = failed.iter().any(|rate| *rate > 0.0);
    let marks = html! {
        (super::pauses(&records.pauses, time, RATE_HEIGHT))
        (stretched(RATE_HEIGHT, &html! {
            @if !granted.is_empty() { path class="rate" d=(area(&granted)) {} }
            @if has_failed { path class="failed" d=(area(&failed)) {} }
        }))
    };
    let plot = Plot {
        id: "rate",
        title: "Requests a second over time",
        description: &format!(
            "At most {} a second were granted, and {} failed in all.",
            words::figures(most),
            words::counted(records.failures.count(), "request", "requests")
        ),
        height: RATE_HEIGHT,
        across: &time.ticks(TIME_TICKS),
        up: &scale.ticks(2),
    };
    html! {
        p class="under" {
            "Requests a second"
            @if has_failed { ", and " span class="sign failed" { "failed" } " ones among them" }
        }
        (plot.with(&marks))
    }
}

fn table(rows: &Columns) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th { "from" } th { "granted" } th { "a second" } th { "failed" }
                    @for stage in Stage::ALL { th { (stage.name()) } }
                }
            }
            tbody {
                @for (place, bin) in rows.bins.iter().enumerate() {
                    tr {
                        td { (words::time(rows.from(place))) }
                        td { (words::count(bin.granted)) }
                        td { (words::figures(rows.a_second(place, bin.granted))) }
                        td { (words::count(bin.failed)) }
                        @for stage in Stage::ALL { td { (trimmed(rows.at(place, stage), 2)) } }
                    }
                }
            }
        }
        p class="note" {
            "The last columns: how many requests were at it at the same time, on average. "
            (share_of_end(rows))
        }
    }
}

fn share_of_end(rows: &Columns) -> String {
    let last = rows.bins.len().saturating_sub(1);
    format!("The last row is {} long.", words::time(Duration::from_secs_f64(rows.seconds(last))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn columns_are_averages_and_the_last_one_ends_with_the_run() {
        let mut records = Records::new(&Limits::new([]));
        let millis = Duration::from_millis;
        records.timeline.spend(Stage::Answer, millis(0), millis(1_500));
        records.timeline.spend(Stage::Answer, millis(0), millis(500));
        records.timeline.granted(millis(1_200));
        records.end = millis(1_500);
        let shown = Columns::of(&records, 2);
        let at: Vec<f64> = shown.places().map(|place| shown.at(place, Stage::Answer)).collect();
        assert_eq!((shown.width, at.len()), (millis(751), 2));
        assert!((at[1] - 1.0).abs() < 1e-9 && (at[0] - 1.0 - 500.0 / 751.0).abs() < 1e-9, "{at:?}");
        assert!((shown.a_second(1, 1) - 1.0 / 0.749).abs() < 1e-9);
    }
}
