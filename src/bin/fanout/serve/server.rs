//! The listener and its connections, a thread each.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;

use super::Settings;
use super::api::Api;
use super::conversation::converse;
use super::gate::Seen;

/// So many connections at the same time; further ones are closed at once.
const MAX_CONNECTIONS: usize = 2048;

/// After a failed `accept` (no file descriptor is free, say), the next comes so much later.
const BREATH: Duration = Duration::from_millis(20);

/// A server that runs until it is stopped or dropped.
pub(crate) struct Server {
    address: SocketAddr,
    reception: Arc<Reception>,
    /// Whoever waits by the other end is woken when this is dropped.
    running: Option<Sender<()>>,
    listener: Option<JoinHandle<()>>,
}

/// Takes connections on, for the listener's thread.
struct Reception {
    api: Api,
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
        let (running, stopped) = bounded(0);
        let api = Api::new(settings, stopped)?;
        let reception = Arc::new(Reception { api, connections: Mutex::default() });
        let accepting = reception.clone();
        let listener =
            thread::Builder::new().name("listener".to_owned()).spawn(move || accepting.accept(&listener))?;
        Ok(Server { address, reception, running: Some(running), listener: Some(listener) })
    }

    /// Where an id is answered.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/users/{{id}}/widgets", self.address)
    }

    /// Ends every connection, and says what was seen.
    pub(crate) fn stop(self) -> Seen {
        self.reception.api.gate.seen()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.running.take());
        let open = {
            let mut connections = self.reception.connections.lock();
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

impl Reception {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while !self.api.has_stopped(Duration::ZERO) {
            match listener.accept() {
                Ok((stream, _)) => self.clone().take(Arc::new(stream)),
                Err(_) if self.api.has_stopped(BREATH) => return,
                Err(_) => {}
            }
        }
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
        let reception = self.clone();
        let conversation = move || {
            // An error is the end of the connection, and nobody else's concern.
            let _ = converse(&reception.api, &stream);
            reception.connections.lock().open.remove(&number);
        };
        if thread::Builder::new().name("connection".to_owned()).spawn(conversation).is_err() {
            self.connections.lock().open.remove(&number);
        }
    }
}
