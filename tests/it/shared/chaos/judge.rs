//! The API: answers each request after a while, and writes down when it came, of whom, and when it was answered.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A fault is over within some seconds. But a test that is itself stopped, with its machine, goes on, too.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many milliseconds a request takes, by its id. When they are quick, the rate holds them back, or the cap where a
/// burst has gathered; when they are slow, the cap, which is used to the full.
pub(crate) const QUICK: (u64, u64) = (2, 14);
pub(crate) const SLOW: (u64, u64) = (20, 80);
pub(crate) const NO_TIME: (u64, u64) = (0, 0);

/// What has come.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Of which run of a worker.
    pub(crate) run: u32,
    pub(crate) id: u64,
    pub(crate) arrived: Instant,
    /// Right before the answer was handed to the system: the permit is not given back any earlier.
    pub(crate) answered: Option<Instant>,
}

#[derive(Clone)]
pub(crate) struct Judge {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    /// A request has come.
    comes: Condvar,
    /// One may be answered that might not be before.
    released: Condvar,
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    /// Of whom none is answered for now.
    kept: Vec<u32>,
    takes: (u64, u64),
}

impl Judge {
    pub(crate) fn start() -> Judge {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared: Arc<Shared> = Arc::default();
        let answering = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = answering.clone();
                thread::spawn(move || shared.converse(stream));
            }
        });
        Judge { url, shared }
    }

    /// What this run is to fetch.
    pub(crate) fn url_of(&self, run: u32) -> String {
        format!("{}/{run}/{{id}}", self.url)
    }

    /// What it is answered.
    pub(crate) fn body_of(run: u32, id: u64) -> String {
        format!("{run}/{id}")
    }

    /// Answers none of this run's until it is [released](Judge::release): a server that hangs.
    pub(crate) fn keep(&self, run: u32) {
        self.shared.log.lock().kept.push(run);
    }

    pub(crate) fn release(&self, run: u32) {
        self.shared.log.lock().kept.retain(|kept| *kept != run);
        self.shared.released.notify_all();
    }

    /// From now on, requests take so long.
    pub(crate) fn takes(&self, millis: (u64, u64)) {
        self.shared.log.lock().takes = millis;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().requests.clone()
    }

    /// Waits until so many have come of each of these runs, after this instant. If they do not, the runs whose are
    /// missing.
    pub(crate) fn wait_for(&self, runs: &[u32], each: usize, since: Instant) -> Result<(), Vec<u32>> {
        let mut log = self.shared.log.lock();
        loop {
            let later = log.requests.iter().rev().take_while(|request| request.arrived > since);
            let came = |run: u32| later.clone().filter(|request| request.run == run).count();
            let missing: Vec<u32> = runs.iter().copied().filter(|run| came(*run) < each).collect();
            if missing.is_empty() {
                return Ok(());
            }
            if self.shared.comes.wait_until(&mut log, since + PATIENCE).timed_out() {
                return Err(missing);
            }
        }
    }
}

impl Shared {
    fn converse(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        while let Some(first) = lines.next() {
            // Whoever is killed may leave a part of a request: it has not come.
            if !lines.any(|line| line.is_empty()) {
                return;
            }
            let (run, id) = asked(&first);
            self.answer_when_due(run, id);
            let body = Judge::body_of(run, id);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            if stream.write_all((head + &body).as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer_when_due(&self, run: u32, id: u64) {
        let mut log = self.log.lock();
        let (number, arrived) = (log.requests.len(), Instant::now());
        log.requests.push(Request { run, id, arrived, answered: None });
        self.comes.notify_all();
        let (shortest, longest) = log.takes;
        let due = arrived + Duration::from_millis(shortest + id * 7 % (longest - shortest + 1));
        while log.kept.contains(&run) || Instant::now() < due {
            match log.kept.contains(&run) {
                true => self.released.wait(&mut log),
                false => _ = self.released.wait_until(&mut log, due),
            }
        }
        log.requests[number].answered = Some(Instant::now());
    }
}

/// `GET /{run}/{id} HTTP/1.1`
fn asked(line: &str) -> (u32, u64) {
    let mut parts = line.split(' ').nth(1).unwrap().split('/').skip(1);
    let (run, id) = (parts.next().unwrap(), parts.next().unwrap());
    (run.parse().unwrap(), id.parse().unwrap())
}
