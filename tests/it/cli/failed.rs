//! `--failed FILE`: however a run ends, each of its ids is in the output with success, or in FILE, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;

use super::support::*;

/// As many ids as there are, and `hang` among them for a test that wants to know when it gets there.
fn ids(count: usize, hang_at: Option<usize>) -> Vec<String> {
    (1..=count).map(|id| if Some(id) == hang_at { HANG.to_owned() } else { id.to_string() }).collect()
}

fn lines(ids: &[String]) -> String {
    ids.iter().map(|id| format!("{id}\n")).collect()
}

/// Those of the records that tell of a success. The last line may be torn.
fn fetched(output: &str) -> Vec<String> {
    let whole = &output[..output.rfind('\n').map_or(0, |end| end + 1)];
    let records = records(whole).into_iter().filter(|(_, record)| record.get("error").is_none());
    records.map(|(id, _)| id).collect()
}

/// Each id is either fetched or left, and that once.
#[track_caller]
fn each_once(ids: &[String], output: &str, left: &str) {
    let mut times: BTreeMap<&str, i32> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    let fetched = fetched(output);
    for id in fetched.iter().map(String::as_str).chain(left.lines()) {
        *times.entry(id).or_insert(100) += 1;
    }
    times.retain(|_, times| *times != 1);
    assert!(
        times.is_empty(),
        "not once: {times:?}; fetched {}, left {}",
        fetched.len(),
        left.lines().count()
    );
    assert!(left.is_empty() || left.ends_with('\n'), "torn: {left}");
}

/// Nothing is left beside the file.
#[track_caller]
fn alone(file: &TempPath) {
    let name = file.0.file_name().unwrap().to_str().unwrap();
    for entry in file.0.parent().unwrap().read_dir().unwrap() {
        let entry = entry.unwrap().file_name();
        let entry = entry.to_str().unwrap_or_default();
        assert!(!(entry.contains(name) && entry.ends_with(".part")), "{entry}");
    }
}

/// Answers 500 to `fails`, and 200 to the others.
fn failing(fails: impl Fn(usize) -> bool + Send + Sync + 'static) -> Api {
    Api::answering(move |id| (if id.parse().is_ok_and(&fails) { 500 } else { 200 }, id.as_bytes().to_vec()))
}

#[test]
fn nothing_is_left_when_all_went_well() {
    let (api, file) = (Api::new(), TempPath::with("failed-none", "old\n"));
    let done = get(["--ids", "1-60", "--rate", "none", "--failed", file.shown(), &api.url]);
    assert_eq!((done.code(0).records().len(), file.text().as_str()), (60, ""));
    assert!(!done.stderr.contains("left"), "{}", done.stderr);
    alone(&file);
}

#[test]
fn after_a_failure_the_rest_is_left() {
    let all = ids(500, None);
    let input = TempPath::with("failed-first-ids", lines(&all));
    for more in [&[][..], &["--max-in-flight", "1"], &["--retries", "3"]] {
        for source in [["--ids", "1-500"], ["--input", input.shown()]] {
            let (api, file) = (failing(|id| id == 50), TempPath::new("failed-first"));
            let done =
                get(source.iter().chain(more).chain(&["--rate", "none", "--failed", file.shown(), &api.url]));
            each_once(&all, &done.code(1).stdout, &file.text());
            let left = file.text().lines().count();
            let told = format!("\n{left} ids are left in {0}; run again with --input {0}\n", file.shown());
            assert!(done.stderr.contains(&told) && done.stderr.lines().count() <= 4, "{}", done.stderr);
            assert!(file.text().lines().any(|id| id == "50"));
            alone(&file);
        }
    }
}

#[test]
fn of_a_run_that_goes_on_the_failed_ids_are_left() {
    let all = ids(300, None);
    let (api, file) = (failing(|id| id % 7 == 0), TempPath::new("failed-on"));
    let args = ["--ids", "1-300,5,7", "--keep-going", "--rate", "none", "--failed", file.shown(), &api.url];
    let done = get(args);
    each_once(&all, &done.code(1).stdout, &file.text());
    assert_eq!(file.text().lines().count(), 42);
}

