//! The innermost transport: a TCP socket that can be cut, and the connector that opens it.
//!
//! TLS lies round it, so the bytes of a handshake go through it as well.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Timeout};

use crate::cancel::{Line, Tether};

use super::buffers::GrowingBuffers;
use super::current::{self, Over};
use super::dial::{self, Dial};
use super::failure::NotConnected;
use super::names::Names;
use super::progress::Phase;
use super::target::Target;

/// Severing a socket shuts it down, both ways: whoever reads or writes comes back, and nobody can any more.
impl Line for TcpStream {
    fn sever(&self) {
        let _ = self.shutdown(Shutdown::Both); // fails if it is down already
    }
}

/// Looks up the target or the proxy on the way to it, connects, and wraps the socket up for ureq.
pub(super) struct SocketConnector {
    names: Names,
    dial: Dial,
    io_timeout: Duration,
}

impl SocketConnector {
    pub(super) fn new(names: Names, dial: Dial, io_timeout: Duration) -> SocketConnector {
        SocketConnector { names, dial, io_timeout }
    }

    fn open(&self, details: &ConnectionDetails<'_>) -> Result<Arc<TcpStream>, Error> {
        let target =
            Target::of(details.uri).ok_or_else(|| Error::BadUri("no host to connect to".to_owned()))?;
        let (tether, by, proxy) = current::with(|exchange| {
            exchange.enter(Phase::LookingUp);
            (exchange.tether.clone(), exchange.connect_by, exchange.proxy.clone())
        })?;
        // Through a proxy, the target's name is the proxy's to look up.
        let (host, port) = match &proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (target.host, target.port),
        };
        let addresses = self.names.look_up(host, port, &tether)?;
        current::with(|exchange| exchange.enter(Phase::Connecting))?;
        let stream = dial::connect(&addresses, by, &tether, self.dial).inspect_err(|error| {
            if matches!(error, NotConnected::Connect { .. } | NotConnected::ConnectTimedOut) {
                self.names.forget(host, port, &addresses);
            }
        })?;
        let stream = self.set_up(stream, &tether)?;
        current::with(|exchange| {
            exchange.opened = Some(stream.clone());
            exchange.enter(match target.tls {
                true if proxy.is_some() => Phase::Tunnelling,
                true => Phase::ShakingHands,
                false => Phase::Sending,
            });
            if exchange.progress.phase != Phase::Tunnelling {
                postpone(exchange);
            }
        })?;
        Ok(stream)
    }

    /// The socket's own timeouts are the backstop behind the watchdog, or the stall timeout. They never change, so
    /// they are set here, once, and what ureq says about timeouts with each read and write is not listened to.
    fn set_up(&self, stream: TcpStream, tether: &Tether) -> Result<Arc<TcpStream>, Error> {
        let timeout = Some(self.io_timeout.max(Duration::from_millis(1)));
        stream.set_nodelay(true)?;
        stream.set_read_timeout(timeout)?;
        stream.set_write_timeout(timeout)?;
        let stream = Arc::new(stream);
        tether.tie(stream.clone()).map_err(|_| Over::Cut)?;
        Ok(stream)
    }
}

/// The connect is done, and the tunnel if there is to be one: from here on the deadline is the whole exchange's. It is
/// a later one, so the watchdog, which will look at the earlier, need not be told (`watchdog`, invariant 1).
pub(super) fn postpone(exchange: &current::Current) {
    exchange.tether.set_deadline(exchange.deadline);
}

impl Connector<()> for SocketConnector {
    type Out = Socket;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Socket>, Error> {
        let buffers = GrowingBuffers::new(details.config.output_buffer_size());
        Ok(Some(Socket { stream: self.open(details)?, buffers, refused: false }))
    }
}

/// A connected socket, and its buffers.
///
/// A server that will not have a request (too large, not authorized) may answer and close before it has read all of
/// it. The write then fails, but the answer lies there to be read, and says why. So what the peer refuses to take is
/// thrown away, and the read tells how it ends: with the answer, or with the connection broken.
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    buffers: GrowingBuffers,
    /// The peer takes nothing any more.
    refused: bool,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        if self.refused {
            return Ok(());
        }
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        match (&*self.stream).write_all(output) {
            Err(error) if is_refusal(&error) => self.refused = true,
            written => written.map_err(timeout_or_io)?,
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        if current::with(|exchange| exchange.no_wait)? {
            return Err(Error::Io(io::ErrorKind::WouldBlock.into()));
        }
        let input = self.buffers.input_append_buf();
        // A signal interrupts a read that has a timeout (signal(7)): it is then begun anew, with the whole of it. The
        // watchdog still ends the exchange in time.
        let amount = loop {
            match (&*self.stream).read(input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(timeout_or_io)?,
            }
        };
        if amount == 0 && self.refused {
            // The kernel reports a reset once, and the write has had it: what follows is no clean end.
            return Err(Error::Io(io::ErrorKind::ConnectionReset.into()));
        }
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether all has been sent, and nothing lies here that was not asked for. (Below TLS, ureq would not see it.)
    fn is_open(&mut self) -> bool {
        !self.refused && self.buffers.input().is_empty()
    }
}

/// Whether a write failed because the peer has closed or reset the connection.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

/// When a socket's timeout has passed, Windows says `TimedOut`. Others say `WouldBlock`; there `TimedOut` means that
/// the peer no longer acknowledges anything, which is a broken connection.
fn timeout_or_io(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => Error::Timeout(Timeout::PerRead),
        io::ErrorKind::TimedOut if cfg!(windows) => Error::Timeout(Timeout::PerRead),
        _ => Error::Io(error),
    }
}

impl fmt::Debug for SocketConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketConnector")
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.stream.peer_addr().ok()).finish()
    }
}
