//! The rate and the cap, of one call and of several.

use super::*;

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
