//! How the process ends. The codes are a contract: see `fanout get --help`.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: every id was fetched.
    Success,
    /// 1: a request failed, the output could not be written, or the deadline passed.
    Failure,
    /// 2: nothing was sent.
    Usage,
    /// By this signal, so that a shell loop round it ends too; a shell shows 130 or 143.
    Signal(i32),
}

impl Exit {
    /// The code for `main` to return. Does not come back for a signal.
    pub(crate) fn into_code(self) -> ExitCode {
        match self {
            Exit::Success => ExitCode::SUCCESS,
            Exit::Failure => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
            Exit::Signal(signal) => {
                // It fails only for a signal that it does not know.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
            }
        }
    }
}

/// What the system says, without its number: `No such file or directory`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(text, _)| text).to_owned()
}

/// A command line that cannot be carried out. The text names the option, its value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(text: impl Into<String>) -> UsageError {
        UsageError(text.into())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
