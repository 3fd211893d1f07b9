//! Redirects: followed by the client itself, hop by hop.

use fanout::{CancelToken, ErrorKind, FanOutClient, Sent, http};

use crate::support::{
    Answer, HARDLY_EVER, Request, Server, Tls, builder, fetch, fetch_one, patient, spawn, tokens_left,
};

const FOLLOWED: [u16; 5] = [301, 302, 303, 307, 308];

#[test]
fn each_hop_costs_a_token() {
    let server = Server::answering(|asked| match asked.id() {
        "a" => Answer::redirect(302, "/b"),
        "b" => Answer::redirect(301, "c?x=1"),
        "c" => Answer::ok("arrived"),
        id => panic!("{id}"),
    });
    let client = builder(server.url()).rate(HARDLY_EVER).burst(5).build().unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "arrived");
    assert_eq!(server.ids(), ["a", "b", "c"]);
    assert_eq!(tokens_left(&client), 2);
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn a_hop_waits_for_its_token_and_the_wait_can_be_cancelled() {
    let server = Server::start();
    let client = builder(server.url()).rate(HARDLY_EVER).burst(1).build().unwrap();
    let cancel = CancelToken::new();
    let call = fetch(&client, &cancel, &["a"]);
    server.next().reply(&Answer::redirect(302, "/b"));
    crate::support::until("it waits for its second token", || client.limiter().waiting() == 1);
    cancel.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    drop(client);
    assert_eq!(server.finish(), 1);
}

#[test]
fn more_redirects_than_allowed_are_an_error() {
    let server = Server::answering(|asked| {
        let hop: u32 = asked.id().parse().unwrap();
        if hop == 0 { Answer::ok("arrived") } else { Answer::redirect(302, format!("/{}", hop - 1)) }
    });
    let client = builder(server.url()).build().unwrap();
    assert_eq!(fetch_one(&client, "5").unwrap(), "arrived", "five by default");
    let error = fetch_one(&client, "6").unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Redirect, Sent::Yes));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(302));
    assert_eq!(error.id(), Some("6"));
    let strict = builder(server.url()).max_redirects(1).build().unwrap();
    assert_eq!(fetch_one(&strict, "1").unwrap(), "arrived");
    assert_eq!(fetch_one(&strict, "2").unwrap_err().kind(), ErrorKind::Redirect);
}

#[test]
fn no_redirects_at_all_make_a_redirect_a_failure_that_names_its_status() {
    let server = Server::answering(|_| Answer::redirect(302, "/elsewhere"));
    let client = builder(server.url()).max_redirects(0).build().unwrap();
    let error = fetch_one(&client, "a").unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(302));
    assert_eq!(error.headers().unwrap()["location"], "/elsewhere");
    assert!(error.to_string().contains("302"), "{error}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn other_statuses_of_the_300s_are_failures_that_name_the_status() {
    let server = Server::answering(|asked| Answer::redirect(asked.id().parse().unwrap(), "/200"));
    let client = builder(server.url()).build().unwrap();
    for status in [300, 304, 305, 306] {
        let error = fetch_one(&client, &status.to_string()).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Status, Sent::Yes), "{error}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    assert_eq!(server.requests(), 4);
}

#[test]
fn a_redirect_to_nowhere_is_an_error() {
    let server = Server::answering(|asked| match asked.id() {
        "none" => Answer::status(302),
        "bad" => Answer::redirect(302, "http://"),
        _ => Answer::redirect(302, "ftp://127.0.0.1/"),
    });
    let client = builder(server.url()).build().unwrap();
    for id in ["none", "bad", "ftp"] {
        let error = fetch_one(&client, id).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Redirect, Sent::Yes), "{error}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(302));
    }
}

/// A client whose request has a header of each kind that may hold a secret, and a body.
fn secretive(server: &Server, method: http::Method) -> FanOutClient {
    let url = server.at("/");
    let make = move |id: &str| {
        http::Request::builder()
            .method(method.clone())
            .uri(format!("{url}{id}"))
            .header("Authorization", "Bearer secret")
            .header("Cookie", "secret=1")
            .header("X-Api-Key", "secret")
            .header("Content-Type", "text/x-mine")
            .body("payload")
    };
    let builder = FanOutClient::from_requests(make).header("X-Common", "secret").user_agent("mine/1");
    patient(builder).build().unwrap()
}

