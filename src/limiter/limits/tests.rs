//! Several limits by examples, and by properties on virtual time.

use super::*;
use crate::limiter::Take;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits(limits: &[Limit]) -> (Limits, Instant) {
    let start = Instant::now();
    (Limits::new(limits, start).unwrap(), start)
}

fn due(result: Result<(), Option<Due>>) -> Instant {
    result.unwrap_err().unwrap().at
}

#[test]
fn a_grant_takes_from_all_or_from_none_and_is_due_at_the_latest_instant() {
    let (mut limits, t0) =
        limits(&[Limit::new(Rate::per_second(10), 3), Limit::new(Rate::new(1, SECOND * 60), 2)]);
    limits.take(&Cost::ONE, t0).unwrap();
    limits.take(&Cost::ONE, t0).unwrap();
    // One is left of the first, and none of the second, which is slow.
    assert_eq!(due(limits.take(&Cost::ONE, t0)), t0 + SECOND * 60);
    limits.take(&Cost::ONE.with(1, 0), t0).expect("the refusal took nothing");
    // Now the first is empty as well, but it is not the later one.
    assert_eq!(due(limits.take(&Cost::ONE, t0)), t0 + SECOND * 60);
    assert_eq!(due(limits.take(&Cost::ONE.with(1, 0), t0)), t0 + SECOND / 10);
    limits.take(&Cost::ONE, t0 + SECOND * 60).unwrap();
}

#[test]
fn a_debt_of_one_limit_is_no_reason_to_wait_for_who_wants_nothing_of_it() {
    let (mut limits, t0) = limits(&[Limit::new(Rate::per_second(10), 1), Limit::new(Rate::per_second(1), 1)]);
    limits.settle(1, 600, t0).unwrap();
    let of_first = Cost::ONE.with(1, 0);
    limits.take(&of_first, t0).unwrap();
    assert_eq!(due(limits.take(&of_first, t0)), t0 + SECOND / 10);
    assert_eq!(due(limits.take(&Cost::ONE, t0)), t0 + SECOND * 600);
}

#[test]
fn who_comes_late_loses_something_where_the_latest_limit_is_full_or_the_gate_opens() {
    let (mut limits, t0) = limits(&[Limit::new(Rate::per_second(10), 3), Limit::new(Rate::per_second(2), 1)]);
    limits.take(&Cost::ONE, t0).unwrap();
    let of_first = Cost::ONE.with(1, 0);
    limits.take(&Cost::each(2).with(1, 0), t0).unwrap();
    let spare = |result: Result<(), Option<Due>>| result.unwrap_err().unwrap().spare;
    assert_eq!(spare(limits.take(&of_first, t0)), SECOND / 5);
    assert_eq!(spare(limits.take(&Cost::ONE, t0)), Duration::ZERO);
    limits.pause_until(t0 + SECOND, t0);
    assert_eq!(spare(limits.take(&of_first, t0)), Duration::ZERO);
}

#[test]
fn settings_that_limit_nothing_are_refused_and_change_nothing() {
    let now = Instant::now();
    let limit = Limit::new(Rate::per_second(1), 1);
    let refused = |limits: &[Limit]| Limits::new(limits, now).unwrap_err();
    assert_eq!(refused(&[]), InvalidLimit::NoLimits);
    assert_eq!(refused(&[limit; MAX_LIMITS + 1]), InvalidLimit::TooManyLimits);
    assert_eq!(refused(&[limit, Limit::new(Rate::per_second(0), 1)]), InvalidLimit::ZeroRate);
    let mut limits = Limits::new(&[limit; MAX_LIMITS], now).unwrap();
    assert_eq!(limits.set(0, limit.burst(0), now), Err(InvalidLimit::ZeroBurst));
    assert_eq!(limits.set(MAX_LIMITS, limit, now), Err(InvalidLimit::NoSuchLimit));
    assert_eq!(limits.settle(MAX_LIMITS, 1, now), Err(InvalidLimit::NoSuchLimit));
    assert!(limits.iter().all(|kept| kept == limit));
}

#[test]
fn after_a_pause_the_line_is_spaced_at_the_fastest_rate_and_then_the_burst_is_there() {
    let (mut limits, t0) = limits(&[Limit::new(Rate::per_second(10), 5), Limit::new(Rate::per_second(4), 9)]);
    limits.take(&Cost::each(5), t0).unwrap();
    let end = t0 + SECOND * 10;
    limits.pause_until(end, t0);
    limits.pause_until(t0 + SECOND, t0); // only ever extended
    assert_eq!(limits.paused_until(t0), Some(end));
    limits.find_nobody_in_line(t0); // it is the first in line
    assert_eq!(due(limits.take(&Cost::ONE, t0)), end);
    limits.take(&Cost::ONE, end).unwrap();
    assert_eq!(limits.paused_until(end), None);
    assert_eq!(due(limits.take(&Cost::ONE, end)), end + SECOND / 10);
    // Late by a little: the next one keeps its distance.
    let late = end + SECOND / 8;
    limits.take(&Cost::each(3), late).unwrap();
    assert_eq!(due(limits.take(&Cost::ONE, late)), late + SECOND * 3 / 10);
    // A faster rate is one at once.
    limits.set(0, Limit::new(Rate::per_second(30), 5), late).unwrap();
    assert_eq!(due(limits.take(&Cost::ONE, late)), late + SECOND / 10);
    // Nobody is left. What gathered in the pause is there, but for what has been taken since.
    limits.find_nobody_in_line(late);
    limits.take(&Cost::each(2), late).unwrap();
}

