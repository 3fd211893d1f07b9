//! What works on every system, where Linux has better: see `linux.rs`. The tests run both there.
//!
//! A connect that gets no answer cannot be ended from outside. So a thread connects, and the worker waits for it. A
//! cut worker leaves at once. The thread stays until its connect is over, which is within the time that it was given,
//! and closes the socket if it got one.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::cancel::{Line, Tether};

#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connected: Option<io::Result<TcpStream>>,
    severed: bool,
}

impl Line for Waiting {
    fn sever(&self) {
        self.state.lock().severed = true;
        self.changed.notify_one();
    }
}

/// Connects to one address: see [`Dial`](super::dial::Dial).
pub(super) fn dial(address: SocketAddr, within: Duration, tether: &Tether) -> io::Result<TcpStream> {
    let waiting = Arc::new(Waiting::default());
    tether.tie(waiting.clone()).map_err(|_| io::ErrorKind::Interrupted)?;
    let theirs = waiting.clone();
    let connect = move || {
        let connected = TcpStream::connect_timeout(&address, within);
        theirs.state.lock().connected = Some(connected);
        theirs.changed.notify_one();
    };
    let spawned = thread::Builder::new().name("fanout-connect".to_owned()).spawn(connect);
    let connected = spawned.map(|_| waiting.wait());
    tether.untie().map_err(|_| io::ErrorKind::Interrupted)?;
    connected?.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
}

impl Waiting {
    /// The helper's answer; nothing if the worker was cut before it came.
    fn wait(&self) -> Option<io::Result<TcpStream>> {
        let mut state = self.state.lock();
        while state.connected.is_none() && !state.severed {
            self.changed.wait(&mut state);
        }
        state.connected.take()
    }
}

/// Whether `stream` is neither closed nor has anything to read: as it should be between two requests.
pub(super) fn is_quiet(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let quiet = matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    quiet && stream.set_nonblocking(false).is_ok()
}
