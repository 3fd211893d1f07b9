//! Real sockets on the loopback, hand-shakes in place of sleeps.

mod body;
mod classify;
mod contract;
#[cfg(target_os = "linux")] // its hand-shakes read /proc
mod cut;
pub(super) mod server;
mod tls;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::*;

/// Far longer than any test waits: a test that passes did not run into it.
const HANGS: Duration = Duration::from_secs(60);

fn settings() -> HttpSettings {
    HttpSettings {
        timeout: HANGS,
        connect_timeout: HANGS,
        stall_timeout: None,
        max_body: 1024 * 1024,
        max_idle: 8,
        user_agent: HeaderValue::from_static("tests"),
        root_certificates: None,
        pinned: Vec::new(),
        lookup: None,
        proxies: Proxies::default(),
        longest_line: 1024,
    }
}

fn client() -> HttpClient {
    HttpClient::new(settings())
}

/// One worker of a call: a tether that a watchdog watches.
struct Worker {
    tether: Arc<Tether>,
    watchdog: Arc<Watchdog>,
    thread: Option<thread::JoinHandle<()>>,
    call_deadline: Option<Instant>,
    fresh: bool,
}

impl Worker {
    fn new() -> Worker {
        let (tether, watchdog) = (Tether::new(), Arc::new(Watchdog::default()));
        std::mem::forget(watchdog.watch(tether.clone())); // until the worker is dropped
        let watching = watchdog.clone();
        let thread = Some(thread::spawn(move || watching.run()));
        Worker { tether, watchdog, thread, call_deadline: None, fresh: false }
    }

    fn run(&self, client: &HttpClient, request: &Request<Vec<u8>>) -> Result<Reply, Failure> {
        let wire = Wire {
            tether: &self.tether,
            watchdog: &self.watchdog,
            call_deadline: self.call_deadline,
            wanted: &|status| status.is_success(),
            fresh: self.fresh,
            measured: None,
        };
        client.exchange(request.into(), &wire)
    }

    fn get(&self, client: &HttpClient, url: &str) -> Result<Reply, Failure> {
        self.run(client, &Request::get(url).body(Vec::new()).unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.watchdog.dismiss();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
