//! `10MiB`, `64K`, `512`.

use super::digits;

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("K", 1 << 10),
    ("KIB", 1 << 10),
    ("M", 1 << 20),
    ("MIB", 1 << 20),
    ("G", 1 << 30),
    ("GIB", 1 << 30),
    ("T", 1 << 40),
    ("TIB", 1 << 40),
];

/// A number of bytes. Units are powers of 1024, in either case.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if !digits(number) {
        return Err("not a size (use for instance 512, 64K or 10MiB)".to_owned());
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        let unit = unit.escape_debug();
        return Err(format!("unknown unit '{unit}' (use K, M, G or KiB, MiB, GiB: powers of 1024)"));
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes));
    size.ok_or_else(|| "larger than 16 EiB (use less)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let cases = [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64K", 65_536),
            ("64k", 65_536),
            ("64KiB", 65_536),
            ("10MiB", 10_485_760),
            ("10M", 10_485_760),
            ("1G", 1 << 30),
            ("1gib", 1 << 30),
            ("2T", 2 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_what_would_be_one() {
        let cases = [
            ("", "not a size"),
            ("K", "not a size"),
            ("-1", "not a size"),
            ("10KB", "unknown unit 'KB' (use K, M, G or KiB, MiB, GiB: powers of 1024)"),
            ("1.5M", "unknown unit '.5M'"),
            ("10 M", "unknown unit ' M'"),
            ("99999999999999999999", "larger than 16 EiB"),
            ("18014398509481984K", "larger than 16 EiB"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
