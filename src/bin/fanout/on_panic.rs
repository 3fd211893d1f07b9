//! What a thread that panics still does: nobody waits for it, and so whoever waits for its work must be told.

use std::thread;

/// Does it if the thread panics.
pub(crate) struct OnPanic<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}
