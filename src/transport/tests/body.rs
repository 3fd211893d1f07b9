//! A body is whole, or it is an error.

use std::io::Write;

use super::server::Server;
use super::*;
use crate::ErrorKind;
use crate::error::Sent;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packs = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packs.write_all(bytes).unwrap();
    packs.finish().unwrap()
}

/// What becomes of `answer`, after which the server closes.
fn get(settings: HttpSettings, answer: impl Into<Vec<u8>>) -> Result<Reply, Failure> {
    close_after(settings, answer, |_| None)
}

/// What becomes of `answer`, after which the server ends the connection with `end`, or leaves it open.
fn close_after(
    settings: HttpSettings,
    answer: impl Into<Vec<u8>>,
    end: impl FnOnce(server::Peer) -> Option<server::Peer>,
) -> Result<Reply, Failure> {
    let (server, client, answer) = (Server::new(), HttpClient::new(settings), answer.into());
    let url = server.url();
    thread::scope(|scope| {
        let reply = scope.spawn(|| Worker::new().get(&client, &url));
        let mut peer = server.accept();
        peer.request().unwrap();
        let _ = peer.0.write_all(&answer);
        let _open = end(peer);
        reply.join().unwrap()
    })
}

#[track_caller]
fn assert_truncated(result: Result<Reply, Failure>) {
    let failure = result.expect_err("half a body is not a success");
    assert_eq!((failure.kind, failure.sent), (ErrorKind::TruncatedBody, Sent::Yes), "{failure:?}");
    assert_eq!(failure.head.map(|head| head.0.as_u16()), Some(200));
    assert!(failure.text.starts_with("the body from 127.0.0.1:"), "{}", failure.text);
}

#[test]
#[cfg(target_os = "linux")]
fn a_close_delimited_body_that_ends_in_a_reset_is_truncated() {
    // The client has read the half before the reset comes: what is unread, a reset throws away.
    let (server, client) = (Server::new(), HttpClient::new(settings()));
    let url = server.url();
    let result = thread::scope(|scope| {
        let reply = scope.spawn(|| Worker::new().get(&client, &url));
        let mut peer = server.accept();
        peer.request().unwrap();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
        peer.wait_until_read();
        peer.reset();
        reply.join().unwrap()
    });
    assert_truncated(result);
}

#[test]
fn a_packed_body_that_is_cut_short_is_truncated_and_one_that_is_not_gzip_is_not_decoded() {
    let packed = gzip(&[7; 10_000]);
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";
    let half = &packed[..packed.len() / 2];
    let announced = format!("{head}Content-Length: {}\r\n\r\n", packed.len());
    assert_truncated(get(settings(), [announced.as_bytes(), half].concat()));
    assert_truncated(get(settings(), [format!("{head}\r\n").as_bytes(), half].concat()));
    let wrong = format!("{head}Content-Length: 8\r\n\r\nnot gzip");
    let failure = close_after(settings(), wrong, Some).unwrap_err();
    assert_eq!((failure.kind, failure.sent), (ErrorKind::Decode, Sent::Yes), "{failure:?}");
    let ends_inside = format!("{head}Content-Length: {}\r\n\r\n", half.len());
    let ends_inside = [ends_inside.as_bytes(), half].concat();
    let failure = close_after(settings(), ends_inside, Some).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Decode, "{failure:?}");
}

#[test]
fn an_endless_body_ends_at_the_limit() {
    let endless = |mut peer: server::Peer| {
        while peer.0.write_all(&[b'x'; 1024]).is_ok() {}
        None
    };
    let failure = close_after(settings(), "HTTP/1.1 200 OK\r\n\r\n", endless).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::BodyTooLarge);
}

#[test]
fn a_body_of_known_length_is_allocated_once_and_a_huge_announcement_is_not_believed() {
    let body = "x".repeat(64 * 1024);
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let read = get(settings(), sized).unwrap().body.unwrap();
    assert_eq!((read.len(), read.capacity()), (64 * 1024, 64 * 1024));
    let huge = HttpSettings { max_body: u64::MAX, ..settings() };
    assert_truncated(get(huge, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nx", u64::MAX / 2)));
}
