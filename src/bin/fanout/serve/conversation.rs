//! One connection: its requests are read, let in or refused, and answered or spoiled, one after the other.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::SockRef;

use super::answer::Answer;
use super::api::Api;
use super::faults::Fault;
use super::gate::Entry;
use super::request::{Body, Request};

/// A connection that sends nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// Of a body that is not read, so many bytes are taken in before the connection is closed, and none after such a pause.
const MAX_DRAINED: u64 = 1024 * 1024;
const DRAINING: Duration = Duration::from_secs(2);

/// What goes over the wire, and what becomes of the connection.
struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
    Reset,
}

/// Holds it to its end. An error is an end, too.
pub(super) fn converse(api: &Api, mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let entry = api.gate.enter();
        let body = request.body(&mut reader, stream)?;
        let is_read = matches!(body, Body::Whole(_));
        let Some(reply) = reply(api, &request, body, entry, stream) else {
            return Ok(());
        };
        stream.write_all(&reply.bytes)?;
        match reply.then {
            Then::GoOn => {}
            Then::Close if is_read => return Ok(()),
            Then::Close => return drain(reader, stream),
            // To close the socket is then to reset the connection.
            Then::Reset => return SockRef::from(stream).set_linger(Some(Duration::ZERO)),
        }
    }
    Ok(())
}

/// The reply; nothing if none will ever come.
fn reply(api: &Api, request: &Request, body: Body, entry: Entry<'_>, stream: &TcpStream) -> Option<Reply> {
    let dialect = api.settings.dialect;
    let to_head = request.is_head();
    let closes = request.closes || !matches!(body, Body::Whole(_));
    let then = if closes { Then::Close } else { Then::GoOn };
    let (answer, fault) = match entry.verdict {
        Err(refusal) => (dialect.refusal(refusal), None),
        // It gives its place back at the end of this arm, before anything is written.
        Ok(_admitted) => work(api, request, body, stream)?,
    };
    let told = || dialect.tell(answer, entry.account, api.gate.clock().second(Instant::now()));
    let spoiled = |status| Answer::new(status, r#"{"error":"a fault"}"#).bytes(to_head, closes);
    Some(match fault {
        None => Reply { bytes: told().bytes(to_head, closes), then },
        Some(Fault::Unavailable) => Reply { bytes: spoiled(503), then },
        Some(Fault::BadGateway) => Reply { bytes: spoiled(502), then },
        Some(Fault::NoAnswer) => Reply { bytes: Vec::new(), then: Then::Close },
        Some(Fault::Cut) => Reply { bytes: told().cut_bytes(to_head), then: Then::Close },
        Some(Fault::Reset) => Reply { bytes: told().cut_bytes(to_head), then: Then::Reset },
    })
}

/// Takes its time over a request that was let in. Then there is its answer, and how it is to be spoiled; or nothing, if
/// it is kept waiting to the end of the connection or of the server.
fn work(api: &Api, request: &Request, body: Body, stream: &TcpStream) -> Option<(Answer, Option<Fault>)> {
    let settings = &api.settings;
    let fault = fault(api, request);
    if request.id.as_ref().is_some_and(|id| settings.hanging.contains(id)) {
        until_closed(stream);
        return None;
    }
    if !settings.latency.is_zero() && api.has_stopped(settings.latency) {
        return None;
    }
    Some((answer(api, request, body), fault))
}

/// How a request that was let in is spoiled. An id for which something else is asked is left to that.
fn fault(api: &Api, request: &Request) -> Option<Fault> {
    let settings = &api.settings;
    let id = request.id.as_deref()?;
    if settings.hanging.contains(id) || settings.statuses.contains_key(id) {
        return None;
    }
    let fault = api.faults.draw(id)?;
    api.gate.count_fault();
    Some(fault)
}

fn answer(api: &Api, request: &Request, body: Body) -> Answer {
    let body = match body {
        Body::Whole(body) => body,
        Body::TooLarge => return Answer::new(413, r#"{"error":"a body of more than 64 KiB is not read"}"#),
        Body::Unmeasured => return Answer::new(411, r#"{"error":"a body needs one Content-Length"}"#),
    };
    let Some(id) = &request.id else {
        return Answer::new(404, r#"{"error":"only /users/{id}/widgets is here"}"#);
    };
    match api.settings.statuses.get(id) {
        Some(status) => Answer::new(*status, r#"{"error":"as asked"}"#),
        None => Answer::new(200, widgets(id, &request.method, &body)),
    }
}

/// The answer to GET; that to others says in addition what was sent.
fn widgets(id: &str, method: &str, data: &[u8]) -> String {
    let widgets = ["gear", "lever"].map(|kind| json!({ "kind": kind, "name": format!("{kind} of {id}") }));
    // `json!` puts the members in alphabetical order, which happens to be ours.
    match (method, data) {
        ("GET" | "HEAD", []) => json!({ "user": id, "widgets": widgets }),
        _ => {
            let data = String::from_utf8_lossy(data);
            json!({ "data": data, "method": method, "user": id, "widgets": widgets })
        }
    }
    .to_string()
}

/// Takes in what still comes of a body that is not read. A connection that is closed before that is reset, and the
/// answer may be lost.
fn drain(reader: impl Read, stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(DRAINING))?;
    io::copy(&mut reader.take(MAX_DRAINED), &mut io::sink()).map(|_| ())
}

/// Waits until the other side goes, or the server ends and shuts the socket down.
fn until_closed(mut stream: &TcpStream) {
    let mut ignored = [0; 1024];
    loop {
        match stream.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            // The read timeout is for idle connections; this one is kept waiting.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
