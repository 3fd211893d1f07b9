//! All limits of a run together: what the tool shows, checks a deadline against, and hands to the client.

use std::fmt;
use std::time::Duration;

use fanout::{Builder, Limit, Rate};

use crate::quota::Quota;

/// Limits that hold at once, without those that limit nothing; each as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits(Vec<(Limit, String)>);

impl Limits {
    pub(crate) fn new(limits: impl IntoIterator<Item = Limit>) -> Limits {
        Limits::given(limits.into_iter().map(|limit| (limit, limit.to_string())))
    }

    /// Each with a text by which whoever gave it knows it.
    pub(crate) fn given(limits: impl IntoIterator<Item = (Limit, String)>) -> Limits {
        Limits(limits.into_iter().filter(|(limit, _)| !limit.parts().0.is_unlimited()).collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// The least time in which `count` requests can be granted: that of the slowest limit. For from full buckets the
    /// one with the smaller burst holds up the first requests and the one with the lower rate all later ones, and
    /// meanwhile nothing of the other's is lost that would be missed. `None`: more than 584 years.
    pub(crate) fn least_time(&self, count: u128) -> Option<Duration> {
        self.each()
            .map(|quota| quota.least_time(count))
            .try_fold(Duration::ZERO, |most, time| Some(most.max(time?)))
    }

    /// The limit that holds up `count` requests the longest, and how long at least; the first of several. `None`: no
    /// limit does.
    pub(crate) fn slowest(&self, count: u128) -> Option<(&str, Option<Duration>)> {
        let times = self.texts().zip(self.each().map(|quota| quota.least_time(count)));
        times.rev().max_by_key(|(_, time)| time.unwrap_or(Duration::MAX))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Limit> + ExactSizeIterator {
        self.0.iter().map(|(limit, _)| *limit)
    }

    /// As they are shown: `10/s, burst 20`.
    pub(crate) fn texts(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(|(_, text)| text.as_str())
    }

    /// How many requests this admits, at most, in `time` from full buckets. `None`: any number.
    pub(crate) fn admits(&self, time: Duration) -> Option<f64> {
        self.each().filter_map(|quota| quota.admits(time)).reduce(f64::min)
    }

    /// The lowest rate as a number, for people to read; nothing is enforced by it. `None`: no limit.
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.each().filter_map(|quota| quota.per_second()).reduce(f64::min)
    }

    /// Gives them to a client that is being built.
    pub(crate) fn set(&self, builder: Builder) -> Builder {
        let mut limits = self.iter();
        let Some(first) = limits.next() else {
            return builder.rate(Rate::UNLIMITED);
        };
        let (rate, burst) = first.parts();
        limits.fold(builder.rate(rate).burst(burst), |builder, limit| builder.limit(limit))
    }

    /// Each with its name: `at most 5000/h, burst 500`.
    pub(crate) fn named(&self) -> impl Iterator<Item = (String, Quota)> {
        self.texts().map(str::to_owned).zip(self.each())
    }

    fn each(&self) -> impl DoubleEndedIterator<Item = Quota> + ExactSizeIterator {
        self.iter().map(|limit| {
            let (rate, burst) = limit.parts();
            Quota { rate, burst }
        })
    }
}

impl From<Quota> for Limits {
    fn from(Quota { rate, burst }: Quota) -> Limits {
        Limits::new([Limit::new(rate, burst)])
    }
}

/// `10/s, burst 20; at most 5000/h, burst 500`
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unlimited() {
            return f.write_str("no rate limit");
        }
        for (index, text) in self.texts().enumerate() {
            f.write_str(if index > 0 { "; " } else { "" })?;
            f.write_str(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn limits() -> Limits {
        Limits::new([
            Limit::new(Rate::per_second(10), 20),
            Limit::new(Rate::UNLIMITED, 1),
            Limit::at_most(5_000, HOUR),
        ])
    }

    #[test]
    fn the_slowest_limit_says_how_long_it_takes_and_how_much_is_admitted() {
        // 10/s with a burst of 20, and 4,500 an hour (0.8 s each) with a burst of 500.
        for (count, time) in [(20, 0.0), (500, 48.0), (503, 48.3), (560, 54.0), (600, 80.0), (5_000, 3_600.0)]
        {
            assert_eq!(limits().least_time(count), Some(Duration::from_secs_f64(time)), "{count}");
        }
        for (seconds, admitted) in [(0, 20.0), (10, 120.0), (3_600, 5_000.0)] {
            assert_eq!(limits().admits(Duration::from_secs(seconds)), Some(admitted), "{seconds}");
        }
        assert_eq!(limits().per_second(), Some(1.25));
        let slowest = |count| limits().slowest(count).map(|(text, _)| text.to_owned());
        let [second, hour] = ["10/s, burst 20", "at most 5000/h, burst 500"].map(str::to_owned).map(Some);
        assert_eq!([20, 500, 560, 600].map(slowest), [second.clone(), second.clone(), second, hour]);
        let slow = Limits::new([Limit::at_most(1, 24 * HOUR), Limit::new(Rate::per_second(1), 1)]);
        assert_eq!(slow.least_time(u128::MAX), None);
    }

    #[test]
    fn no_limit_admits_everything_at_once() {
        let none = Limits::new([Limit::new(Rate::UNLIMITED, 1)]);
        assert_eq!((none.least_time(u128::MAX), none.admits(HOUR)), (Some(Duration::ZERO), None));
        assert_eq!((none.per_second(), none.to_string()), (None, "no rate limit".to_owned()));
    }

    #[test]
    fn limits_are_written_one_after_the_other() {
        assert_eq!(limits().to_string(), "10/s, burst 20; at most 5000/h, burst 500");
    }

    #[test]
    fn all_of_them_are_the_clients() {
        let client = |limits: &Limits| {
            let builder = fanout::FanOutClient::builder("http://h/{id}");
            limits.set(builder).build().unwrap().limiter().limits()
        };
        let parts = [(Rate::per_second(10), 20), (Rate::new(4_500, HOUR), 500)];
        assert_eq!(client(&limits()).into_iter().map(Limit::parts).collect::<Vec<_>>(), parts);
        let [unlimited] = client(&Limits::new([]))[..] else { panic!("one limit") };
        assert!(unlimited.parts().0.is_unlimited());
    }
}
