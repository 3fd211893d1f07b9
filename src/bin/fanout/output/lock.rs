//! Two runs with one output would both write to it: the first one locks it, and the second is refused.
//!
//! The lock is advisory, and goes with the process, however that ends. Where a file system knows no locks, there is
//! none, and a run will do without.

use std::fs::File;

use fs4::{FileExt, TryLockError};

/// Whether another process has it. Otherwise it is ours for as long as `file` is open.
pub(super) fn is_taken(file: &File) -> bool {
    matches!(FileExt::try_lock(file), Err(TryLockError::WouldBlock))
}

/// What is to be said of an output that is taken.
pub(super) const TAKEN: &str = "another fanout is writing to it (wait for that, or use another one)";
