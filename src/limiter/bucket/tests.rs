//! The arithmetic by examples. The properties stand in `tests/it/bucket.rs`.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn bucket(rate: Rate, burst: u32) -> (TokenBucket, Instant) {
    let start = Instant::now();
    (TokenBucket::new(rate, burst, start).unwrap(), start)
}

#[test]
fn starts_full_and_refills_at_the_rate() {
    let (mut bucket, t0) = bucket(Rate::per_second(10), 20);
    assert_eq!(bucket.take(20, t0), Ok(Take::Taken));
    for tenth in 1..=40 {
        let due = t0 + SECOND / 10 * tenth;
        assert_eq!(bucket.take(1, due - Duration::from_nanos(1)), Ok(Take::DueAt(due)));
        assert_eq!(bucket.take(1, due), Ok(Take::Taken));
    }
}

#[test]
fn ten_years_bring_every_token_at_its_very_nanosecond() {
    let month = 30 * 86_400_u64;
    for (rate, monthly) in
        [(Rate::per_second(3), 3 * month), (Rate::new(5_000, SECOND * 3_600), 5_000 * month / 3_600)]
    {
        let monthly = u32::try_from(monthly).unwrap();
        let (mut bucket, t0) = bucket(rate, monthly + 1);
        bucket.take(monthly + 1, t0).unwrap();
        for end in (1..=120).map(|months| t0 + Duration::from_secs(month * months)) {
            // All but the last, at an odd instant: the fraction that stays behind must not get lost.
            bucket.take(monthly - 1, end - Duration::from_nanos(7)).unwrap();
            assert_eq!(bucket.take(1, end - Duration::from_nanos(1)), Ok(Take::DueAt(end)), "{rate}");
            assert_eq!(bucket.take(1, end), Ok(Take::Taken), "{rate}");
        }
    }
}

#[test]
fn with_a_burst_of_two_rounding_up_is_carried_and_nothing_is_lost() {
    // 5,000/h is one each 720 ms; 7/s is one each 142,857,142.86 ns. Burst 2 keeps the fractions.
    for rate in [Rate::new(5_000, Duration::from_secs(3_600)), Rate::per_second(7)] {
        let (mut bucket, t0) = bucket(rate, 2);
        let (tokens, per) = rate.parts().unwrap();
        bucket.take(2, t0).unwrap();
        let mut now = t0;
        for _ in 0..u64::from(tokens) * 100 {
            while let Ok(Take::DueAt(due)) = bucket.take(1, now) {
                now = due;
            }
        }
        assert!(now >= t0 + per * 100);
        assert!(now - (t0 + per * 100) <= Duration::from_nanos(1), "{rate}: {:?}", now - (t0 + per * 100));
    }
}

#[test]
fn a_clock_that_steps_back_neither_mints_nor_loses() {
    let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
    let t9 = t0 + SECOND * 9;
    assert_eq!(bucket.take(5, t9), Ok(Take::Taken));
    for _ in 0..100 {
        assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t9 + SECOND)));
        assert_eq!(bucket.take(1, t9), Ok(Take::DueAt(t9 + SECOND)));
    }
    assert_eq!(bucket.take(1, t9 + SECOND), Ok(Take::Taken));
    assert_eq!(bucket.take(1, t9 + SECOND), Ok(Take::DueAt(t9 + SECOND * 2)));
}

#[test]
fn tokens_that_are_there_can_be_taken_by_a_clock_that_lags() {
    let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
    assert_eq!(bucket.available(t0 + SECOND), 5);
    assert_eq!(bucket.take(5, t0), Ok(Take::Taken));
}

#[test]
fn more_than_the_burst_is_an_error_and_never_a_wait() {
    let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
    assert_eq!(bucket.take(6, t0), Err(ExceedsBurst { tokens: 6, burst: 5 }));
    assert_eq!(bucket.take(5, t0), Ok(Take::Taken));
}

#[test]
fn unlimited_grants_everything_and_ends_with_an_empty_bucket() {
    let (mut bucket, t0) = bucket(Rate::UNLIMITED, 1);
    assert_eq!(bucket.take(u32::MAX, t0), Ok(Take::Taken));
    assert_eq!(bucket.available(t0), u32::MAX);
    bucket.set_rate(Rate::per_second(1), t0).unwrap();
    assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t0 + SECOND)));
}

#[test]
fn a_new_rate_keeps_the_tokens_that_are_there() {
    let (mut bucket, t0) = bucket(Rate::per_second(10), 10);
    bucket.take(10, t0).unwrap();
    let half = t0 + SECOND / 4; // two and a half tokens
    bucket.set_rate(Rate::per_second(1), half).unwrap();
    assert_eq!(bucket.available(half), 2);
    assert_eq!(bucket.take(3, half), Ok(Take::DueAt(half + SECOND / 2)));
    assert_eq!(bucket.set_rate(Rate::per_second(0), half), Err(InvalidLimit::ZeroRate));
    assert_eq!(bucket.rate(), Rate::per_second(1));
}

