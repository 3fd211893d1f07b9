//! What a quota is: its limits and its cap, the same for all who name it, and the integers that the script counts in.
//!
//! # The margin
//!
//! What an API sees is when a grant is *used*, and a grant may be used up to `use_by` after the server's clock has
//! granted it. So uses can bunch: in a window of length `w` fall the grants of a window of `w + use_by`. For the bound
//! `burst + rate · w` to hold by use, the server keeps less than the user has asked for:
//!
//! * a burst of `burst - ⌈rate · use_by⌉`, if that is at least 1: for then `burst - rate · use_by + rate · (w +
//!   use_by)` is the bound. It costs nothing of the rate;
//! * else a burst of 1 whose tokens are further apart. `n` of them lie in no window shorter than
//!   `(n - 1) · period - use_by`, in which `burst + rate · ((n - 1) · period - use_by)` may be: it is enough if that
//!   holds for two, and so the period is `use_by + (2 - burst) / rate`, or `1 / rate` if that is longer. With a burst
//!   of 1 it is `1 / rate + use_by`. A limit of which this would leave less than nine tenths is refused.
//!
//! # The numbers
//!
//! A rate of `n` tokens in `p` nanoseconds is credit: each microsecond of the server's brings `1000 · n`, a token costs
//! `p`, both divided by what they have in common. All are integers, and the script's numbers are doubles, in which
//! those are exact below 2⁵³. A limit that would come near that is refused.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::limiter::{Cost, ExceedsBurst, Limit, Rate};

/// Beyond it no number of a bucket may go, so that sums stay exact, too.
const LARGEST: u128 = 1 << 51;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) limits: Vec<Limit>,
    /// None: nobody counts.
    pub(super) max_in_flight: Option<u32>,
    pub(super) lease: Duration,
    pub(super) use_by: Duration,
}

/// A limit as the script keeps it. An unlimited one is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Credit that comes in a microsecond.
    pub(super) gain: u64,
    /// Credit that a token costs.
    pub(super) unit: u64,
    /// How many tokens may gather.
    pub(super) burst: u32,
}

impl Terms {
    /// Each limit as the script keeps it; nothing if the numbers would be too large for it.
    pub(super) fn measures(&self) -> Option<Vec<Measure>> {
        self.limits.iter().map(|limit| Measure::of(*limit, self.use_by)).collect()
    }

    /// With these changes; nothing if there are none.
    pub(super) fn with(&self, changes: &BTreeMap<usize, Limit>) -> Option<Terms> {
        let mut changed = self.clone();
        for (number, limit) in changes {
            *changed.limits.get_mut(*number)? = *limit;
        }
        (!changes.is_empty()).then_some(changed)
    }

    /// A limit of which the margin takes too much, and the burst with which it would take nothing of the rate.
    pub(super) fn too_tight(&self) -> Option<(Limit, u64)> {
        self.limits.iter().find_map(|limit| {
            let (kept, asked) = (Measure::of(*limit, self.use_by)?, Measure::of(*limit, Duration::ZERO)?);
            let is_tight = u128::from(asked.unit) * 10 < u128::from(kept.unit) * 9;
            let late = self.use_by.as_micros() * u128::from(asked.gain);
            let burst = late.div_ceil(u128::from(asked.unit.max(1))) + 1;
            is_tight.then(|| (*limit, u64::try_from(burst).unwrap_or(u64::MAX)))
        })
    }

    /// How long the state must outlive the latest call: until every bucket is full and every lease is over.
    pub(super) fn kept_for(&self) -> Duration {
        let fill = self.measures().into_iter().flatten().map(Measure::fill).max().unwrap_or_default();
        fill.max(self.lease).saturating_mul(2).saturating_add(Duration::from_secs(60)).min(LONGEST_KEPT)
    }

