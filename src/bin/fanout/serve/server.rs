//! The listener and its connections, a thread each.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use serde_json::json;

use super::Settings;
use super::gate::{Gate, Seen};
use super::request::{Request, answer};

/// So many connections at the same time; further ones are closed at once.
const MAX_CONNECTIONS: usize = 2048;

/// A connection that sends nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// After a failed `accept` (no file descriptor is free, say), the next comes so much later.
const BREATH: Duration = Duration::from_millis(20);

/// A server that runs until it is stopped or dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Whoever waits by the other end is woken when this is dropped.
    running: Option<Sender<()>>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    settings: Settings,
    gate: Gate,
    stopped: Receiver<()>,
    connections: Mutex<Connections>,
}

/// The sockets to shut down at the end, by number.
#[derive(Default)]
struct Connections {
    last: u64,
    open: HashMap<u64, Arc<TcpStream>>,
    closed: bool,
}

impl Server {
    /// Listens on 127.0.0.1.
    pub(crate) fn start(settings: Settings) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))?;
        let address = listener.local_addr()?;
        let gate = Gate::new(&settings, Instant::now()).map_err(io::Error::other)?;
        let (running, stopped) = bounded(0);
        let shared = Arc::new(Shared { settings, gate, stopped, connections: Mutex::default() });
        let accepting = shared.clone();
        let listener =
            thread::Builder::new().name("listener".to_owned()).spawn(move || accepting.accept(&listener))?;
        Ok(Server { address, shared, running: Some(running), listener: Some(listener) })
    }

    /// Where an id is answered.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/users/{{id}}/widgets", self.address)
    }

    /// Ends every connection, and says what was seen.
    pub(crate) fn stop(self) -> Seen {
        self.shared.gate.seen()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.running.take());
        let open = {
            let mut connections = self.shared.connections.lock();
            connections.closed = true;
            std::mem::take(&mut connections.open)
        };
        for stream in open.values() {
            // It fails for one that has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes `accept`. If that is not possible, the thread is left to the end of the process.
        if TcpStream::connect(self.address).is_ok() {
            let _ = self.listener.take().map(JoinHandle::join);
        }
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while !self.has_stopped(Duration::ZERO) {
            match listener.accept() {
                Ok((stream, _)) => self.clone().take(Arc::new(stream)),
                Err(_) if self.has_stopped(BREATH) => return,
                Err(_) => {}
            }
        }
    }

    /// Waits for `time`, but not beyond the end of the server; whether that has come.
    fn has_stopped(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }

    /// Gives the connection a thread, or closes it.
    fn take(self: Arc<Self>, stream: Arc<TcpStream>) {
        let number = {
            let mut connections = self.connections.lock();
            if connections.closed || connections.open.len() >= MAX_CONNECTIONS {
                return;
            }
            connections.last += 1;
            let number = connections.last;
            connections.open.insert(number, stream.clone());
            number
        };
        let shared = self.clone();
        let conversation = move || {
            // An error is the end of the connection, and nobody else's concern.
            let _ = shared.converse(&stream);
            shared.connections.lock().open.remove(&number);
        };
        if thread::Builder::new().name("connection".to_owned()).spawn(conversation).is_err() {
            self.connections.lock().open.remove(&number);
        }
    }

    fn converse(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IDLE))?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            let Some(answer) = self.answer(&request, stream) else {
                return Ok(());
            };
            stream.write_all(&answer)?;
            if request.closes {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The answer; nothing if none will ever come.
    fn answer(&self, request: &Request, stream: &TcpStream) -> Option<Vec<u8>> {
        let closes = request.closes;
        let admitted = match self.gate.enter() {
            Ok(admitted) => admitted,
            Err(seconds) => {
                let header = format!("retry-after: {seconds}\r\n");
                return Some(answer(429, &header, closes, r#"{"error":"over the quota"}"#));
            }
        };
        let id = request.id.as_deref().unwrap_or_default();
        if self.settings.hanging.contains(id) {
            until_closed(stream);
            return None;
        }
        if !self.settings.latency.is_zero() && self.has_stopped(self.settings.latency) {
            return None;
        }
        let status = self.settings.statuses.get(id).copied();
        let answer = match (request.method.as_str(), &request.id, status) {
            ("GET", None, _) => answer(404, "", closes, r#"{"error":"only /users/{id}/widgets is here"}"#),
            ("GET", Some(id), None) => answer(200, "", closes, &widgets(id)),
            ("GET", Some(_), Some(status)) => answer(status, "", closes, r#"{"error":"as asked"}"#),
            _ => answer(405, "allow: GET\r\n", closes, r#"{"error":"only GET is here"}"#),
        };
        drop(admitted);
        Some(answer)
    }
}

fn widgets(id: &str) -> String {
    let widgets = ["gear", "lever"].map(|kind| json!({ "kind": kind, "name": format!("{kind} of {id}") }));
    // `json!` puts the members in alphabetical order, which happens to be ours.
    json!({ "user": id, "widgets": widgets }).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quota;
    use crate::values::rate;

    fn settings() -> Settings {
        Settings::new(Quota::new(rate::parse("1/m").unwrap(), Some(2)))
    }

    fn ask(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_answers_within_the_quota_and_refuses_beyond() {
        let server = Server::start(settings()).unwrap();
        let first = ask(&server, "/users/7/widgets");
        assert!(
            first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains(r#"{"user":"7","widgets":[{"#),
            "{first}"
        );
        assert!(ask(&server, "/elsewhere").starts_with("HTTP/1.1 404 "));
        let third = ask(&server, "/users/7/widgets");
        assert!(third.starts_with("HTTP/1.1 429 ") && third.contains("\r\nretry-after: 60\r\n"), "{third}");
        let seen = server.stop();
        assert_eq!((seen.requests, seen.refused), (3, 1));
    }

    #[test]
    fn faults_are_as_asked() {
        let mut settings = settings();
        settings.statuses.insert("7".to_owned(), 500);
        settings.statuses.insert("8".to_owned(), 404);
        let server = Server::start(settings).unwrap();
        assert!(ask(&server, "/users/7/widgets").starts_with("HTTP/1.1 500 "));
        assert!(ask(&server, "/users/8/widgets").starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn a_stop_ends_what_hangs_and_what_takes_its_time() {
        let mut settings = settings();
        settings.latency = Duration::from_secs(3_600);
        settings.hanging.insert("7".to_owned());
        let server = Server::start(settings).unwrap();
        let streams = ["7", "8"].map(|id| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            write!(stream, "GET /users/{id}/widgets HTTP/1.1\r\n\r\n").unwrap();
            stream
        });
        drop(server);
        for mut stream in streams {
            // The end, or a reset: the connection was not yet accepted.
            assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
        }
    }
}
