//! Answers that are lost, late, or have nobody left to take them; goodbyes and failures that must arrive all the same.
//! What one process has let go of, another one gets: long before a lease is over.

use std::time::{Duration, Instant};

use fanout::{
    CancelToken, Cost, HeldUp, Limit, Rate, SharedAcquireError, SharedErrorKind, SharedQuota,
    SharedQuotaBuilder, SharedStatus,
};

use crate::support::{Call, GUARD, HARDLY_EVER, spawn, until};

use super::Redis;
use super::ferry::{Ferry, Way};

/// Longer than any test waits.
const LEASE: Duration = Duration::from_secs(600);

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

fn quota(url: &str) -> SharedQuotaBuilder {
    SharedQuota::builder(url, "test").is_idle(true).lease(LEASE).redis_wait(GUARD)
}

/// One by the ferry, and another one. Both listen to what they are told, and have nothing to ask for.
fn two(
    redis: &Redis,
    ferry: &Ferry,
    settings: impl Fn(SharedQuotaBuilder) -> SharedQuotaBuilder,
) -> [SharedQuota; 2] {
    let both = [ferry.url(), redis.url()].map(|url| settings(quota(&url)).connect().unwrap());
    // The first call of all, and that of who has begun to listen.
    until("both listen", || both.iter().all(|quota| quota.calls() >= 2));
    both
}

/// Grants are hardly ever late.
fn one_permit(builder: SharedQuotaBuilder) -> SharedQuotaBuilder {
    builder.max_in_flight(1).use_by(Duration::from_secs(1))
}

/// Sets this limit, which the other one does not know yet.
#[track_caller]
fn set(quota: &SharedQuota, limit: Limit) {
    quota.set_limit(0, limit).unwrap();
    until("it is in force", || quota.limits() == [limit]);
}

fn wanting(quota: &SharedQuota, cancel: &CancelToken) -> Call<Result<(), SharedAcquireError>> {
    let (quota, cancel) = (quota.clone(), cancel.clone());
    spawn(move || quota.acquire(&cancel).map(drop))
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

/// The first has asked for the only permit, and has given up while the answer was on its way.
fn given_up_on_the_way(redis: &Redis) -> (Ferry, [SharedQuota; 2]) {
    let ferry = Ferry::to(redis);
    let quotas = two(redis, &ferry, one_permit);
    ferry.hold(Way::Back);
    let cancel = CancelToken::new();
    let waits = wanting(&quotas[0], &cancel);
    until("the answer is on its way", || ferry.is_holding());
    cancel.cancel();
    waits.wait().unwrap_err();
    (ferry, quotas)
}

#[test]
fn a_permit_that_nobody_was_left_to_take_is_another_ones() {
    let Some(redis) = Redis::start() else { return };
    let (ferry, [_one, other]) = given_up_on_the_way(&redis);
    ferry.release();
    gets_one(&other);
}

#[test]
fn a_permit_whose_grant_was_lost_is_another_ones_though_nobody_waits_any_more() {
    let Some(redis) = Redis::start() else { return };
    let (ferry, [_one, other]) = given_up_on_the_way(&redis);
    ferry.lose();
    gets_one(&other);
}

#[test]
fn a_permit_that_came_back_is_told_once_more_if_that_was_lost() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = two(&redis, &ferry, one_permit);
    let grant = one.acquire(&CancelToken::new()).unwrap();
    ferry.hold(Way::There);
    drop(grant);
    until("it is told", || ferry.is_holding());
    ferry.lose();
    gets_one(&other);
}

#[test]
fn a_permit_that_came_back_is_told_once_more_if_the_limits_have_changed() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = two(&redis, &ferry, |builder| builder.limit(FAST).max_in_flight(1));
    let grant = one.acquire(&CancelToken::new()).unwrap();
    set(&other, Limit::new(Rate::per_second(2_000), 20));
    drop(grant);
    gets_one(&other);
}

#[test]
fn a_goodbye_is_said_once_more_if_the_limits_have_changed() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = two(&redis, &ferry, |builder| builder.limit(FAST).max_in_flight(1));
    let _grant = one.acquire(&CancelToken::new()).unwrap();
    set(&other, Limit::new(Rate::per_second(2_000), 20));
    drop(one);
    gets_one(&other);
}

