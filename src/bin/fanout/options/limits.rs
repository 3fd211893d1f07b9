//! Which --burst belongs to which --rate, and all limits together.

use fanout::{Limit, MAX_LIMITS};

use crate::cli::{LimitArg, LimitArgs};
use crate::exit::UsageError;
use crate::limits::Limits;
use crate::values::{at_most, rate};

use super::value::{quota, value};

/// A burst is for the rate before it. Where there is only one rate, it may stand before that as well.
pub(super) fn limits(LimitArgs(args): &LimitArgs) -> Result<Limits, UsageError> {
    let mut limits = Vec::new();
    for (rate, burst) in pairs(args)? {
        let quota = quota(["rate", "burst"], rate, burst)?;
        limits.push((
            Limit::new(quota.rate, quota.burst),
            format!("{}, burst {}", rate::shown(rate, quota.rate), quota.burst),
        ));
    }
    for arg in args {
        if let LimitArg::AtMost(text) = arg {
            let limit = value("at-most", text, at_most::parse)?;
            limits.push((limit, limit.to_string()));
        }
    }
    let limits = Limits::given(limits);
    match limits.count() {
        ..=MAX_LIMITS => Ok(limits),
        count => Err(UsageError::new(format!(
            "--rate, --at-most: {count} limits, and {MAX_LIMITS} can be kept at once (leave some out)"
        ))),
    }
}

/// Each rate with its burst.
fn pairs(args: &[LimitArg]) -> Result<Vec<(&str, Option<&str>)>, UsageError> {
    let rates = args.iter().filter_map(|arg| match arg {
        LimitArg::Rate(rate) => Some((rate.as_str(), None)),
        _ => None,
    });
    let mut pairs: Vec<(&str, Option<&str>)> = rates.collect();
    let only = (pairs.len() == 1).then_some(0);
    let mut latest = None;
    for arg in args {
        match arg {
            LimitArg::Rate(_) => latest = Some(latest.map_or(0, |latest| latest + 1)),
            LimitArg::Burst(burst) => match latest.or(only).and_then(|place| pairs.get_mut(place)) {
                Some((_, its @ None)) => *its = Some(burst),
                Some((rate, Some(_))) => {
                    let rate = rate.escape_debug();
                    let error = format!("--rate {rate} has a burst already (one behind each --rate)");
                    return value("burst", burst, |_| Err(error.clone()));
                }
                None => {
                    let error = "before the first of several --rate (put it behind the one it is for)";
                    return value("burst", burst, |_| Err(error.to_owned()));
                }
            },
            LimitArg::AtMost(_) => {}
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--rate 1/s --burst 2` and so on, as limits or as an error.
    fn shown(line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let arg = |words: &[&str]| match words {
            ["--rate", text] => LimitArg::Rate((*text).to_owned()),
            ["--burst", text] => LimitArg::Burst((*text).to_owned()),
            ["--at-most", text] => LimitArg::AtMost((*text).to_owned()),
            other => panic!("{other:?}"),
        };
        match limits(&LimitArgs(words.chunks(2).map(arg).collect())) {
            Ok(limits) => limits.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_burst_belongs_to_the_rate_before_it_or_to_the_only_one() {
        let cases = [
            ("--rate 10/s", "10/s, burst 20"),
            ("--rate 10/s --burst 5", "10/s, burst 5"),
            ("--burst 5 --rate 10/s", "10/s, burst 5"),
            ("--rate 10/s --rate 100/m --burst 7", "10/s, burst 20; 100/m, burst 7"),
            ("--rate 10/s --burst 7 --rate 100/m", "10/s, burst 7; 100/m, burst 3"),
            ("--rate 10/s --at-most 50/h --burst 7", "10/s, burst 7; at most 50/h, burst 5"),
            (
                "--at-most 50/h --rate 10/s --at-most 500/d",
                "10/s, burst 20; at most 50/h, burst 5; at most 500/d, burst 50",
            ),
            ("--rate none --at-most 50/h", "at most 50/h, burst 5"),
            ("--rate none", "no rate limit"),
            ("--rate 0.5/s", "0.5/s, burst 1"),
            ("--rate 1.5 --burst 4", "1.5/s, burst 4"),
            ("--rate 0.60/m --rate 90.0/h", "0.60/m, burst 1; 90.0/h, burst 1"),
        ];
        for (line, limits) in cases {
            assert_eq!(shown(line), limits, "{line}");
        }
    }

    #[test]
    fn a_burst_without_a_rate_and_a_limit_too_many_are_refused() {
        let nine = "--at-most 5/h ".repeat(8) + "--rate 1/s";
        let cases = [
            (
                "--burst 5 --rate 10/s --rate 1/m",
                "--burst 5: before the first of several --rate (put it behind the one it is for)",
            ),
            (
                "--rate 10/s --burst 5 --burst 6",
                "--burst 6: --rate 10/s has a burst already (one behind each --rate)",
            ),
            ("--rate none --burst 5", "--burst 5: there is no burst without a rate"),
            ("--rate 1/s --rate none --burst 5", "--burst 5: there is no burst without a rate"),
            ("--rate 1/s --burst 0", "--burst 0: use a whole number"),
            ("--rate 1/s --at-most 5", "--at-most 5: no window behind it"),
            (&nine, "--rate, --at-most: 9 limits, and 8 can be kept at once (leave some out)"),
        ];
        for (line, start) in cases {
            let error = shown(line);
            assert!(error.starts_with(start), "{line}: {error}");
        }
    }
}
