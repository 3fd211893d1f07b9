//! A whole run against a server on loopback, beside bare sockets: eight threads that write, read and count.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use criterion::{Criterion, Throughput};
use fanout::{CancelToken, Error, FanOutClient, Rate};

const IDS: usize = 2_000;
const IN_FLIGHT: usize = 8;
const BODY: usize = 200;

pub(crate) fn bench(criterion: &mut Criterion) {
    let server = serve();
    let mut group = criterion.benchmark_group("fan_out");
    group.throughput(Throughput::Elements(IDS as u64)).sample_size(20);

    group.bench_function("reference: bare sockets, 8 threads", |bencher| {
        bencher.iter(|| assert_eq!(bare_sockets(server), IDS));
    });
    let client = |rate| {
        let client = FanOutClient::builder(format!("http://{server}/{{id}}")).max_in_flight(IN_FLIGHT);
        client.rate(rate).burst(1_000_000).build().unwrap()
    };
    let cancel = CancelToken::new();
    for (name, rate) in [("no limit", Rate::UNLIMITED), ("10⁹ a second", Rate::per_second(1_000_000_000))] {
        let client = client(rate);
        group.bench_function(format!("fetch_all, {name}"), |bencher| {
            bencher.iter(|| {
                let bodies: HashMap<usize, Vec<u8>> = client.fetch_all(&cancel, 0..IDS).unwrap();
                assert!(bodies.len() == IDS && bodies.values().all(|body| body.len() == BODY));
            });
        });
    }
    let client = client(Rate::UNLIMITED);
    group.bench_function("fetch_each, no limit", |bencher| {
        bencher.iter(|| {
            let mut bytes = 0;
            let each = |outcome: fanout::Outcome<usize>| {
                bytes += outcome.result?.body.len();
                Ok::<(), Error>(())
            };
            client.fetch_each(&cancel, 0..IDS, each).unwrap();
            assert_eq!(bytes, IDS * BODY);
        });
    });
    group.finish();
}

/// Answers every request on every connection with the same bytes. Its threads end with the process.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n{}", "x".repeat(BODY));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut requests = BufReader::new(stream.try_clone().unwrap());
                let mut writer = stream;
                writer.set_nodelay(true).unwrap();
                let mut line = String::new();
                while requests.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line == "\r\n" && writer.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

fn bare_sockets(server: SocketAddr) -> usize {
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = [0; 16 * 1024];
        let mut fetched = 0;
        loop {
            let id = next.fetch_add(1, Ordering::Relaxed);
            if id >= IDS {
                return fetched;
            }
            let request = format!("GET /{id} HTTP/1.1\r\nHost: {server}\r\nAccept: */*\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut read = 0;
            let head = loop {
                read += stream.read(&mut buffer[read..]).unwrap();
                if let Some(end) = buffer[..read].windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
            };
            while read < head + BODY {
                read += stream.read(&mut buffer[read..]).unwrap();
            }
            fetched += 1;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..IN_FLIGHT).map(|_| scope.spawn(one_thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}
