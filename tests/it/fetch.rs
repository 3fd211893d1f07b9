//! Ids in, bodies and outcomes out.

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

#[test]
fn an_error_of_the_closure_stops_the_run_and_is_returned() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ["first", "hangs", "never"], |_| Err(Mine::Enough))
        })
    };
    let mut requests = server.take(2);
    requests.remove("first").unwrap().answer(200, "");
    assert!(matches!(call.wait(), Err(Mine::Enough)));
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
}

#[test]
fn an_error_of_the_client_reaches_the_caller_as_its_own() {
    let server = Server::answering(|_| Answer::status(500));
    let client = builder(server.url()).build().unwrap();
    let end = spawn(move || client.fetch_each(&CancelToken::new(), ["a"], |_| Err(Mine::Enough))).wait();
    let Err(Mine::Fanout(error)) = end else { panic!("{end:?}") };
    assert_eq!(error.kind(), ErrorKind::Status);
}

/// An iterator that counts how often it is asked.
fn counted(asked: &Arc<AtomicUsize>) -> impl Iterator<Item = usize> + Send + use<> {
    let asked = asked.clone();
    (0..).inspect(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
    })
}

#[test]
fn ids_are_pulled_only_a_little_ahead_of_what_is_sent() {
    const IN_FLIGHT: usize = 4;
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(IN_FLIGHT).build().unwrap();
    let (asked, cancel) = (Arc::new(AtomicUsize::new(0)), CancelToken::new());
    let call = {
        let (ids, cancel) = (counted(&asked), cancel.clone());
        spawn(move || client.fetch_each(&cancel, ids, |_| Ok::<_, Error>(())))
    };
    // All workers hang, so the source is endless and the look-ahead soon full. Each answer makes room for one
    // more.
    let requests = server.take(IN_FLIGHT);
    for request in requests.into_values() {
        request.answer(200, "");
    }
    let held = server.take(IN_FLIGHT);
    let pulled = asked.load(Ordering::SeqCst);
    assert!(pulled <= 2 * IN_FLIGHT + 64, "{pulled} ids pulled for {} requests", 2 * IN_FLIGHT);
    cancel.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    let pulled = asked.load(Ordering::SeqCst);
    assert!(pulled <= 2 * IN_FLIGHT + 64, "{pulled} ids pulled for {} requests", 2 * IN_FLIGHT);
    drop(held);
}

/// The closure is the slow one here. While it has not returned, `next` must not be called, and what has been
/// fetched meanwhile must stay bounded.
#[test]
fn a_slow_closure_holds_back_the_requests_and_the_ids() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (asked, in_closure) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open, gate) = gate();
    let ids = {
        let in_closure = in_closure.clone();
        counted(&asked).take(2_000).inspect(move |_| assert_eq!(in_closure.load(Ordering::SeqCst), 0))
    };
    let call = {
        let in_closure = in_closure.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ids, |_| {
                in_closure.store(1, Ordering::SeqCst);
                gate.pass();
                in_closure.store(0, Ordering::SeqCst);
                Ok::<_, Error>(())
            })
        })
    };
    until("the closure runs", || in_closure.load(Ordering::SeqCst) == 1);
    for _ in 0..100 {
        open.send(()).unwrap();
    }
    until("it stands still again", || open.is_empty() && in_closure.load(Ordering::SeqCst) == 1);
    let (pulled, sent) = (asked.load(Ordering::SeqCst), server.requests());
    assert!(pulled <= 101 + 200 && sent <= pulled, "{pulled} ids pulled and {sent} sent, 101 taken");
    drop(open);
    call.wait().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2_000);
}

/// "`next()` is not called while an outcome waits": an outcome must reach the closure although the source is
/// endless and fast.
#[test]
fn an_outcome_that_waits_comes_before_the_next_id() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    let delivered = Arc::new(AtomicUsize::new(0));
    let pulls: Arc<Mutex<Vec<usize>>> = Arc::default();
    let ids = {
        let (delivered, pulls) = (delivered.clone(), pulls.clone());
        (0..40).inspect(move |_| pulls.lock().push(delivered.load(Ordering::SeqCst)))
    };
    let call = spawn(move || {
        client.fetch_each(&CancelToken::new(), ids, |_| {
            delivered.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(())
        })
    });
    for _ in 0..40 {
        server.next().answer(200, "");
    }
    call.wait().unwrap();
    // When the last id was pulled, all outcomes but those of the look-ahead had been delivered.
    let last = *pulls.lock().last().unwrap();
    assert!(last >= 40 - 1 - 16, "{last} of 40 delivered when the last id was pulled");
}

#[test]
fn ids_can_come_from_a_channel_that_stays_open() {
    let server = Server::echo();
    let client = builder(server.url()).build().unwrap();
    let (sender, ids) = crossbeam_channel::unbounded();
    let (delivered, outcomes) = crossbeam_channel::unbounded();
    let call = spawn(move || {
        client.fetch_each_received(&CancelToken::new(), &ids, |outcome| {
            delivered.send(outcome.id).unwrap();
            Ok::<_, Error>(())
        })
    });
    for id in 0..50 {
        sender.send(id).unwrap();
        assert_eq!(outcomes.recv_timeout(crate::support::GUARD), Ok(id), "it must not wait for the next id");
    }
    assert!(call.is_running());
    drop(sender);
    call.wait().unwrap();
}

