//! Numbers and spans of time, as headers write them: `2`, `1.5`, `120ms`, `6m0s`. Exact, rounded up, and saturating.

use std::time::Duration;

pub(super) const BILLION: u128 = 1_000_000_000;

/// Each unit of a span in nanoseconds.
const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", BILLION),
    ("m", 60 * BILLION),
    ("h", 3_600 * BILLION),
    ("d", 86_400 * BILLION),
];

/// A decimal number without sign or exponent, in billionths and rounded up. What is too large is the largest.
pub(super) fn billionths(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let digits = fraction.bytes().map(|digit| u128::from(digit - b'0'));
    let nine = digits.clone().chain(std::iter::repeat(0)).take(9).fold(0, |sum, digit| sum * 10 + digit);
    let more = digits.skip(9).any(|digit| digit > 0);
    Some(u128::from(whole) * BILLION + nine + u128::from(more))
}

/// So many billionths of a second.
pub(super) fn from_billionths(number: u128) -> Duration {
    let nanos = u32::try_from(number % BILLION).unwrap_or_default();
    Duration::new(u64::try_from(number / BILLION).unwrap_or(u64::MAX), nanos)
}

/// `2` or `1.5`.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    billionths(text).map(from_billionths)
}

/// `1500`, or a part of it.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    billionths(text).map(|number| from_billionths(number.div_ceil(1_000)))
}

/// `1m30.5s`: numbers, each with its unit, as Go prints durations and OpenAI sends them.
pub(super) fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_before(rest, |byte| !byte.is_ascii_digit() && byte != b'.')?;
        let (unit, after) = split_before(after, |byte| !byte.is_ascii_alphabetic()).unwrap_or((after, ""));
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = sum.saturating_add(billionths(number)?.saturating_mul(*nanos).div_ceil(BILLION));
        rest = after;
    }
    (!text.is_empty()).then(|| from_billionths(sum))
}

/// The text before and from the first byte that ends it.
fn split_before(text: &str, ends: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().position(ends)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn numbers_are_read_exactly_and_rounded_up() {
        for (text, nanos) in [
            ("0", 0),
            ("2", 2_000_000_000),
            ("2.0", 2_000_000_000),
            ("1.5", 1_500_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
            ("0.0000000001", 1),
            ("0.1234567891", 123_456_790),
            ("007", 7_000_000_000),
        ] {
            assert_eq!(seconds(text), Some(Duration::from_nanos(nanos)), "{text:?}");
        }
        assert_eq!(milliseconds("1500"), Some(SECOND * 3 / 2));
        assert_eq!(milliseconds("0.0000001"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", ".", " 1", "1 ", "-1", "+1", "1e3", "NaN", "inf", "1,5", "1.2.3", "0x10", "١", "1s"]
        {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_the_largest() {
        let huge = "9".repeat(10_000);
        assert_eq!(seconds(&huge), Some(Duration::from_secs(u64::MAX)));
        assert!(span(&format!("{huge}d{huge}h")).unwrap() > Duration::from_secs(u64::MAX / 2));
    }

    #[test]
    fn spans_are_added_up() {
        for (text, wait) in [
            ("1s", SECOND),
            ("6m0s", SECOND * 360),
            ("1m30.5s", SECOND * 181 / 2),
            ("120ms", SECOND * 120 / 1_000),
            ("1h2m3s", SECOND * 3_723),
            ("1d", SECOND * 86_400),
            ("200us", Duration::from_micros(200)),
        ] {
            assert_eq!(span(text), Some(wait), "{text:?}");
        }
        for text in ["", "1", "s", "1x", "1m30", "-1s", "1 s", "m1s", "1..2s", "1sm"] {
            assert_eq!(span(text), None, "{text:?}");
        }
    }
}
