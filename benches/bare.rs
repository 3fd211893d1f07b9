//! The reference of what goes over a socket: connections that write a request, read its answer, and look at it. No
//! channel, no timeout, and only as much of HTTP as the [server](crate::server) speaks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::server::{BODY, is_body};

/// A connection that stays open, over TCP or what lies on it.
pub(crate) struct Connection<S> {
    stream: S,
    host: String,
    buffer: Vec<u8>,
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S, host: impl ToString) -> Connection<S> {
        Connection { stream, host: host.to_string(), buffer: vec![0; 16 * 1024] }
    }

    /// Fetches an id. Panics if what comes is not its body.
    pub(crate) fn fetch(&mut self, id: usize) {
        let request = format!("GET /{id} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut read = 0;
        let head = loop {
            read += self.read(read);
            if let Some(end) = self.buffer[..read].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        while read < head + BODY {
            read += self.read(read);
        }
        assert!(is_body(id, &self.buffer[head..read]), "this is not the body of {id}");
    }

    fn read(&mut self, from: usize) -> usize {
        let read = self.stream.read(&mut self.buffer[from..]).unwrap();
        assert!(read > 0, "the server has closed");
        read
    }
}

/// Calls `fetch` once with each of the first `ids` numbers, on a thread for each of `mine`, which has that for itself.
pub(crate) fn on_threads<T: Send>(mine: &mut [T], ids: usize, fetch: impl Fn(&mut T, usize) + Sync) {
    let (next, fetch) = (&AtomicUsize::new(0), &fetch);
    thread::scope(|scope| {
        for mine in mine {
            scope.spawn(move || {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        id if id < ids => fetch(mine, id),
                        _ => break,
                    }
                }
            });
        }
    });
}
