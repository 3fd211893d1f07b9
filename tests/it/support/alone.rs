//! Tests of what belongs to the whole process, its memory and its threads: they run in one of their own.

use std::env;
use std::fs;
use std::process::Command;

const ALONE: &str = "FANOUT_TEST_RUNS_ALONE";

/// Runs `body` as the only test of a new process; `test` is the full name of the test that calls this.
#[track_caller]
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{test}, run alone:\n{said}");
}

/// A line of `/proc/self/status` in KiB: `VmHWM` (the most there ever was) or `VmRSS` (what there is).
pub(crate) fn memory_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}
