//! A server whose every move is the test's.
//!
//! [`Server::start`] hands each request to the test, with its connection: to hold a [`Request`] is to let the
//! client hang. [`Server::answering`] answers by itself, a thread for each connection. Both count.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Condvar, Mutex};

use super::conn::Conn;
use super::nowhere::knock;
use super::{Answer, GUARD, Tls};

/// How many requests a server remembers; it counts them all.
const MOST_REMEMBERED: usize = 10_000;

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    requests: Receiver<Request>,
}

struct Shared {
    style: Style,
    tls: Option<&'static Tls>,
    state: Mutex<State>,
    changed: Condvar,
}

enum Style {
    Scripted(Sender<Request>),
    Answering(Box<dyn Fn(&Asked) -> Answer + Send + Sync>),
}

#[derive(Default)]
struct State {
    stopping: bool,
    connections: usize,
    closed: usize,
    requests: usize,
    in_flight: usize,
    most_in_flight: usize,
    /// Threads that read, or have yet to begin.
    readers: usize,
    accepted_last: Option<SocketAddr>,
    seen: Vec<(String, Instant)>,
}

/// What a client asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query, as they came over the wire.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) arrived: Instant,
    /// Which connection it came on; the first is 1.
    pub(crate) connection: usize,
}

/// A request that waits for its answer. While it is held, the client hangs; when it is dropped, the
/// connection is closed.
pub(crate) struct Request {
    asked: Asked,
    conn: Conn,
    shared: Arc<Shared>,
}

impl Server {
    /// A server that hands its requests to the test: [`Server::next`].
    pub(crate) fn start() -> Server {
        let (sender, requests) = unbounded();
        Server::new(Style::Scripted(sender), requests, None)
    }

    /// The same over TLS, at `https://localhost`.
    pub(crate) fn start_tls() -> Server {
        let (sender, requests) = unbounded();
        Server::new(Style::Scripted(sender), requests, Some(Tls::get()))
    }

    /// A server that answers by itself.
    pub(crate) fn answering(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        Server::new(Style::Answering(Box::new(answer)), unbounded().1, None)
    }

    /// A server that answers each request with its own id.
    pub(crate) fn echo() -> Server {
        Server::answering(|asked| Answer::ok(asked.id()))
    }

    fn new(style: Style, requests: Receiver<Request>, tls: Option<&'static Tls>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { style, tls, state: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Server { addr, shared, requests }
    }

    /// The URL template of its ids: `http://127.0.0.1:PORT/{id}`.
    pub(crate) fn url(&self) -> String {
        self.at("/{id}")
    }

    /// A URL of this server.
    pub(crate) fn at(&self, target: &str) -> String {
        match self.shared.tls {
            None => format!("http://{}{target}", self.addr),
            Some(_) => format!("https://localhost:{}{target}", self.addr.port()),
        }
    }

