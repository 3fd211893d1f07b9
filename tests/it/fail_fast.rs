//! Everything stops at once: at the first failure, at a cancel, at the deadline, whatever the others are
//! blocked in.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fanout::{Builder, CancelToken, Error, ErrorKind, FanOutClient, Sent, http};

use crate::support::{
    AT_ONCE, Bodies, Call, Deaf, FullQueue, HARDLY_EVER, Request, Server, builder, fetch, fetch_one, gate,
    patient, spawn, until,
};

const HANGING: usize = 7;
const IDS: [&str; HANGING + 1] = ["fails", "1", "2", "3", "4", "5", "6", "7"];

/// The three things that end a call before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Failure,
    Cancel,
    Deadline,
}

const ENDS: [End; 3] = [End::Failure, End::Cancel, End::Deadline];

/// When the deadline is, after the start.
const DEADLINE: Duration = Duration::from_millis(700);

/// A call of eight ids, seven of which hang; the eighth waits to be answered.
struct Scene {
    end: End,
    cancel: CancelToken,
    fails: Request,
    call: Call<Result<Bodies, Error>>,
}

impl Scene {
    /// Starts the call. The first request that `server` sees will fail.
    #[track_caller]
    fn start(end: End, client: &FanOutClient, server: &Server) -> Scene {
        let cancel = match end {
            End::Deadline => CancelToken::new().with_timeout(DEADLINE),
            _ => CancelToken::new(),
        };
        let call = fetch(client, &cancel, &IDS);
        let fails = server.next();
        Scene { end, cancel, fails, call }
    }

