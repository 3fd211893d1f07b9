//! What can go wrong with a request, a run, and the settings.

use std::error::Error as StdError;
use std::fmt;

use ureq::http::{HeaderMap, StatusCode};

/// Why a run ended, or, with [`keep_going`](crate::Builder::keep_going), why one id failed.
///
/// The text says what was being done to which id and what came back; what lies behind it is in
/// [`source`](StdError::source), and not repeated.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    id: Option<String>,
    attempt: u32,
    sent: Sent,
    head: Option<(StatusCode, HeaderMap)>,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    gave_up: Option<GaveUp>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The run's [`CancelToken`](crate::CancelToken) was cancelled.
    Cancelled,
    /// The run's deadline has passed, or would pass before the next id gets its token.
    DeadlineExceeded,
    /// An id that cannot stand in a URL. Nothing was sent for it.
    InvalidId,
    /// A request that cannot be sent: the closure of [`from_requests`](crate::FanOutClient::from_requests) made it
    /// so, or a redirect led to it.
    InvalidRequest,
    /// The host has no address, or none could be looked up.
    NameLookup,
    /// No address of the host could be connected to, or the proxy on the way to it gave no tunnel.
    Connect,
    /// The TLS handshake failed: a certificate that does not hold, for instance.
    Tls,
    /// A timeout passed; the text names which.
    Timeout,
    /// The connection broke before the response's head had come.
    Disconnected,
    /// The response is not valid HTTP, or its head is larger than
    /// [`MAX_HEAD`](crate::MAX_HEAD).
    InvalidResponse,
    /// A status that is not a success: see [`Error::status`] and [`Error::headers`].
    Status,
    /// A redirect that was not followed: one too many, to nowhere, or from https to http.
    Redirect,
    /// The connection broke, or ended short, inside the body.
    TruncatedBody,
    /// The body is larger than [`max_body`](crate::Builder::max_body).
    BodyTooLarge,
    /// The body is not in the encoding (gzip) that the response names.
    Decode,
    /// The server has asked for a longer pause than [`max_wait`](crate::Builder::max_wait). Ends the run, also with
    /// [`keep_going`](crate::Builder::keep_going).
    LongPause,
    /// The quota that is shared with other processes (feature `redis`) cannot be had: Redis is out of reach, or says
    /// no. Nothing was sent. Ends the run, also with [`keep_going`](crate::Builder::keep_going).
    SharedQuota,
    /// Another process of the same run has failed (feature `redis`). Ends the run, also with
    /// [`keep_going`](crate::Builder::keep_going).
    RunFailed,
    /// The operating system refused the first threads of the call, without which there is no run.
    Thread,
}

/// How much of a try has gone out, as far as the client can know: whether it is safe to begin it again. What was sent
/// before a redirect was followed, or before a replay, is part of the try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sent {
    /// No byte of the last try was written.
    Never,
    /// Some of it was written, and no head came back: the server may have acted on it.
    Maybe,
    /// A head came back.
    Yes,
}

/// Why a failed id was not tried again: see [`RetryPolicy`](crate::RetryPolicy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaveUp {
    /// Another try would have ended in the same way.
    NotRetryable,
    /// The server may have acted on it, and doing it twice is not the same as doing it once.
    Unsafe,
    /// It has had all the tries that it may have: so many.
    Tries(u32),
    /// The run has no retries left: see [`RetryBudget`](crate::RetryBudget).
    Budget,
    /// The run's deadline comes before the next try could.
    Deadline,
    /// The server asks for a longer pause than [`max_wait`](crate::Builder::max_wait).
    LongPause,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            id: None,
            attempt: 0,
            sent: Sent::Never,
            head: None,
            text: text.into(),
            source: None,
            gave_up: None,
        }))
    }

    pub(crate) fn about(mut self, id: &str, attempt: u32) -> Error {
        self.0.id = Some(id.to_owned());
        self.0.attempt = attempt;
        self
    }

    pub(crate) fn sent_as(mut self, sent: Sent) -> Error {
        self.0.sent = sent;
        self
    }

    /// More has gone out before than in what has failed.
    pub(crate) fn sent_at_least(mut self, sent: Sent) -> Error {
        self.0.sent = self.0.sent.max(sent);
        self
    }

    pub(crate) fn answered(mut self, head: Option<(StatusCode, HeaderMap)>) -> Error {
        self.0.head = head;
        self
    }

    pub(crate) fn caused_by(mut self, source: Option<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = source;
        self
    }

    /// Says more in its text: `, which …`.
    pub(crate) fn adding(mut self, words: &str) -> Error {
        self.0.text.push_str(words);
        self
    }

    pub(crate) fn giving_up(mut self, why: GaveUp) -> Error {
        self.0.gave_up = Some(why);
        self
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text of the id that it is about, not percent-encoded, if it is about one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// Which try of the id failed: 1 for the first; 0 if the error is about no id.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The status that came back, if a head came back.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.head.as_ref().map(|(status, _)| *status)
    }

    /// The headers that came back, if a head came back.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.head.as_ref().map(|(_, headers)| headers)
    }

    /// How much of the last try has gone out.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.0.sent
    }

    /// Why it was not tried again; none if that was not asked.
    #[must_use]
    pub fn gave_up(&self) -> Option<GaveUp> {
        self.0.gave_up
    }
}

/// `id 7: the server answered 500 Internal Server Error`, and, where there is more to say than the failure itself
/// does, why it was given up: `, after 4 tries`
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id() {
            // Escaped, so that an id cannot write to a terminal what it likes.
            write!(f, "id {}: ", id.escape_debug())?;
        }
        f.write_str(&self.0.text)?;
        match self.0.gave_up {
            None | Some(GaveUp::NotRetryable | GaveUp::Tries(0 | 1)) => Ok(()),
            Some(why) => write!(f, ", {why}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("id", &self.0.id)
            .field("attempt", &self.0.attempt)
            .field("status", &self.status())
            .field("sent", &self.0.sent)
            .field("text", &self.0.text)
            .field("source", &self.0.source)
            .field("gave_up", &self.0.gave_up)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// `never`, `maybe`, `yes`.
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sent::Never => "never",
            Sent::Maybe => "maybe",
            Sent::Yes => "yes",
        })
    }
}

/// What follows a failure and a comma: `after 4 tries`.
impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GaveUp::NotRetryable => f.write_str("which another try would not change"),
            GaveUp::Unsafe => f.write_str("and is not tried again, since the server may have acted on it"),
            GaveUp::Tries(1) => f.write_str("after 1 try"),
            GaveUp::Tries(tries) => write!(f, "after {tries} tries"),
            GaveUp::Deadline => f.write_str("and the run's deadline comes before another try"),
            GaveUp::LongPause => f.write_str("longer than is waited for"),
            GaveUp::Budget => f.write_str("and the run's retry budget is spent"),
        }
    }
}

/// A setting that no client can be built with. The text names the setting, the value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    setting: &'static str,
    text: String,
}

impl BuildError {
    pub(crate) fn new(
        setting: &'static str,
        value: impl fmt::Display,
        right: impl fmt::Display,
    ) -> BuildError {
        BuildError { setting, text: format!("{setting} is {value}: {right}") }
    }

    /// The setting at fault, by the name of the method that sets it: `"burst"`, `"max_in_flight"`, `"url"` …; or the
    /// variable, by its name in the environment: `"HTTPS_PROXY"`.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for BuildError {}
