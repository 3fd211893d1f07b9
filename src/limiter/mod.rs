//! The rate limiter, and its parts.
//!
//! | file | what it is |
//! | --- | --- |
//! | `rate_limiter` | what threads wait at: limits with a line before them |
//! | `limits` | several limits that are kept together, and one pause for all of them |
//! | `cost` | what one request takes of each |
//! | `limit` | one limit, as people think of it |
//! | `bucket` | the arithmetic of one: exact, with the time passed in |
//! | `rate` | how fast |
//!
//! Only the topmost waits; the line is a [`Turnstile`](crate::turnstile::Turnstile)'s. The rest computes, and is told
//! the time.

mod rate_limiter;

mod limits;

mod cost;
mod limit;

mod bucket;
mod rate;

pub use bucket::{ExceedsBurst, Take, TokenBucket};
pub use cost::Cost;
pub use limit::{Limit, MAX_LIMITS};
pub use rate::{InvalidLimit, Rate};
pub use rate_limiter::{AcquireError, RateLimiter};

#[cfg(test)]
pub(crate) use limits::Limits;