/// The request that follows a redirect, and its answer.
fn follow(from: &Server, to: &Server, method: http::Method, status: u16) -> Request {
    let client = secretive(from, method);
    let call = spawn(move || fetch_one(&client, "a"));
    from.next().reply(&Answer::redirect(status, to.at("/b?x=1")));
    let followed = to.next();
    assert_eq!(followed.target, "/b?x=1");
    drop(call);
    followed
}

#[test]
fn at_another_origin_all_headers_that_the_user_set_are_dropped() {
    for status in FOLLOWED {
        let (from, to) = (Server::start(), Server::start());
        let followed = follow(&from, &to, http::Method::GET, status);
        let text = format!("{:?}", followed.headers);
        assert!(!text.contains("secret") && !text.contains("text/x-mine"), "{status}: {text}");
        assert_eq!(followed.header("host"), Some(to.addr.to_string().as_str()));
    }
}

#[test]
fn at_the_same_origin_all_headers_are_kept() {
    for status in FOLLOWED {
        let server = Server::start();
        let followed = follow(&server, &server, http::Method::GET, status);
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("cookie", "secret=1"),
            ("x-api-key", "secret"),
            ("x-common", "secret"),
            ("user-agent", "mine/1"),
        ] {
            assert_eq!(followed.header(name), Some(value), "{status}");
        }
    }
}

/// A redirect within an origin, then one to another, then one back: what was dropped stays dropped.
#[test]
fn headers_that_were_dropped_do_not_come_back() {
    let (from, to) = (Server::start(), Server::start());
    let client = secretive(&from, http::Method::GET);
    let call = spawn(move || fetch_one(&client, "a"));
    from.next().reply(&Answer::redirect(302, to.at("/b")));
    to.next().reply(&Answer::redirect(302, from.at("/c")));
    let back = from.next();
    assert_eq!(back.header("authorization"), None);
    back.answer(200, "home");
    assert_eq!(call.wait().unwrap(), "home");
}

#[test]
fn a_post_becomes_a_get_or_stays_what_it_is() {
    for (method, status, becomes) in [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("PUT", 307, "PUT"),
        ("HEAD", 303, "HEAD"),
    ] {
        let server = Server::start();
        let followed = follow(&server, &server, method.parse().unwrap(), status);
        assert_eq!(followed.method, becomes, "{method} after {status}");
        if becomes == "GET" {
            assert_eq!(followed.body, b"", "{method} after {status}");
            assert_eq!(followed.header("content-type"), None);
            assert!(matches!(followed.header("content-length"), None | Some("0")));
        } else if becomes == method {
            assert_eq!(followed.body, b"payload", "{method} after {status}");
        }
    }
}

#[test]
fn https_never_goes_to_http() {
    let (secure, plain) = (Server::start_tls(), Server::start());
    let client = builder(secure.url()).root_certificates_pem(Tls::get().pem.clone()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    secure.next().reply(&Answer::redirect(302, plain.at("/b?token=secret")));
    let error = call.wait().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Redirect, Sent::Yes));
    assert!(!error.to_string().contains("secret"), "{error}");
    drop(client);
    assert_eq!(plain.finish(), 0);
}

#[test]
fn http_may_go_to_https() {
    let (plain, secure) = (Server::start(), Server::start_tls());
    let client = builder(plain.url()).root_certificates_pem(Tls::get().pem.clone()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    plain.next().reply(&Answer::redirect(302, secure.at("/b")));
    secure.next().answer(200, "safe");
    assert_eq!(call.wait().unwrap()["a"], "safe");
}

#[test]
fn a_redirect_with_a_body_that_never_comes_does_not_delay_the_hop() {
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    let mut first = server.next();
    first.send("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 1000\r\n\r\nhalf");
    server.next().answer(200, "arrived");
    assert_eq!(call.wait().unwrap()["a"], "arrived");
    first.wait_closed_by_peer();
}

#[test]
fn a_status_that_is_accepted_is_a_result_even_if_it_is_a_redirect() {
    let server = Server::answering(|_| Answer::redirect(302, "/elsewhere").body("here"));
    let client = builder(server.url()).accept_status(|status| status == 302).build().unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "here");
    assert_eq!(server.requests(), 1);
}
