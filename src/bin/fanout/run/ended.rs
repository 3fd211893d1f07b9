//! How a run went.

use std::time::{Duration, SystemTime};

use fanout::{Error, ErrorKind};

use crate::failure::FirstFailure;
use crate::limits::Limits;
use crate::signals::Caught;
use crate::traffic::Counted;

/// How it went, as far as the requests go.
pub(crate) struct Ended {
    pub(crate) result: Result<(), Error>,
    /// If not, there was no shared quota.
    pub(crate) has_begun: bool,
    /// What the run failed of, if it did. That it was cancelled is nobody's failure: whoever did it knows why.
    pub(crate) failure: Option<String>,
    pub(crate) caught: Caught,
    /// Nothing more could be read, or not as ids.
    pub(crate) is_input_broken: bool,
    pub(crate) first_failure: Option<FirstFailure>,
    /// The first failure, if the run went on, as it is told.
    pub(crate) first_told: Option<String>,
    pub(crate) fetched: u64,
    /// Without the failure that ended the run: see [`Ended::failed`].
    pub(super) failed: u64,
    /// Tries beyond the first, of those that were fetched or failed: see [`Ended::retries`].
    pub(super) retries: u64,
    pub(crate) traffic: Counted,
    pub(crate) total: Option<u128>,
    /// Ids that an earlier run had fetched.
    pub(crate) there_already: u64,
    /// Ids that were given again, of those that were read.
    pub(crate) duplicates: u64,
    pub(crate) started_at: SystemTime,
    pub(crate) limits: Limits,
    pub(crate) max_in_flight: usize,
    pub(crate) elapsed: Duration,
}

impl Ended {
    /// How many ids failed. The failure that ended the run is no outcome, but counts.
    pub(crate) fn failed(&self) -> u64 {
        self.failed + u64::from(self.last_failure().is_some())
    }

    /// How many tries there were beyond the first of each id, of those that were fetched or failed.
    pub(crate) fn retries(&self) -> u64 {
        self.retries + self.last_failure().map_or(0, |error| u64::from(error.attempt().saturating_sub(1)))
    }

    fn last_failure(&self) -> Option<&Error> {
        self.result.as_ref().err().filter(|error| is_failure(error))
    }
}

/// An id that failed, and was not cut off by the end of the run.
pub(super) fn is_failure(error: &Error) -> bool {
    use ErrorKind::{Cancelled, DeadlineExceeded, LongPause, SharedQuota};
    let is_cut_off = matches!(error.kind(), Cancelled | DeadlineExceeded | LongPause | SharedQuota);
    error.id().is_some() && !is_cut_off
}
