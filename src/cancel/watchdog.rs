//! One thread for each call that cuts its requests at their deadlines.
//!
//! A socket's own timeout (`SO_RCVTIMEO`) fires only on a read that really blocks, late by up to a fifth of a second
//! for ten of them, and costs a system call whenever it changes. So requests are cut from outside instead, by the one
//! thread that has nothing else to do. ureq's timeouts stay set behind it, constant, as a backstop.
//!
//! # Invariants
//!
//! 1. *Whenever the plan's lock is free, no deadline that has been told is earlier than the plan's `wake_at`.* A
//!    deadline is first written to its tether and then told: under the plan's lock `wake_at` is moved forward if it
//!    must be. The watchdog computes `wake_at` anew under that lock, from the tethers: what has been written but not
//!    told yet is either seen by it or moves `wake_at` right after.
//! 2. *No wake-up is lost.* `wake_at` is read and waited on under one lock, and changed under it before the notify.
//! 3. *It is not woken for each request.* With the same timeouts for all, each new deadline is later than those of
//!    its kind before, so `tell` notifies only when there was none, or none of the shorter kind (a connect's). A
//!    request that ends takes its deadline along; the watchdog finds out at its next wake-up, at most once per timeout.
//! 4. *It leaves with the last that it watched*, and is not the one for whom everybody else waits at the end of a call:
//!    that would be one switch of threads after the other.
//!
//! Lock order: plan, then tether. `tell` holds the plan alone.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;

use super::tether::Tether;

/// The deadlines of one call's requests, and the thread's side of them: [`Watchdog::run`].
#[derive(Default)]
pub(crate) struct Watchdog {
    clock: Clock,
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Default)]
struct Plan {
    /// When the thread will next look. Nothing: when it is notified.
    wake_at: Option<Instant>,
    tethers: Vec<Arc<Tether>>,
    dismissed: bool,
}

impl Watchdog {
    /// Keeps an eye on the deadlines of `tether`, until what is returned is dropped.
    #[must_use = "it is watched until this is dropped"]
    pub(crate) fn watch(&self, tether: Arc<Tether>) -> Watched<'_> {
        self.plan.lock().tethers.push(tether.clone());
        Watched { watchdog: self, tether }
    }

    /// A tether that is watched has been given this deadline.
    pub(crate) fn tell(&self, deadline: Instant) {
        let mut plan = self.plan.lock();
        if plan.wake_at.is_none_or(|wake_at| deadline < wake_at) {
            plan.wake_at = Some(deadline);
            drop(plan);
            self.changed.notify_one();
        }
    }

    /// Lets [`run`](Watchdog::run) return.
    pub(crate) fn dismiss(&self) {
        self.plan.lock().dismissed = true;
        self.changed.notify_one();
    }

    /// The thread: cuts what is due, until it is dismissed.
    pub(crate) fn run(&self) {
        let mut plan = self.plan.lock();
        while !plan.dismissed {
            match plan.wake_at {
                Some(wake_at) if self.clock.now() >= wake_at => {
                    plan.wake_at = self.cut_what_is_due(&plan.tethers)
                }
                wake_at => self.clock.wait(&self.changed, &mut plan, wake_at),
            }
        }
    }

    fn leave(&self, tether: &Arc<Tether>) {
        let mut plan = self.plan.lock();
        plan.tethers.retain(|other| !Arc::ptr_eq(other, tether));
        if plan.tethers.is_empty() {
            plan.dismissed = true;
            drop(plan);
            self.changed.notify_one();
        }
    }

    fn cut_what_is_due(&self, tethers: &[Arc<Tether>]) -> Option<Instant> {
        let now = self.clock.now();
        tethers.iter().filter_map(|tether| tether.cut_if_due(now)).min()
    }
}

/// A tether that is watched. With the last one of them the watchdog leaves.
pub(crate) struct Watched<'a> {
    watchdog: &'a Watchdog,
    tether: Arc<Tether>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watchdog.leave(&self.tether);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tether::Cut;
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn arm(watchdog: &Watchdog, tether: &Tether, deadline: Instant, why: Cut) {
        tether.set_deadline(Some((deadline, why)));
        watchdog.tell(deadline);
    }

    /// Notifies, as a wait by a manual clock must be.
    fn tick(watchdog: &Watchdog) {
        drop(watchdog.plan.lock());
        watchdog.changed.notify_one();
    }

    fn wait_until_cut(tether: &Tether) -> Cut {
        loop {
            match tether.check() {
                Err(cut) => return cut,
                Ok(()) => thread::yield_now(),
            }
        }
    }

    #[test]
    fn cuts_at_the_deadline_and_not_before() {
        let watchdog = Watchdog { clock: Clock::manual(), ..Watchdog::default() };
        let (early, late) = (Tether::new(), Tether::new());
        let _watched = [&early, &late].map(|tether| watchdog.watch(tether.clone()));
        thread::scope(|scope| {
            scope.spawn(|| watchdog.run());
            let now = watchdog.clock.now();
            arm(&watchdog, &late, now + Duration::from_secs(10), Cut::TimedOut);
            arm(&watchdog, &early, now + Duration::from_secs(1), Cut::ConnectTimedOut);
            watchdog.clock.advance(Duration::from_secs(1));
            tick(&watchdog);
            assert_eq!(wait_until_cut(&early), Cut::ConnectTimedOut);
            assert_eq!(late.check(), Ok(()));
            watchdog.clock.advance(Duration::from_secs(9));
            tick(&watchdog);
            assert_eq!(wait_until_cut(&late), Cut::TimedOut);
            watchdog.dismiss();
        });
    }

    #[test]
    fn it_leaves_with_the_last_that_it_watched() {
        let watchdog = Watchdog::default();
        thread::scope(|scope| {
            let [first, second] = [(); 2].map(|()| watchdog.watch(Tether::new()));
            let running = scope.spawn(|| watchdog.run());
            watchdog.tell(Instant::now() + Duration::from_secs(3_600));
            drop(first);
            assert!(!watchdog.plan.lock().dismissed);
            drop(second);
            running.join().unwrap();
        });
    }

    #[test]
    fn a_request_that_ended_is_not_cut_and_the_next_is() {
        let watchdog = Watchdog { clock: Clock::manual(), ..Watchdog::default() };
        let tether = Tether::new();
        let _watched = watchdog.watch(tether.clone());
        thread::scope(|scope| {
            scope.spawn(|| watchdog.run());
            for _ in 0..100 {
                let now = watchdog.clock.now();
                arm(&watchdog, &tether, now + Duration::from_secs(1), Cut::TimedOut);
                tether.end().unwrap();
                watchdog.clock.advance(Duration::from_millis(700));
                tick(&watchdog);
            }
            arm(&watchdog, &tether, watchdog.clock.now(), Cut::TimedOut);
            assert_eq!(wait_until_cut(&tether), Cut::TimedOut);
            watchdog.dismiss();
        });
    }
}
