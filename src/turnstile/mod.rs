//! Where threads wait in line for something that is handed out in the order of arrival.
//!
//! A thread waits for four things at once here: its turn, an instant, its deadline, and a cancel. The rate limiter is
//! a turnstile over its limits, the in-flight cap one over a count; what they hand out is a [`Supply`], which is pure.
//!
//! | file | what it is |
//! | --- | --- |
//! | `permits` | how many at a time: a turnstile over a count |
//! | `queue` | who waits, in the order of arrival |
//! | `supply` | what is handed out, and what will become of a line |
//!
//! One mutex guards the supply and the queue. Each waiter has a condvar of its own, so that a wake-up reaches the one
//! it is meant for.
//!
//! # Invariants
//!
//! 1. *First come, first served.* What there is goes to the head of the queue and to nobody else: who arrives while
//!    someone waits goes to the end, and `try_acquire` fails. So a head that wants much blocks all behind it, and is
//!    never starved by them.
//! 2. *A demand is met when all of it is there.* `serve` takes it under the lock, at an instant read under the lock.
//!    Nothing is reserved for later; so whoever gives up has nothing to give back.
//! 3. *Whoever holds the lock serves whom it can.* `serve` runs at every event that can make what the head wants
//!    appear: time that has passed, something given back, another supply, a head that has left. Whoever notices serves
//!    all who are due, so a thread that is slow to wake holds up nobody but itself.
//! 4. *The head, and only the head, watches the clock.* It waits no longer than to the instant at which its demand is
//!    due. Whoever becomes head is notified, and takes the watch over. So a grant costs one wake-up, however many
//!    wait. Where the supply loses something if the head is as late as wake-ups are (a full bucket does), it spins
//!    for the last of the wait: at most [`HEAD_SPIN`](crate::clock::HEAD_SPIN), and outside the lock.
//!
//! # No wake-up is lost
//!
//! A waiter looks at its verdict, the cancel flag, the supply and the clock under the mutex, and the condvar lets go
//! of the mutex in the same step in which it falls asleep. What can change in between is:
//!
//! * *its verdict*, which is written under the mutex and followed by a notify;
//! * *who is head*, and *the supply*: the same (invariants 3 and 4);
//! * *the cancel flag*, which is not guarded by this mutex. Hence [`Waiter::interrupt`] locks the mutex before it
//!   notifies: either the waiter is not asleep yet and sees the flag, or it is asleep and hears the notify. (To
//!   notify without the lock would be lost between the look and the sleep.)
//! * *its deadline*, which is a bound of the wait itself.
//!
//! A head that spins holds no lock and hears no notify. What changes meanwhile it sees when it looks again, at the end
//! of the spin.
//!
//! # No registration is lost
//!
//! A waiter registers with its token under the mutex, before its first wait. If the token has been cancelled, the
//! registration is refused, and it leaves. If it is cancelled later, `interrupt` is called, see above.
//!
//! # A verdict stands
//!
//! When a grant and a cancel come together, the order in which they took the lock decides. Who has been given what it
//! wanted is told so even if the flag has been raised since; its caller looks at the flag before it acts. One who
//! leaves serves those behind it, so that a baton that was meant for it is not dropped (golang/go#37852).
//!
//! # Lock order
//!
//! Turnstile, then cancel node. [`CancelToken::cancel`] holds no lock when it interrupts.

mod permits;
mod queue;
mod supply;

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::cancel::{CancelToken, Interrupt};
use crate::clock::{Clock, LATE};

use queue::Ticket;
use supply::Forecast;

pub(crate) use permits::{Permit, Permits};
pub(crate) use queue::Queue;
pub(crate) use supply::{Due, Supply};

/// Why a turnstile handed out nothing. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied<T> {
    Cancelled,
    /// The deadline has passed, or what is wanted cannot be there before it.
    DeadlineExceeded,
    Hopeless(T),
}

type Verdict<S> = Result<Instant, Denied<<S as Supply>::Hopeless>>;

/// See the module's documentation.
pub(crate) struct Turnstile<S: Supply> {
    clock: Clock,
    state: Mutex<State<S>>,
    /// For those who register with a token.
    me: Weak<Turnstile<S>>,
}

struct State<S: Supply> {
    supply: S,
    queue: Queue<S::Demand, Arc<Waiter<S>>>,
    /// Notifies sent, for the test of invariant 4.
    #[cfg(test)]
    wake_ups: usize,
}

