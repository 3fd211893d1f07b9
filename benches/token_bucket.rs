//! What does the arithmetic cost, beside one read of the clock?

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{Rate, Take, TokenBucket};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("token_bucket");
    let start = Instant::now();

    group.bench_function("reference: one read of the clock", |bencher| bencher.iter(Instant::now));

    group.bench_function("take, a token is there", |bencher| {
        let mut bucket = TokenBucket::new(Rate::per_second(1_000_000_000), u32::MAX, start).unwrap();
        let mut now = start;
        bencher.iter(|| {
            now += Duration::from_nanos(10);
            assert_eq!(bucket.take(black_box(1), now), Ok(Take::Taken));
        });
    });

    group.bench_function("take, none is there", |bencher| {
        let mut bucket = TokenBucket::new(Rate::new(5_000, Duration::from_secs(3_600)), 1, start).unwrap();
        bucket.take(1, start).unwrap();
        bencher.iter(|| assert!(matches!(bucket.take(black_box(1), start), Ok(Take::DueAt(_)))));
    });

    group.finish();
}
