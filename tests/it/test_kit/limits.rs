//! The limits of the server, and what it can tell about those of the client.

use std::time::Duration;

use fanout::test_kit::{Answer, Dialect, Gate, Server, Standing};
use fanout::{Builder, CancelToken, Rate, VirtualClock};

use crate::support::{GUARD, HARDLY_EVER, builder, fetch, fetch_each, fetch_one};

const IDS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];

/// A client that does not do what it is told.
fn deaf(server: &Server) -> Builder {
    builder(server.url()).obey_server(false)
}

#[test]
fn a_quota_refuses_what_goes_beyond_it() {
    let server = Server::start(|script| script.quota(HARDLY_EVER, 5).otherwise(Answer::ok("let in")));
    let client = deaf(&server).keep_going(true).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &IDS).wait();
    let failures: Vec<_> = run.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).collect();
    assert_eq!(failures.len(), 3);
    for error in failures {
        assert_eq!(error.status().unwrap(), 429);
        assert_eq!(error.headers().unwrap()["retry-after"], "1000000");
    }
    assert_eq!((server.count(), server.refused()), (8, 3));
}

#[test]
fn a_client_that_keeps_its_bound_is_never_refused() {
    let rate = Rate::per_second(2_000);
    // As many may be late as are in flight, and arrive together with those behind them.
    let server = Server::start(|script| script.quota(rate, 5 + 8));
    let client = builder(server.url()).rate(rate).burst(5).max_in_flight(8).build().unwrap();
    let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(fetch(&client, &CancelToken::new(), &ids).wait().unwrap().len(), 100);
    assert_eq!((server.count(), server.refused()), (100, 0));
}

#[test]
fn on_a_virtual_clock_the_very_same_numbers_are_kept_and_one_more_is_refused() {
    for (burst, refused) in [(20, 0), (21, 1)] {
        let (clock, rate) = (VirtualClock::new(), Rate::per_second(10));
        let server = Server::start(|script| script.quota(rate, 20).virtual_clock(&clock));
        let client = deaf(&server).rate(rate).burst(burst).keep_going(true).virtual_clock(&clock);
        let run = fetch_each(&client.build().unwrap(), &CancelToken::new(), &[IDS; 8].concat()).wait();
        assert_eq!((run.outcomes.len(), server.refused()), (64, refused), "a burst of {burst}");
        let requests = server.requests();
        let span = requests.last().unwrap().arrived - requests[0].arrived;
        assert_eq!(span, Duration::from_millis(100) * (64 - burst));
    }
}

#[test]
fn what_a_server_tells_is_heard() {
    let clock = VirtualClock::new();
    let retry_in = Duration::from_secs(90);
    for (dialect, least) in [
        (Dialect::Plain, retry_in),
        (Dialect::GitHub, retry_in),
        (Dialect::GitLab, retry_in),
        (Dialect::OpenAi, retry_in),
        // They do not say when.
        (Dialect::Stripe, Duration::ZERO),
        (Dialect::Nginx, Duration::ZERO),
    ] {
        for refusal in [Answer::refusal(dialect, retry_in), Answer::too_many_at_once(dialect, retry_in)] {
            let server = Server::start(|script| script.first(1, refusal).virtual_clock(&clock));
            let client = builder(server.url()).retries(3).virtual_clock(&clock).build().unwrap();
            assert_eq!(client.fetch_all(&CancelToken::new(), [7]).unwrap().len(), 1);
            let tries = server.requests_for("7");
            let waited = tries[1].arrived - tries[0].arrived;
            assert!(waited >= least && waited < least + Duration::from_secs(3), "{dialect:?}: {waited:?}");
        }
    }
}

