//! What stands on the command line, as values: one small parser a file, each pure.
//!
//! A parser says what is wrong and what would be right; [`options`](crate::options) puts the option's name
//! and the value in front of it: `--rate 10/x: unknown unit 'x' (use s, m, h or d)`.

pub(crate) mod at_most;
pub(crate) mod duration;
pub(crate) mod meant;
pub(crate) mod percent;
pub(crate) mod rate;
pub(crate) mod request;
pub(crate) mod share;
pub(crate) mod size;
pub(crate) mod statuses;
pub(crate) mod url;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A whole number within `allowed`.
pub(crate) fn whole<T>(text: &str, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = digits(text).then(|| text.parse::<T>().ok()).flatten();
    number.filter(|number| allowed.contains(number)).ok_or_else(|| {
        let (least, most) = allowed.into_inner();
        format!("use a whole number from {least} to {most}")
    })
}

/// Whether `text` is one or more decimal digits: no sign, no blank, which `parse` might let pass.
pub(crate) fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal number as the exact fraction that it is: `1.5` is 3 over 2.
fn fraction(text: &str) -> Option<(u64, u64)> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let decimals = decimals.trim_end_matches('0');
    let scale = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let decimals = if decimals.is_empty() { 0 } else { decimals.parse().ok()? };
    let numerator = whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(decimals)?;
    let divisor = greatest_common_divisor(numerator, scale);
    Some((numerator / divisor, scale / divisor))
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_digits_within_their_bounds() {
        for (text, number) in [("1", Some(1)), ("1024", Some(1024)), ("007", Some(7))] {
            assert_eq!(whole(text, 1..=1024_u32).ok(), number, "{text}");
        }
        for text in ["", "0", "1025", "+5", "-5", " 5", "5 ", "1e3", "five", "99999999999999999999"] {
            let error = whole(text, 1..=1024_u32).unwrap_err();
            assert_eq!(error, "use a whole number from 1 to 1024", "{text}");
        }
    }

    #[test]
    fn decimals_are_exact_fractions_in_lowest_terms() {
        let cases = [
            ("1", Some((1, 1))),
            ("1.5", Some((3, 2))),
            ("0.5", Some((1, 2))),
            ("0.1", Some((1, 10))),
            ("2.50", Some((5, 2))),
            ("10.0", Some((10, 1))),
            ("0", Some((0, 1))),
            ("0.3333333333", Some((3_333_333_333, 10_000_000_000))),
            ("", None),
            (".5", None),
            ("1.", None),
            ("1.5.5", None),
            ("-1", None),
            ("1,5", None),
            ("1e3", None),
            ("0.00000000000000000001", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(fraction(text), expected, "{text}");
        }
    }
}
