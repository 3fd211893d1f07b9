//! What of a quota is logged: each test has one of its own name, and finds its lines by it.

use std::time::{Duration, Instant};

use fanout::{CancelToken, FanOutClient, Limit, Rate, SharedQuota, SharedQuotaBuilder};
use log::Level;

use super::Redis;
use crate::logging::{Line, lines_with, number, record};
use crate::support::{GUARD, HARDLY_EVER, Server, spawn, until};

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

fn quota(redis: &Redis, name: &str) -> SharedQuotaBuilder {
    record();
    SharedQuota::builder(redis.url(), name).is_idle(true).limit(FAST).redis_wait(GUARD)
}

/// What was said of it, in order, but for what a busy machine may add.
fn said(name: &str) -> Vec<String> {
    let said = lines_with("quota", name).into_iter().map(|line| line.message);
    said.filter(|said| said != LATE).collect()
}

const LATE: &str = "late grants thrown away";

/// The line, of which there must be one.
#[track_caller]
fn line(name: &str, message: &str) -> Line {
    let lines = lines_with("quota", name);
    let lines: Vec<&Line> = lines.iter().filter(|line| line.message == message).collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    line.clone()
}

fn goes_on(quota: &SharedQuota) {
    drop(quota.acquire(&CancelToken::new().with_timeout(GUARD)).unwrap());
}

#[test]
fn a_quota_that_is_unknown_and_one_that_is_lost_are_told_with_how_long_nobody_gets_anything() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(1);
    let begin = |is_idle| quota(&redis, "log-lost").max_in_flight(4).lease(lease).is_idle(is_idle);
    let quota = begin(false).connect().unwrap();
    goes_on(&quota);
    let other = begin(false).connect().unwrap();
    assert_eq!(said("log-lost"), ["quota unknown"], "it is known by then");
    let unknown = line("log-lost", "quota unknown");
    assert_eq!(unknown.level, Level::Info);
    assert!(number(&unknown, "wait_ms") > 100.0 && number(&unknown, "wait_ms") <= 1_000.0, "{unknown:?}");
    redis.command("FLUSHALL");
    goes_on(&quota);
    goes_on(&other);
    // Each that comes while nobody is granted anything tells it, and the first of them at least.
    let lost: Vec<Line> =
        lines_with("quota", "log-lost").into_iter().filter(|line| line.message == "quota lost").collect();
    assert!(!lost.is_empty() && lost.len() <= 2, "{lost:?}");
    assert!(lost.iter().all(|line| line.level == Level::Warn), "{lost:?}");
    assert!(number(&lost[0], "wait_ms") > 100.0, "{lost:?}");
}

/// Nobody need wait then; but what had gathered is gone.
#[test]
fn a_quota_without_permits_that_is_lost_is_told_as_well() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis, "log-empty").connect().unwrap();
    goes_on(&quota);
    redis.command("FLUSHALL");
    goes_on(&quota);
    assert_eq!(said("log-empty"), ["quota lost"]);
    assert_eq!(line("log-empty", "quota lost").fields["wait_ms"], "0");
}

#[test]
fn a_pause_is_told_where_another_process_was_told_it_and_once() {
    let Some(redis) = Redis::start() else { return };
    let quotas = [(); 2].map(|()| quota(&redis, "log-pause").connect().unwrap());
    let hears = |quota: &SharedQuota| {
        let soon = CancelToken::new().with_timeout(Duration::from_millis(50));
        quota.acquire(&soon).unwrap_err();
        assert!(quota.held_up().is_some());
    };
    quotas[0].pause_until(Instant::now() + 2 * GUARD, "retry-after: 60");
    until("Redis knows of it", || {
        drop(quotas[1].acquire(&CancelToken::new().with_timeout(Duration::from_millis(50))));
        quotas[1].held_up().is_some()
    });
    quotas.iter().for_each(hears);
    // The same once more, and a little longer.
    quotas[1].pause_until(Instant::now() + 2 * GUARD, "retry-after: 60");
    quotas.iter().for_each(hears);
    assert_eq!(said("log-pause"), ["paused elsewhere"]);
    let paused = line("log-pause", "paused elsewhere");
    assert_eq!((paused.level, paused.fields["told_by"].as_str()), (Level::Info, "retry-after: 60"));
    assert!(number(&paused, "pause_ms") > 1_000.0, "{paused:?}");
}

