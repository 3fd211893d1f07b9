//! Over TLS: the same, and what is TLS's own.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown};

use super::server::{Peer, Server, Tls, certificate};
use super::*;
use crate::ErrorKind;
use crate::error::Sent;

fn pinned() -> Vec<Pinned> {
    vec![Pinned { host: "localhost".to_owned(), port: None, addrs: vec![(Ipv4Addr::LOCALHOST, 0).into()] }]
}

/// What becomes of one request, and of a second one, against a server that speaks TLS.
fn get(serve: impl FnOnce(Peer<Tls>) + Send) -> (Result<Reply, Failure>, usize) {
    let (server, (trusted, config)) = (Server::new(), certificate());
    let settings = HttpSettings { root_certificates: Some(vec![trusted]), pinned: pinned(), ..settings() };
    let (client, url) =
        (HttpClient::new(settings), format!("https://localhost:{}/", server.address().port()));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept().shake_hands(&config);
            peer.request().unwrap();
            serve(peer);
        });
        let reply = Worker::new().get(&client, &url);
        (reply, client.idle_connections())
    })
}

#[test]
fn a_connection_is_used_again() {
    let (server, (trusted, config)) = (Server::new(), certificate());
    let settings = HttpSettings { root_certificates: Some(vec![trusted]), pinned: pinned(), ..settings() };
    let (client, url) =
        (HttpClient::new(settings), format!("https://LocalHost:{}/", server.address().port()));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept().shake_hands(&config);
            for _ in 0..5 {
                peer.request().unwrap();
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
        for _ in 0..5 {
            assert_eq!(Worker::new().get(&client, &url).unwrap().body.unwrap(), b"ok");
            assert_eq!(client.idle_connections(), 1);
        }
    });
}

#[test]
fn an_unwanted_body_that_came_with_its_head_saves_the_connection() {
    let (reply, idle) = get(|mut peer| {
        peer.send(format!("HTTP/1.1 503 No\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000)));
    });
    assert_eq!((reply.unwrap().status.as_u16(), idle), (503, 1));
}

#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_comes_before_the_request_was_read_is_not_lost() {
    let (server, (trusted, config)) = (Server::new(), certificate());
    let settings = HttpSettings { root_certificates: Some(vec![trusted]), pinned: pinned(), ..settings() };
    let (client, url) =
        (HttpClient::new(settings), format!("https://localhost:{}/", server.address().port()));
    let reply = thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept().shake_hands(&config);
            // Or the answer waits for an ACK, and the reset throws it away.
            peer.0.sock.set_nodelay(true).unwrap();
            peer.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            drop(peer);
        });
        let request = Request::post(&url).body(vec![0; 32 * 1024 * 1024]).unwrap();
        Worker::new().run(&client, &request)
    });
    let reply = reply.unwrap();
    assert_eq!((reply.status.as_u16(), client.idle_connections()), (413, 0));
}

/// A second record, in the same segment: it is decrypted with the first, and may not lie there for the next request.
#[test]
fn a_connection_with_bytes_after_the_body_is_not_used_again() {
    let (reply, idle) = get(|mut peer| {
        let mut both = Vec::new();
        for record in ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\n"] {
            peer.0.conn.writer().write_all(record.as_bytes()).unwrap();
            while peer.0.conn.wants_write() {
                peer.0.conn.write_tls(&mut both).unwrap();
            }
        }
        peer.0.sock.write_all(&both).unwrap();
    });
    assert_eq!((reply.unwrap().body.unwrap(), idle), (b"ok".to_vec(), 0));
}

/// The same, where the answer fills ureq's buffer to the last byte: what comes after it stays with rustls, where ureq
/// does not see it.
#[test]
fn a_connection_with_bytes_behind_a_full_buffer_is_not_used_again() {
    let (reply, idle) = get(|mut peer| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {:5}\r\n\r\n", MAX_HEAD + 1);
        let length = MAX_HEAD + 1 - head.len();
        let head = head.replace(&(MAX_HEAD + 1).to_string(), &format!("{length:5}"));
        let answer = format!("{head}{}", "x".repeat(length));
        let (first, last) = answer.split_at(MAX_HEAD);
        let mut all = Vec::new();
        for record in [first, &format!("{last}HTTP/1.1 200 OK\r\n")] {
            peer.0.conn.writer().write_all(record.as_bytes()).unwrap();
            while peer.0.conn.wants_write() {
                peer.0.conn.write_tls(&mut all).unwrap();
            }
        }
        peer.0.sock.write_all(&all).unwrap();
    });
    assert_eq!((reply.unwrap().body.unwrap().len() > 16_000, idle), (true, 0));
}

#[test]
fn a_server_that_does_not_speak_tls_fails_the_handshake_and_one_that_hangs_up_disconnects() {
    let expected = [("HTTP/1.1 400 Bad\r\n\r\n", ErrorKind::Tls), ("", ErrorKind::Disconnected)];
    for (says, kind) in expected {
        let server = Server::new();
        let client = client();
        let failure = thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = server.accept();
                let _ = peer.0.peek(&mut [0]);
                peer.send(says);
                peer.0.shutdown(Shutdown::Write).unwrap();
                peer.wait_for_close();
            });
            Worker::new().get(&client, &server.url().replace("http:", "https:")).unwrap_err()
        });
        assert_eq!((failure.kind, failure.sent), (kind, Sent::Never), "{failure:?}");
    }
}
