//! Processes that share a quota: this executable again, running the same test, which finds out that it is one of them.
//!
//! Such a process says when it was granted something and when it gave it back, line by line: so what it said before it
//! was killed counts. It ends when its standard input does.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanout::{CancelToken, Limit, Rate, SharedQuota};
use parking_lot::Mutex;

use super::Redis;

const JOB: &str = "FANOUT_TEST_SHARES_A_QUOTA";

/// What they share, and how each goes about it.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
    pub(crate) cap: u32,
    pub(crate) threads: usize,
    pub(crate) hold: Duration,
    pub(crate) lease: Duration,
    pub(crate) redis_wait: Duration,
    pub(crate) use_by: Duration,
}

/// When Redis granted it, and by when it was given back, if it was; since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) granted: Duration,
    pub(crate) begun: Duration,
    pub(crate) ended: Option<Duration>,
}

pub(crate) struct Process {
    child: Child,
    uses: Arc<Mutex<Vec<Use>>>,
    reader: Option<JoinHandle<()>>,
}

/// Does what the others do, if this is one of them.
pub(crate) fn is_one_of_them() -> bool {
    let Ok(job) = env::var(JOB) else { return false };
    let words: Vec<&str> = job.split(' ').collect();
    let number = |index: usize| words[index].parse::<u32>().unwrap();
    let micros = |index| Duration::from_micros(number(index).into());
    let (threads, hold) = (number(4), micros(5));
    let quota = SharedQuota::builder(words[0], "test")
        .limit(Limit::new(Rate::per_second(number(1)), number(2)))
        .max_in_flight(number(3))
        .lease(micros(6))
        .redis_wait(micros(7))
        .use_by(micros(8))
        .is_idle(true)
        .connect()
        .unwrap();
    let cancel = CancelToken::new();
    let take_all = |thread: u32| {
        let (_kept, never) = mpsc::channel::<()>();
        while let Ok(grant) = quota.acquire(&cancel) {
            if !grant.is_in_time() {
                continue;
            }
            say(&format!("begun {thread} {} {}", grant.server_time().as_micros(), now().as_micros()));
            let _ = never.recv_timeout(hold);
            say(&format!("ended {thread} {}", now().as_micros()));
        }
    };
    thread::scope(|scope| {
        (0..threads).for_each(|thread| _ = scope.spawn(move || take_all(thread)));
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        cancel.cancel();
    });
    true
}

/// In one piece, whoever else writes.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

impl Process {
    /// Starts one for the test of this name.
    pub(crate) fn start(test: &str, redis: &Redis, job: Job) -> Process {
        let Job { per_second, burst, cap, threads, .. } = job;
        let times = [job.hold, job.lease, job.redis_wait, job.use_by];
        let times = times.map(|time| time.as_micros().to_string()).join(" ");
        let job = format!("{} {per_second} {burst} {cap} {threads} {times}", redis.url());
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(JOB, job)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let uses: Arc<Mutex<Vec<Use>>> = Arc::default();
        let (lines, shared) = (BufReader::new(child.stdout.take().unwrap()).lines(), uses.clone());
        let read = move || {
            let mut under_way = vec![None; threads];
            for line in lines.map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                let at = |index: usize| Duration::from_micros(words[index].parse().unwrap());
                let thread = || words[1].parse::<usize>().unwrap();
                let mut uses = shared.lock();
                match words[0] {
                    "begun" => {
                        under_way[thread()] = Some(uses.len());
                        uses.push(Use { granted: at(2), begun: at(3), ended: None });
                    }
                    "ended" => uses[under_way[thread()].unwrap()].ended = Some(at(2)),
                    _ => {}
                }
            }
        };
        Process { child, uses, reader: Some(thread::spawn(read)) }
    }

    pub(crate) fn uses(&self) -> Vec<Use> {
        self.uses.lock().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Kills it, and tells when.
    pub(crate) fn kill(&mut self) -> Duration {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        now()
    }

    /// Lets it end, and waits until all it has said is there.
    pub(crate) fn end(mut self) -> Vec<Use> {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.uses()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
