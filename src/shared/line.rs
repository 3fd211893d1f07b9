//! Those of this process who wait for the quota, and what it holds of it.
//!
//! Two kinds of thread meet here. Who wants to send a request stands in line and waits for a verdict, as at a
//! [`turnstile`](crate::turnstile): on a condvar of its own, which a grant, a cancel or its deadline ends. The one
//! quota thread (`keeper`) asks Redis for all of them together, and hands out what it gets. Nobody else talks to Redis,
//! so nobody else can be held up by it.
//!
//! # Invariants
//!
//! 1. *First come, first served*, in two lines. Who holds a permit and wants another token (for a redirect, say) comes
//!    before all who want a permit: those wait for permits, and it is holders who give them back.
//! 2. *A verdict stands*, and whoever gives it takes the waiter out of its line, under the lock.
//! 3. *What is held is counted where it is handed out*, under the lock: what the quota thread tells Redis in its next
//!    call is what is held at that moment. So a grant that nobody was there to take is given back by being held by
//!    nobody, and so is one whose answer was lost.
//! 4. *A lease has a number.* When leases may have ended in Redis, the number changes: what is held by an old one
//!    counts no more, and whoever holds it gets no token.
//!
//! Flags and condvars are used as at the turnstile: an interrupt takes the lock before it notifies.

use std::mem;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::cancel::{CancelToken, Interrupt};
use crate::limiter::{Cost, Limit};
use crate::turnstile::Queue;

use super::denied::Denied;
use super::error::{SharedError, SharedErrorKind};
use super::gate::{self, Gate};
use super::settled::Settled;
use super::terms::{self, Measure, Terms};
use super::todo::{Heeds, ToDo};
use super::wants::Wanted;

/// See the module's documentation.
pub(super) struct Line {
    state: Mutex<State>,
    /// The quota thread waits here.
    news: Condvar,
}

/// What is guarded by the lock.
pub(super) struct State {
    /// Those who hold a permit, and those who want one.
    pub(super) lines: [Queue<Cost, Arc<Waiter>>; 2],
    pub(super) held: u32,
    /// Which leases are good.
    pub(super) lease: u64,
    /// Those in force, and what is kept of them.
    pub(super) limits: Vec<Limit>,
    pub(super) measures: Vec<Measure>,
    /// Whether permits are counted at all.
    pub(super) counts_permits: bool,
    /// Whether it is a permit that was lacking when Redis granted the latest.
    pub(super) lacks_permits: bool,
    /// Nobody is granted anything until then, and why.
    pub(super) gate: Option<(Instant, Gate)>,
    /// Redis cannot be asked: since when, and what was the matter the last time.
    pub(super) trouble: Option<(Instant, SharedError)>,
    /// Nobody is ever granted anything again.
    pub(super) failed: Option<SharedError>,
    /// The calls that end when the run fails.
    pub(super) parts: Vec<(u64, CancelToken)>,
    pub(super) todo: ToDo,
    pub(super) heeds: Heeds,
    /// How many were answered.
    pub(super) calls: u64,
}

/// What one wants.
pub(crate) struct Want<'a> {
    pub(crate) cost: Cost,
    /// The lease that it holds already; none if it wants one.
    pub(crate) lease: Option<&'a Lease>,
    /// How long a pause may be for it to wait.
    pub(crate) max_pause: Option<Duration>,
}

/// What a grant consists of, before it has found its owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) at: Instant,
    pub(super) use_by: Instant,
    /// By the server's clock, in microseconds since 1970.
    pub(super) server_micros: u64,
    pub(super) lease: u64,
}

pub(super) struct Waiter {
    line: Weak<Line>,
    pub(super) deadline: Option<Instant>,
    pub(super) max_pause: Option<Duration>,
    /// Invariant 2.
    verdict: OnceLock<Result<Given, Denied>>,
    changed: Condvar,
}

/// The right to have one request in flight, until it is dropped.
pub(crate) struct Lease {
    line: Arc<Line>,
    number: u64,
}

pub(super) const HOLDERS: usize = 0;
pub(super) const NEWCOMERS: usize = 1;

impl Line {
    pub(super) fn new(terms: &Terms) -> Arc<Line> {
        let state = State {
            lines: [Queue::new(), Queue::new()],
            held: 0,
            lease: 0,
            limits: terms.limits.clone(),
            measures: terms.measures().unwrap_or_default(),
            counts_permits: terms.max_in_flight.is_some(),
            lacks_permits: false,
            gate: None,
            trouble: None,
            failed: None,
            parts: Vec::new(),
            todo: ToDo::default(),
            heeds: Heeds::default(),
            calls: 0,
        };
        Arc::new(Line { state: Mutex::new(state), news: Condvar::new() })
    }

