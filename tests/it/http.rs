//! Connections: the pool, names, connecting, TLS, and the errors that each can end in.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanout::{Builder, CancelToken, ErrorKind, FanOutClient, Rate, Sent, http};
use parking_lot::Mutex;

use crate::support::{
    AT_ONCE, Answer, FullQueue, HARDLY_EVER, Server, Tls, builder, fetch, fetch_each, fetch_one, patient,
    refusing, spawn, tokens_left, until,
};

#[test]
fn eight_workers_use_eight_connections_at_most() {
    eight_connections_are_enough(|builder| builder);
}

/// Workers that wait for tokens let their connections idle, more of them than ureq's pool
/// keeps.
#[test]
fn connections_that_idle_between_tokens_are_kept() {
    eight_connections_are_enough(|builder| builder.rate(Rate::per_second(1_000)).burst(1));
}

/// For 400 requests of eight workers.
#[track_caller]
fn eight_connections_are_enough(set: impl FnOnce(Builder) -> Builder) {
    let server = Server::echo();
    let client = set(builder(server.url()).max_in_flight(8)).build().unwrap();
    let fetched = spawn(move || client.fetch_all(&CancelToken::new(), 0..400).map(|bodies| bodies.len()));
    assert_eq!(fetched.wait().unwrap(), 400);
    assert!(server.connections() <= 8, "{} connections", server.connections());
}

#[test]
fn sixty_four_connections_are_kept_from_call_to_call() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(64).build().unwrap();
    for _ in 0..3 {
        let call = {
            let client = client.clone();
            spawn(move || client.fetch_all(&CancelToken::new(), 0..64).map(|bodies| bodies.len()))
        };
        for request in server.take(64).into_values() {
            request.answer(200, "");
        }
        assert_eq!(call.wait().unwrap(), 64);
        assert_eq!(client.in_flight(), 0);
    }
    assert_eq!(server.connections(), 64);
}

#[test]
fn a_connection_is_reused_whatever_frames_the_body() {
    let server = Server::answering(|asked| match asked.id() {
        "empty" => Answer::ok(""),
        "none" => Answer::status(204),
        "chunked" => Answer::ok("in pieces of seven").chunked(),
        "gzip" => Answer::ok("x".repeat(100_000)).gzip(),
        "both" => Answer::ok("y".repeat(100_000)).gzip().chunked(),
        _ => Answer::ok("a body"),
    });
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    for _ in 0..3 {
        fetch(&client, &CancelToken::new(), &["empty", "none", "chunked", "gzip", "both", "a"])
            .wait()
            .unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_connection_that_the_server_will_close_is_not_reused() {
    let server = Server::answering(|asked| match asked.id() {
        "until-close" => Answer::ok("x").until_close(),
        _ => Answer::ok("x").header("Connection", "close"),
    });
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    fetch(&client, &CancelToken::new(), &["until-close", "a", "b"]).wait().unwrap();
    assert_eq!(server.connections(), 3);
    drop(client);
    assert_eq!(server.finish(), 3);
}

/// Two clients with a connection each that the server closes when the next request has come.
fn stale(
    make: impl Fn(&str) -> Result<http::Request<()>, http::Error> + Send + Sync + 'static,
) -> FanOutClient {
    patient(FanOutClient::from_requests(make)).rate(HARDLY_EVER).burst(10).build().unwrap()
}

#[test]
fn a_kept_connection_that_dies_is_replaced_once_and_the_replay_pays_its_token() {
    for reset in [false, true] {
        let server = Server::start();
        let url = server.at("/");
        let client = stale(move |id| http::Request::get(format!("{url}{id}")).body(()));
        let call = fetch(&client, &CancelToken::new(), &["warm"]);
        server.next().answer(200, "");
        call.wait().unwrap();
        let call = fetch_each(&client, &CancelToken::new(), &["a"]);
        let first = server.next();
        assert_eq!(first.connection, 1);
        if reset {
            first.reset()
        } else {
            first.close()
        }
        let second = server.next();
        assert_eq!((second.id(), second.connection), ("a", 2));
        second.answer(200, "replayed");
        let run = call.wait();
        assert_eq!(run.of("a").as_ref().unwrap().body, b"replayed");
        assert_eq!(run.outcomes[0].attempt, 1, "the same attempt");
        assert_eq!(tokens_left(&client), 7);
    }
}

#[test]
fn a_replay_that_dies_as_well_is_an_error() {
    let server = Server::start();
    let url = server.at("/");
    let client = stale(move |id| http::Request::get(format!("{url}{id}")).body(()));
    let call = fetch(&client, &CancelToken::new(), &["warm"]);
    server.next().answer(200, "");
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    server.next().close();
    server.next().close();
    let error = call.wait().unwrap_err();
    assert_eq!(
        (error.kind(), error.sent(), error.attempt()),
        (ErrorKind::Disconnected, Sent::Maybe, 1),
        "{error}"
    );
    assert_eq!(tokens_left(&client), 7);
    drop(client);
    assert_eq!(server.finish(), 3);
}

/// Another one idles in the pool, and may be as dead.
#[test]
fn a_replay_takes_a_fresh_connection_and_none_from_the_pool() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["1", "2"]);
    server.take(2).into_values().for_each(|request| request.answer(200, ""));
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    server.next().close();
    let replayed = server.next();
    assert_eq!((replayed.id(), replayed.connection), ("a", 3));
    replayed.answer(200, "");
    call.wait().unwrap();
}

