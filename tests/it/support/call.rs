//! Threads that a test waits for, but not for ever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::GUARD;

/// A function that runs on a thread of its own.
pub(crate) struct Call<T> {
    ended: Receiver<(thread::Result<T>, Instant)>,
}

/// Starts `f` on a thread of its own. If it hangs, the thread is left behind, and [`Call::wait`] fails the
/// test.
pub(crate) fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Call<T> {
    let (sender, ended) = bounded(1);
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        // Nobody may be left to listen, if the test has failed.
        let _ = sender.send((result, Instant::now()));
    };
    thread::Builder::new().stack_size(512 * 1024).spawn(body).unwrap();
    Call { ended }
}

impl<T> Call<T> {
    /// What the function returned. Fails the test if it does not return.
    #[track_caller]
    pub(crate) fn wait(self) -> T {
        self.wait_since(Instant::now()).0
    }

    /// What it returned, and how long after `start`.
    #[track_caller]
    pub(crate) fn wait_since(self, start: Instant) -> (T, Duration) {
        match self.end() {
            (Ok(value), at) => (value, at.saturating_duration_since(start)),
            (Err(panic), _) => resume_unwind(panic),
        }
    }

    /// What it panicked with.
    #[track_caller]
    pub(crate) fn wait_for_panic(self) -> Box<dyn Any + Send> {
        self.end().0.err().expect("it should have panicked")
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&self) -> bool {
        self.ended.is_empty()
    }

    #[track_caller]
    fn end(self) -> (thread::Result<T>, Instant) {
        self.ended.recv_timeout(GUARD).expect("the call should have returned long ago")
    }
}

/// Waits for what cannot be waited for in any other way: a number that somebody else changes.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < GUARD, "waited in vain until {what}");
        thread::yield_now();
    }
}
