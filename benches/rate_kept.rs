//! How much of the rate do threads get that wait for it, does the bound hold, and what does the waiting cost?
//!
//! A table and not a time: the grants a second, as a share of the rate, between the first and the last grant of a
//! window in which all threads stand in line; and the processor time of the whole process in it.
//!
//! `cargo bench -- rate_kept`

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, Rate, RateLimiter};

use crate::arguments;
use crate::lines::cpu_time;

const NAME: &str = "rate_kept";

const LIMITS: [(u32, u32); 5] = [(10, 20), (1_000, 100), (200, 1), (20_000, 20), (20_000, 1)];
const WAITERS: [usize; 2] = [8, 1_000];

pub(crate) fn bench(_: &mut Criterion) {
    if !arguments::want(NAME) {
        return;
    }
    let window = if arguments::only_test() { Duration::from_millis(200) } else { Duration::from_secs(4) };
    println!("{NAME}, {window:?} each\n");
    println!("| rate | burst | threads | kept | late, median | late, 99 of 100 | CPU of a core |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (rate, burst) in LIMITS {
        for waiters in WAITERS {
            let Kept { kept, late, cpu } = measure(rate, burst, waiters, window);
            let [median, most] = [late.len() / 2, late.len() * 99 / 100].map(|index| late[index]);
            println!(
                "| {rate}/s | {burst} | {waiters} | {kept:.2} % | {median:.0?} | {most:.0?} | {cpu:.1} % |"
            );
        }
    }
    println!();
}

struct Kept {
    kept: f64,
    /// By how much each interval between two grants was longer than the ideal one, sorted.
    late: Vec<Duration>,
    cpu: f64,
}

fn measure(rate: u32, burst: u32, waiters: usize, window: Duration) -> Kept {
    let limiter = RateLimiter::new(Rate::per_second(rate), burst).unwrap();
    let cancel = CancelToken::new();
    limiter.acquire_n(&cancel, burst).unwrap();
    let (from, to, cpu, mut grants) = thread::scope(|scope| {
        let take_all = || {
            let mut grants = Vec::new();
            while let Ok(granted) = limiter.acquire(&cancel) {
                grants.push(granted);
            }
            grants
        };
        let threads: Vec<_> = (0..waiters).map(|_| scope.spawn(take_all)).collect();
        while limiter.waiting() + 2 < waiters {
            thread::yield_now();
        }
        let (from, cpu) = (Instant::now(), cpu_time());
        wait(window);
        let (to, cpu) = (Instant::now(), cpu_time().saturating_sub(cpu));
        cancel.cancel();
        let grants: Vec<Instant> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (from, to, cpu, grants)
    });
    grants.sort();
    check_the_bound(&grants, rate, burst);
    grants.retain(|granted| (from..to).contains(granted));
    let ideal = Duration::from_secs(1) / rate;
    let mut late: Vec<Duration> =
        grants.windows(2).map(|pair| (pair[1] - pair[0]).saturating_sub(ideal)).collect();
    late.sort();
    let elapsed = *grants.last().unwrap() - grants[0];
    Kept {
        kept: 100.0 * (grants.len() - 1) as f64 / (elapsed.as_secs_f64() * f64::from(rate)),
        late,
        cpu: 100.0 * cpu.as_secs_f64() / (to - from).as_secs_f64(),
    }
}

/// The bound over every window that begins and ends with a grant, in one pass: with `x` the grants before an instant
/// less what the rate has brought by then, no `x` may lie more than the burst above an earlier one.
fn check_the_bound(grants: &[Instant], rate: u32, burst: u32) {
    let mut least = i128::MAX;
    for (before, granted) in (0_i128..).zip(grants) {
        let brought = i128::try_from((*granted - grants[0]).as_nanos()).unwrap() * i128::from(rate);
        let x = before * 1_000_000_000 - brought;
        least = least.min(x);
        assert!(x + 1_000_000_000 - least <= i128::from(burst) * 1_000_000_000, "the bound is broken");
    }
}

fn wait(time: Duration) {
    let (_kept, never) = mpsc::channel::<()>();
    assert_eq!(never.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}
