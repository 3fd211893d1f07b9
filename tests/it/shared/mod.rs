//! One quota for many processes, against a real server.

mod basics;
#[cfg(feature = "cli")]
mod chaos;
mod client;
mod clock;
mod faults;
mod ferry;
mod logging;
mod losses;
mod model;
mod odd_servers;
mod process;
mod processes;
mod proxy;
mod server;
mod settled;
mod status;
#[cfg(feature = "redis-tls")]
pub(crate) mod tls;

pub(crate) use server::Redis;

use std::time::Duration;

/// The bound over every window that begins and ends with a grant, in whole numbers and in one pass: with `x` the grants
/// before an instant less what the rate has brought by then, no `x` may lie more than the burst above an earlier one.
#[track_caller]
pub(crate) fn bound(grants: &[Duration], per_second: u32, burst: u32) {
    let mut least = i128::MAX;
    for (before, granted) in (0_i128..).zip(grants) {
        let brought = i128::try_from((*granted - grants[0]).as_micros()).unwrap() * i128::from(per_second);
        let x = before * 1_000_000 - brought;
        least = least.min(x);
        let excess = x + 1_000_000 - least - i128::from(burst) * 1_000_000;
        assert!(excess <= 0, "the bound is broken by {excess} millionths of a token, at grant {before}");
    }
}
