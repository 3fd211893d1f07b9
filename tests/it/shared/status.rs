//! What is told of a quota: to whoever looks at it from outside, and to a process that is held up.

use std::time::{Duration, Instant};

use fanout::{
    CancelToken, HeldUp, HoldUp, Limit, Rate, SharedErrorKind, SharedQuota, SharedQuotaBuilder, SharedState,
    SharedStatus,
};

use crate::support::{GUARD, HARDLY_EVER, spawn, until};

use super::Redis;

fn builder(redis: &Redis) -> SharedQuotaBuilder {
    SharedQuota::builder(redis.url(), "test")
}

#[track_caller]
fn state(redis: &Redis) -> SharedState {
    match builder(redis).status().unwrap() {
        SharedStatus::Known(state) => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_status_has_limits_tokens_permits_and_processes_and_changes_nothing() {
    let Some(redis) = Redis::start() else { return };
    assert_eq!(builder(&redis).status().unwrap(), SharedStatus::Unknown);
    let limit = Limit::new(Rate::per_second(1_000), 20);
    let quotas = [(); 2].map(|()| {
        builder(&redis).limit(limit).max_in_flight(3).is_idle(true).lease(GUARD).connect().unwrap()
    });
    let cancel = CancelToken::new();
    let held = quotas[0].acquire(&cancel).unwrap();
    until("it is known who holds it", || state(&redis).in_flight == 1);
    until("all tokens are there, but for the margin", || state(&redis).limits == [(limit, 15)]);
    let state = state(&redis);
    assert_eq!((state.max_in_flight, state.lease, state.held_up), (Some(3), GUARD, None));
    let mut each: Vec<u32> = state.processes.iter().map(|process| process.in_flight).collect();
    each.sort_unstable();
    assert_eq!(each, [0, 1]);
    assert!(state.processes.iter().all(|process| !process.is_waiting && process.heard < GUARD));
    drop((held, quotas));
    assert_eq!(self::state(&redis).processes, []);
    redis.command("DEL {fanout:test}");
    assert_eq!(builder(&redis).status().unwrap(), SharedStatus::Idle);
}

#[test]
fn who_waits_for_tokens_is_told_of() {
    let Some(redis) = Redis::start() else { return };
    let quota = builder(&redis).limit(Limit::new(HARDLY_EVER, 1)).connect().unwrap();
    let cancel = CancelToken::new();
    let waits = {
        let (quota, cancel) = (quota.clone(), cancel.clone());
        spawn(move || quota.acquire(&cancel).map(drop))
    };
    until("it is known that it waits", || state(&redis).processes.iter().any(|process| process.is_waiting));
    assert_eq!(state(&redis).limits[0].1, 0);
    cancel.cancel();
    waits.wait().unwrap_err();
}

/// Not of who waits for tokens, though all permits are held; nor of one that nobody waits for.
#[test]
fn who_waits_for_permits_is_told_so() {
    let Some(redis) = Redis::start() else { return };
    let quotas = [(); 2].map(|()| {
        let limit = Limit::new(Rate::per_second(1_000), 20);
        builder(&redis).limit(limit).max_in_flight(1).is_idle(true).connect().unwrap()
    });
    let cancel = CancelToken::new();
    let held = quotas[0].acquire(&cancel).unwrap();
    assert!(quotas.iter().all(|quota| !quota.waits_for_permits()));
    let waits = {
        let quota = quotas[1].clone();
        spawn(move || quota.acquire(&CancelToken::new()))
    };
    until("it is known that it waits", || quotas[1].waits_for_permits());
    assert!(!quotas[0].waits_for_permits() && quotas[1].held_up().is_none());
    drop(held);
    let held = waits.wait().unwrap();
    assert!(!quotas[1].waits_for_permits());
    drop(held);
    let slow = SharedQuota::builder(redis.url(), "slow").limit(Limit::new(HARDLY_EVER, 1)).max_in_flight(1);
    let slow = slow.is_idle(true).connect().unwrap();
    let waits = {
        let (quota, cancel) = (slow.clone(), cancel.clone());
        spawn(move || quota.acquire(&cancel).map(drop))
    };
    let is_in_line = || match SharedQuota::builder(redis.url(), "slow").status().unwrap() {
        SharedStatus::Known(state) => state.processes.iter().any(|process| process.is_waiting),
        _ => false,
    };
    until("it is known that it waits", is_in_line);
    assert!(!slow.waits_for_permits());
    cancel.cancel();
    waits.wait().unwrap_err();
}

#[test]
fn a_quota_that_is_new_says_that_it_waits_and_for_how_long() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(60);
    let before = Instant::now();
    let quota = builder(&redis).max_in_flight(1).lease(lease).connect().unwrap();
    let Some(HeldUp::Unknown(opens)) = quota.held_up() else { panic!("{:?}", quota.held_up()) };
    assert!(opens >= before + lease - Duration::from_millis(1) && opens <= Instant::now() + lease);
    let (left, why) = state(&redis).held_up.unwrap();
    assert!(why == HoldUp::Unknown && left <= lease && left > lease - GUARD, "{left:?}");
}

#[test]
fn a_pause_and_a_server_that_is_gone_are_told_of() {
    let Some(redis) = Redis::start() else { return };
    let quota = builder(&redis).limit(Limit::new(HARDLY_EVER, 1)).redis_wait(GUARD).connect().unwrap();
    assert!(quota.held_up().is_none());
    quota.pause_until(Instant::now() + 2 * GUARD, "retry-after: 60");
    let is_told = |why: &HoldUp| matches!(why, HoldUp::Pause(words) if words == "retry-after: 60");
    until("Redis knows of it", || state(&redis).held_up.is_some_and(|(_, why)| is_told(&why)));
    assert!(matches!(quota.held_up(), Some(HeldUp::Paused(_, words)) if words == "retry-after: 60"));
    let stopped = redis.stop();
    quota.pause_until(Instant::now() + 3 * GUARD, "retry-after: 90");
    let is_gone = || match quota.held_up() {
        Some(HeldUp::Unreachable(_, error)) => error.kind() == SharedErrorKind::Unreachable,
        _ => false,
    };
    until("it is missed", is_gone);
    let _redis = stopped.start();
    until("it is back", || !is_gone());
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let Some(redis) = Redis::start() else { return };
    redis.command("HSET {fanout:test} terms 9 clock 9");
    let error = builder(&redis).status().unwrap_err();
    assert_eq!(error.kind(), SharedErrorKind::Refused, "{error}");
    let nowhere = format!("redis://127.0.0.1:{}/", redis.stop().port());
    let error = SharedQuota::builder(nowhere, "test").status().unwrap_err();
    assert_eq!(error.kind(), SharedErrorKind::Unreachable, "{error}");
    let error = SharedQuota::builder("redis://127.0.0.1/", "two words").check().unwrap_err();
    assert_eq!(error.kind(), SharedErrorKind::InvalidSetting, "{error}");
}
