//! Bugs of others that must not become ours. Each test names the one it is about; those that are not here are
//! told apart by what they test:
//!
//! | bug | test |
//! | --- | --- |
//! | golang/go#65508, #71360: a clock read outside the lock mints tokens | `bucket::a_clock_that_steps_back_…`, `limiter::the_bound_holds_…` |
//! | golang/go#37852: a head that leaves does not wake the next | `limiter::one_that_leaves_is_gone_at_once_…` |
//! | golang/sync `semaphore`: more than the size blocks for ever | `limiter::more_than_the_burst_is_an_error_…` |
//! | golang/go#53757, #74275: a panic of a worker is lost, or ends the process | `panics` |
//! | ureq U2: neither look-up nor connect is interrupted | `fail_fast::while_others_hang_in_connect`, `…_name_look_up` |
//! | ureq U4: a body that was cut is a success | `fail_fast::…_ends_with_the_connection`, `responses::…` |
//! | ureq U5: a look-up for each request | `http::a_name_is_looked_up_once` |
//! | ureq U7: three idle connections are kept | `http::connections_that_idle_between_tokens_are_kept` |
//! | ureq U8: a 429 without its headers | `responses::a_failed_status_is_known_at_the_head_…` |
//! | ureq U9, reqwest: redirects are free | `redirects::each_hop_costs_a_token` |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanout::{AcquireError, CancelToken, Error, ErrorKind, Rate, RateLimiter};
use parking_lot::Mutex;

use crate::support::{
    AT_ONCE, Answer, HARDLY_EVER, Server, builder, fetch, fetch_each, spawn, tokens_left, until,
};

/// golang/go#63615: the semaphore was granted to a caller whose context had ended before it asked.
#[test]
fn go_63615_nothing_is_granted_to_a_caller_that_was_cancelled_before() {
    let limiter = RateLimiter::new(HARDLY_EVER, 1).unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    for _ in 0..100 {
        assert_eq!(limiter.acquire(&cancel), Err(AcquireError::Cancelled));
    }
    assert!(limiter.try_acquire(), "the token is still there");
}

/// golang/go#56924 and #69419: a cancelled wait gives back fewer tokens than it took. Here nothing is taken
/// for it.
#[test]
fn go_56924_a_cancelled_wait_costs_those_who_come_after_nothing() {
    let limiter = RateLimiter::new(Rate::new(1, Duration::from_secs(3_600)), 10).unwrap();
    let none = CancelToken::new();
    limiter.acquire_n(&none, 10).unwrap();
    for _ in 0..20 {
        let cancel = CancelToken::new();
        let waiter = {
            let (limiter, cancel) = (limiter.clone(), cancel.clone());
            spawn(move || limiter.acquire_n(&cancel, 10))
        };
        until("it stands in line", || limiter.waiting() == 1);
        cancel.cancel();
        assert_eq!(waiter.wait(), Err(AcquireError::Cancelled));
    }
    // The first hour's token is still the next one's.
    let by = Instant::now() + Duration::from_secs(3_601);
    let call = {
        let (limiter, none) = (limiter.clone(), none.clone());
        spawn(move || limiter.acquire_by(&none, by))
    };
    until("it stands in line, so its deadline can be met", || limiter.waiting() == 1);
    none.cancel();
    assert_eq!(call.wait(), Err(AcquireError::Cancelled));
}

/// golang/go#23575: those who sleep keep the time that the old limit gave them.
#[test]
fn go_23575_a_new_limit_moves_those_who_sleep() {
    let limiter = RateLimiter::new(HARDLY_EVER, 1).unwrap();
    limiter.acquire(&CancelToken::new()).unwrap();
    let waiter = {
        let limiter = limiter.clone();
        spawn(move || limiter.acquire(&CancelToken::new()))
    };
    until("it sleeps", || limiter.waiting() == 1);
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    waiter.wait().unwrap();
}

/// boinkor-net/governor#107 and #249: one more than the burst slipped through at the start, or after an idle
/// time.
#[test]
fn governor_107_the_burst_is_never_exceeded_by_one() {
    for burst in 1..=50 {
        let limiter = RateLimiter::new(HARDLY_EVER, burst).unwrap();
        let taken = (0..burst + 5).filter(|_| limiter.try_acquire()).count();
        assert_eq!(taken, burst as usize);
    }
}

