//! What is peculiar to Linux. `portable` does the same everywhere.
//!
//! # A connect that `shutdown` wakes
//!
//! The socket is tied before it connects, and every moment at which the cut may come has been tried:
//!
//! * before the tie: the tie is refused;
//! * before the connect begins: `shutdown` says `ENOTCONN`, but marks the socket, and the `poll` in which
//!   `connect_timeout` waits sees it hung up at once. (A connect that blocks would not: it waits for the handshake
//!   and looks at nothing else. So it must be this one.)
//! * while it waits: `shutdown` ends the handshake and wakes the `poll`;
//! * after that: the socket is shut down as any other, and its next read fails.
//!
//! # A look at a socket in one system call
//!
//! A flag of `recv` keeps it from waiting, where elsewhere the socket has to be told before and after.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::cancel::{Line, Tether};

impl Line for Socket {
    fn sever(&self) {
        let _ = self.shutdown(std::net::Shutdown::Both); // `ENOTCONN` before it connects: see above
    }
}

/// Connects to one address: see [`Dial`](super::dial::Dial).
pub(super) fn dial(address: SocketAddr, within: Duration, tether: &Tether) -> io::Result<TcpStream> {
    let socket = Arc::new(Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?);
    tether.tie(socket.clone()).map_err(|_| io::ErrorKind::Interrupted)?;
    let connected = socket.connect_timeout(&address.into(), within);
    tether.untie().map_err(|_| io::ErrorKind::Interrupted)?;
    connected?;
    // Untied, it is ours alone: as `std`'s it is written to without the danger of a `SIGPIPE`.
    Arc::into_inner(socket).map(TcpStream::from).ok_or_else(|| io::ErrorKind::Interrupted.into())
}

/// Whether `stream` is neither closed nor has anything to read: as it should be between two requests.
pub(super) fn is_quiet(stream: &TcpStream) -> bool {
    // <asm-generic/socket.h> and <linux/socket.h>: the same on every architecture.
    const MSG_PEEK: i32 = 0x02;
    const MSG_DONTWAIT: i32 = 0x40;
    let looked = SockRef::from(stream).recv_with_flags(&mut [MaybeUninit::uninit()], MSG_PEEK | MSG_DONTWAIT);
    matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