/// As where the server closes those that were idle for some time.
#[test]
fn a_goodbye_is_said_on_a_new_connection_if_the_old_one_is_gone() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = two(&redis, &ferry, one_permit);
    let _grant = one.acquire(&CancelToken::new()).unwrap();
    redis.command("CLIENT KILL TYPE normal SKIPME yes");
    drop(one);
    gets_one(&other);
}

#[test]
fn of_two_limits_that_one_sets_while_another_does_the_later_is_in_force() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = [ferry.url(), redis.url()].map(|url| quota(&url).limit(FAST).connect().unwrap());
    let [theirs, first, second] = [2_000, 3_000, 4_000].map(|n| Limit::new(Rate::per_second(n), 25));
    set(&other, theirs);
    ferry.hold(Way::Back);
    one.set_limit(0, first).unwrap();
    until("that there is another one is on its way", || ferry.is_holding());
    one.set_limit(0, second).unwrap();
    ferry.release();
    until("the later is in force", || limit(&redis).0 == second);
}

#[test]
fn what_has_gathered_outlasts_an_answer_that_is_late() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let quota = quota(&ferry.url()).limit(Limit::new(Rate::per_second(10), 20)).connect().unwrap();
    until("five have gathered", || limit(&redis).1 >= 5);
    let connections = ferry.connections();
    ferry.hold(Way::Back);
    let waits = wanting(&quota, &CancelToken::new());
    until("the answer is on its way", || ferry.is_holding());
    let held = Instant::now();
    until("it is late", || held.elapsed() > Duration::from_millis(10));
    ferry.release();
    waits.wait().unwrap();
    assert!(limit(&redis).1 >= 3, "{:?}", limit(&redis));
    assert_eq!(ferry.connections(), connections);
}

#[test]
fn who_learns_that_the_run_has_failed_asks_no_more() {
    let Some(redis) = Redis::start() else { return };
    let part = || quota(&redis.url()).limit(FAST).run("nightly").connect().unwrap();
    let (fails, other) = (part(), part());
    let calls = |command: &str| {
        let redis::Value::BulkString(stats) = redis.command("INFO commandstats") else { panic!() };
        let stats = String::from_utf8(stats).unwrap();
        let at = stats.find(&format!("cmdstat_{command}:calls=")).map(|at| &stats[at..]);
        let number = at.and_then(|text| text.split(['=', ',']).nth(1)).unwrap_or("0");
        number.parse::<u32>().unwrap()
    };
    let [messages, asked] = ["publish", "evalsha"].map(calls);
    fails.fail("it rains");
    for quota in [&fails, &other] {
        let is_over = || matches!(quota.acquire(&CancelToken::new()), Err(SharedAcquireError::Failed(_)));
        until("it is known", is_over);
    }
    fails.pause_until(Instant::now() + GUARD, "never mind");
    other.set_limit(0, Limit::new(Rate::per_second(2_000), 20)).unwrap();
    let known = Instant::now();
    until("some time has passed", || known.elapsed() > Duration::from_millis(300));
    assert_eq!(calls("publish"), messages + 1);
    assert!(calls("evalsha") < asked + 12, "{}", calls("evalsha") - asked);
}

#[test]
fn a_failure_is_told_though_the_connection_was_just_lost_and_the_process_ends() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [fails, other] =
        [ferry.url(), redis.url()].map(|url| quota(&url).limit(FAST).run("nightly").connect());
    let (fails, other) = (fails.unwrap(), other.unwrap());
    ferry.hold(Way::There);
    fails.pause_until(Instant::now() + Duration::from_millis(1), "for an instant");
    until("it is told", || ferry.is_holding());
    fails.fail("it rains");
    ferry.lose();
    drop(fails);
    until("it is known", || {
        matches!(other.acquire(&CancelToken::new()),
            Err(SharedAcquireError::Failed(error)) if error.kind() == SharedErrorKind::RunFailed)
    });
}

/// A process that holds permits calls now and then, and must not do it without a pause.
#[test]
fn who_is_refused_does_not_ask_all_the_time() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let quota = quota(&ferry.url()).max_in_flight(1).lease(Duration::from_secs(1)).connect().unwrap();
    let _grant = quota.acquire(&CancelToken::new()).unwrap();
    let before = ferry.connections();
    redis.command("ACL SETUSER default -time");
    until("it is refused", || ferry.connections() > before);
    let refused = Instant::now();
    until("some time has passed", || refused.elapsed() > Duration::from_millis(500));
    assert!(ferry.connections() < before + 20, "{} connections", ferry.connections() - before);
}

