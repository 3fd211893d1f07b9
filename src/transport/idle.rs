//! Connections that wait for their next request.
//!
//! ureq has a pool of its own, which stays empty: it probes each connection twice a request, and under its lock. Here
//! the lock is held for a few comparisons only. Whatever is thrown out is closed after it has been let go.
//!
//! A connection is in here only while it is tied to no tether: it is untied before it is given back, and tied again
//! after it has been taken. So a cut never reaches an idle connection, nor its next user's (`tether`, invariant 1).

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ureq::unversioned::transport::Transport;

#[cfg(target_os = "linux")]
use super::linux::is_quiet;
#[cfg(not(target_os = "linux"))]
use super::portable::is_quiet;
use super::target::{Endpoint, Target};

/// How long a connection may be idle. Many servers close theirs after 15 s or more; to send on one that is just being
/// closed costs a replay.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

/// A connection, between or during its requests.
pub(super) struct Connection {
    /// Our socket, and TLS round it if the endpoint asks for it.
    pub(super) transport: Box<dyn Transport>,
    /// The same socket, for being severed and probed.
    pub(super) socket: Arc<TcpStream>,
    pub(super) endpoint: Endpoint,
}

/// See the module's documentation.
pub(super) struct Idle {
    max: usize,
    /// The one that was given back last is at the back.
    connections: Mutex<VecDeque<(Instant, Connection)>>,
}

impl Idle {
    pub(super) fn new(max: usize) -> Idle {
        Idle { max, connections: Mutex::default() }
    }

    /// Takes the connection to `target` that was used last: the fewer are in use, the more the others age and go.
    ///
    /// Each is looked at first, however short a time it was idle. The three system calls are not for its age alone:
    /// what a server sends unasked (more of a body than it announced, a second answer) would be the answer to the
    /// next id.
    pub(super) fn take(&self, target: Target<'_>, now: Instant) -> Option<Connection> {
        loop {
            let connection = self.take_unprobed(target, now)?;
            if is_quiet(&connection.socket) {
                return Some(connection);
            }
        }
    }

    /// Gives a connection back. The oldest goes if there are too many.
    pub(super) fn give_back(&self, connection: Connection, now: Instant) {
        let mut connections = self.connections.lock();
        let too_old = drain_too_old(&mut connections, now);
        connections.push_back((now, connection));
        let too_many = if connections.len() > self.max { connections.pop_front() } else { None };
        drop(connections);
        drop((too_old, too_many)); // closes them: outside the lock
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.connections.lock().len()
    }

    fn take_unprobed(&self, target: Target<'_>, now: Instant) -> Option<Connection> {
        let mut connections = self.connections.lock();
        let too_old = drain_too_old(&mut connections, now);
        let newest = connections.iter().rposition(|(_, connection)| target.leads_to(&connection.endpoint));
        let taken = newest.and_then(|index| connections.remove(index));
        drop(connections);
        drop(too_old); // closes them: outside the lock
        taken.map(|(_, connection)| connection)
    }
}

