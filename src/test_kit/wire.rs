//! An answer as it goes over the wire: which bytes, in which pieces, and what comes then. No I/O.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use ureq::http::{Method, StatusCode};

use super::answer::{Answer, Body, Course, Framing, Then};
use super::request::Request;

/// The largest chunk of a body that is sent in chunks.
const CHUNK: usize = 16 * 1024;

/// The last piece of a large answer. It is a piece of its own, so that a request counts as in flight until the client
/// has taken up what comes before; and small enough to go out whether the client reads or not.
const LAST_PIECE: usize = 16 * 1024;

/// What goes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) bytes: Vec<u8>,
    /// The sizes of the first piece and of those behind it.
    first: usize,
    size: usize,
    /// The wait between two pieces.
    pub(super) every: Duration,
    pub(super) then: Then,
}

impl Wire {
    /// The bytes as they go out, piece by piece; none is empty.
    pub(super) fn pieces(&self) -> Vec<&[u8]> {
        let (first, rest) = self.bytes.split_at(self.first.min(self.bytes.len()));
        std::iter::once(first).chain(rest.chunks(self.size)).filter(|piece| !piece.is_empty()).collect()
    }
}

impl Answer {
    /// The same with a body that is there already.
    pub(super) fn with_body_for(self, request: &Request) -> Answer {
        match &self.body {
            Body::Same(_) => self,
            Body::Made(make) => {
                let body = make(request);
                self.body(body)
            }
        }
    }

    /// What goes out for a request that came by `method`, and behind which the client closes or not.
    pub(super) fn wire(&self, method: &Method, client_closes: bool, now: SystemTime) -> Wire {
        let content: &[u8] = match &self.body {
            Body::Same(body) => body,
            Body::Made(_) => &[],
        };
        let has_body = !matches!(self.status, 100..=199 | 204 | 304);
        let closes = client_closes || self.closes || (self.framing == Framing::UntilClose && has_body);
        let head = self.head(has_body.then_some(content), closes, now);
        let body = match self.framing {
            _ if !has_body || method == Method::HEAD => Cow::Borrowed(&[][..]),
            Framing::Chunked => Cow::Owned(chunked(content)),
            Framing::Length | Framing::UntilClose => Cow::Borrowed(content),
        };
        let half = body.get(..body.len() / 2).unwrap_or_default();
        let (mut bytes, body, then) = match &self.course {
            Course::Whole => (head, &*body, if closes { Then::Close } else { Then::GoOn }),
            Course::None(then) => (Vec::new(), &[][..], *then),
            Course::Half(then) => (head, half, *then),
            Course::Raw(raw) => (Vec::new(), &**raw, Then::Close),
        };
        let (size, every) = self.drip.unwrap_or((usize::MAX, Duration::ZERO));
        let first = match self.drip {
            Some((size, _)) => bytes.len().saturating_add(size),
            None => (bytes.len() + body.len()).saturating_sub(LAST_PIECE),
        };
        bytes.extend_from_slice(body);
        Wire { bytes, first, size, every, then }
    }

    /// The head, for an answer with this content, or without a body.
    fn head(&self, content: Option<&[u8]>, closes: bool, now: SystemTime) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in self.told_headers(now).iter().chain(&self.headers) {
            head += &format!("{name}: {value}\r\n");
        }
        match (content, self.framing) {
            (None, _) | (_, Framing::UntilClose) => {}
            (Some(content), Framing::Length) => {
                head += &format!("Content-Length: {}\r\n", self.announced(content));
            }
            (Some(_), Framing::Chunked) => head += "Transfer-Encoding: chunked\r\n",
        }
        if closes {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        head.into_bytes()
    }

