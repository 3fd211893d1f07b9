//! Redis gone, restarted, flushed, paused, read-only, full, or shut to us: nothing is granted on a guess, and it goes
//! on by itself when it may.

use std::time::{Duration, Instant};

use fanout::{
    CancelToken, Limit, Rate, SharedAcquireError, SharedError, SharedErrorKind, SharedQuota,
    SharedQuotaBuilder,
};

use crate::support::{GUARD, HARDLY_EVER, spawn, until};

use super::Redis;
use super::process::now;
use super::proxy::Proxy;

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);
const LEASE: Duration = Duration::from_secs(1);

/// A wait that ends soon, in vain.
const SOON: Duration = Duration::from_millis(100);

fn quota(redis: &Redis) -> SharedQuotaBuilder {
    SharedQuota::builder(redis.url(), "test").is_idle(true).lease(LEASE).redis_wait(GUARD)
}

#[track_caller]
fn failure(quota: &SharedQuota) -> SharedError {
    match quota.acquire(&CancelToken::new()) {
        Err(SharedAcquireError::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn goes_on(quota: &SharedQuota) -> Duration {
    quota.acquire(&CancelToken::new().with_timeout(GUARD)).unwrap().server_time()
}

#[test]
fn a_server_that_is_gone_is_an_error_and_one_that_comes_back_is_used_again() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).redis_wait(SOON).connect().unwrap();
    goes_on(&quota);
    let redis = redis.stop();
    let error = failure(&quota);
    assert_eq!(error.kind(), SharedErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", redis.port())), "{error}");
    let _redis = redis.start();
    until("it is granted again", || quota.acquire(&CancelToken::new()).is_ok());
}

#[test]
fn who_waits_while_the_server_restarts_empty_goes_on_when_the_leases_are_over() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).max_in_flight(4).connect().unwrap();
    let _held = quota.acquire(&CancelToken::new()).unwrap();
    let stopped = redis.stop();
    let before = now();
    let _redis = stopped.start();
    let granted = goes_on(&quota);
    assert!(granted >= before + LEASE, "{granted:?} {before:?}");
}

#[test]
fn a_flush_gives_nobody_a_burst_and_with_a_cap_nobody_a_permit_for_a_lease() {
    let Some(redis) = Redis::start() else { return };
    let rate = quota(&redis).limit(FAST).connect().unwrap();
    let cap = SharedQuota::builder(redis.url(), "cap").is_idle(true).lease(LEASE).max_in_flight(1);
    let cap = cap.connect().unwrap();
    let mut grants: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        grants.extend((0..40).map(|_| goes_on(&rate)));
        redis.command("FLUSHALL");
    }
    super::bound(&grants, 1_000, 20);
    let before = redis.time();
    redis.command("FLUSHALL");
    assert!(goes_on(&cap) >= before + LEASE);
}

#[test]
fn a_script_that_is_forgotten_is_told_again() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).connect().unwrap();
    goes_on(&quota);
    redis.command("SCRIPT FLUSH");
    goes_on(&quota);
}

#[test]
fn a_server_that_is_silent_for_a_while_is_waited_for() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).connect().unwrap();
    goes_on(&quota);
    redis.command("CLIENT PAUSE 1000 ALL");
    goes_on(&quota);
}

/// The server that answers now may know less than the one that did before.
#[test]
fn a_connection_that_is_cut_is_made_anew_and_what_has_gathered_is_forgone() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(Rate::per_second(10), 20)).max_in_flight(100);
    let quota = quota.connect().unwrap();
    let begun = goes_on(&quota);
    until("ten tokens have gathered", || redis.time() >= begun + Duration::from_secs(1));
    let cut = redis.time();
    redis.command("CLIENT KILL TYPE normal SKIPME yes");
    redis.command("CLIENT KILL TYPE pubsub");
    for nth in 1..=5 {
        let granted = goes_on(&quota);
        assert!(granted >= cut + nth * Duration::from_millis(100), "{nth}: {:?}", granted - cut);
    }
}

