//! From the end of a try to what comes next.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Method};

use crate::clock::later;
use crate::error::{Error, ErrorKind, GaveUp, Sent};

use super::RetryPolicy;
use super::backoff::{bound, jitter, nanos};

/// A try that failed, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    /// The status, if a head came. Only one that *is* the failure counts ([`ErrorKind::Status`]): a timeout in a body
    /// has the status of a success.
    pub(crate) status: Option<u16>,
    /// How much has gone out, with what went out before a redirect.
    pub(crate) sent: Sent,
    /// Whether doing it twice is the same as doing it once: see [`is_repeatable`], of the id's first request.
    pub(crate) repeatable: bool,
    /// The look-up says that there is no such name.
    pub(crate) no_such_name: bool,
    /// The proxy forbids it.
    pub(crate) forbidden: bool,
    /// The answer asks for less in a way of its own, whatever its status: GitHub does so with a 403. If so, it is
    /// throttling.
    pub(crate) throttled: bool,
}

/// When, and after how many tries, it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Which try has ended; 1 for the first.
    pub(crate) number: u32,
    pub(crate) now: Instant,
    /// The earliest instant that the server has told, if it has told one.
    pub(crate) told: Option<Instant>,
    /// Any number, all equally likely: see [`Random`](super::Random).
    pub(crate) random: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Try again, not before this instant. The retry has been taken from the budget.
    RetryAt(Instant),
    /// The failure stands, and why.
    GiveUp(GaveUp),
}

/// How the wait is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backoff {
    Fault,
    Throttling,
}

impl RetryPolicy {
    /// Decides. `allow` has the last word: it is told when the next try would be, and takes it from the run's budget,
    /// or says why there is none. It is only asked when everything else speaks for a retry, so that none is spent for
    /// nothing.
    pub(crate) fn decide(
        &self,
        failed: Failed,
        attempt: Attempt,
        allow: impl FnOnce(Instant) -> Result<(), GaveUp>,
    ) -> Decision {
        if self.retries == 0 {
            return Decision::GiveUp(GaveUp::Tries(attempt.number));
        }
        let Some(backoff) = self.backoff(failed, attempt.told.is_some()) else {
            return Decision::GiveUp(GaveUp::NotRetryable);
        };
        if failed.sent != Sent::Never && !failed.repeatable && !self.even_unsafe {
            return Decision::GiveUp(GaveUp::Unsafe);
        }
        if attempt.number > self.retries {
            return Decision::GiveUp(GaveUp::Tries(attempt.number));
        }
        let due = self.retry_at(backoff, attempt);
        allow(due).map_or_else(Decision::GiveUp, |()| Decision::RetryAt(due))
    }

    /// Which backoff a failure has, or none if another try would end in the same way.
    pub(super) fn backoff(&self, failed: Failed, told: bool) -> Option<Backoff> {
        match failed.kind {
            ErrorKind::NameLookup => (!failed.no_such_name).then_some(Backoff::Fault),
            ErrorKind::Connect if failed.forbidden => None,
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::TruncatedBody => {
                Some(Backoff::Fault)
            }
            ErrorKind::Status => match failed.status {
                _ if failed.throttled => Some(Backoff::Throttling),
                Some(429) => Some(Backoff::Throttling),
                Some(503) if told => Some(Backoff::Throttling),
                Some(408 | 425 | 502 | 503 | 504) => Some(Backoff::Fault),
                Some(500) if self.on_500 => Some(Backoff::Fault),
                _ => None,
            },
            ErrorKind::Cancelled
            | ErrorKind::DeadlineExceeded
            | ErrorKind::InvalidId
            | ErrorKind::InvalidRequest
            | ErrorKind::Tls
            | ErrorKind::InvalidResponse
            | ErrorKind::Redirect
            | ErrorKind::BodyTooLarge
            | ErrorKind::Decode
            | ErrorKind::LongPause
            | ErrorKind::SharedQuota
            | ErrorKind::RunFailed
            | ErrorKind::Thread => None,
        }
    }

    /// The most that is waited after so many tries.
    pub(super) fn bound(&self, backoff: Backoff, attempt: u32) -> Duration {
        bound(self.base(backoff), self.max_backoff, attempt)
    }

    fn base(&self, backoff: Backoff) -> Duration {
        match backoff {
            Backoff::Fault => self.fault_base,
            Backoff::Throttling => self.throttling_base,
        }
    }

    /// What the server tells is a floor, and never shortens a wait: "come back at once" is said by servers that are
    /// overrun, too.
    fn retry_at(&self, backoff: Backoff, attempt: Attempt) -> Instant {
        let wait = jitter(self.bound(backoff, attempt.number), attempt.random);
        let ours = later(attempt.now, nanos(wait));
        match attempt.told {
            Some(told) => ours.max(later(told, nanos(jitter(self.base(backoff), attempt.random)))),
            None => ours,
        }
    }
}

impl Failed {
    /// What an error tells.
    pub(crate) fn of(error: &Error, repeatable: bool) -> Failed {
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        Failed {
            kind: error.kind(),
            status: error.status().map(|status| status.as_u16()),
            sent: error.sent(),
            repeatable,
            no_such_name: error.kind() == ErrorKind::NameLookup
                && source.is_none_or(|source| source.kind() == io::ErrorKind::NotFound),
            // With a number it is the kernel's, which may change its mind.
            forbidden: error.kind() == ErrorKind::Connect
                && source.is_some_and(|source| {
                    source.kind() == io::ErrorKind::PermissionDenied && source.raw_os_error().is_none()
                }),
            throttled: false,
        }
    }
}

/// Whether doing a request twice is the same as doing it once: it is idempotent by its method (RFC 9110, section
/// 9.2.2), or the server is asked to make it so (draft-ietf-httpapi-idempotency-key-header).
pub(crate) fn is_repeatable(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.get("idempotency-key").is_some_and(|key| !key.is_empty())
}