#[test]
fn several_stale_connections_are_replaced_at_the_same_time() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["1", "2"]);
    let both = server.take(2);
    both.into_values().for_each(|request| request.answer(200, ""));
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a", "b"]);
    server.take(2).into_values().for_each(crate::support::Request::close);
    for (_, request) in server.take(2) {
        assert!(request.connection > 2);
        request.answer(200, "");
    }
    call.wait().unwrap();
}

#[test]
fn what_is_not_idempotent_is_never_replayed() {
    for method in ["POST", "PATCH"] {
        let server = Server::start();
        let url = server.at("/");
        let client =
            stale(move |id| http::Request::builder().method(method).uri(format!("{url}{id}")).body(()));
        let call = fetch(&client, &CancelToken::new(), &["warm"]);
        server.next().answer(200, "");
        call.wait().unwrap();
        let call = fetch(&client, &CancelToken::new(), &["a"]);
        let first = server.next();
        assert_eq!((first.method.as_str(), first.connection), (method, 1));
        first.close();
        let error = call.wait().unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Disconnected, Sent::Maybe), "{error}");
        assert_eq!(tokens_left(&client), 8);
        drop(client);
        assert_eq!(server.finish(), 2);
    }
}

/// Neither a fresh connection that dies, nor a kept one that dies after the first byte of an answer.
#[test]
fn only_a_stale_connection_is_replaced() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(10).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["fresh"]);
    server.next().close();
    let error = call.wait().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Disconnected, Sent::Maybe), "{error}");
    let call = fetch(&client, &CancelToken::new(), &["warm"]);
    server.next().answer(200, "");
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["begun"]);
    let mut begun = server.next();
    begun.send("HTTP/1.1 2");
    begun.close();
    let error = call.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(tokens_left(&client), 7);
    drop(client);
    assert_eq!(server.finish(), 3);
}

/// Everything the server closes while it idles is noticed or replayed; nothing of it is an error.
#[test]
fn connections_that_the_server_closed_meanwhile_are_no_error() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(4).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["1", "2", "3", "4"]);
    for mut request in server.take(4).into_values() {
        request.send(Answer::ok("").bytes());
        request.close();
    }
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["5", "6", "7", "8"]);
    for (_, request) in server.take(4) {
        assert!(request.connection > 4);
        request.answer(200, "");
    }
    call.wait().unwrap();
}

/// A name server that counts, and leads to these addresses, whatever it is asked.
fn lookup(
    addrs: Vec<SocketAddr>,
) -> (Arc<AtomicUsize>, impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let look_up = move |host: &str, port: u16| {
        assert_eq!((host, port), ("api.test", 80));
        count.fetch_add(1, Ordering::SeqCst);
        Ok(addrs.clone())
    };
    (asked, look_up)
}