/// In the middle of whatever is under way.
#[test]
fn connections_that_are_reset_on_the_way_cost_nobody_more_than_a_moment() {
    let Some(redis) = Redis::start() else { return };
    let proxy = Proxy::before(redis.port());
    let quota = SharedQuota::builder(proxy.url(), "test").is_idle(true).lease(LEASE).redis_wait(GUARD);
    let quota = quota.limit(FAST).max_in_flight(4).connect().unwrap();
    let mut grants: Vec<Duration> = Vec::new();
    for _ in 0..10 {
        grants.extend((0..10).map(|_| goes_on(&quota)));
        assert!(proxy.reset() > 0);
    }
    super::bound(&grants, 1_000, 20);
    goes_on(&quota);
}

#[test]
fn who_cannot_write_is_told_what_the_server_says() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).redis_wait(SOON).connect().unwrap();
    redis.command("CONFIG SET maxmemory 1");
    let error = failure(&quota);
    assert!(error.kind() == SharedErrorKind::Unreachable && error.to_string().contains("OOM"), "{error}");
    redis.command("CONFIG SET maxmemory 0");
    goes_on(&quota);
    redis.command("REPLICAOF 127.0.0.1 1");
    let error = failure(&quota);
    assert!(
        error.kind() == SharedErrorKind::Unreachable && error.to_string().contains("READONLY"),
        "{error}"
    );
    redis.command("REPLICAOF NO ONE");
    goes_on(&quota);
}

#[test]
fn who_may_not_is_told_so_at_once() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).redis_wait(Duration::from_secs(3_600)).connect().unwrap();
    redis.command("ACL SETUSER default -time");
    let error = failure(&quota);
    assert_eq!(error.kind(), SharedErrorKind::Refused, "{error}");
    redis.command("ACL SETUSER default +time");
    goes_on(&quota);
}

#[test]
fn a_password_is_in_no_error() {
    let Some(redis) = Redis::start() else { return };
    redis.command("ACL SETUSER fanout on >sesame ~* &* +@all");
    let url = |password: &str| format!("redis://fanout:{password}@127.0.0.1:{}/", redis.port());
    let right = SharedQuota::builder(url("sesame"), "test").limit(FAST);
    let quota = right.connect().unwrap();
    let wrong = SharedQuota::builder(url("hunter2"), "test").limit(FAST);
    let shown = format!("{quota:?} {wrong:?} {:?}", wrong.clone().connect().unwrap_err());
    assert!(!shown.contains("hunter2") && !shown.contains("sesame"), "{shown}");
    assert_eq!(wrong.clone().connect().unwrap_err().kind(), SharedErrorKind::Refused);
    wrong.password("sesame").connect().unwrap();
    let nonsense = SharedQuota::builder("http://fanout:hunter2@localhost", "test").limit(FAST).connect();
    let nonsense = format!("{:?}", nonsense.unwrap_err());
    assert!(!nonsense.contains("hunter2"), "{nonsense}");
}

/// An answer, and so the call of the quota thread, takes half a second at the least: who waits does not. (On a busy
/// machine, one of five times.)
#[test]
fn a_cancel_does_not_wait_for_redis() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(HARDLY_EVER, 1)).connect().unwrap();
    redis.command("CLIENT PAUSE 10000 ALL");
    let after = || {
        let cancel = CancelToken::new();
        let waits = {
            let (quota, cancel) = (quota.clone(), cancel.clone());
            spawn(move || quota.acquire(&cancel).map(drop))
        };
        until("it waits", || quota.waiting() == 1);
        let cancelled = Instant::now();
        cancel.cancel();
        let (result, after) = waits.wait_since(cancelled);
        assert!(matches!(result, Err(SharedAcquireError::Cancelled)));
        after
    };
    assert!((0..5).any(|_| after() < Duration::from_millis(100)));
}
