//! Through a proxy: what it is asked for, what it learns, and what becomes of a request when it will not or cannot.

use std::net::SocketAddr;
use std::time::Duration;

use fanout::{Builder, CancelToken, ErrorKind, FanOutClient, GaveUp, Sent};

use crate::support::*;

/// `Basic me:p@ss`, as a URL has it, and as a proxy is told.
const SECRET: &str = "me:p%40ss";
const TOLD: &str = "Basic bWU6cEBzcw==";

/// A client that trusts the test's servers, and fails wherever it looks a name up.
fn through(proxy: SocketAddr, url: impl Into<String>) -> Builder {
    trusting(builder(url)).proxy(format!("http://{SECRET}@{proxy}"))
}

fn trusting(builder: Builder) -> Builder {
    builder
        .lookup(|host, _| Err(std::io::Error::other(format!("{host} was looked up"))))
        .root_certificates_pem(Tls::get().pem.as_bytes())
}

#[test]
fn a_client_tells_the_proxy_on_the_way_to_a_url() {
    let client = FanOutClient::builder("http://h.example/{id}").proxy("http://me:secret@p.example:3128");
    let client = client.no_proxy("near.example").build().unwrap();
    for (url, proxy) in [
        ("http://h.example/7", Some("p.example:3128")),
        ("https://h.example:8443/7?q=1", Some("p.example:3128")),
        ("http://near.example/7", None),
        ("ftp://h.example/7", None),
        ("no URL", None),
    ] {
        assert_eq!(client.proxy_for(url).as_deref(), proxy, "{url}");
    }
}

#[test]
fn to_an_https_target_one_tunnel_carries_many_requests_and_the_proxy_sees_none() {
    let (proxy, server) = (Tunnels::start(), Server::start_tls());
    let client = through(proxy.addr, server.url())
        .header("Authorization", "Bearer secret")
        .user_agent("secret")
        .max_in_flight(1)
        .build()
        .unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a", "b", "c"]);
    for _ in 0..3 {
        let request = server.next();
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        assert_eq!(request.header("proxy-authorization"), None);
        assert_eq!((request.target.len(), request.connection), (2, 1));
        request.answer(200, "ok");
    }
    assert_eq!(call.wait().unwrap().len(), 3);
    let target = format!("localhost:{}", server.addr.port());
    let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {TOLD}\r\n\r\n");
    assert_eq!((proxy.next(), proxy.left()), (head, 0));
}

#[test]
fn a_tunnel_that_has_gone_is_asked_for_anew() {
    let (proxy, server) = (Tunnels::start(), Server::start_tls());
    let client = through(proxy.addr, server.url()).max_in_flight(1).build().unwrap();
    for id in ["a", "b"] {
        let call = fetch(&client, &CancelToken::new(), &[id]);
        server.next().reply(&Answer::ok("ok").until_close());
        assert_eq!(call.wait().unwrap()[id], "ok");
        assert!(proxy.next().starts_with("CONNECT localhost:"));
    }
}

#[test]
fn an_answer_of_any_success_opens_a_tunnel_whatever_its_headers_are() {
    let many = "x: y\r\n".repeat(100);
    let answers = [
        "HTTP/1.0 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "HTTP/1.1 204 \r\n\r\n".to_owned(),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
    ];
    for answer in answers {
        let (proxy, server) = (Tunnels::answering(answer.leak()), Server::start_tls());
        let client = through(proxy.addr, server.url()).build().unwrap();
        let call = fetch(&client, &CancelToken::new(), &["7"]);
        server.next().answer(200, "ok");
        assert_eq!(call.wait().unwrap()["7"], "ok");
    }
}

#[test]
fn a_request_to_an_http_target_is_handed_to_the_proxy_with_its_whole_url() {
    let proxy = Server::start();
    let client = through(proxy.addr, "http://API.invalid/x/{id}?q=/")
        .method(fanout::http::Method::PUT)
        .body("payload")
        .header("Authorization", "Bearer secret")
        .max_in_flight(1)
        .build()
        .unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a", "b"]);
    for id in ["a", "b"] {
        let request = proxy.next();
        assert_eq!(request.method, "PUT");
        assert_eq!(request.target, format!("http://api.invalid/x/{id}?q=/"));
        assert_eq!(request.header("host"), Some("API.invalid"));
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        assert_eq!(request.header("proxy-authorization"), Some(TOLD));
        assert_eq!((&*request.body, request.connection), (&b"payload"[..], 1));
        request.answer(200, id);
    }
    assert_eq!(call.wait().unwrap()["b"], "b");
}

#[test]
fn a_head_that_goes_out_in_pieces_is_given_its_url_once() {
    let proxy = Server::start();
    let mut builder = through(proxy.addr, "http://api.invalid:8080/{id}");
    for number in 0..9 {
        builder = builder.header(format!("x-{number}"), "/".repeat(7_000));
    }
    let client = builder.build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &[&"7".repeat(7_000)]);
    let request = proxy.next();
    assert_eq!(request.target, format!("http://api.invalid:8080/{}", "7".repeat(7_000)));
    for number in 0..9 {
        assert_eq!(request.header(&format!("x-{number}")), Some(&*"/".repeat(7_000)));
    }
    request.answer(200, "ok");
    assert!(call.wait().is_ok());
}