    /// Waits for a grant. With it comes a lease, unless there is one or permits are not counted.
    pub(super) fn acquire(
        self: &Arc<Line>,
        want: &Want<'_>,
        cancel: &CancelToken,
    ) -> Result<(Given, Option<Lease>), Denied> {
        cancel.check_flag().map_err(|_| Denied::Cancelled)?;
        let deadline = cancel.deadline();
        let mut state = self.state.lock();
        state.check(want, deadline, Instant::now())?;
        let waiter = Arc::new(Waiter {
            line: Arc::downgrade(self),
            deadline,
            max_pause: want.max_pause,
            verdict: OnceLock::new(),
            changed: Condvar::new(),
        });
        let Ok(_registration) = cancel.register(waiter.clone()) else {
            return Err(Denied::Cancelled);
        };
        let line = if want.lease.is_some() { HOLDERS } else { NEWCOMERS };
        let ticket = state.lines[line].join(want.cost, waiter.clone());
        if state.heeds.joins[line] {
            self.news.notify_one();
        }
        loop {
            if let Some(verdict) = waiter.verdict.get() {
                let given = verdict.clone()?;
                let is_new = want.lease.is_none() && state.counts_permits;
                return Ok((given, is_new.then(|| Lease { line: self.clone(), number: given.lease })));
            }
            let is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if cancel.check_flag().is_err() || is_over {
                state.lines[line].leave(ticket);
                if state.heeds.leaves && state.nobody_waits() {
                    self.news.notify_one();
                }
                return Err(match is_over && cancel.check_flag().is_ok() {
                    true if line == NEWCOMERS && state.lacks_permits => Denied::NoPermitInTime,
                    true => Denied::DeadlineExceeded,
                    false => Denied::Cancelled,
                });
            }
            match deadline {
                Some(deadline) => _ = waiter.changed.wait_until(&mut state, deadline),
                None => waiter.changed.wait(&mut state),
            }
        }
    }

    /// For the quota thread, which waits by it until `until`, or until there is something to do.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn wait(&self, state: &mut MutexGuard<'_, State>, until: Option<Instant>) {
        match until {
            Some(until) => _ = self.news.wait_until(state, until),
            None => self.news.wait(state),
        }
    }

    /// Changes what is to be done, and tells the quota thread.
    pub(super) fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.news.notify_one();
    }

    /// Adds to what is settled, of which the quota thread tells when it has the time.
    pub(super) fn settle(&self, add: impl FnOnce(&mut Settled)) {
        let mut state = self.state.lock();
        add(&mut state.todo.settled);
        if state.heeds.releases {
            self.news.notify_one();
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().lines.iter().map(Queue::len).sum()
    }
}

