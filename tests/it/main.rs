//! The integration tests of `fanout`: one binary, a module for each subject.
//!
//! They talk to scripted servers on 127.0.0.1 ([`support::Server`]) that hand their requests to the test, so
//! that a test knows what the client is doing instead of sleeping and hoping. Whatever blocks, blocks behind
//! a guard ([`support::GUARD`]): a client that hangs fails the test. Times are only compared with bounds that
//! are exact from one side, or with something an order of magnitude away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod bucket;
mod limiter;

mod build;
mod fail_fast;
mod fetch;
mod http;
mod observe;
mod panics;
mod proxy;
mod redirects;
mod requests;
mod responses;
mod retries;
mod server_limits;
#[cfg(feature = "redis")]
mod shared;

mod logging;
mod peers;
#[cfg(feature = "test-kit")]
mod talking_to;
#[cfg(feature = "test-kit")]
mod test_kit;
mod tidy;
#[cfg(feature = "test-kit")]
mod virtual_time;

#[cfg(feature = "cli")]
mod cli;
