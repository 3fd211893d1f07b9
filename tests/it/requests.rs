//! What is sent: by a template, or by a closure.

use fanout::{CancelToken, ErrorKind, FanOutClient, Sent, http};

use crate::support::{HARDLY_EVER, Request, Server, builder, fetch_one, patient, spawn, tokens_left};

/// The one request that a client sends for the id `7`.
fn sent_by(server: &Server, client: FanOutClient) -> Request {
    let call = spawn(move || fetch_one(&client, "7"));
    let request = server.next();
    drop(call);
    request
}

#[test]
fn a_template_is_fetched_with_get_and_a_user_agent_of_our_own() {
    let server = Server::start();
    let request = sent_by(&server, builder(server.at("/users/{id}/widgets?of={id}")).build().unwrap());
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/users/7/widgets?of=7"));
    assert_eq!(request.header("user-agent"), Some(concat!("fanout/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("host"), Some(server.addr.to_string().as_str()));
    assert_eq!(request.body, b"");
    assert_eq!(request.header("content-length"), None);
    assert_eq!(request.header("transfer-encoding"), None);
}

#[test]
fn headers_and_user_agent_can_be_set() {
    let server = Server::start();
    let client = builder(server.url())
        .header("Authorization", "Bearer t")
        .header("X-Many", "1")
        .header("X-Many", "2")
        .header("Accept", "application/json")
        .user_agent("mine/1")
        .build()
        .unwrap();
    let request = sent_by(&server, client);
    assert_eq!(request.header("authorization"), Some("Bearer t"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some("mine/1"));
    let many: Vec<&str> = request
        .headers
        .iter()
        .filter(|(name, _)| name == "x-many")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(many, ["1", "2"]);
}

#[test]
fn method_headers_and_body_of_a_template_are_filled_in() {
    let server = Server::start();
    let client = builder(server.at("/users"))
        .method(http::Method::POST)
        .header("Idempotency-Key", "job-{id}")
        .header("User-Agent", "for {id}")
        .header("X-Same", "{i}")
        .body(r#"{"id":"{id}","of":{}}"#);
    assert_eq!(client.build().unwrap_err().setting(), "url", "it must stand in the URL all the same");
    let client = builder(server.at("/users?of={id}"))
        .method(http::Method::POST)
        .header("Idempotency-Key", "job-{id}")
        .header("User-Agent", "for {id}")
        .header("X-Same", "{i}")
        .body(r#"{"id":"{id}","of":{}}"#);
    let request = sent_by(&server, client.build().unwrap());
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/users?of=7"));
    let agents = request.headers.iter().filter(|(name, _)| name == "user-agent").count();
    assert_eq!((request.header("user-agent"), agents), (Some("for 7"), 1));
    assert_eq!(request.header("idempotency-key"), Some("job-7"));
    assert_eq!(request.header("x-same"), Some("{i}"));
    assert_eq!(request.body, br#"{"id":"7","of":{}}"#);
}

#[test]
fn method_and_body_are_the_closures_where_there_is_one() {
    let client = || FanOutClient::from_requests(|id| http::Request::get(format!("http://h/{id}")).body(()));
    assert_eq!(client().method(http::Method::POST).build().unwrap_err().setting(), "method");
    assert_eq!(client().body("x").build().unwrap_err().setting(), "body");
    let connect = FanOutClient::builder("http://h/{id}").method(http::Method::CONNECT).build();
    assert_eq!(connect.unwrap_err().setting(), "method");
}

#[test]
fn userinfo_in_the_url_becomes_a_header() {
    let server = Server::start();
    let client = builder(format!("http://user:pass@{}/{{id}}", server.addr)).build().unwrap();
    let request = sent_by(&server, client);
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(
        (request.target.as_str(), request.header("host")),
        ("/7", Some(server.addr.to_string().as_str()))
    );
}

#[test]
fn a_closure_makes_any_request() {
    let server = Server::start();
    let url = server.at("/");
    let make = move |id: &str| {
        http::Request::post(format!("{url}{id}?x=1"))
            .header("Content-Type", "text/plain")
            .body(format!("for {id}"))
    };
    let client = patient(FanOutClient::from_requests(make)).header("X-Common", "c").build().unwrap();
    let request = sent_by(&server, client);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/7?x=1"));
    assert_eq!(request.header("content-type"), Some("text/plain"));
    assert_eq!(request.header("x-common"), Some("c"));
    assert_eq!(request.body, b"for 7");
}

#[test]
fn a_closure_may_return_any_kind_of_body_with_or_without_a_result() {
    let server = Server::echo();
    let url = server.at("/x");
    let request = move || http::Request::put(&url);
    let made = request.clone();
    let clients = [
        FanOutClient::from_requests(move |_| made().body(())),
        {
            let made = request.clone();
            FanOutClient::from_requests(move |_| made().body("text"))
        },
        {
            let made = request.clone();
            FanOutClient::from_requests(move |_| made().body(String::from("text")))
        },
        {
            let made = request.clone();
            FanOutClient::from_requests(move |_| made().body(vec![0_u8, 255]))
        },
        FanOutClient::from_requests(move |_| request().body(()).unwrap()),
    ];
    for client in clients {
        assert_eq!(fetch_one(&patient(client).build().unwrap(), "7").unwrap(), "x");
    }
}

#[test]
fn a_request_that_cannot_be_sent_is_an_error_before_anything_is_sent() {
    let server = Server::echo();
    let url = server.at("/");
    let make = move |id: &str| match id {
        "relative" => http::Request::get("/relative").body(()),
        "scheme" => http::Request::get("ftp://127.0.0.1/").body(()),
        "header" => http::Request::get(&url).header("x", "a\r\nb: c").body(()),
        "url" => http::Request::get("http://").body(()),
        _ => http::Request::get(&url).body(()),
    };
    let client = patient(FanOutClient::from_requests(make)).rate(HARDLY_EVER).burst(2).build().unwrap();
    for id in ["relative", "scheme", "header", "url"] {
        let error = fetch_one(&client, id).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidRequest, Sent::Never), "{error}");
        assert_eq!(error.id(), Some(id));
    }
    assert!(fetch_one(&client, "good").is_ok());
    assert_eq!(tokens_left(&client), 1);
    drop(client);
    assert_eq!(server.finish(), 1);
}

/// The id goes to the closure as it is, and what it makes of it is its own affair.
#[test]
fn a_closure_sees_the_text_of_the_id() {
    let server = Server::start();
    let url = server.at("/");
    let make = move |id: &str| http::Request::post(&url).body(id.to_owned());
    let client = patient(FanOutClient::from_requests(make)).build().unwrap();
    let call = spawn(move || client.fetch_all(&CancelToken::new(), ["a/b ü?"]));
    let request = server.next();
    assert_eq!(String::from_utf8_lossy(&request.body), "a/b ü?");
    request.answer(200, "");
    call.wait().unwrap();
}

#[test]
fn a_response_to_head_has_no_body_whatever_length_it_names() {
    let server = Server::start();
    let url = server.at("/");
    let make = move |id: &str| http::Request::head(format!("{url}{id}")).body(());
    let client = patient(FanOutClient::from_requests(make)).build().unwrap();
    for _ in 0..2 {
        let client = client.clone();
        let call = spawn(move || fetch_one(&client, "7"));
        let mut request = server.next();
        assert_eq!((request.method.as_str(), request.connection), ("HEAD", 1));
        request.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(call.wait().unwrap(), "");
        request.read_on();
    }
}

#[test]
fn a_large_body_is_sent_whole() {
    let server = Server::start();
    let url = server.at("/");
    let body: Vec<u8> = (0..1_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let expected = body.clone();
    let make = move |_: &str| http::Request::post(&url).body(body.clone());
    let request = sent_by(&server, patient(FanOutClient::from_requests(make)).build().unwrap());
    assert!(request.body == expected, "{} bytes", request.body.len());
}
