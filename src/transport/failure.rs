//! What went wrong with an exchange.
//!
//! If it was cut, its tether says why, and what ureq says does not count: a socket that was shut down looks like many
//! things. Else ureq's error says what, and the [`Progress`] what was being done.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use ureq::Error;
use ureq::http::{HeaderMap, StatusCode};

use crate::cancel::Cut;
use crate::error::{ErrorKind, Sent};

use super::MAX_HEAD;
use super::progress::{Phase, Progress};
use super::proxy::Route;

/// Why there is no reply.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) sent: Sent,
    /// A connection that had been used before broke without a byte of an answer: most likely the server had closed it
    /// meanwhile. A request that may be sent twice can be replayed on a [fresh](super::Wire::fresh) one.
    pub(crate) stale: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "`kind` follows from it; tests ask who ended it"))]
    pub(crate) cut: Option<Cut>,
    /// What came back, if the head did.
    pub(crate) head: Option<Box<Head>>,
    /// What was being done, with whom, and what came of it. Does not repeat `source`.
    pub(crate) text: String,
    pub(crate) source: Option<Source>,
}

/// Boxed where it may be missing: a header map is large.
pub(crate) type Head = (StatusCode, HeaderMap);

type Source = Box<dyn StdError + Send + Sync>;

/// The settings that a text may name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) stall_timeout: Option<Duration>,
    pub(super) max_body: u64,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NotConnected {
    /// The exchange was cut. The tether says why.
    Cut,
    LookUp(io::Error),
    NoAddress,
    /// The last error of the addresses that were tried.
    Connect {
        error: io::Error,
        tried: usize,
    },
    ConnectTimedOut,
    /// What came of asking a proxy for a tunnel.
    NoTunnel(io::Error),
}

/// A connection that broke, in a way that ureq might take for the end of a body.
#[derive(Debug)]
pub(super) struct Broken(pub(super) io::Error);

impl Failure {
    /// A request that cannot be sent at all.
    pub(super) fn unsendable(text: &str) -> Failure {
        Failure {
            kind: ErrorKind::InvalidRequest,
            sent: Sent::Never,
            stale: false,
            cut: None,
            head: None,
            text: text.to_owned(),
            source: None,
        }
    }

    /// An exchange that was cut, before or after it came to anything.
    pub(super) fn cut(cut: Cut, route: Route<'_>, progress: Progress, limits: Limits) -> Failure {
        let doing = Doing(progress.phase, route);
        let (kind, text) = match cut {
            Cut::Cancelled => (ErrorKind::Cancelled, format!("cancelled while {doing}")),
            Cut::DeadlineExceeded => {
                (ErrorKind::DeadlineExceeded, format!("the deadline passed while {doing}"))
            }
            Cut::TimedOut => (ErrorKind::Timeout, timed_out(doing, limits)),
            Cut::ConnectTimedOut => (ErrorKind::Timeout, connect_timed_out(doing, limits)),
        };
        let sent = progress.sent;
        Failure { kind, sent, stale: false, cut: Some(cut), head: None, text, source: None }
    }

    /// An exchange that failed by itself.
    pub(super) fn of(error: Error, route: Route<'_>, progress: Progress, limits: Limits) -> Failure {
        let (kind, text, source) = judge(error, route, progress, limits);
        let stale = kind == ErrorKind::Disconnected && progress.reused && !progress.answered;
        Failure { kind, sent: progress.sent, stale, cut: None, head: None, text, source }
    }

    pub(super) fn with_head(mut self, head: Option<Box<Head>>) -> Failure {
        self.head = head;
        self
    }
}

fn judge(
    error: Error,
    route: Route<'_>,
    progress: Progress,
    limits: Limits,
) -> (ErrorKind, String, Option<Source>) {
    let doing = Doing(progress.phase, route);
    match error {
        Error::Other(error) => judge_ours(error, route, progress, limits),
        Error::Timeout(_) => match limits.stall_timeout {
            Some(stall) => {
                (ErrorKind::Timeout, format!("{doing} stalled: nothing moved for {stall:?}"), None)
            }
            None => (ErrorKind::Timeout, timed_out(doing, limits), None),
        },
        Error::Io(error) if progress.phase == Phase::Tunnelling => {
            (ErrorKind::Connect, format!("{doing} failed"), Some(error.into()))
        }
        // What rustls found wrong with what it read. Once the body is being read, that is a body cut short.
        Error::Io(error)
            if route.target.tls
                && error.kind() == io::ErrorKind::InvalidData
                && progress.phase != Phase::Reading =>
        {
            (ErrorKind::Tls, handshake_failed(route), Some(error.into()))
        }
        Error::Io(error) => broken(error, route, progress),
        Error::Tls(text) => (ErrorKind::Tls, handshake_failed(route), Some(text.into())),
        Error::Rustls(error) => (ErrorKind::Tls, handshake_failed(route), Some(error.into())),
        Error::BodyExceedsLimit(_) => {
            let text = format!("the body from {route} is larger than {} bytes", limits.max_body);
            (ErrorKind::BodyTooLarge, text, None)
        }
        // The stream ended inside what the encoding calls one; but was it the peer who ended it?
        Error::Decompress(_, error) if progress.ended => broken(error, route, progress),
        Error::Decompress(encoding, error) => {
            let text = format!("the body from {route} is not {encoding}, as its headers say");
            (ErrorKind::Decode, text, Some(error.into()))
        }
        Error::LargeResponseHeader(..) => {
            let text = format!("the head of the answer of {route} is larger than {MAX_HEAD} bytes");
            (ErrorKind::InvalidResponse, text, None)
        }
        Error::BodyStalled => broken(io::ErrorKind::UnexpectedEof.into(), route, progress),
        Error::Protocol(error) if matches!(progress.phase, Phase::Waiting | Phase::Reading) => {
            let text = format!("the answer of {route} is not valid HTTP");
            (ErrorKind::InvalidResponse, text, Some(error.into()))
        }
        Error::Protocol(error) => (ErrorKind::InvalidRequest, cannot_be_sent(route), Some(error.into())),
        Error::Http(error) => (ErrorKind::InvalidRequest, cannot_be_sent(route), Some(error.into())),
        Error::BadUri(_) => (ErrorKind::InvalidRequest, cannot_be_sent(route), None),
        other => (ErrorKind::Disconnected, format!("{doing} failed"), Some(other.into())),
    }
}

