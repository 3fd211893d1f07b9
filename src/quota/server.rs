//! What the server tells is done: it asks for a pause, and all pause.
//!
//! What is read, and what comes before what, is in `advice`. Here it becomes a pause of the client's one limiter, which
//! every request passes: the others' first tries as well as this one's next. Nobody sleeps by himself, and so nobody
//! comes back in the same millisecond as all the others: at the end of a pause the line is let out spaced (`limits`).

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::{HeaderMap, StatusCode};

use crate::events::{Event, emit};

use super::adaptive::Why;
use super::advice::{self, Advice, Answer, Pause, Throttled};
use super::{Quota, Token};

/// Until when the server asks for no more requests, and in which words.
#[derive(Clone, Debug)]
pub(crate) struct RequestedPause {
    pub(crate) until: Instant,
    words: String,
}

/// What an answer means for the one who asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    /// It is a refusal because of a limit: to try again is throttling, and no fault.
    pub(crate) throttled: bool,
    /// Not before then.
    pub(crate) told: Option<RequestedPause>,
    /// The client's pause, if it has begun one or extended it.
    pub(crate) pause: Option<RequestedPause>,
}

impl Quota {
    /// An answer has come to a request of this id that had its token. Pauses if the server asks for it, or is about to.
    pub(crate) fn answered(
        &self,
        token: Token,
        id: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answered {
        if advice::is_silent(status, headers) {
            self.adapt(token, None);
            return Answered::default();
        }
        let (came_at, wall_clock) = (self.settings.clock.now(), SystemTime::now());
        let advice = Advice::read(&Answer { status, headers, body, came_at, wall_clock });
        self.adapt(
            token,
            advice.throttled.map(|throttled| match throttled {
                Throttled::Rate | Throttled::Unknown => Why::Rate,
                Throttled::Concurrency => Why::InFlight,
            }),
        );
        let throttled = advice.throttled.is_some();
        if !self.settings.obey_server {
            return Answered { throttled, ..Answered::default() };
        }
        // Each of the others on the wire will take one more from the window. Who stands in line for a token will not,
        // once it is closed; but with a permit and not in line yet, one may be about to get a token.
        let soon = |in_line: usize| {
            let others = u64::from(self.permits.held().saturating_sub(1)).saturating_sub(in_line as u64);
            advice.pause_before_refusal(others.max(self.settings.reserve))
        };
        let mut pause = None;
        if advice.pause.is_some() || soon(0).is_some() {
            let latest = |in_line| {
                let pauses = advice.pause.clone().into_iter().chain(soon(in_line));
                pauses.max_by_key(|pause| pause.until).as_ref().map(RequestedPause::of)
            };
            pause = self.pause(id, status, latest, came_at);
        }
        Answered { throttled, told: advice.pause.as_ref().map(RequestedPause::of), pause }
    }

    /// Pauses for as long as `told` says, if there is need, given how many stand in line for a token. Returns what was
    /// told if it does.
    ///
    /// Lock order: what was told, the limiter, the permits.
    fn pause(
        &self,
        user_id: &str,
        status: StatusCode,
        told: impl FnOnce(usize) -> Option<RequestedPause>,
        now: Instant,
    ) -> Option<RequestedPause> {
        let mut in_force = self.told.lock();
        let mut begun = None;
        self.limiter.pause_if(|in_line| {
            let told = told(in_line)?;
            if in_force.as_ref().is_some_and(|before| before.until >= told.until) {
                return None;
            }
            begun = Some(told.clone());
            Some(in_force.insert(told).until)
        });
        drop(in_force);
        #[cfg(feature = "redis")]
        begun.as_ref().inspect(|told| self.pause_the_shared(told));
        if let Some(RequestedPause { until, words }) = &begun {
            let pause = until.saturating_duration_since(now);
            emit(&Event::Paused { user_id, status: status.as_u16(), pause, told_by: words });
        }
        begun
    }

    /// The words to a pause that was in force; it may have been extended since, or be one that nobody but the user has
    /// asked for.
    pub(super) fn told_until(&self, until: Instant) -> RequestedPause {
        let told = self.told.lock().clone().filter(|told| told.until >= until);
        told.unwrap_or(RequestedPause { until, words: "paused by the caller".to_owned() })
    }
}

impl RequestedPause {
    #[cfg(feature = "redis")]
    pub(super) fn new(until: Instant, words: String) -> RequestedPause {
        RequestedPause { until, words }
    }

    fn of(pause: &Pause) -> RequestedPause {
        RequestedPause { until: pause.until, words: pause.told_by.to_string() }
    }

    /// `retry-after: 3600`
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// `a pause of 3600 s (retry-after: 3600)`, in whole seconds, rounded up.
    pub(crate) fn in_words(&self, now: Instant) -> String {
        let left =
            self.until.saturating_duration_since(now).saturating_add(Duration::from_nanos(999_999_999));
        format!("a pause of {} s ({self})", left.as_secs())
    }
}

/// `retry-after: 3600`
impl fmt::Display for RequestedPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
