//! A way to a server that can be cut: whoever is connected through it gets a reset, and may connect again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;

pub(crate) struct Proxy {
    address: SocketAddr,
    /// Both ends of each connection.
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Goes on until the process ends. While nobody listens on `port`, who connects is turned away.
    pub(crate) fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = open.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let ends = [client, server];
                for end in &ends {
                    end.set_nodelay(true).unwrap();
                }
                let copies = || ends.each_ref().map(|end| end.try_clone().unwrap());
                let ([client, server], [to_client, to_server]) = (copies(), copies());
                kept.lock().extend(ends);
                thread::spawn(move || pass(client, to_server));
                thread::spawn(move || pass(server, to_client));
            }
        });
        Proxy { address, open }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Resets all connections, in both directions, and tells how many ends that were.
    pub(crate) fn reset(&self) -> usize {
        let open = std::mem::take(&mut *self.open.lock());
        for end in &open {
            // What is closed without lingering is reset; and it is closed when those who read from it have ended.
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
            let _ = end.shutdown(Shutdown::Read);
        }
        open.len()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // Of a connection that was reset there is nothing to say any more.
    if SockRef::from(&to).linger().is_ok_and(|linger| linger.is_none()) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
