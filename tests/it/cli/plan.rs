//! `--dry-run`: what would be done is told, as it would be done, and nothing is.

use super::support::*;

const URL: &str = "http://h.example/{id}";

fn plan<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Done {
    let mut command = get_command(["--dry-run"]);
    Running::start(command.args(args)).done()
}

/// What stands behind this word, line by line.
fn told(done: &Done, word: &str) -> Vec<String> {
    let lines = done.stdout.lines().skip_while(|line| !line.starts_with(word));
    let first = lines.clone().take(1);
    let others = lines.skip(1).take_while(|line| line.starts_with("          "));
    first.chain(others).map(|line| line[10..].trim().to_owned()).collect()
}

#[test]
fn a_plan_says_what_would_be_sent_how_long_it_takes_and_what_it_needs() {
    let done = plan(["--ids", "1-60", "http://user:secret@h.example/users/{id}/widgets?of={id}"]);
    let expected = "\
ids       60 from --ids
time      60 ids at 10/s with a burst of 20 take at least 4s
retries   none
deadline  none
memory    at most 638 MiB beside the program itself, or 14.1 MiB if no body is larger than 10 KiB:
           80.9 MiB  8 in flight: a body, 16 KiB of head, 88 KiB of buffers
            1.4 MiB  16 idle connections: buffers
           10.3 MiB  bodies that have come: 4 MiB, or one that is larger
          545.5 MiB  records to be written: 4 MiB, and of 60 ids
            2.4 KiB  60 ids under way, and the bodies of 8 requests
output    standard output
proxy     none
headers   Host, User-Agent, Accept, Accept-Encoding, Authorization
requests  GET http://h.example/users/1/widgets?of=1
          GET http://h.example/users/2/widgets?of=2
          GET http://h.example/users/3/widgets?of=3
          and 57 more

This was a dry run: nothing was sent, and nothing was written.
";
    assert_eq!((done.code(0).stdout.as_str(), done.stderr.as_str()), (expected, ""));
}

#[test]
fn the_time_is_that_of_the_limit_that_binds_and_retries_come_on_top() {
    let done = plan(["--at-most", "5000/h", "--ids", "1-5000", "--retries", "2", URL]);
    let time = "5000 ids at 10/s with a burst of 20 and at most 5000/h with a burst of 500 take at least 1h, \
                by at most 5000/h with a burst of 500";
    assert_eq!(told(&done, "time"), [time]);
    let retries = "up to 2 an id and 600 in all, each at the price of a token; \
                   with all of them it takes at least 1h 8m";
    assert_eq!(told(&done, "retries"), [retries]);
    let none = plan(["--rate", "none", "--ids", "1", URL]);
    assert_eq!(told(&none, "time"), ["1 id without a rate limit takes as long as the answers, 8 at a time"]);
    let no_ids = plan(["--input", "/dev/null", URL]);
    assert_eq!(told(&no_ids, "requests"), ["none"]);
}

#[test]
fn rates_are_told_as_they_were_given_and_one_is_not_many() {
    let done = plan(["--rate", "0.5/s", "--ids", "1", "--retries", "1", URL]);
    assert_eq!(
        told(&done, "time"),
        ["1 id at 0.5/s with a burst of 1 may be sent without a wait, 8 at a time"]
    );
    let memory = told(&done, "memory").join("\n");
    for said in
        ["and of 1 id\n", " 1 id under way, and the body of 1 request\n", "tries of 1 id: 1 head each"]
    {
        assert!(memory.contains(said), "{said}: {memory}");
    }
    let done = get(["--rate", "0.5/s", "--ids", "1-5", "--deadline", "2s", URL]);
    assert!(done.code(2).errors()[0].contains("(0.5/s, burst 1)"), "{}", done.stderr);
}

#[test]
fn the_proxy_and_the_files_beside_the_records_are_told() {
    let via = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = get_command(["--dry-run", "--ids", "1", URL].iter().chain(args));
        let done = Running::start(command.envs(variables.iter().copied())).done();
        assert!(!done.code(0).stdout.contains("secret"), "{}", done.stdout);
        told(&done, "proxy")
    };
    let url = "http://me:secret@proxy.example:3128";
    assert_eq!(via(&[], &["--proxy", url]), ["proxy.example:3128"]);
    assert_eq!(via(&[("http_proxy", url)], &[]), ["proxy.example:3128"]);
    assert_eq!(via(&[("http_proxy", url)], &["--noproxy", "h.example"]), ["none"]);
    let [failed, figures, report] = ["plan-failed", "plan-json", "plan-html"].map(TempPath::new);
    let files = ["--failed", failed.shown(), "--summary-json", figures.shown(), "--report", report.shown()];
    let done = plan(["--ids", "1", URL].iter().chain(&files));
    let expected = [(&failed, "--failed"), (&figures, "--summary-json"), (&report, "--report")];
    let expected = expected.map(|(file, option)| format!("{}, by {option}", file.shown()));
    assert_eq!(told(&done, "files"), expected);
    assert!([failed, figures, report].iter().all(|file| !file.0.exists()));
}

