//! One module a question, each with its reference beside it in the same group, so that the ratio can be read off.

#![allow(clippy::unwrap_used, clippy::panic)]

mod cancel;
mod fail_fast;
mod fan_out;
mod rate_kept;
mod rate_limiter;
mod retries;
mod token_bucket;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    token_bucket::bench,
    rate_limiter::bench,
    rate_kept::bench,
    cancel::bench,
    fail_fast::bench,
    fan_out::bench,
    retries::bench
);
criterion_main!(benches);
