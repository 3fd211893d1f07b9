//! What a wait for a shared quota ends with, if all goes well.

use std::fmt;
use std::time::{Duration, Instant};

use super::line::{Given, Lease};

/// The right to send one request, soon; and, where permits are counted, to have one in flight until this is dropped.
///
/// Whoever sends requests by it himself makes sure of two things: that [`is_in_time`](Grant::is_in_time) right before
/// the request is begun, and that this is over within half a [lease](crate::SharedQuotaBuilder::lease). Then its permit
/// is good for as long as it needs it, even if Redis is not heard of any more.
#[must_use = "what is granted is used, or lost"]
pub struct Grant {
    pub(super) given: Given,
    pub(super) lease: Option<Lease>,
}

impl Grant {
    /// When Redis granted it, by the clock of its server: since 1970, in whole microseconds. By this, every bound holds
    /// exactly.
    #[must_use]
    pub fn server_time(&self) -> Duration {
        Duration::from_micros(self.given.server_micros)
    }

    pub(crate) fn granted_at(&self) -> Instant {
        self.given.at
    }

    pub(crate) fn use_by(&self) -> Instant {
        self.given.use_by
    }

    /// The permit that came with it.
    pub(crate) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    /// Whether a request may still be begun by it. To be asked right before.
    #[must_use]
    pub fn is_in_time(&self) -> bool {
        Instant::now() <= self.given.use_by
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("server_time", &self.server_time())
            .field("is_in_time", &self.is_in_time())
            .field("has_permit", &self.lease.is_some())
            .finish()
    }
}
