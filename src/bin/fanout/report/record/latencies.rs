//! How long requests took, as histograms that do not grow: any number of them, to three figures.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What is longer is counted as this: a day.
const LONGEST: Duration = Duration::from_secs(86_400);
const FIGURES: u8 = 3;

/// See the module's documentation. Times are counted in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    pub(crate) fn new() -> Latencies {
        // It is refused only for bounds that make no sense.
        Latencies(Histogram::new_with_bounds(1, micros(LONGEST), FIGURES).ok())
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros(latency));
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// The time within which this part of them came, from 0 to 1: the nearest rank. Nothing of nothing.
    pub(crate) fn within(&self, part: f64) -> Option<Duration> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        let most = histogram.value_at_quantile(part).min(histogram.max());
        Some(Duration::from_micros(most))
    }

    /// The shortest and the longest.
    pub(crate) fn range(&self) -> Option<(Duration, Duration)> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some((Duration::from_micros(histogram.min()), Duration::from_micros(histogram.max())))
    }

    /// How many took more than `from`, and not more than `to`.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> u64 {
        let up_to = |time: Duration| {
            let below = |histogram: &Histogram<u64>| {
                histogram
                    .iter_recorded()
                    .take_while(|bucket| bucket.value_iterated_to() <= micros(time))
                    .map(|bucket| bucket.count_at_value())
                    .sum()
            };
            self.0.as_ref().map_or(0, below)
        };
        u64::saturating_sub(up_to(to), up_to(from))
    }

    /// Those and these.
    pub(crate) fn plus(&self, other: &Latencies) -> Latencies {
        let mut all = self.clone();
        if let Some((all, other)) = all.0.as_mut().zip(other.0.as_ref()) {
            // Both have the same bounds, and so nothing is outside of them.
            let _ = all.add(other);
        }
        all
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(micros: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        micros.into_iter().for_each(|micros| latencies.add(Duration::from_micros(micros)));
        latencies
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank_to_three_figures() {
        let hundred = latencies((1..=100).map(|n| n * 1_000));
        for (part, millis) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = hundred.within(part).unwrap().as_secs_f64() * 1_000.0;
            assert!((found / millis - 1.0).abs() < 0.001, "{part}: {found}");
        }
        assert_eq!(latencies([]).within(0.5), None);
        assert_eq!(latencies([7]).within(0.5), Some(Duration::from_micros(7)));
    }

    #[test]
    fn what_is_too_long_or_too_short_is_counted_all_the_same() {
        let odd = latencies([0, 300_000_000_000]);
        assert_eq!(odd.count(), 2);
        assert!(odd.range().unwrap().1 >= LONGEST);
    }

    #[test]
    fn ranges_are_counted_and_two_of_them_are_one() {
        let one = latencies([10, 20, 30]);
        let both = one.plus(&latencies([20, 40]));
        let between = |from, to| both.between(Duration::from_micros(from), Duration::from_micros(to));
        assert_eq!((between(0, 20), between(20, 40), between(40, 99), between(0, 9)), (3, 2, 0, 0));
        assert_eq!((one.count(), both.count()), (3, 5));
    }
}
