//! What is counted of a run while it lasts.

use std::sync::atomic::{AtomicU64, Ordering};

use fanout::Outcome;

use crate::ids::Numbered;

/// Ids that have come to their end, and tries beyond the first of each.
// ORDERING: numbers to show; nothing else is read by them.
#[derive(Default)]
pub(super) struct Tally {
    fetched: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, outcome: &Outcome<Numbered>) {
        let counter = if outcome.result.is_ok() { &self.fetched } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(outcome.attempt.saturating_sub(1)), Ordering::Relaxed);
    }

    /// A line was no id, which is a failure.
    pub(super) fn count_no_id(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}
