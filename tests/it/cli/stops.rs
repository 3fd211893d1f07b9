//! How a run ends early: by a signal, by a reader that goes, by one that does not read.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;

use super::support::*;

const INT: i32 = 2;
const TERM: i32 = 15;

/// Bodies of which a pipe holds a few only.
fn large_bodies() -> Api {
    Api::answering(|_| (200, vec![b'x'; 16 * 1024]))
}

/// Runs `1` to `20` and then `hang`, one after the other, with an output that nobody reads: when `hang` is
/// asked for, 20 records are done and a pipe holds three of them.
fn blocked(api: &Api) -> Running {
    let ids = (1..=20).map(|id| format!("{id}\n")).collect::<String>() + HANG;
    let mut running = Running::start(
        get_command(["--rate", "none", "--max-in-flight", "1", "--timeout", "1h", &api.url])
            .stdin(Stdio::piped()),
    );
    running.stdin.take().unwrap().write_all(ids.as_bytes()).unwrap();
    while api.id() != HANG {}
    running
}

/// The whole records of a text whose last line may be torn.
fn whole(text: &str) -> usize {
    records(&text[..text.rfind('\n').map_or(0, |end| end + 1)]).len()
}

#[test]
fn a_signal_stops_the_run_keeps_what_is_done_and_ends_the_process() {
    for (name, signal) in [("INT", INT), ("TERM", TERM), ("HUP", 1)] {
        let api = Api::new();
        let mut running = Running::start(
            get_command(["--timeout", "1h", "--max-in-flight", "1", &api.url]).stdin(Stdio::piped()),
        );
        let mut stdin = running.stdin.take().unwrap(); // stays open
        stdin
            .write_all(
                format!(
                    "1
2
{HANG}
"
                )
                .as_bytes(),
            )
            .unwrap();
        while api.id() != HANG {}
        running.kill(&[name]);
        let done = running.done();
        assert_eq!((done.status.signal(), done.status.code()), (Some(signal), None), "{done:#?}");
        assert_eq!(done.ids(), ["1", "2"]);
        let told = format!(", 1 cut off, stopped by SIG{name}");
        assert!(done.stderr.contains(&told), "{}", done.stderr);
        assert_eq!(done.errors(), [] as [&str; 0]);
        api.hanging_connection_ends();
        drop(stdin);
    }
}

#[test]
fn a_signal_ends_a_wait_for_the_quota_and_one_for_standard_input() {
    let api = Api::new();
    let running = Running::start(&mut get_command(["--ids", "1-2", "--rate", "1/d", &api.url]));
    api.id(); // one of them has the token, and the other one waits
    running.kill(&["INT"]);
    assert_eq!(running.done().status.signal(), Some(INT));

    let mut running = Running::start(get_command([&api.url]).stdin(Stdio::piped()));
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(b"3\n").unwrap();
    assert_eq!(api.id(), "3");
    running.kill(&["TERM"]);
    assert_eq!(running.done().status.signal(), Some(TERM));
}

#[test]
fn a_file_holds_every_completed_record_after_a_signal() {
    let (api, file) = (large_bodies(), TempPath::new("signal"));
    let input = TempPath::with("signal-ids", (1..=50).map(|id| format!("{id}\n")).collect::<String>() + HANG);
    let running = Running::start(&mut get_command([
        "--rate",
        "none",
        "--max-in-flight",
        "1",
        "--input",
        input.shown(),
        "--output",
        file.shown(),
        &api.url,
    ]));
    while api.id() != HANG {}
    running.kill(&["INT"]);
    assert_eq!(running.done().status.signal(), Some(INT));
    assert_eq!(records(&file.text()).len(), 50);
}

#[test]
fn an_output_that_nobody_reads_does_not_hold_up_a_stop() {
    let api = large_bodies();
    let mut running = blocked(&api);
    running.kill(&["INT"]);
    assert_eq!(running.status().signal(), Some(INT));
    let done = running.done();
    let (whole, unwritten) = (whole(&done.stdout), unwritten(&done.stderr));
    assert!(whole > 0 && unwritten > 0 && whole + unwritten == 20, "{whole} + {unwritten}");
    api.hanging_connection_ends();
}

/// Log lines enough to fill the pipe and the queue before it.
#[test]
fn a_standard_error_that_nobody_reads_does_not_hold_up_a_stop() {
    let api = Api::new();
    let args = ["-vv", "--ids", "1-1000000", "--rate", "none", "--output", "/dev/null", &api.url];
    let mut running = Running::start(&mut get_command(args));
    assert!(api.requests_until_quiet(Duration::from_millis(500)) < 100_000, "they wait for the reader");
    let start = Instant::now();
    running.kill(&["INT"]);
    assert_eq!(running.status().signal(), Some(INT));
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let api = Api::new();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" get \"$1\"", env!("CARGO_BIN_EXE_fanout"), &api.url]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    assert_eq!(api.id(), "1");
    running.kill(&["INT"]);
    stdin.write_all(b"2\n").unwrap();
    assert_eq!(api.id(), "2");
    running.kill(&["TERM"]);
    assert_eq!(running.done().status.signal(), Some(TERM));
}

