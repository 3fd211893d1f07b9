//! How fast: so many tokens in so much time, kept as the two integers that were given.

use std::fmt;
use std::time::Duration;

/// How fast tokens come: a number of tokens in a span of time, or no limit at all.
///
/// A rate is kept as the two numbers it was made from and never divided, so that `3` a second and `5,000` an
/// hour are exact for ever.
///
/// ```
/// use std::time::Duration;
/// use fanout::Rate;
///
/// assert_eq!(Rate::per_second(10).to_string(), "10/s");
/// assert_eq!(Rate::new(5_000, Duration::from_secs(3_600)).to_string(), "5000/h");
/// assert_eq!(Rate::UNLIMITED.to_string(), "unlimited");
/// ```
///
/// A rate of 0, and one over no time, can be written down but not used: whatever takes a rate refuses them with an
/// error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate(Option<Parts>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Parts {
    tokens: u32,
    per: Duration,
}

impl Rate {
    /// No limit: every request for tokens is granted at once, however many, and the burst is not looked at.
    pub const UNLIMITED: Rate = Rate(None);

    /// `tokens` in every second.
    #[must_use]
    pub const fn per_second(tokens: u32) -> Rate {
        Rate::new(tokens, Duration::from_secs(1))
    }

    /// `tokens` in every `per`, which may be any span from a nanosecond to [`Rate::LONGEST`].
    #[must_use]
    pub const fn new(tokens: u32, per: Duration) -> Rate {
        Rate(Some(Parts { tokens, per }))
    }

    /// The longest span that a rate may be over: 2⁶⁴ − 1 nanoseconds, about 584 years.
    pub const LONGEST: Duration = Duration::from_nanos(u64::MAX);

    /// Whether this is [`Rate::UNLIMITED`].
    #[must_use]
    pub const fn is_unlimited(self) -> bool {
        self.0.is_none()
    }

    /// The tokens and the span that this rate was made from, or nothing if it is unlimited.
    #[must_use]
    pub const fn parts(self) -> Option<(u32, Duration)> {
        match self.0 {
            Some(Parts { tokens, per }) => Some((tokens, per)),
            None => None,
        }
    }

    /// How many tokens may gather where nobody says so: what two seconds bring, from 1 to 20.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::Rate;
    ///
    /// assert_eq!(Rate::per_second(10).default_burst(), 20);
    /// assert_eq!(Rate::per_second(3).default_burst(), 6);
    /// assert_eq!(Rate::new(1, Duration::from_secs(60)).default_burst(), 1);
    /// ```
    #[must_use]
    pub fn default_burst(self) -> u32 {
        let Some((tokens, per)) = self.parts() else {
            return 20;
        };
        let brought = u128::from(tokens) * 2_000_000_000 / per.as_nanos().max(1);
        u32::try_from(brought.clamp(1, 20)).unwrap_or(20)
    }

    /// Tokens and nanoseconds, both at least 1, or which of the two is out of range.
    pub(crate) fn checked(self) -> Result<Option<(u32, u64)>, InvalidLimit> {
        let Some(Parts { tokens, per }) = self.0 else {
            return Ok(None);
        };
        if tokens == 0 {
            return Err(InvalidLimit::ZeroRate);
        }
        match u64::try_from(per.as_nanos()) {
            Ok(0) => Err(InvalidLimit::ZeroSpan),
            Ok(nanos) => Ok(Some((tokens, nanos))),
            Err(_) => Err(InvalidLimit::LongSpan),
        }
    }
}

/// `10/s`, `5000/h`, `3/250ms`, `unlimited`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Parts { tokens, per }) = self.0 else {
            return f.write_str("unlimited");
        };
        write!(f, "{tokens}/")?;
        match (per.as_secs(), per.subsec_nanos()) {
            (1, 0) => f.write_str("s"),
            (60, 0) => f.write_str("m"),
            (3_600, 0) => f.write_str("h"),
            (86_400, 0) => f.write_str("d"),
            _ => write!(f, "{per:?}"),
        }
    }
}

/// Why a rate and a burst make no limit, or limits no limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidLimit {
    /// A rate of no tokens: nothing would ever be granted.
    ZeroRate,
    /// A rate over a span of no time.
    ZeroSpan,
    /// A rate over more than [`Rate::LONGEST`].
    LongSpan,
    /// A burst of no tokens: nothing would ever be granted.
    ZeroBurst,
    /// A burst that uses up all that a window admits ([`Limit::at_most`](crate::Limit::at_most)): nothing would be
    /// left to come at a rate.
    BurstFillsWindow,
    /// A limiter without a limit.
    NoLimits,
    /// More limits than [`MAX_LIMITS`](crate::MAX_LIMITS).
    TooManyLimits,
    /// The limiter has no limit of that number.
    NoSuchLimit,
    /// A limit that a shared quota cannot keep (feature `redis`): its burst leaves no room for the margin, or its
    /// numbers are too large to be counted exactly there.
    CannotBeShared,
}

impl fmt::Display for InvalidLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidLimit::ZeroRate => "a rate of 0 never grants anything; use at least 1, or Rate::UNLIMITED",
            InvalidLimit::ZeroSpan => {
                "a rate over no time is no rate; use at least a nanosecond, or Rate::UNLIMITED"
            }
            InvalidLimit::LongSpan => "a rate over more than 584 years cannot be counted; use a shorter span",
            InvalidLimit::ZeroBurst => "a burst of 0 never grants anything; use at least 1",
            InvalidLimit::BurstFillsWindow => {
                "a burst of all that the window admits leaves nothing for the rest of it; use a smaller burst"
            }
            InvalidLimit::NoLimits => "there must be at least one limit; it may be Rate::UNLIMITED",
            InvalidLimit::TooManyLimits => "more limits than one limiter keeps (fanout::MAX_LIMITS)",
            InvalidLimit::CannotBeShared => {
                "a shared quota cannot keep this limit: use a larger burst, or a rounder rate"
            }
            InvalidLimit::NoSuchLimit => "there is no limit of that number; the first one is 0",
        })
    }
}

impl std::error::Error for InvalidLimit {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_people_write_them() {
        let cases = [
            (Rate::per_second(10), "10/s"),
            (Rate::new(1, Duration::from_secs(60)), "1/m"),
            (Rate::new(5_000, Duration::from_secs(3_600)), "5000/h"),
            (Rate::new(7, Duration::from_secs(86_400)), "7/d"),
            (Rate::new(3, Duration::from_millis(250)), "3/250ms"),
            (Rate::UNLIMITED, "unlimited"),
        ];
        for (rate, text) in cases {
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn a_rate_that_never_grants_is_refused() {
        assert_eq!(Rate::per_second(0).checked(), Err(InvalidLimit::ZeroRate));
        assert_eq!(Rate::new(1, Duration::ZERO).checked(), Err(InvalidLimit::ZeroSpan));
        assert_eq!(Rate::new(1, Duration::MAX).checked(), Err(InvalidLimit::LongSpan));
        assert_eq!(Rate::new(1, Rate::LONGEST).checked(), Ok(Some((1, u64::MAX))));
        assert_eq!(Rate::UNLIMITED.checked(), Ok(None));
    }
}
