//! How much memory a process has taken, as the kernel counts.

use std::{fs, process};

/// A line of `/proc/self/status`: what is resident, `VmRSS`, or the most that ever was, `VmHWM`.
pub(crate) fn kib(field: &str) -> usize {
    kib_of(process::id(), field)
}

/// The same of another process.
pub(crate) fn kib_of(process: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Bytes.
pub(crate) fn each(kib: usize, count: usize) -> f64 {
    kib as f64 * 1024.0 / count as f64
}
