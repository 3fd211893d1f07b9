//! Which requests were retries, and when the server had everybody wait.

use maud::{Markup, html};

use crate::report::record::{PAUSES, Records};
use crate::report::words;

/// How many requests were the first try of their id, the second, and so on.
pub(crate) fn tries(records: &Records) -> Markup {
    html! {
        div class="wide" {
            table id="tries" {
                caption { "Which try of its id a request belonged to." }
                thead { tr { th { "try" } th { "requests" } th { "failed" } th { "of them" } } }
                tbody {
                    @for (number, this) in &records.tries {
                        tr {
                            th scope="row" { (number) }
                            td { (words::count(this.requests)) }
                            td { (words::count(this.failed)) }
                            td { (words::share(this.failed, this.requests)) }
                        }
                    }
                }
            }
        }
    }
}

/// The pauses that the server told.
pub(crate) fn told_pauses(records: &Records) -> Markup {
    let left = records.pause_count.saturating_sub(records.pauses.len() as u64);
    html! {
        div class="wide" {
            table id="pauses" {
                caption { "Pauses that the server asked for. Nothing was sent meanwhile." }
                thead {
                    tr { th { "at" } th { "for" } th class="text" { "told by" } th class="text" { "id" } }
                }
                tbody {
                    @for pause in &records.pauses {
                        tr {
                            th scope="row" { (words::time(pause.from)) }
                            td { (words::time(super::length(pause))) }
                            td class="text" { (pause.told_by) }
                            td class="text id" { (pause.id) }
                        }
                    }
                }
            }
            @if left > 0 {
                p class="note" {
                    "And " (words::counted(left, "more", "more")) "; the first " (PAUSES) " are here."
                }
            }
        }
    }
}
