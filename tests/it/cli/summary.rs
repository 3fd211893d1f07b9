//! What is told of a run at its end: to people on standard error, and to a machine by `--summary-json`.

use std::process::Stdio;

use serde_json::{Value, json};

use super::support::*;

type IsRight = fn(&Value) -> bool;

/// What kind of value stands where, if the run failed of an id and wrote down what is left.
const MEMBERS: [(&str, IsRight); 34] = [
    ("/version", |value| value == env!("CARGO_PKG_VERSION")),
    ("/started_at", is_time),
    ("/elapsed_ms", |value| value.as_f64() > Some(0.0)),
    ("/ids/total", |value| value.is_u64() || value.is_null()),
    ("/ids/fetched", Value::is_u64),
    ("/ids/failed", Value::is_u64),
    ("/ids/left", |value| value.is_u64() || value.is_null()),
    ("/ids/cut_off", Value::is_u64),
    ("/ids/unwritten", Value::is_u64),
    ("/ids/duplicates", Value::is_u64),
    ("/ids/there_already", Value::is_u64),
    ("/requests", Value::is_u64),
    ("/retries", Value::is_u64),
    ("/pauses/count", Value::is_u64),
    ("/pauses/total_ms", Value::is_f64),
    ("/exit/code", Value::is_u64),
    ("/exit/signal", |value| value.is_string() || value.is_null()),
    ("/exit/reason", Value::is_string),
    ("/first_failure/id", Value::is_string),
    ("/first_failure/attempt", Value::is_u64),
    ("/first_failure/status", |value| value.is_u64() || value.is_null()),
    ("/first_failure/kind", Value::is_string),
    ("/first_failure/sent", Value::is_string),
    ("/first_failure/error", Value::is_string),
    ("/limits/0/text", Value::is_string),
    ("/limits/0/rate", Value::is_u64),
    ("/limits/0/per_ms", Value::is_f64),
    ("/limits/0/burst", Value::is_u64),
    ("/max_in_flight", Value::is_u64),
    ("/output", |value| value.is_string() || value.is_null()),
    ("/failed/path", Value::is_string),
    ("/failed/ids", Value::is_u64),
    ("/failed/is_whole", Value::is_boolean),
    ("/failed/unread_behind_line", |value| value.is_u64() || value.is_null()),
];