/// boinkor-net/governor#196: to wait until ready and then to check pays twice.
#[test]
fn governor_196_a_request_pays_once() {
    let server = Server::echo();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(10).build().unwrap();
    fetch(&client, &CancelToken::new(), &["1", "2", "3"]).wait().unwrap();
    assert_eq!(tokens_left(&client), 7);
}

/// vutran1710/PyrateLimiter#301: the lock was held by one who slept, so that nobody else could even ask.
#[test]
fn pyrate_301_nobody_sleeps_under_the_lock() {
    let limiter = RateLimiter::new(HARDLY_EVER, 1).unwrap();
    let cancel = CancelToken::new();
    limiter.acquire(&cancel).unwrap();
    let waiter = {
        let (limiter, cancel) = (limiter.clone(), cancel.clone());
        spawn(move || limiter.acquire(&cancel))
    };
    until("it sleeps", || limiter.waiting() == 1);
    let call = {
        let limiter = limiter.clone();
        spawn(move || (limiter.try_acquire(), limiter.rate(), limiter.set_burst(2)))
    };
    assert_eq!(call.wait(), (false, HARDLY_EVER, Ok(())));
    cancel.cancel();
    assert_eq!(waiter.wait(), Err(AcquireError::Cancelled));
}

/// resilience4j#1283 and #2194: it waited for the whole timeout, although it knew the answer before.
#[test]
fn resilience4j_2194_a_deadline_that_cannot_be_met_is_not_waited_for() {
    let limiter = RateLimiter::new(HARDLY_EVER, 1).unwrap();
    assert!(limiter.try_acquire());
    let deadline = Instant::now() + Duration::from_secs(3_600);
    let call = spawn(move || limiter.acquire_by(&CancelToken::new(), deadline));
    assert_eq!(call.wait(), Err(AcquireError::DeadlineExceeded));
}

/// theduke/crates-io-api#83: after an error the next request went out without waiting.
#[test]
fn crates_io_api_83_a_request_that_failed_was_paid_for() {
    let server = Server::answering(|_| Answer::status(500));
    let client = builder(server.url()).rate(HARDLY_EVER).burst(5).keep_going(true).build().unwrap();
    fetch_each(&client, &CancelToken::new(), &["1", "2", "3"]).wait().end.unwrap();
    assert_eq!(tokens_left(&client), 2);
}

/// SGrondin/bottleneck#223, "hold slots": one that waits for its token must not keep another from working.
/// Here it holds its permit (the token is taken last), and gives it back as soon as it is cancelled.
#[test]
fn bottleneck_223_a_cancelled_wait_for_a_token_gives_its_permit_back() {
    let server = Server::echo();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).max_in_flight(1).build().unwrap();
    fetch(&client, &CancelToken::new(), &["1"]).wait().unwrap();
    let cancel = CancelToken::new();
    let call = fetch(&client, &cancel, &["2"]);
    until("it waits for a token", || client.limiter().waiting() == 1);
    cancel.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(client.in_flight(), 0);
    client.limiter().set_rate(Rate::UNLIMITED).unwrap();
    assert_eq!(fetch(&client, &CancelToken::new(), &["3"]).wait().unwrap()["3"], "3");
}

/// sindresorhus/p-queue#126 and tower: a fixed window lets twice the limit through at its edge. Tokens that
/// were not used do not come on top of the burst.
#[test]
fn p_queue_126_an_idle_time_saves_up_no_more_than_the_burst() {
    let (rate, burst) = (Rate::per_second(500), 10);
    let limiter = RateLimiter::new(rate, burst).unwrap();
    let start = Instant::now();
    until("far more than the burst would have come", || start.elapsed() > Duration::from_millis(100));
    let before = Instant::now();
    let taken = std::iter::repeat_with(|| limiter.try_acquire()).take_while(|taken| *taken).count() as u128;
    let came = before.elapsed().as_micros() / 2_000;
    assert!(u128::from(burst) <= taken && taken <= u128::from(burst) + came + 1, "{taken} taken");
}

