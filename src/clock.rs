//! The clock of those who wait by it: the turnstiles and the watchdog.
//!
//! They ask their [`Clock`] for the time, and wait by it, so that a test can hold time still, move it, and see a wait
//! end at the very nanosecond, without waiting for it. The deadline of a [`CancelToken`](crate::CancelToken) is an
//! instant of the system's clock, and what is only measured is measured by that.

use std::time::Instant;

use parking_lot::{Condvar, MutexGuard};

/// Where the time comes from. The default is the system's monotonic clock.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    /// Stands still until a test moves it. A wait lasts until it is notified.
    #[cfg(test)]
    Manual(std::sync::Arc<parking_lot::Mutex<Instant>>),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::System => Instant::now(),
            #[cfg(test)]
            Clock::Manual(now) => *now.lock(),
        }
    }

    /// Waits until `condvar` is notified or `until` has come (`None`: until notified). May also return early: the
    /// caller looks at its condition again, in a loop.
    pub(crate) fn wait<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>, until: Option<Instant>) {
        match (self, until) {
            (Clock::System, Some(until)) => {
                condvar.wait_until(guard, until);
            }
            _ => condvar.wait(guard),
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
            Clock::System => panic!("the system's clock cannot be moved"),
            Clock::Manual(now) => *now.lock() += by,
        }
    }
}
