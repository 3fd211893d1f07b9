//! What we take from ureq without being promised it: when it asks whether a connection is open (`connector`), and
//! what it thinks a request looks like. If one of these fails after an update of ureq, `connector` must be thought
//! anew.

use std::sync::atomic::Ordering;

use super::server::Server;
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// How many connections `n` requests in a row take, each of which is answered with `answer`.
#[track_caller]
fn connections(n: usize, answer: impl AsRef<[u8]>) -> usize {
    let answer = answer.as_ref().to_vec();
    let (url, count) = Server::new().answer(move |_| Some(answer.clone()));
    let (client, worker) = (client(), Worker::new());
    for _ in 0..n {
        worker.get(&client, &url).unwrap();
    }
    count.load(Ordering::SeqCst)
}

#[test]
fn after_an_interim_response_the_connection_is_used_again() {
    assert_eq!(connections(5, format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{OK}")), 1);
}

#[test]
fn a_connection_that_the_server_will_close_is_not_used_again() {
    assert_eq!(connections(5, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"), 5);
    assert_eq!(connections(5, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), 5);
}

#[test]
fn a_connection_with_bytes_after_the_body_is_not_used_again() {
    assert_eq!(connections(5, format!("{OK}HTTP/1.1 200 OK\r\n")), 5);
}

/// A body that is longer than was announced, or a second answer, may come in a segment of its own: after the
/// connection was given back, and before anybody would say that it has been idle.
#[test]
fn what_comes_between_two_requests_is_not_the_answer_to_the_second() {
    let server = Server::new();
    let (client, url) = (client(), server.url());
    thread::scope(|scope| {
        let (got, gets) = std::sync::mpsc::channel();
        let (sent, waits) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let mut peer = server.accept();
            peer.request().unwrap();
            peer.send(OK);
            gets.recv().unwrap();
            peer.send(OK.replace("ok", "no"));
            sent.send(()).unwrap();
            let mut fresh = server.accept();
            fresh.request().unwrap();
            fresh.send(OK);
        });
        assert_eq!(Worker::new().get(&client, &url).unwrap().body.unwrap(), b"ok");
        got.send(()).unwrap();
        waits.recv().unwrap();
        let second = Worker::new().get(&client, &url).unwrap();
        assert_eq!(second.body.unwrap(), b"ok");
    });
}

#[test]
fn a_connection_whose_body_was_not_read_to_its_end_is_not_used_again() {
    let (url, count) =
        Server::new().answer(|_| Some(OK.replace("Content-Length: 2", "Content-Length: 9").into()));
    let (client, worker) = (HttpClient::new(HttpSettings { max_body: 8, ..settings() }), Worker::new());
    for n in 1..=3 {
        assert_eq!(worker.get(&client, &url).unwrap_err().kind, crate::ErrorKind::BodyTooLarge);
        assert_eq!((count.load(Ordering::SeqCst), client.idle_connections()), (n, 0));
    }
}

#[test]
fn an_unwanted_body_that_came_with_its_head_saves_the_connection() {
    for answer in [
        "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ] {
        let (url, count) = Server::new().answer(|_| Some(answer.into()));
        let (client, worker) = (client(), Worker::new());
        for _ in 0..5 {
            let reply = worker.get(&client, &url).unwrap();
            assert_eq!((reply.status.as_u16(), reply.body), (503, None));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn an_unwanted_body_is_not_waited_for() {
    let server = Server::new();
    let (client, url) = (client(), server.url());
    thread::scope(|scope| {
        let reply = scope.spawn(|| Worker::new().get(&client, &url));
        let mut peer = server.accept();
        peer.request().unwrap();
        peer.send("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nhalf");
        assert_eq!(reply.join().unwrap().unwrap().status, 503);
        peer.wait_for_close(); // it was closed, and not kept
    });
    assert_eq!(client.idle_connections(), 0);
}

#[test]
fn no_more_connections_are_kept_than_may_be() {
    let (url, _) = Server::new().answer(|_| Some(OK.into()));
    let client = HttpClient::new(HttpSettings { max_idle: 2, ..settings() });
    let barrier = std::sync::Barrier::new(5);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..50 {
                    Worker::new().get(&client, &url).unwrap();
                }
            });
        }
    });
    assert!((1..=2).contains(&client.idle_connections()));
}

