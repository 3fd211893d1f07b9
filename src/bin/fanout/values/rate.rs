//! `10/s`, `0.5/s`, `1.5`, `5000/h`, `none`.

use std::time::Duration;

use fanout::Rate;

use super::{fraction, meant};

/// A rate. A decimal becomes an exact fraction: `1.5/s` is 3 in 2 seconds.
pub(crate) fn parse(text: &str) -> Result<Rate, String> {
    strict(text).map_err(|error| meant::or_hint(text, error, guess, strict))
}

/// A rate as it was given, if that was a decimal: exact as it is, `1/2s` is not what people know `0.5/s` by.
pub(crate) fn shown(text: &str, rate: Rate) -> String {
    match (text.contains('.'), text.contains('/')) {
        (true, true) => text.to_owned(),
        (true, false) => format!("{text}/s"),
        (false, _) => rate.to_string(),
    }
}

/// `10 per second` as `10/s`, `10s` and `10 rps` as `10/s`, `unlimited` as `none`.
fn guess(text: &str) -> String {
    let plain = meant::units(text);
    if ["unlimited", "infinite", "infinity", "inf", "off", "no"].contains(&plain.as_str()) {
        return "none".to_owned();
    }
    let (number, unit) = plain.split_at(plain.find(|c: char| c.is_alphabetic()).unwrap_or(plain.len()));
    match unit {
        // 1e9, which is a number for some.
        _ if unit.starts_with('e') => match plain.parse::<f64>() {
            Ok(number) if number.fract() == 0.0 => format!("{number}"),
            _ => plain,
        },
        "rps" | "qps" | "/sec" => format!("{number}/s"),
        "s" | "m" | "h" | "d" if !number.ends_with('/') => format!("{number}/{unit}"),
        _ => plain,
    }
}

fn strict(text: &str) -> Result<Rate, String> {
    if text == "none" {
        return Ok(Rate::UNLIMITED);
    }
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ if unit.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(format!("a rate is per s, m, h or d (for any other span there is --at-most {text})"));
        }
        "" => return Err("no unit behind the / (use s, m, h or d, as in 10/s)".to_owned()),
        _ => {
            return Err(format!("unknown unit '{}' (use s, m, h or d)", unit.escape_debug()));
        }
    };
    let Some((tokens, units)) = fraction(number) else {
        return Err("not a number of requests (use for instance 10/s, 0.5/s, 5000/h, or none)".to_owned());
    };
    if tokens == 0 {
        return Err("a rate of 0 never sends anything (use more than 0, or none for no limit)".to_owned());
    }
    let Ok(tokens) = u32::try_from(tokens) else {
        return Err(format!(
            "too large, or too many digits (use at most {}, or none for no limit)",
            u32::MAX
        ));
    };
    match units.checked_mul(unit).map(Duration::from_secs) {
        Some(per) if per <= Rate::LONGEST => Ok(Rate::new(tokens, per)),
        _ => Err("slower than one request in 584 years (use more)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact() {
        let second = Duration::from_secs(1);
        let cases = [
            ("10", Rate::per_second(10)),
            ("10/s", Rate::per_second(10)),
            ("1.5", Rate::new(3, 2 * second)),
            ("1.5/s", Rate::new(3, 2 * second)),
            ("0.5/s", Rate::new(1, 2 * second)),
            ("0.1/m", Rate::new(1, 600 * second)),
            ("90/m", Rate::new(90, 60 * second)),
            ("5000/h", Rate::new(5_000, 3_600 * second)),
            ("7/d", Rate::new(7, 86_400 * second)),
            ("4294967295/s", Rate::per_second(u32::MAX)),
            ("none", Rate::UNLIMITED),
        ];
        for (text, rate) in cases {
            assert_eq!(parse(text), Ok(rate), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_told_what_would_be_one() {
        let cases = [
            ("10/x", "unknown unit 'x' (use s, m, h or d)"),
            ("10/", "no unit behind the / (use s, m, h or d, as in 10/s)"),
            ("10/5m", "a rate is per s, m, h or d (for any other span there is --at-most 10/5m)"),
            ("1e9", "not a number of requests (did you mean 1000000000?)"),
            ("unlimited", "not a number of requests (did you mean none?)"),
            ("ten", "not a number of requests"),
            ("", "not a number of requests"),
            ("-1/s", "not a number of requests"),
            ("/s", "not a number of requests"),
            ("None", "not a number of requests"),
            ("0", "a rate of 0 never sends"),
            ("0.0/h", "a rate of 0 never sends"),
            ("4294967296", "too large, or too many digits"),
            ("33.3333333333", "too large, or too many digits"),
            ("0.0000000000001/d", "slower than one request in 584 years"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
