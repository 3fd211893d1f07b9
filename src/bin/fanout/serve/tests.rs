//! A whole server in this process, over real sockets.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::faults::{Fault, Faults};
use super::*;
use crate::values::{rate, share};

fn settings() -> Settings {
    Settings::new(Quota::new(rate::parse("1/m").unwrap(), Some(2)))
}

/// Without a limit.
fn open() -> Settings {
    Settings::new(Quota::new(fanout::Rate::UNLIMITED, None))
}

/// A fault for each request.
fn every() -> ByChance {
    ByChance { share: share::parse("100").unwrap(), seed: 7 }
}

fn connect(server: &Server) -> TcpStream {
    let url = server.url();
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    TcpStream::connect(address).unwrap()
}

/// Everything that comes back before the connection ends, and whether it ended in order.
fn send(server: &Server, requests: &str) -> (String, io::Result<()>) {
    let mut stream = connect(server);
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).map(|_| ());
    (String::from_utf8(answer).unwrap(), end)
}

fn ask(server: &Server, path: &str) -> String {
    let (answer, end) = send(server, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    end.unwrap();
    answer
}

#[test]
fn it_answers_within_the_quota_and_refuses_beyond() {
    let server = Server::start(settings()).unwrap();
    let first = ask(&server, "/users/7/widgets");
    assert!(
        first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains(r#"{"user":"7","widgets":[{"#),
        "{first}"
    );
    assert!(ask(&server, "/elsewhere").starts_with("HTTP/1.1 404 "));
    let third = ask(&server, "/users/7/widgets");
    assert!(third.starts_with("HTTP/1.1 429 ") && third.contains("\r\nretry-after: 60\r\n"), "{third}");
    let seen = server.stop();
    assert_eq!((seen.requests, seen.refused), (3, 1));
}

#[test]
fn faults_are_as_asked_and_chance_leaves_them_alone() {
    let faults = every();
    let mut settings = Settings { faults, ..settings() };
    settings.statuses.insert("7".to_owned(), 500);
    settings.statuses.insert("8".to_owned(), 404);
    let server = Server::start(settings).unwrap();
    assert!(ask(&server, "/users/7/widgets").starts_with("HTTP/1.1 500 "));
    assert!(ask(&server, "/users/8/widgets").starts_with("HTTP/1.1 404 "));
    assert_eq!(server.stop().faults, 0);
}

#[test]
fn a_body_is_told_back_and_another_request_may_follow() {
    let server = Server::start(open()).unwrap();
    let post =
        "POST /users/7/widgets HTTP/1.1\r\nIdempotency-Key: k\r\nContent-Length: 10\r\n\r\n{\"a\": \"b\"}";
    let (answers, end) = send(&server, &format!("{post}GET /users/8/widgets HTTP/1.0\r\n\r\n"));
    end.unwrap();
    assert!(
        answers.contains(r#"{"data":"{\"a\": \"b\"}","method":"POST","user":"7","widgets":[{"#),
        "{answers}"
    );
    assert!(answers.contains(r#"{"user":"8","widgets":[{"#), "{answers}");
    assert_eq!(server.stop().requests, 2);
}

#[test]
fn the_answer_to_head_has_no_body_and_another_request_may_follow() {
    let server = Server::start(open()).unwrap();
    let requests = "HEAD /users/7/widgets HTTP/1.1\r\n\r\nGET /users/8/widgets HTTP/1.0\r\n\r\n";
    let (answers, end) = send(&server, requests);
    end.unwrap();
    let (head, rest) = answers.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: "), "{answers}");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.contains(r#""user":"8""#), "{answers}");
}

#[test]
fn a_body_that_is_not_read_is_refused_and_the_refusal_arrives() {
    let server = Server::start(open()).unwrap();
    for (headers, status) in [("Content-Length: 300000", 413), ("Transfer-Encoding: chunked", 411)] {
        let head = format!("POST /users/7/widgets HTTP/1.1\r\n{headers}\r\n\r\n");
        let (answer, end) = send(&server, &format!("{head}{}", "x".repeat(300_000)));
        end.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "the body is no request: {answer}");
    }
}

/// An id whose first try meets this fault.
fn id_for(fault: Fault, faults: ByChance) -> u32 {
    let chances = Faults::new(faults.share, faults.seed);
    (0..1_000).find(|id: &u32| chances.draw(&id.to_string()) == Some(fault)).unwrap()
}

#[test]
fn a_request_is_spoiled_in_each_of_the_ways_that_there_are() {
    let faults = every();
    for dialect in [Dialect::Plain, Dialect::GitHub] {
        let server = Server::start(Settings { dialect, faults, ..open() }).unwrap();
        let spoiled = |fault| {
            let id = id_for(fault, faults);
            send(&server, &format!("GET /users/{id}/widgets HTTP/1.1\r\nConnection: close\r\n\r\n"))
        };
        for (fault, status) in [(Fault::Unavailable, 503), (Fault::BadGateway, 502)] {
            let (answer, end) = spoiled(fault);
            end.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.contains("retry-after") && !answer.contains("ratelimit"), "{answer}");
        }
        let (answer, end) = spoiled(Fault::NoAnswer);
        assert_eq!((answer.as_str(), end.is_ok()), ("", true));
        let (answer, end) = spoiled(Fault::Cut);
        end.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        assert!(!body.is_empty() && body.len() < length.parse().unwrap(), "{answer}");
        let (_, end) = spoiled(Fault::Reset);
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(server.stop().faults, 5);
    }
}

#[test]
fn an_answer_of_github_has_its_account_over_the_wire() {
    let server = Server::start(Settings { dialect: Dialect::GitHub, ..settings() }).unwrap();
    let answer = ask(&server, "/users/7/widgets");
    assert!(answer.contains("\r\nx-ratelimit-limit: 1\r\nx-ratelimit-remaining: 0\r\n"), "{answer}");
    assert!(answer.contains("\r\ndate: "), "{answer}");
    assert!(ask(&server, "/users/7/widgets").starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

#[test]
fn a_stop_ends_what_hangs_and_what_takes_its_time() {
    let mut settings = settings();
    settings.latency = Duration::from_secs(3_600);
    settings.hanging.insert("7".to_owned());
    let server = Server::start(settings).unwrap();
    let streams = ["7", "8"].map(|id| {
        let mut stream = connect(&server);
        write!(stream, "GET /users/{id}/widgets HTTP/1.1\r\n\r\n").unwrap();
        stream
    });
    drop(server);
    for mut stream in streams {
        // The end, or a reset: the connection was not yet accepted.
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn how_close_requests_came_to_the_quota_is_told_for_a_quota_that_is_a_token_bucket() {
    let quota = settings().quota;
    let mut seen = Seen::default();
    assert_eq!(against_quota(&seen, quota), None);
    seen.arrivals = vec![std::time::Instant::now(); 3];
    seen.requests = 3;
    let line = "as they arrived, the fullest window took 3.0 of a burst of 2";
    assert_eq!(against_quota(&seen, quota).as_deref(), Some(line));
    seen.requests = 4;
    assert!(against_quota(&seen, quota).unwrap().ends_with(" (of the first 3 requests)"));
    assert_eq!(against_quota(&seen, open().quota), None);
    seen.dialect = Dialect::GitHub;
    assert_eq!(against_quota(&seen, quota), None);
}