#[test]
fn an_outage_is_told_once_with_its_cause_and_once_when_it_is_over() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis, "log-outage").connect().unwrap();
    goes_on(&quota);
    // Another connection is there at once.
    redis.command("CLIENT KILL TYPE normal SKIPME yes");
    goes_on(&quota);
    assert_eq!(said("log-outage"), [] as [&str; 0]);
    let stopped = redis.stop();
    let waits = {
        let quota = quota.clone();
        spawn(move || goes_on(&quota))
    };
    until("it is missed", || said("log-outage").len() == 1);
    let missed = Instant::now();
    until("it is asked for some time", || missed.elapsed() > Duration::from_millis(200));
    let address = format!("127.0.0.1:{}", stopped.port());
    let _redis = stopped.start();
    waits.wait();
    let said: Vec<String> = said("log-outage").into_iter().filter(|said| said != "quota lost").collect();
    assert_eq!(said, ["quota out of reach", "quota reached again"]);
    let gone = line("log-outage", "quota out of reach");
    assert!(gone.level == Level::Warn && gone.fields["cause"].contains(&address), "{gone:?}");
    let back = line("log-outage", "quota reached again");
    assert!(back.level == Level::Info && number(&back, "gone_ms") > 200.0, "{back:?}");
}

/// Whoever was heard of must be heard of again within a lease. It is cut off, and so it is not.
#[test]
fn permits_that_were_held_for_longer_than_a_lease_are_told() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis, "log-lease").max_in_flight(2).lease(Duration::from_secs(1)).connect().unwrap();
    let _held = quota.acquire(&CancelToken::new()).unwrap();
    redis.command("CLIENT PAUSE 2500 ALL");
    until("the lease is over", || quota.in_flight() == 0);
    until("it is told", || said("log-lease").contains(&"lease lost".to_owned()));
    let lost = line("log-lease", "lease lost");
    assert_eq!((lost.level, lost.fields["permits"].as_str()), (Level::Warn, "1"));
}

/// An answer takes 400 ms, and a grant may be used for 5.
#[test]
fn grants_that_come_too_late_are_told_and_are_no_outage() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis, "log-late").connect().unwrap();
    goes_on(&quota);
    redis.command("CLIENT PAUSE 400 ALL");
    goes_on(&quota);
    let lines = lines_with("quota", "log-late");
    let late = |line: &&Line| line.message == LATE && number(line, "late_ms") > 10.0;
    let late = lines.iter().find(late).unwrap();
    assert_eq!((late.level, late.fields["grants"].as_str()), (Level::Info, "1"));
    assert_eq!(said("log-late"), [] as [&str; 0]);
}

#[test]
fn other_limits_are_told_by_who_sets_them_and_by_who_adopts_them() {
    let Some(redis) = Redis::start() else { return };
    let [one, other] = [(); 2].map(|()| quota(&redis, "log-limits").connect().unwrap());
    one.set_limit(0, Limit::new(Rate::per_second(2_000), 30)).unwrap();
    goes_on(&one);
    goes_on(&other);
    let lines = lines_with("quota", "log-limits");
    assert_eq!(said("log-limits"), ["limits adopted"; 2], "{lines:?}");
    for line in lines {
        assert_eq!((line.level, line.fields["generation"].as_str()), (Level::Info, "1"));
        assert!(line.fields["limits"].starts_with("2000/s, burst 30"), "{line:?}");
    }
}

#[test]
fn a_failure_is_told_by_those_of_the_run_that_did_not_fail() {
    let Some(redis) = Redis::start() else { return };
    let part = || quota(&redis, "log-run").run("nightly").connect().unwrap();
    let (fails, ends) = (part(), part());
    fails.fail("id 13: the server answered 500");
    until("both know", || [&fails, &ends].iter().all(|part| part.acquire(&CancelToken::new()).is_err()));
    assert_eq!(said("log-run"), ["run failed elsewhere"]);
    let failed = line("log-run", "run failed elsewhere");
    assert_eq!((failed.level, &*failed.fields["error"]), (Level::Info, "id 13: the server answered 500"));
}

#[test]
fn no_password_is_in_any_line() {
    let Some(redis) = Redis::start() else { return };
    redis.command("ACL SETUSER fanout on >log-sesame ~* &* +@all");
    record();
    let url = format!("redis://fanout:log-sesame@127.0.0.1:{}/", redis.port());
    let quota = SharedQuota::builder(url, "log-secret").is_idle(true).limit(Limit::new(HARDLY_EVER, 20));
    let quota = quota.redis_wait(Duration::from_millis(50)).connect().unwrap();
    let server = Server::echo();
    let client = FanOutClient::builder(server.url()).shared(&quota).build().unwrap();
    redis.command("ACL SETUSER fanout off >log-hunter2");
    redis.command("CLIENT KILL TYPE normal SKIPME yes");
    client.fetch_all(&CancelToken::new(), ["7"]).unwrap_err();
    drop(redis);
    client.fetch_all(&CancelToken::new(), ["7"]).unwrap_err();
    let lines = lines_with("quota", "log-secret");
    assert!(lines.iter().any(|line| line.message == "quota out of reach"), "{lines:?}");
    for line in lines {
        let line = format!("{line:?}");
        assert!(!line.contains("log-sesame") && !line.contains("log-hunter2"), "{line}");
    }
}
