//! What holds up all who wait: as Redis tells it, for those who have no time to wait, and as a program is told.

use std::time::{Duration, Instant};

use super::denied::Denied;
use super::error::SharedError;

/// What holds up all who wait, whatever their limits: see [`SharedQuota::held_up`](crate::SharedQuota::held_up).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HeldUp {
    /// Redis knew nothing of the quota, which may be new or lost. Requests that it does not know of may be under way,
    /// and so nobody gets a permit before then.
    Unknown(Instant),
    /// The API has asked for a pause until then, in these words.
    Paused(Instant, String),
    /// Redis could not be asked since then, and why. After [`redis_wait`](crate::SharedQuotaBuilder::redis_wait) those
    /// who wait are told so.
    Unreachable(Instant, SharedError),
}

/// Why nobody is granted anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Redis has lost what it knew, or knows nothing yet: whatever may still be under way must be over first.
    Lost,
    /// The API has asked for a pause, in these words.
    Pause(String),
}

/// Whether it may be waited for.
pub(super) fn check(
    (until, why): &(Instant, Gate),
    max_pause: Option<Duration>,
    deadline: Option<Instant>,
    now: Instant,
) -> Result<(), Denied> {
    let left = until.saturating_duration_since(now);
    match why {
        Gate::Pause(words) if max_pause.is_some_and(|most| left > most) => {
            Err(Denied::LongPause(*until, words.clone()))
        }
        _ if !left.is_zero() && deadline.is_some_and(|deadline| deadline < *until) => {
            Err(Denied::DeadlineExceeded)
        }
        _ => Ok(()),
    }
}
