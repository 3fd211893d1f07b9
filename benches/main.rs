//! One module a question, each with its reference beside it in the same group, so that the ratio can be read off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cancel;
mod fail_fast;
mod fan_out;
mod memory;
mod rate_kept;
mod rate_limiter;
mod retries;
#[cfg(feature = "redis")]
mod shared;
mod token_bucket;
mod tool;
mod transport;

mod arguments;
mod bare;
mod in_memory;
mod lines;
mod resident;
mod resumed;
mod role;
mod server;

use criterion::{Criterion, criterion_group};

criterion_group!(
    times,
    token_bucket::bench,
    rate_limiter::bench,
    rate_kept::bench,
    cancel::bench,
    fail_fast::bench,
    fan_out::bench,
    retries::bench,
    tool::bench,
    transport::bench
);
#[cfg(feature = "redis")]
criterion_group!(processes, shared::bench);
criterion_group!(
    name = bytes;
    config = Criterion::default().with_measurement(memory::Bytes);
    targets = memory::bench
);

/// As `criterion_main!` makes it, but for the roles.
fn main() {
    match role::own().as_deref() {
        Some(role::SERVER) => server::run(),
        Some(role::MEMORY) => memory::run(),
        Some(role::FETCH) => tool::run(),
        #[cfg(feature = "redis")]
        Some(role::SHARED) => shared::run(),
        _ => {
            times();
            #[cfg(feature = "redis")]
            processes();
            bytes();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
