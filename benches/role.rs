//! What needs a process of its own, and how it is started: this executable again, with its role in the environment.

use std::env;
use std::process::Command;

const ROLE: &str = "FANOUT_BENCH_ROLE";

pub(crate) const SERVER: &str = "server";
pub(crate) const MEMORY: &str = "memory";
pub(crate) const FETCH: &str = "fetch";
#[cfg(feature = "redis")]
pub(crate) const SHARED: &str = "shared";

/// The role that this process was started for; none if it is to run the benches.
pub(crate) fn own() -> Option<String> {
    env::var(ROLE).ok()
}

pub(crate) fn command(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(ROLE, role);
    command
}
