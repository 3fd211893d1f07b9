//! An answer, whole, and how it is written.

use std::fmt::{Display, Write};

/// A status, headers and a body of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: String,
    body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, headers: String::new(), body: body.into() }
    }

    #[must_use]
    pub(super) fn header(mut self, name: &str, value: impl Display) -> Answer {
        // Writing to a text cannot fail.
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    /// As it goes over the wire, in one piece; the answer to HEAD is without its body.
    pub(super) fn bytes(&self, to_head: bool, closes: bool) -> Vec<u8> {
        let Answer { status, headers, body } = self;
        let reason = reason(*status);
        let connection = if closes { "connection: close\r\n" } else { "" };
        // These two have no body, nor a length that says so.
        let (length, body) = match status {
            204 | 304 => (String::new(), ""),
            _ => (format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), &**body),
        };
        let body = if to_head { "" } else { body };
        format!("HTTP/1.1 {status} {reason}\r\n{length}{headers}{connection}\r\n{body}").into_bytes()
    }

    /// The same, but the connection will end in the middle of the body, or of the head if that is all.
    pub(super) fn cut_bytes(&self, to_head: bool) -> Vec<u8> {
        let mut bytes = self.bytes(to_head, false);
        let body = if to_head { 0 } else { self.body.len() };
        bytes.truncate(bytes.len().saturating_sub(body.div_ceil(2).max(1)));
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "As Asked",
    }
}

#[cfg(test)]
impl Answer {
    /// As it goes over the wire, for a test to look at.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes(false, false)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_it_is() {
        assert_eq!(
            Answer::new(429, "{}").header("retry-after", 3).shown(),
            "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             retry-after: 3\r\n\r\n{}"
        );
        let none = Answer::new(204, "x").bytes(false, true);
        assert_eq!(none, b"HTTP/1.1 204 As Asked\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn the_answer_to_head_says_the_length_of_what_it_leaves_out() {
        let text = String::from_utf8(Answer::new(200, "{}").bytes(true, false)).unwrap();
        assert!(text.contains("content-length: 2\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn what_is_cut_is_never_whole() {
        let answer = Answer::new(200, "12345678");
        assert!(answer.cut_bytes(false).ends_with(b"\r\n\r\n1234"));
        assert!(Answer::new(200, "1").cut_bytes(false).ends_with(b"\r\n\r\n"));
        assert!(answer.cut_bytes(true).ends_with(b"\r\n\r"));
        assert!(Answer::new(204, "").cut_bytes(false).ends_with(b"\r\n\r"));
    }
}
