//! Several limits that are kept together, and one pause for all of them: pure, with the time passed in.
//!
//! # All or none
//!
//! A grant takes from every limit what it costs there, or nothing from any. So it is due at the latest of the
//! instants at which the limits would grant it, each alone. Whoever waits for one limit takes nothing from the others
//! meanwhile, and they fill up. The bound of each limit holds exactly, for it is its own bucket that grants.
//!
//! # The pause
//!
//! A pause is a gate before the limits: until its end nothing is granted. The buckets know nothing of it: what had
//! gathered in them stays, and more comes, up to the burst.
//!
//! Behind a gate a line gathers, and if the burst were there for it, the server that had asked for the pause would see
//! all of it at once. So those in line are let out one by one, *spaced at the rate*: the first at the end of the pause,
//! and each not before what the one ahead of it cost has come again at the rate of the limit that brings it soonest.
//! With a cost of one, that is one each interval of the fastest limit. (What is unlimited has no interval, and spaces
//! nobody.) Who arrives while somebody stands in line joins the line, and is spaced as well.
//!
//! Not at the slowest rate: the line of a long job never runs empty, and a limit of 5,000 an hour, with hundreds of
//! tokens at hand, would make its 0.8 s the pace of 10 a second until the end of the job. That limit holds all the
//! same.
//!
//! The spacing ends when somebody arrives after the pause and finds nobody in line. Then what the buckets hold can be
//! had at once again: no limit has lost its burst by the pause.
//!
//! A pause that would last longer than [`max_pause`](Limits::set_max_pause) is in force like any other, but nobody
//! waits for its end: who is in line, and who comes, is told so at once, until what is left of it is short enough.
//!
//! Spacing only ever delays: it is one more condition beside the buckets', and the bound does not depend on it.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::turnstile::{Due, Supply};

use super::bucket::{ExceedsBurst, TokenBucket};
use super::cost::Cost;
use super::limit::{Limit, MAX_LIMITS};
use super::rate::{InvalidLimit, Rate};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// At least one, and at most [`MAX_LIMITS`].
    buckets: Vec<TokenBucket>,
    /// From the beginning of a pause until nobody stands in line after it.
    gate: Option<Gate>,
    max_pause: Option<Duration>,
}

/// Why it is hopeless to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hopeless {
    ExceedsBurst(ExceedsBurst),
    /// The pause in force lasts until then, which is longer than anybody waits for.
    LongPause(Instant),
}

#[derive(Clone, Debug)]
struct Gate {
    resumes_at: Instant,
    /// The latest who was let out, when, and what it cost.
    last: Option<(Instant, Cost)>,
}

impl Limits {
    /// All of them full at `now`.
    pub(crate) fn new(limits: &[Limit], now: Instant) -> Result<Limits, InvalidLimit> {
        match limits.len() {
            0 => return Err(InvalidLimit::NoLimits),
            1..=MAX_LIMITS => {}
            _ => return Err(InvalidLimit::TooManyLimits),
        }
        let bucket = |limit: &Limit| {
            let (rate, burst) = limit.checked()?;
            TokenBucket::new(rate, burst, now)
        };
        let buckets = limits.iter().map(bucket).collect::<Result<_, _>>()?;
        Ok(Limits { buckets, gate: None, max_pause: None })
    }

    fn is_there(&mut self, cost: &Cost, now: Instant) -> bool {
        let open = self.gate.is_none() || self.opens_at().is_none_or(|opens| opens <= now);
        let each = self.buckets.iter_mut().zip(cost.tokens());
        // All are asked, so that all have counted up to now.
        each.fold(open, |there, (bucket, tokens)| bucket.is_there(tokens, now) && there)
    }

    /// The latest of all instants, as of a look at `now`.
    #[cold]
    fn due(&self, cost: &Cost, now: Instant) -> Due {
        // Who comes late out of the gate makes all behind it late.
        let gate = self.opens_at().map(|at| Due { at, spare: Duration::ZERO });
        let nothing = Due { at: now, spare: Duration::MAX };
        let each = self.buckets.iter().zip(cost.tokens());
        let each = each.map(|(bucket, tokens)| Due { at: bucket.due(tokens), spare: bucket.spare(tokens) });
        each.chain(gate).fold(nothing, |latest, due| match due.at.cmp(&latest.at) {
            Ordering::Less => latest,
            Ordering::Equal => Due { spare: latest.spare.min(due.spare), ..due },
            Ordering::Greater => due,
        })
    }

    /// When the gate lets the next one out.
    fn opens_at(&self) -> Option<Instant> {
        let gate = self.gate.as_ref()?;
        let Some((last, cost)) = &gate.last else {
            return Some(gate.resumes_at);
        };
        let spans = self.buckets.iter().zip(cost.tokens()).map(|(bucket, tokens)| bucket.span(tokens));
        let nanos = spans.filter(|span| !span.is_zero()).min().unwrap_or_default().as_nanos();
        Some(gate.resumes_at.max(later(*last, u64::try_from(nanos).unwrap_or(u64::MAX))))
    }

