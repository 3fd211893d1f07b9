//! What became of one id.

use std::fmt;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, StatusCode};

use crate::error::Error;
use crate::room::{Lent, Room};

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
    pub(crate) room: Lent,
}

impl<I> Outcome<I> {
    /// Keeps the room that the body takes up, beyond the closure.
    ///
    /// Bodies of more than 4 KiB ([`Room::SMALL`]) that wait for the closure take up 4 MiB together ([`Room::TOTAL`]),
    /// or one of them that is larger, and workers wait when there is no room for more. A body gives its room back when
    /// the closure returns. Whoever hands the body on to another thread keeps its room as long as the body: then the
    /// workers wait for that thread, too, instead of filling the memory; and the closure need not. If that thread
    /// stands still, so does the run; but a cancel, a deadline or a failure ends it all the same, and what has been
    /// fetched by then is delivered.
    ///
    /// Once for each outcome: a second time there is nothing to keep.
    ///
    /// ```
    /// # fn run(client: fanout::FanOutClient, cancel: fanout::CancelToken) -> Result<(), fanout::Error> {
    /// let (bodies, for_the_writer) = std::sync::mpsc::channel();
    /// std::thread::spawn(move || {
    ///     for (body, room) in for_the_writer {
    ///         // ... writes it, in its own time; and then:
    ///         drop((body, room));
    ///     }
    /// });
    /// client.fetch_each(&cancel, 1..=60, |mut outcome| {
    ///     let room = outcome.keep_room();
    ///     let _ = bodies.send((outcome.result?.body, room));
    ///     Ok::<(), fanout::Error>(())
    /// })
    /// # }
    /// ```
    pub fn keep_room(&mut self) -> Room {
        self.room.keep()
    }
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
