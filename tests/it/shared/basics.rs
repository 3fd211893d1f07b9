//! One process: what is granted, when, and what ends a wait.

use std::time::{Duration, Instant};

use fanout::{
    CancelToken, Limit, Rate, SharedAcquireError, SharedErrorKind, SharedQuota, SharedQuotaBuilder,
};

use crate::support::{GUARD, HARDLY_EVER, spawn, until};

use super::Redis;

fn quota(redis: &Redis) -> SharedQuotaBuilder {
    SharedQuota::builder(redis.url(), "test")
}

#[test]
fn grants_keep_the_bound_by_the_servers_clock() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(Rate::per_second(1_000), 20)).connect().unwrap();
    let cancel = CancelToken::new();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (quota, cancel) = (quota.clone(), cancel.clone());
            spawn(move || (0..100).map(|_| quota.acquire(&cancel).unwrap().server_time()).collect::<Vec<_>>())
        })
        .collect();
    let mut grants: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.wait()).collect();
    grants.sort();
    super::bound(&grants, 1_000, 20);
}

#[test]
fn the_cap_is_kept_and_a_permit_that_comes_back_is_granted_again() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).max_in_flight(2).is_idle(true).connect().unwrap();
    let cancel = CancelToken::new();
    let first = quota.acquire(&cancel).unwrap();
    let second = quota.acquire(&cancel).unwrap();
    assert_eq!(quota.in_flight(), 2);
    let third = {
        let (quota, cancel) = (quota.clone(), cancel.clone());
        spawn(move || quota.acquire(&cancel).map(drop))
    };
    until("it waits", || quota.waiting() == 1);
    drop(first);
    third.wait().unwrap();
    drop(second);
    until("all permits are back", || quota.in_flight() == 0);
}

#[test]
fn a_cancel_and_a_deadline_end_a_wait() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(HARDLY_EVER, 1)).connect().unwrap();
    let cancel = CancelToken::new();
    let waits = {
        let (quota, cancel) = (quota.clone(), cancel.clone());
        spawn(move || quota.acquire(&cancel).map(drop))
    };
    until("it waits", || quota.waiting() == 1);
    cancel.cancel();
    assert!(matches!(waits.wait(), Err(SharedAcquireError::Cancelled)));
    // Redis says that it takes days, and so nobody waits for an hour.
    let soon = CancelToken::new().with_timeout(Duration::from_secs(3_600));
    let began = Instant::now();
    assert!(matches!(quota.acquire(&soon), Err(SharedAcquireError::DeadlineExceeded)));
    assert!(began.elapsed() < GUARD);
}

#[test]
fn other_limits_on_the_same_name_are_an_error_that_shows_both() {
    let Some(redis) = Redis::start() else { return };
    let _first = quota(&redis).limit(Limit::new(Rate::per_second(10), 20)).connect().unwrap();
    let error = quota(&redis).limit(Limit::new(Rate::per_second(11), 20)).connect().unwrap_err();
    assert_eq!(error.kind(), SharedErrorKind::Differs);
    let text = error.to_string();
    assert!(text.contains("10/s, burst 20") && text.contains("11/s, burst 20"), "{text}");
}
