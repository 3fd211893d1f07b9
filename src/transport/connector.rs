//! The outermost transport: what ureq writes to and reads from, and how a connection goes from one exchange to the
//! next.
//!
//! # How a connection changes hands
//!
//! ureq's own pool is set to hold nothing, so it asks for a connection with every request. It gets the one that the
//! exchange took from ours, or a new one; either way it is tied to the exchange's tether by then. Whether it may be
//! used again, only ureq knows: it depends on the headers, and on where the body ended. ureq tells nobody, but it
//! asks the transport [`is_open`](Transport::is_open) at one moment only: when a response has been read to its end,
//! nothing is left over, and it would put the connection into its pool. So that question is taken as the news, and
//! answered with "no", for ureq to drop the connection; and dropping it hands it to the exchange. This is read from
//! ureq's source and nowhere promised. The tests in `tests/contract.rs` fail if it changes.
//!
//! The exchange gives it back to our pool after it has ended, which unties it, and only if it had not been cut by
//! then. So a cut that comes before finds the connection tied, and the connection is closed; one that comes after
//! finds nothing (`tether`, invariant 1).
//!
//! # No clean end
//!
//! A body may be delimited by the end of the connection, and ureq takes `UnexpectedEof`, `ConnectionReset` and
//! `ConnectionAborted` for one. So does a socket that was shut down read as one that the peer has closed. Neither is
//! the end of a body. After each read and write the tether is asked, and an error of those kinds is [`Broken`] for
//! ureq, of which it thinks nothing. What remains is an end that the peer has announced: a FIN, or under TLS its
//! `close_notify`.

use std::fmt;
use std::io;
use std::mem;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::error::Sent;

use super::current::{self, Over};
use super::failure::Broken;
use super::forward::transmit_first;
use super::idle::Connection;
use super::progress::Phase;
use super::target::Target;

/// Hands ureq the connection that the exchange has taken, or has `chain` open one.
pub(super) struct LendingConnector<C> {
    chain: C,
}

impl<C: Connector> LendingConnector<C> {
    pub(super) fn new(chain: C) -> LendingConnector<C> {
        LendingConnector { chain }
    }

    fn open(&self, details: &ConnectionDetails<'_>) -> Result<Connection, Error> {
        let endpoint = Target::of(details.uri).map(Target::to_endpoint).ok_or(Error::ConnectionFailed)?;
        let transport = self.chain.connect(details, None)?.ok_or(Error::ConnectionFailed)?;
        let socket = current::with(|exchange| {
            exchange.enter(Phase::Sending);
            exchange.opened.take()
        })?;
        let socket = socket.ok_or(Error::ConnectionFailed)?;
        Ok(Connection { transport: Box::new(transport), socket, endpoint })
    }
}

impl<C: Connector> Connector<()> for LendingConnector<C> {
    type Out = Lent;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Lent>, Error> {
        let connection = match current::with(|exchange| exchange.ready.take())? {
            Some(ready) => ready,
            None => self.open(details)?,
        };
        Ok(Some(Lent { connection, to_be_kept: false }))
    }
}

/// A connection, lent to ureq for one exchange.
pub(super) struct Lent {
    connection: Connection,
    to_be_kept: bool,
}

impl Transport for Lent {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let is_first_for_proxy = current::with(|exchange| {
            exchange.enter(Phase::Sending);
            let sent_before = mem::replace(&mut exchange.progress.sent, Sent::Maybe);
            sent_before == Sent::Never && exchange.proxy.is_some()
        })?;
        let Connection { transport, endpoint, .. } = &mut self.connection;
        let sent = if is_first_for_proxy && !endpoint.tls {
            transmit_first(&mut **transport, amount, endpoint, timeout)
        } else {
            transport.transmit_output(amount, timeout)
        };
        current::with(|exchange| exchange.tether.check())?.map_err(|_| Over::Cut)?;
        sent.map_err(no_clean_end)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        current::with(|exchange| {
            if exchange.progress.phase != Phase::Reading {
                exchange.enter(Phase::Waiting);
            }
        })?;
        let came = self.connection.transport.await_input(timeout);
        let cut = current::with(|exchange| {
            exchange.progress.answered |= matches!(came, Ok(true));
            exchange.progress.ended |= matches!(came, Ok(false));
            exchange.tether.check()
        })?;
        cut.map_err(|_| Over::Cut)?;
        came.map_err(no_clean_end)
    }

    /// Not the answer to the question, but what the question means: see the module's documentation.
    fn is_open(&mut self) -> bool {
        self.to_be_kept = self.connection.transport.is_open() && self.has_nothing_more();
        false
    }

    fn is_tls(&self) -> bool {
        self.connection.transport.is_tls()
    }
}

impl Lent {
    /// Whether nothing can be read without waiting. What a full buffer has left with rustls is seen by neither ureq
    /// nor the socket; asked for more, it is handed out without a look at the socket.
    fn has_nothing_more(&mut self) -> bool {
        let asked = current::with(|exchange| exchange.no_wait = true);
        asked.is_ok() && self.connection.transport.await_input(NextTimeout::default()).is_err()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let kept = self.to_be_kept.then(|| Connection {
            transport: mem::replace(&mut self.connection.transport, Box::new(())),
            socket: self.connection.socket.clone(),
            endpoint: mem::take(&mut self.connection.endpoint),
        });
        let _ = current::with(|exchange| {
            exchange.let_go = true;
            exchange.kept = kept;
        });
    }
}

fn no_clean_end(error: Error) -> Error {
    match error {
        Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
            ) =>
        {
            Error::Other(Box::new(Broken(error)))
        }
        other => other,
    }
}

/// Names are looked up below the connector, and only for a new connection. ureq would ask for them with each request.
#[derive(Debug)]
pub(super) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

impl<C: fmt::Debug> fmt::Debug for LendingConnector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LendingConnector").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("endpoint", &self.connection.endpoint).finish_non_exhaustive()
    }
}
