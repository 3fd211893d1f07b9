//! One quota for many processes: does the bound hold, how much of it do they get, and what does it cost?
//!
//! Starts a `redis-server` of its own (none: nothing is measured), and processes of this executable. Each figure of the
//! rate stands beside that of the limiter in one process with as many threads, measured right after it.
//!
//! `cargo bench --features redis -- shared`

mod child;
mod delay;
/// That of the tests, of which not all is needed here.
#[allow(dead_code)]
#[path = "../../tests/it/shared/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, Limit, Rate, RateLimiter, SharedQuota};

use crate::arguments;
use crate::lines::{cpu_time, cpu_time_of, median};

use child::Job;
use server::Redis;

pub(crate) use child::run;

const NAME: &str = "shared";

/// What the processes of a run reported.
#[derive(Default)]
struct Report {
    /// When it was granted, used, and given back; of each process.
    grants: Vec<Vec<[u64; 3]>>,
    calls: u64,
    late: u64,
    cpu: Duration,
    redis_cpu: Duration,
}

pub(crate) fn bench(_: &mut Criterion) {
    if !arguments::want(NAME) {
        return;
    }
    let Some(redis) = Redis::start() else {
        println!("{NAME}: needs redis-server");
        return;
    };
    let time = Duration::from_millis(if arguments::only_test() { 300 } else { 5_000 });
    rates(&redis, time);
    caps(&redis, time);
    let rounds = if arguments::only_test() { 3 } else { 200 };
    cancel(&redis, rounds);
    fail(&redis, rounds);
}

