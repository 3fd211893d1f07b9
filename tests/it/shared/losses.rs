//! Answers that are lost, late, or have nobody left to take them; goodbyes and failures that must arrive all the same.
//! What one process has let go of, another one gets: long before a lease is over.

use std::time::Duration;

use fanout::{CancelToken, HeldUp, Limit, Rate, SharedQuota, SharedQuotaBuilder, SharedStatus};

use crate::support::{GUARD, until};

use super::Redis;

/// Longer than any test waits.
const LEASE: Duration = Duration::from_secs(600);

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

fn quota(url: &str) -> SharedQuotaBuilder {
    SharedQuota::builder(url, "test").is_idle(true).lease(LEASE).redis_wait(GUARD)
}

/// Sets this limit, which the other one does not know yet.
#[track_caller]
fn set(quota: &SharedQuota, limit: Limit) {
    quota.set_limit(0, limit).unwrap();
    until("it is in force", || quota.limits() == [limit]);
}

#[track_caller]
fn gets_one(quota: &SharedQuota) {
    drop(quota.acquire(&CancelToken::new().with_timeout(GUARD)).unwrap());
}

#[track_caller]
fn limit(redis: &Redis) -> (Limit, u32) {
    match SharedQuota::builder(redis.url(), "test").status().unwrap() {
        SharedStatus::Known(state) => state.limits[0],
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_state_that_is_evicted_is_a_loss_for_who_comes_then_too() {
    let Some(redis) = Redis::start() else { return };
    let begin = || quota(&redis.url()).max_in_flight(1).connect().unwrap();
    let one = begin();
    let _grant = one.acquire(&CancelToken::new()).unwrap();
    redis.command("DEL {fanout:test}");
    let other = begin();
    assert!(matches!(other.held_up(), Some(HeldUp::Unknown(_))), "{:?}", other.held_up());
}

#[test]
fn a_limit_may_follow_on_none() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis.url()).limit(Limit::new(Rate::UNLIMITED, 1)).connect().unwrap();
    gets_one(&quota);
    set(&quota, FAST);
    gets_one(&quota);
}
