//! A request, as the test sees it.

use std::time::Instant;

use ureq::http::{HeaderMap, Method};

/// A request that has arrived at a [`Server`](super::Server), whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The id, decoded, if the target is one of the server's [`url`](super::Server::url).
    pub id: Option<String>,
    /// The method.
    pub method: Method,
    /// Path and query, as they came over the wire.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
    /// When its last byte had been read, by the script's [clock](super::Script::virtual_clock).
    pub arrived: Instant,
    /// Which connection it came on; the first is 1.
    pub connection: usize,
}

impl Request {
    /// The value of a header, the first if there are more; nothing if it is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, with `\u{fffd}` where it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
