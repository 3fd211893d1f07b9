//! `--ordered`: the records of ids that come back in any order.

use std::sync::{Arc, Condvar, Mutex};

use super::support::*;

/// Numbers from 1 that are answered from behind: each when the one after it has been.
fn backwards(last: u64) -> Api {
    let (answered, changed) = (Mutex::new(last + 1), Condvar::new());
    Api::answering(move |id| {
        let number: u64 = id.parse().unwrap();
        let mut next = answered.lock().unwrap();
        while *next != number + 1 {
            let (locked, waited) = changed.wait_timeout(next, PATIENCE).unwrap();
            assert!(!waited.timed_out());
            next = locked;
        }
        *next = number;
        changed.notify_all();
        (200, b"x".to_vec())
    })
}

fn ids_in_order(text: &str) -> Vec<String> {
    records(text);
    let ids = text.lines().map(|line| line.split('"').nth(3).unwrap().to_owned());
    ids.collect()
}

fn numbers(range: impl Iterator<Item = u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn records_stand_in_the_order_of_the_ids() {
    let args = ["--ids", "1-32", "--rate", "none", "--max-in-flight", "32"];
    let done = get([&args[..], &["--ordered", &backwards(32).url]].concat());
    assert_eq!(ids_in_order(&done.code(0).stdout), numbers(1..=32));
    let done = get([&args[..], &[&backwards(32).url]].concat());
    assert_eq!(ids_in_order(&done.code(0).stdout).len(), 32);
}

#[test]
fn an_id_that_is_tried_again_and_one_that_fails_hold_their_places() {
    let tried = Mutex::new(0);
    let api = Api::answering(move |id| {
        let mut tried = tried.lock().unwrap();
        *tried += usize::from(id == "2");
        match id {
            "2" if *tried <= 2 => (503, Vec::new()),
            "4" => (404, Vec::new()),
            _ => (200, Vec::new()),
        }
    });
    let done =
        get(["--ids", "1-60", "--rate", "none", "--retries", "5", "--keep-going", "--ordered", &api.url]);
    assert_eq!(ids_in_order(&done.code(1).stdout), numbers(1..=60));
    let records = done.records();
    assert!(records["2"]["attempt"] == 3 && records["4"].get("error").is_some());
}

/// Answers from 2 on, and then lets 1 have this status.
fn first_comes_last(last: usize, status: u16) -> Api {
    let gate = Arc::new((Mutex::new(0), Condvar::new()));
    Api::answering(move |id| {
        let (answered, changed) = &*gate;
        let mut answered = answered.lock().unwrap();
        if id != "1" {
            *answered += 1;
            changed.notify_all();
            return (200, Vec::new());
        }
        while *answered < last - 1 {
            let (locked, waited) = changed.wait_timeout(answered, PATIENCE).unwrap();
            assert!(!waited.timed_out());
            answered = locked;
        }
        (status, Vec::new())
    })
}

#[test]
fn at_a_failure_what_lies_beyond_the_gap_is_written_in_order() {
    let args = ["--ids", "1-20", "--rate", "none", "--max-in-flight", "2", "--ordered"];
    let done = get([&args[..], &[&first_comes_last(20, 500).url]].concat());
    let ids = ids_in_order(&done.code(1).stdout);
    // One may still be on its way when the first fails.
    assert!(ids == numbers(2..=20) || ids == numbers(2..=19), "{ids:?}");
    assert!(done.errors()[0].starts_with("id 1: "), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn at_a_signal_what_lies_beyond_the_gap_is_written_in_order() {
    let api = Api::new();
    let input = TempPath::with("ordered-ids", format!("{HANG}\n{}\n", numbers(1..=30).join("\n")));
    let mut command = get_command(["--input", input.shown(), "--rate", "none", "--max-in-flight", "2"]);
    let file = TempPath::new("ordered");
    command.args(["--output", file.shown(), "--ordered", "--timeout", "1h", "--progress", "never", &api.url]);
    let running = Running::start(&mut command);
    // One after the other, beside the first one: when the last one is asked for, those before it are done.
    let mut ids: Vec<String> = (0..31).map(|_| api.id()).collect();
    assert_eq!(file.text(), "", "they wait for the first one");
    running.kill(&["INT"]);
    assert!(!running.done().status.success());
    ids.retain(|id| id != HANG);
    let written = ids_in_order(&file.text());
    assert!(written == ids || written == ids[..29], "{written:?}");
}

/// More ids than the window holds, and all of them wait for the first.
#[test]
fn the_window_is_bounded() {
    let api = Api::new();
    let ids: String = (1..=20_000).map(|id| format!("{id}\n")).collect();
    let input = TempPath::with("window-ids", format!("{HANG}\n{ids}"));
    let file = TempPath::new("window");
    let mut command =
        get_command(["--input", input.shown(), "--rate", "none", "--ordered", "--timeout", "1h"]);
    command.args(["--output", file.shown(), "--deadline", "1h", &api.url]);
    let running = Running::start(&mut command);
    let before = api.requests_until_quiet(std::time::Duration::from_secs(2));
    assert_eq!(before, 10_000);
    api.hanging.lock().unwrap().clear(); // the connection ends, and with it the run
    let done = running.done();
    assert!(done.code(1).errors()[0].starts_with("id hang: "), "{}", done.stderr);
    assert_eq!(ids_in_order(&file.text()), numbers(1..=9_999));
}
