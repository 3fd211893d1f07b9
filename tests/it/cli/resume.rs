//! `--output FILE --resume`: what is fetched again, what is refused, and what becomes of a torn record.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::support::*;

/// What a run writes for these ids.
fn output_of(name: &str, ids: &[&str]) -> TempPath {
    let (api, file) = (Api::new(), TempPath::new(name));
    let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
    get_with_input(["--rate", "none", "--output", file.shown(), &api.url], input).code(0);
    file
}

#[track_caller]
fn resume(api: &Api, file: &TempPath, args: &[&str], input: &str) -> Done {
    let all = [&["--rate", "none", "--output", file.shown(), "--resume", &api.url], args].concat();
    get_with_input(all, input)
}

#[test]
fn only_what_is_missing_is_fetched_whatever_the_order_and_what_was_added() {
    let (api, file) = (Api::new(), output_of("resume", &["1", "2", "ü", "a b"]));
    let done = resume(&api, &file, &[], "9\na b\n7\n2\n1\n2\nü\n8\n");
    assert!(done.code(0).stderr.starts_with("fetched 3 ids in "), "{}", done.stderr);
    assert!(done.stderr.contains(", 0 failed, 5 there already\n"), "{}", done.stderr);
    assert_eq!(api.ids_so_far(), ["7", "8", "9"]);
    let mut ids: Vec<String> = records(&file.text()).into_keys().collect();
    ids.sort();
    assert_eq!(ids, ["1", "2", "7", "8", "9", "a b", "ü"]);
    // And once more, with nothing left.
    let done = resume(&api, &file, &["--no-dedup"], "1\n1\n9\n");
    assert!(done.code(0).stderr.starts_with("fetched 0 ids in "), "{}", done.stderr);
    assert!(done.stderr.contains(", 3 there already\n"), "{}", done.stderr);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn the_number_of_ids_is_that_of_those_to_be_fetched() {
    let api = Api::new();
    let input = TempPath::with("resume-total-ids", "1\n2\n3\n3\n4\nx\n");
    for (name, args, told) in [
        ("resume-range", ["--ids", "1-4,3-6,001-002"], "fetched 5 of 5 ids in "),
        ("resume-input", ["--input", input.shown()], "fetched 2 of 2 ids in "),
    ] {
        let file = output_of(name, &["2", "3", "001", "x"]);
        let done = resume(&api, &file, &args, "");
        assert!(done.code(0).stderr.starts_with(told), "{}", done.stderr);
        let there = if name == "resume-range" { 3 } else { 4 };
        assert!(done.stderr.contains(&format!(", {there} there already")), "{}", done.stderr);
        let none = resume(&api, &file, &args, "");
        assert!(none.code(0).stderr.starts_with("fetched 0 of 0 ids in "), "{}", none.stderr);
    }
}

#[test]
fn a_deadline_is_held_against_what_is_left() {
    let (api, file) = (Api::new(), output_of("resume-deadline", &["1", "2", "3", "4"]));
    let args = ["--ids", "1-5", "--rate", "1/m", "--burst", "1", "--deadline", "30s"];
    let args = [&args[..], &["--output", file.shown(), "--resume", &api.url]].concat();
    get(args).code(0);
    assert_eq!(api.ids_so_far(), ["5"]);
}

#[test]
fn failed_ids_are_fetched_again_and_their_records_stay() {
    let file = TempPath::new("resume-failed");
    let api = Api::answering(|id| (if id == "2" { 500 } else { 200 }, Vec::new()));
    resume(&api, &file, &["--keep-going"], "1\n2\n").code(1);
    let api = Api::new();
    resume(&api, &file, &[], "1\n2\n").code(0);
    assert_eq!(api.ids_so_far(), ["2"]);
    let text = file.text();
    let of_two: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"id\":\"2\"")).collect();
    assert!(of_two.len() == 2 && of_two[0].contains("\"error\"") && of_two[1].contains("\"body\""), "{text}");
}

