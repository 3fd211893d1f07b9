//! While the caller's own code runs: the closure, or `next` of its ids.

use super::*;

/// The error must be the failure's even if the closure is in the way; workers do not wait for it to stop.
#[test]
fn a_failure_while_the_closure_runs_stops_the_workers_before_the_closure_returns() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(3).build().unwrap();
    let (entered, inside) = gate();
    let (open, closed) = gate();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ["good", "fails", "hangs", "never-1", "never-2"], |_| {
                entered.send(()).unwrap();
                closed.pass();
                Ok::<_, Error>(())
            })
        })
    };
    let mut requests = server.take(3);
    let mut hangs = requests.remove("hangs").unwrap();
    // Its worker would go on to the next id: let it fail first.
    requests.remove("good").unwrap().answer(200, "");
    inside.pass();
    let next = server.next();
    requests.remove("fails").unwrap().answer(500, "");
    hangs.wait_closed_by_peer();
    assert!(call.is_running(), "it returns when the closure does");
    open.send(()).unwrap();
    let error = call.wait().unwrap_err();
    assert_eq!((error.kind(), error.id()), (ErrorKind::Status, Some("fails")));
    drop((client, next));
    assert_eq!(server.finish(), 4, "nothing more was sent");
}

#[test]
fn a_failure_while_next_runs_stops_the_workers_before_next_returns() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(3).build().unwrap();
    let (entered, inside) = gate();
    let (open, closed) = gate();
    let call = {
        let client = client.clone();
        let ids = ["fails", "hangs", "never"].into_iter().inspect(move |id| {
            if *id == "never" {
                entered.send(()).unwrap();
                closed.pass();
            }
        });
        spawn(move || client.fetch_each(&CancelToken::new(), ids, |_| Ok::<_, Error>(())))
    };
    let mut requests = server.take(2);
    inside.pass();
    requests.remove("fails").unwrap().answer(500, "");
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
    assert!(call.is_running(), "it returns when next does");
    open.send(()).unwrap();
    assert_eq!(call.wait().unwrap_err().id(), Some("fails"));
    drop(client);
    assert_eq!(server.finish(), 2, "the id that next returned is not sent");
}

/// One after the other, so that it is known what came before.
#[test]
fn what_was_fetched_before_the_failure_still_reaches_the_closure() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    let (entered, inside) = gate();
    let (open, closed) = gate();
    let call = {
        let client = client.clone();
        spawn(move || {
            let mut seen = Vec::new();
            let end = client.fetch_each(&CancelToken::new(), ["1", "2", "3", "4"], |outcome| {
                if seen.is_empty() {
                    entered.send(()).unwrap();
                    closed.pass();
                }
                seen.push(outcome.id);
                Ok::<_, Error>(())
            });
            (seen, end.unwrap_err())
        })
    };
    server.next().answer(200, "");
    inside.pass();
    server.next().answer(200, "");
    let third = server.next();
    third.answer(503, "");
    until("the worker has gone", || client.in_flight() == 0);
    open.send(()).unwrap();
    let (seen, error) = call.wait();
    assert_eq!(seen, ["1", "2"]);
    assert_eq!(error.id(), Some("3"));
}

#[test]
fn a_cancel_while_the_closure_or_next_runs_stops_the_workers_before_they_return() {
    for in_closure in [true, false] {
        let server = Server::start();
        let client = builder(server.url()).max_in_flight(2).build().unwrap();
        let (entered, inside) = gate();
        let (open, closed) = gate();
        let block = move || {
            entered.send(()).unwrap();
            closed.pass();
        };
        let cancel = CancelToken::new();
        let call = {
            let (client, cancel, in_next) = (client.clone(), cancel.clone(), block.clone());
            let ids = ["good", "hangs", "never"].into_iter().inspect(move |id| {
                if !in_closure && *id == "never" {
                    in_next();
                }
            });
            let each = move || {
                if in_closure {
                    block()
                }
            };
            spawn(move || {
                client.fetch_each(&cancel, ids, |_| {
                    each();
                    Ok::<_, Error>(())
                })
            })
        };
        let mut requests = server.take(2);
        if in_closure {
            requests.remove("good").unwrap().answer(200, "");
        }
        inside.pass();
        cancel.cancel();
        requests.values_mut().for_each(|request| {
            if request.id() == "hangs" {
                request.wait_closed_by_peer();
            }
        });
        assert!(call.is_running());
        open.send(()).unwrap();
        assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
