//! Servers that are no Redis, or not as they should be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use fanout::{CancelToken, Limit, Rate, SharedErrorKind, SharedQuota};

use crate::support::{GUARD, spawn};

use super::Redis;

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

/// Says this to whoever connects, and then nothing, or no more than that the connection is over.
fn saying(what: &'static [u8], stays: bool) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        while let Ok((mut peer, _)) = listener.accept() {
            let _ = peer.read(&mut [0; 1_024]);
            let _ = peer.write_all(what);
            kept.extend(stays.then_some(peer));
        }
    });
    port
}

#[test]
fn what_is_no_redis_is_an_error_of_one_line_without_a_password() {
    for (says, stays, why) in [
        (&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], false, "no Redis"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", true, "no Redis"),
        (b"\x15\x03\x01\x00\x02\x02\x46", true, "no Redis"),
        (b"", false, "end of file"),
        (b"", true, "no answer within 500ms"),
        (b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n", true, "not understood"),
        (b"$99999999999999999\r\nx", true, "no answer within 500ms"),
        (b"*99999999999999999\r\nx", true, "no answer within 500ms"),
        (b"-NOAUTH No.\r\n-NOAUTH No.\r\n-NOAUTH No.\r\n", true, "authentication failed"),
    ] {
        let url = format!("redis://:hunter2@127.0.0.1:{}/", saying(says, stays));
        let connects = spawn(move || SharedQuota::builder(url, "test").limit(FAST).connect());
        let error = connects.wait().unwrap_err();
        let text = error.to_string();
        assert!(text.contains(why) && text.lines().count() == 1, "{text}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn another_kind_of_key_is_refused() {
    let Some(redis) = Redis::start() else { return };
    let builder = || SharedQuota::builder(redis.url(), "test").limit(FAST);
    for key in ["{fanout:test}", "{fanout:test}:epoch"] {
        redis.command(&format!("LPUSH {key} 1"));
        let error = builder().connect().unwrap_err();
        assert_eq!(error.kind(), SharedErrorKind::Refused, "{error}");
        let error = builder().status().err();
        assert!(error.is_none_or(|error| error.kind() == SharedErrorKind::Refused));
        redis.command(&format!("DEL {key}"));
    }
}

#[test]
fn who_may_not_hear_messages_is_told_so_before_anything_begins() {
    let Some(redis) = Redis::start() else { return };
    redis.command("ACL SETUSER deaf on >sesame ~{fanout:* resetchannels +@all");
    let url = format!("redis://deaf:sesame@127.0.0.1:{}/", redis.port());
    let error = SharedQuota::builder(&url, "test").limit(FAST).max_in_flight(2).connect().unwrap_err();
    assert_eq!(error.kind(), SharedErrorKind::Refused, "{error}");
    // Who needs none needs no leave.
    let quota = SharedQuota::builder(&url, "alone").limit(FAST).connect().unwrap();
    drop(quota.acquire(&CancelToken::new().with_timeout(GUARD)).unwrap());
}
