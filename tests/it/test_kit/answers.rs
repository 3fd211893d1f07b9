//! What a script can do to a client.

use std::time::{Duration, Instant};

use fanout::test_kit::{Answer, Dialect, Gate, Server, Standing};
use fanout::{CancelToken, Error, ErrorKind, FanOutClient, Response};

use crate::support::{AT_ONCE, GUARD, builder, fetch, fetch_each, fetch_one, spawn};

fn client(server: &Server) -> FanOutClient {
    builder(server.url()).build().unwrap()
}

/// What a new client gets for the id `7`.
#[track_caller]
fn fetched(answer: Answer) -> Result<String, Error> {
    let server = Server::start(|script| script.otherwise(answer));
    let fetched = fetch_one(&client(&server), "7");
    assert_eq!(server.count(), 1);
    fetched
}

/// The whole response to a client that goes on past failures.
fn response(server: &Server) -> Response {
    let run = fetch_each(&client(server), &CancelToken::new(), &["7"]).wait();
    run.outcomes.into_iter().next().unwrap().result.unwrap()
}

#[test]
fn answers_come_in_turn_and_the_last_one_is_repeated() {
    let server = Server::start(|script| {
        script
            .for_id("7", [Answer::status(429).header("Retry-After", "2"), Answer::ok("seven")])
            .otherwise(Answer::ok_with(|request| format!("{} of {:?}", request.method, request.id)))
    });
    let client = builder(server.url()).obey_server(false).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(error.status().unwrap(), 429);
    assert_eq!(error.headers().unwrap()["retry-after"], "2");
    assert_eq!(fetch_one(&client, "7").unwrap(), "seven");
    assert_eq!(fetch_one(&client, "7").unwrap(), "seven");
    assert_eq!(fetch_one(&client, "8").unwrap(), "GET of Some(\"8\")");
    assert_eq!(server.requests_for("7").len(), 3);
}

#[test]
fn without_a_rule_an_id_is_answered_with_itself() {
    let server = Server::start(|script| script.at("users/{id}?of={id}"));
    assert!(server.url().ends_with("/users/{id}?of={id}"));
    assert_eq!(fetch_one(&client(&server), "a/b ü").unwrap(), "a/b ü");
    assert_eq!(server.requests_for("a/b ü")[0].target, "/users/a%2Fb%20%C3%BC?of=a%2Fb%20%C3%BC");
}

#[test]
fn a_body_comes_whole_however_it_is_framed() {
    let long = "x".repeat(100_000);
    for answer in [
        Answer::ok(long.as_str()),
        Answer::ok(long.as_str()).chunked(),
        Answer::ok(long.as_str()).until_close(),
        Answer::ok(long.as_str()).closing(),
        Answer::ok(long.as_str()).chunked().dripping(50_000, Duration::from_micros(1)),
    ] {
        assert_eq!(fetched(answer).unwrap(), long);
    }
    assert_eq!(fetched(Answer::status(204)).unwrap(), "");
}