#[test]
fn the_name_of_the_proxy_is_looked_up_and_every_address_of_it_is_tried() {
    let (proxy, refuses) = (Server::echo(), refusing());
    let addresses = [refuses, proxy.addr];
    let client = builder("http://api.invalid/{id}")
        .proxy("Proxy.test:3128")
        .lookup(move |host, port| {
            assert_eq!((host, port), ("proxy.test", 3128));
            Ok(addresses.to_vec())
        })
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "7").unwrap(), "7");
    let pinned = trusting(builder("http://api.invalid/{id}")).proxy("proxy.test:3128");
    let client = pinned.resolve("proxy.test:3128", [proxy.addr]).build().unwrap();
    assert_eq!(fetch_one(&client, "8").unwrap(), "8");
    let client = trusting(builder("http://api.invalid/{id}")).proxy("proxy.test:3128").build().unwrap();
    let error = fetch_one(&client, "9").unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::NameLookup, Sent::Never));
    assert_eq!(error.to_string(), "id 9: looking up the proxy proxy.test failed");
    let nowhere = format!("http://{SECRET}@{refuses}");
    let client = builder("http://api.invalid/{id}").proxy(nowhere).build().unwrap();
    let error = fetch_one(&client, "9").unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connect, Sent::Never));
    assert_eq!(error.to_string(), format!("id 9: connecting to the proxy {refuses} failed"));
}

/// What becomes of a request to an https target if the proxy answers so, and then closes.
#[track_caller]
fn refused(answer: &[u8], says: &str) {
    let proxy = Server::start();
    let client = through(proxy.addr, "https://api.invalid/{id}").build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["7"]);
    let mut request = proxy.next();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "api.invalid:443"));
    request.send(answer);
    request.close();
    let error = call.wait().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connect, Sent::Never), "{error:?}");
    assert_eq!(error.status(), None, "that is not the server's");
    let text = format!("id 7: asking the proxy {} for a tunnel to api.invalid:443 failed", proxy.addr);
    assert_eq!(error.to_string(), text);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with(says), "{source}");
    for secret in ["p%40ss", "p@ss", "bWU6"] {
        assert!(!format!("{error:?} {client:?}").contains(secret), "{error:?}");
    }
}

#[test]
fn a_proxy_that_gives_no_tunnel_is_named_and_nothing_was_sent() {
    let unauthorized = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\nno";
    refused(unauthorized, "it answered 407 Proxy Authentication Required");
    refused(b"HTTP/1.1 403 Nope\r\n\r\n", "it answered 403 Forbidden");
    refused(b"HTTP/1.1 502 \r\nContent-Length: 100\r\n\r\n", "it answered 502 Bad Gateway");
    refused(b"HTTP/1.1 301 \r\nLocation: http://127.0.0.1/\r\n\r\n", "it answered 301 Moved Permanently");
    refused(b"", "it closed the connection without an answer");
    refused(b"HTTP/1.1 200 OK\r\nx: y", "it closed the connection without an answer");
    refused(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "its answer is not valid HTTP (invalid HTTP version)");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
    refused(many.as_bytes(), "its answer is not valid HTTP (too many headers)");
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(fanout::MAX_HEAD));
    refused(long.as_bytes(), "its answer's head is larger than 16384 bytes");
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
    refused(endless.as_bytes(), "its answer's head is larger than 16384 bytes");
}

#[test]
fn what_a_proxy_forbids_is_not_asked_for_again_and_what_it_cannot_do_is() {
    for status in [407, 403, 405] {
        let proxy = Server::answering(move |_| Answer::status(status));
        let client = through(proxy.addr, "https://api.invalid/{id}").retries(soon(3)).build().unwrap();
        let error = fetch_one(&client, "7").unwrap_err();
        assert_eq!((error.gave_up(), proxy.requests()), (Some(GaveUp::NotRetryable), 1), "{status}");
    }
    for status in [408, 429, 502, 503, 504] {
        let proxy = Server::answering(move |_| Answer::status(status));
        let client = through(proxy.addr, "https://api.invalid/{id}").retries(soon(3)).build().unwrap();
        let error = fetch_one(&client, "7").unwrap_err();
        assert_eq!((error.gave_up(), proxy.requests()), (Some(GaveUp::Tries(4)), 4), "{status}");
    }
}

#[test]
fn what_a_proxy_may_have_answered_in_place_of_an_http_target_names_both() {
    let proxy = Server::answering(|_| Answer::status(407));
    let client = through(proxy.addr, "http://api.invalid/{id}").build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Status, 407));
    let who = format!("the server, or the proxy {},", proxy.addr);
    assert_eq!(error.to_string(), format!("id 7: {who} answered 407 Proxy Authentication Required"));
    let accepting = through(proxy.addr, "http://api.invalid/{id}").accept_status(|status| status == 407);
    assert!(fetch_one(&accepting.build().unwrap(), "7").is_ok());
    let proxy = Server::answering(|_| Answer::redirect(301, "https://127.0.0.1/"));
    let client = through(proxy.addr, "http://api.invalid/{id}").max_redirects(0).build().unwrap();
    let who = format!("the server, or the proxy {},", proxy.addr);
    let text = format!("id 7: {who} answered 301 Moved Permanently, and redirects are not followed");
    assert_eq!(fetch_one(&client, "7").unwrap_err().to_string(), text);
}

