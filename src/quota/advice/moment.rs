//! When the answer came: on our clock, and on the server's. Here waits become instants, and what a server writes in one
//! of many forms becomes a wait.
//!
//! # Seconds from now, or an epoch?
//!
//! Both are sent under the same names (`X-RateLimit-Reset`, and GitLab sends an epoch even under the name by which the
//! old IETF drafts mean seconds from now). They are told apart by size: less than a [`YEAR`] is a time from now, for no
//! limit's window is longer; what is more is an epoch, and lies in 1971 at the earliest. An epoch from 10¹¹ on is
//! counted in milliseconds (in seconds it would be the year 5138, in milliseconds it is 1973), and a thousand and a
//! million times above that in micro- and nanoseconds.
//!
//! A number of milliseconds *from now* (Prisjakt sends such) cannot be told from seconds. It is read as seconds: the
//! pause is too long then, and never too short.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::duration::BILLION;
use super::{Answer, Pause, Wait, date, duration, values};
use crate::clock::later;

const YEAR: u128 = 366 * 24 * 60 * 60;
const FIRST_OF_MILLISECONDS: u128 = 100_000_000_000;

/// The arrival of an answer, on two clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    came_at: Instant,
    /// Since the epoch: the server's own `Date`, the earliest if a proxy added another, or else the local clock.
    server_time: Duration,
}

impl Moment {
    pub(super) fn of(answer: &Answer<'_>) -> Moment {
        let local = answer.wall_clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let dates = values(answer.headers, "date").filter_map(|text| date::http(text, local));
        Moment { came_at: answer.came_at, server_time: dates.min().unwrap_or(local) }
    }

    pub(super) fn after(&self, wait: Duration) -> Instant {
        later(self.came_at, u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A pause of no length is none.
    pub(super) fn pause(&self, told: &Wait) -> Option<Pause> {
        let until = self.after(told.length);
        (until > self.came_at).then(|| Pause { until, told_by: told.by.clone() })
    }

    /// A number of seconds, a span (`1m30s`) or a date: a number is never an epoch.
    pub(super) fn wait(&self, text: &str) -> Option<Duration> {
        duration::seconds(text).or_else(|| duration::span(text)).or_else(|| self.wait_for_date(text))
    }

    /// As [`Moment::wait`], but a number may be an epoch.
    pub(super) fn wait_or_epoch(&self, text: &str) -> Option<Duration> {
        match duration::billionths(text) {
            Some(number) if number >= YEAR * BILLION => Some(self.until(since_epoch(number))),
            _ => self.wait(text),
        }
    }

    fn wait_for_date(&self, text: &str) -> Option<Duration> {
        date::http(text, self.server_time).or_else(|| date::rfc3339(text)).map(|date| self.until(date))
    }

    /// What is past is no wait.
    fn until(&self, date: Duration) -> Duration {
        date.saturating_sub(self.server_time)
    }
}

/// An epoch of seconds, milliseconds, microseconds or nanoseconds, in billionths.
fn since_epoch(mut number: u128) -> Duration {
    for _ in 0..3 {
        if number >= FIRST_OF_MILLISECONDS * BILLION {
            number = number.div_ceil(1_000);
        }
    }
    duration::from_billionths(number)
}
