//! A client that takes its permits and tokens from a shared quota.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fanout::{Builder, CancelToken, ErrorKind, FanOutClient, Limit, Rate, SharedQuota, SharedQuotaBuilder};

use crate::support::{Answer, GUARD, HARDLY_EVER, Server, fetch, fetch_one, until};

use super::Redis;

fn client(server: &Server, quota: &SharedQuota) -> Builder {
    FanOutClient::builder(server.url()).shared(quota).timeout(Duration::from_secs(5))
}

fn quota(redis: &Redis) -> SharedQuotaBuilder {
    SharedQuota::builder(redis.url(), "test").is_idle(true)
}

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

#[test]
fn every_request_is_granted_and_every_permit_comes_back() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).max_in_flight(2).connect().unwrap();
    let server = Server::echo();
    let client = client(&server, &quota).max_in_flight(8).build().unwrap();
    let ids: Vec<String> = (0..50).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(fetch(&client, &CancelToken::new(), &ids).wait().unwrap().len(), 50);
    assert!(server.most_in_flight() <= 2, "{}", server.most_in_flight());
    until("all permits are back", || quota.in_flight() == 0);
}

/// Of two clients that each hold a permit, and want another token, none waits for a permit again.
#[test]
fn a_redirect_pays_a_token_and_keeps_its_permit() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).max_in_flight(1).connect().unwrap();
    let server = Server::answering(|asked| match asked.id() {
        "1" => Answer::redirect(302, "/2"),
        id => Answer::ok(id),
    });
    let client = client(&server, &quota).build().unwrap();
    assert_eq!(fetch_one(&client, "1").unwrap(), "2");
    assert_eq!(server.requests(), 2);
}

/// Cut off from Redis for longer than its lease, and not for as long as it waits: it goes on, by another permit.
#[test]
fn a_redirect_whose_permit_is_lost_waits_for_another_one() {
    let Some(redis) = Redis::start() else { return };
    let lease = Duration::from_secs(1);
    let quota = quota(&redis).limit(FAST).max_in_flight(1).lease(lease).redis_wait(GUARD).connect().unwrap();
    let server = Server::start();
    let client = client(&server, &quota).timeout(lease / 2).build().unwrap();
    let fetched = fetch(&client, &CancelToken::new(), &["1"]);
    let first = server.next();
    redis.signal("-STOP");
    first.reply(&Answer::redirect(302, "/2"));
    until("its permit is lost", || quota.in_flight() == 0);
    redis.signal("-CONT");
    server.next().reply(&Answer::ok("2"));
    assert_eq!(fetched.wait().unwrap()["1"], "2");
}

#[test]
fn a_pause_that_one_is_told_holds_the_other() {
    let Some(redis) = Redis::start() else { return };
    let [one, other] = [(), ()].map(|()| quota(&redis).limit(FAST).connect().unwrap());
    let was = AtomicBool::new(false);
    let server = Server::answering(move |asked| match was.swap(true, Ordering::SeqCst) {
        false => Answer::status(429).header("Retry-After", "1"),
        true => Answer::ok(asked.id()),
    });
    let [one, other] = [one, other].map(|quota| client(&server, &quota));
    let (one, other) = (one.build().unwrap(), other.max_wait(Duration::from_millis(100)).build().unwrap());
    assert_eq!(fetch_one(&one, "1").unwrap_err().kind(), ErrorKind::Status);
    let until = Instant::now() + Duration::from_secs(1);
    // Redis has been told when the other one is: each try that it makes before is granted.
    let told = loop {
        match fetch_one(&other, "2") {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < until, "nobody was told"),
        }
    };
    assert_eq!(told.kind(), ErrorKind::LongPause, "{told}");
    assert!(told.to_string().contains("retry-after: 1"), "{told}");
}

#[test]
fn without_redis_nothing_is_sent_and_the_error_says_why() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).redis_wait(Duration::from_millis(50)).connect().unwrap();
    let server = Server::echo();
    let client = client(&server, &quota).keep_going(true).build().unwrap();
    let address = format!("127.0.0.1:{}", redis.port());
    drop(redis);
    let error = fetch_one(&client, "1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SharedQuota);
    assert!(error.to_string().contains(&address) && error.source().is_none(), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_first_failure_of_a_part_ends_the_others_in_whatever_they_are_blocked() {
    let Some(redis) = Redis::start() else { return };
    let part = || quota(&redis).limit(FAST).run("nightly").connect().unwrap();
    let (fails, is_in_http, waits) = (part(), part(), part());
    let hangs = Server::start();
    let in_http = client(&hangs, &is_in_http).build().unwrap();
    let in_http = fetch(&in_http, &CancelToken::new(), &["7"]);
    let _request = hangs.next();
    let refuses = Server::answering(|_| Answer::status(500));
    let error = fetch_one(&client(&refuses, &fails).build().unwrap(), "13").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Status);
    let error = in_http.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RunFailed);
    assert!(error.to_string().contains("id 13: the server answered 500"), "{error}");
    let error = fetch_one(&client(&hangs, &waits).build().unwrap(), "8").unwrap_err();
    assert_eq!((error.kind(), hangs.requests()), (ErrorKind::RunFailed, 1));
    let error = quota(&redis).limit(FAST).run("nightly").connect().unwrap_err();
    assert_eq!(error.kind(), fanout::SharedErrorKind::RunFailed);
    quota(&redis).limit(FAST).run("the next night").connect().unwrap_err();
    quota(&redis).limit(FAST).run("the-next-night").connect().unwrap();
}

/// A process whose run has failed has nothing to say any more, until it goes.
#[test]
fn a_failure_and_a_pause_are_told_once() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).run("nightly").connect().unwrap();
    let calls = || {
        let text: String = redis::from_redis_value(redis.command("INFO commandstats")).unwrap();
        let line = text.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
        line.split(['=', ',']).nth(1).unwrap().parse::<u64>().unwrap()
    };
    quota.pause_until(Instant::now() + Duration::from_secs(3_600), "retry-after: 3600");
    quota.fail("id 13: the server answered 500");
    until("it knows", || quota.acquire(&CancelToken::new()).is_err());
    let (before, knew) = (calls(), redis.time());
    until("there was time for more", || redis.time() >= knew + Duration::from_millis(500));
    let after = calls();
    assert!(after <= before + 2, "{} calls more", after - before);
}

#[test]
fn what_a_client_cannot_have_beside_a_shared_quota_is_refused() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(FAST).max_in_flight(4).lease(Duration::from_secs(9)).connect().unwrap();
    let builder = || FanOutClient::builder("http://localhost/{id}").shared(&quota);
    for (builder, setting) in [
        (builder().rate(Rate::per_second(1)), "rate"),
        (builder().burst(1), "burst"),
        (builder().limit(Limit::new(HARDLY_EVER, 1)), "limit"),
        (builder().timeout(Duration::from_secs(5)), "timeout"),
    ] {
        assert_eq!(builder.build().unwrap_err().setting(), setting);
    }
    builder().timeout(Duration::from_millis(4_500)).build().unwrap();
}
