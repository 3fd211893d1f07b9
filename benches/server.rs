//! The server of the benches: a process of its own, which is this executable, started again. So neither its CPU time
//! nor its memory is measured with the client's.
//!
//! It does as little for each request as keeps HTTP/1.1 whole: a thread for each connection, one read and one write
//! for each request, an answer made beforehand of which only the id is written anew. It ends with its client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
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
        Server::told(&["plain", "1"])
    }

    /// One that speaks TLS; and its certificate, for `localhost`, as PEM.
    pub(crate) fn start_tls() -> (Server, String) {
        let mut server = Server::told(&["tls", "1"]);
        let mut pem = String::new();
        while !pem.contains("-----END") {
            pem += &server.line();
        }
        (server, pem)
    }

    /// One that lets requests wait until so many have come, and then answers them all.
    pub(crate) fn answering_together(count: usize) -> Server {
        Server::told(&["plain", &count.to_string()])
    }

    /// How many connections it has accepted, and shaken hands on if it speaks TLS.
    pub(crate) fn connections(&mut self) -> usize {
        writeln!(self.questions).unwrap();
        self.line().trim().parse().unwrap()
    }

    fn told(arguments: &[&str]) -> Server {
        let mut command = role::command(role::SERVER);
        let mut process =
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
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
    let arguments: Vec<String> = env::args().skip(1).collect();
    let together = arguments[1].parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let tls = (arguments[0] == "tls").then(certified);

    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    thread::spawn(move || {
        io::stdin().lines().for_each(|_| println!("{}", counted.load(Ordering::SeqCst)));
        process::exit(0);
    });
    let together = (together > 1).then(|| Arc::new(Barrier::new(together)));
    for stream in listener.incoming().flatten() {
        let (tls, connections, together) = (tls.clone(), connections.clone(), together.clone());
        // A connection that breaks is the client's affair.
        thread::spawn(move || _ = serve(stream, tls, &connections, together.as_deref()));
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

fn serve(
    mut stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    connections: &AtomicUsize,
    together: Option<&Barrier>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(config) = tls else {
        connections.fetch_add(1, Ordering::SeqCst);
        return converse(stream, together);
    };
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.complete_io(&mut stream)?;
    connections.fetch_add(1, Ordering::SeqCst);
    converse(StreamOwned::new(tls, stream), together)
}

fn converse(mut stream: impl Read + Write, together: Option<&Barrier>) -> io::Result<()> {
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
        if let Some(together) = together {
            together.wait();
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
