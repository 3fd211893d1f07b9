//! What a client may do: so many requests in so much time, and so many at a time.
//!
//! Both belong to the client, not to a call: all calls on all clones of one client share them.
//!
//! The order is *permit, then token, then send*. A token that is taken before a wait for a permit is used late, and
//! several such tokens at once break the bound on the wire.

use std::time::Instant;

use crate::cancel::{CancelToken, Stopped};
use crate::permits::{Permit, Permits};
use crate::rate_limiter::{AcquireError, RateLimiter};

/// The rate and the in-flight cap of one client.
pub(crate) struct Quota {
    limiter: RateLimiter,
    permits: Permits,
}

/// The right to have one request in flight. Every request still needs its token.
pub(crate) struct InFlight(#[expect(dead_code, reason = "held for its drop")] Permit);

impl Quota {
    pub(crate) fn new(limiter: RateLimiter, max_in_flight: u32) -> Quota {
        Quota { limiter, permits: Permits::new(max_in_flight) }
    }

    /// Waits for a permit.
    pub(crate) fn enter(&self, cancel: &CancelToken) -> Result<InFlight, Stopped> {
        Ok(InFlight(self.permits.acquire(1, cancel)?))
    }

    /// Waits for the token of the request that will be sent next; only who is in flight may. Tells when it was taken.
    pub(crate) fn token(&self, _: &InFlight, cancel: &CancelToken) -> Result<Instant, Stopped> {
        match self.limiter.acquire(cancel) {
            Ok(taken_at) => Ok(taken_at),
            Err(AcquireError::DeadlineExceeded) => Err(Stopped::DeadlineExceeded),
            // One token is never more than the burst, which is at least 1.
            Err(AcquireError::Cancelled | AcquireError::ExceedsBurst(_)) => Err(Stopped::Cancelled),
        }
    }

    pub(crate) fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.permits.held()
    }
}
