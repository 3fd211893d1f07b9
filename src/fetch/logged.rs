//! What the log says of a try.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Sent};
use crate::events::{Event, emit};
use crate::outcome::{Response, Times};

/// What is to be logged when everything that must not wait for a logger has been done.
pub(super) enum Logged {
    Done(u16),
    /// And in what time it will be tried again, if it will.
    Failed(Failure, Option<Duration>),
    /// What was cut off because another one failed is no event of its own.
    Nothing,
}

pub(super) struct Failure {
    status: Option<u16>,
    kind: ErrorKind,
    sent: Sent,
}

impl Logged {
    pub(super) fn settled(result: &Result<Response, Error>) -> Logged {
        match result {
            Ok(response) => Logged::Done(response.status.as_u16()),
            Err(error) if error.kind() == ErrorKind::Cancelled => Logged::Nothing,
            Err(error) => Logged::Failed(Failure::of(error), None),
        }
    }

    pub(super) fn retried(error: &Error, retry_in: Duration) -> Logged {
        Logged::Failed(Failure::of(error), Some(retry_in))
    }

    pub(super) fn emit(self, user_id: &str, attempt: u32, times: Times) {
        let (latency, wait) = (times.latency, times.waited);
        match self {
            Logged::Done(status) => emit(&Event::RequestDone { user_id, attempt, status, latency, wait }),
            Logged::Failed(Failure { status, kind, sent }, retry_in) => {
                emit(&Event::RequestFailed { user_id, attempt, status, kind, sent, latency, wait, retry_in });
            }
            Logged::Nothing => {}
        }
    }
}

impl Failure {
    fn of(error: &Error) -> Failure {
        let status = error.status().map(|status| status.as_u16());
        Failure { status, kind: error.kind(), sent: error.sent() }
    }
}