#[test]
fn a_smaller_burst_loses_what_it_cannot_hold_and_a_larger_one_adds_nothing() {
    let (mut bucket, t0) = bucket(Rate::per_second(1), 10);
    bucket.set_burst(4, t0).unwrap();
    assert_eq!(bucket.available(t0), 4);
    bucket.set_burst(100, t0).unwrap();
    assert_eq!(bucket.available(t0), 4);
    assert_eq!(bucket.available(t0 + SECOND * 2), 6);
    assert_eq!(bucket.set_burst(0, t0), Err(InvalidLimit::ZeroBurst));
}

#[test]
fn tokens_that_are_there_are_lost_to_nobody_until_the_bucket_is_full() {
    let (bucket, _) = bucket(Rate::per_second(10), 5);
    let spare = [1, 5, 6].map(|tokens| bucket.spare(tokens));
    assert_eq!(spare, [SECOND * 4 / 10, Duration::ZERO, Duration::ZERO]);
    let unlimited = TokenBucket::new(Rate::UNLIMITED, 1, Instant::now()).unwrap();
    assert_eq!(unlimited.spare(1), Duration::from_nanos(u64::MAX));
}

#[test]
fn a_debt_delays_what_comes_next_by_what_it_takes_to_pay_it_back() {
    let (mut bucket, t0) = bucket(Rate::per_second(10), 5);
    bucket.take(1, t0).unwrap();
    bucket.settle(24, t0); // 4 were there: a debt of 20
    assert_eq!(bucket.available(t0 + SECOND), 0);
    assert_eq!(bucket.take(0, t0), Ok(Take::Taken), "who wants nothing does not wait for it");
    let due = t0 + SECOND * 2 + SECOND / 10;
    assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(due)));
    assert_eq!(bucket.take(1, due - Duration::from_nanos(1)), Ok(Take::DueAt(due)));
    assert_eq!(bucket.take(1, due), Ok(Take::Taken));
    assert_eq!(bucket.take(1, due), Ok(Take::DueAt(due + SECOND / 10)));
}

#[test]
fn what_was_not_used_comes_back_but_no_more_than_the_burst_holds() {
    let (mut bucket, t0) = bucket(Rate::per_second(10), 5);
    bucket.take(5, t0).unwrap();
    bucket.settle(-3, t0);
    assert_eq!(bucket.available(t0), 3);
    bucket.settle(-3, t0);
    assert_eq!(bucket.available(t0), 5);
    assert_eq!(bucket.take(5, t0), Ok(Take::Taken));
    assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t0 + SECOND / 10)));
}

#[test]
fn a_new_rate_keeps_a_debt() {
    let (mut bucket, t0) = bucket(Rate::per_second(10), 1);
    bucket.settle(3, t0); // a debt of 2
    bucket.set_rate(Rate::new(1, SECOND * 7), t0).unwrap();
    assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t0 + SECOND * 21)));
    // Half a second later, a debt of 2 less a 14th, which the unit of credit rounds: never to less.
    let half = t0 + SECOND / 2;
    bucket.set_rate(Rate::per_second(1), half).unwrap();
    let expected = half + SECOND * 3 - Duration::from_nanos(71_428_571);
    assert_eq!(bucket.take(1, half), Ok(Take::DueAt(expected)));
}

#[test]
fn the_extremes_neither_overflow_nor_panic() {
    let t0 = Instant::now();
    for (tokens, per) in [(1, Rate::LONGEST), (u32::MAX, Rate::LONGEST), (u32::MAX, Duration::from_nanos(1))]
    {
        for burst in [1, u32::MAX] {
            let mut bucket = TokenBucket::new(Rate::new(tokens, per), burst, t0).unwrap();
            assert_eq!(bucket.take(burst, t0), Ok(Take::Taken));
            assert!(matches!(bucket.take(burst, t0), Ok(Take::DueAt(due)) if due > t0));
            let far = later(t0, u64::MAX);
            let _ = bucket.take(1, far);
            for extra in [i64::MIN, i64::MAX, i64::MAX, i64::MAX, i64::MAX] {
                bucket.settle(extra, t0);
                bucket.set_rate(Rate::new(u32::MAX, Rate::LONGEST), far).unwrap();
                bucket.settle(extra, far);
                bucket.set_rate(Rate::new(1, Duration::from_nanos(1)), far).unwrap();
                assert!(bucket.available(far) <= burst);
                let _ = bucket.take(burst, far);
            }
            assert_eq!(bucket.available(far), 0);
        }
    }
}
