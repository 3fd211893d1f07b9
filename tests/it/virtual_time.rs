//! Jobs of hours, in milliseconds: the limits, pauses and retries of a client on a clock that jumps.

use std::time::Duration;

use fanout::{CancelToken, Limit, Rate, RetryBudget, RetryPolicy, VirtualClock};

use crate::support::{Answer, Server, builder, spawn};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_job_takes_to_the_nanosecond_what_its_limits_make_it_take() {
    let server = Server::echo();
    let clock = VirtualClock::new();
    let client =
        builder(server.url()).rate(Rate::per_second(10)).burst(20).virtual_clock(&clock).build().unwrap();
    assert_eq!(client.fetch_all(&CancelToken::new(), 0..60).unwrap().len(), 60);
    assert_eq!(clock.elapsed(), Duration::from_secs(4));

    let clock = VirtualClock::new();
    let limited = builder(server.url()).limit(Limit::at_most(50, HOUR).burst(5)).virtual_clock(&clock);
    assert_eq!(limited.build().unwrap().fetch_all(&CancelToken::new(), 0..50).unwrap().len(), 50);
    assert_eq!(clock.elapsed(), HOUR);
}

/// With a deadline, those behind the head of a line wait for an instant as well.
#[test]
fn a_deadline_far_away_does_not_keep_the_clock_from_jumping() {
    let server = Server::echo();
    let clock = VirtualClock::new();
    let client =
        builder(server.url()).rate(Rate::per_second(1)).burst(1).virtual_clock(&clock).build().unwrap();
    let cancel = CancelToken::new().with_timeout(HOUR);
    assert_eq!(spawn(move || client.fetch_all(&cancel, 0..60)).wait().unwrap().len(), 60);
    assert_eq!(clock.elapsed(), Duration::from_secs(59));
}

#[test]
fn a_pause_and_the_wait_for_a_retry_take_no_time_and_come_when_they_should() {
    let server = Server::answering(|asked| match asked.connection {
        1 => Answer::status(429).header("Retry-After", "90").header("Connection", "close"),
        _ => Answer::ok(asked.id()),
    });
    let clock = VirtualClock::new();
    let client = builder(server.url()).max_in_flight(1).retries(3).virtual_clock(&clock).build().unwrap();
    assert_eq!(client.fetch_all(&CancelToken::new(), 0..3).unwrap().len(), 3);
    let (least, most) = (Duration::from_secs(90), Duration::from_secs(91));
    assert!(clock.elapsed() >= least && clock.elapsed() <= most, "{:?}", clock.elapsed());
}

/// Faults that come one after the other are waited for longer and longer.
#[test]
fn the_whole_schedule_of_a_policy_can_be_seen() {
    let server = Server::answering(|_| Answer::status(503));
    let clock = VirtualClock::new();
    let policy = RetryPolicy::new(100).fault_base(HOUR).throttling_base(HOUR).max_backoff(HOUR);
    let client = builder(server.url()).retries(policy).retry_budget(RetryBudget::new(100, 0));
    let error =
        client.virtual_clock(&clock).build().unwrap().fetch_all(&CancelToken::new(), 0..1).unwrap_err();
    assert_eq!((error.attempt(), server.requests()), (101, 101));
    // A hundred waits of half an hour each, on average; the chance of less than half of that is that of 6 sigma.
    assert!(clock.elapsed() > 25 * HOUR && clock.elapsed() < 75 * HOUR, "{:?}", clock.elapsed());
}
