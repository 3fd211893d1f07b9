//! What is said on standard error: the summary, the log, the progress. And what is never said.

use super::support::*;

#[test]
fn the_summary_has_at_most_three_lines_and_none_with_quiet() {
    let api = Api::new();
    let done = get(["--ids", "1-3", &api.url]);
    let lines: Vec<_> = done.code(0).stderr.lines().collect();
    assert!(lines.len() <= 3 && lines[0].starts_with("fetched 3 of 3 ids in "), "{lines:?}");
    assert!(lines[1].contains("quota 10/s, burst 20"), "{lines:?}");
    assert_eq!(get(["-q", "--ids", "1-3", &api.url]).code(0).stderr, "");
    let done = get(["-q", "--ids", "1-3", "--ok", "404", &api.url]);
    assert_eq!((done.code(1).stderr.lines().count(), done.errors().len()), (1, 1));
}

#[test]
fn at_info_there_is_a_line_for_each_request() {
    let api = Api::new();
    let by_flag = get(["-v", "--ids", "7", &api.url]);
    let by_variable = Running::start(get_command(["--ids", "7", &api.url]).env("RUST_LOG", "info")).done();
    for done in [by_flag, by_variable] {
        let line = done.code(0).stderr.lines().find(|line| line.contains("user_id=7")).unwrap();
        assert!(line.contains(" attempt=1 ") && line.contains(" latency_ms="), "{line}");
    }
    assert!(!get(["--ids", "7", &api.url]).stderr.contains("user_id"));
}

#[test]
fn at_debug_a_failed_request_is_told_with_its_url_and_without_what_may_be_secret() {
    let api = Api::answering(|id| (if id == "8" { 503 } else { 200 }, Vec::new()));
    let url = api.url.replace("http://", "http://user:topsecret@") + "?key=topsecret";
    let args = ["--ids", "7-8", "--retries", "1", "--keep-going", &url];
    let told = format!(" method=GET url={}", api.url.replace("{id}", "8"));
    let done = get(["-vv"].iter().chain(&args));
    let failed: Vec<_> = done.stderr.lines().filter(|line| line.contains("request failed")).collect();
    assert_eq!(failed.len(), 2, "{failed:#?}");
    assert!(failed.iter().all(|line| line.contains(" user_id=8 ") && line.ends_with(&told)), "{failed:#?}");
    assert_eq!(done.stderr.matches("url=").count(), 2, "{}", done.stderr);
    assert!(!get(["-v"].iter().chain(&args)).stderr.contains("url="), "at info as ever");
}

#[test]
fn secrets_are_in_no_line_whatever_the_log_level() {
    let api = Api::answering(|id| if id == "8" { (500, Vec::new()) } else { (200, Vec::new()) });
    let url = api.url.replace("http://", "http://user:topsecret@");
    let done = Running::start(
        get_command([
            "-vv",
            "--ids",
            "7-8",
            "--header",
            "Cookie: topsecret",
            &format!("{url}?key=topsecret"),
        ])
        .env("RUST_LOG", "trace,ureq=trace,ureq_proto=trace,rustls=trace"),
    )
    .done();
    done.code(1);
    assert!(api.head().contains("topsecret"), "it was sent");
    assert!(
        !done.stderr.contains("topsecret") && !done.stderr.contains("dXNlcjp0b3BzZWNyZXQ"),
        "{}",
        done.stderr
    );
    let wrong = url.replace("{id}", "");
    for args in [
        ["--ids", "1", wrong.as_str()],
        ["--header", "Cookie topsecret", api.url.as_str()],
        ["--header", "Cookie: topsecret\n", api.url.as_str()],
    ] {
        let done = get(args);
        assert!(!done.code(2).stderr.contains("topsecret"), "{}", done.stderr);
    }
}

#[test]
fn progress_is_for_terminals_unless_it_is_asked_for() {
    let api = Api::new();
    let args = ["--ids", "1-12", "--rate", "10/s", "--burst", "1", "-q", &api.url];
    assert_eq!(get(args).code(0).stderr, "");
    assert_eq!(get(args.iter().chain(&["--progress", "never"])).code(0).stderr, "");
    let done = get(args.iter().chain(&["--progress", "always"]));
    let line = done.code(0).stderr.lines().next().unwrap();
    for word in ["/12 done", "in flight", "waiting for quota", "0 failed", "s left"] {
        assert!(line.contains(word), "{word} in {line}");
    }
    assert!(!done.stderr.contains('\u{1b}'), "no terminal, no codes: {}", done.stderr);
}

#[test]
fn an_id_cannot_write_to_a_terminal_what_it_likes() {
    let api = Api::new();
    let done = get_with_input(["-v", "--keep-going", &api.url], "a\u{1b}[31mb\u{7}\n\u{202e}c\n");
    assert!(done.code(1).stderr.contains(r" user_id=a\u{1b}[31mb\u{7} "), "{}", done.stderr);
    assert!(done.stderr.contains(r" user_id=\u{202e}c "), "{}", done.stderr);
    assert!(done.stderr.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", done.stderr);
}