    /// Ends the call, and checks that it returns at once, with the error that ended it.
    #[track_caller]
    fn end(mut self) {
        let id = self.fails.id().to_owned();
        let start = Instant::now();
        match self.end {
            End::Failure => self.fails.answer(500, ""),
            End::Cancel => {
                self.cancel.cancel();
                self.fails.wait_closed_by_peer();
            }
            End::Deadline => self.fails.wait_closed_by_peer(),
        }
        let (result, took) = self.call.wait_since(start);
        let error = result.unwrap_err();
        assert!(took < AT_ONCE, "{took:?} until {error}");
        let kind = match self.end {
            End::Failure => {
                assert_eq!(error.id(), Some(id.as_str()), "the first error, and no victim's");
                ErrorKind::Status
            }
            End::Cancel => ErrorKind::Cancelled,
            End::Deadline => ErrorKind::DeadlineExceeded,
        };
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// A client whose ids hang at another address than the one that fails.
fn elsewhere(server: &Server, url: impl Fn(&str) -> String + Send + Sync + 'static) -> Builder {
    let fails = server.at("/fails");
    let make = move |id: &str| {
        let url = if id == "fails" { fails.clone() } else { url(id) };
        http::Request::get(url).body(())
    };
    patient(FanOutClient::from_requests(make)).max_in_flight(IDS.len())
}

/// Takes the request that will fail and those that hang, whichever comes first.
fn take_all(server: &Server) -> (Request, Vec<Request>) {
    let mut requests = server.take(IDS.len());
    let fails = requests.remove("fails").unwrap();
    (fails, requests.into_values().collect())
}

fn while_others_hang_after(sent: &[u8], end: End) {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(IDS.len()).build().unwrap();
    let cancel = match end {
        End::Deadline => CancelToken::new().with_timeout(DEADLINE),
        _ => CancelToken::new(),
    };
    let call = fetch(&client, &cancel, &IDS);
    let (fails, mut hanging) = take_all(&server);
    for request in &mut hanging {
        request.send(sent);
    }
    Scene { end, cancel, fails, call }.end();
    assert_eq!(client.in_flight(), 0);
    for request in &mut hanging {
        request.wait_closed_by_peer();
    }
}

#[test]
fn while_others_hang_before_the_head() {
    ENDS.into_iter().for_each(|end| while_others_hang_after(b"", end));
}

#[test]
fn while_others_hang_inside_the_head() {
    ENDS.into_iter().for_each(|end| while_others_hang_after(b"HTTP/1.1 200 OK\r\nContent-Le", end));
}

#[test]
fn while_others_hang_in_a_body_with_a_length() {
    ENDS.into_iter()
        .for_each(|end| while_others_hang_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", end));
}

#[test]
fn while_others_hang_in_a_chunk() {
    let sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf";
    ENDS.into_iter().for_each(|end| while_others_hang_after(sent, end));
}

/// A socket that is shut down reads as a clean end: what was cut must not become a success, nor mask the
/// error.
#[test]
fn while_others_hang_in_a_body_that_ends_with_the_connection() {
    ENDS.into_iter().for_each(|end| while_others_hang_after(b"HTTP/1.1 200 OK\r\n\r\nhalf", end));
}

#[test]
fn while_others_hang_in_connect() {
    for end in ENDS {
        let (server, nowhere) = (Server::start(), FullQueue::start());
        let addr = nowhere.addr;
        let client = elsewhere(&server, move |id| format!("http://{addr}/{id}")).build().unwrap();
        let fillers = nowhere.connecting();
        let scene = Scene::start(end, &client, &server);
        until("all hang in connect", || nowhere.connecting() == fillers + HANGING);
        scene.end();
        assert_eq!(nowhere.connecting(), fillers, "their sockets are closed");
    }
}

#[test]
fn while_others_hang_in_sending() {
    for end in ENDS {
        let (server, deaf) = (Server::start(), Deaf::start());
        let (fails, hangs) = (server.at("/fails"), format!("http://{}/", deaf.addr));
        let make = move |id: &str| match id {
            "fails" => http::Request::get(&fails).body(Vec::new()),
            _ => http::Request::post(&hangs).body(vec![b'x'; 12 << 20]),
        };
        let client = patient(FanOutClient::from_requests(make)).max_in_flight(IDS.len()).build().unwrap();
        let scene = Scene::start(end, &client, &server);
        until("all are connected", || deaf.connected() == HANGING);
        scene.end();
        assert_eq!(deaf.connected(), 0, "their sockets are closed");
    }
}

/// A server that speaks no TLS, and waits for a request that it would understand.
#[test]
fn while_others_hang_in_the_tls_handshake() {
    for end in ENDS {
        let (server, silent) = (Server::start(), Server::start());
        let addr = silent.addr;
        let client = elsewhere(&server, move |id| format!("https://{addr}/{id}")).build().unwrap();
        let scene = Scene::start(end, &client, &server);
        until("all are connected", || silent.connections() == HANGING);
        scene.end();
        until("their sockets are closed", || silent.closed() == HANGING);
    }
}

/// Seven different names. At most four threads look names up; the other ids wait for one of them.
#[test]
fn while_others_hang_in_a_name_look_up() {
    while_others_look_up(|id| format!("http://host-{id}.test/"));
}

#[test]
fn while_others_wait_for_the_look_up_of_the_same_name() {
    while_others_look_up(|id| format!("http://slow.test/{id}"));
}

/// The others are at `url`, whose name is looked up for as long as the test lasts.
fn while_others_look_up(url: impl Fn(&str) -> String + Copy + Send + Sync + 'static) {
    for end in ENDS {
        let server = Server::start();
        let (entered, inside) = gate();
        let (open, closed) = gate();
        let client = elsewhere(&server, url)
            .lookup(move |_, _| {
                entered.send(()).unwrap();
                closed.pass();
                Ok(Vec::new())
            })
            .build()
            .unwrap();
        let scene = Scene::start(end, &client, &server);
        inside.pass();
        scene.end();
        drop(open);
    }
}

#[test]
fn a_cancel_while_others_wait_for_a_token_returns_at_once() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).max_in_flight(IDS.len()).build().unwrap();
    let cancel = CancelToken::new();
    let call = fetch(&client, &cancel, &IDS);
    let mut first = server.next();
    until("all others wait for a token", || client.limiter().waiting() == HANGING);
    let start = Instant::now();
    cancel.cancel();
    let (result, took) = call.wait_since(start);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(took < AT_ONCE, "{took:?}");
    first.wait_closed_by_peer();
    assert_eq!(client.limiter().waiting(), 0);
}

#[test]
fn a_failure_while_others_wait_for_a_token_returns_at_once_and_they_send_nothing() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).max_in_flight(IDS.len()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &IDS);
    let first = server.next();
    let id = first.id().to_owned();
    until("all others wait for a token", || client.limiter().waiting() == HANGING);
    let start = Instant::now();
    first.answer(500, "");
    let (result, took) = call.wait_since(start);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.id()), (ErrorKind::Status, Some(id.as_str())));
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(client.limiter().waiting(), 0);
    drop(client);
    assert_eq!(server.finish(), 1);
}

/// The other call holds all permits but one.
#[test]
fn while_others_wait_for_a_permit() {
    for end in ENDS {
        let server = Server::start();
        let client = builder(server.url()).max_in_flight(2).build().unwrap();
        let bystander = CancelToken::new();
        let other = fetch(&client, &bystander, &["bystander"]);
        let held = server.next();
        let scene = Scene::start(end, &client, &server);
        scene.end();
        assert!(other.is_running());
        assert_eq!(client.in_flight(), 1);
        held.answer(200, "unharmed");
        assert_eq!(other.wait().unwrap()["bystander"], "unharmed");
        drop(client);
        assert_eq!(server.finish(), 2, "those that waited sent nothing");
    }
}

/// The deadline of a whole call: nothing more is taken up, but what is on the wire may run until the deadline.
#[test]
fn a_deadline_that_the_next_token_cannot_meet_stops_the_taking_of_ids_at_once() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).max_in_flight(1).build().unwrap();
    let cancel = CancelToken::new().with_timeout(Duration::from_secs(3_600));
    let call = {
        let client = client.clone();
        spawn(move || {
            let mut fetched = Vec::new();
            let end = client.fetch_each(&cancel, ["1", "2"], |outcome| {
                fetched.push(outcome.id);
                Ok::<_, Error>(())
            });
            (fetched, end.unwrap_err())
        })
    };
    server.next().answer(200, "");
    let (fetched, error) = call.wait();
    assert_eq!(fetched, ["1"]);
    assert_eq!((error.kind(), error.sent()), (ErrorKind::DeadlineExceeded, Sent::Never));
    drop(client);
    assert_eq!(server.finish(), 1);
}

