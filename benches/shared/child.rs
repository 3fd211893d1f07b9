//! One of the processes that share a quota: takes what it can get, and reports each grant.
//!
//! It says `ready` when it is connected, begins when it is told how long to go on, and then writes a line for each
//! grant (when Redis granted it, when it was used and given back, all in microseconds since 1970) and one with its
//! calls to Redis, its processor time, and how many grants it threw away.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanout::{CancelToken, Limit, Rate, SharedQuota};

use crate::lines::cpu_time;
use crate::role;

/// What such a process does.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) url: String,
    pub(crate) name: &'static str,
    /// None: 0.
    pub(crate) rate: u32,
    pub(crate) burst: u32,
    /// None: 0.
    pub(crate) cap: u32,
    pub(crate) threads: usize,
    pub(crate) hold: Duration,
    pub(crate) lease: Duration,
}

impl Job {
    /// Nothing is set but where the quota is.
    pub(crate) fn at(url: String) -> Job {
        let (hold, lease) = (Duration::ZERO, Duration::from_secs(2));
        Job { url, name: "", rate: 0, burst: 0, cap: 0, threads: 0, hold, lease }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = role::command(role::SHARED);
        command.arg(&self.url).arg(self.name.replace([' ', ','], "-"));
        let numbers = [u64::from(self.rate), self.burst.into(), self.cap.into(), self.threads as u64];
        command.args(numbers.map(|number| number.to_string()));
        command.args([self.hold, self.lease].map(|time| time.as_micros().to_string()));
        command
    }
}

/// The other side of [`Job::command`].
pub(crate) fn run() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize| arguments[index].parse::<u64>().unwrap();
    let small = |index| u32::try_from(number(index)).unwrap();
    let rate = if small(2) == 0 { Rate::UNLIMITED } else { Rate::per_second(small(2)) };
    let limit = Limit::new(rate, small(3));
    let mut builder = SharedQuota::builder(&arguments[0], &arguments[1]).limit(limit);
    builder = builder.lease(Duration::from_micros(number(7))).is_idle(true);
    if number(4) > 0 {
        builder = builder.max_in_flight(u32::try_from(number(4)).unwrap());
    }
    let (threads, hold) = (number(5), Duration::from_micros(number(6)));
    let quota = builder.connect().unwrap();
    println!("ready");
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let time = Duration::from_millis(line.trim().parse().unwrap());
    let cancel = CancelToken::new().with_timeout(time);
    let late = AtomicU64::new(0);
    let (calls, cpu) = (quota.calls(), cpu_time());
    let reports: Vec<String> = thread::scope(|scope| {
        let take_all = || {
            let (_kept, never) = mpsc::channel::<()>();
            let mut report = String::new();
            while let Ok(grant) = quota.acquire(&cancel) {
                if !grant.is_in_time() {
                    late.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let used = micros_now();
                if !hold.is_zero() {
                    let _ = never.recv_timeout(hold);
                }
                let done = micros_now();
                writeln!(report, "{} {used} {done}", grant.server_time().as_micros()).unwrap();
            }
            report
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take_all)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let cpu = (cpu_time() - cpu).as_millis();
    let calls = quota.calls() - calls;
    let mut out = io::stdout().lock();
    for report in reports {
        out.write_all(report.as_bytes()).unwrap();
    }
    writeln!(out, "end {calls} {cpu} {}", late.into_inner()).unwrap();
}

fn micros_now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}
