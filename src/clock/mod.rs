//! The clock of those who wait by it: the turnstiles and the watchdog.
//!
//! They ask their [`Clock`] for the time, and wait by it, so that a test can hold time still, move it, and see a wait
//! end at the very nanosecond, without waiting for it. The deadline of a [`CancelToken`](crate::CancelToken) is an
//! instant of the system's clock, and what is only measured is measured by that.

#[cfg(feature = "test-kit")]
mod virtual_clock;

use std::hint;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};

#[cfg(feature = "test-kit")]
pub(crate) use virtual_clock::Busy;
#[cfg(feature = "test-kit")]
pub use virtual_clock::VirtualClock;

/// On the system's clock it makes no difference.
#[cfg(not(feature = "test-kit"))]
#[derive(Default)]
pub(crate) struct Busy(());

/// The longest that the head of a line spins, and it alone: see [`Clock::wait_sharply`].
pub(crate) const HEAD_SPIN: Duration = Duration::from_micros(50);

/// How late a wake-up commonly is, on an idle machine: the kernel's timer slack of 50 µs, and what it takes to get a
/// processor. Measured on Linux: 45 to 90 µs in the median.
pub(crate) const LATE: Duration = Duration::from_micros(100);

/// Where the time comes from. The default is the system's monotonic clock.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    /// Stands still until a test moves it. A wait lasts until it is notified.
    #[cfg(test)]
    Manual(std::sync::Arc<parking_lot::Mutex<Instant>>),
    /// Jumps to the next instant for which anybody waits.
    #[cfg(feature = "test-kit")]
    Virtual(VirtualClock),
}

impl Clock {
    /// Whether it is the system's.
    #[cfg(feature = "redis")]
    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Clock::System)
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::System => Instant::now(),
            #[cfg(test)]
            Clock::Manual(now) => *now.lock(),
            #[cfg(feature = "test-kit")]
            Clock::Virtual(clock) => clock.now(),
        }
    }

    /// Says that this thread is at something, until what is returned is dropped: a virtual clock stands still.
    pub(crate) fn busy(&self) -> Busy {
        match self {
            #[cfg(feature = "test-kit")]
            Clock::Virtual(clock) => clock.busy(),
            _ => Busy::default(),
        }
    }

    /// Waits until `condvar` is notified or `until` has come (`None`: until notified). May also return early: the
    /// caller looks at its condition again, in a loop.
    pub(crate) fn wait<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>, until: Option<Instant>) {
        match (self, until) {
            (Clock::System, Some(until)) => {
                condvar.wait_until(guard, until);
            }
            #[cfg(feature = "test-kit")]
            (Clock::Virtual(clock), until) => clock.wait(condvar, guard, until),
            _ => condvar.wait(guard),
        }
    }

    /// As [`wait`](Clock::wait), for what others bring, and no longer than to a deadline. A virtual clock does not jump
    /// to that: it may be an hour ahead, while the one who will wait for the next second has been woken, but not been
    /// given the processor yet. Nor need it: whoever brings something is at work, or waits by the clock.
    pub(crate) fn wait_for_others<T>(
        &self,
        condvar: &Condvar,
        guard: &mut MutexGuard<'_, T>,
        deadline: Option<Instant>,
    ) {
        match self {
            #[cfg(feature = "test-kit")]
            Clock::Virtual(clock) => clock.wait(condvar, guard, None),
            _ => self.wait(condvar, guard, deadline),
        }
    }

    /// As [`wait`](Clock::wait), but not late by what a wake-up commonly is. For the head of a line, where being late
    /// would lose something.
    ///
    /// It is in two steps, each of them a call, since the caller looks again in between: sleep until a little before
    /// the instant; then watch the clock, with the lock let go. Whatever happens during the second is seen after it.
    pub(crate) fn wait_sharply<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>, until: Instant) {
        let left = until.saturating_duration_since(self.now());
        if !matches!(self, Clock::System) {
            self.wait(condvar, guard, Some(until));
        } else if left <= HEAD_SPIN {
            MutexGuard::unlocked(guard, || {
                while Instant::now() < until {
                    hint::spin_loop();
                }
            });
        } else {
            // A wake-up that is as late as usual comes in time to spin for the rest. One that is not is repeated.
            let before = if left > LATE { LATE } else { HEAD_SPIN };
            condvar.wait_until(guard, until.checked_sub(before).unwrap_or(until));
        }
    }
}

/// `start` and so many nanoseconds; where the platform cannot name that instant, the furthest it can.
pub(crate) fn later(start: Instant, nanos: u64) -> Instant {
    let mut nanos = nanos;
    loop {
        match start.checked_add(Duration::from_nanos(nanos)) {
            Some(instant) => return instant,
            None => nanos /= 2,
        }
    }
}

#[cfg(test)]
impl Clock {
    pub(crate) fn manual() -> Clock {
        Clock::Manual(std::sync::Arc::new(parking_lot::Mutex::new(Instant::now())))
    }

    /// Moves a manual clock. Whoever waits by it must be notified by the test.
    pub(crate) fn advance(&self, by: std::time::Duration) {
        match self {
            Clock::Manual(now) => *now.lock() += by,
            _ => panic!("this clock cannot be moved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::thread;

    #[test]
    fn a_sharp_wait_ends_when_it_is_time_and_holds_no_lock_while_it_spins() {
        let (clock, condvar, rung) = (Clock::System, Condvar::new(), Mutex::new(false));
        let mut guard = rung.lock();
        thread::scope(|scope| {
            scope.spawn(|| *rung.lock() = true);
            for _ in 0..1_000_000 {
                let until = clock.now() + HEAD_SPIN;
                clock.wait_sharply(&condvar, &mut guard, until);
                assert!(clock.now() >= until);
                if *guard {
                    return;
                }
            }
            panic!("nobody got the lock");
        });
    }

    #[test]
    fn a_sharp_wait_for_later_ends_before_it_so_that_the_rest_can_be_spun() {
        let (clock, condvar, mutex) = (Clock::System, Condvar::new(), Mutex::new(()));
        let mut guard = mutex.lock();
        let until = clock.now() + LATE * 10;
        let mut looks = 0;
        while clock.now() < until {
            clock.wait_sharply(&condvar, &mut guard, until);
            looks += 1;
        }
        assert!((1..=3).contains(&looks), "{looks} steps");
    }
}