    /// Grants nothing before `resume`. A pause is only ever extended.
    pub(crate) fn pause_until(&mut self, resume: Instant, now: Instant) {
        match &mut self.gate {
            _ if resume <= now => {}
            Some(gate) => gate.resumes_at = gate.resumes_at.max(resume),
            None => self.gate = Some(Gate { resumes_at: resume, last: None }),
        }
    }

    /// How long a pause may be for anybody to wait for its end.
    pub(crate) fn set_max_pause(&mut self, max_pause: Duration) {
        self.max_pause = Some(max_pause);
    }

    /// The end of the pause in force at `now`.
    pub(crate) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.gate.as_ref().map(|gate| gate.resumes_at).filter(|resume| *resume > now)
    }

    /// See [`TokenBucket::set_rate`] and [`TokenBucket::set_burst`].
    pub(crate) fn set(&mut self, index: usize, limit: Limit, now: Instant) -> Result<(), InvalidLimit> {
        let (rate, burst) = limit.checked()?;
        let bucket = self.bucket(index)?;
        bucket.set_rate(rate, now)?;
        bucket.set_burst(burst, now)
    }

    /// See [`TokenBucket::settle`].
    pub(crate) fn settle(&mut self, index: usize, extra: i64, now: Instant) -> Result<(), InvalidLimit> {
        self.bucket(index)?.settle(extra, now);
        Ok(())
    }

    /// Lets go of what has gathered of a limit.
    pub(crate) fn forgo(&mut self, index: usize, now: Instant) {
        if let Some(bucket) = self.buckets.get_mut(index).filter(|bucket| !bucket.rate().is_unlimited()) {
            let gathered = bucket.available(now);
            bucket.settle(i64::from(gathered), now);
        }
    }

    /// The limits in force.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Limit> {
        self.buckets.iter().map(|bucket| Limit::new(bucket.rate(), bucket.burst()))
    }

    /// The rate and the burst of the first.
    pub(crate) fn first(&self) -> (Rate, u32) {
        // There always is one.
        self.iter().next().map_or((Rate::UNLIMITED, 1), Limit::parts)
    }

    fn bucket(&mut self, index: usize) -> Result<&mut TokenBucket, InvalidLimit> {
        self.buckets.get_mut(index).ok_or(InvalidLimit::NoSuchLimit)
    }
}

impl Supply for Limits {
    type Demand = Cost;
    type Hopeless = Hopeless;

    fn check(&self, cost: &Cost, now: Instant) -> Result<(), Hopeless> {
        let mut buckets = self.buckets.iter().zip(cost.tokens());
        let within = buckets.try_for_each(|(bucket, tokens)| bucket.check(tokens));
        within.map_err(Hopeless::ExceedsBurst)?;
        match self.paused_until(now).zip(self.max_pause) {
            Some((until, most)) if until.saturating_duration_since(now) > most => {
                Err(Hopeless::LongPause(until))
            }
            _ => Ok(()),
        }
    }

    /// Takes from all limits what it costs, or from none.
    fn take(&mut self, cost: &Cost, now: Instant) -> Result<(), Option<Due>> {
        if !self.is_there(cost, now) {
            return Err(Some(self.due(cost, now)));
        }
        for (bucket, tokens) in self.buckets.iter_mut().zip(cost.tokens()) {
            bucket.spend(tokens);
        }
        if let Some(gate) = &mut self.gate {
            gate.last = Some((now, *cost));
        }
        Ok(())
    }

    /// While a limit holds up the first in line it is not full, and so loses nothing: in all it cannot do so for longer
    /// than it takes to bring all that could be wanted of it. The spacing behind a gate is no longer than that, and in
    /// it a limit gets back what the one ahead took.
    fn surely_by(&self, demands: usize, now: Instant) -> Option<Instant> {
        let demands = u32::try_from(demands).ok()?;
        let opens = self.opens_at().map_or(now, |opens| opens.max(now));
        self.buckets.iter().try_fold(opens, |by, bucket| {
            let full = bucket.due(bucket.burst()).saturating_duration_since(now);
            by.checked_add(full)?.checked_add(bucket.span(bucket.burst()).checked_mul(demands)?)
        })
    }

    /// What the gate had held back is gone. While it is still closed, the next is the first to be let out.
    fn find_nobody_in_line(&mut self, now: Instant) {
        match &mut self.gate {
            None => {}
            Some(gate) if now < gate.resumes_at => gate.last = None,
            Some(_) => self.gate = None,
        }
    }
}

#[cfg(test)]
mod tests;
