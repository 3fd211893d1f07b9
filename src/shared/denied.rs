//! Why somebody who waited is granted nothing: for those within, and in a program's words.

use std::time::Instant;

use crate::limiter::ExceedsBurst;

use super::error::{SharedAcquireError, SharedError};

/// Why there is no grant. None was used.
#[derive(Clone, Debug)]
pub(crate) enum Denied {
    Cancelled,
    DeadlineExceeded,
    /// The deadline has passed, and what was lacking was a permit.
    NoPermitInTime,
    ExceedsBurst(ExceedsBurst),
    LongPause(Instant, String),
    Failed(SharedError),
}

impl From<Denied> for SharedAcquireError {
    fn from(denied: Denied) -> SharedAcquireError {
        match denied {
            Denied::Cancelled => SharedAcquireError::Cancelled,
            // Nobody who asks by `acquire` sets a limit to a pause.
            Denied::DeadlineExceeded | Denied::NoPermitInTime | Denied::LongPause(..) => {
                SharedAcquireError::DeadlineExceeded
            }
            Denied::ExceedsBurst(exceeds) => SharedAcquireError::ExceedsBurst(exceeds),
            Denied::Failed(error) => SharedAcquireError::Failed(error),
        }
    }
}
