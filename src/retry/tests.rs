//! The tables in the documentation held against the code, and properties over random tries.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Method, StatusCode};

use crate::error::{Error, ErrorKind, GaveUp, Sent};

use super::decision::Backoff;
use super::{Attempt, Decision, Failed, Random, RetryBudget, RetryPolicy, RunBudget, is_repeatable};

const SECOND: Duration = Duration::from_secs(1);

const KINDS: [ErrorKind; 16] = [
    ErrorKind::Cancelled,
    ErrorKind::DeadlineExceeded,
    ErrorKind::InvalidId,
    ErrorKind::InvalidRequest,
    ErrorKind::NameLookup,
    ErrorKind::Connect,
    ErrorKind::Tls,
    ErrorKind::Timeout,
    ErrorKind::Disconnected,
    ErrorKind::InvalidResponse,
    ErrorKind::Status,
    ErrorKind::Redirect,
    ErrorKind::TruncatedBody,
    ErrorKind::BodyTooLarge,
    ErrorKind::Decode,
    ErrorKind::Thread,
];

const SENT: [Sent; 3] = [Sent::Never, Sent::Maybe, Sent::Yes];

/// A try of a GET that failed without an answer.
fn failed(kind: ErrorKind) -> Failed {
    Failed {
        kind,
        status: None,
        sent: Sent::Maybe,
        repeatable: true,
        no_such_name: false,
        forbidden: false,
        throttled: false,
    }
}

/// A try of a GET that was answered so.
fn answered(status: u16) -> Failed {
    Failed { status: Some(status), sent: Sent::Yes, ..failed(ErrorKind::Status) }
}

/// The first try, at `now`, with a jitter of nothing.
fn first(now: Instant) -> Attempt {
    Attempt { number: 1, now, told: None, random: 0 }
}

fn decide(policy: &RetryPolicy, failed: Failed, attempt: Attempt) -> Decision {
    policy.decide(failed, attempt, |_| Ok(()))
}

/// The cells of the rows below the line of the documentation that begins with `header`.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let start = format!("/// | {header}");
    let rows = include_str!("policy.rs").lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    rows.map_while(|line| line.strip_prefix("/// | ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect())
        .collect()
}

#[test]
fn the_schedule_in_the_documentation_is_what_is_waited() {
    fn text(wait: Duration) -> String {
        match wait.as_millis() {
            millis if millis < 1_000 => format!("{millis} ms"),
            millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
            millis => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        }
    }
    let policy = RetryPolicy::new(9);
    let rows = table("failed try");
    assert_eq!(rows.len(), 9);
    for (number, row) in (1..).zip(rows) {
        let last = if number == 9 { " and more" } else { "" };
        let [fault, throttling] =
            [Backoff::Fault, Backoff::Throttling].map(|backoff| text(policy.bound(backoff, number)));
        assert_eq!(row, [format!("{number}{last}"), fault, throttling]);
    }
    for backoff in [Backoff::Fault, Backoff::Throttling] {
        assert_eq!(policy.bound(backoff, u32::MAX), policy.bound(backoff, 9));
    }
}

#[test]
fn what_the_documentation_says_is_tried_again_is_so_and_nothing_else() {
    let policy = RetryPolicy::new(1);
    let rows = table("failure");
    assert_eq!(rows.len(), 4);
    let words = |backoff: &str| -> Vec<&str> {
        let cells = rows.iter().filter(|row| row[2] == backoff).map(|row| row[1]);
        cells.flat_map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric())).collect()
    };
    for kind in KINDS.into_iter().filter(|kind| *kind != ErrorKind::Status) {
        let documented = words("fault").contains(&format!("{kind:?}").as_str());
        let backoff = policy.backoff(failed(kind), false);
        assert_eq!(backoff, documented.then_some(Backoff::Fault), "{kind:?}");
    }
    for status in 100..=999 {
        let word = status.to_string();
        let fault = words("fault").contains(&word.as_str()).then_some(Backoff::Fault);
        let throttling = words("throttling").contains(&word.as_str()).then_some(Backoff::Throttling);
        assert_eq!(policy.clone().on_500(true).backoff(answered(status), true), throttling.or(fault));
        let untold = if status == 500 { None } else { fault.or(throttling) };
        assert_eq!(policy.backoff(answered(status), false), untold, "{status}");
    }
}

