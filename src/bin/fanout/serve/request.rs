//! Reading a request's head and writing an answer: as much of HTTP/1.1 as a GET needs.

use std::io::{self, BufRead, Read};

use percent_encoding::percent_decode_str;

/// The largest head that is read, in bytes; a connection that sends more is closed.
const MAX_HEAD: u64 = 16 * 1024;

/// What matters of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The id, if the path is `/users/{id}/widgets`.
    pub(super) id: Option<String>,
    /// Whether the connection ends with the answer.
    pub(super) closes: bool,
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
        // HTTP/1.0 and anything unknown: answered once.
        let mut closes = version != "HTTP/1.1";
        loop {
            let Some(line) = next_line(&mut head)? else {
                return Ok(None);
            };
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase());
            closes |= match name.as_str() {
                "connection" => value.contains("close"),
                // Bodies are not read, so that the next head could not be found.
                "content-length" => value != "0",
                "transfer-encoding" => true,
                _ => false,
            };
        }
        Ok(Some(Request { method: method.to_owned(), id: id(target), closes }))
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

/// An answer, whole, in one piece.
pub(super) fn answer(status: u16, more_headers: &str, closes: bool, body: &str) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "As Asked",
    };
    let connection = if closes { "connection: close\r\n" } else { "" };
    // These two have no body, nor a length that says so.
    let (length, body) = match status {
        204 | 304 => (String::new(), ""),
        _ => (format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), body),
    };
    format!("HTTP/1.1 {status} {reason}\r\n{length}{more_headers}{connection}\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Request> {
        Request::read(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn a_head_is_method_id_and_whether_it_is_the_last() {
        let cases = [
            ("GET /users/7/widgets HTTP/1.1\r\nHost: a\r\n\r\n", Some("7"), false),
            ("GET /users/a%2Fb%20c/widgets?x=1 HTTP/1.1\r\n\r\n", Some("a/b c"), false),
            ("GET /users/7/widgets HTTP/1.1\r\nConnection: Close\r\n\r\n", Some("7"), true),
            ("GET /users/7/widgets HTTP/1.0\r\n\r\n", Some("7"), true),
            ("GET /users/7/widgets HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", Some("7"), true),
            ("GET /users//widgets HTTP/1.1\r\n\r\n", None, false),
            ("GET /users/1/2/widgets HTTP/1.1\r\n\r\n", None, false),
            ("GET / HTTP/1.1\r\n\r\n", None, false),
        ];
        for (text, id, closes) in cases {
            let expected = Request { method: "GET".to_owned(), id: id.map(str::to_owned), closes };
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
    fn an_answer_says_how_long_it_is() {
        let text = String::from_utf8(answer(429, "retry-after: 3\r\n", false, "{}")).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             retry-after: 3\r\n\r\n{}"
        );
        assert_eq!(answer(204, "", true, "x"), b"HTTP/1.1 204 As Asked\r\nconnection: close\r\n\r\n");
    }
}
