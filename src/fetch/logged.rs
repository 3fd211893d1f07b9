//! What the log says of a try.

use std::time::Instant;

use crate::error::{Error, ErrorKind, Sent};
use crate::events::{Event, emit};
use crate::outcome::{Response, Times};

/// What is to be logged when everything that must not wait for a logger has been done.
pub(super) enum Logged {
    Done(u16),
    /// And when it will be tried again, if it will.
    Failed(Failure, Option<Instant>),
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

    pub(super) fn retried(error: &Error, due: Instant) -> Logged {
        Logged::Failed(Failure::of(error), Some(due))
    }

    pub(super) fn emit(self, user_id: &str, attempt: u32, times: Times) {
        let (latency, wait) = (times.latency, times.waited);
        match self {
            Logged::Done(status) => emit(&Event::RequestDone { user_id, attempt, status, latency, wait }),
            Logged::Failed(Failure { status, kind, sent }, due) => {
                let retry_in = due.map(|due| due.saturating_duration_since(Instant::now()));
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
