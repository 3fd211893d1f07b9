//! Fetches every id of a list from one HTTP API: as fast as its quota allows, never faster.

#![forbid(unsafe_code)]

mod bucket;
mod cancel;
mod clock;
mod error;
mod queue;
mod rate;
mod rate_limiter;
mod tether;
mod transport;
mod turnstile;
mod watchdog;

pub use bucket::{ExceedsBurst, Take, TokenBucket};
pub use cancel::{CancelToken, Stopped};
pub use error::{Error, ErrorKind, Sent};
pub use rate::{InvalidLimit, Rate};
pub use rate_limiter::{AcquireError, RateLimiter};
pub use transport::MAX_HEAD;
