//! Asks a proxy for a tunnel to an https target (RFC 9110, section 9.3.6). TLS lies round what comes out of it.
//!
//! The request for it is our own: target, and the proxy's own password if it has one. Nothing of what is to be sent
//! through the tunnel goes to the proxy, no header of the user's either.
//!
//! ureq has a connector for this, which does not fit: it runs the whole chain of connectors for a connection of its
//! own, takes no success but a 200, and no answer with more than 20 headers. This one works on the socket that the
//! chain has opened, which is tied by then: a cut, the timeout of the connect, and a stall all end it.

use std::io;

use httparse::{EMPTY_HEADER, Response, Status};
use ureq::Error;
use ureq::http::StatusCode;
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout, Transport};

use super::MAX_HEAD;
use super::current;
use super::failure::NotConnected;
use super::forward::transmit;
use super::progress::Phase;
use super::proxy::Proxy;
use super::socket::{Socket, postpone};
use super::target::Target;

/// How many headers a proxy's answer may have. They are not looked at.
const MAX_HEADERS: usize = 128;

/// Turns a connection to a proxy into one to an https target. Others are handed on as they are.
#[derive(Debug)]
pub(super) struct TunnelConnector;

impl Connector<Socket> for TunnelConnector {
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        socket: Option<Socket>,
    ) -> Result<Option<Socket>, Error> {
        let Some(mut socket) = socket else {
            return Ok(None);
        };
        let proxy = current::with(|exchange| exchange.proxy.clone())?;
        let target = Target::of(details.uri).filter(|target| target.tls);
        let (Some(proxy), Some(target)) = (proxy, target) else {
            return Ok(Some(socket));
        };
        ask(&mut socket, target, &proxy)?;
        current::with(|exchange| {
            exchange.enter(Phase::ShakingHands);
            postpone(exchange);
        })?;
        Ok(Some(socket))
    }
}

fn ask(socket: &mut Socket, target: Target<'_>, proxy: &Proxy) -> Result<(), Error> {
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        head.extend(b"Proxy-Authorization: ");
        head.extend(authorization.as_bytes());
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    transmit(socket, &head, NextTimeout::default())?;
    let status = answer(socket)?;
    if status.is_success() { Ok(()) } else { Err(refusal(status).into()) }
}

/// The status of the proxy's answer. What follows its head, whatever that says, belongs to the tunnel.
fn answer(socket: &mut Socket) -> Result<StatusCode, Error> {
    let mut left = MAX_HEAD;
    loop {
        let input = socket.buffers().input();
        // One byte more is no head any more, even if it is one.
        let input = input.get(..left).unwrap_or(input);
        match parse(input)? {
            Some((length, status)) => {
                socket.buffers().input_consume(length);
                if !status.is_informational() {
                    return Ok(status);
                }
                left -= length;
            }
            None if input.len() == left => {
                return Err(wrong(format!("its answer's head is larger than {MAX_HEAD} bytes")).into());
            }
            None if !socket.await_input(NextTimeout::default())? => {
                let silent = "it closed the connection without an answer";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, silent);
                return Err(NotConnected::NoTunnel(error).into());
            }
            None => {}
        }
    }
}

/// A head's length and status, once it is there.
fn parse(input: &[u8]) -> Result<Option<(usize, StatusCode)>, NotConnected> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let length = match response.parse(input) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(wrong(format!("its answer is not valid HTTP ({error})"))),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    status.map(|status| Some((length, status))).ok_or_else(|| wrong("its answer has no status".to_owned()))
}

fn wrong(what: String) -> NotConnected {
    NotConnected::NoTunnel(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// A proxy that forbids it will forbid it again; one that could not do it (502, 504), or not now, may yet.
fn refusal(status: StatusCode) -> NotConnected {
    let not_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    let forbids = status.is_client_error() && !not_now.contains(&status);
    let kind = if forbids { io::ErrorKind::PermissionDenied } else { io::ErrorKind::Other };
    NotConnected::NoTunnel(io::Error::new(kind, format!("it answered {status}")))
}