#[test]
fn a_loop_comes_to_an_end() {
    // Every id fails twice, and then not.
    let tries = std::sync::Mutex::new(BTreeMap::<String, u32>::new());
    let api = Api::answering(move |id| {
        let mut tries = tries.lock().unwrap();
        let tries = tries.entry(id.to_owned()).or_default();
        *tries += 1;
        (if *tries <= 2 { 500 } else { 200 }, Vec::new())
    });
    let all = ids(200, None);
    let todo = TempPath::with("failed-loop", lines(&all));
    let args = ["--input", todo.shown(), "--failed", todo.shown(), "--rate", "none", "--keep-going"];
    let mut output = String::new();
    for round in 0..3 {
        let done = get(args.iter().chain(&[api.url.as_str()]));
        assert_eq!(done.status.code(), Some(i32::from(round < 2)), "{done:#?}");
        output += &done.stdout;
        assert_eq!(todo.text().lines().count(), if round < 2 { 200 } else { 0 });
        let is_told = done.stderr.contains("200 ids are left in ") && done.stderr.contains("; run again\n");
        assert!(is_told == (round < 2), "{}", done.stderr);
    }
    output =
        output.lines().filter(|line| !line.contains("\"error\"")).map(|line| format!("{line}\n")).collect();
    each_once(&all, &output, &todo.text());
}

#[cfg(unix)]
#[test]
fn a_signal_in_the_middle_leaves_the_rest() {
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let all = ids(100_000, Some(50_000));
        let input = TempPath::with(&format!("failed-{signal}-ids"), lines(&all));
        let file = TempPath::new(&format!("failed-{signal}"));
        let api = Api::new();
        let args = ["--input", input.shown(), "--failed", file.shown(), "--rate", "none", "--timeout", "1h"];
        let running = Running::start(&mut get_command(args.iter().chain(&[api.url.as_str()])));
        let mut reader = running;
        let stdout = reader.stdout.take().unwrap();
        let output = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
        while api.id() != HANG {}
        reader.kill(&[signal]);
        let done = reader.done();
        assert_eq!(done.status.signal(), Some(number), "{}", done.stderr);
        each_once(&all, &output.join().unwrap(), &file.text());
        assert!(file.text().lines().any(|id| id == HANG), "cut off");
        alone(&file);
    }
}

/// Some wait for their next try, which may be a long way off.
#[cfg(unix)]
#[test]
fn ids_that_wait_to_be_tried_again_are_left() {
    let all = ids(100, None);
    let (api, file) = (failing(|id| id > 20), TempPath::new("failed-parked"));
    let args =
        ["--ids", "1-100", "--retries", "99", "--retry-500", "--rate", "none", "--failed", file.shown()];
    let running = Running::start(&mut get_command(args.iter().chain(&[api.url.as_str()])));
    for _ in 0..60 {
        api.id();
    }
    running.kill(&["TERM"]);
    let done = running.done();
    assert_eq!(done.status.signal(), Some(15));
    each_once(&all, &done.stdout, &file.text());
    assert_eq!(done.ids().len(), 20);
}