/// What our own transport and connector have to say.
fn judge_ours(
    error: Source,
    route: Route<'_>,
    progress: Progress,
    limits: Limits,
) -> (ErrorKind, String, Option<Source>) {
    let error = match error.downcast::<Broken>() {
        Ok(error) => return broken(error.0, route, progress),
        Err(other) => other,
    };
    let error = match error.downcast::<NotConnected>() {
        Ok(error) => *error,
        Err(other) => {
            return (
                ErrorKind::Disconnected,
                format!("{} failed", Doing(progress.phase, route)),
                Some(other),
            );
        }
    };
    let doing = Doing(progress.phase, route);
    match error {
        NotConnected::LookUp(error) => (ErrorKind::NameLookup, format!("{doing} failed"), Some(error.into())),
        NotConnected::NoAddress => {
            (ErrorKind::NameLookup, format!("the host {} has no address", route.first_host()), None)
        }
        NotConnected::Connect { error, tried: 1 } => {
            (ErrorKind::Connect, format!("{doing} failed"), Some(error.into()))
        }
        NotConnected::Connect { error, tried } => {
            let text = format!("{doing} failed at each of its {tried} addresses, at last");
            (ErrorKind::Connect, text, Some(error.into()))
        }
        NotConnected::NoTunnel(error) => (ErrorKind::Connect, format!("{doing} failed"), Some(error.into())),
        NotConnected::ConnectTimedOut => (ErrorKind::Timeout, connect_timed_out(doing, limits), None),
        NotConnected::Cut => (ErrorKind::Disconnected, format!("{doing} failed"), None),
    }
}

fn broken(error: io::Error, route: Route<'_>, progress: Progress) -> (ErrorKind, String, Option<Source>) {
    match progress.phase {
        Phase::Reading => {
            (ErrorKind::TruncatedBody, format!("the body from {route} ended early"), Some(error.into()))
        }
        phase => {
            let text = format!("the connection broke while {}", Doing(phase, route));
            (ErrorKind::Disconnected, text, Some(error.into()))
        }
    }
}

fn timed_out(doing: Doing<'_>, limits: Limits) -> String {
    format!("timed out after {:?} while {doing}", limits.timeout)
}

fn connect_timed_out(doing: Doing<'_>, limits: Limits) -> String {
    format!("{doing} took longer than {:?}", limits.connect_timeout)
}

fn handshake_failed(route: Route<'_>) -> String {
    format!("the TLS handshake with {route} failed")
}

fn cannot_be_sent(route: Route<'_>) -> String {
    format!("the request to {route} cannot be sent")
}

/// `waiting for the answer of example.com:443`
#[derive(Clone, Copy)]
struct Doing<'a>(Phase, Route<'a>);

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Doing(phase, route) = self;
        let Route { target, proxy } = route;
        match (phase, proxy) {
            (Phase::LookingUp, None) => write!(f, "looking up {}", target.host),
            (Phase::LookingUp, Some(proxy)) => write!(f, "looking up the proxy {}", proxy.host),
            (Phase::Connecting, Some(proxy)) => write!(f, "connecting to the proxy {proxy}"),
            (Phase::Tunnelling, Some(proxy)) => {
                write!(f, "asking the proxy {proxy} for a tunnel to {target}")
            }
            (Phase::Connecting | Phase::Tunnelling, _) => write!(f, "connecting to {target}"),
            (Phase::ShakingHands, _) => write!(f, "shaking hands (TLS) with {route}"),
            (Phase::Sending, _) => write!(f, "sending the request to {route}"),
            (Phase::Waiting, _) => write!(f, "waiting for the answer of {route}"),
            (Phase::Reading, _) => write!(f, "reading the body from {route}"),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection broke")
    }
}

impl StdError for Broken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not connected")
    }
}

impl StdError for NotConnected {}

impl From<NotConnected> for Error {
    fn from(error: NotConnected) -> Error {
        Error::Other(Box::new(error))
    }
}
