//! Addresses at which nobody answers, each in its own way.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

/// An address that refuses every connection: nobody listens there.
pub(crate) fn refusing() -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket); // bound, for as long as the process lives: nobody else gets the port
    address
}

/// A listener that never accepts and whose queue is full: whoever connects to it hangs.
pub(crate) struct FullQueue {
    pub(crate) addr: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl FullQueue {
    pub(crate) fn start() -> FullQueue {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap().as_socket().unwrap();
        // The queue of length 0 holds one. The others only make sure of it, and hang already.
        let fillers = (0..4).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
        let fillers: Vec<Socket> = fillers.collect();
        for filler in &fillers {
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&addr.into()); // "in progress"
        }
        FullQueue { addr, _listener: listener, _fillers: fillers }
    }

    /// How many sockets of this machine hang in connecting to it, those of the queue's fillers included.
    pub(crate) fn connecting(&self) -> usize {
        sockets_to(self.addr, SYN_SENT)
    }
}

const ESTABLISHED: &str = "01";
const SYN_SENT: &str = "02";

/// How many sockets of this machine are in this state, with `addr` at the other end.
fn sockets_to(addr: SocketAddr, state: &str) -> usize {
    let to = format!("0100007F:{:04X}", addr.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let columns = table.lines().map(|line| line.split_whitespace().skip(2).take(2));
    columns.filter(|columns| columns.clone().eq([to.as_str(), state])).count()
}

/// A listener whose connections nobody accepts, or reads: whoever sends much hangs.
pub(crate) struct Deaf {
    pub(crate) addr: SocketAddr,
    _listener: TcpListener,
}

impl Deaf {
    pub(crate) fn start() -> Deaf {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        Deaf { addr, _listener: listener }
    }

    /// How many sockets of this machine are connected to it.
    pub(crate) fn connected(&self) -> usize {
        sockets_to(self.addr, ESTABLISHED)
    }
}

/// Connects and closes again, so that a thread blocked in `accept` looks up.
pub(super) fn knock(addr: SocketAddr) {
    let _ = TcpStream::connect(addr);
}
