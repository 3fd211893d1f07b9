//! How many retries a run has: a few to begin with, and a share of the ids it has started.
//!
//! Without it, a server that has begun to fail everything gets as many requests for each id as there are tries: the
//! load is multiplied when it can be borne least. With it, the load grows by about the share, whatever the number of
//! tries.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many retries a run may make: a base, and some percent of the ids that it has started so far.
///
/// Defaults to 100 and 10 %: a run of 2,000 ids has 300 retries when it has come to the last of them, and a server
/// that fails every request sees about a tenth more of them, not several times as many. When the budget is spent, the
/// next failure that would have been tried again ends the run, or, with
/// [`keep_going`](crate::Builder::keep_going), is the last one of its id. As further ids are started, there are
/// retries again.
///
/// ```
/// use fanout::RetryBudget;
///
/// let budget = RetryBudget::default();
/// assert_eq!(budget, RetryBudget::new(100, 10));
/// assert_eq!(budget.after(0), 100);
/// assert_eq!(budget.after(2_000), 300);
/// assert_eq!(budget.to_string(), "100 + 10 % of the ids");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    base: u32,
    percent: u32,
}

impl RetryBudget {
    /// `base` retries, and as many more as are `percent` % of the ids started so far, rounded down. Both may be 0,
    /// and the percentage may be more than 100.
    #[must_use]
    pub const fn new(base: u32, percent: u32) -> RetryBudget {
        RetryBudget { base, percent }
    }

    /// How many retries there are in all once so many ids have been started.
    #[must_use]
    pub fn after(self, started: u64) -> u64 {
        let share = u128::from(started) * u128::from(self.percent) / 100;
        u64::try_from(share).unwrap_or(u64::MAX).saturating_add(u64::from(self.base))
    }
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget::new(100, 10)
    }
}

/// `100 + 10 % of the ids`
impl fmt::Display for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} % of the ids", self.base, self.percent)
    }
}

/// What one run has used of its budget. Threads share it without a lock.
///
/// # Invariant
///
/// Never have more retries been spent than the budget has after the ids started so far. For a retry is spent by
/// raising `spent` from `n` to `n + 1`, if it still is `n`, where `n` is less than what the budget has after a number
/// of ids that had been started before; and `started` never falls.
#[derive(Debug)]
pub(crate) struct RunBudget {
    budget: RetryBudget,
    started: AtomicU64,
    spent: AtomicU64,
}

impl RunBudget {
    pub(crate) fn new(budget: RetryBudget) -> RunBudget {
        RunBudget { budget, started: AtomicU64::new(0), spent: AtomicU64::new(0) }
    }

    /// Another id is about to be tried for the first time.
    pub(crate) fn start_id(&self) {
        // ORDERING: only its value counts, here and below; and who reads an old one is told of fewer retries.
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a retry if there is one left.
    pub(crate) fn try_spend(&self) -> bool {
        let more = |spent: u64| {
            let has = self.budget.after(self.started.load(Ordering::Relaxed));
            if spent < has { Some(spent + 1) } else { None }
        };
        self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// How many retries have been spent.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn the_share_is_rounded_down_and_added_to_the_base() {
        let cases = [
            (RetryBudget::new(100, 10), 9, 100),
            (RetryBudget::new(100, 10), 10, 101),
            (RetryBudget::new(100, 10), 19, 101),
            (RetryBudget::new(0, 0), 1_000_000, 0),
            (RetryBudget::new(0, 200), 3, 6),
            (RetryBudget::new(5, 0), u64::MAX, 5),
            (RetryBudget::new(0, 100), u64::MAX, u64::MAX),
            (RetryBudget::new(u32::MAX, u32::MAX), u64::MAX, u64::MAX),
        ];
        for (budget, started, has) in cases {
            assert_eq!(budget.after(started), has, "{budget} after {started}");
        }
    }

    #[test]
    fn what_is_spent_is_gone_until_more_ids_are_started() {
        let run = RunBudget::new(RetryBudget::new(2, 10));
        assert_eq!([run.try_spend(), run.try_spend(), run.try_spend()], [true, true, false]);
        (0..9).for_each(|_| run.start_id());
        assert!(!run.try_spend());
        run.start_id();
        assert_eq!([run.try_spend(), run.try_spend()], [true, false]);
        assert_eq!(run.spent(), 3);
    }

    #[test]
    fn however_it_is_raced_no_more_is_spent_than_there_is_and_all_of_it_can_be() {
        const THREADS: usize = 4;
        const IDS: u64 = 20_000;
        // The first is large, so that all threads are at it at the same time.
        for budget in [RetryBudget::new(1_000_000, 10), RetryBudget::new(0, 50), RetryBudget::new(7, 0)] {
            let (run, all) = (RunBudget::new(budget), Barrier::new(THREADS));
            let spend = || {
                all.wait();
                let mut ours = 0;
                for _ in 0..IDS {
                    run.start_id();
                    while run.try_spend() {
                        ours += 1;
                        // `spent` first: what is started after it is read can only make the bound larger.
                        let spent = run.spent();
                        assert!(spent <= budget.after(run.started.load(Ordering::Relaxed)));
                    }
                }
                ours
            };
            let spent: u64 = thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(spend)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(spent, budget.after(IDS * THREADS as u64), "{budget}");
            assert_eq!(spent, run.spent());
        }
    }
}