#[test]
fn waiting_for_a_channel_that_stays_empty_ends_with_a_cancel_a_deadline_or_a_failure() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (sender, ids) = crossbeam_channel::unbounded();
    let start_one = |cancel: CancelToken| {
        let (client, ids) = (client.clone(), ids.clone());
        spawn(move || client.fetch_each_received(&cancel, &ids, |_| Ok::<_, Error>(())))
    };
    let idle = CancelToken::new();
    let call = start_one(idle.clone());
    idle.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);

    // All workers are there by then, and have nothing to do.
    let idle = CancelToken::new();
    let call = start_one(idle.clone());
    for _ in 0..4 {
        sender.send("good").unwrap();
        server.next().answer(200, "");
    }
    until("all workers are idle", || client.in_flight() == 0);
    idle.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);

    let cancel = CancelToken::new();
    let call = start_one(cancel.clone());
    sender.send("hangs").unwrap();
    let mut hangs = server.next();
    let start = Instant::now();
    cancel.cancel();
    let (end, took) = call.wait_since(start);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(took < AT_ONCE, "{took:?}");
    hangs.wait_closed_by_peer();

    let call = start_one(CancelToken::new().with_timeout(Duration::from_millis(100)));
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::DeadlineExceeded);

    let call = start_one(CancelToken::new());
    sender.send("fails").unwrap();
    server.next().answer(500, "");
    assert_eq!(call.wait().unwrap_err().id(), Some("fails"));
}

/// The bound from the outside, in numbers that the documentation gives: 20 at once, then 10 a second.
#[test]
fn sixty_ids_at_ten_a_second_and_a_burst_of_twenty_take_four_seconds() {
    let server = Server::echo();
    let client = builder(server.url()).rate(Rate::per_second(10)).burst(20).build().unwrap();
    let start = Instant::now();
    let (bodies, took) = spawn(move || client.fetch_all(&CancelToken::new(), 1..=60)).wait_since(start);
    assert_eq!(bodies.unwrap().len(), 60);
    assert!(took >= Duration::from_secs(4), "{took:?} is too fast");
    assert!(took < Duration::from_secs(6), "{took:?} is too slow");
}

/// Both caps belong to the client, not to the call.
#[test]
fn two_calls_on_clones_of_a_client_share_its_rate_and_its_cap() {
    let server = Server::answering(|_| Answer::ok(""));
    let client =
        builder(server.url()).rate(Rate::per_second(100)).burst(10).max_in_flight(3).build().unwrap();
    let start = Instant::now();
    let calls = [0, 1].map(|_| {
        let client = client.clone();
        spawn(move || client.fetch_all(&CancelToken::new(), 0..50).map(|bodies| bodies.len()))
    });
    let took = calls.map(|call| {
        let (fetched, took) = call.wait_since(start);
        assert_eq!(fetched.unwrap(), 50);
        took
    });
    let took = took.into_iter().max().unwrap();
    assert!(took >= Duration::from_millis(900), "{took:?}: 100 ids less a burst of 10, at 100/s");
    assert!(server.most_in_flight() <= 3);
    assert_eq!(client.in_flight(), 0);
}

/// The cap as the server counts. Nobody gets an answer before the cap is used to the full.
#[test]
fn in_flight_is_never_above_the_cap_and_the_cap_is_used_to_the_full() {
    for cap in [1, 3, 8] {
        let full = Barrier::new(cap);
        let server = Server::answering(move |_| {
            full.wait();
            Answer::ok("")
        });
        let client = builder(server.url()).max_in_flight(cap).build().unwrap();
        // Two calls with more workers between them than the cap allows requests.
        let calls = [0, 1].map(|_| {
            let client = client.clone();
            spawn(move || client.fetch_all(&CancelToken::new(), 0..24 * 5).map(|bodies| bodies.len()))
        });
        for call in calls {
            assert_eq!(call.wait().unwrap(), 24 * 5);
        }
        assert_eq!(server.most_in_flight(), cap);
    }
}

/// A permit ends before the hand-over: a closure that does not return holds up no other call.
#[test]
fn a_closure_that_does_not_return_holds_no_permit() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    let (open, gate) = gate();
    let (entered, inside) = crate::support::gate();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ["a"], |_| {
                entered.send(()).unwrap();
                gate.pass();
                Ok::<_, Error>(())
            })
        })
    };
    inside.pass();
    assert_eq!(client.in_flight(), 0);
    assert_eq!(fetch_one(&client, "b").unwrap(), "b");
    open.send(()).unwrap();
    call.wait().unwrap();
}

