//! What failed, by its kind, and which ids that cost.

use maud::{Markup, html};

use crate::report::plot::percent;
use crate::report::record::{Failures, IDS_OF_A_KIND, Kind, Records};
use crate::report::words;

use super::details;

/// So many ids that failed for good are in sight at once.
const IN_SIGHT: usize = 10;

/// Requests that failed, by their kind, with the first of their ids.
pub(crate) fn failures(records: &Records) -> Markup {
    let kinds = records.failures.kinds();
    let most = kinds.iter().map(|(_, kind)| kind.count).max().unwrap_or(1);
    html! {
        table class="failures" id="failures" {
            caption {
                (words::counted(records.failures.count(), "request", "requests")) " failed, "
                (words::share(records.failures.count(), records.requests)) " of all."
            }
            thead {
                tr {
                    th scope="col" { "what came" }
                    th scope="col" { "requests" }
                    th scope="col" class="bar" { "" }
                    th scope="col" { "tried again" }
                    th scope="col" class="text" { "ids" }
                }
            }
            tbody { @for (name, kind) in kinds { (row(name, kind, most)) } }
        }
    }
}

fn row(name: &str, kind: &Kind, most: u64) -> Markup {
    let width = kind.count as f64 / most.max(1) as f64;
    html! {
        tr {
            th scope="row" { (name) }
            td { (words::count(kind.count)) }
            td class="bar" aria-hidden="true" {
                svg width="100%" height="10" { rect class="bad" width=(percent(width)) height="10" {} }
            }
            td { (words::count(kind.retried)) }
            td class="text ids" {
                @for (number, id) in kind.ids.iter().enumerate() {
                    @if number > 0 { ", " }
                    span class="id" { (id) }
                }
                @if kind.ids.len() >= IDS_OF_A_KIND { ", …" }
            }
        }
    }
}

/// The ids that failed for good, with their causes. Nothing if there are none.
pub(crate) fn lost(failures: &Failures) -> Option<Markup> {
    if failures.lost.is_empty() {
        return None;
    }
    let (first, others) = failures.lost.split_at(failures.lost.len().min(IN_SIGHT));
    let left = failures.lost_count.saturating_sub(failures.lost.len() as u64);
    Some(html! {
        table class="lost" id="lost" {
            caption { (words::counted(failures.lost_count, "id", "ids")) " failed for good." }
            thead { tr { th scope="col" { "id" } th scope="col" class="text" { "why" } } }
            (rows(first))
        }
        @if !others.is_empty() {
            (details("More of them", &html! { table class="lost" { (rows(others)) } }))
        }
        @if left > 0 { p class="note" { "And " (words::counted(left, "more", "more")) "." } }
    })
}

fn rows(lost: &[(String, String)]) -> Markup {
    html! {
        tbody {
            @for (id, cause) in lost {
                tr { th scope="row" class="id" { (id) } td class="text" { (cause) } }
            }
        }
    }
}
