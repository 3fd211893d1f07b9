//! Ids in, bodies and outcomes out.

mod feeding;
mod long_runs;
mod quota;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use fanout::{CancelToken, Error, ErrorKind, Rate, Sent};
use parking_lot::Mutex;

use crate::support::{
    AT_ONCE, Answer, HARDLY_EVER, Server, alone, builder, fetch, fetch_each, fetch_one, gate, memory_kib,
    spawn, text, threads, tokens_left, until,
};

/// What a caller may use as an error of its own.
#[derive(Debug)]
enum Mine {
    Fanout(Error),
    Enough,
}

impl From<Error> for Mine {
    fn from(error: Error) -> Mine {
        Mine::Fanout(error)
    }
}

#[test]
fn fetch_all_returns_every_body_under_its_id() {
    let server = Server::echo();
    let client = builder(server.at("/users/{id}/widgets?of={id}")).build().unwrap();
    let bodies = spawn(move || client.fetch_all(&CancelToken::new(), 1..=100)).wait().unwrap();
    assert_eq!(bodies.len(), 100);
    assert!(bodies.values().all(|body| body == b"widgets"));
    let client = builder(server.url()).build().unwrap();
    let bodies = spawn(move || client.fetch_all(&CancelToken::new(), 1..=100)).wait().unwrap();
    assert!(bodies.into_iter().all(|(id, body)| text(body) == id.to_string()));
}

#[test]
fn no_ids_are_no_requests() {
    let server = Server::echo();
    let client = builder(server.url()).build().unwrap();
    assert!(fetch(&client, &CancelToken::new(), &[]).wait().unwrap().is_empty());
    assert!(fetch_each(&client, &CancelToken::new(), &[]).wait().end.is_ok());
    drop(client);
    assert_eq!(server.finish(), 0);
}

#[test]
fn a_repeated_id_is_fetched_once_in_fetch_all_and_each_time_in_fetch_each() {
    let server = Server::echo();
    let client = builder(server.url()).build().unwrap();
    let bodies = fetch(&client, &CancelToken::new(), &["a", "b", "a", "a", "b"]).wait().unwrap();
    assert_eq!(bodies.len(), 2);
    assert_eq!(server.requests(), 2);
    let run = fetch_each(&client, &CancelToken::new(), &["a", "a"]).wait();
    assert_eq!(run.outcomes.len(), 2);
    assert_eq!(server.requests(), 4);
}

#[test]
fn an_id_is_one_segment_of_the_path_whatever_it_holds() {
    let server = Server::echo();
    let client = builder(server.at("/users/{id}?q={id}")).build().unwrap();
    let cases = [
        ("a/b", "a%2Fb"),
        ("ü", "%C3%BC"),
        ("a b", "a%20b"),
        ("?", "%3F"),
        ("#", "%23"),
        ("%", "%25"),
        ("%41", "%2541"),
        ("a+b&c", "a%2Bb%26c"),
        ("...", "..."),
    ];
    for (id, encoded) in cases {
        assert_eq!(fetch_one(&client, id).unwrap(), encoded);
    }
}

#[test]
fn an_id_that_no_url_can_carry_is_refused_by_value_before_anything_is_sent() {
    let server = Server::echo();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(3).build().unwrap();
    for id in [".", "..", "", "a\nb", "\u{7f}", "\0"] {
        let error = fetch_one(&client, id).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidId, Sent::Never), "{id:?}");
        assert_eq!(error.id(), Some(id));
        let said = error.to_string();
        assert!(said.contains(&format!("id {}", id.escape_debug())), "{said}");
        assert!(!said.chars().any(char::is_control), "{said:?}");
    }
    assert_eq!(tokens_left(&client), 3, "nothing was sent, nothing is paid");
    drop(client);
    assert_eq!(server.finish(), 0);
}

#[test]
fn an_invalid_id_is_one_outcome_among_others_with_keep_going() {
    let server = Server::echo();
    let client = builder(server.url()).keep_going(true).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "..", "2"]).wait();
    run.end.as_ref().unwrap();
    assert_eq!(run.of("..").as_ref().unwrap_err().kind(), ErrorKind::InvalidId);
    assert_eq!(run.of("1").as_ref().unwrap().body, b"1");
    assert_eq!(run.of("2").as_ref().unwrap().body, b"2");
}

#[test]
fn an_outcome_tells_status_headers_body_attempt_and_times() {
    let server = Server::answering(|_| Answer::ok("body").header("X-Quota", "7"));
    let client = builder(server.url()).build().unwrap();
    let before = Instant::now();
    let run = fetch_each(&client, &CancelToken::new(), &["a"]).wait();
    let outcome = &run.outcomes[0];
    assert_eq!((outcome.id.as_str(), outcome.attempt), ("a", 1));
    let response = outcome.result.as_ref().unwrap();
    assert_eq!(response.status.as_u16(), 200);
    assert_eq!(response.headers["x-quota"], "7");
    assert_eq!(response.body, b"body");
    let times = outcome.times;
    assert!(times.taken_at >= before);
    assert!(times.latency > Duration::ZERO);
    assert!(times.taken_at + times.waited + times.latency <= Instant::now());
}

#[test]
fn what_counts_as_a_success_can_be_chosen() {
    let server = Server::answering(|asked| Answer::status(asked.id().parse().unwrap()).body("gone"));
    let lenient =
        builder(server.url()).accept_status(|status| status == 200 || status == 404).build().unwrap();
    assert_eq!(fetch_one(&lenient, "404").unwrap(), "gone");
    let error = fetch_one(&lenient, "201").unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(201));
    let strict = builder(server.url()).build().unwrap();
    for good in ["200", "201", "206", "299"] {
        assert_eq!(fetch_one(&strict, good).unwrap(), "gone");
    }
    for bad in ["400", "404", "429", "500", "503", "599"] {
        let error = fetch_one(&strict, bad).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Status, Sent::Yes));
        assert!(error.to_string().contains(bad), "{error}");
    }
}

#[test]
fn with_keep_going_failures_are_outcomes_and_the_run_goes_on() {
    let server = Server::answering(|asked| match asked.id() {
        "b" => Answer::status(500),
        id => Answer::ok(id),
    });
    let client = builder(server.url()).keep_going(true).max_in_flight(1).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["a", "b", "c"]).wait();
    run.end.as_ref().unwrap();
    assert_eq!(run.outcomes.len(), 3);
    let error = run.of("b").as_ref().unwrap_err();
    assert_eq!((error.id(), error.attempt()), (Some("b"), 1));
    assert!(run.of("a").is_ok() && run.of("c").is_ok());
}
