//! Requests off the wire: HTTP/1.1 heads, and bodies with a length or in chunks.
//!
//! Strict where leniency would hide a mistake of the client's: whatever is not plainly a request gets the status that
//! says so, and its connection is closed. Each part has a bound.

use std::io::{self, BufRead, Read};

use ureq::http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// The largest head of a request that a [`Server`](super::Server) reads, in bytes: 64 KiB. A larger one is answered
/// with 431, and is no arrival.
pub const MAX_REQUEST_HEAD: usize = 64 * 1024;

/// The largest body of a request that a [`Server`](super::Server) reads, in bytes: 4 MiB. A larger one is answered
/// with 413, and is no arrival.
pub const MAX_REQUEST_BODY: usize = 4 * 1024 * 1024;

/// The longest line before a chunk: its size and what extends it.
const MAX_CHUNK_LINE: usize = 1024;

/// What a request says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the connection ends with the answer.
    pub(super) closes: bool,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The connection has ended, or broken.
    Ended,
    /// This status says what is wrong.
    Wrong(u16),
}

const BAD_REQUEST: Unreadable = Unreadable::Wrong(400);

impl From<io::Error> for Unreadable {
    fn from(_: io::Error) -> Unreadable {
        Unreadable::Ended
    }
}

/// Reads the next request. `go_on` is called when the client waits for leave to send the body.
pub(super) fn read(
    reader: &mut impl BufRead,
    go_on: impl FnOnce() -> io::Result<()>,
) -> Result<Message, Unreadable> {
    let mut left = MAX_REQUEST_HEAD;
    let first = String::from_utf8(line(reader, &mut left, 431)?).map_err(|_| BAD_REQUEST)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD_REQUEST);
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| BAD_REQUEST)?;
    if target.is_empty() || !["HTTP/1.1", "HTTP/1.0"].contains(&version) {
        return Err(BAD_REQUEST);
    }
    let headers = headers(reader, &mut left)?;
    let framing = framing(&headers)?;
    if says(&headers, EXPECT, "100-continue") {
        go_on()?;
    }
    let body = match framing {
        Framing::Length(length) => bytes(reader, length)?,
        Framing::Chunked => chunks(reader)?,
    };
    let closes = version == "HTTP/1.0" || says(&headers, CONNECTION, "close");
    Ok(Message { method, target: target.to_owned(), headers, body, closes })
}

fn headers(reader: &mut impl BufRead, left: &mut usize) -> Result<HeaderMap, Unreadable> {
    let mut headers = HeaderMap::new();
    loop {
        let line = line(reader, left, 431)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(BAD_REQUEST)?;
        let (name, value) = (line.get(..colon), line.get(colon + 1..).unwrap_or_default());
        let name = HeaderName::from_bytes(name.unwrap_or_default()).map_err(|_| BAD_REQUEST)?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| BAD_REQUEST)?;
        headers.try_append(name, value).map_err(|_| Unreadable::Wrong(431))?;
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

/// How the body ends (RFC 9112, section 6.3), and nothing that two readers could take differently.
fn framing(headers: &HeaderMap) -> Result<Framing, Unreadable> {
    let lengths: Vec<&HeaderValue> = headers.get_all(CONTENT_LENGTH).iter().collect();
    let codings: Vec<&HeaderValue> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(Framing::Length(0)),
        ([], [coding]) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        ([length], []) => {
            let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let digits = digits.filter(|digits| !digits.is_empty()).ok_or(BAD_REQUEST)?;
            // What does not fit is too much as well.
            let length = digits.parse().unwrap_or(usize::MAX);
            if length > MAX_REQUEST_BODY { Err(Unreadable::Wrong(413)) } else { Ok(Framing::Length(length)) }
        }
        _ => Err(BAD_REQUEST),
    }
}

fn chunks(reader: &mut impl BufRead) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::new();
    loop {
        let size = chunk_size(&line(reader, &mut MAX_CHUNK_LINE.clone(), 400)?)?;
        if size > MAX_REQUEST_BODY.saturating_sub(body.len()) {
            return Err(Unreadable::Wrong(413));
        }
        if size == 0 {
            break;
        }
        body.extend(bytes(reader, size)?);
        if bytes(reader, 2)? != b"\r\n" {
            return Err(BAD_REQUEST);
        }
    }
    // Trailers are read, and of no use to a test.
    headers(reader, &mut MAX_REQUEST_HEAD.clone())?;
    Ok(body)
}

/// The size of a chunk, from the line before it.
fn chunk_size(line: &[u8]) -> Result<usize, Unreadable> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let digits =
        std::str::from_utf8(size).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let digits = digits.filter(|digits| !digits.is_empty()).ok_or(BAD_REQUEST)?;
    // What does not fit is too much as well.
    Ok(usize::from_str_radix(digits, 16).unwrap_or(usize::MAX))
}

/// So many bytes; fewer are the end of the connection.
fn bytes(reader: &mut impl BufRead, count: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let read = reader.take(count as u64).read_to_end(&mut bytes)?;
    if read < count { Err(Unreadable::Ended) } else { Ok(bytes) }
}

/// The next line, without its end. Its bytes count against `left`; `beyond` is the status for more than that.
fn line(reader: &mut impl BufRead, left: &mut usize, beyond: u16) -> Result<Vec<u8>, Unreadable> {
    let mut line = Vec::new();
    let read = reader.take(*left as u64).read_until(b'\n', &mut line)?;
    *left -= read;
    match line.strip_suffix(b"\n") {
        Some(line) => Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec()),
        None if *left == 0 => Err(Unreadable::Wrong(beyond)),
        None => Err(Unreadable::Ended),
    }
}

