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

/// Why a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Every id was fetched, and its record is out.
    Done,
    /// A request failed, or, in a run that goes on, several.
    Failed,
    /// The deadline passed.
    Deadline,
    /// The server asked for a longer pause than is waited for.
    Pause,
    /// The quota that is shared with other processes could not be had.
    Quota,
    /// A signal came.
    Signal(i32),
    /// The ids could not be read.
    Input,
    /// Records, or the file of --failed, could not be written; or whoever read them has gone.
    Output,
    /// The system refused threads.
    System,
}

impl Reason {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Reason::Done => Exit::Success,
            Reason::Signal(signal) => Exit::Signal(signal),
            _ => Exit::Failure,
        }
    }

    /// As it stands in the figures of --summary-json.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Done => "done",
            Reason::Failed => "failed",
            Reason::Deadline => "deadline",
            Reason::Pause => "pause",
            Reason::Quota => "quota",
            Reason::Signal(_) => "signal",
            Reason::Input => "input",
            Reason::Output => "output",
            Reason::System => "system",
        }
    }
}

impl Exit {
    /// As a shell shows it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Signal(signal) => u8::try_from(128_i32.saturating_add(signal)).unwrap_or(u8::MAX),
        }
    }

    /// The same, but no success.
    pub(crate) fn or_failure(self) -> Exit {
        if self == Exit::Success { Exit::Failure } else { self }
    }

    /// The code for `main` to return. Does not come back for a signal.
    pub(crate) fn into_code(self) -> ExitCode {
        if let Exit::Signal(signal) = self {
            // It fails only for a signal that it does not know.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        ExitCode::from(self.code())
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