impl State {
    /// Whether there is hope for it.
    fn check(&self, want: &Want<'_>, deadline: Option<Instant>, now: Instant) -> Result<(), Denied> {
        if let Some(failed) = &self.failed {
            return Err(Denied::Failed(failed.clone()));
        }
        if want.lease.is_some_and(|lease| lease.number != self.lease) {
            return Err(Denied::Failed(lease_lost()));
        }
        terms::check(&self.measures, &want.cost).map_err(Denied::ExceedsBurst)?;
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Denied::DeadlineExceeded);
        }
        self.gate.as_ref().map_or(Ok(()), |gate| gate::check(gate, want.max_pause, deadline, now))
    }

    /// What they want, in order.
    pub(super) fn wants(&self) -> impl Iterator<Item = Wanted> {
        let permits = self.counts_permits;
        let of = move |line: usize| {
            let permit = permits && line == NEWCOMERS;
            self.lines[line].iter().map(move |(_, cost, _)| Wanted { line, permit, cost: *cost })
        };
        of(HOLDERS).chain(of(NEWCOMERS))
    }

    /// Nobody is granted anything before then, here from now on and elsewhere as soon as Redis knows.
    pub(super) fn pause(&mut self, until: Instant, words: String) {
        if self.todo.pause.as_ref().is_none_or(|(before, _)| *before < until) {
            self.todo.pause = Some((until, words));
            self.keep_the_pause();
            self.dismiss_the_hopeless(None, Instant::now());
        }
    }

    /// These are in force now.
    pub(super) fn adopt(&mut self, terms: &Terms) {
        if self.limits != terms.limits {
            self.limits.clone_from(&terms.limits);
            self.measures = terms.measures().unwrap_or_default();
        }
    }

    /// The gate as Redis tells it.
    pub(super) fn set_gate(&mut self, gate: Option<(Instant, Gate)>) {
        self.gate = gate;
        self.keep_the_pause();
    }

    /// A pause that Redis has not been told yet holds all the same.
    fn keep_the_pause(&mut self) {
        if let Some((until, words)) = &self.todo.pause
            && self.gate.as_ref().is_none_or(|(opens, _)| opens < until)
        {
            self.gate = Some((*until, Gate::Pause(words.clone())));
        }
    }

    /// Whether a permit is what somebody waits for.
    pub(super) fn waits_for_permits(&self) -> bool {
        self.lacks_permits && !self.lines[NEWCOMERS].is_empty()
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.lines.iter().all(Queue::is_empty)
    }

    /// Hands out what was granted to those who were asked for, the first of `wants`. Those who have left meanwhile
    /// leave theirs to who wants the same. Returns how many were taken; the others are forgotten.
    pub(super) fn hand_out(&mut self, wants: &[Wanted], given: Given) -> usize {
        let mut taken = 0;
        for Wanted { line, permit, cost } in wants {
            let Some((ticket, _, _)) = self.lines[*line].head().filter(|(_, wanted, _)| *wanted == cost)
            else {
                continue;
            };
            if *permit {
                self.held += 1;
            }
            if let Some(waiter) = self.lines[*line].leave(ticket) {
                waiter.tell(Ok(given));
                taken += 1;
            }
        }
        taken
    }

    /// Tells those for whom there is no hope now: who has no time to wait until the `first` of them has what it wants,
    /// which is of this cost, or for the end of the gate.
    pub(super) fn dismiss_the_hopeless(&mut self, first: Option<(Instant, Cost)>, now: Instant) {
        let State { gate, measures, lines, .. } = self;
        let (mut first, mut somebody_stays) = (first, false);
        dismiss(lines, |cost, waiter| {
            if let Err(exceeds) = terms::check(measures, cost) {
                return Some(Denied::ExceedsBurst(exceeds));
            }
            // Where all ahead are dismissed, and it wants something else, that may be there sooner.
            first = first.filter(|(_, of)| somebody_stays || of == cost);
            let is_too_late = |deadline: Instant| first.is_some_and(|(at, _)| deadline < at);
            if waiter.deadline.is_some_and(is_too_late) {
                return Some(Denied::DeadlineExceeded);
            }
            let gate = gate.as_ref();
            let why = gate.and_then(|gate| gate::check(gate, waiter.max_pause, waiter.deadline, now).err());
            somebody_stays |= why.is_none();
            why
        });
    }

    /// Tells all of them.
    pub(super) fn dismiss_all(&mut self, error: &SharedError) {
        dismiss(&mut self.lines, |_, _| Some(Denied::Failed(error.clone())));
    }

    /// The leases may have ended: whatever was held is held no more. Tells how many permits that were.
    pub(super) fn void_leases(&mut self) -> u32 {
        let held = mem::take(&mut self.held);
        if held > 0 {
            self.lease += 1;
            let holders: Vec<_> = self.lines[HOLDERS].iter().map(|(ticket, _, _)| ticket).collect();
            for waiter in holders.into_iter().filter_map(|ticket| self.lines[HOLDERS].leave(ticket)) {
                waiter.tell(Err(Denied::Failed(lease_lost())));
            }
        }
        held
    }
}

/// Asks of each, in order.
fn dismiss(lines: &mut [Queue<Cost, Arc<Waiter>>; 2], mut why: impl FnMut(&Cost, &Waiter) -> Option<Denied>) {
    for line in lines {
        let all = line.iter();
        let hopeless: Vec<_> =
            all.filter_map(|(ticket, cost, waiter)| Some((ticket, why(cost, waiter)?))).collect();
        for (ticket, why) in hopeless {
            if let Some(waiter) = line.leave(ticket) {
                waiter.tell(Err(why));
            }
        }
    }
}

fn lease_lost() -> SharedError {
    let text = "the process was stopped, or cut off from Redis, for longer than its lease";
    SharedError::new(SharedErrorKind::LeaseLost, text)
}

impl Waiter {
    fn tell(&self, verdict: Result<Given, Denied>) {
        // The first verdict stands; there is no second, since it has left the line.
        let _ = self.verdict.set(verdict);
        self.changed.notify_one();
    }
}

impl Interrupt for Waiter {
    fn interrupt(&self) {
        if let Some(line) = self.line.upgrade() {
            drop(line.state.lock());
            self.changed.notify_one();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.line.state.lock();
        if self.number == state.lease {
            state.held = state.held.saturating_sub(1);
            state.todo.released.get_or_insert_with(Instant::now);
            if state.heeds.releases {
                self.line.news.notify_one();
            }
        }
    }
}
