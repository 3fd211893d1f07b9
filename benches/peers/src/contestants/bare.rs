//! The reference: threads that write a request, read its answer, and count. No channel, no timeout but where
//! the question is about it, and only as much of HTTP as the server here speaks.
//!
//! On an error, the thread that sees it shuts the others' sockets down; this is the least that stops
//! everything.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::Result;
use crate::harvest::{Harvest, ID_DIGITS, Tally};
use crate::job::{Job, Question};

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let next = AtomicU32::new(0);
    let harvest = Mutex::new(Harvest::new(job));
    let sockets = (0..job.in_flight).map(|_| TcpStream::connect(job.address()));
    let sockets = sockets.collect::<std::io::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        let one_thread = |socket| {
            let worked = work(job, socket, &next, &harvest);
            if worked.is_err() {
                sockets.iter().for_each(|other| _ = other.shutdown(Shutdown::Both));
            }
            worked
        };
        let threads: Vec<_> = sockets.iter().map(|socket| scope.spawn(move || one_thread(socket))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    harvest.into_inner().map_err(|_| "a thread panicked".into())
}

fn work(job: &Job, socket: &TcpStream, next: &AtomicU32, harvest: &Mutex<Harvest>) -> Result<()> {
    let lock = || harvest.lock().map_err(|_| "a thread panicked");
    socket.set_nodelay(true)?;
    if job.question == Question::Lateness {
        socket.set_read_timeout(Some(job.timeout()))?;
    }
    let mut connection = Connection { socket, buffer: vec![0; 16 << 10] };
    let mut tally = Tally::new(job);
    loop {
        let id = next.fetch_add(1, Ordering::Relaxed);
        if id >= job.ids {
            if let Harvest::Dropped(total) = &mut *lock()? {
                total.add(tally);
            }
            return Ok(());
        }
        let request = format!("GET /{id} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", job.address());
        connection.socket.write_all(request.as_bytes())?;
        if job.keep {
            let mut body = Vec::with_capacity(job.body);
            connection.read_answer(|part| body.extend_from_slice(part))?;
            lock()?.take(id, body)?;
        } else {
            let (mut begin, mut length) = ([0; ID_DIGITS], 0);
            connection.read_answer(|part| {
                if length < ID_DIGITS {
                    let more = part.len().min(ID_DIGITS - length);
                    begin[length..length + more].copy_from_slice(&part[..more]);
                }
                length += part.len();
            })?;
            tally.look_at(id, &begin, length)?;
        }
    }
}

struct Connection<'s> {
    socket: &'s TcpStream,
    buffer: Vec<u8>,
}

impl Connection<'_> {
    /// Hands the body over in parts, through one buffer that stays in the cache.
    fn read_answer(&mut self, mut each_part: impl FnMut(&[u8])) -> Result<()> {
        let mut read = 0;
        let body_at = loop {
            read += some(self.socket.read(&mut self.buffer[read..])?)?;
            if let Some(end) = self.buffer[..read].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let mut left = body_length(&self.buffer[..body_at])? - (read - body_at);
        if read > body_at {
            each_part(&self.buffer[body_at..read]);
        }
        while left > 0 {
            let read = some(self.socket.read(&mut self.buffer)?)?;
            each_part(&self.buffer[..read]);
            left -= read;
        }
        Ok(())
    }
}

fn some(read: usize) -> Result<usize> {
    if read == 0 { Err("the connection was closed".into()) } else { Ok(read) }
}

fn body_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("answered with {:?}", head.lines().next()).into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    Ok(length.ok_or("the answer has no length")?.parse()?)
}
