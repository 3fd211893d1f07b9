//! The pool: which connections are used again.

use super::*;

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