#[test]
fn the_deadline_and_a_pause_that_is_too_long_leave_the_rest() {
    let all = ids(200, Some(30));
    let input = TempPath::with("failed-deadline-ids", lines(&all));
    let (api, file) = (Api::new(), TempPath::new("failed-deadline"));
    let args = ["--input", input.shown(), "--failed", file.shown(), "--rate", "none"];
    let with = |more: &[&str]| get(args.iter().chain(more));
    let done = with(&["--deadline", "2s", "--max-in-flight", "1", &api.url]);
    each_once(&all, &done.code(1).stdout, &file.text());
    assert!(done.errors()[0].contains("deadline"), "{}", done.stderr);
    assert!(file.text().lines().any(|id| id == HANG));

    let api = Api::answering(|id| (if id == HANG || id == "60" { 429 } else { 200 }, Vec::new()));
    let all = ids(200, None);
    let input = TempPath::with("failed-pause-ids", lines(&all));
    for more in [&["--keep-going"][..], &["--retries", "3"]] {
        let args =
            ["--input", input.shown(), "--failed", file.shown(), "--rate", "none", "--max-wait", "500ms"];
        let done = get(args.iter().chain(more).chain(&[api.url.as_str()]));
        each_once(&all, &done.code(1).stdout, &file.text());
        assert!(file.text().lines().any(|id| id == "60"), "{}", done.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_fetched_but_not_written_is_left() {
    let all = ids(1_000, None);
    let (api, file) = (Api::new(), TempPath::new("failed-full"));
    let args =
        ["--ids", "1-1000", "--rate", "none", "--output", "/dev/full", "--failed", file.shown(), &api.url];
    let done = get(args);
    each_once(&all, &done.code(1).stdout, &file.text());
    assert!(done.stderr.contains("cannot write to /dev/full"), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn what_nobody_has_read_is_left() {
    let all = ids(21, Some(21));
    let input = TempPath::with("failed-unread-ids", lines(&all));
    let (api, file) = (Api::answering(|_| (200, vec![b'x'; 16 * 1024])), TempPath::new("failed-unread"));
    let args = ["--input", input.shown(), "--failed", file.shown(), "--rate", "none", "--max-in-flight", "1"];
    let mut running = Running::start(&mut get_command(args.iter().chain(&["--timeout", "1h", &api.url])));
    while api.id() != HANG {}
    running.kill(&["INT"]);
    assert_eq!(running.status().signal(), Some(2));
    let done = running.done();
    each_once(&all, &done.stdout, &file.text());
    let fetched = fetched(&done.stdout).len();
    assert!(fetched > 0 && fetched < 20, "{fetched}");
    let told = format!(
        "\n{} records did not get out to standard output; {} ids are left in ",
        20 - fetched,
        21 - fetched
    );
    assert!(done.stderr.contains(&told) && done.stderr.lines().count() == 3, "{}", done.stderr);
}

/// What is in the pipe when its reader goes is lost: nobody knows of it.
#[test]
fn a_reader_that_goes_leaves_the_rest() {
    let all = ids(100, None);
    let (api, file) = (Api::answering(|_| (200, vec![b'x'; 16 * 1024])), TempPath::new("failed-gone"));
    let args = ["--ids", "1-100", "--rate", "none", "--failed", file.shown(), &api.url];
    let mut running = Running::start(&mut get_command(args));
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    let mut output = String::new();
    (0..10).for_each(|_| assert!(stdout.read_line(&mut output).unwrap() > 0));
    drop(stdout);
    assert_eq!(running.done().code(1).stderr, "");
    let (fetched, left) = (fetched(&output), file.text());
    assert!(
        left.lines().all(|id| all.iter().any(|known| known == id) && !fetched.iter().any(|gone| gone == id))
    );
    let lost = 100 - 10 - left.lines().count();
    // The pipe holds 4 of them, the reader's buffer a part of one.
    assert!(lost <= 6, "{lost}");
}

#[test]
fn standard_input_is_not_read_on_and_that_is_told() {
    let (api, file) = (failing(|id| id == 3), TempPath::new("failed-stdin"));
    let mut running = Running::start(
        get_command(["--max-in-flight", "1", "--failed", file.shown(), &api.url]).stdin(Stdio::piped()),
    );
    let mut stdin = running.stdin.take().unwrap(); // stays open
    stdin.write_all(b"1\n\n2\n3\n").unwrap();
    let done = running.done();
    assert_eq!((done.code(1).ids(), file.text().as_str()), (vec!["1".into(), "2".into()], "3\n"));
    let told = format!(
        "\n1 id is left in {0}; the input was not read on behind line 4; run again with --input {0}\n",
        file.shown()
    );
    assert!(done.stderr.contains(&told), "{}", done.stderr);
    drop(stdin);

    // Whatever was read of it by then is there.
    let all = ids(10_000, None);
    let done = get_with_input(
        ["--rate", "none", "--failed", file.shown(), &failing(|id| id == 500).url],
        lines(&all),
    );
    let behind =
        done.code(1).stderr.split("behind line ").nth(1).unwrap_or_else(|| panic!("{}", done.stderr));
    let read: usize = behind.split(';').next().unwrap().parse().unwrap();
    each_once(&all[..read], &done.stdout, &file.text());

    // At its end there is nothing to tell.
    let done =
        get_with_input(["--keep-going", "--failed", file.shown(), &failing(|id| id == 3).url], "1\n3\n");
    assert!(!done.code(1).stderr.contains("behind"), "{}", done.stderr);
    assert_eq!(file.text(), "3\n");
}

#[test]
fn of_a_range_without_end_the_rest_is_told() {
    let (api, file) = (failing(|id| id == 10), TempPath::new("failed-huge"));
    let args = ["--ids", "7-18446744073709551615,001", "--rate", "none", "--failed", file.shown(), &api.url];
    let done = get(args);
    done.code(1);
    let told = done.stderr.split(" more are --ids ").nth(1).unwrap_or_else(|| panic!("{}", done.stderr));
    let (spec, _) = told.split_once(';').unwrap();
    let first: usize = spec.strip_suffix("-18446744073709551615,001").unwrap().parse().unwrap();
    let taken: Vec<String> = (7..first).map(|id| id.to_string()).collect();
    each_once(&taken, &done.stdout, &file.text());
    assert!(done.stderr.contains("run again with --input "), "{}", done.stderr);
    // And it is what the option takes.
    let again = get(["--ids", spec, "--deadline", "1s", &api.url]);
    assert!(again.code(2).stderr.contains(" ids at this quota "), "{}", again.stderr);
}

#[test]
fn a_line_that_is_no_id_is_not_left() {
    let text = [b"1\n\xff\n2\n".as_slice(), &vec![b'x'; 70_000], b"\n3\n4\x014\n".as_slice()].concat();
    let input = TempPath::with("failed-lines-ids", text);
    let (api, file) = (failing(|id| id == 3), TempPath::new("failed-lines"));
    let args = ["--keep-going", "--input", input.shown(), "--failed", file.shown(), &api.url];
    let done = get(args.iter().chain(&["--max-in-flight", "1"]));
    assert_eq!((done.code(1).ids().len(), file.text().as_str()), (4, "3\n4\u{1}4\n"));
    assert!(done.stderr.contains("; 2 lines that are no ids are not there; "), "{}", done.stderr);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let (api, records) = (Api::new(), TempPath::new("failed-records"));
    let input = TempPath::with("failed-refused-ids", "1\n");
    let folder = std::env::temp_dir();
    let cases: [(&[&str], &str); 5] = [
        (&["--failed", "-"], "--failed -: standard output is for the records (use a file)"),
        (&["--failed", folder.to_str().unwrap()], "is a directory (name a file in it)"),
        (&["--failed", "/nowhere/ids"], "--failed /nowhere/ids: there is no folder /nowhere (make it first)"),
        (&["--failed", "/dev/null"], "is no regular file (use one)"),
        (&["--failed", records.shown(), "-o", records.shown()], "is the file that the records go to"),
    ];
    for (args, error) in cases {
        let done = get(args.iter().chain(&["--input", input.shown(), &api.url]));
        let errors = done.code(2).errors();
        assert!(errors.len() == 1 && errors[0].contains(error), "{args:?}: {}", done.stderr);
    }
    assert_eq!((api.ids_so_far().len(), input.text().as_str()), (0, "1\n"));
    assert!(!records.0.exists());
}

#[cfg(unix)]
#[test]
fn the_file_of_standard_input_or_output_is_refused() {
    let (api, file) = (Api::new(), TempPath::with("failed-std", "1\n2\n"));
    let open = || std::fs::OpenOptions::new().read(true).append(true).open(&file.0).unwrap();
    let args = ["--failed", file.shown(), &api.url];
    let done = Running::start(get_command(args).stdin(open())).done();
    assert!(
        done.code(2).errors()[0].contains("which is not read to its end (use --input "),
        "{}",
        done.stderr
    );
    let done = Running::start(get_command(["--ids", "1"].iter().chain(&args)).stdout(open())).done();
    assert!(done.code(2).errors()[0].contains("is the file that the records go to"), "{}", done.stderr);
    assert_eq!((file.text().as_str(), api.ids_so_far().len()), ("1\n2\n", 0));
}

#[test]
fn a_mistake_elsewhere_leaves_the_file_as_it_is() {
    let (api, file) = (Api::new(), TempPath::with("failed-mistake", "old\n"));
    get(["--ids", "1", "--failed", file.shown(), "--output", "/nowhere/out", &api.url]).code(2);
    assert_eq!(file.text(), "old\n");
    alone(&file);
}

/// Writing it down takes longer than a run may take to end after a signal, and goes on all the same.
#[cfg(unix)]
#[test]
fn a_long_rest_is_written_to_its_end_after_a_signal() {
    const ALL: u64 = 5_000_000;
    let (_server, url) = super::serve::serve(&["--rate", "none", "--hang-id", "20"]);
    let file = TempPath::with("failed-long", "old\n");
    let range = format!("1-{ALL}");
    let args = ["--rate", "none", "--timeout", "1h", "--failed", file.shown(), &url];
    let mut running =
        Running::start(&mut get_command(["--ids", &range, "--max-in-flight", "1"].iter().chain(&args)));
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    // The one that hangs is next.
    let output = (0..19).map(|_| stdout.by_ref().lines().next().unwrap().unwrap() + "\n").collect::<String>();
    running.kill(&["INT"]);
    let done = running.done();
    assert_eq!((done.status.signal(), fetched(&output).len()), (Some(2), 19), "{}", done.stderr);
    let mut expected = 20..=ALL;
    assert!(
        BufReader::new(std::fs::File::open(&file.0).unwrap())
            .lines()
            .all(|line| { line.unwrap().parse().ok() == expected.next() })
    );
    assert_eq!(expected.next(), None);
    assert!(done.stderr.contains(&format!("\n{} ids are left in ", ALL - 19)), "{}", done.stderr);
    alone(&file);
}

/// As a terminal and `timeout` send it, which passes on what the terminal has sent to both.
#[cfg(unix)]
#[test]
fn the_same_signal_at_once_again_is_the_same_one() {
    let (api, file) = (Api::new(), TempPath::with("failed-echo", "old\n"));
    let input = TempPath::with("failed-echo-ids", format!("{HANG}\n") + &lines(&ids(200_000, None)));
    let args = ["--input", input.shown(), "--timeout", "1h", "--rate", "none", "--max-in-flight", "1"];
    let more = ["--failed", file.shown(), &api.url];
    let running = Running::start(&mut get_command(args.iter().chain(&more)));
    assert_eq!(api.id(), HANG);
    running.kill(&["INT", "INT"]);
    let done = running.done();
    assert_eq!(done.status.signal(), Some(2), "{done:#?}");
    assert_eq!(file.text(), input.text());
    alone(&file);
}

/// It was counted, and so it is noticed: a run that fetched all that was left of it did not fetch all.
#[test]
fn an_input_that_shrinks_meanwhile_is_an_error() {
    let input = TempPath::with("failed-shrinks", lines(&ids(5_000, None)));
    let path = input.0.clone();
    let api = Api::answering(move |_| {
        std::fs::File::create(&path).unwrap();
        (200, Vec::new())
    });
    let file = TempPath::new("failed-shrunk");
    let args = ["--rate", "none", "--max-in-flight", "1", "--failed", file.shown(), &api.url];
    let done = get(["--input", input.shown()].iter().chain(&args));
    let error = format!("--input {}: held 5000 ids when they were counted, and ", input.shown());
    assert!(done.code(1).errors()[0].starts_with(&error), "{}", done.stderr);
    assert!(done.stderr.contains("the input was changed"), "{}", done.stderr);
}

/// Two records got out, and the third is the second one of its id.
#[test]
fn an_id_that_is_given_twice_is_left_once_if_one_of_its_records_got_out() {
    let api = Api::answering(|_| (200, vec![b'x'; 500_000]));
    let (input, file) = (TempPath::with("failed-twice-ids", "a\nb\na\n"), TempPath::new("failed-twice"));
    let args = ["--no-dedup", "--ordered", "--input", input.shown(), "--failed", file.shown(), &api.url];
    let mut running = Running::start(&mut get_command(args));
    let asked: Vec<String> = (0..3).map(|_| api.id()).collect();
    assert_eq!(asked.iter().filter(|id| *id == "a").count(), 2);
    let stdout = BufReader::new(running.stdout.take().unwrap());
    let records: Vec<String> = stdout.lines().take(2).map(Result::unwrap).collect();
    assert!(records[0].starts_with("{\"id\":\"a\"") && records[1].starts_with("{\"id\":\"b\""));
    running.done().code(1);
    assert_eq!(file.text(), "a\n");
}

#[cfg(unix)]
#[test]
fn a_second_signal_leaves_the_file_as_it_was() {
    let (api, file) = (Api::new(), TempPath::with("failed-second", "old\n"));
    let input = TempPath::with("failed-second-ids", format!("{HANG}\n") + &lines(&ids(3_000_000, None)));
    let args = ["--input", input.shown(), "--timeout", "1h", "--rate", "none", "--max-in-flight", "1"];
    let more = ["--failed", file.shown(), &api.url];
    let mut running = Running::start(&mut get_command(args.iter().chain(&more)));
    assert_eq!(api.id(), HANG);
    running.kill(&["INT", "TERM"]);
    // Whichever of them is seen last ends it.
    assert!(matches!(running.status().signal(), Some(2 | 15)));
    assert_eq!(file.text(), "old\n");
    let part = |name: &str| name.contains("failed-second.") && name.ends_with(".part");
    for entry in std::env::temp_dir().read_dir().unwrap().map_while(Result::ok) {
        if part(&entry.file_name().to_string_lossy()) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_fit_on_the_disk_is_told_and_stays_as_it_was() {
    let (api, file) = (failing(|id| id == 3), TempPath::with("failed-disk", "old\n"));
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" get --ids 1-10000 --failed \"$1\" \"$2\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_fanout"), file.shown(), &api.url]);
    let done = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped())).done();
    let told = format!("--failed {}: cannot write it: File too large", file.shown());
    assert!(done.code(1).errors().iter().any(|error| error.starts_with(&told)), "{}", done.stderr);
    assert!(!done.stderr.contains("are left in"), "{}", done.stderr);
    assert_eq!(file.text(), "old\n");
    alone(&file);
}

/// Ten times as many make no difference but that of a few buffers. The ids cannot stand in a URL, and fail at once.
#[cfg(target_os = "linux")]
#[test]
fn failed_ids_do_not_gather_in_memory() {
    let url = Api::new().url;
    let peak = |count: usize| {
        let file = TempPath::new(&format!("failed-memory-{count}"));
        let args = ["--keep-going", "--no-dedup", "--rate", "none", "--failed", file.shown(), &url];
        let mut running = Running::start(get_command(args).stdin(Stdio::piped()));
        let (mut stdin, stdout) = (running.stdin.take().unwrap(), running.stdout.take().unwrap());
        let text: String = (0..count).map(|id| format!("{id}\u{1}x\n")).collect();
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).map(|()| stdin).unwrap());
        assert_eq!(BufReader::new(stdout).lines().take(count).map_while(Result::ok).count(), count);
        let peak = running.peak_kib();
        drop(writer.join().unwrap()); // the end of the input
        assert_eq!(running.status().code(), Some(1));
        assert_eq!(file.text().lines().count(), count);
        peak
    };
    let (few, many) = (peak(20_000), peak(200_000));
    assert!(many < few + few / 4, "{few} KiB for 20,000 ids, {many} KiB for 200,000");
}