    /// The next request. Fails the test if none comes.
    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(GUARD).expect("a request should have come long ago")
    }

    /// The next `count` requests, by id.
    #[track_caller]
    pub(crate) fn take(&self, count: usize) -> BTreeMap<String, Request> {
        let requests: Vec<Request> = (0..count).map(|_| self.next()).collect();
        requests.into_iter().map(|request| (request.id().to_owned(), request)).collect()
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state.lock().connections
    }

    /// How many connections the client has closed between two requests.
    pub(crate) fn closed(&self) -> usize {
        self.shared.state.lock().closed
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> usize {
        self.shared.state.lock().requests
    }

    /// How many requests an answering server had in hand at once, at most.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.shared.state.lock().most_in_flight
    }

    /// The ids and instants of the first [`MOST_REMEMBERED`] requests, as they came.
    pub(crate) fn seen(&self) -> Vec<(String, Instant)> {
        self.shared.state.lock().seen.clone()
    }

    /// The ids of `seen`.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.seen().into_iter().map(|(id, _)| id).collect()
    }

    /// Waits until everything that was sent has been read, and tells how many requests there were. The client
    /// must have been dropped, so that its connections are closed; a request in the test's hands counts, and
    /// is not waited for.
    #[track_caller]
    pub(crate) fn finish(&self) -> usize {
        // Connections are accepted in order: after this one, all before it have been.
        let marker = TcpStream::connect(self.addr).unwrap();
        let marked = marker.local_addr().ok();
        self.wait_until("the marker is accepted", |state| state.accepted_last == marked);
        drop(marker);
        self.wait_until("all is read", |state| state.readers == 0);
        self.shared
            .change(|state| (state.connections, state.closed) = (state.connections - 1, state.closed - 1));
        self.requests()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let mut state = self.shared.state.lock();
        let end = Instant::now() + GUARD;
        while !is_so(&state) {
            let timed_out = self.shared.changed.wait_until(&mut state, end).timed_out();
            assert!(!timed_out, "the server waited in vain until {what}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        knock(self.addr);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((socket, peer)) = listener.accept() {
        let mut state = shared.state.lock();
        if state.stopping {
            return;
        }
        state.connections += 1;
        state.readers += 1;
        state.accepted_last = Some(peer);
        let number = state.connections;
        drop(state);
        shared.changed.notify_all();
        read_on(shared, Conn::new(socket, shared.tls.map(Tls::accept), number));
    }
}

/// Reads what comes next on the connection, on a thread of its own, which has been counted as a reader.
fn read_on(shared: &Arc<Shared>, conn: Conn) {
    let shared = shared.clone();
    let reader = thread::Builder::new().stack_size(1024 * 1024);
    let reading = move || {
        match &shared.style {
            Style::Scripted(requests) => hand_over(&shared, conn, requests),
            Style::Answering(answer) => serve(&shared, conn, answer),
        }
        shared.change(|state| state.readers -= 1);
    };
    reader.spawn(reading).unwrap();
}

fn hand_over(shared: &Arc<Shared>, mut conn: Conn, requests: &Sender<Request>) {
    match conn.read_request() {
        Some(asked) => {
            shared.remember(&asked);
            // Nobody listens any more if the test is over.
            let _ = requests.send(Request { asked, conn, shared: shared.clone() });
        }
        None => shared.change(|state| state.closed += 1),
    }
}

fn serve(shared: &Shared, mut conn: Conn, answer: impl Fn(&Asked) -> Answer) {
    while let Some(asked) = conn.read_request() {
        shared.remember(&asked);
        let answer = answer(&asked);
        // Counted out before it is answered: the client may send the next one at once.
        shared.change(|state| state.in_flight -= 1);
        conn.send(&answer.bytes());
        if !answer.keeps_alive() {
            return;
        }
    }
    shared.change(|state| state.closed += 1);
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn remember(&self, asked: &Asked) {
        self.change(|state| {
            state.requests += 1;
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            if state.seen.len() < MOST_REMEMBERED {
                state.seen.push((asked.id().to_owned(), asked.arrived));
            }
        });
    }
}

impl Asked {
    pub(super) fn parse(head: &str, arrived: Instant, connection: usize) -> Asked {
        let mut lines = head.trim_end().split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Asked { method, target, headers: headers.collect(), body: Vec::new(), arrived, connection }
    }

    /// The last segment of the path, as it came over the wire.
    pub(crate) fn id(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// The value of a header, if it was sent; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Deref for Request {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl Request {
    /// Answers, and goes on to read the next request on the same connection.
    pub(crate) fn answer(self, status: u16, body: &str) {
        self.reply(&Answer::status(status).body(body));
    }

    /// Answers, and closes the connection if the answer ends with it.
    pub(crate) fn reply(mut self, answer: &Answer) {
        self.conn.send(&answer.bytes());
        if answer.keeps_alive() {
            self.read_on();
        } else {
            self.close();
        }
    }

    /// Sends something, and keeps the client waiting for more.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.conn.send(bytes.as_ref());
    }

    /// Goes on to read the next request, after an answer that was sent by hand.
    pub(crate) fn read_on(self) {
        self.shared.change(|state| state.readers += 1);
        read_on(&self.shared, self.conn);
    }

    /// Ends the connection in good order; over TLS with a `close_notify`.
    pub(crate) fn close(mut self) {
        self.conn.close_notify();
    }

    /// Ends the connection; over TLS without a `close_notify`, as an attacker can.
    pub(crate) fn cut(self) {
        drop(self.conn);
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.conn.reset();
    }

    /// Blocks until the client has closed the connection: the proof that a request was cut.
    #[track_caller]
    pub(crate) fn wait_closed_by_peer(&mut self) {
        self.conn.wait_closed_by_peer();
    }
}