#[test]
fn a_request_on_the_wire_outlives_the_id_that_found_no_token_in_time() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).max_in_flight(2).build().unwrap();
    let cancel = CancelToken::new().with_timeout(Duration::from_secs(3_600));
    let (delivered, outcomes) = crossbeam_channel::unbounded();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&cancel, ["1", "2"], |outcome| {
                delivered.send(outcome.result.is_ok()).unwrap();
                Ok::<_, Error>(())
            })
        })
    };
    let on_the_wire = server.next();
    until("one is on the wire and the other has given up", || client.in_flight() == 1);
    on_the_wire.answer(200, "");
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(outcomes.try_recv(), Ok(true));
}

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
fn connections_that_idle_in_the_pool_survive_a_failure() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(4).build().unwrap();
    let all = fetch(&client, &CancelToken::new(), &["1", "2", "3", "4"]);
    for request in server.take(4).into_values() {
        request.answer(200, "");
    }
    all.wait().unwrap();
    let some = fetch(&client, &CancelToken::new(), &["fails", "hangs"]);
    let mut requests = server.take(2);
    requests.remove("fails").unwrap().answer(500, "");
    some.wait().unwrap_err();
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
    let idle = fetch(&client, &CancelToken::new(), &["5", "6"]);
    for request in server.take(2).into_values() {
        assert!(request.connection <= 4, "a connection that idled was closed");
        request.answer(200, "");
    }
    idle.wait().unwrap();
    assert_eq!(server.connections(), 4);
}

#[test]
fn a_token_that_is_cancelled_already_sends_nothing() {
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let error = fetch(&client, &cancel, &IDS).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let late = CancelToken::new().with_timeout(Duration::ZERO);
    let error = fetch(&client, &late, &IDS).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    drop(client);
    assert_eq!(server.finish(), 0);
}

/// The failure ends the call by a token of its own.
#[test]
fn the_callers_token_is_not_cancelled_by_a_failure() {
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let cancel = CancelToken::new();
    for status in [500, 200] {
        let call = fetch(&client, &cancel, &["a"]);
        server.next().answer(status, "");
        assert_eq!(call.wait().is_ok(), status == 200);
        assert!(!cancel.is_cancelled());
    }
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

#[test]
fn a_parents_cancel_stops_a_childs_call() {
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let parent = CancelToken::new();
    let call = fetch(&client, &parent.child().with_timeout(Duration::from_secs(3_600)), &["a"]);
    let mut request = server.next();
    parent.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    request.wait_closed_by_peer();
}

#[test]
fn a_client_can_be_used_again_after_a_failure() {
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    for _ in 0..3 {
        let call = fetch(&client, &CancelToken::new(), &IDS);
        let (fails, mut hanging) = take_all(&server);
        fails.answer(500, "");
        call.wait().unwrap_err();
        hanging.iter_mut().for_each(Request::wait_closed_by_peer);
        let good = {
            let client = client.clone();
            spawn(move || fetch_one(&client, "good"))
        };
        server.next().answer(200, "as ever");
        assert_eq!(good.wait().unwrap(), "as ever");
    }
}

/// The number that the documentation promises (2 ms, the worst of 50 under 20 ms, on an idle machine), with
/// room for a busy one.
#[test]
fn from_the_failure_to_the_return_takes_milliseconds() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(IDS.len()).build().unwrap();
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let call = fetch(&client, &CancelToken::new(), &IDS);
            let (fails, mut hanging) = take_all(&server);
            let start = Instant::now();
            fails.answer(500, "");
            let (result, took) = call.wait_since(start);
            assert_eq!(result.unwrap_err().id(), Some("fails"));
            hanging.iter_mut().for_each(Request::wait_closed_by_peer);
            took
        })
        .collect();
    times.sort();
    let (median, worst) = (times[25], times[49]);
    println!("from the failure to the return: median {median:?}, worst of 50 {worst:?}");
    assert!(median < Duration::from_millis(20), "median {median:?}, worst of 50 {worst:?}");
}

/// Whatever the cancel comes between: the call ends, and never with anything but a success or "cancelled".
#[test]
fn a_cancel_at_any_moment_ends_the_call() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(4).build().unwrap();
    let addr: SocketAddr = server.addr;
    for round in 0..500_u32 {
        let cancel = CancelToken::new();
        let call = fetch(&client, &cancel, &["1", "2", "3", "4", "5", "6"]);
        // A delay that differs from round to round, and waits for nothing.
        (0..round % 50 * 40).for_each(|_| std::hint::spin_loop());
        cancel.cancel();
        match call.wait() {
            Ok(bodies) => assert!(bodies.iter().all(|(id, body)| id == body)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{error} ({addr})"),
        }
    }
}
