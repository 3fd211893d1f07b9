//! The server's end of one connection: plain or TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};
use socket2::SockRef;

use super::GUARD;
use super::server::Asked;

pub(super) struct Conn {
    wire: Wire,
    /// What came after the request that was read last.
    unread: Vec<u8>,
    pub(super) number: usize,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Conn {
    pub(super) fn new(socket: TcpStream, tls: Option<ServerConnection>, number: usize) -> Conn {
        socket.set_nodelay(true).unwrap();
        let wire = match tls {
            None => Wire::Plain(socket),
            Some(connection) => Wire::Tls(Box::new(StreamOwned::new(connection, socket))),
        };
        Conn { wire, unread: Vec::new(), number }
    }

    fn socket(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
        }
    }

    fn read(&mut self) -> Option<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.wire {
            Wire::Plain(socket) => socket.read(&mut buffer),
            Wire::Tls(stream) => stream.read(&mut buffer),
        };
        let read = read.ok().filter(|read| *read > 0)?;
        self.unread.extend(&buffer[..read]);
        Some(read)
    }

    /// The next request with its body, or nothing if the client closed the connection.
    pub(super) fn read_request(&mut self) -> Option<Asked> {
        let end = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.read()?,
            };
        };
        let arrived = Instant::now();
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let mut asked = Asked::parse(&head, arrived, self.number);
        let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.read()?;
        }
        asked.body = self.unread.drain(..length).collect();
        Some(asked)
    }

    /// Sends; a client that has gone is none of the server's business.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = match &mut self.wire {
            Wire::Plain(socket) => socket.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
    }

    /// Tells the client, over TLS, that nothing more will come. To close without it is to cut the stream.
    pub(super) fn close_notify(&mut self) {
        if let Wire::Tls(stream) = &mut self.wire {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// Ends the connection with a reset in place of an orderly end.
    pub(super) fn reset(self) {
        SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Blocks until the client has closed the connection. Fails the test if it does not.
    #[track_caller]
    pub(super) fn wait_closed_by_peer(&mut self) {
        self.socket().set_read_timeout(Some(GUARD)).unwrap();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.socket().read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("the client should have closed connection {} long ago", self.number)
                }
                Err(_) => return,
            }
        }
    }
}
