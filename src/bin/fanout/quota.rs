//! A rate with its burst: what the tool shows, checks a deadline against, and hands to the client.

use std::fmt;
use std::time::Duration;

use fanout::Rate;

/// A rate and how many tokens may gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) rate: Rate,
    pub(crate) burst: u32,
}

impl Quota {
    /// The rate, with the burst that was asked for or else with what two seconds bring, from 1 to 20.
    pub(crate) fn new(rate: Rate, burst: Option<u32>) -> Quota {
        Quota { rate, burst: burst.unwrap_or_else(|| rate.default_burst()) }
    }

    /// The same with a burst of one more: see the help of `fanout serve`.
    pub(crate) fn forgiving_one(self) -> Quota {
        Quota { burst: self.burst.saturating_add(1), ..self }
    }

    /// The least time in which `count` requests can be granted: the burst at once, the others one by one.
    /// `None`: more than 584 years, which is what can be counted.
    pub(crate) fn least_time(&self, count: u128) -> Option<Duration> {
        let later = count.saturating_sub(u128::from(self.burst));
        match self.rate.parts() {
            None => Some(Duration::ZERO),
            Some((tokens, per)) => {
                let nanos = later.saturating_mul(per.as_nanos()).div_ceil(u128::from(tokens.max(1)));
                u64::try_from(nanos).ok().map(Duration::from_nanos)
            }
        }
    }

    /// How many requests this admits, at most, in `time` from a full bucket. `None`: any number.
    pub(crate) fn admits(&self, time: Duration) -> Option<f64> {
        self.per_second().map(|rate| f64::from(self.burst) + rate * time.as_secs_f64())
    }

    /// The rate as a number, for people to read; nothing is enforced by it. `None`: no limit.
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.rate.parts().map(|(tokens, per)| f64::from(tokens) / per.as_secs_f64())
    }
}

/// `10/s, burst 20`
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rate.is_unlimited() {
            return f.write_str("no rate limit");
        }
        write!(f, "{}, burst {}", self.rate, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::rate;

    fn quota(rate: &str, burst: Option<u32>) -> Quota {
        Quota::new(rate::parse(rate).unwrap(), burst)
    }

    #[test]
    fn the_burst_is_what_two_seconds_bring_from_1_to_20() {
        let cases = [
            ("10/s", 20),
            ("9.9/s", 19),
            ("1/s", 2),
            ("0.5/s", 1),
            ("1/m", 1),
            ("90/m", 3),
            ("1000/s", 20),
            ("none", 20),
        ];
        for (rate, burst) in cases {
            assert_eq!(quota(rate, None).burst, burst, "{rate}");
        }
        assert_eq!(quota("10/s", Some(7)).burst, 7);
    }

    #[test]
    fn the_least_time_is_that_of_what_the_burst_does_not_hold() {
        let cases = [
            ("10/s", 20, 60, Some(Duration::from_secs(4))),
            ("10/s", 20, 20, Some(Duration::ZERO)),
            ("10/s", 20, 0, Some(Duration::ZERO)),
            ("3/s", 1, 2, Some(Duration::from_nanos(333_333_334))),
            ("1/m", 1, 2, Some(Duration::from_secs(60))),
            ("none", 1, u128::MAX, Some(Duration::ZERO)),
            ("1/d", 1, u128::MAX, None),
        ];
        for (rate, burst, count, time) in cases {
            assert_eq!(quota(rate, Some(burst)).least_time(count), time, "{rate} {burst} {count}");
        }
    }

    #[test]
    fn a_quota_is_written_as_people_say_it() {
        assert_eq!(quota("10/s", None).to_string(), "10/s, burst 20");
        assert_eq!(quota("none", Some(3)).to_string(), "no rate limit");
    }
}
