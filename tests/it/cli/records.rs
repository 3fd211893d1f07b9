//! What stands in a record, and what becomes of records that cannot be written.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::support::*;

/// A server that gives one answer, as it stands.
fn answering_once(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{{id}}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(answer).unwrap();
        let _ = stream.read(&mut [0]); // until the client closes
    });
    url
}

/// Every member that a record can have stands in the help.
#[test]
fn the_help_knows_every_member_of_a_record() {
    let api = Api::answering(|id| match id {
        "bad" => (500, Vec::new()),
        "bytes" => (200, vec![0xff]),
        _ => (200, b"text".to_vec()),
    });
    let (input, output, folder) =
        ("bad\nbytes\ntext\n", TempPath::new("explained-records"), TempFolder::new("explained"));
    let inline = get_with_input(["--keep-going", "--include-headers", &api.url], input);
    let beside = ["--output", output.shown(), "--output-dir", folder.shown(), &api.url];
    get_with_input(beside, "text\n").code(0);
    let help = Running::start(&mut fanout(["get", "--help"])).done().stdout;
    let (_, help) = help.split_once("\nRecords:\n").unwrap();
    let (help, _) = help.split_once("\nExit codes:\n").unwrap();
    for record in inline.code(1).records().values().chain(records(&output.text()).values()) {
        for name in record.as_object().unwrap().keys() {
            assert!(help.contains(&format!("\"{name}\"")), "{name}: {help}");
        }
    }
}

#[test]
fn headers_are_lists_of_values_by_name() {
    let url = answering_once(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\nX-Name: M\xfcller\r\n\
          Set-Cookie: b=\"2\"\r\nX-Empty:\r\n\r\nhi",
    );
    let done = get(["--ids", "7", "--include-headers", &url]);
    let headers = &done.code(0).records()["7"]["headers"];
    let expected = serde_json::json!({
        "set-cookie": ["a=1", "b=\"2\""],
        "content-length": ["2"],
        "x-name": ["Müller"],
        "x-empty": [""],
    });
    assert_eq!(*headers, expected);
    let [before, body] = ["\"headers\":{", "\"body\":\"hi\"}"].map(|part| done.stdout.find(part).unwrap());
    assert!(before < body);
}

#[test]
fn headers_are_there_only_if_they_are_wanted() {
    let api = Api::new();
    assert!(get(["--ids", "7", &api.url]).code(0).records()["7"].get("headers").is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_with_the_name_of_the_file() {
    let done = get(["--ids", "1-100", "--output", "/dev/full", "--rate", "none", &Api::new().url]);
    let errors = done.code(1).errors();
    assert!(errors[0].starts_with("cannot write to /dev/full: No space left on device"), "{errors:?}");
    assert!(done.stderr.contains("did not get out to /dev/full"), "{}", done.stderr);
}

/// Runs the tool where a file may have 32 KiB, or twice that, as shells count.
#[cfg(unix)]
fn with_small_files(args: &[&str], url: &str) -> Done {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -f 64 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_fanout"), "get"]);
    command.args(["--ids", "1-200", "--rate", "none", url]).args(args).env_remove("RUST_LOG");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Running::start(&mut command).done()
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_keeps_whole_records_and_is_gone_on_with() {
    let api = Api::answering(|_| (200, vec![b'x'; 3_000]));
    let file = TempPath::new("small");
    let done = with_small_files(&["--output", file.shown()], &api.url);
    let error = format!("cannot write to {}: File too large", file.shown());
    assert!(done.code(1).errors()[0].starts_with(&error), "{}", done.stderr);
    let written = records(&file.text()).len();
    assert!((8..40).contains(&written), "{written}");
    api.ids_so_far();
    let args = ["--ids", "1-200", "--rate", "none", "--output", file.shown(), "--resume", &api.url];
    let done = get(args);
    assert!(done.code(0).stderr.contains(&format!(", {written} there already")), "{}", done.stderr);
    assert_eq!(records(&file.text()).len(), 200);
    assert_eq!(api.ids_so_far().len(), 200 - written);
}

#[cfg(unix)]
#[test]
fn a_body_that_may_not_be_written_leaves_no_file() {
    let api = Api::answering(|id| (200, vec![b'x'; if id == "3" { 200_000 } else { 10 }]));
    let folder = TempFolder::new("small");
    let done = with_small_files(&["--output-dir", folder.shown()], &api.url);
    let error = format!("cannot write to {}/3: File too large", folder.shown());
    assert!(done.code(1).errors()[0].starts_with(&error), "{}", done.stderr);
    assert!(!folder.names().iter().any(|name| name == "3" || name.starts_with('.')));
    get(["--ids", "1-200", "--rate", "none", "--output-dir", folder.shown(), "--resume", &api.url]).code(0);
    assert_eq!(folder.names().len(), 200);
    assert_eq!(fs::metadata(folder.0.join("3")).unwrap().len(), 200_000);
}
