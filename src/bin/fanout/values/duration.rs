//! `500ms`, `10s`, `1.5s`, `2m`, `1h30m`.

#[cfg(feature = "redis")]
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{fraction, meant};

/// From long to short, which is also the order they are written in: `1h30m`.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A span of time that is more than nothing. Each number needs its unit: `10` might be anything.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    strict(text).map_err(|error| meant::or_hint(text, error, meant::units, strict))
}

/// One of these; else `right` says which it may be, also for none at all.
#[cfg(feature = "redis")]
pub(crate) fn within(text: &str, may: RangeInclusive<Duration>, right: &str) -> Result<Duration, String> {
    match strict_or_none(text) {
        Ok(span) if may.contains(&span) => Ok(span),
        Ok(_) => Err(right.to_owned()),
        Err(_) => parse(text),
    }
}

pub(super) fn strict(text: &str) -> Result<Duration, String> {
    match strict_or_none(text)? {
        Duration::ZERO => Err("no time at all (use more than 0)".to_owned()),
        span => Ok(span),
    }
}

fn strict_or_none(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut nanos: u64 = 0;
    let mut allowed = &UNITS[..];
    while !rest.is_empty() {
        let number = take_while(&mut rest, |c| c.is_ascii_digit() || c == '.');
        let unit = take_while(&mut rest, |c| !c.is_ascii_digit() && c != '.');
        let (count, parts) =
            fraction(number).ok_or("not a span of time (use for instance 500ms, 10s, 2m or 1h30m)")?;
        if unit.is_empty() && count == 0 {
            return Err("no time at all (use more than 0, with a unit, as in 10s)".to_owned());
        }
        if unit.is_empty() {
            return Err(format!("'{number}' has no unit (use for instance {number}s or {number}ms)"));
        }
        let Some(place) = allowed.iter().position(|(name, _)| *name == unit) else {
            return Err(match UNITS.iter().any(|(name, _)| *name == unit) {
                true => "units go from long to short, each once (as in 1h30m)".to_owned(),
                false => format!("unknown unit '{}' (use ms, s, m, h or d)", unit.escape_debug()),
            });
        };
        // A fraction of a nanosecond is cut off.
        let span = u128::from(count) * u128::from(allowed[place].1) / u128::from(parts);
        nanos = u64::try_from(span)
            .ok()
            .and_then(|span| nanos.checked_add(span))
            .ok_or("longer than 584 years (use less)")?;
        allowed = &allowed[place + 1..];
    }
    match text {
        "" => Err("no span of time (use for instance 500ms, 10s, 2m or 1h30m)".to_owned()),
        _ => Ok(Duration::from_nanos(nanos)),
    }
}

/// As people read it: `250ms`, `8s`, `1.5s`, `2h 46m`, `99d`. From a minute on in the two largest units; what
/// is left beyond that is rounded up, so that what takes at least so long can be done in the time shown.
pub(crate) fn shown(span: Duration) -> String {
    const MINUTE: Duration = Duration::from_secs(60);
    if span < MINUTE {
        let millis = span.as_nanos().div_ceil(1_000_000);
        return if millis < 1_000 { format!("{millis}ms") } else { format!("{}s", millis as f64 / 1_000.0) };
    }
    let seconds = u128::from(span.as_secs()) + u128::from(span.subsec_nanos() > 0);
    let minutes = seconds.div_ceil(60);
    let hours = minutes.div_ceil(60);
    let (large, small, units) = match () {
        () if seconds < 3_600 => (seconds / 60, seconds % 60, ["m", "s"]),
        () if minutes < 24 * 60 => (minutes / 60, minutes % 60, ["h", "m"]),
        () => (hours / 24, hours % 24, ["d", "h"]),
    };
    let small = if small == 0 { String::new() } else { format!(" {small}{}", units[1]) };
    format!("{large}{}{small}", units[0])
}

/// Cuts off, and gives back, the start of `rest` for which `wanted` holds.
fn take_while<'a>(rest: &mut &'a str, wanted: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_sums_of_numbers_with_units() {
        let cases = [
            ("500ms", Duration::from_millis(500)),
            ("10s", Duration::from_secs(10)),
            ("1.5s", Duration::from_millis(1_500)),
            ("2m", Duration::from_secs(120)),
            ("1h30m", Duration::from_secs(5_400)),
            ("1d", Duration::from_secs(86_400)),
            ("1m0s", Duration::from_secs(60)),
            ("1s500ms", Duration::from_millis(1_500)),
            ("250us", Duration::from_micros(250)),
            ("1ns", Duration::from_nanos(1)),
        ];
        for (text, span) in cases {
            assert_eq!(parse(text), Ok(span), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_two_units_and_never_too_short() {
        let cases = [
            (Duration::ZERO, "0ms"),
            (Duration::from_nanos(333_333_334), "334ms"),
            (Duration::from_millis(1_500), "1.5s"),
            (Duration::from_secs(8), "8s"),
            (Duration::from_nanos(60_000_000_001), "1m 1s"),
            (Duration::from_secs(9_960), "2h 46m"),
            (Duration::from_secs(9_961), "2h 47m"),
            (Duration::from_secs(86_399), "1d"),
            (Duration::from_secs(8_553_600), "99d"),
            (Duration::from_secs(8_553_601), "99d 1h"),
        ];
        for (span, text) in cases {
            assert_eq!(shown(span), text, "{span:?}");
        }
    }

    #[test]
    fn what_is_no_span_is_told_what_would_be_one() {
        let cases = [
            ("10", "'10' has no unit (use for instance 10s or 10ms)"),
            ("1h30", "'30' has no unit"),
            ("", "no span of time"),
            ("s", "not a span of time"),
            ("-1s", "not a span of time"),
            ("1.s", "not a span of time"),
            ("10x", "unknown unit 'x' (use ms, s, m, h or d)"),
            ("10 s", "unknown unit ' s' (did you mean 10s?)"),
            ("10S", "unknown unit 'S' (did you mean 10s?)"),
            ("5 min", "unknown unit ' min' (did you mean 5m?)"),
            ("1,5s", "unknown unit ',' (did you mean 1.5s?)"),
            ("30m1h", "units go from long to short"),
            ("1s1s", "units go from long to short"),
            ("0", "no time at all (use more than 0, with a unit, as in 10s)"),
            ("0s", "no time at all"),
            ("0.1ns", "no time at all"),
            ("213504d", "longer than 584 years"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