/// Whether a list in a header holds this word.
fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Message, Unreadable> {
        super::read(&mut text.as_ref(), || panic!("nobody asked"))
    }

    /// The body of the first request in the text, and what is left behind it.
    fn body(head: &str, body: &str) -> Result<(String, String), Unreadable> {
        let text = format!("POST /7 HTTP/1.1\r\n{head}\r\n\r\n{body}");
        let mut rest = text.as_bytes();
        let message = super::read(&mut rest, || Ok(()))?;
        Ok((String::from_utf8(message.body).unwrap(), String::from_utf8(rest.to_vec()).unwrap()))
    }

    #[test]
    fn a_request_is_method_target_headers_and_body() {
        let message =
            read("PUT /7?x=1 HTTP/1.1\r\nHost: h\r\nX-Two:  a b \r\nx-two: c\nContent-Length: 2\r\n\r\nhi");
        let message = message.unwrap();
        assert_eq!((message.method, message.target.as_str()), (Method::PUT, "/7?x=1"));
        assert_eq!(message.headers["host"], "h");
        let two: Vec<&HeaderValue> = message.headers.get_all("x-two").iter().collect();
        assert_eq!(two, ["a b", "c"]);
        assert_eq!(message.body, b"hi");
        assert!(!message.closes);
        assert_eq!(read(b"GET / HTTP/1.1\r\nX: \xfc\r\n\r\n").unwrap().headers["x"].as_bytes(), b"\xfc");
    }

    #[test]
    fn the_last_request_of_a_connection_says_so() {
        for (text, closes) in [
            ("GET / HTTP/1.1\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: te, close\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", false),
        ] {
            assert_eq!(read(text).unwrap().closes, closes, "{text:?}");
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        for (head, sent, body_is, rest) in [
            ("X: y", "next", "", "next"),
            ("Content-Length: 4", "bodynext", "body", "next"),
            ("Transfer-Encoding: Chunked", "4\r\nbody\r\n0\r\n\r\nnext", "body", "next"),
            (
                "Transfer-Encoding: chunked",
                "2;x=y\r\nbo\r\n02 \r\ndy\r\n0\r\nT: u\r\n\r\nnext",
                "body",
                "next",
            ),
        ] {
            assert_eq!(body(head, sent), Ok((body_is.to_owned(), rest.to_owned())), "{head} {sent:?}");
        }
    }

    #[test]
    fn who_waits_for_leave_to_send_the_body_gets_it() {
        let mut asked = 0;
        let text = "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
        let message = super::read(&mut text.as_bytes(), || {
            asked += 1;
            Ok(())
        });
        assert_eq!((message.unwrap().body, asked), (b"hi".to_vec(), 1));
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for text in [
            "GET /\r\n\r\n",
            "GET / HTTP/1.1 x\r\n\r\n",
            "GET  HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\n\r\n",
            "\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
        ] {
            assert_eq!(read(text).unwrap_err(), Unreadable::Wrong(400), "{text:?}");
        }
        assert_eq!(read(b"\xff / HTTP/1.1\r\n\r\n").unwrap_err(), Unreadable::Wrong(400));
    }

    #[test]
    fn a_body_that_could_be_read_in_two_ways_is_refused() {
        for head in [
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: ",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked, chunked",
        ] {
            assert_eq!(body(head, "x"), Err(Unreadable::Wrong(400)), "{head:?}");
        }
        for chunks in ["\r\n", "g\r\n", "-1\r\n", "1\r\nxy\r\n0\r\n\r\n", "1\r\nx\r\n0\r\nno colon\r\n\r\n"] {
            assert_eq!(body("Transfer-Encoding: chunked", chunks), Err(Unreadable::Wrong(400)), "{chunks:?}");
        }
    }

    #[test]
    fn each_part_has_a_bound() {
        let long = "x".repeat(MAX_REQUEST_HEAD);
        assert_eq!(read(format!("GET /{long} HTTP/1.1\r\n\r\n")).unwrap_err(), Unreadable::Wrong(431));
        let lines = "A: b\r\n".repeat(MAX_REQUEST_HEAD / 6);
        assert_eq!(read(format!("GET / HTTP/1.1\r\n{lines}\r\n")).unwrap_err(), Unreadable::Wrong(431));
        for length in [(MAX_REQUEST_BODY + 1).to_string(), "9".repeat(50)] {
            assert_eq!(
                body(&format!("Content-Length: {length}"), ""),
                Err(Unreadable::Wrong(413)),
                "{length}"
            );
        }
        for size in [format!("{:x}", MAX_REQUEST_BODY + 1), "f".repeat(50)] {
            assert_eq!(
                body("Transfer-Encoding: chunked", &format!("{size}\r\n")),
                Err(Unreadable::Wrong(413))
            );
        }
        let two = format!("1\r\nx\r\n{MAX_REQUEST_BODY:x}\r\n");
        assert_eq!(body("Transfer-Encoding: chunked", &two), Err(Unreadable::Wrong(413)));
        assert_eq!(body("Transfer-Encoding: chunked", &format!("1;{long}")), Err(Unreadable::Wrong(400)));
        let whole = "x".repeat(MAX_REQUEST_BODY);
        assert!(body(&format!("Content-Length: {MAX_REQUEST_BODY}"), &whole).is_ok());
    }

    #[test]
    fn a_connection_that_ends_in_a_request_brings_none() {
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(read(&text[..end]).unwrap_err(), Unreadable::Ended, "{:?}", &text[..end]);
        }
        assert!(read(text).is_ok());
        assert_eq!(read("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nbody").unwrap_err(), Unreadable::Ended);
    }
}