/// Without a cap: how much of the rate they get.
fn rates(redis: &Redis, time: Duration) {
    println!("{NAME}, {time:?} each\n");
    println!(
        "| | of the rate | × in process | calls a grant | late | by grant | by use | CPU: clients, Redis |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let far = format!("redis://{}/", delay::before(redis.port(), Duration::from_micros(500)));
    let job = |name, rate, burst, threads| Job { name, rate, burst, threads, ..Job::at(redis.url()) };
    let mut shares = Vec::new();
    for (job, processes) in [
        (job("200/s b20", 200, 20, 8), 4),
        (job("2000/s b100", 2_000, 100, 8), 4),
        (job("20000/s b1000", 20_000, 1_000, 8), 4),
        (Job { url: far.clone(), ..job("2000/s b100, 1 ms away", 2_000, 100, 8) }, 4),
        (Job { url: far, ..job("20000/s b1000, 1 ms away", 20_000, 1_000, 8) }, 4),
        (job("2000/s b100, many", 2_000, 100, 2), 16),
    ] {
        let report = together(redis, &job, processes, time);
        let alone = alone(job.rate, job.burst, processes * job.threads, time);
        report.print(
            &format!("{}, {processes} × {}", job.name, job.threads),
            job.rate,
            job.burst,
            alone,
            time,
        );
        shares = report.grants.iter().map(Vec::len).collect();
    }
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    let mean = shares.iter().sum::<usize>() as f64 / shares.len() as f64;
    let off = |of: usize| 100.0 * (of as f64 / mean - 1.0);
    println!("\n{NAME}: shares of 16 processes: from {:+.1} % to {:+.1} %\n", off(*least), off(*most));
}

/// With a cap: how much of it is used, by requests that take so long.
fn caps(redis: &Redis, time: Duration) {
    println!("| | most at once | of the cap | calls a request | CPU: clients, Redis | requests |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, rate, cap, threads, hold) in [
        ("cap 16, 20 ms", 0, 16, 8, 20),
        ("cap 64, 50 ms", 0, 64, 16, 50),
        ("400/s, cap 16, 20 ms", 400, 16, 8, 20),
        ("2000/s, cap 64, 5 ms", 2_000, 64, 16, 5),
    ] {
        let hold = Duration::from_millis(hold);
        let job = Job { name, rate, burst: 100, cap, threads, hold, ..Job::at(redis.url()) };
        together(redis, &job, 4, time).print_cap(&format!("{name}, 4 × {threads}"), cap, time);
    }
}

impl Report {
    fn print(&self, label: &str, rate: u32, burst: u32, alone: f64, time: Duration) {
        let mut all: Vec<[u64; 3]> = self.grants.concat();
        let number = all.len();
        all.sort();
        // What had gathered before the start is gone by then.
        let from = all[0][0] + u64::try_from(time.as_micros()).unwrap() / 10;
        let last = all[number - 1][0];
        let since = all.iter().filter(|[granted, ..]| *granted > from).count();
        let kept = 100.0 * since as f64 * 1e6 / ((last - from) as f64 * f64::from(rate));
        let excess = |index: usize| {
            let mut times: Vec<u64> = all.iter().map(|grant| grant[index]).collect();
            times.sort();
            excess(&times, rate, burst)
        };
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / time.as_secs_f64();
        println!(
            "| {label} | {kept:.2} % | {:.4} | {:.2} | {} | {:+.2} | {:+.2} | {:.0} % {:.0} % |",
            kept / alone,
            self.calls as f64 / number as f64,
            self.late,
            excess(0),
            excess(1),
            share(self.cpu),
            share(self.redis_cpu),
        );
        assert!(excess(0) <= 0.0, "the bound is broken");
    }

    fn print_cap(&self, label: &str, cap: u32, time: Duration) {
        let mut changes: Vec<(u64, i32)> = Vec::new();
        let all = self.grants.concat();
        for [_, used, done] in &all {
            changes.extend([(*used, 1), (*done, -1)]);
        }
        changes.sort(); // what is given back in the same microsecond comes first
        let (from, to) = (changes[0].0, changes[0].0 + u64::try_from(time.as_micros()).unwrap());
        let (from, to) = (from + (to - from) / 10, to - (to - from) / 10);
        let (mut now, mut most, mut held, mut before) = (0, 0, 0.0, from);
        for (at, change) in changes {
            if at > from && at <= to {
                held += f64::from(now) * (at - before) as f64;
                before = at;
            }
            now += change;
            most = most.max(now);
        }
        let used = 100.0 * held / ((to - from) as f64 * f64::from(cap));
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / time.as_secs_f64();
        println!(
            "| {label} | {most} | {used:.1} % | {:.2} | {:.0} % {:.0} % | {} |",
            self.calls as f64 / all.len() as f64,
            share(self.cpu),
            share(self.redis_cpu),
            all.len(),
        );
        assert!(most <= i32::try_from(cap).unwrap(), "more than the cap");
    }
}

/// By how many tokens the bound is broken, in the worst window; less than zero if it is not.
fn excess(times: &[u64], rate: u32, burst: u32) -> f64 {
    let (mut least, mut worst) = (i128::MAX, i128::MIN);
    for (before, at) in (0_i128..).zip(times) {
        let brought = i128::from(at - times[0]) * i128::from(rate);
        let x = before * 1_000_000 - brought;
        least = least.min(x);
        worst = worst.max(x + 1_000_000 - least - i128::from(burst) * 1_000_000);
    }
    worst as f64 / 1e6
}

/// So many processes at once.
fn together(redis: &Redis, job: &Job, processes: usize, time: Duration) -> Report {
    let start = |_| {
        let mut child = job.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        (child, lines)
    };
    let mut children: Vec<(Child, BufReader<_>)> = (0..processes).map(start).collect();
    let before = cpu_time_of(redis.process());
    for (child, _) in &mut children {
        writeln!(child.stdin.as_mut().unwrap(), "{}", time.as_millis()).unwrap();
    }
    let mut report = Report::default();
    for (child, lines) in &mut children {
        let mut grants = Vec::new();
        for line in lines.lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |index: usize| words[index].parse::<u64>().unwrap();
            if words[0] == "end" {
                report.calls += number(1);
                report.cpu += Duration::from_millis(number(2));
                report.late += number(3);
                continue;
            }
            grants.push([number(0), number(1), number(2)]);
        }
        report.grants.push(grants);
        assert!(child.wait().unwrap().success());
    }
    report.redis_cpu = cpu_time_of(redis.process()) - before;
    report
}