#[test]
fn a_status_counts_only_where_it_is_the_failure() {
    let policy = RetryPolicy::new(1);
    let in_the_body = Failed { kind: ErrorKind::Decode, ..answered(503) };
    assert_eq!(policy.backoff(in_the_body, true), None);
    let in_the_body = Failed { kind: ErrorKind::Timeout, ..answered(404) };
    assert_eq!(policy.backoff(in_the_body, false), Some(Backoff::Fault));
}

#[test]
fn what_asks_for_less_in_a_way_of_its_own_is_throttling() {
    let policy = RetryPolicy::new(1);
    for status in [200, 403, 404, 503] {
        let throttled = Failed { throttled: true, ..answered(status) };
        assert_eq!(policy.backoff(throttled, false), Some(Backoff::Throttling), "{status}");
    }
}

#[test]
fn each_reason_to_give_up_has_its_name() {
    let now = Instant::now();
    let policy = RetryPolicy::new(3);
    let post = Failed { repeatable: false, ..answered(503) };
    let cases = [
        (RetryPolicy::none(), answered(503), 1, true, GaveUp::Tries(1)),
        (RetryPolicy::none(), answered(404), 1, true, GaveUp::Tries(1)),
        (policy.clone(), answered(404), 1, true, GaveUp::NotRetryable),
        (policy.clone(), failed(ErrorKind::Tls), 1, true, GaveUp::NotRetryable),
        (
            policy.clone(),
            Failed { no_such_name: true, ..failed(ErrorKind::NameLookup) },
            1,
            true,
            GaveUp::NotRetryable,
        ),
        (
            policy.clone(),
            Failed { forbidden: true, ..failed(ErrorKind::Connect) },
            1,
            true,
            GaveUp::NotRetryable,
        ),
        (policy.clone(), post, 1, true, GaveUp::Unsafe),
        (policy.clone(), Failed { kind: ErrorKind::TruncatedBody, ..post }, 1, true, GaveUp::Unsafe),
        (
            policy.clone(),
            Failed { kind: ErrorKind::Disconnected, sent: Sent::Maybe, ..post },
            1,
            true,
            GaveUp::Unsafe,
        ),
        (policy.clone(), answered(503), 4, true, GaveUp::Tries(4)),
        (policy.clone(), answered(503), u32::MAX, true, GaveUp::Tries(u32::MAX)),
        (policy.clone(), answered(503), 3, false, GaveUp::Budget),
        // The first reason that is found is told: a 404 needs no budget, and a POST no more tries.
        (policy.clone(), answered(404), 4, false, GaveUp::NotRetryable),
        (policy, post, 4, false, GaveUp::Unsafe),
    ];
    for (policy, failed, number, left, why) in cases {
        let attempt = Attempt { number, ..first(now) };
        let decision = policy.decide(failed, attempt, |_| if left { Ok(()) } else { Err(GaveUp::Budget) });
        assert_eq!(decision, Decision::GiveUp(why), "{failed:?}, try {number}");
    }
}

#[test]
fn a_request_that_must_not_be_done_twice_is_tried_again_only_if_it_was_not_done_or_the_caller_insists() {
    let now = Instant::now();
    let policy = RetryPolicy::new(1);
    let insisting = policy.clone().even_unsafe(true);
    for kind in [ErrorKind::Connect, ErrorKind::Timeout, ErrorKind::Disconnected, ErrorKind::TruncatedBody] {
        for sent in SENT {
            let post = Failed { sent, repeatable: false, ..failed(kind) };
            let again = Decision::RetryAt(now);
            let polite = if sent == Sent::Never { again } else { Decision::GiveUp(GaveUp::Unsafe) };
            assert_eq!(decide(&policy, post, first(now)), polite, "{kind:?}, {sent}");
            assert_eq!(decide(&insisting, post, first(now)), again, "{kind:?}, {sent}");
            assert_eq!(decide(&policy, Failed { repeatable: true, ..post }, first(now)), again);
        }
    }
}