    /// As it stands in Redis. The same text is the same terms.
    pub(super) fn to_wire(&self) -> String {
        let limits: Vec<String> = self.limits.iter().map(|limit| wire_of(*limit)).collect();
        let Terms { max_in_flight, lease, use_by, .. } = self;
        let cap = max_in_flight.unwrap_or(0);
        format!("1 {cap} {} {} {}", lease.as_micros(), use_by.as_micros(), limits.join(" "))
    }

    /// Nothing if it is of a version that is not known here.
    pub(super) fn from_wire(text: &str) -> Option<Terms> {
        let mut words = text.split_whitespace();
        let mut number = || words.next()?.parse::<u64>().ok();
        let (1, cap, lease, use_by) = (number()?, number()?, number()?, number()?) else {
            return None;
        };
        Some(Terms {
            max_in_flight: u32::try_from(cap).ok().filter(|cap| *cap > 0),
            lease: Duration::from_micros(lease),
            use_by: Duration::from_micros(use_by),
            limits: words.map(limit_of).collect::<Option<_>>()?,
        })
    }
}

/// A year: what is forgotten after it begins empty.
pub(super) const LONGEST_KEPT: Duration = Duration::from_secs(365 * 86_400);

fn wire_of(limit: Limit) -> String {
    let (rate, burst) = limit.parts();
    let (tokens, per) = rate.parts().unwrap_or_default();
    format!("{tokens}/{}/{burst}", per.as_nanos())
}

fn limit_of(text: &str) -> Option<Limit> {
    let mut parts = text.split('/');
    let tokens = parts.next()?.parse().ok()?;
    let nanos = parts.next()?.parse().ok()?;
    let burst = parts.next()?.parse().ok()?;
    let rate = match tokens {
        0 => Rate::UNLIMITED,
        tokens => Rate::new(tokens, Duration::from_nanos(nanos)),
    };
    Some(Limit::new(rate, burst))
}

impl Measure {
    fn of(limit: Limit, use_by: Duration) -> Option<Measure> {
        let (rate, burst) = limit.parts();
        let Ok(Some((tokens, per))) = rate.checked() else {
            return Some(Measure::default());
        };
        let (gain, unit) = (u128::from(tokens) * 1_000, u128::from(per));
        let common = greatest_common_divisor(gain, unit);
        let (gain, unit, burst) = (gain / common, unit / common, u128::from(burst));
        let late = use_by.as_micros() * gain;
        let margin = late.div_ceil(unit);
        let (unit, burst) = if burst > margin {
            (unit, burst - margin)
        } else {
            ((late + 2 * unit).saturating_sub(burst * unit).max(unit), 1)
        };
        if burst * unit > LARGEST || gain > LARGEST {
            return None;
        }
        Some(Measure {
            gain: u64::try_from(gain).ok()?,
            unit: u64::try_from(unit).ok()?,
            burst: u32::try_from(burst).ok()?,
        })
    }

    /// The credit of a full bucket.
    pub(super) fn most(self) -> u64 {
        u64::from(self.burst) * self.unit
    }

    /// So many tokens, or as many as can be counted.
    pub(super) fn countable(self, tokens: u64) -> u64 {
        let most = LARGEST.checked_div(self.unit.into()).unwrap_or(0);
        tokens.min(u64::try_from(most).unwrap_or(u64::MAX))
    }

    fn fill(self) -> Duration {
        Duration::from_micros(self.most().checked_div(self.gain).unwrap_or(0))
    }
}

