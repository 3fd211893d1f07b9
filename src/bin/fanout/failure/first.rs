//! What is kept of the first failure of a run.

use fanout::{Error, ErrorKind, Sent};

use super::Endpoint;

/// The first failure of a run, whether it ended it or not.
#[derive(Clone, Debug)]
pub(crate) struct FirstFailure {
    pub(crate) id: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) status: Option<u16>,
    pub(crate) kind: ErrorKind,
    pub(crate) sent: Sent,
    pub(crate) cause: String,
}

impl FirstFailure {
    pub(crate) fn of(error: &Error, endpoint: &Endpoint) -> FirstFailure {
        FirstFailure {
            id: error.id().map(str::to_owned),
            attempt: error.attempt(),
            status: error.status().map(|status| status.as_u16()),
            kind: error.kind(),
            sent: error.sent(),
            cause: endpoint.cause(error),
        }
    }
}
