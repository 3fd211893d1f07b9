//! Everything stops at once: at the first failure, at a cancel, at the deadline, whatever the others are
//! blocked in.

mod closures;
mod in_line;
mod on_the_wire;

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
