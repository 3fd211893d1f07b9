//! What all conversations of a server have in common: what it admits, how it answers, and whether it is over.

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Settings;
use super::faults::Faults;
use super::gate::Gate;

/// The API behind the connections.
pub(super) struct Api {
    pub(super) settings: Settings,
    pub(super) gate: Gate,
    pub(super) faults: Faults,
    stopped: Receiver<()>,
}

impl Api {
    /// It is over when the other end of `stopped` is dropped.
    pub(super) fn new(settings: Settings, stopped: Receiver<()>) -> io::Result<Api> {
        let gate = Gate::new(&settings, Instant::now()).map_err(io::Error::other)?;
        let faults = Faults::new(settings.faults.share, settings.faults.seed);
        Ok(Api { settings, gate, faults, stopped })
    }

    /// Waits for `time`, but not beyond the end of the server; whether that has come.
    pub(super) fn has_stopped(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }
}
