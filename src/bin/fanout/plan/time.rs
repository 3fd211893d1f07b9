//! How long a run takes at least, in a sentence.

use crate::limits::Limits;
use crate::values::duration;

/// `60 ids at 10/s with a burst of 20 take at least 4s`
pub(super) fn least(count: u128, limits: &Limits, max_in_flight: usize) -> String {
    let (ids, take) = match count {
        0 => return "none, as there are no ids".to_owned(),
        1 => ("1 id".to_owned(), "takes"),
        _ => (format!("{count} ids"), "take"),
    };
    let Some((slowest, time)) = limits.slowest(count) else {
        return format!(
            "{ids} without a rate limit {take} as long as the answers, {max_in_flight} at a time"
        );
    };
    let shown = limits.texts().map(in_words).collect::<Vec<_>>().join(" and ");
    let binding = if limits.count() > 1 { format!(", by {}", in_words(slowest)) } else { String::new() };
    match time {
        Some(time) if time.is_zero() => {
            format!("{ids} at {shown} may be sent without a wait, {max_in_flight} at a time")
        }
        Some(time) => format!("{ids} at {shown} {take} at least {}{binding}", duration::shown(time)),
        None => format!("{ids} at {shown} {take} more than 584 years{binding}"),
    }
}

/// `up to 4 an id and 106 in all, each at the price of a token; with all of them it takes at least 14.6s`
pub(super) fn retries(count: u128, limits: &Limits, an_id: u32, budget: (u32, u32)) -> String {
    if an_id == 0 {
        return "none".to_owned();
    }
    let (base, percent) = budget;
    let budget = u128::from(base).saturating_add(count.saturating_mul(u128::from(percent)) / 100);
    let all = count.saturating_mul(u128::from(an_id)).min(budget);
    let time = match limits.slowest(count.saturating_add(all)) {
        None => String::new(),
        Some((_, Some(time))) => format!("; with all of them it takes at least {}", duration::shown(time)),
        Some((_, None)) => "; with all of them it takes more than 584 years".to_owned(),
    };
    format!("up to {an_id} an id and {all} in all, each at the price of a token{time}")
}

/// `10/s with a burst of 20`
fn in_words(text: &str) -> String {
    text.replace(", burst ", " with a burst of ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout::{Limit, Rate};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn usual() -> Limits {
        Limits::new([Limit::new(Rate::per_second(10), 20)])
    }

    #[test]
    fn the_least_time_is_said_in_a_sentence() {
        let both = Limits::new([Limit::new(Rate::per_second(10), 20), Limit::at_most(5_000, HOUR)]);
        let none = Limits::new([]);
        let cases = [
            (usual(), 0, "none, as there are no ids"),
            (usual(), 1, "1 id at 10/s with a burst of 20 may be sent without a wait, 8 at a time"),
            (usual(), 60, "60 ids at 10/s with a burst of 20 take at least 4s"),
            (
                usual(),
                u128::MAX,
                "340282366920938463463374607431768211455 ids at 10/s with a burst of 20 take \
                more than 584 years",
            ),
            (
                both.clone(),
                60,
                "60 ids at 10/s with a burst of 20 and at most 5000/h with a burst of 500 take \
                at least 4s, by 10/s with a burst of 20",
            ),
            (
                both,
                5_000,
                "5000 ids at 10/s with a burst of 20 and at most 5000/h with a burst of 500 take \
                at least 1h, by at most 5000/h with a burst of 500",
            ),
            (none, 5, "5 ids without a rate limit take as long as the answers, 8 at a time"),
        ];
        for (limits, count, sentence) in cases {
            assert_eq!(least(count, &limits, 8), sentence);
        }
    }

    #[test]
    fn retries_are_bounded_by_the_tries_of_each_id_and_by_the_budget() {
        assert_eq!(retries(60, &usual(), 0, (100, 10)), "none");
        let start = |count, an_id| retries(count, &usual(), an_id, (100, 10));
        let few = "up to 4 an id and 40 in all, each at the price of a token; \
                   with all of them it takes at least 3s";
        assert_eq!(start(10, 4), few);
        assert!(start(60, 4).starts_with("up to 4 an id and 106 in all, "));
        assert!(start(60, 4).ends_with(" at least 14.6s"));
        assert!(start(u128::MAX, 4).ends_with(" more than 584 years"));
        assert!(retries(60, &Limits::new([]), 4, (100, 10)).ends_with("of a token"));
    }
}
