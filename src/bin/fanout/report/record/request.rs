//! One request on the wire, as a report draws it: what the library shows of it, by the clock of the run.

use std::time::{Duration, Instant};

use fanout::{ErrorKind, Exchange, Then};

/// So many characters of an id, or of a header of the server's, are shown.
const SHOWN: usize = 64;

/// What a request does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waits for a place in flight.
    Line,
    /// Waits for its tokens, and for its worker to be woken.
    Quota,
    /// Name, connection and TLS.
    Connect,
    /// Goes out, and waits for the head of the answer.
    Answer,
    /// Reads the body.
    Body,
}

impl Stage {
    pub(crate) const COUNT: usize = 5;
    pub(crate) const ALL: [Stage; Stage::COUNT] =
        [Stage::Line, Stage::Quota, Stage::Connect, Stage::Answer, Stage::Body];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Line => "in line",
            Stage::Quota => "wait for the quota",
            Stage::Connect => "connect",
            Stage::Answer => "wait for the answer",
            Stage::Body => "read the body",
        }
    }

    /// Its tone: see `style.css`.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Stage::Line => "line",
            Stage::Quota => "quota",
            Stage::Connect => "connect",
            Stage::Answer => "answer",
            Stage::Body => "body",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// An answer that was taken, or a redirect that is followed.
    Good,
    /// A failure, in words that name its kind: `status 503`, `timeout`.
    Failed(String),
    /// Nothing: the end of the run cut it off.
    CutOff,
}

/// What follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    Retry,
    Redirect,
    Replay,
}

/// A pause of the whole client that the server told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) until: Duration,
    pub(crate) told_by: String,
}

/// See the module's documentation. All times count from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The worker that made it. Those of one lane do not overlap.
    pub(crate) lane: usize,
    pub(crate) attempt: u32,
    pub(crate) began: Duration,
    pub(crate) granted: Duration,
    /// How long it was at each [`Stage`].
    pub(crate) lengths: [Duration; Stage::COUNT],
    pub(crate) status: Option<u16>,
    pub(crate) body_bytes: usize,
    pub(crate) is_kept_alive: bool,
    pub(crate) came: Came,
    pub(crate) pause: Option<Pause>,
    pub(crate) next: Next,
}

impl Request {
    /// What a report needs of an exchange, in a run that started at `start`.
    pub(crate) fn of(exchange: &Exchange<'_>, start: Instant) -> Request {
        let since = |instant: Instant| instant.saturating_duration_since(start);
        // A hop and a replay have had their place in flight since before they began to wait.
        let permitted = exchange.permitted_at.max(exchange.waiting_since);
        let phases = exchange.phases;
        Request {
            lane: exchange.worker,
            attempt: exchange.attempt,
            began: since(exchange.waiting_since),
            granted: since(exchange.granted_at),
            lengths: [
                permitted.saturating_duration_since(exchange.waiting_since),
                exchange.started_at.saturating_duration_since(permitted),
                phases.setup(),
                phases.send.saturating_add(phases.wait),
                phases.read,
            ],
            status: exchange.status.map(|status| status.as_u16()),
            body_bytes: exchange.body_bytes.unwrap_or(0),
            is_kept_alive: exchange.is_kept_alive,
            came: match exchange.error {
                None => Came::Good,
                Some(_) if exchange.was_cut_off() => Came::CutOff,
                Some(kind) => Came::Failed(in_words(kind, exchange.status.map(|status| status.as_u16()))),
            },
            pause: exchange
                .pause
                .map(|pause| Pause { until: since(pause.until), told_by: printable(pause.told_by) }),
            next: match exchange.then {
                Then::Retry(_) => Next::Retry,
                Then::Redirect => Next::Redirect,
                Then::Replay => Next::Replay,
                _ => Next::Nothing,
            },
        }
    }

