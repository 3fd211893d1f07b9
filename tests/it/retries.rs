//! Tries beyond the first: which, how many, and what they cost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanout::{CancelToken, ErrorKind, FanOutClient, GaveUp, Outcome, RetryBudget, RetryPolicy, http};
use parking_lot::Mutex;

use crate::support::{
    Answer, HARDLY_EVER, Server, builder, fetch, fetch_each, fetch_one, patient, soon, spawn, tokens_left,
    until,
};

/// A wait that is drawn from so long is, but for one in ten million, longer than a test.
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A server that answers the first tries of each id with these statuses, in turn, and then with the id.
fn failing(statuses: &'static [u16]) -> Server {
    let tries: Mutex<HashMap<String, usize>> = Mutex::default();
    Server::answering(move |asked| {
        let mut tries = tries.lock();
        let tries = tries.entry(asked.id().to_owned()).or_default();
        *tries += 1;
        match statuses.get(*tries - 1) {
            Some(status) => Answer::status(*status),
            None => Answer::ok(asked.id()),
        }
    })
}

#[test]
fn an_id_is_tried_until_it_succeeds_and_its_outcome_tells_of_the_earlier_tries() {
    let server = failing(&[503, 502, 429]);
    let client =
        builder(server.url()).retries(soon(3)).retry_budget(RetryBudget::new(300, 0)).build().unwrap();
    let mut seen = Vec::new();
    let each = |outcome: Outcome<u32>| {
        assert!(outcome.result.is_ok());
        let statuses: Vec<_> = outcome.earlier.iter().map(|error| error.status().unwrap().as_u16()).collect();
        let attempts: Vec<_> = outcome.earlier.iter().map(|error| error.attempt()).collect();
        assert_eq!((statuses, attempts), (vec![503, 502, 429], vec![1, 2, 3]));
        seen.push((outcome.id, outcome.attempt));
        Ok::<(), fanout::Error>(())
    };
    client.fetch_each(&CancelToken::new(), 0..100, each).unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (0..100).map(|id| (id, 4)).collect::<Vec<_>>());
    assert_eq!(server.requests(), 400);
}

#[test]
fn the_last_try_is_the_error_and_says_how_many_there_were() {
    let server = failing(&[503; 9]);
    let client = builder(server.url()).retries(soon(2)).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(
        (error.kind(), error.attempt(), error.gave_up()),
        (ErrorKind::Status, 3, Some(GaveUp::Tries(3)))
    );
    assert!(error.to_string().ends_with(", after 3 tries"), "{error}");
    assert_eq!(server.requests(), 3);
}

#[test]
fn nothing_is_tried_again_unless_asked_for_nor_what_another_try_would_not_change() {
    let server = failing(&[503; 9]);
    let error = fetch_one(&builder(server.url()).build().unwrap(), "7").unwrap_err();
    assert_eq!((error.attempt(), server.requests()), (1, 1));
    assert!(!error.to_string().contains("tries"), "{error}");
    for status in [400, 404, 500, 501] {
        let server = Server::answering(move |_| Answer::status(status));
        let error = fetch_one(&builder(server.url()).retries(soon(3)).build().unwrap(), "7").unwrap_err();
        assert_eq!((error.gave_up(), server.requests()), (Some(GaveUp::NotRetryable), 1), "{status}");
    }
    let server = failing(&[500]);
    let client = builder(server.url()).retries(soon(1).on_500(true)).build().unwrap();
    fetch_one(&client, "7").unwrap();
}

#[test]
fn a_post_is_tried_again_only_with_a_key_or_if_the_caller_insists() {
    let post = |key: Option<&'static str>, policy: RetryPolicy| {
        let server = failing(&[503]);
        let url = server.at("/");
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let make = move |id: &str| {
            let post = http::Request::post(format!("{url}{id}"));
            let made = count.fetch_add(1, Ordering::SeqCst);
            match key {
                Some(key) => post.header("Idempotency-Key", format!("{key}-{id}-{made}")),
                None => post,
            }
            .body("x")
        };
        let client = patient(FanOutClient::from_requests(make)).retries(policy).build().unwrap();
        let fetched = fetch_one(&client, "7").map_err(|error| error.gave_up());
        (fetched.err().flatten(), server.requests(), made.load(Ordering::SeqCst))
    };
    assert_eq!(post(None, soon(3)), (Some(GaveUp::Unsafe), 1, 1));
    assert_eq!(post(None, soon(3).even_unsafe(true)), (None, 2, 1));
    assert_eq!(post(Some("k"), soon(3)), (None, 2, 1), "and the request, with its key, is made once");
}