/// What was planned is what comes.
#[test]
fn requests_headers_and_bodies_are_those_that_are_sent() {
    let api = Api::new();
    let url = format!("{}?q={{id}}", api.url).replace("http://", "http://me:secret@");
    for args in [
        vec!["--ids", "7", &url],
        vec!["--ids", "7", "-X", "POST", &url],
        vec!["--ids", "700", "-X", "PUT", "-d", "{id}-{id}", "-H", "X-Id: {id}", "-H", "accept: a/b", &url],
    ] {
        let done = plan(&args);
        assert!(!done.code(0).stdout.contains("secret"), "{}", done.stdout);
        get(&args).code(0);
        let asked = api.request();
        let mut lines = asked.head.lines();
        let mut first = lines.next().unwrap().split(' ');
        let (method, target) = (first.next().unwrap(), first.next().unwrap());
        let host = api.url.trim_end_matches("/{id}");
        let body = if asked.body.is_empty() {
            String::new()
        } else {
            format!(", {} bytes of body", asked.body.len())
        };
        assert_eq!(told(&done, "requests"), [format!("{method} {host}{target}{body}")]);
        let sorted = |names: Vec<&str>| {
            let mut names: Vec<String> = names.into_iter().map(str::to_ascii_lowercase).collect();
            names.sort();
            names
        };
        let sent = lines.filter_map(|line| Some(line.split_once(':')?.0)).collect();
        let planned = told(&done, "headers").remove(0);
        assert_eq!(sorted(planned.split(", ").collect()), sorted(sent));
    }
}

#[test]
fn nothing_is_sent_made_emptied_or_written() {
    let api = Api::new();
    let (full, new, folder) =
        (TempPath::with("plan-full", "kept\n"), TempPath::new("plan-new"), TempPath::new("plan-folder"));
    let done = plan(["--ids", "1", "--output", full.shown(), "--overwrite", &api.url]);
    assert_eq!(told(&done, "output"), [format!("{}, whose 5 B would be replaced", full.shown())]);
    let done = plan(["--ids", "1", "--output", new.shown(), &api.url]);
    assert_eq!(told(&done, "output"), [format!("{}, a new file", new.shown())]);
    let done = plan(["--ids", "1", "--output-dir", folder.shown(), &api.url]);
    assert_eq!(told(&done, "output"), [format!("{}/, a file for each body", folder.shown())]);
    assert_eq!(full.text(), "kept\n");
    assert!(!new.0.exists() && !folder.0.exists());
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn what_is_there_from_an_earlier_run_is_left_out() {
    let record = r#"{"id":"2","status":200,"attempt":1,"latency_ms":1.0,"body":""}"#;
    let file = TempPath::with("plan-resume", format!("{record}\n{{\"id\":\"3\",\"st"));
    let text = file.text();
    let done = plan(["--ids", "1-3", "--output", file.shown(), "--resume", URL]);
    assert_eq!(told(&done, "ids"), ["2 from --ids"]);
    assert_eq!(told(&done, "requests"), ["GET http://h.example/1", "GET http://h.example/3"]);
    assert_eq!(file.text(), text, "not even what is torn is cut off");
}

/// With the same words, since it is the same check.
#[test]
fn what_a_run_would_refuse_a_plan_refuses_too() {
    let full = TempPath::with("plan-refused", "something\n");
    let bad = TempPath::with("plan-bad", "1\n\u{7}\n");
    for args in [
        &["--ids", "1", "--output", full.shown(), URL][..],
        &["--ids", "1", "--output", "/", URL],
        &["--ids", "1", "--output", "/nonexistent/file", URL],
        &["--ids", "1", "--output", &format!("{}/file", full.shown()), URL],
        &["--ids", "1", "--output-dir", full.shown(), URL],
        &["--ids", "1", "--output-dir", "/", URL],
        &["--ids", "1-100", "--deadline", "1s", URL],
        &["--input", bad.shown(), URL],
        &["--input", full.shown(), "--output", full.shown(), "--overwrite", URL],
        &["--ids", "1", "--rate", "0", URL],
        &["--ids", "1", "http://h.example/"],
    ] {
        let (planned, real) = (plan(args), get(args));
        assert_eq!(
            (planned.code(2).stdout.as_str(), &planned.stderr),
            ("", &real.code(2).stderr),
            "{args:?}"
        );
    }
    assert_eq!(full.text(), "something\n");
}

#[test]
fn standard_input_is_read_to_its_end() {
    let done = get_with_input(["--dry-run", URL], "a\nb\n\na\nc\nd\n");
    assert_eq!(told(done.code(0), "ids"), ["4 from standard input"]);
    assert_eq!(told(&done, "requests").last().unwrap(), "and 1 more");
    let done = get_with_input(["--dry-run", "--no-dedup", URL], "a\na\n");
    assert_eq!(told(done.code(0), "ids"), ["2 from standard input"]);
    let lines = "1\n2\n".repeat(100);
    let done = get_with_input(["--dry-run", "--no-dedup", "--deadline", "1s", URL], &lines);
    assert!(done.code(2).errors()[0].starts_with("--deadline 1s: 200 ids at this quota"), "{}", done.stderr);
    let done = get_with_input(["--dry-run", URL], b"1\n\xff\n");
    assert!(
        done.code(2).errors()[0].starts_with("standard input, line 2: is not valid UTF-8"),
        "{}",
        done.stderr
    );
    let done = get_with_input(["--dry-run", "--keep-going", URL], b"1\n\xff\n");
    assert_eq!(told(done.code(0), "ids"), ["2 from standard input"]);
}
