//! How long from the first error to the return of the call, all threads joined, while seven other requests hang?
//!
//! The time is taken from the moment at which the server hands the error to its socket. The reference is the same with
//! bare sockets: eight threads that read, of which the one that reads the error shuts the others' sockets down.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, ErrorKind, FanOutClient, Rate, http};
use socket2::{Domain, Socket, Type};

const IN_FLIGHT: usize = 8;

/// Where seven requests are when the eighth fails.
#[derive(Clone, Copy)]
enum Hang {
    LookUp,
    Connect,
    Handshake,
    Head,
    Body,
    Permit,
    Token,
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fail_fast");
    // Each run has sockets of its own, and a port that was used is not free again at once: thousands of runs, not more.
    group
        .sample_size(50)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    let mut worst = Vec::new();
    let mut measure = |name: &str, once: &dyn Fn() -> Duration| {
        let mut longest = Duration::ZERO;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let all: Vec<Duration> = (0..times).map(|_| once()).collect();
                longest = longest.max(all.iter().max().copied().unwrap_or_default());
                all.iter().sum()
            });
        });
        if !longest.is_zero() {
            worst.push(format!("{name}: {longest:.1?} at worst"));
        }
    };
    measure("reference: bare sockets, 7 hang before the head", &bare_sockets);
    for (name, hang) in [
        ("7 hang in a look-up", Hang::LookUp),
        ("7 hang in the connect", Hang::Connect),
        ("7 hang in the TLS handshake", Hang::Handshake),
        ("7 hang before the head", Hang::Head),
        ("7 hang in the body", Hang::Body),
        ("7 wait for a permit", Hang::Permit),
        ("7 wait for a token", Hang::Token),
    ] {
        measure(name, &move || seven(hang));
    }
    group.finish();
    println!("{}", worst.join("\n"));
}

/// One call of eight ids on a client of its own, from the moment at which the server hands the failure to its socket.
fn seven(hang: Hang) -> Duration {
    let (listener, url) = listen();
    let elsewhere = Elsewhere::new();
    let others = elsewhere.url(hang, &url);
    let make = move |id: &str| {
        let url = if id == "0" { &url } else { &others };
        http::Request::get(url.replace("{id}", id)).body(())
    };
    let rate =
        if let Hang::Token = hang { Rate::new(1, Duration::from_secs(3_600)) } else { Rate::UNLIMITED };
    let client = FanOutClient::from_requests(make).rate(rate).burst(1).max_in_flight(IN_FLIGHT);
    let client = client.lookup(|_, _| hang_for_ever()).build().unwrap();
    let bystander = CancelToken::new();
    thread::scope(|scope| {
        let held: Vec<_> = match hang {
            Hang::Permit => {
                scope.spawn(|| client.fetch_all(&bystander, 1..IN_FLIGHT).unwrap_err());
                (1..IN_FLIGHT).map(|_| accept(&listener)).collect()
            }
            _ => Vec::new(),
        };
        let failed_at = scope.spawn(|| {
            let (_, mut failing) = accept(&listener);
            let mut others = Vec::new();
            if let Hang::Head | Hang::Body = hang {
                others.extend((1..IN_FLIGHT).map(|_| accept(&listener).1));
            }
            for stream in others.iter_mut().filter(|_| matches!(hang, Hang::Body)) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun").unwrap();
            }
            elsewhere.wait_for(hang, &client);
            (fail(&mut failing), others)
        });
        let error = client.fetch_all(&CancelToken::new(), 0..IN_FLIGHT).unwrap_err();
        let returned_at = Instant::now();
        assert_eq!(error.kind(), ErrorKind::Status);
        bystander.cancel();
        drop(held);
        let (failed_at, _still_open) = failed_at.join().unwrap();
        returned_at - failed_at
    })
}

/// Where the seven go if it is not to the server.
struct Elsewhere {
    /// Accepts nothing, so that a handshake hangs; and with no room in its queue, a connect.
    deaf: Socket,
}

impl Elsewhere {
    fn new() -> Elsewhere {
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        deaf.set_reuse_address(true).unwrap(); // as std's listeners do
        deaf.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Elsewhere { deaf }
    }

    fn url(&self, hang: Hang, server: &str) -> String {
        let port = self.deaf.local_addr().unwrap().as_socket().unwrap().port();
        match hang {
            Hang::LookUp => "http://hangs.test/{id}".to_owned(),
            Hang::Connect | Hang::Handshake => {
                self.deaf.listen(if let Hang::Connect = hang { 0 } else { 64 }).unwrap();
                let scheme = if let Hang::Connect = hang { "http" } else { "https" };
                format!("{scheme}://127.0.0.1:{port}/{{id}}")
            }
            _ => server.to_owned(),
        }
    }

    /// Until all seven are where they are to be, as far as it can be seen from here.
    fn wait_for(&self, hang: Hang, client: &FanOutClient) {
        let there = || match hang {
            Hang::Token => client.limiter().waiting() == IN_FLIGHT - 1,
            _ => client.in_flight() == IN_FLIGHT,
        };
        while !there() {
            thread::yield_now();
        }
        // What cannot be seen, a connect or a read that has begun, gets the time for it.
        (0..1_000).for_each(|_| thread::yield_now());
    }
}

/// A look-up that never ends: it stays with its helper. Of those there are four in a process; then they wait in line.
fn hang_for_ever() -> io::Result<Vec<SocketAddr>> {
    loop {
        thread::park();
    }
}

fn bare_sockets() -> Duration {
    let (listener, _) = listen();
    let address = listener.local_addr().unwrap();
    let sockets: Vec<TcpStream> = (0..IN_FLIGHT).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut accepted: Vec<TcpStream> = (0..IN_FLIGHT).map(|_| listener.accept().unwrap().0).collect();
    let reading = Mutex::new(0);
    thread::scope(|scope| {
        let failed_at = scope.spawn(|| {
            while *reading.lock().unwrap() < IN_FLIGHT {
                thread::yield_now();
            }
            fail(&mut accepted[0])
        });
        thread::scope(|workers| {
            let (sockets, reading) = (&sockets, &reading);
            for mut socket in sockets {
                workers.spawn(move || {
                    *reading.lock().unwrap() += 1;
                    if socket.read(&mut [0; 1024]).unwrap() > 0 {
                        sockets.iter().for_each(|other| _ = other.shutdown(Shutdown::Both));
                    }
                });
            }
        });
        Instant::now() - failed_at.join().unwrap()
    })
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{{id}}", listener.local_addr().unwrap());
    (listener, url)
}

/// The next connection, and the first line of its request.
fn accept(listener: &TcpListener) -> (String, TcpStream) {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    lines.find(|line| line.as_ref().unwrap().is_empty());
    (first, stream)
}

fn fail(stream: &mut TcpStream) -> Instant {
    let at = Instant::now();
    stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").unwrap();
    at
}
