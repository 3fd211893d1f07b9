//! The exact proof: how much of its burst the fullest window took, for each limit and at each instant.

use maud::{Markup, html};

use crate::report::plot::{Plot, columns, percent, stretched};
use crate::report::record::{Held, Records, Timeline};
use crate::report::scale::{Linear, Tick, Time};
use crate::report::words::{self, trimmed};

use super::TIME_TICKS;

const HEIGHT: f64 = 56.0;
const COLUMNS: usize = 512;

/// One below the other. Nothing without a limit.
pub(crate) fn windows(records: &Records) -> Option<Markup> {
    let last = records.grants.held.len().checked_sub(1)?;
    Some(html! {
        figure {
            figcaption {
                strong { "How much of the burst is in use, at each instant." } " "
                "In a window of any length a limit lets out its burst, and what comes at its rate meanwhile. "
                "This is what the fullest of all windows that end here has taken beyond that rate. "
                "It may touch the line, and never cross it: this is the exact proof."
            }
            @for (number, held) in records.grants.held.iter().enumerate() {
                p class="under" { (held.name) ": " (verdict(held)) }
                (strip(records, held, number, number == last))
            }
            @if records.grants.late > 0 {
                p class="note" {
                    (words::counted(records.grants.late, "request", "requests"))
                    " took too long to be counted here: too many others had been measured meanwhile."
                }
            }
        }
    })
}

/// Between two requests what was taken comes back, at the rate.
fn bars(timeline: &Timeline, held: &Held, number: usize, scale: Linear) -> Vec<(f64, f64)> {
    let back = held.quota.per_second().unwrap_or_default() * timeline.width().as_secs_f64();
    let mut taken = 0.0_f64;
    let levels = timeline.bins().iter().map(|bin| {
        taken = (taken - back).max(f64::from(bin.fullest[number])).max(0.0);
        (0.0, scale.at(taken))
    });
    levels.collect()
}

fn verdict(held: &Held) -> String {
    let burst = held.quota.burst;
    let spent = words::trimmed(held.fullest.spent(), 3);
    match held.fullest.is_within(burst) {
        true => format!("kept. The fullest window took {spent} of {burst}."),
        false => format!("NOT kept. The fullest window took {spent} of {burst}."),
    }
}

fn strip(records: &Records, held: &Held, number: usize, is_last: bool) -> Markup {
    let time = Time::up_to(records.end);
    let burst = f64::from(held.quota.burst);
    let scale = Linear::up_to(burst.max(held.fullest.spent()) * 1.12);
    let timeline = records.timeline.in_at_most(COLUMNS);
    let bars = bars(&timeline, held, number, scale);
    let y = trimmed(HEIGHT * (1.0 - scale.at(burst)), 2);
    let marks = html! {
        (super::pauses(&records.pauses, time, HEIGHT))
        (stretched(HEIGHT, &html! {
            @if !bars.is_empty() { path class="window" d=(columns(time.width(timeline.width()), &bars)) {} }
        }))
        line class="limit" x1="0" x2=(percent(1.0)) y1=(y) y2=(y) {}
    };
    let up = [
        Tick { at: 0.0, label: "0".to_owned() },
        Tick { at: scale.at(burst), label: words::count(held.quota.burst) },
    ];
    Plot {
        id: &format!("window-{number}"),
        title: &format!("How much of its burst the fullest window took: {}", held.name),
        description: &verdict(held),
        height: HEIGHT,
        across: &if is_last { time.ticks(TIME_TICKS) } else { Vec::new() },
        up: &up,
    }
    .with(&marks)
}
