//! The server of the benches: a process of its own, which is this executable, started again. So neither its CPU time
//! nor its memory is measured with the client's.
//!
//! It does as little for each request as keeps HTTP/1.1 whole: a thread for each connection, one read and one write
//! for each request, an answer made beforehand of which only the id is written anew. It ends with its client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, process, thread};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::role;

/// The length of each body. It begins with its id.
pub(crate) const BODY: usize = 200;

/// The server, as seen by who started it.
pub(crate) struct Server {
    process: Child,
    questions: ChildStdin,
    lines: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::told("plain")
    }

    /// One that speaks TLS; and its certificate, for `localhost`, as PEM.
    pub(crate) fn start_tls() -> (Server, String) {
        let mut server = Server::told("tls");
        let mut pem = String::new();
        while !pem.contains("-----END") {
            pem += &server.line();
        }
        (server, pem)
    }

    /// How many connections it has accepted, and shaken hands on if it speaks TLS.
    pub(crate) fn connections(&mut self) -> usize {
        writeln!(self.questions).unwrap();
        self.line().trim().parse().unwrap()
    }

    fn told(manner: &str) -> Server {
        let mut command = role::command(role::SERVER);
        let mut process = command.arg(manner).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let questions = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut server = Server { process, questions, lines, address: ([127, 0, 0, 1], 0).into() };
        server.address = server.line().trim().parse().unwrap();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the server has ended");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends, and so it would by itself; but then it might outlive this.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// The other side: serves until its standard input ends.
pub(crate) fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let tls = (env::args().nth(1).unwrap() == "tls").then(certified);

    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    thread::spawn(move || {
        io::stdin().lines().for_each(|_| println!("{}", counted.load(Ordering::SeqCst)));
        process::exit(0);
    });
    for stream in listener.incoming().flatten() {
        let (tls, connections) = (tls.clone(), connections.clone());
        // A connection that breaks is the client's affair.
        thread::spawn(move || _ = serve(stream, tls, &connections));
    }
}

/// Makes a certificate for `localhost` and prints it.
fn certified() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    print!("{}", made.cert.pem());
    Arc::new(config)
}

fn serve(mut stream: TcpStream, tls: Option<Arc<ServerConfig>>, connections: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(config) = tls else {
        connections.fetch_add(1, Ordering::SeqCst);
        return converse(stream);
    };
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.complete_io(&mut stream)?;
    connections.fetch_add(1, Ordering::SeqCst);
    converse(StreamOwned::new(tls, stream))
}

fn converse(mut stream: impl Read + Write) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
    let mut answer = [head.as_bytes(), &[b' '; BODY]].concat();
    let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                read => request.extend_from_slice(&buffer[..read]),
            }
        }
        let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let id = &path[1..];
        let body = &mut answer[head.len()..];
        body.fill(b' ');
        body[..id.len()].copy_from_slice(id);
        stream.write_all(&answer)?;
    }
}

/// Whether this is the body of this id.
pub(crate) fn is_body(id: usize, body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0, |number, digit| 10 * number + usize::from(digit - b'0'));
    body.len() == BODY && number == id
}
