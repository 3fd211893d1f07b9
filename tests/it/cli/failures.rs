//! The line that tells of the first failure: the id, what was being done, what came back, and what to do next.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::support::*;

/// A server that answers every request with these bytes, or hangs up if there are none; and the URL of id 7 there,
/// without its scheme.
fn raw(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{}/7", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) && !answer.is_empty() {
                    let _ = stream.write_all(answer);
                }
            });
        }
    });
    url
}

/// The only line, in which `HOST` and `URL` stand for those of the server.
#[track_caller]
fn told(url: &str, args: &[&str]) -> String {
    let template = url.replace("/7", "/{id}");
    let done = get(["-q", "--ids", "7", template.as_str()].iter().chain(args));
    let errors = done.code(1).errors();
    assert!(errors.len() == 1 && done.stderr.lines().count() == 1, "{}", done.stderr);
    let host = url.split("://").last().unwrap().split('/').next().unwrap();
    errors[0].replace(url, "URL").replace(host, "HOST")
}

#[test]
fn a_status_is_told_with_what_to_do_about_it() {
    let authorization = "-H 'Authorization: Bearer …'";
    let cases: [(u16, &[&str], &str); 18] = [
        (400, &[], "400 Bad Request (GET URL)"),
        (401, &[], &format!("401 Unauthorized (GET URL; it wants credentials, as in {authorization})")),
        (
            401,
            &["-H", "authorization: x"],
            "401 Unauthorized (GET URL; the credentials in the request are not accepted)",
        ),
        (403, &[], &format!("403 Forbidden (GET URL; it may want credentials, as in {authorization})")),
        (404, &[], "404 Not Found (GET URL; is {id} in the right place? --ok 200-299,404 would let it pass)"),
        (405, &[], "405 Method Not Allowed (GET URL; -X sets the method)"),
        (
            415,
            &["-X", "PUT", "-d", "{}"],
            "415 Unsupported Media Type (PUT URL; -H 'Content-Type: …' says what --data is)",
        ),
        (
            429,
            &[],
            "429 Too Many Requests, which asks for a pause of 1 s (retry-after: 1) (GET URL; --rate and \
             --at-most set the pace, --retries would try it again)",
        ),
        (
            429,
            &["--max-wait", "500ms"],
            "429 Too Many Requests, which asks for a pause of 1 s (retry-after: 1) (GET URL; --rate and \
             --at-most set the pace, --retries with a longer --max-wait would try it again)",
        ),
        (500, &[], "500 Internal Server Error (GET URL; --retries with --retry-500 would try it again)"),
        (500, &["--retries", "1"], "500 Internal Server Error (GET URL; --retry-500 would try it again)"),
        (500, &["--retries", "1", "--retry-500"], "500 Internal Server Error, after 2 tries (GET URL)"),
        (501, &[], "501 Not Implemented (GET URL)"),
        (503, &[], "503 Service Unavailable (GET URL; --retries would try it again)"),
        (503, &["--retries", "1"], "503 Service Unavailable, after 2 tries (GET URL)"),
        // Twice would be worse than once, and so the option would not help.
        (503, &["-X", "POST"], "503 Service Unavailable (POST URL)"),
        (
            503,
            &["-X", "POST", "-H", "Idempotency-Key: {id}"],
            "503 Service Unavailable (POST URL; --retries would try it again)",
        ),
        (304, &[], "304 Not Modified (GET URL)"),
    ];
    for (status, args, expected) in cases {
        let api = Api::answering(move |_| (status, Vec::new()));
        let url = api.url.replace("{id}", "7");
        assert_eq!(told(&url, args), format!("id 7: the server answered {expected}"), "{args:?}");
    }
}

#[test]
fn a_record_has_no_hint() {
    let api = Api::answering(|_| (503, Vec::new()));
    let done = get(["--ids", "7", "--keep-going", &api.url]);
    let url = api.url.replace("{id}", "7");
    let text = format!("the server answered 503 Service Unavailable (GET {url}");
    assert_eq!(done.code(1).records()["7"]["error"].as_str().unwrap(), format!("{text})"));
    assert_eq!(done.errors(), [format!("1 id failed: id 7: {text}; --retries would try it again)")]);
}

#[test]
fn of_several_failures_the_first_is_told() {
    let api = Api::answering(|id| (if id == "1" { 200 } else { 400 }, Vec::new()));
    let done = get(["--ids", "1-4", "--keep-going", "--max-in-flight", "1", &api.url]);
    let url = api.url.replace("{id}", "2");
    let told = format!("3 ids failed, among them id 2: the server answered 400 Bad Request (GET {url})");
    assert_eq!(done.code(1).errors(), [told]);
}

#[test]
fn what_keeps_an_answer_from_coming_is_told_with_what_to_do_about_it() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    const LOOP: &[u8] = b"HTTP/1.1 302 Found\r\nlocation: /7\r\ncontent-length: 0\r\n\r\n";
    let nobody = format!("{}/7", crate::support::refusing());
    let again = "--retries would try it again";
    let cases: [(&str, String, &[&str], &str, &str); 9] = [
        (
            "http",
            raw(b""),
            &[],
            "the connection broke while waiting for the answer of HOST: Peer disconnected (",
            again,
        ),
        (
            "http",
            nobody,
            &[],
            "connecting to HOST failed: Connection refused (os error 111) (",
            &format!("is the server running, and the port right? {again}"),
        ),
        (
            "http",
            raw(b"SSH-2.0-x\r\n"),
            &[],
            "the answer of HOST is not valid HTTP: http parse fail: invalid HTTP version (",
            "is this the port of a web server? if it speaks TLS: https://",
        ),
        (
            "https",
            raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            &[],
            "the TLS handshake with HOST failed: received corrupt message of type InvalidContentType (",
            "is it TLS that this port speaks? if not: http://",
        ),
        (
            "http",
            raw(HALF),
            &["--timeout", "100ms"],
            "timed out after 100ms while reading the body from HOST (",
            &format!("--timeout sets how long, {again}"),
        ),
        (
            "http",
            raw(HALF),
            &["--stall-timeout", "100ms"],
            "reading the body from HOST stalled: nothing moved for 100ms (",
            &format!("--stall-timeout sets how long, {again}"),
        ),
        (
            "http",
            raw(HALF),
            &["--max-body", "50"],
            "the body from HOST is larger than 50 bytes (",
            "--max-body sets how large",
        ),
        (
            "http",
            raw(LOOP),
            &["--max-redirects", "1"],
            "the server answered 302 Found, which is one redirect more than the 1 that are followed \
             (GET URL; ",
            "--max-redirects sets how many",
        ),
        (
            "http",
            raw(LOOP),
            &["--max-redirects", "0"],
            "the server answered 302 Found, and redirects are not followed (GET URL; ",
            "--max-redirects sets how many",
        ),
    ];
    for (scheme, url, args, cause, hint) in cases {
        let told = told(&format!("{scheme}://{url}"), args);
        assert_eq!(told, format!("id 7: {cause}{hint})"), "{args:?}");
    }
}

/// How the system says it differs.
#[test]
fn a_name_that_nobody_knows_is_told_with_what_to_do_about_it() {
    let told = told("http://no-such-host.invalid/7", &[]);
    assert!(told.starts_with("id 7: looking up HOST failed: "), "{told}");
    assert!(told.ends_with(" (is the name right, and this machine online?)"), "{told}");
}
