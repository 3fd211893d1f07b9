//! What comes from a shared quota: the same permit and token as ever, or the same denials.
//!
//! The client's own cap and its controller come first: who holds a permit of the client's and its leave to go stands in
//! the line of the shared quota, so that what that grants is used at once.

use std::time::Instant;

use crate::cancel::{CancelToken, Stopped};
use crate::error::{Error, ErrorKind};
use crate::events::QuotaEvent;
use crate::fan_out::Fellows;
use crate::shared::{self, SharedError, SharedErrorKind, SharedQuota, Want};

use super::{Denied, InFlight, Quota, RequestedPause, Token};

impl Quota {
    pub(super) fn shared_token(
        &self,
        shared: &SharedQuota,
        own: Token,
        in_flight: &mut InFlight,
        cancel: &CancelToken,
    ) -> Result<Token, Denied> {
        let max_pause = Some(self.settings.max_wait);
        let lease = in_flight.lease.as_ref();
        let mut granted = shared.take(&Want { cost: own.cost, lease, max_pause }, cancel);
        if matches!(&granted, Err(shared::Denied::Failed(why)) if why.kind() == SharedErrorKind::LeaseLost) {
            // Nothing of it is on the wire just now, and so it waits for a permit once more, as all do.
            in_flight.lease = None;
            granted = shared.take(&Want { cost: own.cost, lease: None, max_pause }, cancel);
        }
        match granted {
            Ok(grant) => {
                let (granted_at, use_by) = (grant.granted_at(), Some(grant.use_by()));
                if let Some(lease) = grant.into_lease() {
                    in_flight.lease = Some(lease);
                }
                Ok(Token { granted_at, use_by, ..own })
            }
            Err(denied) => {
                self.unanswered(own);
                Err(denied.into())
            }
        }
    }

    /// To the log.
    pub(super) fn tell_of_late(&self, token: &Token) {
        if let Some((shared, use_by)) = self.settings.shared.as_ref().zip(token.use_by) {
            let late = Instant::now().saturating_duration_since(use_by);
            QuotaEvent::ThrownAway { grants: 1, late }.emit(shared.name());
        }
    }

    /// All processes pause.
    pub(super) fn pause_the_shared(&self, told: &RequestedPause) {
        if let Some(shared) = &self.settings.shared {
            shared.pause_until(told.until, told.words());
        }
    }
}

impl From<shared::Denied> for Denied {
    fn from(denied: shared::Denied) -> Denied {
        match denied {
            shared::Denied::Cancelled => Denied::Stopped(Stopped::Cancelled),
            shared::Denied::DeadlineExceeded => Denied::Stopped(Stopped::DeadlineExceeded),
            shared::Denied::NoPermitInTime => Denied::NoPermitInTime,
            shared::Denied::ExceedsBurst(exceeds) => Denied::ExceedsBurst(exceeds),
            shared::Denied::LongPause(until, words) => Denied::LongPause(RequestedPause::new(until, words)),
            shared::Denied::Failed(error) => Denied::Shared(error),
        }
    }
}

impl Quota {
    /// A call begins, which may be a part of a run of several processes.
    pub(crate) fn take_part(&self, cancel: &CancelToken) -> Option<Part> {
        let shared = self.settings.shared.as_ref().filter(|shared| shared.has_run())?;
        let cancel = cancel.child();
        Some(Part { number: shared.add_part(&cancel), shared: shared.clone(), cancel })
    }
}

/// A call that is a part of a run.
pub(crate) struct Part {
    shared: SharedQuota,
    cancel: CancelToken,
    number: u64,
}

impl Part {
    /// What the call obeys: the user's token, and the failure of another part.
    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.cancel
    }
}

impl Fellows for Part {
    fn tell(&self, error: &Error) {
        use ErrorKind::{Cancelled, DeadlineExceeded, LongPause, RunFailed, SharedQuota};
        // What ends this call alone, and what all learn in the same way.
        let is_nobody_elses =
            matches!(error.kind(), Cancelled | DeadlineExceeded | LongPause | RunFailed | SharedQuota);
        if !is_nobody_elses {
            self.shared.fail(&error.to_string());
        }
    }

    fn failure(&self) -> Option<Error> {
        self.shared.failure().map(SharedError::into_error)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.shared.remove_part(self.number);
    }
}
