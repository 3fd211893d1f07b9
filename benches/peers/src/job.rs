//! What a contestant is told to do. It travels as JSON in one argument, because the one in Go reads it, too.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One batch: `{url}/0`, `{url}/1` … `{url}/{ids - 1}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) question: Question,
    pub(crate) url: String,
    pub(crate) ids: u32,
    /// How many bytes every body must have.
    pub(crate) body: usize,
    pub(crate) in_flight: usize,
    /// Whether to hold all bodies in a map until the end, or to look at each and drop it.
    pub(crate) keep: bool,
    /// No quota: the contestant leaves its limiter out.
    pub(crate) quota: Option<Quota>,
    /// Whether to log a line for each request, into memory.
    pub(crate) log: bool,
    pub(crate) timeout_ms: u64,
    /// How often to do it, where the question is about a moment.
    pub(crate) runs: u32,
}

/// What is to be found out by the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// All ids are answered: time, CPU and memory.
    Speed,
    /// One id fails and no other will ever be answered: when has the call returned, all its threads joined?
    Stop,
    /// No answer comes: how long after the timeout does the call return?
    Lateness,
    /// No request is sent: so many as else would be in flight wait in line for a token for each id.
    Tokens,
}

/// So many requests in so many seconds, and so many at once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Quota {
    pub(crate) requests: u32,
    pub(crate) seconds: u64,
    pub(crate) burst: u32,
}

impl Job {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// `127.0.0.1:1234`, for those who speak to a socket.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

impl Quota {
    /// The time in which one request becomes allowed.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.seconds) / self.requests
    }
}
