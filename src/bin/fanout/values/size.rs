//! `10MiB`, `64K`, `512`.

use super::{digits, meant};

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
    strict(text).map_err(|error| meant::or_hint(text, error, guess, strict))
}

/// `10 MB` as `10M`.
fn guess(text: &str) -> String {
    let plain = text.to_uppercase().replace([' ', ',', '_'], "");
    match plain.strip_suffix('B').filter(|number| number.ends_with(['K', 'M', 'G', 'T'])) {
        Some(number) => number.to_owned(),
        None => plain,
    }
}

fn strict(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if digits(number) && unit.starts_with('.') {
        return Err("not a whole number (use a smaller unit: 1536K for 1.5M)".to_owned());
    }
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

/// As people read it: `512 B`, `16 KiB`, `80.8 MiB`. Rounded up, so that a bound stays one.
pub(crate) fn shown(bytes: u128) -> String {
    const SHOWN: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    while bytes >> (10 * unit) >= 1_024 && unit + 1 < SHOWN.len() {
        unit += 1;
    }
    let tenths = bytes.saturating_mul(10).div_ceil(1 << (10 * unit));
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {}", SHOWN[unit]),
        (whole, tenth) => format!("{whole}.{tenth} {}", SHOWN[unit]),
    }
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
    fn sizes_are_shown_with_one_digit_and_never_too_small() {
        let cases = [
            (0, "0 B"),
            (512, "512 B"),
            (1_024, "1 KiB"),
            (1_025, "1.1 KiB"),
            (10 << 20, "10 MiB"),
            ((10 << 20) + 1, "10.1 MiB"),
            (3 << 30, "3 GiB"),
            (1 << 64, "16 EiB"),
            (1 << 70, "1024 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(shown(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_what_would_be_one() {
        let cases = [
            ("", "not a size"),
            ("K", "not a size"),
            ("-1", "not a size"),
            ("10KB", "unknown unit 'KB' (did you mean 10K?)"),
            ("10x", "unknown unit 'x' (use K, M, G or KiB, MiB, GiB: powers of 1024)"),
            ("1.5M", "not a whole number (use a smaller unit: 1536K for 1.5M)"),
            ("10 M", "unknown unit ' M' (did you mean 10M?)"),
            ("99999999999999999999", "larger than 16 EiB"),
            ("18014398509481984K", "larger than 16 EiB"),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
