//! How much memory does a kept body take, a connection at rest, and an id that was fetched before? All that is resident
//! for it, as the kernel counts.
//!
//! A peak belongs to a process, and what is freed is hardly ever given back; so each sample is taken in a process of
//! its own. criterion writes "time" before every figure: here it is bytes. (A million ids, and a thousand connections
//! in use, are measured in `benches/peers`.)

use std::collections::HashMap;
use std::env;
use std::process::Stdio;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, SamplingMode, Throughput};
use fanout::{CancelToken, Error, FanOutClient, Outcome, Rate};

use crate::bare::{self, Connection, on_threads};
use crate::resident::{each, kib};
use crate::resumed;
use crate::role;
use crate::server::{BODY, Server, is_body};

const IDS: usize = 200_000;
const CONNECTIONS: usize = 64;
/// The most bytes that a kept body may take, its map included.
const MOST: f64 = 290.0;

pub(crate) fn bench(criterion: &mut Criterion<Bytes>) {
    let mut group = criterion.benchmark_group("memory");
    // A sample is a process or a few, and they differ little.
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1));
    for (name, _) in ALL {
        if name.contains("--resume") && resumed::TOOL.is_none() {
            println!("memory/{name}: wants --features cli");
            continue;
        }
        let server =
            if name.contains("at rest") { Server::answering_together(CONNECTIONS) } else { Server::start() };
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| in_a_process_of_its_own(name, &server)).sum());
        });
    }
    group.finish();
}

/// Does it, with a server at this address, and tells how many bytes each took.
type Measure = fn(&str) -> f64;

const ALL: [(&str, Measure); 8] = [
    ("reference: a body in a map", bodies_in_a_map),
    ("a body kept by fetch_all", bodies_of_fetch_all),
    ("reference: a socket at rest, with a buffer of 16 KiB", sockets_at_rest),
    ("a connection at rest", connections_at_rest),
    ("reference: a number as text in a set", resumed::numbers_in_a_set),
    ("a number that --resume has read", resumed::numbers),
    ("reference: a text of 20 bytes in a set", resumed::texts_in_a_set),
    ("a text of 20 bytes that --resume has read", resumed::texts),
];

fn in_a_process_of_its_own(name: &str, server: &Server) -> f64 {
    let mut command = role::command(role::MEMORY);
    let output = command.args([name, &server.address.to_string()]).stderr(Stdio::inherit()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("it has failed")
}

/// The other side.
pub(crate) fn run() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (_, measure) = ALL.iter().find(|(name, _)| *name == arguments[0]).unwrap();
    println!("{}", measure(&arguments[1]));
}

fn bodies_in_a_map(_: &str) -> f64 {
    let before = kib("VmRSS");
    let bodies: HashMap<usize, Vec<u8>> = (0..IDS).map(|id| (id, vec![b' '; BODY])).collect();
    assert_eq!(bodies.len(), IDS);
    each(kib("VmHWM") - before, IDS)
}

fn bodies_of_fetch_all(address: &str) -> f64 {
    let client = client(address, 8);
    let before = kib("VmRSS");
    let bodies: HashMap<usize, Vec<u8>> = client.fetch_all(&CancelToken::new(), 0..IDS).unwrap();
    assert!(bodies.len() == IDS && bodies.iter().all(|(id, body)| is_body(*id, body)));
    let bytes = each(kib("VmHWM") - before, IDS);
    assert!(bytes <= MOST, "{bytes} bytes for a body of {BODY}");
    bytes
}

fn sockets_at_rest(address: &str) -> f64 {
    let before = kib("VmRSS");
    let connect = |_| Connection::new(bare::connect(address.parse().unwrap()), address);
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(connect).collect();
    on_threads(&mut sockets, CONNECTIONS, |socket, id| socket.fetch(id));
    each(kib("VmRSS") - before, CONNECTIONS)
}

fn connections_at_rest(address: &str) -> f64 {
    let before = kib("VmRSS");
    let client = client(address, CONNECTIONS);
    let each_outcome = |outcome: Outcome<usize>| {
        assert!(is_body(outcome.id, &outcome.result?.body));
        Ok::<(), Error>(())
    };
    client.fetch_each(&CancelToken::new(), 0..CONNECTIONS, each_outcome).unwrap();
    each(kib("VmRSS") - before, CONNECTIONS)
}

fn client(address: &str, in_flight: usize) -> FanOutClient {
    let client = FanOutClient::builder(format!("http://{address}/{{id}}"));
    client.rate(Rate::UNLIMITED).max_in_flight(in_flight).build().unwrap()
}

/// What is measured here, in place of time.
pub(crate) struct Bytes;

impl Measurement for Bytes {
    type Intermediate = ();
    type Value = f64;

    /// Never called: each line brings its own figures.
    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        0.0
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "bytes"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "bytes"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "bytes"
    }
}
