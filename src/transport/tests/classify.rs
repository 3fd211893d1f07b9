//! Each failure has its kind, says whether the request went out, and names what was being done.

use std::sync::atomic::Ordering;

use super::server::{Server, refusing};
use super::*;
use crate::ErrorKind;
use crate::error::Sent;

/// What becomes of a request that is answered so, after which the server closes.
fn get(answer: &str) -> Failure {
    let answer = answer.to_owned();
    let server = Server::new();
    let (client, url) = (client(), server.url());
    thread::scope(|scope| {
        let reply = scope.spawn(|| Worker::new().get(&client, &url));
        let mut peer = server.accept();
        peer.request().unwrap();
        peer.send(answer);
        drop(peer);
        reply.join().unwrap().unwrap_err()
    })
}

#[track_caller]
fn assert_is(failure: &Failure, kind: ErrorKind, sent: Sent, text: &str) {
    assert_eq!((failure.kind, failure.sent), (kind, sent), "{failure:?}");
    assert!(failure.text.starts_with(text), "{failure:?}");
    assert!(!failure.stale && failure.cut.is_none(), "{failure:?}");
}

#[test]
fn a_connection_that_breaks_before_the_head_is_disconnected() {
    let text = "the connection broke while waiting for the answer of 127.0.0.1:";
    assert_is(&get(""), ErrorKind::Disconnected, Sent::Maybe, text);
    assert_is(&get("HTTP/1.1 200 OK\r\nConte"), ErrorKind::Disconnected, Sent::Maybe, text);
}

#[test]
fn an_answer_that_is_not_http_is_invalid() {
    let text = "the answer of 127.0.0.1:";
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 what OK\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        assert_is(&get(answer), ErrorKind::InvalidResponse, Sent::Maybe, text);
    }
    let chunk = get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    assert_is(&chunk, ErrorKind::InvalidResponse, Sent::Yes, text);
    assert!(chunk.head.is_some() && chunk.source.is_some());
}

#[test]
fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
    let head = |size: usize| {
        let rest = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n".len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "x".repeat(size - rest))
    };
    let fits = head(MAX_HEAD);
    let (url, _) = Server::new().answer(move |_| Some(fits.clone().into()));
    assert_eq!(Worker::new().get(&client(), &url).unwrap().status, 200);
    for size in [MAX_HEAD + 1, MAX_HEAD + 2, 10 * MAX_HEAD] {
        let failure = get(&head(size));
        assert_is(&failure, ErrorKind::InvalidResponse, Sent::Maybe, "the head of the answer of 127.0.0.1:");
        assert!(failure.text.ends_with("is larger than 16384 bytes"));
    }
}

#[test]
fn a_host_without_address_and_one_that_refuses() {
    let lookup: Lookup = Arc::new(|host, _| match host {
        "none.example" => Ok(Vec::new()),
        _ => Err(io::Error::other("no such host")),
    });
    let refuses = refusing();
    let pinned = vec![
        Pinned { host: "refuses.example".to_owned(), port: None, addrs: vec![refuses, refuses] },
        Pinned { host: "nowhere.example".to_owned(), port: None, addrs: Vec::new() },
    ];
    let client = HttpClient::new(HttpSettings { lookup: Some(lookup), pinned, ..settings() });
    let get = |url| Worker::new().get(&client, url).unwrap_err();
    let failure = get("http://user:secret@who.example/?key=secret");
    assert_is(&failure, ErrorKind::NameLookup, Sent::Never, "looking up who.example failed");
    assert_eq!(failure.source.unwrap().to_string(), "no such host");
    assert_is(
        &get("http://none.example"),
        ErrorKind::NameLookup,
        Sent::Never,
        "looking up none.example failed",
    );
    assert_is(
        &get("http://nowhere.example"),
        ErrorKind::NameLookup,
        Sent::Never,
        "the host nowhere.example has no address",
    );
    let refused = get("http://user:secret@refuses.example/?key=secret");
    let text = "connecting to refuses.example:80 failed at each of its 2 addresses";
    assert_is(&refused, ErrorKind::Connect, Sent::Never, text);
    let source = refused.source.unwrap();
    assert_eq!(source.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    let alone = get(&format!("http://{refuses}/"));
    assert_is(&alone, ErrorKind::Connect, Sent::Never, &format!("connecting to {refuses} failed"));
}

#[test]
fn a_request_that_cannot_be_sent_is_invalid_and_not_sent() {
    let (url, count) = Server::new().answer(|_| None);
    let (client, worker) = (client(), Worker::new());
    let request = |url: &str| Request::post(url).body(b"five5".to_vec()).unwrap();
    let with = |name: &'static str, value: String| {
        let mut request = request(&url);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let mut two_hosts = with("host", "a".to_owned());
    two_hosts.headers_mut().append("host", HeaderValue::from_static("b"));
    for request in [
        request("/relative"),
        request("ftp://a.example/"),
        with("content-length", "6".to_owned()),
        with("transfer-encoding", "chunked".to_owned()),
        with("x-long", "x".repeat(20_000)),
        with("host", "bücher".to_owned()),
        with("authorization", "bücher".to_owned()),
        two_hosts,
    ] {
        let failure = worker.run(&client, &request).unwrap_err();
        assert_eq!((failure.kind, failure.sent), (ErrorKind::InvalidRequest, Sent::Never), "{failure:?}");
        assert!(!failure.text.starts_with("the request to"), "ureq found it out: {failure:?}");
    }
    let truthful = worker.run(&client, &with("content-length", "5".to_owned())).unwrap_err();
    assert_eq!(truthful.kind, ErrorKind::Disconnected);
    assert!(count.load(Ordering::SeqCst) <= 2);
}

/// The longest line that was announced fits.
#[test]
fn a_long_line_fits_the_buffer_that_was_made_for_it() {
    let (url, _) = Server::new().answer(|request| {
        assert!(request.len() > 100_000);
        Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into())
    });
    let long = "x".repeat(100_000);
    let longest_line = long.len() + "x-long: \r\n".len();
    let client = HttpClient::new(HttpSettings { longest_line, ..settings() });
    let request = Request::get(&url).header("x-long", long).body(Vec::new()).unwrap();
    assert_eq!(Worker::new().run(&client, &request).unwrap().status, 200);
}

