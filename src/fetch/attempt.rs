//! One try: permit, token, request, and again for each redirect.

use std::time::{Duration, Instant};

use ureq::http::StatusCode;

use crate::error::{Error, Sent};
use crate::events::{Event, emit};
use crate::exchange::Then;
use crate::fan_out::Worker;
use crate::outcome::{Response, Times};
use crate::quota::{Answered, InFlight, Token};
use crate::request::{Prepared, follow, is_redirect};
use crate::retry::is_repeatable;
use crate::transport::{Failure, Outgoing, Reply, Wire};

use super::Fetcher;
use super::failure;
use super::observed::{Observed, Position};

/// See the module's documentation. `'a` is the client's, `'w` the worker's.
pub(super) struct Attempt<'a, 'w> {
    fetcher: &'a Fetcher,
    id: &'w str,
    number: u32,
    worker: &'w Worker<'w>,
    pub(super) times: Times,
    /// How much has gone out in requests that were followed by another one. What fails there may have had its effect
    /// here: a POST that was answered with a 303 is done, even if the page behind it is never fetched.
    pub(super) sent: Sent,
    /// What the last answer said of the server's limits.
    pub(super) answered: Answered,
    /// Its last request, if there is one that has not been shown yet and somebody observes.
    pub(super) observed: Option<Box<Observed>>,
}

/// What to do after an exchange.
enum Next<'a> {
    Done(Response),
    /// The same request, on a fresh connection.
    Replay,
    /// A redirect's.
    Hop(Prepared<'a>),
}

/// Which connection a request may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Any,
    Fresh,
}

impl<'a, 'w> Attempt<'a, 'w> {
    pub(super) fn new(
        fetcher: &'a Fetcher,
        id: &'w str,
        number: u32,
        worker: &'w Worker<'w>,
    ) -> Attempt<'a, 'w> {
        Attempt {
            fetcher,
            id,
            number,
            worker,
            times: Times::starting_now(),
            sent: Sent::Never,
            answered: Answered::default(),
            observed: None,
        }
    }

    /// Makes the request if there is none yet, and sends it. The permit comes with the result: it is given back when
    /// that has been judged (see [`Work`](crate::fan_out::Work)). By then the body is read, or the socket closed, and
    /// the outcome is not handed over yet.
    pub(super) fn run(
        &mut self,
        request: &mut Option<Prepared<'a>>,
    ) -> (Result<Response, Error>, Option<InFlight>) {
        let request = match request {
            Some(request) => request,
            None => match self.fetcher.source.request(self.id) {
                Ok(made) => request.insert(made),
                Err(error) => return (Err(error), None),
            },
        };
        let since = self.now();
        match self.fetcher.quota.enter(self.worker.cancel) {
            Ok(mut in_flight) => (self.send(request, &mut in_flight, since), Some(in_flight)),
            Err(stopped) => {
                self.waited_since(since);
                (Err(failure::stopped(stopped, "an in-flight permit")), None)
            }
        }
    }

    /// Sends the request, and those that follow from its answers, each with its token. Has waited for the first one
    /// since `since`.
    fn send(
        &mut self,
        request: &Prepared<'a>,
        in_flight: &mut InFlight,
        mut since: Instant,
    ) -> Result<Response, Error> {
        let mut hop = None;
        let mut connection = Connection::Any;
        let mut hops = 0;
        loop {
            let token = match self.fetcher.quota.token(in_flight, self.id, self.worker.cancel) {
                Ok(token) => token,
                Err(denied) => {
                    self.waited_since(since);
                    let most = self.fetcher.quota.max_wait();
                    return Err(failure::denied(denied, self.now(), most));
                }
            };
            if token.is_late() {
                self.fetcher.quota.thrown_away(token);
                continue;
            }
            self.times.waited += token.granted_at.saturating_duration_since(since);
            if self.fetcher.observer.is_some() {
                let position = Position {
                    worker: self.worker.number,
                    attempt: self.number,
                    hop: hops,
                    is_replay: connection == Connection::Fresh,
                    waiting_since: since,
                };
                self.observed = Some(Observed::beginning(&position, in_flight, &token, self.now()));
            }
            let request = hop.as_ref().unwrap_or(request);
            match self.exchange(request, token, connection, &mut hops) {
                Ok(Next::Done(response)) => return Ok(response),
                Ok(Next::Replay) => {
                    connection = Connection::Fresh;
                    self.show(Then::Replay);
                }
                Ok(Next::Hop(next)) => {
                    (hop, connection) = (Some(next), Connection::Any);
                    self.show(Then::Redirect);
                }
                Err(error) => {
                    if let Some(observed) = &mut self.observed {
                        observed.failed(&error);
                    }
                    return Err(error);
                }
            }
            since = self.now();
        }
    }

    /// Shows the request that was made last, if somebody observes.
    fn show(&mut self, then: Then) {
        if let Some((observed, observer)) = self.observed.take().zip(self.fetcher.observer.as_deref()) {
            observed.show(observer, self.id, then);
        }
    }