#[test]
fn each_way_to_go_wrong_is_what_it_says() {
    let cases = [
        (Answer::close(), ErrorKind::Disconnected),
        (Answer::reset(), ErrorKind::Disconnected),
        (Answer::garbage(), ErrorKind::InvalidResponse),
        (Answer::raw("HTTP/1.1 200 OK\r\nContent-Len"), ErrorKind::Disconnected),
        (Answer::close_in_body(), ErrorKind::TruncatedBody),
        (Answer::close_in_body().body(""), ErrorKind::TruncatedBody),
        (Answer::close_in_body().chunked(), ErrorKind::TruncatedBody),
        (Answer::status(404), ErrorKind::Status),
    ];
    for (answer, kind) in cases {
        let said = format!("{answer:?}");
        assert_eq!(fetched(answer).unwrap_err().kind(), kind, "{said}");
    }
    // What was sent before a reset may get lost, and then the head is missing as well.
    let kind = fetched(Answer::reset_in_body()).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::TruncatedBody | ErrorKind::Disconnected), "{kind:?}");
    // All of it, as it is.
    assert_eq!(fetched(Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")).unwrap(), "hi");
}

#[test]
fn what_hangs_hangs_until_the_client_goes() {
    for answer in [Answer::hang(), Answer::hang_in_body(), Answer::hang_in_body().chunked()] {
        let server = Server::start(|script| script.for_id("9", answer));
        let (client, cancel) = (client(&server), CancelToken::new());
        let call = fetch(&client, &cancel, &["9"]);
        assert_eq!(server.wait_for_requests(1, GUARD).len(), 1);
        assert!(call.is_running());
        cancel.cancel();
        let (result, took) = call.wait_since(Instant::now());
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(took < AT_ONCE);
        assert_eq!(fetch_one(&client, "8").unwrap(), "8");
    }
}

#[test]
fn a_failure_ends_the_others_although_they_hang() {
    let (gate, never) = (Gate::new(), Gate::new());
    let server = Server::start(|script| {
        script
            .for_id("7", Answer::status(500).held_by(&gate))
            .for_id("8", Answer::hang_in_body())
            .for_id("9", Answer::ok("").held_by(&never))
    });
    let call = fetch(&client(&server), &CancelToken::new(), &["7", "8", "9"]);
    assert_eq!(server.wait_for_requests(3, GUARD).len(), 3);
    assert_eq!(server.most_in_flight(), 3);
    gate.open();
    let error = call.wait().unwrap_err();
    assert_eq!((error.id(), error.kind()), (Some("7"), ErrorKind::Status));
}

#[test]
fn a_gate_lets_one_through_and_then_the_rest() {
    let gate = Gate::new();
    let server = Server::start(|script| script.otherwise(Answer::ok_with(|_| "late").held_by(&gate)));
    let client = client(&server);
    let (first, second) = {
        let calls = ["1", "2"].map(|id| {
            let client = client.clone();
            spawn(move || fetch_one(&client, id))
        });
        calls.into()
    };
    assert_eq!(server.wait_for_requests(2, GUARD).len(), 2);
    gate.let_through(1);
    crate::support::until("one has passed", || !(first.is_running() && second.is_running()));
    assert!(first.is_running() || second.is_running(), "and only one");
    gate.open();
    assert_eq!((first.wait().unwrap(), second.wait().unwrap()), ("late".to_owned(), "late".to_owned()));
    assert_eq!(fetch_one(&client, "3").unwrap(), "late");
}

#[test]
fn a_delay_and_a_drip_take_their_time() {
    let start = Instant::now();
    assert_eq!(fetched(Answer::ok("hi").after(Duration::from_millis(20))).unwrap(), "hi");
    assert!(start.elapsed() >= Duration::from_millis(20));
    let start = Instant::now();
    // Three pieces, and two waits between them.
    assert_eq!(fetched(Answer::ok("slow").dripping(0, Duration::from_millis(7))).unwrap(), "slow");
    assert!(start.elapsed() >= Duration::from_millis(21));
}

#[test]
fn the_dialect_is_in_every_answer() {
    let server = Server::start(|script| {
        let own = Standing { limit: 5_000, remaining: 0, reset_in: Duration::ZERO };
        script
            .dialect(Dialect::GitHub)
            .when(|request| request.method == "PUT", Answer::status(404).standing(Dialect::OpenAi, own))
    });
    let headers = response(&server).headers;
    assert_eq!(headers["x-ratelimit-limit"], "5000");
    assert_eq!(headers["x-ratelimit-remaining"], "4999");
    assert!(headers.contains_key("date"));
    let client = builder(server.url()).method(fanout::http::Method::PUT).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    let headers = error.headers().unwrap();
    assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
    assert!(!headers.contains_key("x-ratelimit-remaining"));
}

#[test]
fn a_script_that_panics_is_a_500_and_not_the_end() {
    let server = Server::start(|script| {
        script.otherwise(Answer::ok_with(|request| {
            assert_ne!(request.id.as_deref(), Some("7"), "on purpose");
            "well"
        }))
    });
    let client = client(&server);
    assert_eq!(fetch_one(&client, "7").unwrap_err().status().unwrap(), 500);
    assert_eq!(fetch_one(&client, "8").unwrap(), "well");
}
