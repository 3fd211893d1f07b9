//! What was probably meant by a value that is none: other words for the units, blanks, and marks between digits.
//!
//! Each parser is strict, and this is only asked when it has refused. What comes out is shown if the parser takes it.

/// The error, with what would be right in the place of an example: `unknown unit 'sec' (did you mean 10/s?)`.
pub(crate) fn or_hint<T>(
    text: &str,
    error: String,
    guess: impl Fn(&str) -> String,
    parse: impl Fn(&str) -> Result<T, String>,
) -> String {
    let guess = guess(text);
    if guess == text || parse(&guess).is_err() {
        return error;
    }
    let what = error.rsplit_once(" (").map_or(error.as_str(), |(what, _)| what);
    format!("{what} (did you mean {guess}?)")
}

/// `10 seconds` as `10s`, `1,000 per hour` as `1000/h`.
pub(super) fn units(text: &str) -> String {
    let text = without_commas(&text.to_lowercase().replace([' ', '\t', '_'], "").replace("per", "/"));
    let mut rest = text.as_str();
    let mut plain = String::new();
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphabetic();
        let end = rest.find(|c: char| c.is_alphabetic() != is_word).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        plain += if is_word { unit(part) } else { part };
        rest = behind;
    }
    plain
}

/// A comma before three digits sets thousands apart, and any other is a decimal point.
fn without_commas(text: &str) -> String {
    let mut parts = text.split(',');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        plain += if digits == 3 { "" } else { "." };
        plain += part;
    }
    plain
}

/// As the parsers know it.
fn unit(word: &str) -> &str {
    match word {
        "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{duration, rate};

    #[test]
    fn units_have_other_names() {
        for (text, plain) in [
            ("10 seconds", "10s"),
            ("1,000 per hour", "1000/h"),
            ("1 HOUR 30 min", "1h30m"),
            ("10/S", "10/s"),
            ("1,5s", "1.5s"),
            ("1,000,000/d", "1000000/d"),
            ("ünits", "ünits"),
            ("", ""),
        ] {
            assert_eq!(units(text), plain, "{text}");
        }
    }

    #[test]
    fn a_guess_is_shown_only_if_it_is_right() {
        let hint = |text: &str| or_hint(text, "wrong (use 1s)".to_owned(), units, duration::strict);
        assert_eq!(hint("10 sec"), "wrong (did you mean 10s?)");
        assert_eq!(hint("ten sec"), "wrong (use 1s)");
        assert_eq!(hint("10x"), "wrong (use 1s)");
        assert!(rate::parse("10 / sec").unwrap_err().ends_with(" (did you mean 10/s?)"));
    }
}
