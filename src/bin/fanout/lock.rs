//! Two runs with one file would both write to it: the first one locks it, and the second is refused.
//!
//! The lock is advisory, and goes with the process, however that ends. Where a file system knows no locks, there is
//! none, and a run will do without.

use std::fs::File;

use fs4::{FileExt, TryLockError};

/// Whether another process has it. Otherwise it is ours for as long as `file` is open.
pub(crate) fn is_taken(file: &File) -> bool {
    matches!(FileExt::try_lock(file), Err(TryLockError::WouldBlock))
}

/// What is to be said of a file, or a folder, that is taken.
pub(crate) const TAKEN: &str = "another fanout is writing to it (wait for that, or use another one)";
