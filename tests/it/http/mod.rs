//! Connections: the pool, names, connecting, TLS, and the errors that each can end in.

mod connections;
mod names;
mod stale;
mod tls;

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
