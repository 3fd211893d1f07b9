//! Each request as a bar on the lane of the worker that made it, over time.

use std::fmt::Write;
use std::time::Duration;

use maud::{Markup, html};

use crate::report::plot::{Plot, percent};
use crate::report::record::{Came, Kept, LAST, Next, Paused, Records, Request, Stage};
use crate::report::scale::{Tick, Time};
use crate::report::words::{self, trimmed};

use super::{TIME_TICKS, details, stage_legend};

/// So many lanes are told apart.
const MOST_LANES: usize = 64;

/// So high are all lanes together, at least and at most; each is no higher than [`LANE`].
const HEIGHT: f64 = 420.0;
const LANE: f64 = 24.0;

/// So many requests are drawn where not all of them have room.
const EXCERPT: usize = LAST;

/// So many rows has the table.
const ROWS: usize = 200;

/// Whether all requests of a run can be drawn one by one.
pub(crate) fn lanes_fit(records: &Records) -> bool {
    records.are_all_kept() && has_room(records)
}

fn has_room(records: &Records) -> bool {
    (1..=MOST_LANES).contains(&records.lanes)
}

/// Of all requests, or of the first ones if there are too many. Nothing if the lanes are too many.
pub(crate) fn first_lanes(records: &Records) -> Option<Markup> {
    let mut kept: Vec<&Kept> = records.kept.iter().collect();
    kept.sort_by_key(|kept| kept.request.began);
    if lanes_fit(records) {
        let title = format!("All {} requests, each", words::count(records.requests));
        return Some(lanes(records, "lanes", &title, &kept, Time::up_to(records.end)));
    }
    kept.truncate(EXCERPT);
    let time = Time::up_to(kept.iter().map(|kept| kept.request.ended()).max()?);
    let title = format!("The first {} requests, each", kept.len());
    has_room(records).then(|| lanes(records, "lanes", &title, &kept, time))
}

/// Of the last requests, where not all of them are drawn already.
pub(crate) fn last_lanes(records: &Records) -> Option<Markup> {
    let kept: Vec<&Kept> = records.last.iter().collect();
    let time = Time::between(kept.iter().map(|kept| kept.request.began).min()?, records.end);
    let title = format!("The last {} requests, each", kept.len());
    has_room(records).then(|| lanes(records, "last-lanes", &title, &kept, time))
}

fn lanes(records: &Records, id: &str, title: &str, shown: &[&Kept], time: Time) -> Markup {
    let row = (HEIGHT / records.lanes as f64).min(LANE);
    let height = row * records.lanes as f64;
    let title = format!("{title} on the lane of its worker");
    let description = format!(
        "{} lanes over {}. Each request is a bar: thin while it waits, thick while it is on the wire.",
        records.lanes,
        words::time(Duration::from_secs_f64(time.span()))
    );
    let marks = html! {
        (super::pauses(&records.pauses, time, height))
        @for kept in shown { (bar(kept, time, row)) }
        @for kept in shown { (mark(&kept.request, time, row)) }
    };
    let up = numbers(records.lanes, row);
    let across = time.ticks(TIME_TICKS);
    let plot = Plot { id, title: &title, description: &description, height, across: &across, up: &up };
    html! {
        figure {
            figcaption { strong { (title) "." } " " (caption(records, shown, time)) }
            (stage_legend(&more(shown)))
            (plot.with(&marks))
            (details("These requests as a table", &table(shown)))
        }
    }
}

/// Where every lane has its number, or only some of them where they are too narrow for that.
fn numbers(lanes: usize, row: f64) -> Vec<Tick> {
    let every = (12.0 / row).ceil().max(1.0) as usize;
    let middle = |lane: usize| 1.0 - (lane as f64 + 0.5) / lanes as f64;
    (0..lanes)
        .filter(|lane| *lane == 0 || (lane + 1) % every == 0)
        .map(|lane| Tick { at: middle(lane), label: (lane + 1).to_string() })
        .collect()
}

/// The upper end of a bar and its height.
fn extent(lane: usize, row: f64) -> (f64, f64) {
    let gap = if row < 8.0 { 0.5 } else { row * 0.16 };
    (row * lane as f64 + gap, row - 2.0 * gap)
}

