//! How a call is to be run, as whoever calls the engine says it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::error::Error;

/// How a call is to be run.
pub(crate) struct Plan<'a> {
    /// The token that the user gave.
    pub(crate) cancel: &'a CancelToken,
    pub(crate) workers: usize,
    pub(crate) keep_going: bool,
    /// Whether the work may ask for an id to come again.
    pub(crate) retries: bool,
    /// By which it comes again.
    pub(crate) clock: Clock,
    /// Who does another part of the same job elsewhere, if there is somebody.
    pub(crate) fellows: Option<&'a dyn Fellows>,
    /// Where the ids that wait for that are counted, those of all calls on the client together.
    pub(crate) parked: Arc<AtomicUsize>,
    pub(crate) spawner: Spawner,
}

/// Those who do other parts of the same job, elsewhere: the first failure of any ends all.
pub(crate) trait Fellows: Sync {
    /// This part has failed. Must not block.
    fn tell(&self, error: &Error);

    /// Why this part was cancelled, if it was because another one has failed.
    fn failure(&self) -> Option<Error>;
}

/// Asked before each thread is started: a seam for tests, which refuse as the operating system might.
#[derive(Clone, Copy)]
pub(crate) struct Spawner(pub(crate) fn(&str) -> io::Result<()>);

impl Default for Spawner {
    fn default() -> Spawner {
        Spawner(|_| Ok(()))
    }
}
