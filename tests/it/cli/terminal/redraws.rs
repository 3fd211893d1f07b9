//! How often the progress is shown: never more often than people can read, however fast the run is.

use std::time::{Duration, Instant};

use super::screen::{Terminal, get_command};
use crate::cli::support::{Api, get};

/// What is shown no more often than each `interval`, and was shown at least once.
#[track_caller]
fn bounded(shown: usize, interval: Duration, started: Instant) {
    let most = started.elapsed().as_nanos() / interval.as_nanos();
    assert!(shown > 0 && shown as u128 <= most, "{shown}, and {most} at most");
}

#[test]
fn thousands_of_ids_are_a_few_redraws() {
    let (api, started) = (Api::new(), Instant::now());
    let args = ["--ids", "1-5000", "--rate", "none", "--max-in-flight", "32", &api.url];
    let (_, picture, written) = Terminal::start(80, get_command(args)).ends();
    let redraws = written.matches("/5000 [").count();
    bounded(redraws, Duration::from_millis(100), started);
    // Each is taken away again by two of them.
    assert!(written.matches('\u{1b}').count() <= 2 * redraws + 2, "{written:?}");
    assert!(picture.rows[0].starts_with("fetched 5000 of 5000 ids"), "{picture:#?}");
}

#[test]
fn in_a_pipe_there_is_a_line_a_second() {
    let (api, started) = (Api::new(), Instant::now());
    let args = ["--progress", "always", "--ids", "1-22", "--rate", "10/s", "--burst", "1", &api.url];
    let done = get(args);
    let lines = done.code(0).stderr.lines().filter(|line| line.contains("/22 done, ")).count();
    bounded(lines, Duration::from_secs(1), started);
}