#[test]
fn each_try_costs_a_token() {
    let server = failing(&[503, 503]);
    let client = builder(server.url()).rate(HARDLY_EVER).burst(10).retries(soon(2)).build().unwrap();
    fetch_one(&client, "7").unwrap();
    assert_eq!(tokens_left(&client), 7);
}

#[test]
fn when_the_budget_is_spent_the_run_fails_and_says_so() {
    let server = Server::answering(|_| Answer::status(503));
    let client = builder(server.url()).retries(soon(100)).retry_budget(RetryBudget::new(5, 0));
    let error = fetch_one(&client.build().unwrap(), "7").unwrap_err();
    assert_eq!((error.gave_up(), server.requests()), (Some(GaveUp::Budget), 6));
    assert!(error.to_string().contains("retry budget is spent"), "{error}");

    let server = failing(&[503]);
    let client = builder(server.url()).retries(soon(1)).retry_budget(RetryBudget::new(5, 0)).keep_going(true);
    let (client, mut well, mut ill) = (client.build().unwrap(), 0, 0);
    client
        .fetch_each(&CancelToken::new(), 0..100, |outcome: Outcome<u32>| {
            *if outcome.result.is_ok() { &mut well } else { &mut ill } += 1;
            Ok::<(), fanout::Error>(())
        })
        .unwrap();
    assert_eq!((well, ill, server.requests()), (5, 95, 105));
}

#[test]
fn an_id_that_waits_for_its_next_try_holds_up_no_other_and_a_cancel_reaches_it() {
    let server = Server::answering(|asked| match asked.id() {
        "0" => Answer::status(503),
        id => Answer::ok(id),
    });
    let hour = Duration::from_secs(3_600);
    let policy = RetryPolicy::new(100).fault_base(hour).throttling_base(hour).max_backoff(hour);
    let client = builder(server.url()).max_in_flight(1).retries(policy).build().unwrap();
    let call = spawn(move || {
        let (cancel, mut fetched) = (CancelToken::new(), 0);
        let ended = client.fetch_each(&cancel, 0..30, |outcome: Outcome<u32>| {
            fetched += usize::from(outcome.result.is_ok());
            if fetched == 29 {
                cancel.cancel();
            }
            Ok::<(), fanout::Error>(())
        });
        (fetched, ended)
    });
    let (fetched, ended) = call.wait();
    assert_eq!((fetched, ended.unwrap_err().kind()), (29, ErrorKind::Cancelled));
}

#[test]
fn a_deadline_before_the_next_try_fails_at_once() {
    let server = Server::answering(|_| Answer::status(503));
    let policy = RetryPolicy::new(9).fault_base(YEAR).throttling_base(YEAR).max_backoff(YEAR);
    let client = builder(server.url()).retries(policy).build().unwrap();
    let soon = CancelToken::new().with_timeout(Duration::from_secs(1));
    let error = fetch(&client, &soon, &["7"]).wait().unwrap_err();
    assert_eq!((error.kind(), error.gave_up()), (ErrorKind::Status, Some(GaveUp::Deadline)));
}

#[test]
fn a_retry_that_would_come_too_late_is_not_taken_from_the_budget() {
    let policy = RetryPolicy::new(9).fault_base(YEAR).throttling_base(YEAR).max_backoff(YEAR);
    let server = Server::answering(|_| Answer::status(503));
    let client = builder(server.url()).retries(policy).keep_going(true).retry_budget(RetryBudget::new(1, 0));
    let soon = CancelToken::new().with_timeout(Duration::from_secs(2));
    let run = fetch_each(&client.build().unwrap(), &soon, &["1", "2", "3"]).wait();
    let gave_up = run.outcomes.into_iter().map(|outcome| outcome.result.unwrap_err().gave_up());
    assert_eq!(gave_up.collect::<Vec<_>>(), [Some(GaveUp::Deadline); 3]);
}

#[test]
fn the_client_tells_how_many_ids_wait_to_be_tried_again() {
    let server = Server::answering(|asked| match asked.id() {
        "well" => Answer::ok("well"),
        _ => Answer::status(503),
    });
    let client = builder(server.url())
        .retries(RetryPolicy::new(1).fault_base(YEAR).max_backoff(YEAR))
        .build()
        .unwrap();
    let cancel = CancelToken::new();
    let call = fetch_each(&client, &cancel, &["ill", "well", "worse"]);
    until("two wait", || client.awaiting_retry() == 2 && client.in_flight() == 0);
    cancel.cancel();
    assert_eq!(call.wait().end.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(client.awaiting_retry(), 0);
}