/// Whether who is head, or what it waits for, has changed since the head last looked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Same,
    New,
}

struct Waiter<S: Supply> {
    turnstile: Weak<Turnstile<S>>,
    deadline: Option<Instant>,
    /// Written and read under the turnstile's lock; whoever writes it takes the waiter out of the queue.
    verdict: OnceLock<Verdict<S>>,
    changed: Condvar,
}

impl<S: Supply> Turnstile<S> {
    pub(crate) fn new(supply: S, clock: Clock) -> Arc<Turnstile<S>> {
        let state = State {
            supply,
            queue: Queue::new(),
            #[cfg(test)]
            wake_ups: 0,
        };
        Arc::new_cyclic(|me| Turnstile { clock, state: Mutex::new(state), me: me.clone() })
    }

    /// Takes what is wanted if it is there and nobody waits.
    pub(crate) fn try_acquire(&self, demand: &S::Demand) -> Option<Instant> {
        let mut state = self.state.lock();
        let now = self.clock.now();
        state.take_at_once(demand, now).then_some(now)
    }

    /// Waits in line. Returns the instant at which the demand was met.
    ///
    /// Fails at once if that can never be, or not before the deadline, everyone ahead counted.
    pub(crate) fn acquire(
        &self,
        demand: &S::Demand,
        cancel: &CancelToken,
        deadline: Option<Instant>,
    ) -> Verdict<S> {
        if cancel.check_flag().is_err() {
            return Err(Denied::Cancelled);
        }
        let mut state = self.state.lock();
        let now = self.clock.now();
        if !is_over(deadline, now) && state.take_at_once(demand, now) {
            return Ok(now);
        }
        self.wait_in_line(state, demand, cancel, deadline, now)
    }

    #[cold]
    fn wait_in_line(
        &self,
        mut state: MutexGuard<'_, State<S>>,
        demand: &S::Demand,
        cancel: &CancelToken,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Verdict<S> {
        state.supply.check(demand, now).map_err(Denied::Hopeless)?;
        if is_over(deadline, now) || state.is_too_late(demand, deadline, now) {
            return Err(Denied::DeadlineExceeded);
        }
        let waiter = Arc::new(Waiter {
            turnstile: self.me.clone(),
            deadline,
            verdict: OnceLock::new(),
            changed: Condvar::new(),
        });
        let Ok(_registration) = cancel.register(waiter.clone()) else {
            return Err(Denied::Cancelled);
        };
        let ticket = state.queue.join(*demand, waiter.clone());
        loop {
            let now = self.clock.now();
            let head = state.serve(now, Head::Same);
            if let Some(verdict) = waiter.verdict.get() {
                return *verdict;
            }
            if cancel.check_flag().is_err() {
                return state.give_up(ticket, Denied::Cancelled, now);
            }
            if is_over(deadline, now) {
                return state.give_up(ticket, Denied::DeadlineExceeded, now);
            }
            // Invariant 4.
            let due = head.and_then(|(head, due)| due.filter(|_| head == ticket));
            match (due, deadline) {
                (None, _) => self.clock.wait_for_others(&waiter.changed, &mut state, deadline),
                (Some(due), Some(deadline)) if deadline < due.at => {
                    self.clock.wait(&waiter.changed, &mut state, Some(deadline));
                }
                (Some(due), _) if due.spare < LATE => {
                    self.clock.wait_sharply(&waiter.changed, &mut state, due.at);
                }
                (Some(due), _) => self.clock.wait(&waiter.changed, &mut state, Some(due.at)),
            }
        }
    }

    /// Changes the supply, and then serves whom that lets pass. Those whose wait has become hopeless are told so at
    /// once.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S, Instant) -> R) -> R {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let result = change(&mut state.supply, now);
        state.has_changed(now);
        result
    }

    /// As [`change`](Turnstile::change), if `need`, told how many wait, says that it is needed, and how. Nothing is
    /// handed out in between.
    pub(crate) fn change_if<C>(
        &self,
        need: impl FnOnce(usize) -> Option<C>,
        change: impl FnOnce(&mut S, C, Instant),
    ) {
        let mut state = self.state.lock();
        if let Some(how) = need(state.queue.len()) {
            let now = self.clock.now();
            change(&mut state.supply, how, now);
            state.has_changed(now);
        }
    }

