//! What an answer says about the server's limits, as a value: no clock, no lock, no I/O.
//!
//! A server speaks of its limits in three ways. It *asks* for a wait (`Retry-After` and its kin), it *counts* (so many
//! left of a window that ends then), or it just refuses. Hundreds of dialects say these three things; they are read by
//! rule and not by a list of servers, and the few that fit no rule stand in `vendors`.
//!
//! # Precedence
//!
//! 1. **A wait that is asked for**, on a refusal (403, 408, 413, 425, 429 and 5xx) or a redirect that is followed: the
//!    longest of those asked for. Then the windows do not count, however they end; a full window may end much later
//!    than the next request is due (throttled/throttled#55), and the IETF's draft says so: "MUST take precedence".
//! 2. **The windows that are spent**, on a refusal for a limit without such a wait: the latest of their ends.
//! 3. **GitHub's minute**: its secondary limit tells nothing, and its documentation asks for a minute at least.
//! 4. **An end without a count**, on a 429: the latest of those. A window of which something is left does not explain a
//!    refusal, and its end may be an hour away.
//! 5. Nothing: how long to back off is then for the retry policy to say.
//!
//! [`Advice::pause_before_refusal`] looks at the windows of any answer but those of rule 1.
//!
//! `Retry-After` on another answer speaks of that one resource (when a job will be done, when a lock will be free), and
//! is not read. On a redirect it is the time before which the hop must not be sent (RFC 9110, section 10.2.3): the hop
//! passes the same gate as everything else, so the whole client waits for it.
//!
//! # What holds
//!
//! * **Advice can only pause.** Nothing in it raises a rate, a burst or a cap, or ends another pause.
//! * **A pause is never shorter than what was said**: fractions are rounded up, a time without seconds is the end of
//!   its minute. It is not cut either, but to the 584 years of 2⁶⁴ nanoseconds: to refuse one that is too long is for
//!   the caller.
//! * **A wrong local clock does no harm** where the answer has a `Date`: dates and epochs are compared with that. It
//!   lies before the arrival, and so the error is towards the longer pause.
//! * **What is malformed is as if it were not there**: a sign, `NaN`, an exponent, an empty value, what is not ASCII.
//! * **Bounded**: at most [`MAX_WINDOWS`] windows, and [`MAX_SHOWN`] characters of any value for messages.

mod counts;
mod date;
mod duration;
mod ietf;
mod moment;
mod retry_after;
mod vendors;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::header::AGE;
use ureq::http::{HeaderMap, HeaderName, StatusCode};

use moment::Moment;

/// More windows than that are not read from one answer.
pub(crate) const MAX_WINDOWS: usize = 16;

/// More characters than that are not shown of a header's value.
pub(crate) const MAX_SHOWN: usize = 64;

/// An answer, and when it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// As much of the body as is at hand, and empty if it is not. Only a 403 of GitHub's secondary limit needs
    /// it: without it, one that has no `Retry-After` and no `gh-limited-by` cannot be told from a lack of rights.
    pub(crate) body: &'a [u8],
    pub(crate) came_at: Instant,
    /// What the local clock showed then. Not looked at if the answer has a `Date`.
    pub(crate) wall_clock: SystemTime,
}

/// What an answer says about limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Nothing should be sent before its end. Always later than the arrival of the answer.
    pub(crate) pause: Option<Pause>,
    /// The answer is a refusal because of a limit, and of this kind: to try again is throttling, and no fault.
    pub(crate) throttled: Option<Throttled>,
    /// What is left of which window. Those that are over are not among them.
    pub(crate) windows: Vec<Window>,
    /// Rule 1: the windows do not count.
    asked: bool,
}

/// What kind of limit refused, and so which controller is to react.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// Too many requests in some time.
    Rate,
    /// Too many requests at the same time.
    Concurrency,
    /// The server does not say.
    Unknown,
}

/// Until when nothing should be sent, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) until: Instant,
    pub(crate) told_by: Source,
}

/// So many requests (or tokens, or points) are left, and from then on there will be more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) remaining: u64,
    pub(crate) limit: Option<u64>,
    pub(crate) reset_at: Instant,
    pub(crate) told_by: Source,
}

/// Who said it: for messages and log events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A header, and its value, cut to [`MAX_SHOWN`] characters.
    Header { name: HeaderName, value: Box<str> },
    /// The documentation of GitHub.
    GitHub,
}

