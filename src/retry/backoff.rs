//! How long to wait before the next try: exponential backoff with full jitter.
//!
//! The wait is drawn evenly from nothing up to a bound that doubles with each try. Of the ways to spread tries that
//! have failed together, this one costs the server the fewest requests: see Marc Brooker, "Exponential Backoff And
//! Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

/// The bound: `base`, doubled with each try after the first, and never more than `cap`.
pub(super) fn bound(base: Duration, cap: Duration, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1);
    let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos(base).saturating_mul(factor)).min(cap)
}

/// A wait from nothing to `bound`, both included, all equally likely; `random` is any of the numbers of 64 bits.
///
/// There are `bound + 1` results, and the upper half of `random · (bound + 1)` is one of them. As 2⁶⁴ is no multiple
/// of their number, some get one random number more than others: one in 600,000,000 at a bound of 30 s.
pub(super) fn jitter(bound: Duration, random: u64) -> Duration {
    let results = u128::from(nanos(bound)) + 1;
    let drawn = (u128::from(random) * results) >> 64;
    Duration::from_nanos(u64::try_from(drawn).unwrap_or(u64::MAX))
}

/// In nanoseconds, or 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Random;
    use super::*;

    const CAP: Duration = Duration::from_secs(30);

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let base = Duration::from_millis(200);
        let bounds: Vec<u128> = (1..=10).map(|attempt| bound(base, CAP, attempt).as_millis()).collect();
        assert_eq!(bounds, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn the_extremes_neither_overflow_nor_panic() {
        for base in [Duration::ZERO, Duration::from_nanos(1), CAP, Duration::MAX] {
            for cap in [Duration::ZERO, CAP, Duration::MAX] {
                for attempt in [0, 1, 2, 63, 64, 65, 66, 1_000, u32::MAX] {
                    let bound = bound(base, cap, attempt);
                    assert!(bound <= cap);
                    for random in [0, 1, u64::MAX / 2, u64::MAX] {
                        assert!(jitter(bound, random) <= bound);
                    }
                }
            }
        }
        assert_eq!(bound(Duration::from_nanos(1), Duration::MAX, 64), Duration::from_nanos(1 << 63));
        assert_eq!(bound(Duration::from_nanos(1), Duration::MAX, 65), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn jitter_reaches_both_ends() {
        for bound in [Duration::ZERO, Duration::from_nanos(1), CAP, Duration::from_nanos(u64::MAX)] {
            assert_eq!(jitter(bound, 0), Duration::ZERO);
            assert_eq!(jitter(bound, u64::MAX), bound);
        }
    }

    #[test]
    fn every_result_of_a_small_bound_is_as_likely_as_the_others() {
        let (random, bound) = (Random::seeded(7), Duration::from_nanos(9));
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[usize::try_from(jitter(bound, random.draw()).as_nanos()).unwrap()] += 1;
        }
        // 10,000 each, with a standard deviation of 95.
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn jitter_is_even_over_a_real_bound() {
        let random = Random::seeded(1);
        let mut tenths = [0_u32; 10];
        let mut sum = 0_u128;
        for _ in 0..100_000 {
            let wait = jitter(CAP, random.draw());
            sum += wait.as_nanos();
            tenths[usize::try_from(wait.as_nanos() * 10 / (CAP.as_nanos() + 1)).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (9_600..10_400).contains(count)), "{tenths:?}");
        let mean = Duration::from_nanos(u64::try_from(sum / 100_000).unwrap());
        assert!(mean.abs_diff(CAP / 2) < Duration::from_millis(150), "{mean:?}");
    }
}