#[test]
fn a_key_makes_any_method_repeatable_and_its_absence_only_some() {
    let none = HeaderMap::new();
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE] {
        assert!(is_repeatable(&method, &none), "{method}");
    }
    let key = |key: &str| HeaderMap::from_iter([("Idempotency-Key".parse().unwrap(), key.parse().unwrap())]);
    for method in [Method::POST, Method::PATCH, Method::CONNECT, Method::from_bytes(b"PURGE").unwrap()] {
        assert!(!is_repeatable(&method, &none), "{method}");
        assert!(is_repeatable(&method, &key("\"7\"")), "{method}");
        assert!(!is_repeatable(&method, &key("")), "{method}");
    }
}

#[test]
fn an_error_tells_whether_a_proxy_forbids_it() {
    let not_connected = |source: io::Error| {
        Failed::of(&Error::new(ErrorKind::Connect, "").caused_by(Some(Box::new(source))), true)
    };
    assert!(not_connected(io::Error::new(io::ErrorKind::PermissionDenied, "407")).forbidden);
    assert!(!not_connected(io::Error::other("502")).forbidden);
    let by_kernel = io::Error::from_raw_os_error(13);
    assert_eq!(by_kernel.kind(), io::ErrorKind::PermissionDenied);
    assert!(!not_connected(by_kernel).forbidden, "a firewall's rules may change");
}

#[test]
fn an_error_tells_whether_a_look_up_is_worth_repeating() {
    let looked_up = |source: Option<io::Error>| {
        let source = source.map(|source| Box::new(source) as Box<dyn StdError + Send + Sync>);
        Failed::of(&Error::new(ErrorKind::NameLookup, "").caused_by(source), true)
    };
    let by_system = io::Error::other("Temporary failure in name resolution");
    assert!(!looked_up(Some(by_system)).no_such_name);
    assert!(looked_up(Some(io::ErrorKind::NotFound.into())).no_such_name);
    assert!(looked_up(None).no_such_name, "the host has no address");
    let refused: Box<dyn StdError + Send + Sync> = Box::new(io::Error::from(io::ErrorKind::NotFound));
    assert!(!Failed::of(&Error::new(ErrorKind::Connect, "").caused_by(Some(refused)), true).no_such_name);
}

#[test]
fn an_error_tells_kind_status_and_how_much_was_sent() {
    let head = Some((StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new()));
    let error = Error::new(ErrorKind::Status, "").sent_as(Sent::Yes).answered(head);
    assert_eq!(Failed::of(&error, true), answered(503));
    assert_eq!(Failed::of(&error, false), Failed { repeatable: false, ..answered(503) });
}

#[test]
fn an_error_says_why_it_was_given_up_where_that_is_news() {
    let cases = [
        (GaveUp::NotRetryable, "id 7: it failed"),
        (GaveUp::Tries(1), "id 7: it failed"),
        (GaveUp::Tries(4), "id 7: it failed, after 4 tries"),
        (GaveUp::Unsafe, "id 7: it failed, and is not tried again, since the server may have acted on it"),
        (GaveUp::Budget, "id 7: it failed, and the run's retry budget is spent"),
    ];
    for (why, text) in cases {
        let error = Error::new(ErrorKind::Status, "it failed").about("7", 4).giving_up(why);
        assert_eq!((error.to_string().as_str(), error.gave_up()), (text, Some(why)));
    }
    assert_eq!(GaveUp::Tries(1).to_string(), "after 1 try");
    assert_eq!(Error::new(ErrorKind::Status, "it failed").gave_up(), None);
}

#[test]
fn what_the_server_tells_is_a_floor_with_a_jitter_of_one_base() {
    let now = Instant::now();
    let policy = RetryPolicy::new(100);
    let at = |told: Instant, number: u32, random: u64, failed: Failed| {
        decide(&policy, failed, Attempt { number, now, told: Some(told), random })
    };
    let minute = now + SECOND * 60;
    let fault_base = Duration::from_millis(200);
    for (failed, base) in [(answered(429), SECOND), (answered(503), SECOND), (answered(502), fault_base)] {
        assert_eq!(at(minute, 1, 0, failed), Decision::RetryAt(minute));
        assert_eq!(at(minute, 9, u64::MAX, failed), Decision::RetryAt(minute + base), "{failed:?}");
    }
    // "At once" does not shorten the wait, and neither does the past.
    for told in [now, now.checked_sub(SECOND).unwrap_or(now)] {
        assert_eq!(at(told, 5, u64::MAX, answered(429)), Decision::RetryAt(now + SECOND * 16));
    }
}

