//! One limit as people think of it: a rate and a burst, or so much in any window of time.

use std::fmt;
use std::time::Duration;

use super::rate::{InvalidLimit, Rate};

/// The largest number of limits that one limiter keeps at the same time: 8. It is also how many numbers a
/// [`Cost`](crate::Cost) has, and a cost is copied about.
pub const MAX_LIMITS: usize = 8;

/// What is granted in the long run, and what may be granted at once: a [`Rate`] and a burst.
///
/// In every window of length `w`, at most `burst + rate · w` are granted. So a rate of 5,000 an hour with a burst of
/// 5,000 admits 10,000 in an hour: the burst at its beginning, and as many again in the course of it. Where a server
/// says "5,000 an hour" and means any hour, say so:
///
/// ```
/// use std::time::Duration;
/// use fanout::{Limit, Rate};
///
/// let hour = Duration::from_secs(3_600);
/// // 500 at once, and the other 4,500 in the course of the hour.
/// assert_eq!(Limit::at_most(5_000, hour).parts(), (Rate::new(4_500, hour), 500));
/// // Less at once is a higher rate.
/// assert_eq!(Limit::at_most(5_000, hour).burst(50).parts(), (Rate::new(4_950, hour), 50));
/// // Twice as much as it seems:
/// let twice = Limit::new(Rate::new(5_000, hour), 5_000);
/// # let _ = twice;
/// ```
///
/// A limit that never grants anything can be written down but not used, as a rate of 0 can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    measure: Measure,
    burst: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Measure {
    Rate(Rate),
    /// So many in every window of this length, the burst included.
    AtMost(u32, Duration),
}

impl Limit {
    /// Tokens come at `rate`, and at most `burst` of them gather.
    #[must_use]
    pub const fn new(rate: Rate, burst: u32) -> Limit {
        Limit { measure: Measure::Rate(rate), burst }
    }

    /// At most `tokens` in every window of this length, wherever it begins. The rate is what the burst leaves for the
    /// window.
    ///
    /// The burst is a tenth, rounded down and at least 1, unless [`burst`](Limit::burst) says otherwise: a small job
    /// is done at once, and a large one runs at nine tenths of the whole. A burst of `tokens` or more leaves nothing
    /// for the rate, and is refused where the limit is used; but at most one in a window is one each window.
    #[must_use]
    pub const fn at_most(tokens: u32, window: Duration) -> Limit {
        let tenth = tokens / 10;
        Limit { measure: Measure::AtMost(tokens, window), burst: if tenth == 0 { 1 } else { tenth } }
    }

    /// The same limit, with this burst. Of [`at_most`](Limit::at_most) the whole stays what it is, and so the rate
    /// changes.
    #[must_use]
    pub const fn burst(self, burst: u32) -> Limit {
        Limit { burst, ..self }
    }

    /// The rate and the burst.
    #[must_use]
    pub fn parts(self) -> (Rate, u32) {
        let rate = match self.measure {
            Measure::Rate(rate) => rate,
            // Two of them, a window apart, lie in one window together: hence the nanosecond.
            Measure::AtMost(1, window) => Rate::new(1, window.saturating_add(Duration::from_nanos(1))),
            Measure::AtMost(tokens, window) => Rate::new(tokens.saturating_sub(self.burst), window),
        };
        (rate, self.burst)
    }

    /// The rate and the burst of a limit that can be used.
    pub(crate) fn checked(self) -> Result<(Rate, u32), InvalidLimit> {
        if let Measure::AtMost(tokens @ 1.., window) = self.measure {
            if window.is_zero() {
                return Err(InvalidLimit::ZeroSpan);
            }
            if self.burst >= tokens.max(2) {
                return Err(InvalidLimit::BurstFillsWindow);
            }
        }
        let (rate, burst) = self.parts();
        rate.checked()?;
        if burst == 0 { Err(InvalidLimit::ZeroBurst) } else { Ok((rate, burst)) }
    }
}

/// `10/s, burst 20`, `at most 5000/h, burst 500`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.measure {
            Measure::Rate(rate) => write!(f, "{rate}, burst {}", self.burst),
            Measure::AtMost(tokens, window) => {
                write!(f, "at most {}, burst {}", Rate::new(tokens, window), self.burst)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_window_admits_the_whole_and_no_more() {
        for tokens in [2, 3, 9, 10, 19, 5_000, u32::MAX] {
            for burst in [None, Some(1), Some(tokens / 2), Some(tokens - 1)].into_iter().flatten() {
                let (rate, burst) = Limit::at_most(tokens, HOUR).burst(burst).checked().unwrap();
                assert_eq!(rate.parts(), Some((tokens - burst, HOUR)));
            }
        }
        let (rate, burst) = Limit::at_most(1, HOUR).checked().unwrap();
        assert_eq!((rate.parts(), burst), (Some((1, HOUR + Duration::from_nanos(1))), 1));
    }

    #[test]
    fn the_burst_is_a_tenth_where_nobody_says() {
        let bursts = [1, 2, 19, 20, 5_000].map(|tokens| Limit::at_most(tokens, HOUR).parts().1);
        assert_eq!(bursts, [1, 1, 1, 2, 500]);
    }

    #[test]
    fn a_limit_that_never_grants_is_refused_and_so_is_a_burst_of_the_whole() {
        let cases = [
            (Limit::at_most(0, HOUR), InvalidLimit::ZeroRate),
            (Limit::at_most(5, Duration::ZERO), InvalidLimit::ZeroSpan),
            (Limit::at_most(1, Duration::ZERO), InvalidLimit::ZeroSpan),
            (Limit::at_most(5, Duration::MAX), InvalidLimit::LongSpan),
            (Limit::at_most(1, Duration::MAX), InvalidLimit::LongSpan),
            (Limit::at_most(5, HOUR).burst(0), InvalidLimit::ZeroBurst),
            (Limit::at_most(5, HOUR).burst(5), InvalidLimit::BurstFillsWindow),
            (Limit::at_most(5, HOUR).burst(6), InvalidLimit::BurstFillsWindow),
            (Limit::at_most(1, HOUR).burst(2), InvalidLimit::BurstFillsWindow),
            (Limit::new(Rate::per_second(0), 1), InvalidLimit::ZeroRate),
            (Limit::new(Rate::per_second(1), 0), InvalidLimit::ZeroBurst),
        ];
        for (limit, why) in cases {
            assert_eq!(limit.checked(), Err(why), "{limit}");
        }
    }

    #[test]
    fn limits_are_written_as_people_write_them() {
        assert_eq!(Limit::new(Rate::per_second(10), 20).to_string(), "10/s, burst 20");
        assert_eq!(Limit::at_most(5_000, HOUR).to_string(), "at most 5000/h, burst 500");
    }
}
