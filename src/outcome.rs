//! What became of one id.

use std::fmt;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, StatusCode};

use crate::error::Error;

/// What became of one id: what [`fetch_each`](crate::FanOutClient::fetch_each) hands to its closure.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<I> {
    /// The id, as it came from the iterator.
    pub id: I,
    /// Which try this was; 1 for the first.
    pub attempt: u32,
    /// The response, or, with [`keep_going`](crate::Builder::keep_going) only, why there is none.
    pub result: Result<Response, Error>,
    /// Where the time of this try went.
    pub times: Times,
    /// How the tries before this one ended, the first one first; none without [`retries`](crate::Builder::retries).
    pub earlier: Vec<Error>,
}

/// A response that counts as a success: see [`accept_status`](crate::Builder::accept_status).
#[non_exhaustive]
pub struct Response {
    /// The status, of the last hop if there were redirects.
    pub status: StatusCode,
    /// The headers. `Content-Encoding` and `Content-Length` are gone if the body was encoded.
    pub headers: HeaderMap,
    /// The whole body, decoded.
    pub body: Vec<u8>,
}

/// Without what may be secret or long: the names of the headers, and how long the body is.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Where the time of one try of an id went.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Times {
    /// When a worker took the id up, for this try.
    pub taken_at: Instant,
    /// How long it waited for an in-flight permit and for tokens, all hops together.
    pub waited: Duration,
    /// How long its requests were on the wire: names, connects, TLS, answers, bodies; all hops together.
    pub latency: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_that_may_be_secret() {
        let headers = HeaderMap::from_iter([("set-cookie".parse().unwrap(), "secret".parse().unwrap())]);
        let response = Response { status: StatusCode::OK, headers, body: b"secret".to_vec() };
        assert_eq!(
            format!("{response:?}"),
            r#"Response { status: 200, headers: ["set-cookie"], body: 6 bytes }"#
        );
    }
}