#[test]
fn who_hears_no_messages_any_more_notices() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let [one, other] = [ferry.url(), redis.url()].map(|url| quota(&url).limit(FAST).run("nightly").connect());
    let (one, other) = (one.unwrap(), other.unwrap());
    until("it listens", || ferry.connections() == 2);
    ferry.silence();
    gets_one(&one);
    until("it listens anew", || ferry.connections() >= 4);
    drop(other);
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
fn who_wants_little_is_not_dismissed_with_who_wants_much() {
    let Some(redis) = Redis::start() else { return };
    let much = Cost::each(19);
    let quota = quota(&redis.url()).limit(Limit::new(Rate::per_second(1), 30));
    let quota = quota.use_by(Duration::from_secs(1)).connect().unwrap();
    until("two have gathered", || limit(&redis).1 >= 2);
    let cancel = CancelToken::new().with_timeout(Duration::from_secs(5));
    // Both are asked for by the same call: the one that lets them wait is under way.
    redis.command("CLIENT PAUSE 200 WRITE");
    let first = wanting(&quota, &CancelToken::new());
    until("it waits", || quota.waiting() == 1);
    let wants_much = {
        let (quota, cancel) = (quota.clone(), cancel.clone());
        spawn(move || quota.acquire_cost(&cancel, much).map(drop))
    };
    until("it waits", || quota.waiting() == 2);
    let wants_little = wanting(&quota, &cancel);
    until("they wait", || quota.waiting() == 3);
    first.wait().unwrap();
    assert!(matches!(wants_much.wait(), Err(SharedAcquireError::DeadlineExceeded)));
    wants_little.wait().unwrap();
}

#[test]
fn a_limit_may_follow_on_none() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis.url()).limit(Limit::new(Rate::UNLIMITED, 1)).connect().unwrap();
    gets_one(&quota);
    set(&quota, FAST);
    gets_one(&quota);
}

#[test]
fn a_pause_is_remembered_for_as_long_as_it_lasts() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis.url()).lease(Duration::from_secs(1)).limit(FAST).connect().unwrap();
    quota.pause_until(Instant::now() + Duration::from_secs(7_200), "retry-after: 7200");
    let left = |key: &str| match redis.command(&format!("TTL {key}")) {
        redis::Value::Int(left) => left,
        other => panic!("{other:?}"),
    };
    until("it is told", || left("{fanout:test}") >= 7_200);
    assert!(left("{fanout:test}:epoch") >= 7_200);
}

#[test]
fn a_pause_without_an_end_is_one_of_a_year_and_harms_nobody() {
    let Some(redis) = Redis::start() else { return };
    let begin = || quota(&redis.url()).limit(Limit::new(HARDLY_EVER, 1)).connect();
    let quota = begin().unwrap();
    let never = Instant::now().checked_add(Duration::from_secs(1 << 60)).unwrap();
    quota.pause_until(never, "closed for ever");
    let is_paused = |quota: &SharedQuota| matches!(quota.held_up(), Some(HeldUp::Paused(..)));
    until("it is told", || begin().is_ok_and(|other| is_paused(&other)));
    assert!(is_paused(&begin().unwrap()));
}

/// More of them than the script can name in one command.
#[test]
fn many_processes_that_have_died_are_forgotten() {
    let Some(redis) = Redis::start() else { return };
    let slow = Limit::new(Rate::per_second(1_000), 2_000);
    let quota = quota(&redis.url()).limit(slow).use_by(Duration::from_secs(1)).connect().unwrap();
    let there_are = |member: &str| {
        let mut many = redis::pipe();
        for n in 0..9_000 {
            many.cmd("HSET").arg("{fanout:test}").arg(format!("m:{n:016x}")).arg(member).ignore();
        }
        many.exec(&mut redis.connection()).unwrap();
    };
    // Their leases are over.
    there_are("1 1 1 1 1 1 1 1 1 1");
    gets_one(&quota);
    // They wait, and have not come when it was their turn.
    let until = (redis.time() + LEASE).as_micros();
    there_are(&format!("1 {until} 0 1 1 1 1 1 1 1"));
    gets_one(&quota);
}

#[test]
fn the_last_handle_is_dropped_in_time_though_nothing_is_answered() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let quota = quota(&ferry.url()).limit(FAST).max_in_flight(1).connect().unwrap();
    let _grant = quota.acquire(&CancelToken::new()).unwrap();
    ferry.hold(Way::Back);
    spawn(move || drop(quota)).wait();
}