#[test]
fn a_fresh_connection_is_a_new_one() {
    let (url, count) = Server::new().answer(|_| Some(OK.into()));
    let (client, mut worker) = (client(), Worker::new());
    worker.get(&client, &url).unwrap();
    worker.fresh = true;
    worker.get(&client, &url).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// What the server gets to see.
#[track_caller]
fn seen(request: Request<Vec<u8>>) -> String {
    let (seen, sees) = std::sync::mpsc::channel();
    let (url, _) = Server::new().answer(move |request| {
        seen.send(request.to_owned()).unwrap();
        Some(OK.into())
    });
    let (mut parts, body) = request.into_parts();
    parts.uri = url.parse().unwrap();
    Worker::new().run(&client(), &Request::from_parts(parts, body)).unwrap();
    let seen = sees.recv().unwrap();
    let host = format!("host: {}\r\n", url.strip_prefix("http://").unwrap().trim_end_matches('/'));
    assert!(seen.contains(&host), "{seen}");
    seen.replace(&host, "")
}

#[test]
fn a_request_has_the_headers_it_needs_and_no_others() {
    let rest = "user-agent: tests\r\naccept: */*\r\naccept-encoding: gzip\r\n";
    let request = |method: &str, body: &str| Request::builder().method(method).body(body.into()).unwrap();
    assert_eq!(seen(request("GET", "")), format!("GET / HTTP/1.1\r\n{rest}\r\n"));
    assert_eq!(seen(request("PURGE", "")), format!("PURGE / HTTP/1.1\r\n{rest}\r\n"));
    for method in ["GET", "POST", "DELETE", "SEARCH"] {
        let seen = seen(request(method, "hello"));
        assert_eq!(seen, format!("{method} / HTTP/1.1\r\ncontent-length: 5\r\n{rest}\r\nhello"));
    }
    assert_eq!(seen(request("POST", "")), format!("POST / HTTP/1.1\r\ncontent-length: 0\r\n{rest}\r\n"));
    let own = Request::get("/").header("user-agent", "mine").header("accept", "text/csv");
    let seen = seen(own.header("accept-encoding", "identity").body(Vec::new()).unwrap());
    for line in ["user-agent: mine\r\n", "accept: text/csv\r\n", "accept-encoding: identity\r\n"] {
        assert!(seen.contains(line) && !seen.contains("tests"), "{seen}");
    }
}

#[test]
fn a_head_request_reads_no_body() {
    let (url, count) = Server::new().answer(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".into()));
    let (client, worker) = (client(), Worker::new());
    for _ in 0..3 {
        let reply = worker.run(&client, &Request::head(&url).body(Vec::new()).unwrap()).unwrap();
        assert_eq!(reply.headers["content-length"], "9");
        assert_eq!(reply.body, Some(Vec::new()));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// An answer that has no body is encoded in nothing, whatever its headers say about the one that was not sent.
#[test]
fn an_answer_without_a_body_is_not_unpacked() {
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let (url, count) = Server::new().answer(|_| Some(answer.into()));
        let (client, worker) = (client(), Worker::new());
        for _ in 0..3 {
            let request = Request::builder().method(method).uri(&url).body(Vec::new()).unwrap();
            let reply = worker.run(&client, &request).unwrap();
            assert_eq!(reply.body, Some(Vec::new()), "{method} {answer}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn expect_100_continue_is_sent_and_not_waited_for() {
    let (url, _) = Server::new().answer(|request| {
        assert!(request.contains("expect: 100-continue") && request.ends_with("hello"));
        Some(format!("HTTP/1.1 100 Continue\r\n\r\n{OK}").into())
    });
    let request = Request::post(&url).header("expect", "100-continue").body(b"hello".to_vec()).unwrap();
    assert_eq!(Worker::new().run(&client(), &request).unwrap().body.unwrap(), b"ok");
}
