//! What a server tells about its limits, and what the client does about it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanout::{CancelToken, Cost, Error, ErrorKind, FanOutClient, GaveUp, Limit, Outcome, Rate};

use crate::support::{
    Answer, HARDLY_EVER, Server, builder, fetch, fetch_each, fetch_one, soon, tokens_left, until,
};

/// A server that answers the first request with this, and the others with their ids.
fn at_first(first: Answer) -> Server {
    let was = AtomicBool::new(false);
    Server::answering(move |asked| match was.swap(true, Ordering::SeqCst) {
        false => first.clone(),
        true => Answer::ok(asked.id()),
    })
}

/// When the requests came, from the first one on.
fn arrivals(server: &Server) -> Vec<Duration> {
    let seen: Vec<Instant> = server.seen().into_iter().map(|(_, at)| at).collect();
    seen.iter().map(|at| at.saturating_duration_since(seen[0])).collect()
}

#[test]
fn a_pause_that_is_asked_for_holds_up_all_requests() {
    let pause = Duration::from_millis(300);
    let server = at_first(Answer::status(429).header("Retry-After", "0.3"));
    let client =
        builder(server.url()).max_in_flight(1).rate(Rate::per_second(1_000)).burst(100).retries(soon(1));
    let client = client.build().unwrap();
    let bodies = fetch(&client, &CancelToken::new(), &["1", "2", "3", "4"]).wait().unwrap();
    assert_eq!(bodies.len(), 4);
    let arrivals = arrivals(&server);
    assert_eq!(arrivals.len(), 5);
    assert!(arrivals[1..].iter().all(|at| *at >= pause), "{arrivals:?}");
}

#[test]
fn an_end_of_a_window_is_waited_for_before_the_server_must_refuse() {
    for (headers, reserve, paused) in [
        (vec![("RateLimit-Remaining", "0"), ("RateLimit-Reset", "1")], 0, true),
        (vec![("RateLimit", "\"default\";r=0;t=1")], 0, true),
        (vec![("X-RateLimit-Remaining", "5"), ("X-RateLimit-Reset", "1")], 0, false),
        (vec![("X-RateLimit-Remaining", "5"), ("X-RateLimit-Reset", "1")], 5, true),
    ] {
        let first = headers.iter().fold(Answer::ok("1"), |answer, (name, value)| answer.header(name, *value));
        let server = at_first(first);
        let client = builder(server.url()).max_in_flight(1).reserve(reserve).build().unwrap();
        fetch(&client, &CancelToken::new(), &["1", "2"]).wait().unwrap();
        let gap = arrivals(&server)[1];
        assert_eq!(gap >= Duration::from_millis(900), paused, "{headers:?} {reserve}: {gap:?}");
    }
}

/// Who stands in line for a token takes nothing from the window once that is closed: it does not count.
#[test]
fn a_window_is_closed_for_what_is_on_the_wire_and_not_for_those_in_line() {
    for (remaining, paused) in [("2", false), ("1", true), ("0", true)] {
        let server = Server::start();
        let client = builder(server.url()).rate(HARDLY_EVER).burst(2).build().unwrap();
        let cancel = CancelToken::new();
        let call = fetch(&client, &cancel, &["1", "2", "3", "4", "5", "6", "7", "8"]);
        let (first, _second) = (server.next(), server.next());
        until("the others stand in line", || client.limiter().waiting() == 6);
        let answer = Answer::ok("x").header("RateLimit-Remaining", remaining).header("RateLimit-Reset", "60");
        first.reply(&answer);
        until("it is judged", || client.in_flight() == 7);
        assert_eq!(client.limiter().paused_until().is_some(), paused, "{remaining}");
        cancel.cancel();
        assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn what_the_server_tells_is_ignored_where_that_is_asked_for() {
    let server = at_first(Answer::status(429).header("Retry-After", "3600"));
    let client = builder(server.url()).max_in_flight(1).retries(soon(1)).obey_server(false).build().unwrap();
    fetch(&client, &CancelToken::new(), &["1", "2"]).wait().unwrap();
    assert_eq!(client.limiter().paused_until(), None);
}

#[test]
fn a_pause_that_is_too_long_fails_the_run_with_the_words_of_the_server() {
    let server = at_first(Answer::status(429).header("Retry-After", "3600"));
    let client = builder(server.url()).max_in_flight(1).retries(soon(3)).build().unwrap();
    let error = fetch(&client, &CancelToken::new(), &["1", "2"]).wait().unwrap_err();
    assert_eq!((error.kind(), error.gave_up()), (ErrorKind::Status, Some(GaveUp::LongPause)));
    assert_eq!(error.headers().unwrap()["retry-after"], "3600");

    let server = at_first(Answer::status(429).header("Retry-After", "3600"));
    let client = builder(server.url()).max_in_flight(1).retries(soon(3)).keep_going(true).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2", "3"]).wait();
    let error = run.end.unwrap_err();
    assert_eq!((error.kind(), run.outcomes.len(), server.requests()), (ErrorKind::LongPause, 1, 1));
    assert!(error.to_string().contains("retry-after: 3600") && error.to_string().contains("120s"), "{error}");
    assert!(client.limiter().paused_until().is_some());
}

/// Those in line hear of it at once, too.
#[test]
fn a_window_that_ends_too_late_fails_those_who_wait_and_nobody_else() {
    let far = Answer::ok("1").header("RateLimit-Remaining", "0").header("RateLimit-Reset", "3600");
    let server = Server::answering(move |_| far.clone());
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).build().unwrap();
    let error = fetch(&client, &CancelToken::new(), &["1", "2", "3"]).wait().unwrap_err();
    assert_eq!((error.kind(), server.requests()), (ErrorKind::LongPause, 1), "{error}");
    let server =
        at_first(Answer::ok("1").header("RateLimit-Remaining", "0").header("RateLimit-Reset", "3600"));
    fetch_one(&builder(server.url()).build().unwrap(), "1").unwrap();
}

#[test]
fn a_403_that_means_slow_down_is_throttling() {
    let refusal = Answer::status(403).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "1");
    let server = at_first(refusal.header("x-ratelimit-limit", "60"));
    let client = builder(server.url()).retries(soon(1)).build().unwrap();
    assert_eq!(fetch_one(&client, "7").unwrap(), "7");
    assert!(arrivals(&server)[1] >= Duration::from_millis(900));
    let server = at_first(Answer::status(403));
    let error = fetch_one(&builder(server.url()).retries(soon(1)).build().unwrap(), "7").unwrap_err();
    assert_eq!(error.gave_up(), Some(GaveUp::NotRetryable));
}

