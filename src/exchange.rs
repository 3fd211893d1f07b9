//! One request on the wire, as it ended: what [`Builder::observe`](crate::Builder::observe) shows.
//!
//! An [`Outcome`](crate::Outcome) tells what became of an id; this tells what was done for it. It is what a report
//! draws a bar from, and so it is made of what a bar is made of:
//!
//! * *Instants* where one exchange must be put beside others: on the client's clock, by which limits are kept.
//! * *Durations* of what comes one after the other within it. They need no sum to be drawn, and they leave out what was
//!   not there: a connection that is kept alive takes no time to look up. They are real time, also on a virtual clock,
//!   for what the wire takes is real.
//!
//! It holds values, and the text of its id by reference: whoever wants to keep one copies what is needed of it. None of
//! it is secret: no URL, header or body, but for the header by which a server tells a pause.

use std::time::{Duration, Instant};

use ureq::http::StatusCode;

use crate::error::{ErrorKind, Sent};
use crate::limiter::Cost;

/// A request for which a token was granted, when it has ended, and it has been decided what comes then: a first try, a
/// retry, a hop of a redirect, or a replay on a fresh connection. [`Builder::observe`](crate::Builder::observe) shows
/// each of them.
///
/// On its worker's lane it is a bar, from [`waiting_since`](Exchange::waiting_since) to
/// [`ended_at`](Exchange::ended_at):
///
/// ```text
///  waiting_since   permitted_at    granted_at started_at                                    ended_at
///       │ for a permit   │ for tokens   │ (woken)  │ look-up, connect, TLS │ send │ wait │ read │
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// The text of the id.
    pub id: &'a str,
    /// Which of the threads of its call made it, from 0 on. Each does one thing at a time, so that on a lane for each
    /// of them nothing overlaps. Two calls on one client have their own threads, each from 0 on.
    pub worker: usize,
    /// Which try of the id it belongs to; 1 for the first.
    pub attempt: u32,
    /// How many redirects of this try were followed before it; 0 for the request itself.
    pub hop: u32,
    /// Whether it is the same request once more, on a fresh connection: see [`Then::Replay`].
    pub is_replay: bool,
    /// What it took of each limit, at [`granted_at`](Exchange::granted_at). Without what was
    /// [settled](crate::RateLimiter::settle) later.
    pub cost: Cost,
    /// When it began to wait: for the in-flight permit, or, behind a redirect or before a replay, for its tokens, since
    /// its try has the permit already.
    pub waiting_since: Instant,
    /// When its try was given the in-flight permit. For the first request of a try that is between the two waits; for
    /// those after it, before `waiting_since`.
    pub permitted_at: Instant,
    /// When its tokens were granted: the instants by which the bound is exact, over every window. What the program
    /// takes of the [limiter](crate::FanOutClient::limiter) by itself counts there, and is not shown.
    pub granted_at: Instant,
    /// When it was begun: as soon as its worker had been woken after the grant.
    pub started_at: Instant,
    /// What it did from then on, and for how long.
    pub phases: Phases,
    /// Whether it went over a connection that an earlier request had left, and so had none to make.
    pub is_kept_alive: bool,
    /// The status, if a head came.
    pub status: Option<StatusCode>,
    /// How long the body is, decoded, in bytes, if it was read to its end: that of an [accepted
    /// status](crate::Builder::accept_status).
    pub body_bytes: Option<usize>,
    /// How much of it has gone out. What is not [`Sent::Never`] may have been seen by the server.
    pub sent: Sent,
    /// The kind of its failure, if it failed. A redirect that is followed is none.
    pub error: Option<ErrorKind>,
    /// The pause of the client that its answer began, or extended.
    pub pause: Option<Pause<'a>>,
    /// What comes after it.
    pub then: Then,
}

/// What comes after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Nothing: with it, its id has been fetched or has failed, or the run has ended.
    End,
    /// The redirect is followed, as soon as there is a token for it.
    Redirect,
    /// The connection that had been kept alive was dead. As soon as there is a token for it, the same request is sent
    /// once more, on a fresh one.
    Replay,
    /// The id is tried again: not before this instant, by the client's clock, and not if the run ends before.
    Retry(Instant),
}

/// A pause of the whole client for which a server asks, or which it would ask for soon: see
/// [`Builder::obey_server`](crate::Builder::obey_server). It begins when the answer has come. A pause of the program's
/// own, by [`pause_until`](crate::RateLimiter::pause_until), is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pause<'a> {
    /// Its end, by the client's clock.
    pub until: Instant,
    /// By what it was told, as in the log; mostly the header, up to 64 characters of it: `retry-after: 30`.
    pub told_by: &'a str,
}

/// How long a request did what, in the order in which it is done. What was not done took no time; what it was at when
/// it failed or was cut off took the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phases {
    /// Looked the name up. Next to nothing if it was known already.
    pub look_up: Duration,
    /// Connected; through a proxy to an https target, its tunnel as well.
    pub connect: Duration,
    /// Shook hands for TLS.
    pub handshake: Duration,
    /// Handed the request to the socket.
    pub send: Duration,
    /// Waited for the answer, until its head had come.
    pub wait: Duration,
    /// Read the body.
    pub read: Duration,
}

impl Exchange<'_> {
    /// Whether the end of the run has cut it off: a cancel, the deadline, or the failure of another id. A request that
    /// takes longer than its own [`timeout`](crate::Builder::timeout) has failed, and is none of these.
    #[must_use]
    pub fn was_cut_off(&self) -> bool {
        matches!(self.error, Some(ErrorKind::Cancelled | ErrorKind::DeadlineExceeded))
    }

    /// When it ended: `started_at`, and all its phases.
    #[must_use]
    pub fn ended_at(&self) -> Instant {
        self.started_at.checked_add(self.phases.total()).unwrap_or(self.started_at)
    }
}

impl Phases {
    /// Name, connect and TLS: until there was a connection. Nothing on one that was kept alive.
    #[must_use]
    pub fn setup(&self) -> Duration {
        self.look_up.saturating_add(self.connect).saturating_add(self.handshake)
    }

    /// All of them: how long the request was on the wire.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.setup().saturating_add(self.send).saturating_add(self.wait).saturating_add(self.read)
    }
}
