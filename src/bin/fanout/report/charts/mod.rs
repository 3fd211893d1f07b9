//! The charts, one a file: each a pure function from what was recorded to a figure with its table.

mod density;
mod failures;
mod grants;
mod lanes;
mod latencies;
mod retries;
mod windows;

use std::time::Duration;

use maud::{Markup, html};

use super::plot::percent;
use super::record::{Paused, Stage};
use super::scale::Time;
use super::words;

pub(crate) use density::density;
pub(crate) use failures::{failures, lost};
pub(crate) use grants::grants;
pub(crate) use lanes::{first_lanes, lanes_fit, last_lanes};
pub(crate) use latencies::{latencies, phases};
pub(crate) use retries::{told_pauses, tries};
pub(crate) use windows::windows;

/// Marks along time that are so many at most stay apart on a phone.
const TIME_TICKS: usize = 6;

/// What the tones of the stages mean.
fn stage_legend(more: &Markup) -> Markup {
    html! {
        ul class="legend" aria-hidden="true" {
            @for stage in Stage::ALL {
                li { span class={ "swatch " (stage.class()) } {} (stage.name()) }
            }
            (more)
        }
    }
}

/// The times at which the server had everybody wait, behind everything else.
fn pauses(pauses: &[Paused], time: Time, height: f64) -> Markup {
    html! {
        @for pause in pauses {
            @let (from, until) = (time.at(pause.from).max(0.0), time.at(pause.until).min(1.0));
            @if from < until {
                rect class="pause" x=(percent(from)) y="0" width=(percent(until - from))
                    height=(words::trimmed(height, 2)) {
                    title {
                        (format!("pause of {}, told by “{}”", words::time(length(pause)), pause.told_by))
                    }
                }
            }
        }
    }
}

fn length(pause: &Paused) -> Duration {
    pause.until.saturating_sub(pause.from)
}

/// A table that is there for those who want the numbers, and out of the way of all others.
fn details(summary: &str, table: &Markup) -> Markup {
    html! {
        details {
            summary { (summary) }
            // Whoever has no mouse scrolls by keys.
            div class="scroll" role="region" tabindex="0" aria-label=(summary) { (table) }
        }
    }
}
