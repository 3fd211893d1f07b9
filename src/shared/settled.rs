//! What something has cost beyond what was taken for it, or less: told afterwards, with the next call.
//!
//! # Why what is given back does not break the bound
//!
//! Had less been taken in the first place, the bucket would have held more ever since, but never more than its burst.
//! So as much of it is there again as the bucket has had *room* for at all times since it was taken: then all that is
//! granted is what would have been granted by a bucket from which no more than the real cost was taken, at the instant
//! of the grant; and with that the margin holds as ever, by use.
//!
//! How much room there has been is kept in Redis, once somebody gives something back: the least of the last one or two
//! leases. Where it is not known, there was none: at first, after a loss, a fail-over, a pause, or other limits. That
//! errs to the slow side, and so does all else: what is given back in a call that is not answered is lost, and what is
//! owed is told again, and may count twice.

use std::time::Instant;

use crate::limiter::MAX_LIMITS;

/// What Redis has not been told yet, in tokens of each limit.
#[derive(Clone, Copy, Default)]
pub(super) struct Settled {
    /// Since when there is something.
    pub(super) since: Option<Instant>,
    /// Spent, and not taken.
    pub(super) owed: [u64; MAX_LIMITS],
    /// Taken, and not spent.
    pub(super) back: [u64; MAX_LIMITS],
}

impl Settled {
    pub(super) fn add(&mut self, limit: usize, extra: i64, now: Instant) {
        let sums = if extra > 0 { &mut self.owed } else { &mut self.back };
        if let Some(sum) = sums.get_mut(limit).filter(|_| extra != 0) {
            *sum = sum.saturating_add(extra.unsigned_abs());
            self.since.get_or_insert(now);
        }
    }

    /// Of what nobody has answered to, only the debts are told again.
    pub(super) fn owe_again(&mut self, unheard: &Settled, now: Instant) {
        for (limit, owed) in unheard.owed.iter().enumerate() {
            self.add(limit, i64::try_from(*owed).unwrap_or(i64::MAX), now);
        }
    }
}
