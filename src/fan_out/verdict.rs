//! Why a run ends early, if it does: the first error or panic, whichever worker it came from.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::error::Error;

/// The first error stays, whatever comes after it; a panic is kept beside it, and outranks it.
#[derive(Default)]
pub(super) struct Verdict {
    /// ORDERING: stored with `Release` after the record, read with `Acquire`: whoever sees it finds the record.
    is_in: AtomicBool,
    error: Mutex<Option<Error>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Verdict {
    /// Records an error, unless there is one. Call this *before* cancelling: then no victim's error can be first.
    pub(super) fn fail(&self, error: Error) {
        self.error.lock().get_or_insert(error);
        self.is_in.store(true, Ordering::Release);
    }

    /// Records a panic, to be raised again by [`resume_panic`](Verdict::resume_panic).
    pub(super) fn panicked(&self, payload: Box<dyn Any + Send>) {
        self.panic.lock().get_or_insert(payload);
        self.is_in.store(true, Ordering::Release);
    }

    /// Whether anything has been recorded: no more ids are to be begun.
    pub(super) fn is_in(&self) -> bool {
        self.is_in.load(Ordering::Acquire)
    }

    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.lock().take()
    }

    /// Raises a worker's panic on this thread, if there was one.
    pub(super) fn resume_panic(&self) {
        let payload = self.panic.lock().take();
        if let Some(payload) = payload {
            resume_unwind(payload);
        }
    }
}