    /// Looks at the supply, and changes nothing.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&S, Instant) -> R) -> R {
        let state = self.state.lock();
        let now = self.clock.now();
        look(&state.supply, now)
    }

    /// Puts something back into the supply, and hands it on to whoever is next.
    pub(crate) fn give_back(&self, give_back: impl FnOnce(&mut S)) {
        let mut state = self.state.lock();
        give_back(&mut state.supply);
        if !state.queue.is_empty() {
            state.serve(self.clock.now(), Head::Same);
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }
}

impl<S: Supply> State<S> {
    fn take_at_once(&mut self, demand: &S::Demand, now: Instant) -> bool {
        if !self.queue.is_empty() {
            return false;
        }
        self.supply.find_nobody_in_line(now);
        self.supply.take(demand, now).is_ok()
    }

    /// Whether someone who arrives now is certain to be served too late, everyone ahead counted.
    fn is_too_late(&self, demand: &S::Demand, deadline: Option<Instant>, now: Instant) -> bool {
        let surely_by = || self.supply.surely_by(self.queue.len() + 1, now);
        if deadline.is_none_or(|deadline| surely_by().is_some_and(|by| by <= deadline)) {
            return false;
        }
        let mut forecast = Forecast::new(&self.supply, now);
        self.queue.iter().for_each(|(_, ahead, _)| _ = forecast.is_too_late(ahead, None));
        forecast.is_too_late(demand, deadline)
    }

    /// Gives those at the front of the queue what they want, as far as it is there. Invariant 3. Whose deadline has
    /// passed meanwhile (nobody was given the processor in time) gets nothing: it could do nothing with it any more.
    ///
    /// Returns who is head then, and when its demand is due. If that is another one than before, and it is time that
    /// brings what it wants, it must watch the clock, and is told so.
    fn serve(&mut self, now: Instant, mut head: Head) -> Option<(Ticket, Option<Due>)> {
        while let Some((ticket, demand, waiter)) = self.queue.head() {
            let verdict = if waiter.deadline.is_some_and(|deadline| deadline < now) {
                Err(Denied::DeadlineExceeded)
            } else if let Err(due) = self.supply.take(demand, now) {
                if head == Head::New && due.is_some() {
                    self.wake_head();
                }
                return Some((ticket, due));
            } else {
                Ok(now)
            };
            self.settle(ticket, verdict);
            head = Head::New;
        }
        None
    }

    fn wake_head(&mut self) {
        if let Some((_, _, head)) = self.queue.head() {
            head.changed.notify_one();
            #[cfg(test)]
            {
                self.wake_ups += 1;
            }
        }
    }

    /// Takes a waiter out of the queue and tells it why.
    fn settle(&mut self, ticket: Ticket, verdict: Verdict<S>) {
        if let Some(waiter) = self.queue.leave(ticket) {
            // The first verdict stands; there is no second, since it has left the queue.
            let _ = waiter.verdict.set(verdict);
            waiter.changed.notify_one();
            #[cfg(test)]
            {
                self.wake_ups += 1;
            }
        }
    }

    /// One leaves with nothing; if it was the head, the next one is.
    fn give_up(&mut self, ticket: Ticket, why: Denied<S::Hopeless>, now: Instant) -> Verdict<S> {
        let was_head = self.queue.head().is_some_and(|(head, _, _)| head == ticket);
        self.queue.leave(ticket);
        if was_head {
            self.serve(now, Head::New);
        }
        Err(why)
    }

    fn has_changed(&mut self, now: Instant) {
        self.dismiss_the_hopeless(now);
        self.serve(now, Head::New);
    }

    /// After a change: those for whom there is no hope, and those who cannot be served before their deadline.
    fn dismiss_the_hopeless(&mut self, now: Instant) {
        let mut hopeless = Vec::new();
        let mut forecast = Forecast::new(&self.supply, now);
        for (ticket, demand, waiter) in self.queue.iter() {
            if let Err(why) = self.supply.check(demand, now) {
                hopeless.push((ticket, Denied::Hopeless(why)));
            } else if forecast.is_too_late(demand, waiter.deadline) {
                hopeless.push((ticket, Denied::DeadlineExceeded));
            }
        }
        for (ticket, why) in hopeless {
            self.settle(ticket, Err(why));
        }
    }
}

impl<S: Supply> Interrupt for Waiter<S> {
    fn interrupt(&self) {
        if let Some(turnstile) = self.turnstile.upgrade() {
            drop(turnstile.state.lock());
            self.changed.notify_one();
        }
    }
}

fn is_over(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

#[cfg(test)]
mod tests;
