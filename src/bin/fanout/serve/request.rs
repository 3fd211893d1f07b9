//! Reading a request: as much of HTTP/1.1 as a client of an API needs.

use std::io::{self, BufRead, Read, Write};

use percent_encoding::percent_decode_str;

use crate::values::whole;

/// The largest head that is read, in bytes; a connection that sends more is closed.
const MAX_HEAD: u64 = 16 * 1024;

/// The largest body that is read, in bytes; more is answered 413.
const MAX_BODY: u64 = 64 * 1024;

/// What matters of a request's head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The id, if the path is `/users/{id}/widgets`.
    pub(super) id: Option<String>,
    /// Whether the connection ends with the answer.
    pub(super) closes: bool,
    /// How long the body is, if the head says so in a way that is understood here: by one `Content-Length`.
    length: Option<u64>,
    /// Whether the body comes only when it is asked for.
    waits: bool,
}

/// What was read of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Whole(Vec<u8>),
    /// It is too large, and so it was not read.
    TooLarge,
    /// Where it ends is not known, and so it was not read.
    Unmeasured,
}

impl Request {
    /// Reads the next head. Nothing: the other side has ended the connection, or what it sent is no request.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
        let mut head = reader.take(MAX_HEAD);
        let Some(line) = next_line(&mut head)? else {
            return Ok(None);
        };
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        let mut request = Request {
            method: method.to_owned(),
            id: id(target),
            // HTTP/1.0 and anything unknown: answered once.
            closes: version != "HTTP/1.1",
            length: Some(0),
            waits: false,
        };
        let mut lengths = 0;
        loop {
            let Some(line) = next_line(&mut head)? else {
                return Ok(None);
            };
            if line.is_empty() {
                return Ok(Some(request));
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase());
            match name.as_str() {
                "connection" => request.closes |= value.contains("close"),
                "content-length" => {
                    lengths += 1;
                    let length = whole(&value, 0..=u64::MAX).ok();
                    request.length = request.length.and(length).filter(|_| lengths == 1);
                }
                "transfer-encoding" => request.length = None,
                "expect" => request.waits = value == "100-continue",
                _ => {}
            }
        }
    }

    /// Reads the body, and asks for it on `answers` first where that is waited for. What is not read makes the
    /// connection useless for another request.
    ///
    /// # Errors
    ///
    /// The connection ends before the body does.
    pub(super) fn body(&self, reader: &mut impl BufRead, mut answers: impl Write) -> io::Result<Body> {
        let length = match self.length {
            None => return Ok(Body::Unmeasured),
            Some(length) if length > MAX_BODY => return Ok(Body::TooLarge),
            Some(length) => length,
        };
        if self.waits && length > 0 {
            answers.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        match u64::try_from(body.len()) {
            Ok(read) if read == length => Ok(Body::Whole(body)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether the answer is to be without a body.
    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// A line without its end; nothing if there is no whole one.
fn next_line(head: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    head.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn id(target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or(target);
    let id = path.strip_prefix("/users/")?.strip_suffix("/widgets")?;
    if id.is_empty() || id.contains('/') {
        return None;
    }
    Some(percent_decode_str(id).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Request> {
        Request::read(&mut text.as_bytes()).unwrap()
    }

    /// What is read of the body, what the client is told meanwhile, and what is left for the next request.
    fn body(text: &str) -> (io::Result<Body>, String, usize) {
        let (mut reader, mut told) = (text.as_bytes(), Vec::new());
        let request = Request::read(&mut reader).unwrap().unwrap();
        let body = request.body(&mut reader, &mut told);
        (body, String::from_utf8(told).unwrap(), reader.len())
    }

    #[test]
    fn a_head_is_method_id_and_whether_it_is_the_last() {
        let cases = [
            ("GET /users/7/widgets HTTP/1.1\r\nHost: a\r\n\r\n", "GET", Some("7"), false),
            ("GET /users/a%2Fb%20c/widgets?x=1 HTTP/1.1\r\n\r\n", "GET", Some("a/b c"), false),
            ("GET /users/7/widgets HTTP/1.1\r\nConnection: Close\r\n\r\n", "GET", Some("7"), true),
            ("GET /users/7/widgets HTTP/1.0\r\n\r\n", "GET", Some("7"), true),
            ("PUT /users/7/widgets HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "PUT", Some("7"), false),
            ("GET /users//widgets HTTP/1.1\r\n\r\n", "GET", None, false),
            ("GET /users/1/2/widgets HTTP/1.1\r\n\r\n", "GET", None, false),
            ("GET / HTTP/1.1\r\n\r\n", "GET", None, false),
        ];
        for (text, method, id, closes) in cases {
            let (method, id) = (method.to_owned(), id.map(str::to_owned));
            let expected = Request { method, id, closes, length: Some(0), waits: false };
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_head_is_no_request() {
        for text in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a", "GET\r\n\r\n"] {
            assert_eq!(read(text), None, "{text}");
        }
        let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(20_000));
        assert_eq!(read(&long), None);
    }

    #[test]
    fn a_body_is_as_long_as_the_head_says() {
        let (read, told, left) = body("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345GET ");
        assert_eq!((read.unwrap(), told.as_str(), left), (Body::Whole(b"12345".to_vec()), "", 4));
        let (read, _, left) = body("POST / HTTP/1.1\r\n\r\nGET ");
        assert_eq!((read.unwrap(), left), (Body::Whole(Vec::new()), 4));
        let (read, ..) = body("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1234");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_body_that_waits_is_asked_for() {
        let head = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length";
        assert_eq!(body(&format!("{head}: 1\r\n\r\nx")).1, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(body(&format!("{head}: 0\r\n\r\n")).1, "");
        assert_eq!(body(&format!("{head}: 65537\r\n\r\n")).1, "");
    }

    #[test]
    fn what_is_too_large_or_has_no_known_end_is_not_read() {
        let largest = format!("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n{}", "x".repeat(65_536));
        assert!(matches!(body(&largest).0.unwrap(), Body::Whole(body) if body.len() == 65_536));
        for (headers, expected) in [
            ("Content-Length: 65537", Body::TooLarge),
            ("Content-Length: 18446744073709551615", Body::TooLarge),
            ("Content-Length: 18446744073709551616", Body::Unmeasured),
            ("Content-Length: -1", Body::Unmeasured),
            ("Content-Length: x", Body::Unmeasured),
            ("Content-Length: 1\r\nContent-Length: 2", Body::Unmeasured),
            ("Transfer-Encoding: chunked", Body::Unmeasured),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1", Body::Unmeasured),
        ] {
            let (read, _, left) = body(&format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n12345"));
            assert_eq!((read.unwrap(), left), (expected, 5), "{headers}");
        }
    }
}
