//! What comes back: whole or an error, bounded, decoded.

use std::io::Write;
use std::time::{Duration, Instant};

use fanout::{CancelToken, Error, ErrorKind, FanOutClient, MAX_HEAD, Sent};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{AT_ONCE, Answer, Request, Server, Tls, builder, fetch, fetch_each, fetch_one};

fn client(server: &Server) -> FanOutClient {
    builder(server.url()).root_certificates_pem(Tls::get().pem.clone()).build().unwrap()
}

/// What becomes of a response that the server ends in its own way.
fn answered(server: &Server, bytes: &[u8], end: impl FnOnce(Request)) -> Result<String, Error> {
    let call = fetch(&client(server), &CancelToken::new(), &["a"]);
    let mut request = server.next();
    request.send(bytes);
    end(request);
    call.wait().map(|mut bodies| bodies.remove("a").unwrap())
}

#[track_caller]
fn assert_truncated(result: Result<String, Error>) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::TruncatedBody, Sent::Yes), "{error}");
    assert_eq!((error.id(), error.attempt()), (Some("a"), 1));
    assert!(error.to_string().starts_with("id a: the body from "), "{error}");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(200));
}

#[test]
fn a_body_short_of_its_length_is_never_a_success() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    assert_truncated(answered(&Server::start(), &bytes[..bytes.len() - 4], Request::close));
    assert_truncated(answered(&Server::start(), bytes, Request::close));
    assert_truncated(answered(&Server::start(), bytes, Request::reset));
    assert_truncated(answered(&Server::start_tls(), bytes, Request::close));
    assert_truncated(answered(&Server::start_tls(), bytes, Request::cut));
}

/// Up to the chunk of size 0, without which it is incomplete (RFC 9112, section 8).
#[test]
fn a_body_that_ends_inside_a_chunk_is_never_a_success() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
    for rest in ["", "9", "9\r\nhalf", "4\r\nhalf", "4\r\nhalf\r\n", "4\r\nhalf\r\n0", "4\r\nhalf\r\n9"] {
        let bytes = [head, rest.as_bytes()].concat();
        assert_truncated(answered(&Server::start(), &bytes, Request::close));
        assert_truncated(answered(&Server::start(), &bytes, Request::reset));
    }
}

#[test]
fn a_body_without_a_length_that_ends_in_a_reset_is_never_a_success() {
    let bytes = b"HTTP/1.1 200 OK\r\n\r\nhalf";
    assert_truncated(answered(&Server::start(), bytes, Request::reset));
    assert_truncated(answered(&Server::start_tls(), bytes, Request::reset));
}

/// Anybody on the path can end a TCP stream. Only the server can say `close_notify`.
#[test]
fn a_body_without_a_length_that_ends_without_close_notify_is_never_a_success() {
    let bytes = b"HTTP/1.1 200 OK\r\n\r\nhalf";
    assert_truncated(answered(&Server::start_tls(), bytes, Request::cut));
}

#[test]
fn a_body_without_a_length_that_ends_in_good_order_is_a_success() {
    let bytes = b"HTTP/1.1 200 OK\r\n\r\nwhole";
    assert_eq!(answered(&Server::start(), bytes, Request::close).unwrap(), "whole");
    assert_eq!(answered(&Server::start_tls(), bytes, Request::close).unwrap(), "whole");
}

#[test]
fn a_gzip_stream_that_ends_short_is_never_a_success() {
    let whole = Answer::ok(vec![b'x'; 10_000]).gzip().until_close().bytes();
    for missing in [1, 8, 20] {
        let result = answered(&Server::start(), &whole[..whole.len() - missing], Request::close);
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TruncatedBody | ErrorKind::Decode), "{error}");
    }
}

#[test]
fn a_body_is_decoded_and_its_headers_say_so() {
    let server = Server::answering(|asked| {
        assert!(asked.header("accept-encoding").unwrap().contains("gzip"));
        let answer = Answer::ok("the same text, ".repeat(1_000)).gzip();
        if asked.id() == "chunked" { answer.chunked() } else { answer }
    });
    let run = fetch_each(&client(&server), &CancelToken::new(), &["length", "chunked"]).wait();
    for id in ["length", "chunked"] {
        let response = run.of(id).as_ref().unwrap();
        assert_eq!(response.body, "the same text, ".repeat(1_000).into_bytes());
        assert!(!response.headers.contains_key("content-encoding"));
        assert!(!response.headers.contains_key("content-length"));
    }
}

#[test]
fn what_is_not_gzip_though_it_says_so_is_an_error() {
    let server = Server::answering(|_| {
        Answer::ok("not gzip at all, and longer than a header").header("Content-Encoding", "gzip")
    });
    let error = fetch_one(&client(&server), "a").unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Decode, Sent::Yes), "{error}");
}

#[test]
fn the_bound_of_a_body_counts_what_was_decoded() {
    const BOUND: usize = 64 * 1024;
    let server = Server::answering(|asked| {
        let (size, how) = asked.id().split_once('-').unwrap();
        let answer = Answer::ok(vec![b'0'; size.parse().unwrap()]);
        match how {
            "plain" => answer,
            "chunked" => answer.chunked(),
            "close" => answer.until_close(),
            _ => answer.gzip(),
        }
    });
    let client = builder(server.url()).max_body(BOUND as u64).build().unwrap();
    for how in ["plain", "chunked", "close", "gzip"] {
        assert_eq!(fetch_one(&client, &format!("{BOUND}-{how}")).unwrap().len(), BOUND, "{how}");
        let error = fetch_one(&client, &format!("{}-{how}", BOUND + 1)).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::BodyTooLarge, Sent::Yes), "{how}: {error}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(200));
        assert!(error.to_string().ends_with(&format!("is larger than {BOUND} bytes")), "{error}");
    }
    // A bomb: 64 MiB in 64 KiB.
    assert_eq!(fetch_one(&client, "67108864-gzip").unwrap_err().kind(), ErrorKind::BodyTooLarge);
}