/// ureq by itself looks the name up on every request.
#[test]
fn a_name_is_looked_up_once() {
    let server = Server::echo();
    let (asked, look_up) = lookup(vec![server.addr]);
    let client = builder("http://api.test/{id}").lookup(look_up).max_in_flight(8).build().unwrap();
    let fetched = spawn(move || client.fetch_all(&CancelToken::new(), 0..200).map(|bodies| bodies.len()));
    assert_eq!(fetched.wait().unwrap(), 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failed_connect_forgets_the_name() {
    let server = Server::echo();
    let (dead, live) = (refusing(), server.addr);
    let asked = AtomicUsize::new(0);
    let client = builder("http://api.test/{id}")
        .keep_going(true)
        .max_in_flight(1)
        .lookup(move |_, _| Ok(vec![if asked.fetch_add(1, Ordering::SeqCst) == 0 { dead } else { live }]))
        .build()
        .unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2"]).wait();
    let error = run.of("1").as_ref().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connect, Sent::Never), "{error}");
    assert_eq!(run.of("2").as_ref().unwrap().body, b"2");
}

#[test]
fn a_failed_look_up_is_an_error_and_not_remembered() {
    let server = Server::echo();
    let live = server.addr;
    let asked = AtomicUsize::new(0);
    let client = builder("http://api.test/{id}")
        .keep_going(true)
        .max_in_flight(1)
        .lookup(move |_, _| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("the name server is on fire")),
            1 => Ok(Vec::new()),
            _ => Ok(vec![live]),
        })
        .build()
        .unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2", "3"]).wait();
    for id in ["1", "2"] {
        let error = run.of(id).as_ref().unwrap_err();
        assert_eq!((error.kind(), error.sent(), error.id()), (ErrorKind::NameLookup, Sent::Never, Some(id)));
        assert!(error.to_string().contains("api.test"), "{error}");
    }
    let source = run.of("1").as_ref().unwrap_err().source().map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("on fire"), "{source}");
    assert_eq!(run.of("3").as_ref().unwrap().body, b"3");
}

/// As curl's `--resolve`: the name is not asked for, and stands in the request as ever.
#[test]
fn a_name_can_be_given_its_addresses() {
    let server = Server::start();
    let client = builder("http://api.test/{id}")
        .resolve("api.test", [server.addr])
        .lookup(|host, _| panic!("{host} was looked up"))
        .build()
        .unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    let request = server.next();
    assert_eq!(request.header("host"), Some("api.test"));
    request.answer(200, "");
    call.wait().unwrap();
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    let server = Server::echo();
    let client = builder("http://api.test/{id}")
        .resolve("api.test", [refusing(), refusing(), server.addr])
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "a");
}

#[test]
fn a_silent_first_address_does_not_use_up_the_timeout() {
    let (server, silent) = (Server::echo(), FullQueue::start());
    let client = builder("http://api.test/{id}")
        .connect_timeout(Duration::from_secs(2))
        .resolve("api.test", [silent.addr, server.addr])
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "a");
}

#[test]
fn nobody_there_is_a_connect_error() {
    let addr = refusing();
    let client = builder(format!("http://{addr}/{{id}}")).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(
        (error.kind(), error.sent(), error.attempt()),
        (ErrorKind::Connect, Sent::Never, 1),
        "{error}"
    );
    assert_eq!((error.id(), error.status()), (Some("7"), None));
    assert!(error.to_string().starts_with("id 7: "), "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    assert_eq!(source, Some(io::ErrorKind::ConnectionRefused));
}

#[test]
fn a_connect_that_hangs_ends_with_its_own_timeout() {
    let nowhere = FullQueue::start();
    let timeout = Duration::from_millis(200);
    let client = builder(format!("http://{}/{{id}}", nowhere.addr)).connect_timeout(timeout).build().unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Connect), "{error}");
    assert_eq!(error.sent(), Sent::Never);
    // The kernel counts it in whole milliseconds, and may be early by a part of one.
    assert!(timeout <= took + Duration::from_millis(1) && took < AT_ONCE, "{took:?}");
    assert!(error.to_string().contains("connect"), "{error}");
}

#[test]
fn a_look_up_that_hangs_ends_with_the_connect_timeout() {
    let (open, closed) = crate::support::gate();
    let timeout = Duration::from_millis(200);
    let client = builder("http://slow.test/{id}")
        .connect_timeout(timeout)
        .lookup(move |_, _| {
            closed.pass();
            Ok(Vec::new())
        })
        .build()
        .unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Never), "{error}");
    assert!(timeout <= took && took < AT_ONCE, "{took:?}");
    drop(open);
}

