//! The server: as little work for each request as keeps HTTP/1.1 whole, so that two cores measure clients.
//!
//! A thread for each connection, one `read` and one `write` for each request, an answer made beforehand of
//! which only the id is written anew. It is a process of its own, and ends with the one that started it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::Result;
use crate::contest::unix_nanos;
use crate::harvest::ID_DIGITS;

/// How to treat a request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// Answer with so many bytes, after so many milliseconds.
    Answer { bytes: usize, after_ms: u64 },
    /// Let so many requests hang, fail the one that comes next, and begin anew. The moment at which the
    /// failure was handed to its socket is printed, in nanoseconds of the system's clock.
    Fail { beside_hung: usize },
    /// Never answer.
    Hang,
}

/// Prints the port, and serves until the standard input ends.
pub(crate) fn run(manner: &str) -> Result<()> {
    let manner: Manner = serde_json::from_str(manner)?;
    // std's listener has room for 128 connections that wait to be accepted; a thousand come at once here.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4_096)?;
    let listener = TcpListener::from(socket);
    println!("{}", listener.local_addr()?.port());

    thread::spawn(|| {
        _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let arrived = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let (stream, arrived) = (stream?, arrived.clone());
        // A connection that breaks is the client's affair: cutting them is what some scenarios are about.
        thread::Builder::new().stack_size(128 << 10).spawn(move || _ = converse(stream, manner, &arrived))?;
    }
    Ok(())
}

fn converse(mut stream: TcpStream, manner: Manner, arrived: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut answer = match manner {
        Manner::Answer { bytes, .. } => Answer::of(bytes),
        Manner::Fail { .. } | Manner::Hang => Answer::of(ID_DIGITS),
    };
    while read_request(&mut stream, &mut request)? {
        match manner {
            Manner::Answer { after_ms, .. } => {
                if after_ms > 0 {
                    thread::sleep(Duration::from_millis(after_ms));
                }
                stream.write_all(answer.to(id(&request)))?;
            }
            Manner::Fail { beside_hung } => {
                if arrived.fetch_add(1, Ordering::Relaxed) % (beside_hung + 1) < beside_hung {
                    continue;
                }
                // By then, the others have come to rest in their reads, or in line for a token.
                thread::sleep(Duration::from_millis(20));
                let failed_at = unix_nanos();
                stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")?;
                println!("{failed_at}");
            }
            Manner::Hang => {}
        }
    }
    Ok(())
}

/// Reads a request that has no body. False when the connection ends instead.
fn read_request(stream: &mut TcpStream, request: &mut Vec<u8>) -> io::Result<bool> {
    request.clear();
    let mut buffer = [0; 4_096];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(false),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(true)
}

/// The id in `GET /123 HTTP/1.1`.
fn id(request: &[u8]) -> &[u8] {
    let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    path.strip_prefix(b"/").unwrap_or(path)
}

/// A whole answer, of which only the id changes.
struct Answer {
    bytes: Vec<u8>,
    body_at: usize,
}

impl Answer {
    fn of(body: usize) -> Answer {
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {body}\r\n\r\n"
        )
        .into_bytes();
        let body_at = bytes.len();
        bytes.resize(body_at + body, b'x');
        Answer { bytes, body_at }
    }

    fn to(&mut self, id: &[u8]) -> &[u8] {
        let digits = &mut self.bytes[self.body_at..self.body_at + ID_DIGITS];
        digits.fill(b'0');
        let kept = id.len().min(ID_DIGITS);
        digits[ID_DIGITS - kept..].copy_from_slice(&id[id.len() - kept..]);
        &self.bytes
    }
}
