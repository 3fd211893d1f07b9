//! Why a shared quota grants nothing, and will not by itself.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::limiter::ExceedsBurst;

/// Why a [`SharedQuota`](crate::SharedQuota) could not be had, or has failed. Holds no password. Clones are the same
/// error.
#[derive(Clone)]
pub struct SharedError(Arc<Inner>);

struct Inner {
    kind: SharedErrorKind,
    text: String,
    source: Option<redis::RedisError>,
}

/// The kinds of [`SharedError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SharedErrorKind {
    /// A setting that cannot work; the text names it, its value, and what would be right.
    InvalidSetting,
    /// Redis could not be reached, or did not do what it was asked, for as long as
    /// [`redis_wait`](crate::SharedQuotaBuilder::redis_wait): it is gone, read-only, out of memory, or too slow.
    Unreachable,
    /// Redis does not let this user in, or cannot run the script. To wait would not help.
    Refused,
    /// Other processes use the same name with other limits; the text shows both.
    Differs,
    /// The process was stopped, or cut off, for longer than its lease: the permit is somebody else's by now. A client
    /// waits for another one, and does not show this.
    LeaseLost,
    /// Another process of the run has failed; the text has its error.
    RunFailed,
    /// The operating system refused a thread.
    Thread,
}

/// Why [`SharedQuota::acquire`](crate::SharedQuota::acquire) granted nothing. Nothing was used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SharedAcquireError {
    /// The token was cancelled.
    Cancelled,
    /// The deadline has passed, or will pass before the tokens can be there.
    DeadlineExceeded,
    /// More tokens of a limit at once than may ever gather: see [the margin](crate::SharedQuota#the-margin).
    ExceedsBurst(ExceedsBurst),
    /// The quota cannot be had.
    Failed(SharedError),
}

impl SharedError {
    pub(super) fn new(kind: SharedErrorKind, text: impl Into<String>) -> SharedError {
        SharedError(Arc::new(Inner { kind, text: text.into(), source: None }))
    }

    pub(super) fn setting(setting: &str, value: impl fmt::Display, right: impl fmt::Display) -> SharedError {
        SharedError::new(SharedErrorKind::InvalidSetting, format!("{setting} is {value}: {right}"))
    }

    pub(super) fn caused_by(kind: SharedErrorKind, text: String, source: redis::RedisError) -> SharedError {
        SharedError(Arc::new(Inner { kind, text, source: Some(source) }))
    }

    /// It has been so for this long.
    pub(super) fn after(tried: Duration, cause: &SharedError) -> SharedError {
        let Inner { kind, text, source } = &*cause.0;
        let text = format!("no grant for {:.1} s: {text}", tried.as_secs_f64());
        SharedError(Arc::new(Inner { kind: *kind, text, source: source.clone() }))
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> SharedErrorKind {
        self.0.kind
    }

    /// As the error of an id.
    pub(crate) fn into_error(self) -> Error {
        let kind = match self.kind() {
            SharedErrorKind::RunFailed => ErrorKind::RunFailed,
            _ => ErrorKind::SharedQuota,
        };
        // Without its source, of which the text has all that there is to tell.
        Error::new(kind, self.to_string())
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedError")
            .field("kind", &self.0.kind)
            .field("text", &self.0.text)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for SharedError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

impl fmt::Display for SharedAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SharedAcquireError::Cancelled => f.write_str("cancelled while waiting for the shared quota"),
            SharedAcquireError::DeadlineExceeded => f.write_str("no grant will be there before the deadline"),
            SharedAcquireError::ExceedsBurst(exceeds) => exceeds.fmt(f),
            SharedAcquireError::Failed(error) => error.fmt(f),
        }
    }
}

impl StdError for SharedAcquireError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SharedAcquireError::Failed(error) => error.source(),
            _ => None,
        }
    }
}
