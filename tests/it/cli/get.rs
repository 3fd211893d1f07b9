//! Records, successes and failures of `fanout get`.

use super::support::*;

/// 500 for `bad`, and for everything else what it is called.
fn mixed() -> Api {
    Api::answering(|id| match id {
        "bad" => (500, b"no".to_vec()),
        "gone" => (404, b"gone".to_vec()),
        "bytes" => (200, vec![0xff, 0xfe, 0x00]),
        "large" => (200, vec![b'x'; 2048]),
        id => (200, format!("{{\"is\":\n\"{id}\"}}").into_bytes()),
    })
}

#[test]
fn a_record_has_the_members_of_the_contract_in_their_order() {
    let api = mixed();
    let done = get(["--ids", "7", &api.url]);
    done.code(0);
    let start = "{\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":";
    assert!(done.stdout.starts_with(start), "{}", done.stdout);
    assert!(done.stdout.ends_with(",\"body\":\"{\\\"is\\\":\\n\\\"7\\\"}\"}\n"), "{}", done.stdout);
    assert!(done.records()["7"]["latency_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_body_that_is_no_text_stands_in_base64() {
    let api = mixed();
    let done = get_with_input([&api.url], "bytes\n");
    let record = &done.code(0).records()["bytes"];
    assert_eq!((record["body_base64"].as_str(), record.get("body")), (Some("//4A"), None));
}

#[test]
fn the_first_failure_ends_the_run_with_one_line_that_names_it() {
    let api = mixed();
    let done = get_with_input(["--max-in-flight", "1", &api.url], "1\n2\nbad\n3\n4\n");
    done.code(1);
    assert_eq!(done.ids(), ["1", "2"]);
    let errors = done.errors();
    assert_eq!(errors.len(), 1, "{}", done.stderr);
    assert!(errors[0].starts_with("id bad: ") && errors[0].contains("500"), "{errors:?}");
    assert_eq!(api.ids_so_far(), ["1", "2", "bad"]);
}

#[test]
fn a_status_is_told_with_the_url_and_without_its_secrets() {
    let api = Api::answering(|id| (if id == "busy" { 429 } else { 404 }, Vec::new()));
    let (host, url) = (api.url.trim_end_matches("{id}"), api.url.replace("http://", "http://me:secret@"));
    let url = format!("{url}/widgets?token=secret");
    let expected = format!("the server answered 404 Not Found (GET {host}a%2Fb/widgets)");
    let done = get_with_input([&url], "a/b\n");
    let hint = "; is {id} in the right place? --ok 200-299,404 would let it pass)";
    assert_eq!(done.code(1).errors(), [format!("id a/b: {}{hint}", expected.trim_end_matches(')'))]);
    let done = get_with_input(["--keep-going", &url], "a/b\n");
    assert_eq!(done.code(1).records()["a/b"]["error"], expected);

    let done = get_with_input([&api.url], "busy\n");
    let expected = format!(
        "id busy: the server answered 429 Too Many Requests, which asks for a pause of 1 s (retry-after: 1) \
         (GET {host}busy; --rate and --at-most set the pace, \
         --retries would try it again)"
    );
    assert_eq!(done.code(1).errors(), [expected]);
}

#[test]
fn a_long_id_is_shortened_on_standard_error_and_not_in_its_record() {
    let api = mixed();
    let id = "x".repeat(9_000);
    let start = format!("id {}…: ", "x".repeat(64));
    let done = get_with_input([&api.url], &id);
    assert!(done.code(1).errors()[0].starts_with(&start), "{}", done.stderr);
    assert!(done.stderr.len() < 1_000, "{}", done.stderr);
    assert!(get_with_input(["--keep-going", &api.url], &id).code(1).records().contains_key(&id));
}

#[test]
fn a_failure_stops_what_is_under_way() {
    let api = mixed();
    let done = get_with_input(["--timeout", "1h", &api.url], format!("{HANG}\nbad\n"));
    assert!(done.code(1).errors()[0].starts_with("id bad: "));
    api.hanging_connection_ends();
}

#[test]
fn with_keep_going_failures_are_records_and_the_code_is_1() {
    let api = mixed();
    let done = get_with_input(["--keep-going", &api.url], "1\nbad\n2\ngone\nc\u{1}d\n");
    done.code(1);
    assert!(done.errors().len() == 1 && done.errors()[0].starts_with("3 ids failed, among them id "));
    assert_eq!(done.ids(), ["1", "2", "bad", "c\u{1}d", "gone"]);
    let records = done.records();
    let bad = &records["bad"];
    assert_eq!((bad["status"].as_u64(), bad["sent"].as_str()), (Some(500), Some("yes")));
    assert!(bad["error"].as_str().unwrap().contains("500") && bad.get("body").is_none(), "{bad}");
    let refused = &records["c\u{1}d"];
    assert!(refused["status"].is_null() && refused["sent"] == "never", "{refused}");
}

#[test]
fn ok_says_what_a_success_is_and_the_record_keeps_the_status() {
    let api = mixed();
    let done = get_with_input(["--ok", "200-299,404", &api.url], "1\ngone\n");
    let records = done.code(0).records();
    assert_eq!(
        (records["gone"]["status"].as_u64(), records["gone"]["body"].as_str()),
        (Some(404), Some("gone"))
    );
    let done = get_with_input(["--ok", "404", &api.url], "1\n");
    assert!(done.code(1).errors()[0].starts_with("id 1: "));
}

#[test]
fn a_body_beyond_the_largest_is_a_failure() {
    let api = mixed();
    get_with_input(["--max-body", "2K", &api.url], "large\n").code(0);
    let done = get_with_input(["--max-body", "2047", &api.url], "large\n");
    assert!(done.code(1).errors()[0].starts_with("id large: "));
}

#[test]
fn a_request_that_takes_too_long_is_a_failure() {
    let api = mixed();
    let done = get_with_input(["--timeout", "100ms", &api.url], HANG);
    assert!(done.code(1).errors()[0].starts_with("id hang: "));
    let done = get_with_input(["--stall-timeout", "100ms", &api.url], HANG);
    assert!(done.code(1).errors()[0].starts_with("id hang: "));
}

#[test]
fn nobody_listening_is_told_with_its_cause() {
    let free = crate::support::refusing();
    let done = get(["--ids", "7", "--keep-going", &format!("http://{free}/{{id}}")]);
    let record = &done.code(1).records()["7"];
    assert!(record["error"].as_str().unwrap().contains("refused"), "{record}");
    assert_eq!(record["sent"], "never");
}

#[cfg(target_os = "linux")]
#[test]
fn too_many_open_files_are_told_with_what_to_do() {
    let (api, input) = (Api::new(), TempPath::with("open-files", format!("{HANG}\n").repeat(64)));
    let script =
        "ulimit -n 24 && exec \"$0\" get --no-dedup --rate none --max-in-flight 64 --input \"$2\" \"$1\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_fanout"), &api.url, input.shown()]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let done = Running::start(&mut command).done();
    let error = done.code(1).errors()[0];
    assert!(error.contains("(use a lower --max-in-flight, or raise ulimit -n)"), "{error}");
}

