//! A worker: runs of `fanout get`, one after the other, that go on with the same ids and the same output.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::support::{TempFolder, fanout};
use crate::support::until;

use super::judge::Judge;
use super::{BURST, CAP, LEASE, PER_SECOND, TIMEOUT};

/// More than a worker ever fetches.
const IDS: u64 = 1_000_000;

/// What all workers have in common.
pub(crate) struct Place {
    pub(crate) judge: Judge,
    pub(crate) redis: String,
    pub(crate) folder: TempFolder,
    /// How many runs there were.
    pub(crate) runs: AtomicU32,
}

pub(crate) struct Worker {
    number: u64,
    output: PathBuf,
    log: PathBuf,
    running: Option<Running>,
    pub(crate) runs: Vec<Run>,
}

struct Running {
    child: Child,
    run: u32,
    started: Instant,
    /// How long the output was before, without what was torn.
    from: usize,
}

/// A run that is over.
pub(crate) struct Run {
    pub(crate) number: u32,
    pub(crate) started: Instant,
    /// It has given nothing back, and could not write what it knew.
    pub(crate) was_killed: bool,
    pub(crate) records: Vec<Record>,
}

/// What a run has written of a request.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// From right before the request was begun to its end.
    pub(crate) latency: Duration,
    /// Nothing if it failed.
    pub(crate) body: Option<String>,
}

impl Worker {
    pub(crate) fn start(number: usize, place: &Place) -> Worker {
        let file = |name: &str| place.folder.0.join(format!("{number}.{name}"));
        let (output, log) = (file("ndjson"), file("log"));
        let mut worker = Worker { number: number as u64, output, log, running: None, runs: Vec::new() };
        worker.go_on(place);
        worker
    }

    /// Begins a run, which goes on where the one before it has ended.
    fn go_on(&mut self, place: &Place) {
        let first = self.number * IDS;
        let [lease, timeout] = [LEASE, TIMEOUT].map(|time| format!("{}ms", time.as_millis()));
        let limits = [format!("{PER_SECOND}/s"), BURST.to_string(), CAP.to_string()];
        let names = ["--rate", "--burst", "--max-in-flight", "--redis", "--quota-lease", "--timeout"];
        let values = limits.iter().chain([&place.redis, &lease, &timeout]);
        let shared: Vec<&str> = names.into_iter().zip(values).flat_map(|(a, b)| [a, b]).collect();
        let more = ["--quota", "chaos", "--redis-wait", "20s", "--keep-going"];
        self.spawn(place, &[first, first + IDS - 1], &[&shared[..], &more[..]].concat());
    }

    /// Fetches what is missing up to this id, by itself, to its end.
    pub(crate) fn finish(&mut self, last: u64, place: &Place) {
        self.spawn(place, &[self.number * IDS, last], &["--rate", "none"]);
        let running = self.running.as_mut().unwrap();
        until("the rest is fetched", || running.child.try_wait().unwrap().is_some());
        let status = running.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said());
        self.has_ended(false);
    }

    fn spawn(&mut self, place: &Place, ids: &[u64; 2], options: &[&str]) {
        let run = place.runs.fetch_add(1, Ordering::Relaxed);
        let log = File::options().append(true).create(true).open(&self.log).unwrap();
        let mut command = fanout(["get", "--resume", "--output", self.output.to_str().unwrap()]);
        command.args(options).args(["--ids", &format!("{}-{}", ids[0], ids[1])]).arg(place.judge.url_of(run));
        command.stdout(Stdio::null()).stderr(log);
        let from = self.whole().len();
        let started = Instant::now();
        let child = command.spawn().unwrap();
        self.running = Some(Running { child, run, started, from });
    }

    /// Whether this was one of its runs.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.runs.iter().any(|run| run.number == number)
    }

    /// The run that is under way.
    pub(crate) fn run(&self) -> u32 {
        self.running.as_ref().unwrap().run
    }

    pub(crate) fn signal(&mut self, signal: &str) {
        let child = &mut self.running.as_mut().unwrap().child;
        let pid = child.id().to_string();
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself, {ended:?}: {}", self.said());
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Kills it by SIGKILL, and lets another run go on.
    pub(crate) fn is_replaced(&mut self, place: &Place) {
        self.signal("-KILL");
        self.has_ended(true);
        self.go_on(place);
    }

    /// Interrupts it, as a person would, and waits for its end.
    pub(crate) fn ends(&mut self) {
        self.signal("-INT");
        let running = self.running.as_mut().unwrap();
        until("it has ended", || running.child.try_wait().unwrap().is_some());
        self.has_ended(false);
    }

    /// Reads what it has left.
    fn has_ended(&mut self, was_killed: bool) {
        let Running { mut child, run: number, started, from } = self.running.take().unwrap();
        child.wait().unwrap();
        let records = self.whole()[from..].lines().map(Record::read).collect();
        self.runs.push(Run { number, started, was_killed, records });
    }

    /// The records, without what a kill has torn.
    fn whole(&self) -> String {
        let mut text = fs::read_to_string(&self.output).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// On standard error, the end of it.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Record {
    fn read(line: &str) -> Record {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Record {
            id: record["id"].as_str().unwrap().parse().unwrap(),
            latency: Duration::from_secs_f64(record["latency_ms"].as_f64().unwrap() / 1_000.0),
            body: record["body"].as_str().map(str::to_owned),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}
