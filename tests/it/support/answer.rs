//! What a server answers, as a value.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One response, and what becomes of the connection after it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    UntilClose,
}

impl Answer {
    /// A 200 with this body.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Answer {
        Answer { status: 200, headers: Vec::new(), body: body.into(), framing: Framing::Length }
    }

    /// A response without a body.
    pub(crate) fn status(status: u16) -> Answer {
        Answer { status, ..Answer::ok("") }
    }

    /// A redirect.
    pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Answer {
        Answer::status(status).header("Location", location)
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Answer {
        Answer { body: body.into(), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The body compressed, and said to be so.
    pub(crate) fn gzip(mut self) -> Answer {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.body).unwrap();
        self.body = encoder.finish().unwrap();
        self.header("Content-Encoding", "gzip")
    }

    /// The body in chunks of up to 7 bytes.
    pub(crate) fn chunked(self) -> Answer {
        Answer { framing: Framing::Chunked, ..self }
    }

    /// The body without a length: the end of the connection is its end.
    pub(crate) fn until_close(self) -> Answer {
        Answer { framing: Framing::UntilClose, ..self }
    }

    /// Whether another request can follow on the same connection.
    pub(super) fn keeps_alive(&self) -> bool {
        self.framing != Framing::UntilClose
    }

    /// The response as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = match self.framing {
            Framing::Length => {
                head += &format!("Content-Length: {}\r\n", self.body.len());
                self.body.clone()
            }
            Framing::Chunked => {
                head += "Transfer-Encoding: chunked\r\n";
                chunks(&self.body)
            }
            Framing::UntilClose => self.body.clone(),
        };
        [head.as_bytes(), b"\r\n", &body].concat()
    }
}

fn chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(7) {
        write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
