//! A kept connection that has died meanwhile, and the replay on a fresh one.

use super::*;

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