    /// What the dialect says, but for what the script says itself.
    fn told_headers(&self, now: SystemTime) -> Vec<(String, String)> {
        let told = self.told.map(|told| told.headers(now)).unwrap_or_default();
        let is_said = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        told.into_iter()
            .filter(|(name, _)| !is_said(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// A body that breaks off is announced with at least a byte, or it would be whole.
    fn announced(&self, content: &[u8]) -> usize {
        let least = usize::from(matches!(self.course, Course::Half(_)));
        content.len().max(least)
    }
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

fn chunked(content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in content.chunks(CHUNK) {
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn wire(answer: &Answer, method: &Method) -> String {
        String::from_utf8(answer.wire(method, false, UNIX_EPOCH).bytes).unwrap()
    }

    #[test]
    fn an_answer_is_status_headers_and_body_and_nothing_else() {
        let answer =
            Answer::status(429).header("Retry-After", "2").header("X", "1").header("X", "2").body("no");
        let text =
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nX: 1\r\nX: 2\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(wire(&answer, &Method::GET), text);
        assert_eq!(wire(&Answer::status(799), &Method::GET), "HTTP/1.1 799 \r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn a_body_has_a_length_or_chunks_or_ends_with_the_connection() {
        for (answer, rest) in [
            (Answer::ok("hi"), "Content-Length: 2\r\n\r\nhi"),
            (Answer::ok("hi").chunked(), "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            (Answer::ok("").chunked(), "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (Answer::ok("hi").until_close(), "Connection: close\r\n\r\nhi"),
            (Answer::ok("hi").closing(), "Content-Length: 2\r\nConnection: close\r\n\r\nhi"),
            (Answer::close_in_body().body(""), "Content-Length: 1\r\n\r\n"),
        ] {
            assert_eq!(wire(&answer, &Method::GET), format!("HTTP/1.1 200 OK\r\n{rest}"));
        }
        let large = wire(&Answer::ok("x".repeat(CHUNK + 1)).chunked(), &Method::GET);
        assert!(large.contains("\r\n4000\r\nx") && large.ends_with("x\r\n1\r\nx\r\n0\r\n\r\n"));
    }

    #[test]
    fn what_has_no_body_has_none() {
        assert_eq!(wire(&Answer::ok("hi"), &Method::HEAD), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        for (status, reason) in [(204, "No Content"), (304, "Not Modified")] {
            for answer in [Answer::status(status).body("hi"), Answer::status(status).chunked().until_close()]
            {
                assert_eq!(wire(&answer, &Method::GET), format!("HTTP/1.1 {status} {reason}\r\n\r\n"));
            }
        }
    }

    #[test]
    fn the_connection_ends_when_either_side_wants_it() {
        let closing =
            |answer: Answer, client| answer.wire(&Method::GET, client, UNIX_EPOCH).then == Then::Close;
        assert!(!closing(Answer::ok("hi"), false));
        assert!(closing(Answer::ok("hi"), true));
        assert!(closing(Answer::ok("hi").closing(), false));
        assert!(closing(Answer::ok("hi").until_close(), false));
        assert!(!closing(Answer::status(204).until_close(), false));
        assert!(closing(Answer::raw("hi"), false));
    }

    #[test]
    fn what_breaks_off_sends_nothing_or_half_of_it() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
        for (answer, sent, then) in [
            (Answer::hang(), String::new(), Then::Hang),
            (Answer::close(), String::new(), Then::Close),
            (Answer::reset(), String::new(), Then::Reset),
            (Answer::hang_in_body().body("1234567"), format!("{head}123"), Then::Hang),
            (Answer::close_in_body().body("1234567"), format!("{head}123"), Then::Close),
            (Answer::reset_in_body().body("1234567"), format!("{head}123"), Then::Reset),
            (Answer::raw("123"), "123".to_owned(), Then::Close),
        ] {
            assert_eq!(wire(&answer, &Method::GET), sent, "{answer:?}");
            assert_eq!(answer.wire(&Method::GET, false, UNIX_EPOCH).then, then, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_goes_out_in_one_piece_or_drips_or_keeps_back_the_last_of_much() {
        let lengths = |answer: Answer| -> Vec<usize> {
            answer.wire(&Method::GET, false, UNIX_EPOCH).pieces().iter().map(|piece| piece.len()).collect()
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n".len();
        let (millis, hour) = (Duration::from_millis(1), Duration::from_secs(3_600));
        assert_eq!(lengths(Answer::ok("1234567")), [head + 7]);
        assert_eq!(lengths(Answer::ok("1234567").dripping(3, millis)), [head + 3, 3, 1]);
        assert_eq!(lengths(Answer::ok("1234567").dripping(usize::MAX, millis)), [head + 7]);
        assert_eq!(lengths(Answer::hang_in_body().body("1234567").dripping(0, millis)), [head + 1, 1, 1]);
        assert_eq!(lengths(Answer::raw("1234567").dripping(3, millis)), [3, 3, 1]);
        assert_eq!(lengths(Answer::hang()), []);
        assert_eq!(lengths(Answer::raw("x".repeat(LAST_PIECE))), [LAST_PIECE]);
        assert_eq!(lengths(Answer::raw("x".repeat(LAST_PIECE + 1))), [1, LAST_PIECE]);
        assert_eq!(Answer::ok("").dripping(1, hour).wire(&Method::GET, false, UNIX_EPOCH).every, hour);
    }
}
