//! What becomes of the quota, as this process hears of it, for the log: each thing once, when it begins.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::events::QuotaEvent;

use super::error::{SharedError, SharedErrorKind};
use super::gate::Gate;
use super::schedule::after;
use super::script::Taken;

/// A wait that is told for longer than before by so much, or less, is the same one: 1 s. Two clocks are between.
const SLACK: Duration = Duration::from_secs(1);

/// A wait that has no more than that left is not worth a line: 50 ms.
const WORTH_TELLING: Duration = Duration::from_millis(50);

/// See the module's documentation. Not to be told anything under a lock: who logs calls foreign code.
pub(super) struct Journal {
    quota: String,
    /// The epoch that is known; empty at first.
    epoch: String,
    /// Until when nobody gets anything, as far as that has been told.
    lost_until: Option<Instant>,
    paused_until: Option<Instant>,
    outage: Option<Outage>,
    run_has_failed: bool,
}

/// Redis cannot be asked.
struct Outage {
    since: Instant,
    is_told: bool,
}

impl Journal {
    pub(super) fn new(quota: String) -> Journal {
        Journal {
            quota,
            epoch: String::new(),
            lost_until: None,
            paused_until: None,
            outage: None,
            run_has_failed: false,
        }
    }

    /// A call of this instant was answered.
    pub(super) fn reached(&mut self, now: Instant) {
        if let Some(Outage { since, .. }) = self.outage.take().filter(|outage| outage.is_told) {
            QuotaEvent::Reached { gone: now.saturating_duration_since(since) }.emit(&self.quota);
        }
    }

    /// A call of this instant was not. The first one in a row may only have met a connection that was idle for too
    /// long: it is made again at once, on another one.
    pub(super) fn failed(&mut self, asked_at: Instant, error: &SharedError) {
        let is_the_second = self.outage.is_some();
        let outage = self.outage.get_or_insert(Outage { since: asked_at, is_told: false });
        if !outage.is_told && (is_the_second || error.kind() != SharedErrorKind::Unreachable) {
            outage.is_told = true;
            QuotaEvent::OutOfReach { cause: error }.emit(&self.quota);
        }
    }

    /// What the answer to a call of this instant says, in which this process has told of its own pause.
    pub(super) fn heard(&mut self, asked_at: Instant, own_pause: Option<Instant>, taken: &Taken) {
        let now = Instant::now();
        self.paused_until = self.paused_until.max(own_pause);
        let is_first = self.epoch.is_empty();
        let is_another = !is_first && self.epoch != taken.epoch;
        self.epoch.clone_from(&taken.epoch);
        let mut lost_for = is_another.then_some(Duration::ZERO);
        if let Some((left, gate)) = &taken.gate {
            let until = after(asked_at, *left);
            let wait = until.saturating_duration_since(now);
            match gate {
                Gate::Lost => {
                    let is_news = is_another || is_news(self.lost_until, until, now);
                    self.lost_until = Some(until);
                    lost_for = is_news.then_some(wait);
                }
                Gate::Pause(words) => {
                    if is_news(self.paused_until, until, now) {
                        self.paused_until = Some(until);
                        QuotaEvent::PausedElsewhere { pause: wait, told_by: words }.emit(&self.quota);
                    }
                }
            }
        }
        match lost_for {
            Some(wait) if is_first => QuotaEvent::Unknown { wait }.emit(&self.quota),
            Some(wait) => QuotaEvent::Lost { wait }.emit(&self.quota),
            None => {}
        }
    }

    /// So many permits were held when the lease ended.
    pub(super) fn lease_lost(&self, permits: u32) {
        if permits > 0 {
            QuotaEvent::LeaseLost { permits }.emit(&self.quota);
        }
    }

    pub(super) fn thrown_away(&self, grants: u32, late: Duration) {
        QuotaEvent::ThrownAway { grants, late }.emit(&self.quota);
    }

    pub(super) fn adopted(&self, generation: u64, limits: &dyn Display) {
        QuotaEvent::LimitsAdopted { generation, limits }.emit(&self.quota);
    }

    /// The run has failed with this text, which may be what this process has told.
    pub(super) fn run_failed(&mut self, error: &str, is_own: bool) {
        if !self.run_has_failed && !is_own {
            QuotaEvent::RunFailedElsewhere { error }.emit(&self.quota);
        }
        self.run_has_failed = true;
    }
}

/// Whether a wait until then is another one than the one that was told.
fn is_news(told: Option<Instant>, until: Instant, now: Instant) -> bool {
    match told.filter(|told| *told > now) {
        Some(told) => until.saturating_duration_since(told) > SLACK,
        None => until.saturating_duration_since(now) > WORTH_TELLING,
    }
}
