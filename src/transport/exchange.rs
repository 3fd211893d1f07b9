//! Runs one request: one hop, no redirect, no token, no retry.
//!
//! Everything that the worker blocks in meanwhile is tied to its tether, and the watchdog cuts it at its deadline: at
//! first the earliest of the connect's, the exchange's and the call's; once TCP is up, and the tunnel through a proxy
//! (at once, on a connection that is up already), without the connect's.
//!
//! An exchange that was cut has failed, whatever else it says: a response that seems whole may have been cut short,
//! and one that is whole came too late.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use ureq::Body;
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
    USER_AGENT,
};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response};

use crate::cancel::{Cut, Line};
use crate::error::Sent;

use super::current::{self, Current, Ended, Over};
use super::failure::{Failure, Head, Limits};
use super::progress::Phase;
use super::proxy::{Proxy, Route};
use super::stopwatch::Stopwatch;
use super::target::Target;
use super::{HttpClient, MAX_HEAD, Outgoing, Reply, Wire};

/// How much is allocated for a body because its head says so. What is larger grows as it comes.
const MAX_PREALLOCATED: u64 = 1024 * 1024;

/// ureq's error, and the head if there was one.
type Failed = (ureq::Error, Option<Box<Head>>);

impl HttpClient {
    /// Sends one request, and waits for its reply. Comes back at once when the tether is cut.
    pub(crate) fn exchange(&self, request: Outgoing<'_>, on: &Wire<'_>) -> Result<Reply, Failure> {
        let target = self.check(request).map_err(Failure::unsendable)?;
        let limits = self.limits();
        let proxy = self.proxies.on_the_way_to(target);
        let route = Route { target, proxy: proxy.map(|proxy| &**proxy) };

        let start = self.clock.now();
        let connect_by = start.checked_add(self.connect_timeout);
        let deadline = earlier(
            on.call_deadline.map(|at| (at, Cut::DeadlineExceeded)),
            start.checked_add(self.timeout).map(|at| (at, Cut::TimedOut)),
        );
        let ready = if on.fresh { None } else { self.idle.take(target, start) };
        let line = ready.as_ref().map(|connection| connection.socket.clone() as Arc<dyn Line>);
        let first = match line {
            Some(_) => deadline,
            None => earlier(deadline, connect_by.map(|at| (at, Cut::ConnectTimedOut))),
        };

        let mut exchange = Current::new(on.tether.clone(), proxy.cloned(), ready, connect_by, deadline);
        exchange.watch = on.measured.map(|_| Stopwatch::start(exchange.progress.phase, start));
        let guard = current::enter(exchange);
        let received = match on.tether.begin(line, first) {
            Ok(()) => {
                if let Some((at, _)) = first {
                    on.watchdog.tell(at);
                }
                self.run(request, proxy.filter(|_| !target.tls), on)
            }
            Err(_) => Err((Over::Cut.into(), None)),
        };
        let Ended { progress, cut, kept, watch } = guard.end();
        if let Some((watch, measured)) = watch.zip(on.measured) {
            watch.stop(progress, measured);
        }
        if let Some(cut) = cut {
            let head = match received {
                Ok(reply) => Some(Box::new((reply.status, reply.headers))),
                Err((_, head)) => head,
            };
            return Err(Failure::cut(cut, route, progress, limits).with_head(head));
        }
        if let Some(connection) = kept {
            self.idle.give_back(connection, self.clock.now());
        }
        received.map_err(|(error, head)| Failure::of(error, route, progress, limits).with_head(head))
    }