#[test]
fn a_torn_record_is_cut_off_and_its_id_fetched_again() {
    for tail in
        ["{\"id\":\"3\",\"status\":200,\"bo", "{\"id\":\"3\",\"status\":200,\"body\":\"\"}", "{", "\0\0\0"]
    {
        let (api, file) = (Api::new(), output_of("resume-torn", &["1", "2"]));
        fs::OpenOptions::new().append(true).open(&file.0).unwrap().write_all(tail.as_bytes()).unwrap();
        resume(&api, &file, &[], "1\n2\n3\n").code(0);
        assert_eq!((api.ids_so_far().join(" "), records(&file.text()).len()), ("3".to_owned(), 3));
    }
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let api = Api::new();
    let long = "x".repeat(2_000_000);
    let record = "{\"id\":\"1\",\"status\":200,\"body\":\"\"}\n";
    for (text, line) in [
        ("name,age\nfanout,1\n".to_owned(), 1),
        ("{\"name\":\"fanout\"}".to_owned(), 1),
        (format!("{record}{record}\n"), 3),
        (format!("{record}{long}"), 2),
        (format!("{record}{{\"id\":\"2\"}}\n{record}"), 2),
    ] {
        let file = TempPath::with("resume-foreign", &text);
        let done = resume(&api, &file, &[], "1\n7\n");
        let error = format!(
            "--output {}: line {line} is no record of fanout's, nothing was changed (use another file, or \
             --overwrite)",
            file.shown()
        );
        assert_eq!(done.code(2).errors(), [error]);
        assert_eq!(file.text(), text);
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn a_mistake_elsewhere_cuts_nothing_off() {
    let (api, torn) = (Api::new(), "{\"id\":\"1\",\"sta");
    let file = TempPath::with("resume-mistake", torn);
    let missing = ["--input", "/nowhere/ids", "--output", file.shown(), "--resume", &api.url];
    get(missing).code(2);
    let bad = TempPath::with("resume-mistake-ids", "1\n\u{7}\n");
    get(["--input", bad.shown(), "--output", file.shown(), "--resume", &api.url]).code(2);
    let late = ["--ids", "1-9", "--rate", "1/h", "--burst", "1", "--deadline", "1s"];
    get([&late[..], &["--output", file.shown(), "--resume", &api.url]].concat()).code(2);
    assert_eq!(file.text(), torn);
}

#[test]
fn resume_wants_an_output_that_can_be_read_back() {
    let url = "http://127.0.0.1:9/{id}";
    let wants = "--resume: wants --output FILE or --output-dir DIR";
    for (args, error) in [
        (&["--resume"][..], wants),
        (&["--resume", "--output", "-"], wants),
        (&["--resume", "--output", "/dev/null"], "--output /dev/null: is no regular file"),
        (&["--resume", "--output", "/"], "--output /: "),
        (&["--resume", "--overwrite", "--output", "x"], "--resume: not together with --overwrite"),
    ] {
        let done = get([&["--ids", "1", url], args].concat());
        assert!(done.code(2).errors()[0].starts_with(error), "{args:?}: {}", done.stderr);
    }
}

#[test]
fn a_file_or_a_folder_has_one_writer_at_a_time() {
    let api = Api::new();
    let (file, folder) = (TempPath::new("locked"), TempFolder::new("locked"));
    let outputs = [["--output", file.shown()], ["--output-dir", folder.shown()]];
    for output in outputs {
        let args = [&output[..], &["--timeout", "1h", &api.url]].concat();
        let mut running = Running::start(get_command(args).stdin(Stdio::piped()));
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(HANG.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
        assert_eq!(api.id(), HANG); // and so its output is open
        for more in [&[][..], &["--resume"], &["--overwrite"]] {
            let done = get([&output[..], &["--ids", "1", &api.url], more].concat());
            let error = format!("{} {}: another fanout is writing to it", output[0], output[1]);
            assert!(done.code(2).errors()[0].starts_with(&error), "{more:?}: {}", done.stderr);
        }
        drop(running);
        get([&output[..], &["--ids", "1", "--resume", &api.url]].concat()).code(0);
        assert_eq!(api.id(), "1");
    }
}

/// The line of one record is longer than what is read at once.
#[test]
fn long_records_are_read_over() {
    let file = TempPath::new("resume-long");
    let api = Api::answering(|_| (200, b"\"\n".repeat(2 * 1024 * 1024)));
    resume(&api, &file, &[], "1\n2\n").code(0);
    let before = fs::metadata(&file.0).unwrap().len();
    assert!(before > 16 * 1024 * 1024);
    resume(&api, &file, &[], "2\n1\n").code(0);
    assert_eq!((api.ids_so_far().len(), fs::metadata(&file.0).unwrap().len()), (2, before));
}
