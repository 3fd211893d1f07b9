//! Settings that no client can be built with, and what is said about them.

use std::time::Duration;

use fanout::{
    BuildError, Builder, CancelToken, Error, FanOutClient, Outcome, Rate, RateLimiter, TokenBucket, http,
};

const URL: &str = "https://api.example.com/users/{id}/widgets";

/// The error, whose text must name the value and what would be right.
#[track_caller]
fn refused(builder: Builder, setting: &str, says: &[&str]) -> BuildError {
    let error = builder.build().expect_err("it should have been refused");
    let said = error.to_string();
    assert_eq!(error.setting(), setting, "{said}");
    assert!(said.contains(setting), "{said}");
    for part in says {
        assert!(said.contains(part), "{said:?} should say {part:?}");
    }
    error
}

fn valid() -> Builder {
    FanOutClient::builder(URL)
}

#[test]
fn the_defaults_are_valid() {
    let client = valid().build().unwrap();
    assert_eq!((client.limiter().rate(), client.limiter().burst()), (Rate::per_second(10), 20));
    assert_eq!(client.in_flight(), 0);
}

/// What is shared by threads may be; a field that may not would otherwise be noticed by a user first.
#[test]
fn what_is_handed_from_thread_to_thread_may_be() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    shared::<FanOutClient>();
    shared::<CancelToken>();
    shared::<RateLimiter>();
    shared::<Error>();
    shared::<Outcome<u32>>();
    shared::<TokenBucket>();
    sent::<Builder>();
}

#[test]
fn a_rate_that_never_grants() {
    refused(valid().rate(Rate::per_second(0)), "rate", &["0", "at least 1"]);
    refused(valid().rate(Rate::new(1, Duration::ZERO)), "rate", &["nanosecond"]);
    refused(valid().rate(Rate::new(1, Duration::MAX)), "rate", &["584 years"]);
}

#[test]
fn a_burst_of_nothing() {
    refused(valid().burst(0), "burst", &["0", "at least 1"]);
}

#[test]
fn too_few_or_too_many_in_flight() {
    refused(valid().max_in_flight(0), "max_in_flight", &["0", "1 to 1024"]);
    refused(valid().max_in_flight(1_025), "max_in_flight", &["1025", "1 to 1024"]);
    for good in [1, 1_024] {
        valid().max_in_flight(good).build().unwrap();
    }
}

#[test]
fn a_timeout_of_no_time() {
    refused(valid().timeout(Duration::ZERO), "timeout", &["0"]);
    refused(valid().connect_timeout(Duration::ZERO), "connect_timeout", &["0"]);
    refused(valid().stall_timeout(Some(Duration::ZERO)), "stall_timeout", &["0"]);
    valid().timeout(Duration::MAX).connect_timeout(Duration::MAX).build().unwrap();
}

#[test]
fn a_url_that_is_no_template_of_requests() {
    for (url, says) in [
        ("https://api.example.com/users", "{id}"),
        ("https://api.example.com/users#{id}", "{id}"),
        ("https://{id}.example.com/", "host"),
        ("https://{id}/", "host"),
        ("https://api.example.com:{id}/", "host"),
        ("ftp://api.example.com/{id}", "http or https"),
        ("file:///{id}", "http"),
        ("api.example.com/{id}", "http"),
        ("/users/{id}", "http"),
        ("http:///{id}", "host"),
        ("https://api.example.com:99999/{id}", "port"),
        ("https://api.example.com:0/{id}", "port"),
        ("https://api.example.com/a b/{id}", "' '"),
        ("https://api.example.com/ü/{id}", "'ü'"),
        ("https://api.example.com/\n/{id}", "'\\n'"),
        ("{id}", "http"),
        ("", "http"),
    ] {
        let error = refused(FanOutClient::builder(url), "url", &[says]);
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    }
    for good in [
        "http://h/{id}",
        "http://[::1]:80/{id}",
        "http://h?q={id}",
        "HTTP://h/{id}",
        "http://h/{id}/{id}?{id}",
    ] {
        FanOutClient::builder(good).build().unwrap();
    }
}

#[test]
fn a_password_in_a_url_is_not_repeated() {
    let error = FanOutClient::builder("https://user:secret@h/users").build().err().unwrap();
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn a_header_that_cannot_be_sent() {
    refused(valid().header("X-Mine", "a\r\nX-Yours: b"), "header", &["X-Mine", "control character"]);
    refused(valid().header("X-Mine", "a\0"), "header", &["control character"]);
    refused(valid().header("X Mine", "a"), "header", &["X Mine"]);
    refused(valid().header("X-Mine:", "a"), "header", &["X-Mine:"]);
    refused(valid().header("", "a"), "header", &[]);
    refused(valid().header("Content-Length", "7"), "header", &["Content-Length"]);
    refused(valid().user_agent("a\nb"), "user_agent", &["control character"]);
    let error = refused(valid().header("Authorization", "secret\n"), "header", &[]);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_certificate_that_is_none() {
    refused(valid().root_certificates_pem("not a certificate"), "root_certificates_pem", &[]);
    refused(valid().root_certificates_pem(""), "root_certificates_pem", &[]);
}

#[test]
fn a_host_that_cannot_be_resolved_so() {
    refused(valid().resolve("", ["127.0.0.1:80".parse().unwrap()]), "resolve", &[]);
    refused(valid().resolve("api.example.com", []), "resolve", &["api.example.com"]);
}

#[test]
fn the_settings_of_a_client_of_requests_are_checked_as_well() {
    let make = |_: &str| http::Request::get("http://h/").body(());
    refused(FanOutClient::from_requests(make).burst(0), "burst", &["0", "at least 1"]);
    FanOutClient::from_requests(make).build().unwrap();
}
