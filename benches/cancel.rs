//! How long from a cancel to the return of everyone who waits, beside the wake-up of one thread on a bare condvar?

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, Rate, RateLimiter};
use parking_lot::{Condvar, Mutex};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cancel");
    let token = CancelToken::new();
    group.bench_function("is_cancelled", |bencher| bencher.iter(|| token.is_cancelled()));
    group.bench_function("child, and drop it", |bencher| bencher.iter(|| token.child()));
    group.bench_function("reference: notify one thread and join it", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| notify_and_join()).sum());
    });
    for waiters in [1, 8] {
        group.bench_function(format!("cancel {waiters} in line, and join them"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| cancel_and_join(waiters)).sum());
        });
    }
    group.finish();
}

fn notify_and_join() -> Duration {
    let pair = Arc::new((Mutex::new((false, false)), Condvar::new()));
    let waiter = thread::spawn({
        let pair = pair.clone();
        move || {
            let mut state = pair.0.lock();
            state.0 = true;
            while !state.1 {
                pair.1.wait(&mut state);
            }
        }
    });
    while !pair.0.lock().0 {
        thread::yield_now();
    }
    let start = Instant::now();
    pair.0.lock().1 = true;
    pair.1.notify_one();
    waiter.join().unwrap();
    start.elapsed()
}

fn cancel_and_join(waiters: usize) -> Duration {
    let limiter = RateLimiter::new(Rate::new(1, Duration::from_secs(3_600)), 1).unwrap();
    assert!(limiter.try_acquire());
    let cancel = CancelToken::new();
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..waiters).map(|_| scope.spawn(|| limiter.acquire(&cancel).unwrap_err())).collect();
        while limiter.waiting() < waiters {
            thread::yield_now();
        }
        let start = Instant::now();
        cancel.cancel();
        threads.into_iter().for_each(|thread| _ = thread.join().unwrap());
        start.elapsed()
    })
}