#[test]
fn a_quota_that_is_nearly_spent_is_heard_before_it_is() {
    let clock = VirtualClock::new();
    let standing = |remaining| Standing { limit: 60, remaining, reset_in: Duration::from_secs(60) };
    for dialect in [Dialect::GitHub, Dialect::GitLab, Dialect::OpenAi] {
        for (remaining, paused) in [(59, false), (0, true)] {
            let answer = Answer::ok("").standing(dialect, standing(remaining));
            let server = Server::start(|script| script.for_id("1", answer).virtual_clock(&clock));
            let client = builder(server.url()).max_in_flight(1).virtual_clock(&clock).build().unwrap();
            client.fetch_all(&CancelToken::new(), [1, 2]).unwrap();
            let requests = server.requests();
            let waited = requests[1].arrived - requests[0].arrived;
            assert_eq!(waited >= Duration::from_secs(60), paused, "{dialect:?}: {waited:?}");
        }
    }
}

#[test]
fn the_standing_of_the_quota_is_told_in_the_dialect() {
    let server = Server::start(|script| script.quota(HARDLY_EVER, 2).dialect(Dialect::OpenAi));
    let client = deaf(&server).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["7"]).wait();
    let headers = &run.of("7").as_ref().unwrap().headers;
    assert_eq!(headers["x-ratelimit-limit-requests"], "2");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "1");
    fetch_one(&client, "7").unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(error.status().unwrap(), 429);
    assert_eq!(error.headers().unwrap()["x-ratelimit-remaining-requests"], "0");
}

#[test]
fn a_server_that_is_full_refuses_the_next() {
    let gate = Gate::new();
    let server = Server::start(|script| {
        script.max_in_flight(2).dialect(Dialect::Stripe).otherwise(Answer::ok("late").held_by(&gate))
    });
    let client = builder(server.url()).build().unwrap();
    let two = fetch(&client, &CancelToken::new(), &["1", "2"]);
    assert_eq!(server.wait_for_requests(2, GUARD).len(), 2);
    let error = fetch_one(&client, "3").unwrap_err();
    assert_eq!(error.headers().unwrap()["stripe-rate-limited-reason"], "global-concurrency");
    gate.open();
    assert_eq!(two.wait().unwrap().len(), 2);
    assert_eq!(fetch_one(&client, "3").unwrap(), "late");
    assert_eq!((server.refused(), server.most_in_flight()), (1, 3));
}

#[test]
fn the_first_are_refused_and_then_it_is_as_the_rules_say() {
    let slow_down = Answer::refusal(Dialect::OpenAi, Duration::from_millis(20));
    let server = Server::start(|script| script.first(2, slow_down).for_id("1", Answer::ok("one")));
    let client = deaf(&server).build().unwrap();
    for _ in 0..2 {
        let error = fetch_one(&client, "1").unwrap_err();
        assert_eq!(error.headers().unwrap()["x-ratelimit-reset-requests"], "20ms");
    }
    assert_eq!(fetch_one(&client, "1").unwrap(), "one");
    // Not by a limit of its own.
    assert_eq!(server.refused(), 0);
}

#[test]
fn what_is_in_flight_is_never_counted_above_what_the_client_has() {
    let server = Server::start(|script| script);
    let client = builder(server.url()).max_in_flight(3).build().unwrap();
    let ids: Vec<String> = (0..500).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    fetch(&client, &CancelToken::new(), &ids).wait().unwrap();
    assert!(server.most_in_flight() <= 3, "{}", server.most_in_flight());
    assert!(server.connections() <= 3, "{}", server.connections());
    let counts = server.counts();
    assert!(counts.len() == 500 && counts.values().all(|count| *count == 1));
    let requests = server.requests();
    assert!(requests.windows(2).all(|pair| pair[0].arrived <= pair[1].arrived));
}

#[test]
fn a_wait_for_requests_that_do_not_come_returns_what_came() {
    let server = Server::start(|script| script);
    fetch_one(&builder(server.url()).build().unwrap(), "7").unwrap();
    let came = server.wait_for_requests(2, Duration::ZERO);
    assert_eq!(came.iter().map(|request| request.id.as_deref()).collect::<Vec<_>>(), [Some("7")]);
}
