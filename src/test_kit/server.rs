//! The server: a listener, a thread for each connection, and an end that waits for all of them.
//!
//! # How it ends
//!
//! 1. The sender of [`End`] is dropped: whoever waits for a gate, a time or a drip is woken.
//! 2. The sockets are shut down, and no more are taken on: whoever reads or writes is woken.
//! 3. The listener is shut down and connected to: `accept` returns.
//! 4. Its thread is joined, which has joined those of the connections: they are scoped threads of it.
//!
//! A connection that was accepted before 2 is in the registry, and shut down there; one that comes later is not
//! taken on, since both look under one lock.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle, Scope};
use std::time::Duration;

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use socket2::SockRef;

use crate::limiter::TokenBucket;

use super::connection::{Farewell, Service};
use super::gate::End;
use super::log::Log;
use super::request::Request;
use super::script::Script;

/// How many connections a [`Server`] has at the same time: 2,048, twice as many as a client has requests in flight at
/// most. Further ones are closed at once.
pub const MAX_CONNECTIONS: usize = 2_048;

/// After a failed `accept` (no file descriptor is free, say), the next comes so much later.
const BREATH: Duration = Duration::from_millis(20);

/// A scripted HTTP server on 127.0.0.1, at a free port, with a thread for each connection.
///
/// When it is dropped, every connection is closed and every thread has been joined, at once, whatever it hangs in.
/// (A closure of the script's that is running is waited for.)
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Arc<TcpListener>,
    /// The end has come when this is dropped.
    running: Option<Sender<Infallible>>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    service: Service,
    max_connections: usize,
    sockets: Mutex<Sockets>,
}

/// What is to be shut down at the end, by the number of the connection.
#[derive(Default)]
struct Sockets {
    open: HashMap<usize, Arc<TcpStream>>,
    is_over: bool,
}

impl Server {
    /// Starts a server that does what the script says.
    ///
    /// # Panics
    ///
    /// If there is no port or no thread to be had, and if the [`quota`](Script::quota) is none: a rate or a burst
    /// of 0.
    #[must_use]
    #[track_caller]
    pub fn start(script: impl FnOnce(Script) -> Script) -> Server {
        Server::begin(script(Script::new()), MAX_CONNECTIONS)
    }

    #[track_caller]
    fn begin(script: Script, max_connections: usize) -> Server {
        let now = script.clock.now();
        let quota = script.quota.map(|(rate, burst)| TokenBucket::new(rate, burst, now));
        let quota = or_fail(quota.transpose(), "the quota");
        let log = Log::new(script.clock.clone(), quota, script.max_in_flight);
        let listener = Arc::new(or_fail(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), "no port"));
        let address = or_fail(listener.local_addr(), "no address");
        let (running, end) = End::new();
        let service = Service { script, log, end };
        let shared = Arc::new(Shared { service, max_connections, sockets: Mutex::default() });
        let (accepts, takes) = (listener.clone(), shared.clone());
        let thread = thread::Builder::new().name("test server".to_owned());
        let accepting = or_fail(thread.spawn(move || takes.accept(&accepts)), "no thread");
        Server { address, shared, listener, running: Some(running), accepting: Some(accepting) }
    }

    /// The URL template of its ids, for [`FanOutClient::builder`](crate::FanOutClient::builder):
    /// `http://127.0.0.1:PORT/{id}`, or what the script says with [`at`](Script::at).
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.service.script.place.template())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests in the order of their arrival, those that were refused among them; the first [`MAX_REMEMBERED`]
    /// if there are more.
    ///
    /// [`MAX_REMEMBERED`]: super::MAX_REMEMBERED
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.service.log.requests()
    }

    /// Those for an id (the text of it, not percent-encoded).
    #[must_use]
    pub fn requests_for(&self, id: &str) -> Vec<Request> {
        let is_for_it = |request: &&Request| request.id.as_deref() == Some(id);
        self.shared.service.log.look(|requests| requests.iter().filter(is_for_it).cloned().collect())
    }

    /// How many requests there were for each id.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.shared.service.log.look(|requests| {
            for id in requests.iter().filter_map(|request| request.id.as_ref()) {
                *counts.entry(id.clone()).or_default() += 1;
            }
        });
        counts
    }

    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.service.log.figures().requests
    }

    /// How many of them went beyond the [`quota`](Script::quota) or the cap on what is
    /// [in flight](Script::max_in_flight).
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.service.log.figures().refused
    }

    /// The most requests that had arrived and not been answered at the same time.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.service.log.figures().most_in_flight
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.service.log.figures().connections
    }

    /// Waits until at least `count` requests have arrived, but no longer than `timeout`; returns all that have come.
    /// This is the hand-shake of a test with what it has started on other threads.
    #[must_use]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> Vec<Request> {
        self.shared.service.log.wait_for(count, timeout)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.running.take());
        let open = {
            let mut sockets = self.shared.sockets.lock();
            sockets.is_over = true;
            std::mem::take(&mut sockets.open)
        };
        for stream in open.values() {
            // It fails for one that has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // On Linux, the first of these wakes `accept`; elsewhere, the second. If neither can be done, the thread is
        // left to the end of the process.
        let is_shut = SockRef::from(&*self.listener).shutdown(Shutdown::Both).is_ok();
        if TcpStream::connect(self.address).is_ok() || is_shut {
            let _ = self.accepting.take().map(JoinHandle::join);
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            while !self.service.end.has_come() {
                match listener.accept() {
                    Ok((stream, _)) => self.take(scope, Arc::new(stream)),
                    Err(_) => {
                        self.service.end.outlasts(BREATH);
                    }
                }
            }
        });
    }

    /// Gives the connection a thread, or closes it.
    fn take<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, stream: Arc<TcpStream>) {
        let number = {
            let mut sockets = self.sockets.lock();
            if sockets.is_over {
                return;
            }
            let number = self.service.log.connect();
            if sockets.open.len() >= self.max_connections {
                return;
            }
            sockets.open.insert(number, stream.clone());
            number
        };
        let conversation = move || {
            // Each piece of an answer goes out when it is due.
            let _ = stream.set_nodelay(true);
            let farewell = self.service.converse(&stream, number);
            if farewell == Farewell::Reset {
                let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            }
            self.sockets.lock().open.remove(&number);
        };
        if thread::Builder::new()
            .name("test connection".to_owned())
            .spawn_scoped(scope, conversation)
            .is_err()
        {
            self.sockets.lock().open.remove(&number);
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("figures", &self.shared.service.log.figures())
            .finish_non_exhaustive()
    }
}

/// A test that has no server has failed.
#[track_caller]
#[expect(clippy::panic, reason = "this is for tests, and a test fails by a panic")]
fn or_fail<T, E: fmt::Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the test server cannot be started: {what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::Rate;

    /// A connection that is never waited for for ever.
    fn connect(server: &Server) -> TcpStream {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    #[test]
    fn one_connection_too_many_is_closed_at_once() {
        let server = Server::begin(Script::new(), 1);
        let (mut first, mut second) = (connect(&server), connect(&server));
        assert_eq!(second.read(&mut [0; 1]).unwrap(), 0);
        first.write_all(b"GET /7 HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        first.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\n7"), "{answer}");
        assert_eq!((server.connections(), server.count()), (2, 1));
    }

    #[test]
    fn a_server_may_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Server>();
        shared::<super::super::Gate>();
    }

    #[test]
    #[should_panic(expected = "the quota: a burst of 0")]
    fn a_quota_that_is_none_is_refused() {
        let _ = Server::start(|script| script.quota(Rate::per_second(1), 0));
    }
}