/// They are in the order in which they were given back, so the too old are at the front. Clocks of several threads
/// may be a hair apart; a connection is then too old a hair later.
fn drain_too_old(connections: &mut VecDeque<(Instant, Connection)>, now: Instant) -> Vec<Connection> {
    let mut too_old = Vec::new(); // no allocation unless there are some
    while let Some((since, _)) = connections.front() {
        if now.saturating_duration_since(*since) <= MAX_IDLE_AGE {
            break;
        }
        too_old.extend(connections.pop_front().map(|(_, connection)| connection));
    }
    too_old
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    /// A transport that only lies in the pool.
    #[derive(Debug)]
    struct Lying;

    impl Transport for Lying {
        fn buffers(&mut self) -> &mut dyn ureq::unversioned::transport::Buffers {
            unreachable!("an idle connection is not read")
        }

        fn transmit_output(
            &mut self,
            _: usize,
            _: ureq::unversioned::transport::NextTimeout,
        ) -> Result<(), ureq::Error> {
            unreachable!("an idle connection is not written to")
        }

        fn await_input(&mut self, _: ureq::unversioned::transport::NextTimeout) -> Result<bool, ureq::Error> {
            unreachable!("an idle connection is not read")
        }

        fn is_open(&mut self) -> bool {
            unreachable!("an idle connection is asked by its socket")
        }
    }

    struct Server(TcpListener);

    impl Server {
        fn new() -> Server {
            Server(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        fn connect(&self, host: &str) -> (Connection, TcpStream) {
            let ours = TcpStream::connect(self.0.local_addr().unwrap()).unwrap();
            let endpoint = target(host).to_endpoint();
            (
                Connection { transport: Box::new(Lying), socket: Arc::new(ours), endpoint },
                self.0.accept().unwrap().0,
            )
        }
    }

    fn target(host: &str) -> Target<'_> {
        Target { tls: false, host, port: 80 }
    }

    fn port(connection: &Connection) -> u16 {
        connection.socket.local_addr().unwrap().port()
    }

    #[test]
    fn the_last_one_given_back_is_taken_first_and_only_for_its_own_endpoint() {
        let (server, idle, now) = (Server::new(), Idle::new(8), Instant::now());
        let connections = ["a", "a", "b"].map(|host| server.connect(host));
        let ports = [0, 1, 2].map(|index: usize| port(&connections[index].0));
        let _open = connections.map(|(connection, theirs)| {
            idle.give_back(connection, now);
            theirs
        });
        assert!(idle.take(Target { tls: true, ..target("a") }, now).is_none());
        assert!(idle.take(Target { port: 81, ..target("a") }, now).is_none());
        assert_eq!(idle.take(target("A"), now).map(|taken| port(&taken)), Some(ports[1]));
        assert_eq!(idle.take(target("a"), now).map(|taken| port(&taken)), Some(ports[0]));
        assert!(idle.take(target("a"), now).is_none());
        assert_eq!(idle.take(target("b"), now).map(|taken| port(&taken)), Some(ports[2]));
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_and_each_when_it_is_too_old() {
        let (server, idle, now) = (Server::new(), Idle::new(2), Instant::now());
        let connections = ["a", "a", "a"].map(|host| server.connect(host));
        let oldest = port(&connections[0].0);
        let _open = connections.map(|(connection, theirs)| {
            idle.give_back(connection, now);
            theirs
        });
        assert_eq!(idle.len(), 2);
        let taken = idle.take(target("a"), now + MAX_IDLE_AGE).unwrap();
        assert_ne!(port(&taken), oldest);
        idle.give_back(taken, now + MAX_IDLE_AGE);
        assert!(idle.take(target("b"), now + MAX_IDLE_AGE + Duration::from_nanos(1)).is_none());
        assert_eq!(idle.len(), 1, "looking for another closes the too old");
        let none = Idle::new(0);
        none.give_back(server.connect("a").0, now);
        assert_eq!(none.len(), 0);
    }

    #[test]
    fn one_that_was_closed_or_written_to_is_found_out() {
        let (server, idle, now) = (Server::new(), Idle::new(8), Instant::now());
        let ((closed, theirs), (written_to, mut writes)) = (server.connect("a"), server.connect("a"));
        let (alive, _stays) = server.connect("a");
        drop(theirs);
        writes.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
        written_to.socket.peek(&mut [0]).unwrap(); // it has arrived
        closed.socket.peek(&mut [0]).unwrap();
        let alive_port = port(&alive);
        for connection in [alive, closed, written_to] {
            idle.give_back(connection, now);
        }
        assert_eq!(idle.take(target("a"), now).map(|taken| port(&taken)), Some(alive_port));
        assert_eq!(idle.len(), 0);
    }

    #[test]
    fn a_socket_is_looked_at_in_either_way_without_a_wait_and_stays_as_it_was() {
        for is_quiet in [is_quiet, crate::transport::portable::is_quiet] {
            let server = Server::new();
            let (ours, mut theirs) = server.connect("a");
            assert!(is_quiet(&ours.socket) && is_quiet(&ours.socket));
            theirs.write_all(b"x").unwrap();
            ours.socket.peek(&mut [0]).unwrap(); // waits, so it is blocking still; and it has arrived
            assert!(!is_quiet(&ours.socket));
            let (closed, theirs) = server.connect("a");
            drop(theirs);
            closed.socket.peek(&mut [0]).unwrap();
            assert!(!is_quiet(&closed.socket));
        }
    }
}
