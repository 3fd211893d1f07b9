//! What does a request cost on its way through HTTP: beside bare sockets, beside ureq's own part of it, which is the
//! floor for whoever builds on ureq, and beside ureq as somebody sets it up who has read its documentation?
//!
//! The server is a process of its own, so that the CPU times of the table are the client's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use fanout::{Builder, CancelToken, FanOutClient, Rate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::Agent;

use crate::bare::{self, Connection, on_threads};
use crate::in_memory::InMemory;
use crate::lines::Lines;
use crate::server::{Server, is_body};

const IDS: usize = 10_000;
const IN_FLIGHT: usize = 8;

pub(crate) fn bench(criterion: &mut Criterion) {
    small(criterion);
    tls(criterion);
}

fn small(criterion: &mut Criterion) {
    let server = Server::start();
    let mut sockets =
        [(); IN_FLIGHT].map(|()| Connection::new(bare::connect(server.address), server.address));
    let (agent, url) = (careful_agent(), format!("http://{}", server.address));
    let client = client_of(FanOutClient::builder(format!("{url}/{{id}}")));

    let mut lines = Lines::new(criterion, "transport", IDS);
    lines.bench("reference: bare sockets, 8 threads", || {
        on_threads(&mut sockets, IDS, |socket, id| socket.fetch(id));
    });
    for threads in [1, IN_FLIGHT] {
        let in_memory = InMemory::new(threads);
        lines.bench(format!("ureq alone, without a socket; threads: {threads}"), move || {
            on_threads(&mut vec![(); threads], IDS, |(), _| in_memory.fetch());
        });
    }
    lines.bench("ureq, set up with care, 8 threads", || {
        on_threads(&mut [(); IN_FLIGHT], IDS, |(), id| {
            let body = agent.get(format!("{url}/{id}")).call().unwrap().body_mut().read_to_vec();
            assert!(is_body(id, &body.unwrap()), "this is not the body of {id}");
        });
    });
    lines.bench("fetch_all, 8 in flight", || fetch_all(&client));
    lines.finish();
}

/// A pool that is large enough, and a timeout for each phase: with one for all, each look-up would start a thread.
fn careful_agent() -> Agent {
    let timeout = Some(Duration::from_secs(10));
    Agent::config_builder()
        .max_idle_connections(2 * IN_FLIGHT)
        .max_idle_connections_per_host(2 * IN_FLIGHT)
        .timeout_connect(timeout)
        .timeout_send_request(timeout)
        .timeout_recv_response(timeout)
        .timeout_recv_body(timeout)
        .build()
        .into()
}

fn tls(criterion: &mut Criterion) {
    let (mut server, certificate) = Server::start_tls();
    let trust = Arc::new(trusting(&certificate));
    let mut sockets = [(); IN_FLIGHT].map(|()| {
        let tls = ClientConnection::new(trust.clone(), ServerName::try_from("localhost").unwrap()).unwrap();
        Connection::new(StreamOwned::new(tls, bare::connect(server.address)), "localhost")
    });
    let client = FanOutClient::builder(format!("https://localhost:{}/{{id}}", server.address.port()))
        .resolve("localhost", [server.address])
        .root_certificates_pem(certificate);
    let client = client_of(client);

    let mut lines = Lines::new(criterion, "transport, TLS", IDS);
    lines.bench("reference: bare rustls, 8 threads", || {
        on_threads(&mut sockets, IDS, |socket, id| socket.fetch(id));
    });
    lines.bench("fetch_all, 8 in flight", || fetch_all(&client));
    lines.finish();
    let handshakes = server.connections();
    assert!(handshakes <= 2 * IN_FLIGHT, "{handshakes} handshakes for twice {IN_FLIGHT} connections");
}

fn trusting(certificate: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn client_of(builder: Builder) -> FanOutClient {
    builder.rate(Rate::UNLIMITED).max_in_flight(IN_FLIGHT).build().unwrap()
}

fn fetch_all(client: &FanOutClient) {
    let bodies: HashMap<usize, Vec<u8>> = client.fetch_all(&CancelToken::new(), 0..IDS).unwrap();
    assert_eq!(bodies.len(), IDS);
    assert!(bodies.iter().all(|(id, body)| is_body(*id, body)));
}
