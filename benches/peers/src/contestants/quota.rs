//! The limiter of all Rust peers: governor.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, RateLimiter};

use crate::Result;
use crate::job::Quota;

/// Nothing where there is no quota.
pub(crate) fn limiter(quota: Option<Quota>) -> Result<Option<DefaultDirectRateLimiter>> {
    quota.map(direct).transpose()
}

fn direct(quota: Quota) -> Result<DefaultDirectRateLimiter> {
    let burst = NonZeroU32::new(quota.burst).ok_or("a burst of 0")?;
    let rate = governor::Quota::with_period(quota.interval()).ok_or("a rate over no time")?;
    Ok(RateLimiter::direct(rate.allow_burst(burst)))
}
