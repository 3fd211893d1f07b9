//! What criterion is asked on the command line, for what is no line of its.

use std::env;

/// Whether a table of this name is asked for: there is no filter, or one that fits.
pub(crate) fn want(name: &str) -> bool {
    let mut filters = env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    filters.peek().is_none() || filters.any(|filter| name.contains(&filter))
}

/// Whether only the results are to be looked at, and not the times.
pub(crate) fn only_test() -> bool {
    env::args().any(|argument| argument == "--test")
}
