//! Numbers as people read them: with as many figures as mean something, and a unit.

use std::time::Duration;

/// `12,345`
pub(crate) fn count(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `9,999`, `12k`, `1.5M`: beside a chart, where there is little room.
pub(crate) fn short(number: u64) -> String {
    match number {
        ..10_000 => count(number),
        10_000..1_000_000 => trimmed(number as f64 / 1e3, 1) + "k",
        1_000_000..1_000_000_000 => trimmed(number as f64 / 1e6, 2) + "M",
        _ => trimmed(number as f64 / 1e9, 2) + "G",
    }
}

/// `1 request`, `12,345 requests`
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `85 µs`, `12.3 ms`, `4.02 s`, `2 min 5 s`, `5 h 33 min`, `2 d 3 h`
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = time.as_secs();
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {small_unit}"),
    };
    match whole {
        _ if time.is_zero() => "0 s".to_owned(),
        _ if seconds < 999.5e-6 => format!("{} µs", figures(seconds * 1e6)),
        _ if seconds < 0.9995 => format!("{} ms", figures(seconds * 1e3)),
        0..60 => format!("{} s", figures(seconds)),
        60..3_600 => two(whole / 60, "min", whole % 60, "s"),
        3_600..86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

/// `512 B`, `12.3 KiB`, `1.5 GiB`
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1_024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if amount < 999.5 {
            break;
        }
        (amount, unit) = (amount / 1_024.0, larger);
    }
    format!("{} {unit}", figures(amount))
}

/// Three figures, or all of those before the point: `0.123`, `4.02`, `12.3`, `1,234`.
pub(crate) fn figures(number: f64) -> String {
    if number >= 999.5 {
        return count(number.round() as u64);
    }
    let places = match number.abs() {
        ..0.9995 => 3,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    trimmed(number, places)
}

/// So many decimal places at most: `12.5`, `3`.
pub(crate) fn trimmed(number: f64, places: usize) -> String {
    let text = format!("{number:.places$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `45 %`, `0.2 %`, `< 0.1 %`
pub(crate) fn share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    match percent {
        _ if part == 0 => "0 %".to_owned(),
        ..0.1 => "< 0.1 %".to_owned(),
        ..10.0 => format!("{} %", trimmed(percent, 1)),
        // Not all, and so not 100.
        _ if part < whole => format!("{} %", trimmed(percent.min(99.9), usize::from(percent > 99.0))),
        _ => "100 %".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(count(number as u64), text);
        }
        let cases = [(0, "0"), (9_999, "9,999"), (12_500, "12.5k"), (1_500_000, "1.5M"), (7 << 30, "7.52G")];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
        assert_eq!(counted(1, "id", "ids") + " " + &counted(0, "id", "ids"), "1 id 0 ids");
    }

    #[test]
    fn times_have_three_figures_or_two_units() {
        let cases = [
            (0, "0 s"),
            (85_000, "85 µs"),
            (999_600, "1 ms"),
            (12_345_000, "12.3 ms"),
            (999_700_000, "1 s"),
            (4_018_000_000, "4.02 s"),
            (59_960_000_000, "60 s"),
            (125_000_000_000, "2 min 5 s"),
            (120_000_000_000, "2 min"),
            (20_000_000_000_000, "5 h 33 min"),
            (183_600_000_000_000, "2 d 3 h"),
        ];
        for (nanos, text) in cases {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn sizes_and_shares_are_short() {
        let cases =
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (12_600, "12.3 KiB"), (u64::MAX, "16 EiB")];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
        let cases = [
            (0, 7, "0 %"),
            (1, 10_000, "< 0.1 %"),
            (2, 1_000, "0.2 %"),
            (45, 100, "45 %"),
            (99_999, 100_000, "99.9 %"),
            (7, 7, "100 %"),
            (0, 0, "0 %"),
        ];
        for (part, whole, text) in cases {
            assert_eq!(share(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn figures_are_those_that_mean_something() {
        for (number, text) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (4.018, "4.02"),
            (12.34, "12.3"),
            (456.7, "457"),
            (1234.5, "1,235"),
        ] {
            assert_eq!(figures(number), text);
        }
        assert_eq!(trimmed(-0.001, 2), "0");
        assert_eq!(trimmed(120.0, 0), "120");
    }
}
