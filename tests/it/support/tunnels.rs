//! A proxy that opens tunnels. (One that is handed requests, or opens none, is a [`Server`](super::Server).)

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::GUARD;
use super::nowhere::knock;

/// What most proxies answer.
pub(crate) const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Opens every tunnel that it is asked for, to this machine, whatever the name of the host is.
pub(crate) struct Tunnels {
    pub(crate) addr: SocketAddr,
    heads: Receiver<String>,
    stopping: Arc<AtomicBool>,
}

impl Tunnels {
    pub(crate) fn start() -> Tunnels {
        Tunnels::answering(ESTABLISHED)
    }

    /// One that says so in words of its own.
    pub(crate) fn answering(established: &'static str) -> Tunnels {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, heads) = unbounded();
        let stopping = Arc::new(AtomicBool::new(false));
        let stopped = stopping.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let sender = sender.clone();
                thread::spawn(move || serve(client, established, &sender));
            }
        });
        Tunnels { addr, heads, stopping }
    }

    /// The head of the next request. Fails the test if none comes.
    #[track_caller]
    pub(crate) fn next(&self) -> String {
        self.heads.recv_timeout(GUARD).expect("a tunnel should have been asked for long ago")
    }

    /// How many requests have come that were not taken by [`next`](Tunnels::next).
    pub(crate) fn left(&self) -> usize {
        self.heads.len()
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        knock(self.addr);
    }
}

fn serve(mut client: TcpStream, established: &str, heads: &Sender<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let port: u16 = target.rsplit_once(':').unwrap().1.parse().unwrap();
    let target = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // Nobody may be left to listen, if the test has failed.
    let _ = heads.send(head);
    client.write_all(established.as_bytes()).unwrap();
    let (there, back) = (client.try_clone().unwrap(), target.try_clone().unwrap());
    thread::spawn(move || carry(there, target));
    carry(back, client);
}

/// Until one end closes; then the other is closed, too.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