impl Advice {
    /// Reads an answer. See the module's documentation for what comes before what.
    pub(crate) fn read(answer: &Answer<'_>) -> Advice {
        let moment = Moment::of(answer);
        let asked =
            waits_if_asked(answer.status).then(|| retry_after::read(answer.headers, &moment)).flatten();
        let (windows, slots_spent) = windows(answer.headers, &moment);
        let spent =
            windows.iter().filter(|window| window.remaining == 0).max_by_key(|window| window.reset_at);
        let evidence = vendors::Evidence { asked: asked.is_some(), spent: spent.is_some(), slots_spent };
        let throttled = vendors::throttled(answer, evidence);
        let pause = match (&asked, throttled) {
            (Some(told), _) => moment.pause(told),
            (None, Some(_)) => spent.map(Window::pause).or_else(|| without_count(answer, &moment)),
            (None, None) => None,
        };
        Advice { pause, throttled, windows, asked: asked.is_some() }
    }

    /// Until when to wait so that the server need not refuse: the latest end of a window of which no more is left than
    /// `at_most`. Pass the number of requests in flight, each of which will take one more, or what is to be held in
    /// reserve for others.
    ///
    /// What is left of a window is never spread over the rest of it.
    pub(crate) fn pause_before_refusal(&self, at_most: u64) -> Option<Pause> {
        if self.asked {
            return None;
        }
        let low = self.windows.iter().filter(|window| window.remaining <= at_most);
        low.max_by_key(|window| window.reset_at).map(Window::pause)
    }
}

impl Window {
    fn pause(&self) -> Pause {
        Pause { until: self.reset_at, told_by: self.told_by.clone() }
    }
}

/// Whether an answer says nothing of limits, as nearly all do: a success, none of whose headers could. Every header
/// that counts has `limit` in its name.
pub(crate) fn is_silent(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_success() && !headers.keys().any(|name| name.as_str().contains("limit"))
}

/// Whether `Retry-After` on such an answer speaks to the client, and not of the one resource.
fn waits_if_asked(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308 | 403 | 408 | 413 | 425 | 429 | 500..=599)
}

/// All windows, and whether a limit on concurrent requests has no slot left. What comes out of a cache is old, and says
/// nothing about now.
fn windows(headers: &HeaderMap, moment: &Moment) -> (Vec<Window>, bool) {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(duration::seconds);
    if age.is_some_and(|age| !age.is_zero()) {
        return (Vec::new(), false);
    }
    let ietf::Limits { mut windows, slots_spent } = ietf::read(headers, moment);
    windows.extend(vendors::shopify(headers, moment));
    windows.extend(counts::windows(headers, moment));
    windows.truncate(MAX_WINDOWS);
    (windows, slots_spent)
}

/// The rules 3 and 4.
fn without_count(answer: &Answer<'_>, moment: &Moment) -> Option<Pause> {
    let minute = Wait { length: Duration::from_secs(60), by: Source::GitHub };
    let told = if vendors::is_github_secondary(answer) {
        minute
    } else {
        counts::end_without_count(answer.headers, moment)?
    };
    moment.pause(&told)
}

/// A wait, and who told it.
#[derive(Clone, Debug)]
struct Wait {
    length: Duration,
    by: Source,
}

impl Source {
    fn header(name: &HeaderName, value: &str) -> Source {
        let mut shown: String = value.chars().take(MAX_SHOWN).collect();
        if shown.len() < value.len() {
            shown.pop();
            shown.push('…');
        }
        Source::Header { name: name.clone(), value: shown.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Header { name, value } => write!(f, "{name}: {value}"),
            Source::GitHub => f.write_str("GitHub's secondary limit, which asks for at least a minute"),
        }
    }
}

/// The values of a header, in order, without those that are not ASCII.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::trim)
}

/// All waits that a header tells, read by `form`. A date may hold a comma, and so a value is a list only if it is
/// nothing else.
fn told(headers: &HeaderMap, name: &HeaderName, form: impl Fn(&str) -> Option<Duration>) -> Vec<Wait> {
    let one = |text: &str| form(text).map(|length| Wait { length, by: Source::header(name, text) });
    let mut all = Vec::new();
    for value in values(headers, name.as_str()) {
        match one(value) {
            Some(told) => all.push(told),
            None => all.extend(value.split(',').filter_map(|part| one(part.trim()))),
        }
    }
    all
}
