//! The command-line tool, as its users meet it: the real binary, real sockets, real signals.

// Helpers outside of a test function, where the settings of clippy.toml do not reach.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod atomic;
#[cfg(unix)]
mod crashes;
mod failed;
mod failures;
#[cfg(unix)]
mod files;
mod folders;
mod get;
mod help;
mod ids;
mod limits;
#[cfg(unix)]
mod mistakes;
mod order;
#[cfg(unix)]
mod packaging;
#[cfg(unix)]
mod pipes;
mod plan;
mod proxy;
mod records;
mod report;
mod requests;
mod resume;
mod retries;
mod serve;
#[cfg(feature = "redis")]
mod shared;
mod stops;
mod summary;
pub(crate) mod support;
mod talk;
#[cfg(unix)]
mod terminal;
mod usage;
