//! A whole run against a server on loopback, beside bare sockets: what do the limiter, the way to the caller, and being
//! observed cost?

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use criterion::Criterion;
use fanout::{CancelToken, Error, FanOutClient, Outcome, Rate};

use crate::bare::{self, Connection, on_threads};
use crate::lines::Lines;
use crate::server::{Server, is_body};

const IDS: usize = 10_000;
const IN_FLIGHT: usize = 8;

pub(crate) fn bench(criterion: &mut Criterion) {
    let server = Server::start();
    let mut sockets =
        [(); IN_FLIGHT].map(|()| Connection::new(bare::connect(server.address), server.address));
    let cancel = CancelToken::new();

    let mut lines = Lines::new(criterion, "fan_out", IDS);
    lines.bench("reference: bare sockets, 8 threads", || {
        on_threads(&mut sockets, IDS, |socket, id| socket.fetch(id));
    });
    let builder = |rate| {
        let client = FanOutClient::builder(format!("http://{}/{{id}}", server.address));
        client.max_in_flight(IN_FLIGHT).rate(rate).burst(1_000_000)
    };
    let cancel = &cancel;
    for (name, rate) in [("no limit", Rate::UNLIMITED), ("10⁹ a second", Rate::per_second(1_000_000_000))] {
        let client = builder(rate).build().unwrap();
        lines.bench(format!("fetch_all, {name}"), move || {
            let bodies: HashMap<usize, Vec<u8>> = client.fetch_all(cancel, 0..IDS).unwrap();
            assert!(bodies.len() == IDS && bodies.iter().all(|(id, body)| is_body(*id, body)));
        });
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let observed = builder(Rate::UNLIMITED).observe(move |_| _ = counted.fetch_add(1, Ordering::Relaxed));
    let unobserved = builder(Rate::UNLIMITED);
    for (name, client) in [("fetch_each, no limit", unobserved), ("fetch_each, observed", observed)] {
        let client = client.build().unwrap();
        lines.bench(name, move || {
            let mut fetched = 0;
            let each = |outcome: Outcome<usize>| {
                assert!(is_body(outcome.id, &outcome.result?.body));
                fetched += 1;
                Ok::<(), Error>(())
            };
            client.fetch_each(cancel, 0..IDS, each).unwrap();
            assert_eq!(fetched, IDS);
        });
    }
    lines.finish();
    assert_eq!(seen.load(Ordering::Relaxed) % IDS, 0, "all of them were seen, each time");
}
