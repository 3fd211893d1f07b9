//! How long from the first error to the return of the call, all threads joined, while seven other requests hang?
//!
//! The time is taken from the moment at which the server hands the error to its socket. The reference is the same with
//! bare sockets: eight threads that read, of which the one that reads the error shuts the others' sockets down.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, ErrorKind, FanOutClient, Rate};

const IN_FLIGHT: usize = 8;

/// What the server does with every request but that of id 0, which it fails when all of them hang.
#[derive(Clone, Copy)]
enum Hang {
    BeforeTheHead,
    InTheBody,
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fail_fast");
    group.sample_size(50);
    group.bench_function("reference: bare sockets, 7 hang before the head", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| bare_sockets()).sum());
    });
    for (name, hang) in [("before the head", Hang::BeforeTheHead), ("in the body", Hang::InTheBody)] {
        group.bench_function(format!("7 hang {name}"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| seven_hang(hang)).sum());
        });
    }
    group.bench_function("7 wait for a token", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| seven_wait_for_a_token()).sum());
    });
    group.finish();
}

fn seven_hang(hang: Hang) -> Duration {
    let (listener, url) = listen();
    let client = FanOutClient::builder(url).rate(Rate::UNLIMITED).max_in_flight(IN_FLIGHT).build().unwrap();
    thread::scope(|scope| {
        let failed_at = scope.spawn(|| {
            let mut requests: Vec<_> = (0..IN_FLIGHT).map(|_| accept(&listener)).collect();
            let failing = requests.iter().position(|(line, _)| line.contains("/0 ")).unwrap();
            let (_, mut failing) = requests.swap_remove(failing);
            if let Hang::InTheBody = hang {
                for (_, stream) in &mut requests {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun").unwrap();
                }
            }
            (fail(&mut failing), requests)
        });
        let error = client.fetch_all(&CancelToken::new(), 0..IN_FLIGHT).unwrap_err();
        let returned_at = Instant::now();
        assert_eq!((error.kind(), error.id()), (ErrorKind::Status, Some("0")));
        let (failed_at, _still_open) = failed_at.join().unwrap();
        returned_at - failed_at
    })
}

fn seven_wait_for_a_token() -> Duration {
    let (listener, url) = listen();
    let once_an_hour = Rate::new(1, Duration::from_secs(3_600));
    let client = FanOutClient::builder(url).rate(once_an_hour).max_in_flight(IN_FLIGHT).build().unwrap();
    thread::scope(|scope| {
        let failed_at = scope.spawn(|| {
            let (_, mut failing) = accept(&listener);
            while client.limiter().waiting() < IN_FLIGHT - 1 {
                thread::yield_now();
            }
            fail(&mut failing)
        });
        let error = client.fetch_all(&CancelToken::new(), 0..1_000).unwrap_err();
        let returned_at = Instant::now();
        assert_eq!(error.kind(), ErrorKind::Status);
        returned_at - failed_at.join().unwrap()
    })
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
