//! While others hang in a request: in the look-up, the connect, TLS, sending, head and body.

use super::*;

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
