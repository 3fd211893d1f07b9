//! What does a token cost that is there, beside one lock and one read of the clock? And with eight threads at it?

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, Limit, MAX_LIMITS, Rate, RateLimiter};
use parking_lot::Mutex;

const THREADS: u64 = 8;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rate_limiter");
    let cancel = CancelToken::new();
    // Never empty: tokens come faster than any thread can take them.
    let limiter = RateLimiter::new(Rate::per_second(u32::MAX), u32::MAX).unwrap();
    let mutex = Mutex::new(Instant::now());
    let lock_and_read = || *mutex.lock() = black_box(Instant::now());

    group.bench_function("reference: one lock, one read of the clock", |bencher| bencher.iter(lock_and_read));
    group.bench_function("try_acquire", |bencher| bencher.iter(|| assert!(limiter.try_acquire())));
    group.bench_function("acquire", |bencher| bencher.iter(|| limiter.acquire(&cancel).unwrap()));
    for number in [2, MAX_LIMITS] {
        let limit = Limit::new(Rate::per_second(u32::MAX), u32::MAX);
        let limiter = RateLimiter::with_limits(&vec![limit; number]).unwrap();
        group.bench_function(format!("acquire, {number} limits"), |bencher| {
            bencher.iter(|| limiter.acquire(&cancel).unwrap());
        });
    }

    group.bench_function("reference: the same, 8 threads", |bencher| {
        bencher.iter_custom(|times| on_all_threads(times, lock_and_read));
    });
    group.bench_function("acquire, 8 threads", |bencher| {
        bencher.iter_custom(|times| on_all_threads(times, || _ = limiter.acquire(&cancel).unwrap()));
    });
    group.finish();
}

fn on_all_threads(times: u64, act: impl Fn() + Sync) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..times.div_ceil(THREADS)).for_each(|_| act()));
        }
    });
    start.elapsed()
}
