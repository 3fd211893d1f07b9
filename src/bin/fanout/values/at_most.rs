//! `5000/h`, `100/10s`.

use fanout::Limit;

use super::{digits, duration, meant, whole};

/// So many requests in any window of a length.
pub(crate) fn parse(text: &str) -> Result<Limit, String> {
    strict(text).map_err(|error| meant::or_hint(text, error, meant::units, strict))
}

fn strict(text: &str) -> Result<Limit, String> {
    let Some((number, window)) = text.split_once('/') else {
        return Err("no window behind it (use N/DUR, as in 5000/h or 100/10s)".to_owned());
    };
    if digits(number) && number.bytes().all(|digit| digit == b'0') {
        return Err("at most 0 never sends anything (use 1 or more)".to_owned());
    }
    let number =
        whole(number, 1..=u32::MAX).map_err(|error| format!("not a number of requests ({error})"))?;
    let is_unit = window.starts_with(|first: char| first.is_ascii_alphabetic());
    let window = if is_unit { duration::strict(&format!("1{window}")) } else { duration::strict(window) };
    Ok(Limit::at_most(number, window?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_window_is_a_span_of_time_or_a_unit_of_it() {
        let seconds = Duration::from_secs;
        let cases = [
            ("10/s", 10, seconds(1)),
            ("600/m", 600, seconds(60)),
            ("5000/h", 5_000, seconds(3_600)),
            ("5000/1h", 5_000, seconds(3_600)),
            ("7/d", 7, seconds(86_400)),
            ("100/10s", 100, seconds(10)),
            ("1/1h30m", 1, seconds(5_400)),
            ("3/500ms", 3, Duration::from_millis(500)),
        ];
        for (text, number, window) in cases {
            assert_eq!(parse(text), Ok(Limit::at_most(number, window)), "{text}");
        }
    }

    #[test]
    fn what_is_no_window_is_told_what_would_be_one() {
        let cases = [
            ("5000", "no window behind it (use N/DUR, as in 5000/h or 100/10s)"),
            ("none", "no window behind it"),
            ("", "no window behind it"),
            ("0/h", "at most 0 never sends anything (use 1 or more)"),
            ("-1/h", "not a number of requests (use a whole number from 1 to 4294967295)"),
            ("1.5/h", "not a number of requests"),
            ("/h", "not a number of requests"),
            ("4294967296/h", "not a number of requests"),
            ("10/", "no span of time"),
            ("5,000 per hour", "no window behind it (did you mean 5000/h?)"),
            ("10/x", "unknown unit 'x' (use ms, s, m, h or d)"),
            ("10/10", "'10' has no unit (use for instance 10s or 10ms)"),
            ("10/0s", "no time at all"),
            ("10/-1s", "not a span of time"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
