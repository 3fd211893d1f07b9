//! A group that ends with a table: everybody once more, in turn, A B C … A B C …, with the CPU time of each.
//!
//! On two cores that client and server share, and that others may want, the time on the clock alone says little, and
//! two lines that were measured one after the other are hardly ever measured on the same machine.

use std::fmt::Display;
use std::fs;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use crate::arguments;

const ROUNDS: usize = 21;

/// Lines that each fetch the same number of ids. The first one is what the others are compared with.
pub(crate) struct Lines<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    ids: usize,
    lines: Vec<Line<'a>>,
}

struct Line<'a> {
    name: String,
    fetch_all: Box<dyn FnMut() + 'a>,
    /// Of each round.
    per_second: Vec<f64>,
    /// Of all rounds.
    cpu: Duration,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(criterion: &'a mut Criterion, name: &str, ids: usize) -> Lines<'a> {
        let mut group = criterion.benchmark_group(name);
        group
            .throughput(Throughput::Elements(ids as u64))
            .sampling_mode(SamplingMode::Flat)
            .sample_size(20)
            .warm_up_time(Duration::from_secs(1));
        Lines { group, ids, lines: Vec::new() }
    }

    /// A line: `fetch_all` fetches all ids once, and makes sure that it did.
    pub(crate) fn bench(&mut self, name: impl Into<String>, mut fetch_all: impl FnMut() + 'a) {
        let (name, mut is_wanted) = (name.into(), false);
        self.group.bench_function(name.as_str(), |bencher| {
            is_wanted = true;
            bencher.iter(&mut fetch_all);
        });
        if is_wanted {
            let fetch_all = Box::new(fetch_all);
            self.lines.push(Line { name, fetch_all, per_second: Vec::new(), cpu: Duration::ZERO });
        }
    }

    /// Runs the rounds and prints the table, unless this is only a test.
    pub(crate) fn finish(mut self) {
        self.group.finish();
        if self.lines.is_empty() || arguments::only_test() {
            return;
        }
        for _ in 0..ROUNDS {
            self.lines.iter_mut().for_each(|line| line.run_once(self.ids));
        }
        let micros = |line: &Line<'_>| line.cpu.as_secs_f64() * 1e6 / (ROUNDS * self.ids) as f64;
        let reference = &self.lines[0];
        println!("{:46} {:>8} {:>6} {:>12} {:>6}", "in turn; medians", "req/s", "×", "CPU µs each", "×");
        for line in &self.lines {
            let ratios = line.per_second.iter().zip(&reference.per_second).map(|(line, of)| line / of);
            println!(
                "{:46} {:8.0} {:6.2} {:12.2} {:6.2}",
                line.name,
                median(line.per_second.clone()),
                median(ratios.collect()),
                micros(line),
                micros(line) / micros(reference),
            );
        }
        println!();
    }
}

impl Line<'_> {
    fn run_once(&mut self, ids: usize) {
        let (began, cpu) = (Instant::now(), cpu_time());
        (self.fetch_all)();
        self.per_second.push(ids as f64 / began.elapsed().as_secs_f64());
        self.cpu += cpu_time() - cpu;
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What this process has used, user and system, threads that have ended included. It comes in steps of 10 ms, so only
/// sums of many runs mean anything.
pub(crate) fn cpu_time() -> Duration {
    cpu_times("self", 11)
}

/// The same of those processes that it has started, and that have ended.
pub(crate) fn cpu_time_of_children() -> Duration {
    cpu_times("self", 13)
}

/// The same as [`cpu_time`] of another process that is still there.
#[cfg(feature = "redis")]
pub(crate) fn cpu_time_of(process: u32) -> Duration {
    cpu_times(process, 11)
}

/// Two numbers of a process's `stat` in `/proc`, this one and the next of those behind the name.
fn cpu_times(process: impl Display, number: usize) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program, in brackets, may hold anything; what comes after it are numbers.
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks = |number: &str| number.parse::<u64>().unwrap();
    let ticks: u64 = numbers.split_whitespace().skip(number).take(2).map(ticks).sum();
    Duration::from_millis(10 * ticks)
}
