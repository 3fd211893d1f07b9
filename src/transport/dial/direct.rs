//! Linux: a connect that `shutdown` wakes.
//!
//! The socket is tied before it connects, and every moment at which the cut may come has been tried:
//!
//! * before the tie: the tie is refused;
//! * before the connect begins: `shutdown` says `ENOTCONN`, but marks the socket, and the `poll` in which
//!   `connect_timeout` waits sees it hung up at once. (A connect that blocks would not: it waits for the handshake
//!   and looks at nothing else. So it must be this one.)
//! * while it waits: `shutdown` ends the handshake and wakes the `poll`;
//! * after that: the socket is shut down as any other, and its next read fails.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::tether::{Line, Tether};

impl Line for Socket {
    fn sever(&self) {
        let _ = self.shutdown(std::net::Shutdown::Both); // `ENOTCONN` before it connects: see above
    }
}

pub(super) fn dial(address: SocketAddr, within: Duration, tether: &Tether) -> io::Result<TcpStream> {
    let socket = Arc::new(Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?);
    tether.tie(socket.clone()).map_err(|_| io::ErrorKind::Interrupted)?;
    let connected = socket.connect_timeout(&address.into(), within);
    tether.untie().map_err(|_| io::ErrorKind::Interrupted)?;
    connected?;
    // Untied, it is ours alone: as `std`'s it is written to without the danger of a `SIGPIPE`.
    Arc::into_inner(socket).map(TcpStream::from).ok_or_else(|| io::ErrorKind::Interrupted.into())
}
