//! The time of day as the server tells it: in `Date`, and as the epoch at which a window ends.
//!
//! The system's clock is asked once, at the start, and from there on time goes as the monotonic clock does. So the
//! server never contradicts itself: its `Date` and its windows agree, however the system's clock is set meanwhile.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// Seconds since the epoch.
pub(super) type Epoch = u64;

/// A wall clock that never steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    started: Instant,
    /// What the system's clock showed then, since the epoch.
    showed: Duration,
}

impl WallClock {
    pub(super) fn start(now: Instant) -> WallClock {
        WallClock { started: now, showed: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// The second that has begun.
    pub(super) fn second(&self, now: Instant) -> Epoch {
        self.showed.saturating_add(now.saturating_duration_since(self.started)).as_secs()
    }
}

/// As `Date` has it: RFC 9110, section 5.6.7. Nothing: a year that cannot be written so.
pub(super) fn http_date(second: Epoch) -> Option<String> {
    let timestamp = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()
}

#[cfg(test)]
impl WallClock {
    /// A clock that shows so much since the epoch at `now`.
    pub(super) fn showing(showed: Duration, now: Instant) -> WallClock {
        WallClock { started: now, showed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        for (second, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(second).as_deref(), Some(date), "{second}");
        }
        assert_eq!(http_date(Epoch::MAX), None);
    }

    #[test]
    fn a_second_has_begun_when_it_is_whole() {
        let start = Instant::now();
        let clock = WallClock::showing(Duration::from_millis(10_900), start);
        assert_eq!(clock.second(start), 10);
        assert_eq!(clock.second(start + Duration::from_millis(99)), 10);
        assert_eq!(clock.second(start + Duration::from_millis(100)), 11);
    }
}