#[test]
fn a_used_connection_that_the_server_has_closed_is_stale() {
    for again in ["", "HTTP/1.1 2"] {
        let server = Server::new();
        let (client, url, mut worker) = (client(), server.url(), Worker::new());
        thread::scope(|scope| {
            let first = scope.spawn(|| worker.get(&client, &url));
            let mut peer = server.accept();
            peer.request().unwrap();
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            first.join().unwrap().unwrap();
            let second = scope.spawn(|| worker.get(&client, &url));
            peer.request().unwrap();
            peer.send(again);
            drop(peer);
            let failure = second.join().unwrap().unwrap_err();
            assert_eq!((failure.kind, failure.sent), (ErrorKind::Disconnected, Sent::Maybe));
            assert_eq!(failure.stale, again.is_empty(), "with a byte of the answer it is not");
        });
        worker.fresh = true;
        let failure = thread::scope(|scope| {
            let third = scope.spawn(|| worker.get(&client, &url));
            server.accept().request().unwrap();
            third.join().unwrap().unwrap_err()
        });
        assert!(!failure.stale, "a fresh connection is not");
    }
}

#[test]
fn what_cannot_be_connected_to_is_looked_up_again() {
    let (url, _) = Server::new().answer(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()));
    let good: SocketAddr = url.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
    let refuses = refusing();
    let answers = std::sync::Mutex::new(vec![good, refuses]);
    let lookup: Lookup = Arc::new(move |_, _| Ok(vec![answers.lock().unwrap().pop().unwrap()]));
    let client = HttpClient::new(HttpSettings { lookup: Some(lookup), ..settings() });
    let worker = Worker::new();
    assert_eq!(worker.get(&client, "http://a.example/").unwrap_err().kind, ErrorKind::Connect);
    for _ in 0..3 {
        worker.get(&client, "http://a.example/").unwrap(); // a third look-up would panic
    }
}

/// A server that refuses a large upload does not read it: it answers and closes. The answer says more than the reset.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_comes_before_the_request_was_read_is_not_lost() {
    let server = Server::new();
    let (client, url) = (client(), server.url());
    let reply = thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept();
            peer.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            drop(peer); // with a request unread: the client's next write is answered with a reset
        });
        let request = Request::post(&url).body(vec![0; 32 * 1024 * 1024]).unwrap();
        Worker::new().run(&client, &request)
    });
    let reply = reply.unwrap();
    assert_eq!((reply.status.as_u16(), client.idle_connections()), (413, 0));
}

/// The write has had the reset, and the read finds an end that looks clean.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_is_cut_short_before_the_request_was_read_is_truncated() {
    let server = Server::new();
    let (client, url) = (client(), server.url());
    let reply = thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept();
            peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
            drop(peer);
        });
        let request = Request::post(&url).body(vec![0; 32 * 1024 * 1024]).unwrap();
        Worker::new().run(&client, &request)
    });
    let failure = reply.unwrap_err();
    assert_eq!((failure.kind, failure.sent), (ErrorKind::TruncatedBody, Sent::Yes), "{failure:?}");
}