/// Tries of all kinds, with everything that can be set, against what is promised of any.
#[test]
fn whatever_happens_the_promises_hold() {
    let random = Random::seeded(6);
    let now = Instant::now();
    let below = |bound: usize| usize::try_from(random.draw() % bound as u64).unwrap();
    let flip = || random.draw() % 2 == 0;
    let mut retried = 0;
    for _ in 0..200_000 {
        let policy = RetryPolicy::new(u32::try_from(below(4)).unwrap())
            .on_500(flip())
            .even_unsafe(flip())
            .max_backoff(SECOND * u32::try_from(1 + below(60)).unwrap());
        let failed = Failed {
            kind: KINDS[below(KINDS.len())],
            status: flip().then(|| [200, 404, 408, 425, 429, 500, 502, 503, 504][below(9)]),
            sent: SENT[below(3)],
            repeatable: flip(),
            no_such_name: flip(),
            forbidden: flip(),
            throttled: below(8) == 0,
        };
        let told = flip().then(|| now + Duration::from_millis(random.draw() % 100_000));
        let number = u32::try_from(1 + below(5)).unwrap();
        let attempt = Attempt { number, now, told, random: random.draw() };
        let (left, mut asked) = (flip(), None);
        let decision = policy.decide(failed, attempt, |due| {
            asked = Some(due);
            if left { Ok(()) } else { Err(GaveUp::Budget) }
        });
        let spends = matches!(decision, Decision::RetryAt(_) | Decision::GiveUp(GaveUp::Budget));
        assert_eq!(asked.is_some(), spends, "nothing is spent for nothing");
        let Decision::RetryAt(at) = decision else {
            continue;
        };
        retried += 1;
        assert_eq!(asked, Some(at));
        assert!(left && number <= policy.retries());
        assert!(failed.sent == Sent::Never || failed.repeatable || policy.even_unsafe);
        assert!(
            failed.status != Some(500)
                || policy.on_500
                || failed.kind != ErrorKind::Status
                || failed.throttled
        );
        assert!(at >= now && told.is_none_or(|told| at >= told));
        let latest = (now + policy.max_backoff).max(told.map_or(now, |told| told + SECOND));
        assert!(at <= latest, "{failed:?} {attempt:?}");
    }
    assert!(retried > 2_000, "{retried}");
}

#[test]
fn a_dying_server_sees_a_tenth_more_and_not_several_times_as_much() {
    let (policy, run, now) = (RetryPolicy::new(5), RunBudget::new(RetryBudget::default()), Instant::now());
    let mut requests = 0;
    for _ in 0..2_000 {
        run.start_id();
        for number in 1.. {
            requests += 1;
            let attempt = Attempt { number, ..first(now) };
            let spend = |_| if run.try_spend() { Ok(()) } else { Err(GaveUp::Budget) };
            match policy.decide(answered(503), attempt, spend) {
                Decision::RetryAt(_) => {}
                Decision::GiveUp(_) => break,
            }
        }
    }
    assert_eq!((requests, run.spent()), (2_300, 300));
}

#[test]
fn the_extremes_neither_overflow_nor_panic() {
    let now = Instant::now();
    let far = crate::clock::later(now, u64::MAX);
    for base in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let policy =
            RetryPolicy::new(u32::MAX).fault_base(base).throttling_base(base).max_backoff(Duration::MAX);
        for number in [0, 1, 64, u32::MAX] {
            for now in [now, far] {
                for told in [None, Some(now), Some(far)] {
                    for random in [0, u64::MAX] {
                        for failed in [answered(429), answered(502)] {
                            let attempt = Attempt { number, now, told, random };
                            match decide(&policy, failed, attempt) {
                                Decision::RetryAt(at) => assert!(at >= now),
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                }
            }
        }
    }
}
