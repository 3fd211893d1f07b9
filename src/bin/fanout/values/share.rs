//! `5`, `0.5`: a share in percent.

use super::fraction;

/// The finest share: a millionth of a percent.
const MOST_PARTS: u64 = 1_000_000;

/// A share, as the exact fraction that it is: 0.5 % is 1 in 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    part: u64,
    of: u64,
}

impl Share {
    pub(crate) const NONE: Share = Share { part: 0, of: 1 };

    /// Whether `draw`, one of 2⁶⁴ that are equally likely, is among those of this share.
    pub(crate) fn holds(self, draw: u64) -> bool {
        // Both products fit: neither number is more than 100 million.
        u128::from(draw) * u128::from(self.of) < u128::from(self.part) << 64
    }
}

/// A number of percent, from 0 to 100.
pub(crate) fn parse(text: &str) -> Result<Share, String> {
    match fraction(text) {
        Some((percent, parts)) if percent <= parts.saturating_mul(100) => match parts <= MOST_PARTS {
            true => Ok(Share { part: percent, of: parts * 100 }),
            false => Err("too many digits (use at most six behind the point)".to_owned()),
        },
        _ => Err("use a number from 0 to 100, as in 5 or 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_as_many_draws_as_it_says() {
        // One from the middle of each thousandth.
        let draw = |number: u64| u64::MAX / 1_000 * number + u64::MAX / 2_000;
        for (text, part) in [("5", 50), ("0.5", 5), ("50.0", 500), ("99.9", 999), ("0.100000", 1)] {
            let share = parse(text).unwrap();
            let held = (0..1_000).filter(|number| share.holds(draw(*number))).count();
            assert_eq!(held, part, "{text}");
        }
        assert!(!parse("0").unwrap().holds(0) && !Share::NONE.holds(0));
        assert!(parse("100").unwrap().holds(u64::MAX));
        assert!(parse("99.999999").unwrap().holds(0) && !parse("99.999999").unwrap().holds(u64::MAX));
    }

    #[test]
    fn what_is_no_share_is_told_what_would_be_one() {
        for text in ["", "-1", "100.000001", "101", "5%", "five", ".5", "5.", "1e1", "99999999999999999999"] {
            assert_eq!(parse(text).unwrap_err(), "use a number from 0 to 100, as in 5 or 0.5", "{text}");
        }
        assert!(parse("0.1234567").unwrap_err().starts_with("too many digits"));
    }
}