/// Whether so much could ever be had at once.
pub(super) fn check(measures: &[Measure], cost: &Cost) -> Result<(), ExceedsBurst> {
    let too_much = |(measure, tokens): (&Measure, u32)| {
        (measure.unit > 0 && tokens > measure.burst).then_some(ExceedsBurst { tokens, burst: measure.burst })
    };
    measures.iter().zip(cost.tokens()).find_map(too_much).map_or(Ok(()), Err)
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// `200/s, burst 20; at most 16 in flight; lease 30s; use by 5ms`
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for limit in &self.limits {
            write!(f, "{limit}; ")?;
        }
        if let Some(cap) = self.max_in_flight {
            write!(f, "at most {cap} in flight; ")?;
        }
        write!(f, "lease {:?}; use by {:?}", self.lease, self.use_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(rate: Rate, burst: u32, use_by_ms: u64) -> Measure {
        Measure::of(Limit::new(rate, burst), Duration::from_millis(use_by_ms)).unwrap()
    }

    #[test]
    fn a_large_burst_pays_the_margin_and_a_small_one_the_rate() {
        let two_hundred = Rate::per_second(200);
        assert_eq!(measure(two_hundred, 20, 5), Measure { gain: 1, unit: 5_000, burst: 19 });
        assert_eq!(measure(two_hundred, 2, 5), Measure { gain: 1, unit: 5_000, burst: 1 });
        assert_eq!(measure(two_hundred, 1, 5), Measure { gain: 1, unit: 10_000, burst: 1 });
        assert_eq!(measure(Rate::per_second(1), 1, 5), Measure { gain: 1, unit: 1_005_000, burst: 1 });
        assert_eq!(measure(Rate::per_second(20_000), 1_000, 5).burst, 900);
        assert_eq!(measure(Rate::UNLIMITED, 1, 5), Measure::default());
    }

    /// Two uses as close as they can be, of tokens as close as they can be; three, and so on.
    #[test]
    fn the_bound_holds_by_use_whatever_the_burst() {
        for rate in [1, 7, 200, 999, 5_000, 20_000] {
            for burst in [1, 2, 3, 5, 20, 100, 1_000] {
                let Measure { gain, unit, burst: kept } = measure(Rate::per_second(rate), burst, 5);
                let [gain, unit, kept] = [u128::from(gain), u128::from(unit), u128::from(kept)];
                for n in 1..2_000_u128 {
                    // The window, in credit, of n grants; and by use it is shorter by the time that one may be late.
                    let window = (n.saturating_sub(kept) * unit).saturating_sub(5_000 * gain);
                    let token = 1_000_000 * gain / u128::from(rate);
                    assert!(n * token <= u128::from(burst) * token + window, "{rate}/s b{burst}: {n}");
                }
            }
        }
    }

    #[test]
    fn terms_come_back_from_the_wire_as_they_were() {
        let limits = vec![Limit::new(Rate::per_second(200), 20), Limit::new(Rate::UNLIMITED, 1)];
        let (lease, use_by) = (Duration::from_secs(30), Duration::from_millis(5));
        let terms = Terms { limits, max_in_flight: Some(16), lease, use_by };
        assert_eq!(terms.to_wire(), "1 16 30000000 5000 200/1000000000/20 0/0/1");
        assert_eq!(Terms::from_wire(&terms.to_wire()), Some(terms.clone()));
        assert_eq!(Terms::from_wire("2 16"), None);
        let shown = "200/s, burst 20; unlimited, burst 1; at most 16 in flight; lease 30s; use by 5ms";
        assert_eq!(terms.to_string(), shown);
    }

    #[test]
    fn a_limit_that_the_margin_would_slow_down_is_refused_with_a_burst_that_would_do() {
        let tight = |rate, burst| {
            let limits = vec![Limit::new(Rate::per_second(rate), burst)];
            let (lease, use_by) = (Duration::from_secs(30), Duration::from_millis(5));
            Terms { limits, max_in_flight: None, lease, use_by }.too_tight().map(|(_, burst)| burst)
        };
        assert_eq!(
            [tight(200, 1), tight(200, 2), tight(20, 1), tight(30, 1)],
            [Some(2), None, None, Some(2)]
        );
        assert_eq!([tight(20_000, 20), tight(20_000, 101)], [Some(101), None]);
    }

    #[test]
    fn what_a_double_cannot_count_is_refused() {
        let limit = Limit::new(Rate::new(7, Rate::LONGEST), 1);
        assert_eq!(Measure::of(limit, Duration::ZERO), None);
    }
}