/// `2026-11-28T16:20:05.123Z`
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[track_caller]
fn figures(file: &TempPath) -> Value {
    let text = file.text();
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Holds some of the figures against what they should be.
#[track_caller]
fn holds(figures: &Value, expected: &[(&str, Value)]) {
    for (pointer, value) in expected {
        assert_eq!(figures.pointer(pointer), Some(value), "{pointer} in {figures:#}");
    }
}

fn failing(fails: &'static str) -> Api {
    Api::answering(move |id| (if id == fails { 500 } else { 200 }, Vec::new()))
}

#[test]
fn the_figures_of_a_failure_have_every_member() {
    let (api, file, left) = (failing("7"), TempPath::new("figures-all"), TempPath::new("figures-left"));
    let args = ["--ids", "1-60,1-3", "--rate", "600/m", "--at-most", "100/h", "--summary-json", file.shown()];
    let url = api.url.replace("http://", "http://me:topsecret@") + "?key=topsecret";
    let more = ["--failed", left.shown(), "--max-in-flight", "1", &url];
    get(args.iter().chain(&more)).code(1);
    let figures = figures(&file);
    for (pointer, is_right) in MEMBERS {
        let value = figures.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {figures:#}"));
        assert!(is_right(value), "{pointer} in {figures:#}");
    }
    let (error, server) = (figures["first_failure"]["error"].as_str().unwrap(), api.url.replace("{id}", "7"));
    assert!(
        error.starts_with(&format!("the server answered 500 Internal Server Error (GET {server}")),
        "{error}"
    );
    holds(
        &figures,
        &[
            ("/ids/total", json!(60)),
            ("/ids/fetched", json!(6)),
            ("/ids/failed", json!(1)),
            ("/ids/left", json!(53)),
            ("/ids/duplicates", json!(3)),
            ("/exit", json!({ "code": 1, "signal": null, "reason": "failed" })),
            ("/first_failure/id", json!("7")),
            ("/first_failure/status", json!(500)),
            ("/first_failure/kind", json!("Status")),
            ("/first_failure/sent", json!("yes")),
            ("/limits/0", json!({ "text": "600/m, burst 20", "rate": 600, "per_ms": 60000.0, "burst": 20 })),
            ("/limits/1/text", json!("at most 100/h, burst 10")),
            ("/max_in_flight", json!(1)),
            ("/failed/ids", json!(54)),
            ("/failed/is_whole", json!(true)),
        ],
    );
    assert!(!file.text().contains("topsecret"), "{}", file.text());
    is_explained(&figures);
}

/// Every member stands in the help.
#[track_caller]
fn is_explained(figures: &Value) {
    let help = Running::start(&mut fanout(["get", "--help"])).done().stdout;
    let (_, help) = help.split_once("--summary-json <FILE>").unwrap();
    let (help, _) = help.split_once("--report <").unwrap();
    let words: Vec<&str> = help.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let mut objects = vec![figures];
    while let Some(value) = objects.pop() {
        let members = value.as_object().into_iter().flatten();
        for (name, value) in members {
            assert!(words.contains(&name.as_str()), "{name} is not in the help");
            objects.push(value);
        }
        objects.extend(value.as_array().into_iter().flatten());
    }
}

/// Fetched, failed and left are all ids that there are; and in the file of --failed are all but those that are out.
#[test]
fn the_ids_that_are_left_and_those_in_the_file_of_failed_ids_add_up() {
    let (api, file, ids) = (failing("3"), TempPath::new("figures-sum"), TempPath::new("figures-sum-ids"));
    for more in [&[][..], &["--keep-going"]] {
        let args = ["--ids", "1-9", "--failed", ids.shown(), "--summary-json", file.shown(), &api.url];
        get(args.iter().chain(more)).code(1);
        let figures = figures(&file);
        let count = |place: &str| figures.pointer(place).and_then(Value::as_u64).unwrap();
        let [fetched, failed, left] =
            ["fetched", "failed", "left"].map(|name| count(&format!("/ids/{name}")));
        assert_eq!((fetched + failed + left, failed), (9, 1), "{figures}");
        assert_eq!(count("/failed/ids"), failed + left + count("/ids/unwritten"), "{figures}");
        assert_eq!(count("/failed/ids"), ids.text().lines().count() as u64, "{figures}");
    }
}

#[test]
fn the_figures_of_a_run_that_was_complete() {
    let (api, file) = (Api::new(), TempPath::with("figures-done", "old\n"));
    get_with_input(["--summary-json", file.shown(), "--rate", "none", &api.url], "1\n2\n2\n").code(0);
    holds(
        &figures(&file),
        &[
            ("/ids/total", json!(2)),
            ("/ids/fetched", json!(2)),
            ("/ids/left", json!(0)),
            ("/ids/duplicates", json!(1)),
            ("/exit", json!({ "code": 0, "signal": null, "reason": "done" })),
            ("/first_failure", json!(null)),
            ("/limits", json!([])),
            ("/output", json!(null)),
            ("/failed", json!(null)),
        ],
    );
}

/// Ends, with what the tool is given, and what is told then.
#[test]
fn there_are_figures_whatever_ended_the_run() {
    let file = TempPath::new("figures-ends");
    let slow = Api::answering(|id| (if id == "429" { 429 } else { 200 }, Vec::new()));
    let failing = failing("3");
    let hang = format!("1\n{HANG}\n");
    let cases: [(&str, &[&str], &str, i32, &str); 7] = [
        ("a failure, and on", &["--keep-going", &failing.url], "1\n3\n4\n", 1, "failed"),
        ("the deadline", &["--deadline", "300ms", &slow.url], &hang, 1, "deadline"),
        ("a pause", &["--max-wait", "10ms", "--retries", "1", &slow.url], "429\n", 1, "pause"),
        ("no id", &[&slow.url], "1\n\u{0}\u{1}\n", 1, "failed"),
        ("no text", &[&slow.url], "", 0, "done"),
        ("the output", &["--output", "/dev/full", &slow.url], "1\n2\n", 1, "output"),
        ("--failed", &["--failed", "/dev/shm/fanout-none/x", &slow.url], "1\n", 2, ""),
    ];
    for (name, args, input, code, reason) in cases {
        let _ = std::fs::remove_file(&file.0);
        let done = get_with_input(args.iter().chain(&["--summary-json", file.shown()]), input);
        done.code(code);
        if code == 2 {
            assert!(!file.0.exists(), "{name}");
            continue;
        }
        holds(&figures(&file), &[("/exit", json!({ "code": code, "signal": null, "reason": reason }))]);
    }
    let done = get_with_input(["--summary-json", file.shown(), &slow.url], b"1\n\xff\n");
    done.code(1);
    holds(&figures(&file), &[("/exit/reason", json!("input")), ("/ids/total", json!(null))]);
}

#[cfg(unix)]
#[test]
fn there_are_figures_after_a_signal() {
    let (api, file) = (Api::new(), TempPath::new("figures-signal"));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut running = Running::start(
            get_command(["--timeout", "1h", "--summary-json", file.shown(), &api.url]).stdin(Stdio::piped()),
        );
        let mut stdin = running.stdin.take().unwrap(); // stays open
        std::io::Write::write_all(&mut stdin, format!("{HANG}\n").as_bytes()).unwrap();
        assert_eq!(api.id(), HANG);
        running.kill(&[signal]);
        running.done();
        let exit = json!({ "code": code, "signal": format!("SIG{signal}"), "reason": "signal" });
        holds(&figures(&file), &[("/exit", exit), ("/ids/cut_off", json!(1)), ("/ids/total", json!(null))]);
    }
}

#[test]
fn there_are_figures_when_the_reader_has_gone() {
    let (api, file) = (Api::new(), TempPath::new("figures-gone"));
    let args = ["--ids", "1-1000000", "--rate", "none", "--summary-json", file.shown(), &api.url];
    let mut running = Running::start(&mut get_command(args));
    drop(running.stdout.take());
    assert_eq!(running.done().code(1).stderr, "");
    holds(&figures(&file), &[("/exit", json!({ "code": 1, "signal": null, "reason": "output" }))]);
}

#[test]
fn the_pauses_of_a_run_are_told() {
    let tries = std::sync::Mutex::new(0);
    let api = Api::answering(move |_| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        (if [1, 3].contains(&*tries) { 429 } else { 200 }, Vec::new())
    });
    let file = TempPath::new("figures-pauses");
    let args = ["--max-in-flight", "1", "--retries", "2", "--summary-json", file.shown(), &api.url];
    let done = get(["--ids", "1"].iter().chain(&args));
    assert!(done.code(0).stderr.contains(", 0 failed, 1 retry, paused for 1s\n"), "{}", done.stderr);
    holds(&figures(&file), &[("/requests", json!(2)), ("/pauses/count", json!(1))]);
    let done = get(["--ids", "1", "--max-in-flight", "1", &api.url]);
    assert!(done.code(1).stderr.contains(", 1 failed\n"), "{}", done.stderr);
}

