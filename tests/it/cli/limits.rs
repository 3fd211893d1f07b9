//! The pace: rates with their bursts, windows, and what the server asks for.

use std::time::{Duration, Instant};

use super::serve::serve;
use super::support::*;

#[test]
fn the_rate_is_kept_and_so_are_all_limits_at_once() {
    let api = Api::new();
    for limits in [
        &["--rate", "20/s", "--burst", "1"][..],
        &["--burst", "1", "--rate", "20/s"],
        &["--rate", "1000/s", "--burst", "100", "--rate", "20/s", "--burst", "1"],
        &["--rate", "20/s", "--burst", "1", "--rate", "1000/s"],
        &["--rate", "none", "--at-most", "11/500ms"],
    ] {
        let start = Instant::now();
        get(["--ids", "1-6", &api.url].iter().chain(limits)).code(0);
        assert!(start.elapsed() >= Duration::from_millis(250), "five tokens at 50 ms each: {limits:?}");
    }
}

#[test]
fn a_burst_belongs_to_the_rate_before_it_and_the_slowest_limit_says_how_long_it_takes() {
    let api = Api::new();
    for (limits, told) in [
        (
            &["--rate", "10/s", "--burst", "90", "--rate", "100/m"][..],
            "(10/s, burst 90; 100/m, burst 3) take at least 58.2s (nothing was sent)",
        ),
        (
            &["--rate", "10/s", "--rate", "100/m", "--burst", "90"],
            "(10/s, burst 20; 100/m, burst 90) take at least 8s (nothing was sent)",
        ),
        (
            &["--at-most", "100/h", "--burst", "90"],
            "(10/s, burst 90; at most 100/h, burst 10) take at least 1h (nothing was sent)",
        ),
        (&["--rate", "none", "--at-most", "100/10s"], "(at most 100/10s, burst 10) take at least 10s (noth"),
    ] {
        let done = get(["--ids", "1-100", "--deadline", "1s", &api.url].iter().chain(limits));
        let start = format!("--deadline 1s: 100 ids at this quota {told}");
        assert!(done.code(2).errors()[0].starts_with(&start), "{limits:?}: {}", done.stderr);
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn the_summary_names_every_limit() {
    let api = Api::new();
    let done = get(["--ids", "1-3", "--at-most", "5000/h", "--rate", "50/s", &api.url]);
    let quota = "; quota 50/s, burst 20; at most 5000/h, burst 500: at most ";
    assert!(done.code(0).stderr.contains(quota), "{}", done.stderr);
    let done = get(["--ids", "1", "--rate", "none", &api.url]);
    assert!(done.code(0).stderr.contains("; no rate limit\n"), "{}", done.stderr);
}

/// It asks for a second.
#[test]
fn a_pause_that_is_longer_than_is_waited_for_fails_at_once() {
    let api = Api::answering(|_| (429, Vec::new()));
    let url = |id| api.url.replace("{id}", id);
    let args = ["--ids", "7-8", "--retries", "1", "--max-wait", "1ms", "--max-in-flight", "1", &api.url];
    let cause = format!(
        "the server answered 429 Too Many Requests, which asks for a pause of 1 s (retry-after: 1), \
         longer than is waited for (GET {}",
        url("7")
    );
    assert_eq!(get(args).code(1).errors(), [format!("id 7: {cause}; --max-wait sets how long)")]);
    let done = get(args.iter().chain(&["--keep-going"]));
    assert_eq!(done.code(1).records()["7"]["error"], format!("{cause})"));
    let told = "id 8: the server asks for a pause of 1 s (retry-after: 1), and at most 1ms is waited for \
                (--max-wait sets how long)";
    assert_eq!(done.errors(), [told]);
    assert_eq!(api.ids_so_far(), ["7", "7"]);
}

/// It tells with each answer what is left of the hour. What it has promised is used to the last request, and no
/// request is refused.
#[test]
fn a_window_that_ends_too_late_ends_the_run_before_the_server_must_refuse() {
    let (_running, url) = serve(&["--dialect", "github", "--rate", "20/h"]);
    let done = get(["--ids", "1-30", "--rate", "none", "--max-in-flight", "1", &url]);
    let error = done.code(1).errors()[0];
    let start = "id 21: the server asks for a pause of 3";
    assert!(error.starts_with(start) && error.contains(" s (x-ratelimit-reset: "), "{error}");
    assert!(error.ends_with("), and at most 120s is waited for (--max-wait sets how long)"), "{error}");
    assert_eq!(done.records().len(), 20);
    assert!(done.stderr.contains("fetched 20 of 30 ids in ") && done.stderr.contains(", 0 failed\n"));
}

/// What it does not tell is found out: far fewer refusals than there would be retries for.
#[test]
fn a_hidden_limit_is_found_out_where_that_is_asked_for() {
    let (_running, url) = serve(&["--rate", "none", "--hidden-rate", "700/s"]);
    let done = get(["--ids", "1-300", "--rate", "1000/s", "--retries", "9", "--adaptive", &url]);
    assert_eq!(done.code(0).records().len(), 300);
}

#[test]
fn what_is_in_reserve_is_left_to_others() {
    let (_running, url) = serve(&["--dialect", "github", "--rate", "20/h"]);
    let done = get(["--ids", "1-30", "--rate", "none", "--max-in-flight", "1", "--reserve", "15", &url]);
    assert_eq!(done.code(1).records().len(), 5);
    let wrong = get(["--ids", "1", "--reserve", "-1", &url]);
    assert!(wrong.code(2).errors()[0].starts_with("--reserve -1: use a whole number from 0 to "));
}
