//! What is done with an id, as the engine sees it: work is given a job and its worker, and says how far it has come.

use std::sync::Arc;
use std::time::Instant;

use crate::cancel::{CancelToken, Tether, Watchdog};
use crate::outcome::Outcome;

/// What is done with an id.
pub(crate) trait Work<I>: Sync {
    /// What it remembers of an id from one try to the next.
    type Tries: Default + Send;

    /// Does it, and tells what became of it; and what is left to do *after* that has been judged, and before an
    /// outcome is handed over. An in-flight permit that were given back before that could let another request out
    /// although the run has failed; a log that is slow would delay the news.
    fn work(&self, job: Job<I, Self::Tries>, worker: &Worker<'_>) -> (Step<I, Self::Tries>, impl FnOnce());
}

/// What the work on an id may use of its worker.
pub(crate) struct Worker<'a> {
    /// Which of the call's it is, from 0 on.
    pub(crate) number: usize,
    /// Every wait obeys it.
    pub(crate) cancel: &'a CancelToken,
    /// Ties it to what it blocks in.
    pub(crate) tether: &'a Arc<Tether>,
    /// Cuts the tether at a deadline.
    pub(crate) watchdog: &'a Watchdog,
}

/// An id, and what is remembered of its tries.
pub(crate) struct Job<I, T> {
    pub(crate) id: I,
    pub(crate) tries: T,
}

/// What came of a try.
pub(crate) enum Step<I, T> {
    Settled(Outcome<I>),
    /// Nothing yet: it is to be tried again, not before this instant. Only if the [`Plan`](super::Plan) allows for it;
    /// else it is tried at once.
    Again(Job<I, T>, Instant),
}

#[cfg(test)]
impl<I, F: Fn(I, &Worker<'_>) -> Outcome<I> + Sync> Work<I> for F {
    type Tries = ();

    fn work(&self, job: Job<I, ()>, worker: &Worker<'_>) -> (Step<I, ()>, impl FnOnce()) {
        (Step::Settled(self(job.id, worker)), || ())
    }
}
