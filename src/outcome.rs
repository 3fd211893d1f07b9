//! What became of one id.

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
    /// Where the time went.
    pub times: Times,
}

/// A response that counts as a success: see [`accept_status`](crate::Builder::accept_status).
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status, of the last hop if there were redirects.
    pub status: StatusCode,
    /// The headers. `Content-Encoding` and `Content-Length` are gone if the body was decoded.
    pub headers: HeaderMap,
    /// The whole body, decoded.
    pub body: Vec<u8>,
}

/// Where the time of one id went.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Times {
    /// When a worker took the id up.
    pub taken_at: Instant,
    /// How long it waited for an in-flight permit and for tokens, all hops together.
    pub waited: Duration,
    /// How long its requests were on the wire: names, connects, TLS, answers, bodies; all hops together.
    pub latency: Duration,
}