#[test]
fn a_tls_handshake_that_hangs_ends_with_a_timeout() {
    let silent = Server::start();
    let timeout = Duration::from_millis(300);
    let client = builder(format!("https://{}/{{id}}", silent.addr))
        .timeout(timeout)
        .connect_timeout(timeout)
        .build()
        .unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Never), "{error}");
    assert!(timeout <= took && took < AT_ONCE, "{took:?}");
    until("its socket is closed", || silent.closed() == 1);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_an_error_before_anything_is_sent() {
    let server = Server::start_tls();
    let client = builder(server.url()).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!((error.kind(), error.sent(), error.id()), (ErrorKind::Tls, Sent::Never, Some("7")), "{error}");
    assert!(error.to_string().starts_with("id 7: the TLS handshake with localhost:"), "{error}");
    assert!(error.source().is_some_and(|source| source.to_string().contains("certificate")), "{error:?}");
    // Good for localhost, and not for its address.
    let client = builder(format!("https://{}/{{id}}", server.addr))
        .root_certificates_pem(Tls::get().pem.clone())
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "7").unwrap_err().kind(), ErrorKind::Tls);
    drop(client);
    assert_eq!(server.finish(), 0);
}

#[test]
fn tls_with_a_certificate_that_is_trusted_works_and_keeps_its_connections() {
    let server = Server::start_tls();
    let client = builder(server.url()).root_certificates_pem(Tls::get().pem.clone()).build().unwrap();
    for id in ["a", "b", "c"] {
        let call = fetch(&client, &CancelToken::new(), &[id]);
        let request = server.next();
        assert_eq!(request.connection, 1);
        request.answer(200, "safe");
        assert_eq!(call.wait().unwrap()[id], "safe");
    }
}

#[test]
fn an_error_says_what_was_being_done_to_which_id() {
    let server = Server::answering(|_| Answer::status(503).header("Retry-After", "3"));
    let client = builder(server.url()).build().unwrap();
    let error = fetch_one(&client, "a\u{1b}[31m/b").unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("id a\\u{1b}") || error.kind() == ErrorKind::InvalidId, "{said}");
    let error = fetch_one(&client, "a/b").unwrap_err();
    assert!(error.to_string().starts_with("id a/b: "), "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(error.id(), Some("a/b"));
    assert!(format!("{error:?}").contains("Status"), "{error:?}");
}

/// Two hosts in turn: each request goes to its own.
#[test]
fn connections_are_kept_apart_by_host() {
    let (one, two) = (Server::echo(), Server::echo());
    let (first, second) = (one.at("/"), two.at("/"));
    let make = move |id: &str| {
        let odd = id.parse::<u32>().unwrap() % 2 == 1;
        http::Request::get(format!("{}{id}", if odd { &first } else { &second })).body(())
    };
    let client = patient(FanOutClient::from_requests(make)).max_in_flight(4).build().unwrap();
    let fetched = spawn(move || client.fetch_all(&CancelToken::new(), 0..40_u32)).wait().unwrap();
    assert!(fetched.into_iter().all(|(id, body)| body == id.to_string().into_bytes()));
    assert_eq!((one.requests(), two.requests()), (20, 20));
    assert!(one.ids().iter().all(|id| id.parse::<u32>().unwrap() % 2 == 1));
}

/// The arrivals at the server follow the grants: the token is taken last, and the request sent at once.
#[test]
fn requests_arrive_at_the_rate_and_not_in_clumps() {
    let arrivals: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let server = {
        let arrivals = arrivals.clone();
        Server::answering(move |asked| {
            arrivals.lock().push(asked.arrived);
            Answer::ok("")
        })
    };
    let client = builder(server.url()).rate(Rate::per_second(200)).burst(5).max_in_flight(4).build().unwrap();
    let fetched = spawn(move || client.fetch_all(&CancelToken::new(), 0..105).map(|bodies| bodies.len()));
    assert_eq!(fetched.wait().unwrap(), 105);
    let arrivals = arrivals.lock();
    let (first, last) = (arrivals[0], arrivals[104]);
    // 100 intervals of 5 ms, less what the first request took longer to arrive than the last one.
    assert!(last - first > Duration::from_millis(400), "{:?}", last - first);
}
