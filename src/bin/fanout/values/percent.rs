//! `10%`.

use super::digits;

/// A whole number of percent, which may be more than a hundred.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').ok_or("no % behind it (use for instance 10%)")?;
    if !digits(number) {
        return Err("not a whole number of percent (use for instance 10%)".to_owned());
    }
    number.parse().map_err(|_| format!("too large (use at most {}%)", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_whole_numbers_with_their_sign() {
        for (text, percent) in [("0%", 0), ("10%", 10), ("250%", 250), ("4294967295%", u32::MAX)] {
            assert_eq!(parse(text), Ok(percent), "{text}");
        }
        let cases = [
            ("10", "no % behind it (use for instance 10%)"),
            ("", "no % behind it"),
            ("%", "not a whole number of percent (use for instance 10%)"),
            ("-1%", "not a whole number"),
            ("2.5%", "not a whole number"),
            ("10 %", "not a whole number"),
            ("4294967296%", "too large (use at most 4294967295%)"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
