//! What goes over the wire, as a bare socket sees it.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use fanout::http::Method;
use fanout::test_kit::{Answer, MAX_REQUEST_BODY, MAX_REQUEST_HEAD, Server};

use super::{Raw, ask};
use crate::support::{builder, fetch_one};

#[test]
fn a_request_is_shown_as_it_came() {
    let server = Server::start(|script| script.at("/users/{id}"));
    let client = builder(server.url()).method(Method::PUT).header("X-Key", "job-{id}").body("{id} is it");
    assert_eq!(fetch_one(&client.build().unwrap(), "7").unwrap(), "7");
    let requests = server.requests();
    let request = &requests[0];
    assert_eq!((&request.method, request.target.as_str()), (&Method::PUT, "/users/7"));
    assert_eq!((request.id.as_deref(), request.connection), (Some("7"), 1));
    assert_eq!((request.header("x-key"), request.header("nothing")), (Some("job-7"), None));
    assert_eq!((request.text().as_str(), request.body.as_slice()), ("7 is it", b"7 is it".as_slice()));
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start(|script| script);
    let mut raw = Raw::connect(&server);
    raw.send("GET /7 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7");
    // A body in chunks, and the next request behind it in one piece.
    raw.send(
        "POST /8 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /9 HTTP/1.1\r\n\r\n",
    );
    raw.expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n8");
    raw.expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n9");
    raw.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(raw.rest().starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert_eq!(server.connections(), 1);
    assert_eq!(server.requests_for("8")[0].body, b"hi");
    assert_eq!(server.requests().last().unwrap().id, None);
}

#[test]
fn a_connection_ends_where_the_client_or_the_answer_says_so() {
    let server = Server::start(|script| script.for_id("7", Answer::ok("bye").closing()));
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye";
    assert_eq!(ask(&server, "GET /7 HTTP/1.1\r\n\r\n"), closing);
    assert!(ask(&server, "GET /8 HTTP/1.0\r\n\r\n").ends_with("\r\nConnection: close\r\n\r\n8"));
    assert_eq!(server.connections(), 2);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let server = Server::start(|script| script);
    let mut raw = Raw::connect(&server);
    raw.send("HEAD /seven HTTP/1.1\r\n\r\n");
    raw.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    raw.send("GET /7 HTTP/1.0\r\n\r\n");
    assert!(raw.rest().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn half_a_body_is_sent_before_it_breaks_off() {
    let server = Server::start(|script| {
        script
            .for_id("1", Answer::close_in_body().body("1234567"))
            .for_id("2", Answer::close_in_body().body("1234567").chunked())
            .for_id("3", Answer::hang_in_body().body("1234567").header("X", "y"))
    });
    let lengthy = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n123";
    assert_eq!(ask(&server, "GET /1 HTTP/1.1\r\n\r\n"), lengthy);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n12345";
    assert_eq!(ask(&server, "GET /2 HTTP/1.1\r\n\r\n"), chunked);
    let mut raw = Raw::connect(&server);
    raw.send("GET /3 HTTP/1.1\r\n\r\n");
    raw.expect("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 7\r\n\r\n123");
    drop(server);
    assert_eq!(raw.rest(), "", "the end of the server is the end of what hangs");
}

#[test]
fn a_reset_is_no_orderly_end() {
    let server = Server::start(|script| {
        script.for_id("1", Answer::reset()).for_id("2", Answer::reset_in_body()).for_id("3", Answer::close())
    });
    for (id, end) in [(1, Err(ErrorKind::ConnectionReset)), (2, Err(ErrorKind::ConnectionReset)), (3, Ok(()))]
    {
        let mut raw = Raw::connect(&server);
        raw.send(&format!("GET /{id} HTTP/1.1\r\n\r\n"));
        let ended = raw.0.read_to_end(&mut Vec::new());
        assert_eq!(ended.map(|_| ()).map_err(|error| error.kind()), end, "{id}");
    }
}

#[test]
fn a_drip_comes_in_pieces_and_is_whole() {
    let server = Server::start(|script| {
        script.otherwise(Answer::ok("slow").dripping(3, Duration::from_micros(1)).closing())
    });
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow";
    assert_eq!(ask(&server, "GET /7 HTTP/1.1\r\n\r\n"), text);
}

#[test]
fn who_asks_for_leave_to_send_a_body_gets_it() {
    let server = Server::start(|script| script.otherwise(Answer::ok_with(|request| request.text())));
    let mut raw = Raw::connect(&server);
    raw.send("PUT /7 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    raw.expect("HTTP/1.1 100 Continue\r\n\r\n");
    raw.send("hi");
    assert!(raw.rest().ends_with("\r\n\r\nhi"));
}

#[test]
fn what_cannot_be_read_is_told_so_and_is_no_arrival() {
    let server = Server::start(|script| script);
    let long = "x".repeat(MAX_REQUEST_HEAD);
    for (text, status) in [
        ("hello\r\n\r\n".to_owned(), "400 Bad Request"),
        (format!("GET /{}", &long[5..]), "431 Request Header Fields Too Large"),
        (
            format!("PUT /7 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", MAX_REQUEST_BODY + 1),
            "413 Payload Too Large",
        ),
    ] {
        let text = ask(&server, &text);
        assert_eq!(text, format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }
    assert_eq!((server.count(), server.connections()), (0, 3));
}
