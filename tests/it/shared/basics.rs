//! One process: what is granted, when, and what ends a wait.

use std::time::{Duration, Instant};

use fanout::{
    CancelToken, Cost, ExceedsBurst, InvalidLimit, Limit, Rate, SharedAcquireError, SharedErrorKind,
    SharedQuota, SharedQuotaBuilder,
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

#[test]
fn what_has_gathered_can_be_had_at_once() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(Rate::per_second(10), 20)).connect().unwrap();
    let begun = redis.time();
    until("ten have gathered", || redis.time() >= begun + Duration::from_secs(1));
    let grants: Vec<Duration> =
        (0..10).map(|_| quota.acquire(&CancelToken::new()).unwrap().server_time()).collect();
    assert!(grants[9] - grants[0] < Duration::from_millis(900), "{grants:?}");
}

#[test]
fn a_limit_that_one_sets_is_adopted_by_all_and_by_who_comes_later() {
    let Some(redis) = Redis::start() else { return };
    let slow = || quota(&redis).limit(Limit::new(HARDLY_EVER, 20)).connect().unwrap();
    let (one, other) = (slow(), slow());
    let cancel = CancelToken::new();
    let waits = {
        let (other, cancel) = (other.clone(), cancel.clone());
        spawn(move || other.acquire(&cancel).map(drop))
    };
    until("it waits", || other.waiting() == 1 && other.calls() == 2);
    one.set_limit(0, Limit::new(Rate::per_second(1_000), 20)).unwrap();
    drop(one.acquire(&cancel).unwrap());
    drop(slow().acquire(&cancel).unwrap());
    // Its token was due in eleven days.
    waits.wait().unwrap();
    let error = one.set_limit(1, Limit::new(Rate::per_second(1), 1)).unwrap_err();
    assert_eq!(error, InvalidLimit::NoSuchLimit);
    let error = one.set_limit(0, Limit::new(Rate::per_second(1_000), 1)).unwrap_err();
    assert_eq!(error, InvalidLimit::CannotBeShared);
}

/// Three words a second come, and each wants two: beside that, the other limit is none.
#[test]
fn of_several_limits_each_has_its_bound_at_its_own_cost() {
    let Some(redis) = Redis::start() else { return };
    let words = Limit::new(Rate::per_second(30), 10);
    let quota = quota(&redis).limit(Limit::new(Rate::per_second(1_000), 20)).limit(words).connect().unwrap();
    let cancel = CancelToken::new();
    let cost = Cost::ONE.with(1, 3);
    let grants: Vec<Duration> =
        (0..8).map(|_| quota.acquire_cost(&cancel, cost).unwrap().server_time()).collect();
    let tripled: Vec<Duration> = grants.iter().flat_map(|at| [*at; 3]).collect();
    super::bound(&tripled, 30, 10);
    // The margin has taken one of the ten.
    let exceeds = quota.acquire_cost(&cancel, Cost::ONE.with(1, 10)).unwrap_err();
    assert!(matches!(exceeds, SharedAcquireError::ExceedsBurst(ExceedsBurst { tokens: 10, burst: 9 })));
}

#[test]
fn who_begins_a_quota_waits_for_a_lease_unless_it_is_known_to_be_idle() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(1);
    let begin = |name: &str, is_idle| {
        let begun = redis.time();
        let quota = SharedQuota::builder(redis.url(), name).max_in_flight(1).lease(lease).is_idle(is_idle);
        quota.connect().unwrap().acquire(&CancelToken::new()).unwrap().server_time() - begun
    };
    assert!(begin("new", false) >= lease);
    assert!(begin("new", false) < lease, "it is known by now");
    assert!(begin("idle", true) < lease);
}

/// Evicted, say. Whoever was heard of a moment ago must be known.
#[test]
fn a_state_that_is_gone_before_its_time_is_a_loss() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(1);
    let quota = quota(&redis).max_in_flight(2).lease(lease).is_idle(true).connect().unwrap();
    let _held = quota.acquire(&CancelToken::new()).unwrap();
    let before = redis.time();
    redis.command("DEL {fanout:test}");
    assert!(quota.acquire(&CancelToken::new()).unwrap().server_time() >= before + lease);
}

/// As a replica may that takes over.
#[test]
fn a_state_that_is_older_than_what_was_answered_is_a_loss() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(1);
    let quota = quota(&redis).max_in_flight(2).lease(lease).is_idle(true).connect().unwrap();
    let first = quota.acquire(&CancelToken::new()).unwrap();
    redis.command("COPY {fanout:test} {fanout:test}:replica");
    let _second = quota.acquire(&CancelToken::new()).unwrap();
    let before = redis.time();
    redis.command("COPY {fanout:test}:replica {fanout:test} REPLACE");
    let soon = CancelToken::new().with_timeout(Duration::from_millis(300));
    // All are held. What is known there says that one is free.
    quota.acquire(&soon).unwrap_err();
    drop(first);
    assert!(quota.acquire(&CancelToken::new()).unwrap().server_time() >= before + lease);
}

#[test]
fn the_last_clone_says_goodbye_and_joins_its_threads() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).max_in_flight(1).is_idle(true).connect().unwrap();
    let other = SharedQuota::builder(redis.url(), "test").max_in_flight(1).connect().unwrap();
    let grant = quota.acquire(&CancelToken::new()).unwrap();
    let waits = spawn(move || other.acquire(&CancelToken::new()).map(drop));
    drop(quota);
    // The lease keeps the line, and not the threads: with them went what was held.
    waits.wait().unwrap();
    drop(grant);
}