#[test]
fn ten_mebibytes_are_the_bound_by_default() {
    let server = Server::answering(|asked| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&vec![0; asked.id().parse().unwrap()]).unwrap();
        Answer::ok(gzip.finish().unwrap()).header("Content-Encoding", "gzip")
    });
    let client = builder(server.url()).build().unwrap();
    assert_eq!(fetch_one(&client, "10485760").unwrap().len(), 10 << 20);
    assert_eq!(fetch_one(&client, "10485761").unwrap_err().kind(), ErrorKind::BodyTooLarge);
}

/// Nothing is set aside for a body before it comes.
#[test]
fn a_huge_length_that_is_only_announced_is_refused_or_waits_without_memory() {
    let server = Server::start();
    let client = builder(server.url()).max_body(u64::MAX).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    let mut request = server.next();
    request.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nhalf");
    request.close();
    assert_truncated(call.wait().map(|_| String::new()));
}

/// The head of an empty response, of so many bytes.
fn head_of(bytes: usize) -> Vec<u8> {
    let (start, end) = ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "\r\n");
    let (mut head, mut rest) = (start.to_owned(), bytes - start.len() - end.len());
    while rest > 0 {
        let line = if rest > 1_100 { 1_000 } else { rest };
        head += &format!("x: {}\r\n", "y".repeat(line - 5));
        rest -= line;
    }
    head += end;
    assert_eq!(head.len(), bytes);
    head.into_bytes()
}

#[test]
fn a_head_is_bounded() {
    let server = Server::start();
    let error = answered(&server, &head_of(MAX_HEAD + 1_000), Request::close).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidResponse, Sent::Maybe), "{error}");
    let error = answered(&server, &vec![b'x'; MAX_HEAD * 2], Request::close).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
    assert_eq!(answered(&server, &head_of(MAX_HEAD - 1_000), Request::close).unwrap(), "");
}

/// ureq makes an error of the status and drops the headers, or waits for the body. Here the head is enough.
#[test]
fn a_failed_status_is_known_at_the_head_with_its_headers() {
    let server = Server::start();
    let client = client(&server);
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    let mut request = server.next();
    let start = Instant::now();
    request.send("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Length: 1000000\r\n\r\nhalf");
    let (result, took) = call.wait_since(start);
    let error = result.unwrap_err();
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Status, Sent::Yes));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
    assert_eq!(error.headers().unwrap()["retry-after"], "17");
    let said = error.to_string();
    assert!(said.starts_with("id a: ") && said.contains("429"), "{said}");
    request.wait_closed_by_peer();
}

#[test]
fn an_interim_response_is_not_the_answer() {
    let bytes =
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal";
    assert_eq!(answered(&Server::start(), bytes, Request::close).unwrap(), "real");
}

#[test]
fn a_response_may_come_in_the_smallest_pieces() {
    let server = Server::start();
    let call = fetch(&client(&server), &CancelToken::new(), &["a"]);
    let mut request = server.next();
    for byte in Answer::ok("slow but whole").chunked().header("X-Y", "z").bytes() {
        request.send([byte]);
    }
    assert_eq!(call.wait().unwrap()["a"], "slow but whole");
}

#[test]
fn a_timeout_ends_a_request_wherever_it_is_and_says_so() {
    let timeout = Duration::from_millis(200);
    let server = Server::start();
    let heads = [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\n\r\nhalf",
    ];
    for (head, sent) in heads.into_iter().zip([Sent::Maybe, Sent::Maybe, Sent::Yes, Sent::Yes]) {
        let client = builder(server.url()).timeout(timeout).build().unwrap();
        let start = Instant::now();
        let call = fetch(&client, &CancelToken::new(), &["a"]);
        let mut request = server.next();
        request.send(head);
        let (result, took) = call.wait_since(start);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        if head != "HTTP/1.1 200" {
            assert_eq!(error.sent(), sent, "{head:?}");
        }
        assert!(timeout <= took && took < AT_ONCE, "{took:?}");
        assert!(error.to_string().contains("200ms"), "it names the timeout: {error}");
        request.wait_closed_by_peer();
    }
}

#[test]
fn a_stall_ends_a_request_long_before_its_timeout() {
    let server = Server::start();
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\n\r\nhalf"] {
        let client = builder(server.url()).stall_timeout(Some(Duration::from_millis(100))).build().unwrap();
        let start = Instant::now();
        let call = fetch(&client, &CancelToken::new(), &["a"]);
        let mut request = server.next();
        request.send(head);
        let (result, took) = call.wait_since(start);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(took < AT_ONCE, "{took:?}");
        request.wait_closed_by_peer();
    }
}

#[test]
fn a_timeout_is_a_failure_like_any_other() {
    let server = Server::start();
    let client = builder(server.url()).timeout(Duration::from_millis(200)).keep_going(true).build().unwrap();
    let call = fetch_each(&client, &CancelToken::new(), &["hangs", "good"]);
    let mut requests = server.take(2);
    requests.remove("good").unwrap().answer(200, "good");
    let run = call.wait();
    run.end.as_ref().unwrap();
    assert_eq!(run.of("hangs").as_ref().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(run.of("good").as_ref().unwrap().body, b"good");
}
