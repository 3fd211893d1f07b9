//! How many at a time: a count of permits with a line of threads before it.
//!
//! Used twice: for the in-flight cap of a client, where a permit is one request, and for the room of a call, where it
//! is a byte of a body that waits for its closure.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use crate::cancel::{CancelToken, Stopped};
use crate::clock::Clock;

use super::supply::{Due, Supply};
use super::{Denied, Turnstile};

/// A number of permits, handed out in the order of arrival. Clones share them.
#[derive(Clone)]
pub(crate) struct Permits {
    turnstile: Arc<Turnstile<Count>>,
    /// What one can have at most.
    most: u32,
}

/// Permits that are held. Dropping it gives them back, to whoever is next in line.
pub(crate) struct Permit {
    turnstile: Arc<Turnstile<Count>>,
    units: u32,
    pub(crate) granted_at: Instant,
}

impl Permits {
    pub(crate) fn new(total: u32) -> Permits {
        Permits::with_clock(total, Clock::default())
    }

    pub(crate) fn with_clock(total: u32, clock: Clock) -> Permits {
        Permits { turnstile: Turnstile::new(Count { total, held: 0 }, clock), most: total }
    }

    /// Waits for permits. All there are is the most that one can have: whoever wants more waits for all.
    ///
    /// # Errors
    ///
    /// The token is cancelled, or its deadline passes.
    pub(crate) fn acquire(&self, units: u32, cancel: &CancelToken) -> Result<Permit, Stopped> {
        let units = units.min(self.most);
        match self.turnstile.acquire(&units, cancel, cancel.deadline()) {
            Ok(granted_at) => Ok(Permit { turnstile: self.turnstile.clone(), units, granted_at }),
            Err(Denied::Cancelled) => Err(Stopped::Cancelled),
            Err(Denied::DeadlineExceeded) => Err(Stopped::DeadlineExceeded),
        }
    }

    /// Changes how many there are, up to as many as there were at first. What is held stays held, though it be more.
    /// Only where nobody asks for more than one at a time.
    pub(crate) fn set_total(&self, total: u32) {
        self.turnstile.change(|count, _| count.total = total.min(self.most));
    }

    /// How many are held at this moment.
    pub(crate) fn held(&self) -> u32 {
        self.turnstile.look(|count, _| count.held)
    }

    /// How many threads wait at this moment.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.turnstile.waiting()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.turnstile.give_back(|count| count.held -= self.units);
    }
}

#[derive(Clone)]
pub(crate) struct Count {
    total: u32,
    held: u32,
}

impl Supply for Count {
    type Demand = u32;
    /// Nobody asks for more than there are: see [`Permits::acquire`].
    type Hopeless = Infallible;

    fn check(&self, _: &u32, _: Instant) -> Result<(), Infallible> {
        Ok(())
    }

    fn take(&mut self, permits: &u32, _: Instant) -> Result<(), Option<Due>> {
        match self.held.checked_add(*permits) {
            Some(held) if held <= self.total => {
                self.held = held;
                Ok(())
            }
            _ => Err(None),
        }
    }

    fn surely_by(&self, _: usize, _: Instant) -> Option<Instant> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    #[test]
    fn no_more_are_held_than_there_are_and_all_are_used() {
        let permits = Permits::new(3);
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let permit = permits.acquire(1, &CancelToken::new()).unwrap();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 3);
        assert_eq!((permits.held(), permits.waiting()), (0, 0));
    }

    #[test]
    fn whoever_wants_more_than_there_are_waits_for_all() {
        let permits = Permits::new(4);
        let all = permits.acquire(1_000, &CancelToken::new()).unwrap();
        assert_eq!(permits.held(), 4);
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| permits.acquire(1, &cancel).err());
            while permits.waiting() == 0 {
                thread::yield_now();
            }
            cancel.cancel();
            assert_eq!(waiter.join().unwrap(), Some(Stopped::Cancelled));
        });
        drop(all);
        assert!(permits.acquire(4, &cancel.child()).is_err());
        assert!(permits.acquire(4, &CancelToken::new()).is_ok());
    }
}