#[test]
fn the_figures_go_to_standard_output_if_the_records_do_not() {
    let (api, records) = (Api::new(), TempPath::new("figures-records"));
    let done = get(["--ids", "1-3", "--summary-json", "-", "--output", records.shown(), &api.url]);
    let figures: Value = serde_json::from_str(&done.code(0).stdout).unwrap();
    holds(&figures, &[("/ids/fetched", json!(3)), ("/output", json!(records.shown()))]);
    for more in [&[][..], &["--output", "-"]] {
        let done = get(["--ids", "1-3", "--summary-json", "-", &api.url].iter().chain(more));
        assert!(done.code(2).errors()[0].starts_with("--summary-json -: standard output is for the records"));
    }
}

#[test]
fn figures_that_would_take_the_place_of_another_file_are_refused() {
    let (api, file) = (Api::new(), TempPath::with("figures-place", "1\n"));
    for (args, error) in [
        (["--ids", "1", "--failed", file.shown()], "is the file of --failed"),
        (["--ids", "1", "--output", file.shown()], "is the file that the records go to"),
        (["--no-dedup", "-q", "--input", file.shown()], "is the file that the ids come from"),
    ] {
        let done = get(args.iter().chain(&["--summary-json", file.shown(), &api.url]));
        assert!(done.code(2).errors()[0].contains(error), "{}", done.stderr);
        assert_eq!(file.text(), "1\n");
    }
}

#[test]
fn the_summary_tells_duplicates_and_what_to_do_next() {
    let (api, file) = (failing("3"), TempPath::new("summary-output"));
    let done = get(["--ids", "1-2,1-2", &api.url]);
    assert!(done.code(0).stderr.contains(", 0 failed, 2 duplicates left out\n"), "{}", done.stderr);
    let args = ["--ids", "1-3", "--max-in-flight", "1", "--output", file.shown(), &api.url];
    let done = get(args);
    assert!(done.code(1).stderr.ends_with("\nrun again with --resume\n"), "{}", done.stderr);
    let left = TempPath::new("summary left");
    let done = get(args.iter().chain(&["--overwrite", "--failed", left.shown()]));
    let told = format!("\n1 id is left in '{0}'; run again with --input '{0}' --resume\n", left.shown());
    assert!(done.code(1).stderr.ends_with(&told), "{}", done.stderr);
    let done = get(args.iter().chain(&["--overwrite", "-q", "--failed", left.shown()]));
    assert_eq!((done.code(1).errors().len(), done.stderr.lines().count()), (1, 1));
}