    fn waited_since(&mut self, since: Instant) {
        self.times.waited += self.now().saturating_duration_since(since);
    }

    fn now(&self) -> Instant {
        self.fetcher.quota.clock().now()
    }

    /// What the answer says of the server's limits, if there was one.
    fn told(&self, token: Token, result: &Result<Reply, Failure>) -> Answered {
        let quota = &self.fetcher.quota;
        let head = match result {
            Ok(reply) => Some((reply.status, &reply.headers, &*reply.excerpt)),
            Err(failure) => failure.head.as_deref().map(|(status, headers)| (*status, headers, &[][..])),
        };
        match head {
            Some((status, headers, body)) => quota.answered(token, self.id, status, headers, body),
            None => {
                quota.unanswered(token);
                Answered::default()
            }
        }
    }

    fn exchange(
        &mut self,
        request: &Prepared<'a>,
        token: Token,
        connection: Connection,
        hops: &mut u32,
    ) -> Result<Next<'a>, Error> {
        let accept = |status: StatusCode| (self.fetcher.accept_status)(status.as_u16());
        let wire = Wire {
            tether: self.worker.tether,
            watchdog: self.worker.watchdog,
            call_deadline: self.worker.cancel.deadline(),
            wanted: &accept,
            fresh: connection == Connection::Fresh,
            measured: self.observed.as_deref().map(|observed| &observed.measured),
        };
        let Prepared { method, uri, headers, body } = request;
        let start = Instant::now();
        let result = self.fetcher.http.exchange(Outgoing { method, uri, headers, body }, &wire);
        self.times.latency += start.elapsed();
        self.answered = self.told(token, &result);
        if let Some(observed) = &mut self.observed {
            observed.ended(&result, self.answered.pause.take());
        }
        match result {
            Ok(Reply { status, headers, body: Some(body), .. }) => {
                Ok(Next::Done(Response { status, headers, body }))
            }
            Ok(reply) if is_redirect(reply.status) => self.redirect(request, reply, hops),
            Ok(reply) => Err(failure::status(reply, "")),
            Err(failure)
                if failure.stale && connection == Connection::Any && is_repeatable(method, headers) =>
            {
                emit(&Event::StaleConnection { user_id: self.id, attempt: self.number });
                self.sent = self.sent.max(failure.sent);
                Ok(Next::Replay)
            }
            Err(failure) => Err(failure::exchange(failure)),
        }
    }

    fn redirect(&mut self, request: &Prepared<'a>, reply: Reply, hops: &mut u32) -> Result<Next<'a>, Error> {
        if *hops >= self.fetcher.max_redirects {
            return Err(failure::too_many_redirects(reply, self.fetcher.max_redirects));
        }
        match follow(request, reply.status, &reply.headers) {
            Ok(next) => {
                *hops += 1;
                self.sent = Sent::Yes;
                let status = reply.status.as_u16();
                emit(&Event::RedirectFollowed { user_id: self.id, attempt: self.number, status, hop: *hops });
                Ok(Next::Hop(next))
            }
            Err(why) => Err(failure::redirect(reply, why)),
        }
    }
}

impl Times {
    fn starting_now() -> Times {
        Times { taken_at: Instant::now(), waited: Duration::ZERO, latency: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use ureq::http::Request;

    use crate::{CancelToken, Error, ErrorKind, FanOutClient, Rate, Sent};

    /// What becomes of the ids `0..n`, in turn, against a server that answers each request on its one connection with
    /// the next of `answers` and then closes. There is a token for each of the answers, and none behind them.
    fn run(method: &'static str, n: u32, answers: &'static [&'static str]) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client =
            FanOutClient::from_requests(move |_| Request::builder().method(method).uri(&url).body("x"))
                .rate(Rate::new(1, Duration::from_secs(3_600)))
                .burst(u32::try_from(answers.len()).unwrap())
                .max_in_flight(1)
                .build()
                .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = listener.accept().unwrap().0;
                for answer in answers {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\nx") {
                        let mut byte = [0];
                        peer.read_exact(&mut byte).unwrap();
                        request.push(byte[0]);
                    }
                    peer.write_all(answer.as_bytes()).unwrap();
                }
            });
            let cancel = CancelToken::new().with_timeout(Duration::from_secs(60));
            client.fetch_all(&cancel, 0..n).unwrap_err()
        })
    }

    #[test]
    fn what_was_sent_before_a_redirect_or_a_replay_is_not_forgotten() {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        const SEE_OTHER: &str = "HTTP/1.1 303 See Other\r\nLocation: /done\r\nContent-Length: 0\r\n\r\n";
        let error = run("POST", 1, &[SEE_OTHER]);
        assert_eq!((error.kind(), error.sent()), (ErrorKind::DeadlineExceeded, Sent::Yes), "{error}");
        let error = run("PUT", 2, &[OK, ""]);
        assert_eq!((error.kind(), error.sent()), (ErrorKind::DeadlineExceeded, Sent::Maybe), "{error}");
    }
}