#[test]
fn several_limits_hold_at_once_and_a_cost_is_taken_from_each() {
    let server = Server::echo();
    let day = Duration::from_secs(86_400);
    let client = builder(server.url()).rate(HARDLY_EVER).burst(10).limit(Limit::at_most(50, day).burst(6));
    let client = client.cost(|id| Cost::ONE.with(1, if id == "big" { 7 } else { 2 })).build().unwrap();
    let error = fetch_one(&client, "big").unwrap_err();
    assert_eq!((error.kind(), server.requests()), (ErrorKind::InvalidId, 0), "{error}");
    let deadline = CancelToken::new().with_timeout(Duration::from_secs(60));
    let error = fetch(&client, &deadline, &["1", "2", "3", "4"]).wait().unwrap_err();
    assert_eq!((error.kind(), server.requests()), (ErrorKind::DeadlineExceeded, 3), "{error}");
    assert_eq!(client.limiter().limits().len(), 2);
    client.limiter().set_limit(1, Limit::new(Rate::UNLIMITED, 1)).unwrap();
    assert_eq!(tokens_left(&client), 7);
}

#[test]
fn limits_that_cannot_work_are_refused() {
    let limited = |limit| FanOutClient::builder("http://h/{id}").limit(limit);
    let never = limited(Limit::at_most(5, Duration::from_secs(1)).burst(5)).build().unwrap_err();
    assert_eq!(never.setting(), "limit", "{never}");
    let many = (0..8).fold(FanOutClient::builder("http://h/{id}"), |builder, _| {
        builder.limit(Limit::new(Rate::per_second(1), 1))
    });
    let many = many.build().unwrap_err();
    assert_eq!(many.setting(), "limit");
    assert!(many.to_string().contains('9'), "{many}");
}

#[test]
fn a_refusal_lowers_the_rate_or_the_cap_where_the_client_adapts() {
    let refused = |reason: &'static str| {
        let server = at_first(Answer::status(429).header("Stripe-Rate-Limited-Reason", reason));
        let client = builder(server.url()).rate(Rate::per_second(1_000)).retries(soon(1)).adaptive(true);
        let client = client.build().unwrap();
        fetch_one(&client, "7").unwrap();
        client.limiter().rate() != Rate::per_second(1_000)
    };
    assert!(refused("global-rate"));
    assert!(!refused("global-concurrency"));
}

/// A server that serves two at a time, and says so to the others.
#[test]
fn a_cap_of_the_servers_is_found_out() {
    let now = AtomicUsize::new(0);
    let server = Server::answering(move |asked| {
        let busy = now.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
        let answer = match busy {
            0 | 1 => Answer::ok(asked.id()),
            _ => Answer::status(429).header("Stripe-Rate-Limited-Reason", "global-concurrency"),
        };
        now.fetch_sub(1, Ordering::SeqCst);
        answer
    });
    let client = builder(server.url()).retries(soon(20)).retry_budget(fanout::RetryBudget::new(10_000, 0));
    let client = client.adaptive(true).build().unwrap();
    let mut fetched = 0;
    let each = |outcome: Outcome<u32>| {
        fetched += usize::from(outcome.result.is_ok());
        Ok::<(), Error>(())
    };
    client.fetch_each(&CancelToken::new(), 0..2_000, each).unwrap();
    assert_eq!(fetched, 2_000);
}