/// hatoo/oha#100: the time in the queue was counted as the server's.
#[test]
fn oha_100_waiting_is_told_apart_from_the_request() {
    let server = Server::echo();
    let client = builder(server.url()).rate(Rate::per_second(5)).burst(1).max_in_flight(1).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2"]).wait();
    run.end.as_ref().unwrap();
    let times = run.outcomes[1].times;
    assert!(times.waited > Duration::from_millis(100), "{times:?}");
    assert!(times.latency < times.waited, "{times:?}");
}

/// curl#10357: `--rate` silently did nothing in one release. The arrivals at the server tell.
#[test]
fn curl_10357_the_rate_is_seen_by_the_server() {
    let server = Server::echo();
    let client = builder(server.url()).rate(Rate::per_second(50)).burst(1).max_in_flight(8).build().unwrap();
    let start = Instant::now();
    let (fetched, took) = spawn(move || client.fetch_all(&CancelToken::new(), 0..26)).wait_since(start);
    assert_eq!(fetched.unwrap().len(), 26);
    assert!(took >= Duration::from_millis(500), "{took:?}");
}

/// curl#6939: with `--parallel --fail-early` the others went on to their ends.
#[test]
fn curl_6939_the_others_do_not_go_on_to_their_ends() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(3).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["fails", "1", "2", "3", "4"]);
    let mut requests = server.take(3);
    let start = Instant::now();
    requests.remove("fails").unwrap().answer(404, "");
    let (result, took) = call.wait_since(start);
    assert_eq!(result.unwrap_err().id(), Some("fails"));
    assert!(took < AT_ONCE, "{took:?}");
    drop((client, requests));
    assert_eq!(server.finish(), 3);
}

/// curl#6199: the errors did not say which URL had failed.
#[test]
fn curl_6199_an_error_names_its_id() {
    let server =
        Server::answering(|asked| if asked.id() == "7" { Answer::status(500) } else { Answer::ok("") });
    let client = builder(server.url()).build().unwrap();
    let error = fetch(&client, &CancelToken::new(), &["5", "6", "7", "8"]).wait().unwrap_err();
    assert_eq!(error.id(), Some("7"));
    assert!(error.to_string().starts_with("id 7: "), "{error}");
}

/// hungle45/go-kata 07 and errgroup: what was fetched before the error is lost.
#[test]
fn errgroup_keeps_no_results_and_we_do() {
    let server =
        Server::answering(|asked| if asked.id() == "9" { Answer::status(500) } else { Answer::ok("") });
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2", "3", "9", "4"]).wait();
    let fetched: Vec<&str> = run.outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(fetched, ["1", "2", "3"]);
    assert_eq!(run.end.unwrap_err().id(), Some("9"));
}

/// curl#4316, "not all URLs ran", and aria2#1133, where a quarter of many small files failed.
#[test]
fn curl_4316_all_ids_run() {
    let server = Server::answering(|asked| match asked.id().parse::<u32>().unwrap() % 3 {
        0 => Answer::status(500),
        1 => Answer::ok("x").until_close(),
        _ => Answer::ok("x").chunked(),
    });
    let client = builder(server.url()).max_in_flight(16).keep_going(true).build().unwrap();
    let seen = Arc::new(Mutex::new([0_u32; 600]));
    let failed = Arc::new(AtomicUsize::new(0));
    let call = {
        let (seen, failed) = (seen.clone(), failed.clone());
        spawn(move || {
            client.fetch_each(&CancelToken::new(), 0..600_usize, |outcome| {
                seen.lock()[outcome.id] += 1;
                failed.fetch_add(usize::from(outcome.result.is_err()), Ordering::SeqCst);
                Ok::<_, Error>(())
            })
        })
    };
    call.wait().unwrap();
    assert!(seen.lock().iter().all(|times| *times == 1));
    assert_eq!(failed.load(Ordering::SeqCst), 200);
}

/// getsentry/sentry-rust#1176: the handling of 429 was dead code, since ureq had made an error of it.
#[test]
fn sentry_1176_a_429_can_be_a_result_with_its_headers() {
    let server = Server::answering(|_| Answer::status(429).header("Retry-After", "5").body("slow down"));
    let client = builder(server.url()).accept_status(|status| status == 429).build().unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["a"]).wait();
    let response = run.of("a").as_ref().unwrap();
    assert_eq!((response.status.as_u16(), response.body.as_slice()), (429, b"slow down".as_slice()));
    assert_eq!(response.headers["retry-after"], "5");
}