    pub(crate) fn ended(&self) -> Duration {
        self.lengths.iter().fold(self.began, |sum, length| sum.saturating_add(*length))
    }

    /// How long it was on the wire: without its waits, as `latency_ms` in a record.
    pub(crate) fn latency(&self) -> Duration {
        self.lengths[2..].iter().fold(Duration::ZERO, |sum, length| sum.saturating_add(*length))
    }

    /// What it did, from when on and for how long; without what took no time.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (Stage, Duration, Duration)> {
        let mut at = self.began;
        Stage::ALL.into_iter().zip(self.lengths).filter_map(move |(stage, length)| {
            let from = at;
            at = at.saturating_add(length);
            (!length.is_zero()).then_some((stage, from, length))
        })
    }
}

/// The kind of a failure as people call it.
fn in_words(kind: ErrorKind, status: Option<u16>) -> String {
    let words = match (kind, status) {
        (ErrorKind::Status, Some(status)) => return format!("status {status}"),
        (ErrorKind::Redirect, Some(status)) => return format!("redirect not followed ({status})"),
        (ErrorKind::InvalidId, _) => "an id that no URL can hold",
        (ErrorKind::InvalidRequest, _) => "a request that cannot be sent",
        (ErrorKind::NameLookup, _) => "name not found",
        (ErrorKind::Connect, _) => "no connection",
        (ErrorKind::Tls, _) => "no TLS",
        (ErrorKind::Timeout, _) => "timeout",
        (ErrorKind::Disconnected, _) => "connection broke",
        (ErrorKind::InvalidResponse, _) => "not HTTP",
        (ErrorKind::TruncatedBody, _) => "body cut short",
        (ErrorKind::BodyTooLarge, _) => "body too large",
        (ErrorKind::Decode, _) => "body not decodable",
        (ErrorKind::LongPause, _) => "pause too long",
        (ErrorKind::Redirect, None) => "redirect not followed",
        _ => "other failure",
    };
    words.to_owned()
}

/// A text of somebody else's on one line: what would not be seen, or would change how its neighbours are seen, is
/// escaped; what is too long is shortened.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (place, c) in text.chars().enumerate() {
        if place == SHOWN {
            shown.push('…');
            break;
        }
        match c {
            '"' | '\'' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_each_other_and_leave_out_what_took_no_time() {
        let millis = Duration::from_millis;
        let request = Request {
            lane: 0,
            attempt: 1,
            began: millis(10),
            granted: millis(14),
            lengths: [0, 5, 0, 7, 1].map(millis),
            status: Some(200),
            body_bytes: 3,
            is_kept_alive: true,
            came: Came::Good,
            pause: None,
            next: Next::Nothing,
        };
        let stages: Vec<_> = request.stages().collect();
        let expected = [(Stage::Quota, 10, 5), (Stage::Answer, 15, 7), (Stage::Body, 22, 1)]
            .map(|(stage, from, length)| (stage, millis(from), millis(length)));
        assert_eq!(stages, expected);
        assert_eq!((request.ended(), request.latency()), (millis(23), millis(8)));
    }

    #[test]
    fn texts_of_others_stay_on_one_line_and_are_not_too_long() {
        assert_eq!(printable("a\"b' <script> 🦀 ü"), "a\"b' <script> 🦀 ü");
        assert_eq!(printable("a\nb\0\u{202e}\\"), "a\\nb\\0\\u{202e}\\\\");
        assert_eq!(printable(&"ü".repeat(64)), "ü".repeat(64));
        assert_eq!(printable(&"ü".repeat(65)), "ü".repeat(64) + "…");
    }

    #[test]
    fn failures_have_a_kind_in_words() {
        assert_eq!(in_words(ErrorKind::Status, Some(503)), "status 503");
        assert_eq!(in_words(ErrorKind::Timeout, Some(200)), "timeout");
        assert_eq!(in_words(ErrorKind::Redirect, Some(304)), "redirect not followed (304)");
    }
}