/// The same of the limiter of one process.
fn alone(rate: u32, burst: u32, threads: usize, time: Duration) -> f64 {
    let limiter = RateLimiter::new(Rate::per_second(rate), burst).unwrap();
    let cancel = CancelToken::new().with_timeout(time);
    limiter.acquire_n(&cancel, burst).unwrap();
    let _ = cpu_time();
    let mut grants: Vec<Instant> = thread::scope(|scope| {
        let take_all = || {
            let mut grants = Vec::new();
            while let Ok(granted) = limiter.acquire(&cancel) {
                grants.push(granted);
            }
            grants
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take_all)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    grants.sort();
    let elapsed = *grants.last().unwrap() - grants[0];
    100.0 * (grants.len() - 1) as f64 / (elapsed.as_secs_f64() * f64::from(rate))
}

/// From a cancel to the return of the one who waits for a grant, beside one who waits in process.
fn cancel(redis: &Redis, rounds: usize) {
    let hour = Rate::new(1, Duration::from_secs(3_600));
    let quota = SharedQuota::builder(redis.url(), "cancel").limit(Limit::new(hour, 1)).connect().unwrap();
    let limiter = RateLimiter::new(hour, 1).unwrap();
    assert!(limiter.try_acquire());
    let (mut shared, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let wait = |cancel: &CancelToken| assert!(quota.acquire(cancel).is_err());
        shared.push(cancel_one(wait, || quota.waiting() == 1));
        let wait = |cancel: &CancelToken| assert!(limiter.acquire(cancel).is_err());
        alone.push(cancel_one(wait, || limiter.waiting() == 1));
    }
    let (shared, alone) = (median(shared), median(alone));
    println!("\n{NAME}: cancel to return, median of {rounds}: {shared:.3} ms; in process {alone:.3} ms\n");
}

/// From the failure of one part of a run to the return of who waits in another.
fn fail(redis: &Redis, rounds: usize) {
    let hour = Rate::new(1, Duration::from_secs(3_600));
    let mut times: Vec<f64> = (0..rounds)
        .map(|round| {
            let part = || {
                let quota = SharedQuota::builder(redis.url(), "fail").limit(Limit::new(hour, 1));
                quota.run(format!("run-{round}")).connect().unwrap()
            };
            let (fails, waits) = (part(), part());
            thread::scope(|scope| {
                let thread = scope.spawn(|| assert!(waits.acquire(&CancelToken::new()).is_err()));
                // It listens, and it stands in line in Redis.
                while waits.waiting() != 1 || waits.calls() < 3 {
                    thread::yield_now();
                }
                let start = Instant::now();
                fails.fail("id 7: the server answered 500");
                thread.join().unwrap();
                start.elapsed().as_secs_f64() * 1e3
            })
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let [half, most] = [rounds / 2, rounds * 99 / 100].map(|index| times[index]);
    println!(
        "{NAME}: failure to return elsewhere, of {rounds}: median {half:.3} ms, 99 of 100 {most:.3} ms\n"
    );
}

/// In milliseconds.
fn cancel_one(wait: impl Fn(&CancelToken) + Sync, waits: impl Fn() -> bool) -> f64 {
    let cancel = CancelToken::new();
    thread::scope(|scope| {
        let thread = scope.spawn(|| wait(&cancel));
        while !waits() {
            thread::yield_now();
        }
        let start = Instant::now();
        cancel.cancel();
        thread.join().unwrap();
        start.elapsed().as_secs_f64() * 1e3
    })
}