/// The line of a long job never runs empty. If it were let out at the rate of the hour, all that the hour holds ready
/// would be out of reach until the end of the job.
#[test]
fn a_pause_does_not_make_a_limit_of_a_long_time_the_pace_of_all_that_follows() {
    let hour = Limit::at_most(5_000, SECOND * 3_600);
    let (mut limits, t0) = limits(&[Limit::new(Rate::per_second(10), 20), hour]);
    let end = t0 + SECOND;
    limits.pause_until(end, t0);
    for number in 0..300 {
        let at = end + SECOND / 10 * number;
        limits.take(&Cost::ONE, at).unwrap();
        assert_eq!(due(limits.take(&Cost::ONE, at)), at + SECOND / 10);
    }
}

#[test]
fn a_line_that_ran_empty_before_the_next_pause_is_forgotten() {
    let (mut limits, t0) = limits(&[Limit::new(Rate::new(1, SECOND * 60), 5)]);
    limits.pause_until(t0 + SECOND, t0);
    limits.take(&Cost::ONE, t0 + SECOND).unwrap();
    limits.pause_until(t0 + SECOND * 3, t0 + SECOND * 2);
    // It is not over a minute before the next one, unless somebody has stood there all the while.
    let mut line = limits.clone();
    assert_eq!(due(line.take(&Cost::ONE, t0 + SECOND * 2)), t0 + SECOND * 61);
    limits.find_nobody_in_line(t0 + SECOND * 2);
    assert_eq!(due(limits.take(&Cost::ONE, t0 + SECOND * 2)), t0 + SECOND * 3);
}

#[test]
fn what_is_unlimited_is_paused_and_spaces_nobody() {
    let (mut limits, t0) = limits(&[Limit::new(Rate::UNLIMITED, 1)]);
    let end = t0 + SECOND;
    limits.pause_until(end, t0);
    assert_eq!(due(limits.take(&Cost::ONE, t0)), end);
    for _ in 0..100 {
        limits.take(&Cost::each(9), end).unwrap();
    }
}

#[test]
fn the_extremes_neither_overflow_nor_panic() {
    let (mut limits, t0) = limits(&[
        Limit::new(Rate::new(1, Rate::LONGEST), u32::MAX),
        Limit::new(Rate::new(u32::MAX, Duration::from_nanos(1)), u32::MAX),
    ]);
    limits.pause_until(later(t0, u64::MAX), t0);
    limits.pause_until(later(later(t0, u64::MAX), u64::MAX), t0);
    let end = limits.paused_until(t0).unwrap();
    limits.take(&Cost::each(u32::MAX), end).unwrap();
    limits.settle(0, i64::MAX, end).unwrap();
    limits.settle(0, i64::MAX, end).unwrap();
    assert!(due(limits.take(&Cost::ONE, end)) >= end);
}

/// Few tokens in a short time, so that all of them matter.
fn any_limits() -> impl Strategy<Value = Vec<Limit>> {
    let limit = (1..6_u32, 1..40_u64, 1..8_u32);
    let limit = limit.prop_map(|(tokens, per, burst)| Limit::new(Rate::new(tokens, nanos(per)), burst));
    prop::collection::vec(limit, 1..4)
}

/// A cost that the bursts can hold.
fn fit(wanted: [u32; 3], limits: &[Limit]) -> Cost {
    let bursts = limits.iter().map(|limit| limit.parts().1);
    let fit = wanted.into_iter().zip(bursts).map(|(wanted, burst)| wanted.min(burst));
    fit.enumerate().fold(Cost::ONE, |cost, (limit, tokens)| cost.with(limit, tokens))
}

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// The bound of each limit, over every window that begins and ends with a grant.
fn check_every_window(limits: &[Limit], grants: &[(Instant, Cost)]) {
    for (number, limit) in limits.iter().enumerate() {
        let (rate, burst) = limit.parts();
        let (tokens, per) = rate.parts().unwrap();
        for (first, (from, _)) in grants.iter().enumerate() {
            let mut granted = 0;
            for (to, cost) in &grants[first..] {
                granted += u128::from(cost.of(number));
                let excess = granted.saturating_sub(burst.into());
                assert!(excess * per.as_nanos() <= u128::from(tokens) * (*to - *from).as_nanos());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against as many buckets, each alone: granted when all would, due at the latest of their instants.
    #[test]
    fn each_bound_holds_over_every_window_and_nothing_is_kept_back(
        all in any_limits(),
        script in prop::collection::vec((0..60_u64, any::<[u8; 3]>(), any::<bool>()), 1..80),
    ) {
        let (mut limits, t0) = limits(&all);
        let mut alone: Vec<TokenBucket> = limits.buckets.clone();
        let mut grants = Vec::new();
        let mut now = t0;
        for (by, wanted, waits) in script {
            now += nanos(by);
            let cost = fit(wanted.map(|wanted| u32::from(wanted % 4)), &all);
            let dues: Vec<Take> = alone
                .iter()
                .zip(cost.tokens())
                .map(|(bucket, tokens)| bucket.clone().take(tokens, now).unwrap())
                .collect();
            let latest = dues.iter().filter_map(|take| match take {
                Take::Taken => None,
                Take::DueAt(due) => Some(*due),
            }).max();
            let result = limits.take(&cost, now);
            prop_assert_eq!(result.map_err(|due| due.unwrap().at), latest.map_or(Ok(()), Err));
            match latest {
                Some(due) if waits => {
                    let before = limits.take(&cost, due - nanos(1)).map_err(|due| due.unwrap().at);
                    prop_assert_eq!(before, Err(due));
                    limits.take(&cost, due).unwrap();
                    now = due;
                }
                Some(_) => continue,
                None => {}
            }
            grants.push((now, cost));
            for (bucket, tokens) in alone.iter_mut().zip(cost.tokens()) {
                prop_assert_eq!(bucket.take(tokens, now), Ok(Take::Taken));
            }
        }
        check_every_window(&all, &grants);
    }
}
