//! While others wait for a token or a permit, or would wait for one beyond the deadline.

use super::*;

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
