//! The scripted server of the feature `test-kit`, through a client of ours and through bare sockets.

mod answers;
mod end;
mod limits;
mod wire;

use std::io::{Read, Write};
use std::net::TcpStream;

use fanout::test_kit::Server;

use crate::support::GUARD;

/// A bare connection, on which no test waits for ever.
struct Raw(TcpStream);

impl Raw {
    fn connect(server: &Server) -> Raw {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// As many bytes as are expected, which must be these.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let mut bytes = vec![0; text.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), text);
    }

    /// All that comes until the server closes.
    fn rest(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

/// What a server says to this, until it closes.
fn ask(server: &Server, text: &str) -> String {
    let mut raw = Raw::connect(server);
    raw.send(text);
    raw.rest()
}
