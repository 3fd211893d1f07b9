//! A server that is spoken to by TLS: who is trusted, and what becomes of the others.

use std::cell::Cell;
use std::net::TcpListener;
use std::time::Duration;
use std::{env, fs, process};

use fanout::{CancelToken, Limit, Rate, SharedError, SharedErrorKind, SharedQuota, SharedQuotaBuilder};

use crate::support::{GUARD, Tls, spawn, until};

use super::Redis;

const FAST: Limit = Limit::new(Rate::per_second(1_000), 20);

/// One that speaks TLS on another port, as `localhost`, besides plain text on its own.
pub(crate) fn start() -> Option<(Redis, u16)> {
    let port = Cell::new(0);
    let file = |kind, text: &str| {
        let path = env::temp_dir().join(format!("fanout-redis-{}-{}.{kind}", process::id(), port.get()));
        fs::write(&path, text).unwrap();
        path
    };
    let files = Cell::new(None);
    let arguments = || {
        port.set(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let (certificate, key) = (file("crt", &Tls::get().pem), file("key", &Tls::get().key_pem));
        let tls_port = port.get().to_string();
        let [crt, key_file] = [&certificate, &key].map(|path| path.display().to_string());
        files.set(Some([certificate, key]));
        let arguments = [
            ["--tls-port", &tls_port],
            ["--tls-cert-file", &crt],
            ["--tls-key-file", &key_file],
            ["--tls-auth-clients", "no"],
        ];
        arguments.as_flattened().iter().map(|argument| (*argument).to_owned()).collect()
    };
    let redis = Redis::start_with(arguments);
    // It has read them.
    files.take().into_iter().flatten().for_each(|path| fs::remove_file(path).unwrap());
    redis.map(|redis| (redis, port.get()))
}

fn quota(url: &str) -> SharedQuotaBuilder {
    SharedQuota::builder(url, "test").is_idle(true).limit(FAST).redis_wait(GUARD)
}

fn url(port: u16) -> String {
    format!("rediss://fanout:sesame@localhost:{port}/")
}

/// Nothing but what this test itself has asked.
#[track_caller]
fn assert_nothing_was_sent(redis: &Redis) {
    let text: String = redis::from_redis_value(redis.command("INFO commandstats")).unwrap();
    assert!(!text.contains("cmdstat_eval") && !text.contains("cmdstat_auth"), "{text}");
}

#[track_caller]
fn refused(builder: &SharedQuotaBuilder, kind: SharedErrorKind, words: &[&str]) -> SharedError {
    let error = builder.clone().connect().unwrap_err();
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), kind, "{text}");
    assert!(words.iter().all(|word| text.contains(word)) && !text.contains("sesame"), "{text}");
    error
}

#[test]
fn a_server_that_is_trusted_is_used_and_tells_of_permits_that_come_back() {
    let Some((redis, port)) = start() else { return };
    redis.command("ACL SETUSER fanout on >sesame ~* &* +@all");
    let quota = quota(&url(port)).root_certificates_pem(&*Tls::get().pem).max_in_flight(1);
    assert_eq!(quota.status().unwrap(), fanout::SharedStatus::Unknown);
    let [one, other] = [(); 2].map(|()| quota.clone().connect().unwrap());
    let held = one.acquire(&CancelToken::new()).unwrap();
    let waits = {
        let other = other.clone();
        spawn(move || other.acquire(&CancelToken::new()).map(drop))
    };
    until("it waits", || other.waiting() == 1);
    drop(held);
    waits.wait().unwrap();
    // A connection that is cut is made anew.
    redis.command("CLIENT KILL TYPE normal SKIPME yes");
    other.acquire(&CancelToken::new().with_timeout(GUARD)).map(drop).unwrap();
}

#[test]
fn a_server_that_nobody_trusts_is_refused_at_once_and_told_nothing() {
    let Some((redis, port)) = start() else { return };
    let quota = quota(&url(port)).redis_wait(Duration::from_secs(3_600));
    let place = format!("localhost:{port} (TLS)");
    refused(&quota, SharedErrorKind::Refused, &[&place, "UnknownIssuer"]);
    assert_eq!(quota.status().unwrap_err().kind(), SharedErrorKind::Refused);
    assert_nothing_was_sent(&redis);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let Some((redis, port)) = start() else { return };
    let url = format!("rediss://fanout:sesame@127.0.0.1:{port}/");
    let quota = quota(&url).root_certificates_pem(&*Tls::get().pem);
    refused(&quota, SharedErrorKind::Refused, &["not valid for name", "127.0.0.1"]);
    assert_nothing_was_sent(&redis);
}

/// It waits for the end of a line.
#[test]
fn a_port_without_tls_does_not_answer() {
    let Some(redis) = Redis::start() else { return };
    refused(&quota(&url(redis.port())), SharedErrorKind::Unreachable, &["localhost", "no answer within"]);
    assert_nothing_was_sent(&redis);
}

#[test]
fn roots_that_are_none_or_serve_nothing_are_refused_before_anybody_is_asked() {
    let invalid = SharedErrorKind::InvalidSetting;
    for (pem, word) in [
        ("", "it holds no certificate"),
        ("no certificate", "it holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not usable"),
    ] {
        let quota = quota(&url(1)).root_certificates_pem(pem);
        refused(&quota, invalid, &["root_certificates_pem is not usable: ", word]);
        quota.check().unwrap_err();
    }
    let plain = quota("redis://fanout:sesame@localhost:1/").root_certificates_pem(&*Tls::get().pem);
    refused(&plain, invalid, &["use rediss://"]);
}