#[test]
fn the_first_failure_cuts_off_a_tunnel_that_hangs_in_the_proxy() {
    let (proxy, server) = (Server::start(), Server::start());
    let failing = server.at("/fail");
    let client = FanOutClient::from_requests(move |id| {
        let url = if id == "fail" { failing.as_str() } else { "https://api.invalid/" };
        fanout::http::Request::get(url).body(())
    });
    let client = trusting(patient(client)).proxy(proxy.addr.to_string()).no_proxy("127.0.0.1");
    let client = client.build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a", "b", "fail"]);
    let mut hanging = [proxy.next(), proxy.next()];
    assert!(hanging.iter().all(|request| request.method == "CONNECT"));
    hanging[1].send("HTTP/1.1 200 OK\r\nx: half of an an");
    let failing = server.next();
    assert_eq!(failing.target, "/fail", "not through the proxy");
    let begun = std::time::Instant::now();
    failing.answer(500, "");
    let (end, after) = call.wait_since(begun);
    assert_eq!(end.unwrap_err().id(), Some("fail"));
    assert!(after < AT_ONCE, "{after:?}");
    hanging.iter_mut().for_each(Request::wait_closed_by_peer);
}

#[test]
fn a_tunnel_that_hangs_runs_into_each_timeout() {
    let hangs = |set: fn(Builder) -> Builder| {
        let proxy = Server::start();
        let client = set(through(proxy.addr, "https://api.invalid/{id}")).build().unwrap();
        let call = fetch(&client, &CancelToken::new(), &["7"]);
        let request = proxy.next();
        let error = call.wait().unwrap_err();
        drop(request);
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Never), "{error:?}");
        error.to_string().replace(&proxy.addr.to_string(), "PROXY")
    };
    const SHORT: Duration = Duration::from_millis(200);
    assert_eq!(
        hangs(|builder| builder.connect_timeout(SHORT)),
        "id 7: asking the proxy PROXY for a tunnel to api.invalid:443 took longer than 200ms"
    );
    assert_eq!(
        hangs(|builder| builder.timeout(SHORT)),
        "id 7: timed out after 200ms while asking the proxy PROXY for a tunnel to api.invalid:443"
    );
    assert_eq!(
        hangs(|builder| builder.stall_timeout(Some(SHORT))),
        "id 7: asking the proxy PROXY for a tunnel to api.invalid:443 stalled: nothing moved for 200ms"
    );
}

#[test]
fn a_redirect_to_a_host_without_a_proxy_takes_no_secret_along() {
    let server = Server::start();
    let location = server.at("/there");
    let proxy = Server::answering(move |_| Answer::redirect(302, &location));
    let client = through(proxy.addr, "http://api.invalid/{id}").no_proxy("127.0.0.0/8").build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["7"]);
    let request = server.next();
    assert_eq!((request.target.as_str(), request.header("proxy-authorization")), ("/there", None));
    request.answer(200, "ok");
    assert_eq!(call.wait().unwrap()["7"], "ok");
}

#[test]
fn a_tls_failure_names_target_and_proxy() {
    let (proxy, server) = (Tunnels::start(), Server::start_tls());
    let client = builder(server.url()).proxy(proxy.addr.to_string()).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    let (port, proxy) = (server.addr.port(), proxy.addr);
    let text = format!("id 7: the TLS handshake with localhost:{port} through the proxy {proxy} failed");
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_authorizes_at_a_proxy_is_no_header_of_a_request() {
    let built = builder("http://h/{id}").header("Proxy-authorization", "Basic secret").build();
    let text = built.unwrap_err().to_string();
    assert!(text.contains("user and password in the proxy's URL") && !text.contains("secret"), "{text}");
    let client = patient(FanOutClient::from_requests(|_| {
        fanout::http::Request::get("http://h/").header("proxy-authorization", "Basic secret").body(())
    }));
    let error = fetch_one(&client.build().unwrap(), "7").unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidRequest, Sent::Never));
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused() {
    let error = builder("http://h/{id}").proxy("socks5://me:secret@h:1").build().unwrap_err();
    assert_eq!(error.setting(), "proxy");
    assert!(error.to_string().starts_with("proxy is \"socks5://…@h:1\": "), "{error}");
    let error = builder("http://h/{id}").no_proxy("h, 10.0.0.0/33").build().unwrap_err();
    assert_eq!(error.setting(), "no_proxy");
    assert!(error.to_string().starts_with("no_proxy is \"10.0.0.0/33\": "), "{error}");
    let client = builder(Server::echo().url()).proxy("").build();
    assert!(client.is_ok());
}