#[test]
fn resolve_connects_elsewhere() {
    let api = Api::new();
    let port = api.url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let resolve = format!("api.invalid:{port}:127.0.0.1");
    let url = format!("http://api.invalid:{port}/{{id}}");
    get(["--ids", "1", "--resolve", &resolve, &url]).code(0);
    assert!(api.head().to_ascii_lowercase().contains(&format!("\r\nhost: api.invalid:{port}\r\n")));
}

#[test]
fn an_output_file_is_written_and_one_that_is_not_empty_is_refused() {
    let (api, file) = (Api::new(), TempPath::new("output"));
    let done = get(["--ids", "1-3", "--output", file.shown(), &api.url]);
    assert_eq!(done.code(0).stdout, "");
    assert_eq!(records(&file.text()).len(), 3);

    let before = api.ids_so_far();
    let done = get(["--ids", "4", "--output", file.shown(), &api.url]);
    assert!(done.code(2).errors()[0].contains("exists and is not empty"), "{}", done.stderr);
    assert_eq!((records(&file.text()).len(), before.len(), api.ids_so_far().len()), (3, 3, 0));

    get(["--ids", "4", "-o", file.shown(), "--overwrite", &api.url]).code(0);
    assert_eq!(records(&file.text()).into_keys().collect::<Vec<_>>(), ["4"]);

    let empty = TempPath::with("empty-output", "");
    get(["--ids", "5", "--output", empty.shown(), &api.url]).code(0);
    assert_eq!(records(&empty.text()).len(), 1);
}

#[test]
fn a_mistake_elsewhere_empties_no_file() {
    let (api, file) = (Api::new(), TempPath::with("kept", "precious\n"));
    get(["--ids", "1-x", "--output", file.shown(), "--overwrite", &api.url]).code(2);
    get(["--ids", "1", "--output", file.shown(), "--overwrite", "http://localhost/"]).code(2);
    get(["--input", file.shown(), "--output", file.shown(), "--overwrite", &api.url]).code(2);
    assert_eq!(file.text(), "precious\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_ends_the_run_and_says_so() {
    let api = Api::new();
    let done = get(["--ids", "1-100000", "--rate", "none", "--output", "/dev/full", &api.url]);
    let errors = done.code(1).errors();
    assert!(errors.len() == 1 && errors[0].starts_with("cannot write to /dev/full: "), "{}", done.stderr);
    assert!(done.stderr.contains("did not get out"), "{}", done.stderr);
}

#[test]
fn the_deadline_ends_the_run() {
    let api = Api::new();
    let done = get_with_input(["--deadline", "200ms", &api.url], format!("1\n{HANG}\n"));
    done.code(1);
    assert_eq!((done.ids(), done.errors().len()), (vec!["1".to_owned()], 1));
    assert!(done.errors()[0].contains("deadline"), "{}", done.stderr);
}

#[test]
fn the_deadline_ends_a_wait_for_standard_input() {
    let api = Api::new();
    let mut running =
        Running::start(get_command(["--deadline", "200ms", &api.url]).stdin(std::process::Stdio::piped()));
    let stdin = running.stdin.take(); // open, and silent
    assert!(running.done().code(1).errors()[0].contains("deadline"));
    drop(stdin);
}
