//! The other side.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// A listener whose connections the test accepts itself.
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) fn new() -> Server {
        Server { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address())
    }

    pub(crate) fn accept(&self) -> Peer {
        Peer(self.listener.accept().unwrap().0)
    }

    /// Answers every request of every connection with what `answer` makes of it, and closes where it makes nothing of
    /// it. Returns how many connections there were so far.
    pub(crate) fn answer(
        self,
        answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> (String, Arc<AtomicUsize>) {
        let (url, count, answer) = (self.url(), Arc::new(AtomicUsize::new(0)), Arc::new(answer));
        let counted = count.clone();
        thread::spawn(move || {
            loop {
                let mut peer = self.accept();
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                thread::spawn(move || {
                    while let Some(answer) = peer.request().and_then(|request| answer(&request)) {
                        if peer.0.write_all(&answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (url, count)
    }
}

/// An accepted connection, plain or (`Peer<Tls>`) not.
pub(crate) struct Peer<S = TcpStream>(pub(crate) S);

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

impl<S: Read + Write> Peer<S> {
    /// The next request: its head, and its body if there is a `Content-Length`. Nothing: the client has closed.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.0.read(&mut byte).ok()? == 0 {
                return None;
            }
            request.push(byte[0]);
        }
        let head = String::from_utf8(request).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).ok()?;
        Some(head + &String::from_utf8(body).unwrap())
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
        self.0.flush().unwrap();
    }
}

impl Peer {
    /// Waits until the client has closed.
    pub(crate) fn wait_for_close(&mut self) {
        let _ = self.0.read_to_end(&mut Vec::new());
    }

    #[cfg(target_os = "linux")]
    /// Waits until the client has read all that was sent: until the queues of both are empty.
    pub(crate) fn wait_until_read(&self) {
        let (ours, theirs) = (self.0.local_addr().unwrap().port(), self.0.peer_addr().unwrap().port());
        let (ours, theirs) = (format!("0100007F:{ours:04X}"), format!("0100007F:{theirs:04X}"));
        let both = [format!("{ours} {theirs} "), format!("{theirs} {ours} ")];
        loop {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let lines = sockets.lines().filter(|line| both.iter().any(|both| line.contains(both)));
            if lines.filter(|line| line.contains(" 00000000:00000000 ")).count() == 2 {
                return;
            }
            thread::yield_now();
        }
    }

    #[cfg(target_os = "linux")]
    /// Closes with a reset in place of a FIN.
    pub(crate) fn reset(self) {
        let socket = Socket::from(self.0);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    pub(crate) fn shake_hands(self, config: &Arc<ServerConfig>) -> Peer<Tls> {
        let connection = ServerConnection::new(config.clone()).unwrap();
        Peer(StreamOwned::new(connection, self.0))
    }
}

/// A certificate for `localhost`, for a client to trust, and a server that has it.
pub(crate) fn certificate() -> (ureq::tls::Certificate<'static>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let trusted = ureq::tls::Certificate::from_der(made.cert.der()).to_owned();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (trusted, Arc::new(config))
}

/// An address that refuses every connection: nobody listens there, and nobody will.
pub(crate) fn refusing() -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket); // bound, for as long as the process lives: nobody else gets the port
    address
}

#[cfg(target_os = "linux")]
/// A listener whose queue is full: a connect to it hangs.
pub(crate) struct Full {
    listener: Socket,
    _fills: TcpStream,
}

#[cfg(target_os = "linux")]
impl Full {
    pub(crate) fn new() -> Full {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap(); // which is one
        let fills = TcpStream::connect(listener.local_addr().unwrap().as_socket().unwrap()).unwrap();
        Full { listener, _fills: fills }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }

    /// Waits until a connect to it hangs: until there is a socket that has sent its SYN.
    pub(crate) fn wait_for_connect(&self) {
        const SYN_SENT: &str = "02";
        let remote = format!("0100007F:{:04X}", self.address().port());
        loop {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let mut sockets = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            if sockets.any(|socket| socket.get(2) == Some(&&*remote) && socket.get(3) == Some(&SYN_SENT)) {
                return;
            }
            thread::yield_now();
        }
    }
}