fn bar(kept: &Kept, time: Time, row: f64) -> Markup {
    let (top, height) = extent(kept.request.lane, row);
    html! {
        g class="request" {
            title { (told(kept)) }
            @for (stage, from, length) in kept.request.stages() {
                // Waits are thin, so that work stands out.
                @let is_wait = matches!(stage, Stage::Line | Stage::Quota);
                @let (y, height) = if is_wait { (top + height * 0.3, height * 0.4) } else { (top, height) };
                rect class=(stage.class()) x=(percent(time.at(from))) y=(trimmed(y, 2))
                    width=(percent(time.width(length))) height=(trimmed(height, 2)) {}
            }
        }
    }
}

/// What went wrong, at the end of a bar and above its neighbours.
fn mark(request: &Request, time: Time, row: f64) -> Markup {
    let (top, height) = extent(request.lane, row);
    let end = percent(time.at(request.ended()).min(1.0));
    html! {
        @match &request.came {
            Came::Good => {}
            Came::Failed(_) => {
                text class="failed" x=(end) y=(trimmed(top + height / 2.0, 2)) dy="0.34em" { "×" }
            }
            Came::CutOff => {
                line class="cut" x1=(end) x2=(end) y1=(trimmed(top, 2)) y2=(trimmed(top + height, 2)) {}
            }
        }
    }
}

/// The legend of the marks that are there.
fn more(shown: &[&Kept]) -> Markup {
    let is_there = |wanted: fn(&Came) -> bool| shown.iter().any(|kept| wanted(&kept.request.came));
    html! {
        @if is_there(|came| matches!(came, Came::Failed(_))) {
            li { span class="sign failed" { "×" } "failed" }
        }
        @if is_there(|came| *came == Came::CutOff) {
            li { span class="sign cut" { "|" } "cut off by the end of the run" }
        }
    }
}

fn caption(records: &Records, shown: &[&Kept], time: Time) -> String {
    let mut text =
        String::from("Thin is a wait, thick is work on the wire; point at a bar to see whose it is.");
    let fresh = shown.iter().filter(|kept| !kept.request.lengths[Stage::Connect as usize].is_zero()).count();
    if fresh > 0 {
        let _ = write!(
            text,
            " {} for a connection.",
            words::counted(fresh as u64, "of them waited", "of them waited")
        );
    }
    let is_in_it = |pause: &Paused| time.at(pause.until) > 0.0 && time.at(pause.from) < 1.0;
    if records.pauses.iter().any(is_in_it) {
        text += " Shaded from top to bottom: pauses that the server asked for.";
    }
    text
}

/// `id 7: 200, 123 ms on the wire`, and more.
fn told(kept: &Kept) -> String {
    let Kept { id, request } = kept;
    let mut text = format!("id {id}");
    if request.attempt > 1 {
        let _ = write!(text, ", try {}", request.attempt);
    }
    let _ = write!(text, ": {}, {} on the wire", came(request), words::time(request.latency()));
    for (stage, _, length) in request.stages() {
        let _ = write!(text, "\n{}: {}", stage.name(), words::time(length));
    }
    text
}

fn came(request: &Request) -> String {
    let then = match request.next {
        Next::Nothing => "",
        Next::Retry => ", tried again",
        Next::Redirect => ", followed",
        Next::Replay => ", sent once more",
    };
    match (&request.came, request.status) {
        (Came::Failed(kind), _) => format!("{kind}{then}"),
        (Came::CutOff, _) => "cut off".to_owned(),
        (Came::Good, Some(status)) => format!("{status}{then}"),
        (Came::Good, None) => "done".to_owned(),
    }
}

fn table(shown: &[&Kept]) -> Markup {
    let left = shown.len().saturating_sub(ROWS);
    html! {
        table {
            thead {
                tr {
                    th { "id" } th { "try" } th { "lane" } th { "came" } th { "began" }
                    @for stage in Stage::ALL { th { (stage.name()) } }
                }
            }
            tbody {
                @for kept in shown.iter().take(ROWS) {
                    tr {
                        td class="id" { (kept.id) }
                        td { (kept.request.attempt) }
                        td { (kept.request.lane + 1) }
                        td class="text" { (came(&kept.request)) }
                        td { (words::time(kept.request.began)) }
                        @for length in kept.request.lengths { td { (words::time(length)) } }
                    }
                }
            }
        }
        @if left > 0 { p class="note" { "And " (words::counted(left as u64, "more", "more")) "." } }
    }
}