/// The first signal ends it as well, a quarter of a second later; where the processors are starved, that can be sooner.
#[test]
fn a_second_signal_ends_it_on_the_spot() {
    let ended_by_the_second = || {
        let api = large_bodies();
        let mut running = blocked(&api);
        running.kill(&["INT", "TERM"]);
        running.status().signal() == Some(TERM)
    };
    assert!((0..5).any(|_| ended_by_the_second()));
}

#[test]
fn an_output_that_nobody_reads_does_not_hold_up_a_deadline_or_a_failure() {
    let api = Api::answering(|id| if id == "21" { (500, Vec::new()) } else { (200, vec![b'x'; 16 * 1024]) });
    let mut running = Running::start(&mut get_command([
        "--ids",
        "1-21",
        "--rate",
        "none",
        "--max-in-flight",
        "1",
        &api.url,
    ]));
    assert_eq!(running.status().code(), Some(1));
    let done = running.done();
    assert!(done.errors()[0].starts_with("id 21: "), "{}", done.stderr);
    assert_eq!(whole(&done.stdout) + unwritten(&done.stderr), 20);

    let api = large_bodies();
    let mut running =
        Running::start(&mut get_command(["--ids", "1-20", "--rate", "none", "--deadline", "1s", &api.url]));
    assert_eq!(running.status().code(), Some(1));
    let done = running.done();
    assert_eq!(whole(&done.stdout) + unwritten(&done.stderr), 20);
    let errors = done.errors();
    assert!(errors.len() == 1 && errors[0].ends_with("before the deadline"), "{errors:?}");
}

#[test]
fn a_reader_that_pauses_holds_the_ids_up_and_loses_nothing() {
    let api = Api::answering(|_| (200, vec![b'x'; 64 * 1024]));
    let running = Running::start(&mut get_command(["--ids", "1-1000", "--rate", "none", &api.url]));
    let before = api.requests_until_quiet(Duration::from_millis(500));
    assert!(before < 150, "{before} requests while nobody reads");
    let done = running.done();
    assert_eq!(done.code(0).records().len(), 1000);
}

#[test]
fn a_reader_that_goes_ends_the_run_quietly() {
    let api = Api::new();
    let mut running = Running::start(&mut get_command(["--ids", "1-1000000", "--rate", "none", &api.url]));
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(records(&line).len(), 1);
    drop(stdout);
    assert_eq!(running.done().code(1).stderr, "");
}

/// `3 records did not get out to standard output`
#[track_caller]
fn unwritten(stderr: &str) -> usize {
    let line = stderr.lines().find(|line| line.contains("did not get out"));
    let line = line.unwrap_or_else(|| panic!("{stderr}"));
    line.trim_start_matches("error: ").split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn records_are_whole_when_several_are_in_flight_and_large() {
    let api = Api::answering(|id| (200, id.repeat(100_000).into_bytes()));
    let done = get(["--ids", "1-60", "--rate", "none", "--max-in-flight", "16", &api.url]);
    for (id, record) in done.code(0).records() {
        assert_eq!(record["body"].as_str().unwrap(), id.repeat(100_000));
    }
}

/// One body may be as large as all room: then there is one of them that waits, and one in each worker's hands.
#[test]
fn a_reader_that_pauses_holds_large_bodies_up_one_by_one() {
    let api = Api::answering(|_| (200, vec![b'x'; 5 * 1024 * 1024]));
    let running = Running::start(&mut get_command([
        "--ids",
        "1-60",
        "--rate",
        "none",
        "--max-in-flight",
        "2",
        "-q",
        &api.url,
    ]));
    let before = api.requests_until_quiet(Duration::from_millis(500));
    assert!(before <= 4, "{before} requests while nobody reads");
    assert_eq!(running.done().code(0).records().len(), 60);
}

#[test]
fn a_signal_ends_a_wait_for_the_next_try() {
    let api = Api::answering(|_| (503, Vec::new()));
    let args = ["--ids", "7", "--retries", "99", "--rate", "none", &api.url];
    let mut running = Running::start(&mut get_command(args));
    // From here on it waits nearly always, and ever longer.
    for _ in 0..3 {
        api.id();
    }
    running.kill(&["TERM"]);
    assert_eq!(running.status().signal(), Some(TERM));
}