    /// Gives `headers` those that every request has, where they are missing. [`exchange`](HttpClient::exchange) does
    /// so too; a map that is used for many requests is quicker if it has them already.
    pub(crate) fn add_default_headers(&self, headers: &mut HeaderMap) {
        // Asked first: `entry` makes room before it looks.
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, self.user_agent.clone());
        }
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        }
        if !headers.contains_key(ACCEPT_ENCODING) {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }

    /// The part of it that ureq does. The connection is given back, or closed, when it returns.
    fn run(
        &self,
        request: Outgoing<'_>,
        forwarder: Option<&Arc<Proxy>>,
        on: &Wire<'_>,
    ) -> Result<Reply, Failed> {
        let response = self.send(request, forwarder).map_err(|error| (error, None))?;
        let (head, mut body) = response.into_parts();
        let (status, headers) = (head.status, head.headers);
        let reading = current::with(|exchange| {
            exchange.enter(Phase::Reading);
            exchange.progress.sent = Sent::Yes;
            exchange.let_go
        });
        if !(on.wanted)(status) {
            let excerpt = what_has_come(body);
            return Ok(Reply { status, headers, body: None, excerpt, forwarder: forwarder.cloned() });
        }
        let bytes = match reading {
            // There is no body (a HEAD, a 204, a length of 0), and so nothing to unpack, even if a header says gzip.
            Ok(true) => Ok(Vec::new()),
            Ok(false) => read(&mut body, self.max_body),
            Err(over) => Err(over),
        };
        match bytes {
            Ok(bytes) => {
                Ok(Reply { status, headers, body: Some(bytes), excerpt: Vec::new(), forwarder: None })
            }
            Err(error) => Err((error, Some(Box::new((status, headers))))),
        }
    }

    fn send(
        &self,
        request: Outgoing<'_>,
        forwarder: Option<&Arc<Proxy>>,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut outgoing = Request::new(());
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.uri.clone();
        let mut headers = request.headers.clone();
        self.add_default_headers(&mut headers);
        if let Some(authorization) = forwarder.and_then(|proxy| proxy.authorization.as_ref()) {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        *outgoing.headers_mut() = headers;
        // An empty body is none, but where one is expected it is announced as empty.
        let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(request.method);
        if request.body.is_empty() && !expects_body {
            self.agent.run(outgoing)
        } else {
            self.agent.run(outgoing.map(|()| request.body))
        }
    }

    /// Where the request goes, or why it cannot. What ureq would find out while it sends is found out here, before a
    /// byte has gone. And ureq believes what the headers say about the length of the body, and waits for the rest of
    /// it; so they must say the truth, or nothing.
    fn check<'a>(&self, request: Outgoing<'a>) -> Result<Target<'a>, &'static str> {
        let target =
            Target::of(request.uri).ok_or("the URL is not an absolute http or https URL with a host")?;
        if request.headers.contains_key(TRANSFER_ENCODING) {
            return Err("a request cannot have a `transfer-encoding` header");
        }
        if request.headers.get_all(HOST).iter().count() > 1 {
            return Err("a request cannot have two `host` headers");
        }
        for name in [HOST, AUTHORIZATION] {
            let mut values = request.headers.get_all(name).iter();
            if values.any(|value| value.to_str().is_err()) {
                return Err("a `host` or `authorization` header has characters that are not ASCII");
            }
        }
        for length in request.headers.get_all(CONTENT_LENGTH) {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            if length != Some(request.body.len()) {
                return Err("the `content-length` header is not the length of the body");
            }
        }
        let path = request.uri.path_and_query().map_or(1, |path| path.as_str().len());
        let first_line = request.method.as_str().len() + path + "  HTTP/1.1\r\n".len();
        let host_line = target.host.len() + "host: []:65535\r\n".len();
        let lines =
            request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
        if lines.chain([first_line, host_line]).any(|line| line > self.longest_line) {
            return Err("the URL or a header is longer than was provided for");
        }
        Ok(target)
    }

    fn limits(&self) -> Limits {
        Limits {
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            stall_timeout: self.stall_timeout,
            max_body: self.max_body,
        }
    }
}

fn earlier(one: Option<(Instant, Cut)>, other: Option<(Instant, Cut)>) -> Option<(Instant, Cut)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Reads the body to its end, also where its length is known: only then is the connection given back.
fn read(body: &mut Body, max: u64) -> Result<Vec<u8>, ureq::Error> {
    let announced = body.content_length().unwrap_or(0); // none if it is encoded
    if announced > max {
        return Err(ureq::Error::BodyExceedsLimit(max));
    }
    let capacity = usize::try_from(announced.min(MAX_PREALLOCATED)).unwrap_or(0);
    let mut bytes = vec![0; capacity];
    let mut reader = body.with_config().limit(max).reader();
    let mut length = 0;
    // In one piece, if it comes in one: `read_to_end` would ask for 8 KiB at a time.
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room)? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    // What was not announced; and the end itself.
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Nobody waits for a body that is not wanted. But if all of it has arrived together with the head, to consume it
/// costs nothing, and saves the connection. `no_wait` is seen by the innermost transport, below TLS: what that has
/// decrypted already can be read, and a read of the socket fails. (The limit is for what unpacks to more than it is.)
fn what_has_come(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    if current::with(|exchange| exchange.no_wait = true).is_ok() {
        let mut reader = body.with_config().limit(MAX_HEAD as u64).reader();
        // It fails where more would have to be waited for, and has handed out by then what there was.
        let _ = io::copy(&mut reader, &mut bytes);
    }
    bytes
}