/// A cancel reaches only its own call: the race is a pooled connection that changes hands while it is cut.
#[test]
fn cancelling_one_call_never_cuts_a_request_of_the_other() {
    const ROUNDS: usize = 2_000;
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(8).build().unwrap();
    let stop = CancelToken::new();
    let bystander = {
        let (client, stop) = (client.clone(), stop.clone());
        spawn(move || {
            let ids = (0_u64..).take_while(|_| !stop.is_cancelled());
            let mut fetched = 0_u64;
            client.fetch_each(&CancelToken::new(), ids, |outcome| {
                let body = outcome.result.expect("it was cut by a cancel of the other call").body;
                assert_eq!(text(body), outcome.id.to_string());
                fetched += 1;
                Ok::<_, Error>(())
            })?;
            Ok::<_, Error>(fetched)
        })
    };
    let mut cut = 0;
    for round in 0..ROUNDS {
        let cancel = CancelToken::new();
        let call = {
            let (client, cancel) = (client.clone(), cancel.clone());
            spawn(move || {
                client.fetch_each(&cancel, 0..12, |_| {
                    if round % 2 == 0 {
                        cancel.cancel();
                    }
                    Ok::<_, Error>(())
                })
            })
        };
        if round % 2 == 1 {
            cancel.cancel();
        }
        match call.wait() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => cut += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(bystander.is_running(), "the other call has ended");
    }
    stop.cancel();
    assert!(bystander.wait().unwrap() > 0);
    assert!(cut > ROUNDS / 2, "only {cut} were cancelled in time");
}

/// Long ids and many of them: whoever keeps them, or a list of anything, is found out.
#[test]
fn fetch_each_needs_no_more_memory_for_many_ids_than_for_few() {
    alone("fetch::fetch_each_needs_no_more_memory_for_many_ids_than_for_few", || {
        const WARM_UP: usize = 11_000;
        const MOST_GROWTH_KIB: u64 = 4 * 1_024;
        let server = Server::answering(|_| Answer::ok("body"));
        let client = builder(server.url()).build().unwrap();
        let run = |ids: usize| {
            let client = client.clone();
            let ids = (0..ids).map(|id| format!("{id:0>500}"));
            let mut delivered = 0;
            let end = client.fetch_each(&CancelToken::new(), ids, |_| {
                delivered += 1;
                Ok::<_, Error>(())
            });
            end.unwrap();
            delivered
        };
        assert_eq!(run(WARM_UP), WARM_UP);
        let before = memory_kib("VmHWM");
        assert_eq!(run(3 * WARM_UP), 3 * WARM_UP);
        let growth = memory_kib("VmHWM") - before;
        assert!(growth < MOST_GROWTH_KIB, "{growth} KiB more for {} KiB of ids", 3 * WARM_UP * 500 / 1_024);
    });
}

/// The bodies that wait for a slow closure are bounded by their bytes, not only by their number.
#[test]
fn a_slow_closure_holds_back_large_bodies() {
    const BODY: usize = 1 << 20;
    const ROOM: usize = 4;
    const IN_FLIGHT: usize = 2;
    let server = Server::answering(|_| Answer::ok(vec![b'x'; BODY]));
    let client = builder(server.url()).max_in_flight(IN_FLIGHT).build().unwrap();
    let sent = Arc::new(server);
    let call = {
        let (client, sent) = (client.clone(), sent.clone());
        spawn(move || {
            let mut delivered = 0;
            client.fetch_each(&CancelToken::new(), 0..60, |_| {
                // It stands still when the room is full, or at the end.
                until("nothing moves", || client.in_flight() == 0);
                let waiting = sent.requests() - delivered;
                assert!(waiting <= ROOM + IN_FLIGHT + 1, "{waiting} bodies of a MiB wait");
                delivered += 1;
                Ok::<_, Error>(())
            })
        })
    };
    call.wait().unwrap();
    assert_eq!(sent.requests(), 60);
}

#[test]
fn a_call_leaves_no_thread_behind() {
    alone("fetch::a_call_leaves_no_thread_behind", || {
        let server = Server::start();
        let before = threads();
        let client = builder(server.url()).max_in_flight(8).build().unwrap();
        for status in [200, 500] {
            let call = fetch(&client, &CancelToken::new(), &["1", "2", "3", "4", "5", "6", "7", "8"]);
            for (id, request) in server.take(8) {
                if status == 200 || id == "8" {
                    request.answer(status, "");
                }
            }
            assert_eq!(call.wait().is_ok(), status == 200);
        }
        drop(client);
        server.finish();
        // A thread that was joined may be on its way out for a moment longer.
        until("only those from before are left", || threads() == before);
    });
}

#[test]
fn every_id_of_a_long_run_is_fetched_exactly_once() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(16).build().unwrap();
    let bodies = spawn(move || client.fetch_all(&CancelToken::new(), 0..3_000_u32)).wait().unwrap();
    assert_eq!(bodies.len(), 3_000);
    assert!(bodies.into_iter().all(|(id, body)| text(body) == id.to_string()));
    let ids = server.ids();
    assert_eq!(ids.len(), 3_000);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 3_000);
}
