//! A network of some length before a server: what goes in at one end comes out at the other so much later.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Begins to listen, and returns where. Each way takes `delay`. Goes on until the process ends.
pub(crate) fn before(port: u16, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for (from, to) in [(&client, &server), (&server, &client)] {
                to.set_nodelay(true).unwrap();
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let (sender, receiver) = mpsc::channel();
                thread::spawn(move || read(from, &sender, delay));
                thread::spawn(move || write(to, &receiver));
            }
        }
    });
    address
}

fn read(mut from: TcpStream, to: &Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(1..) = from.peek(&mut buffer) {
        let read = from.read(&mut buffer).unwrap();
        if to.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, from: &Receiver<(Instant, Vec<u8>)>) {
    let (_kept, never) = mpsc::channel::<()>();
    for (due, bytes) in from {
        let left = due.saturating_duration_since(Instant::now());
        assert_eq!(never.recv_timeout(left), Err(RecvTimeoutError::Timeout));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
