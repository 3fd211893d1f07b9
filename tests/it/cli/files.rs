//! Files and standard streams: which are the same, and which are not there.

use std::fs;

use super::support::*;

/// The tool in a shell, for its redirections. `$0` is the tool, `$1` the URL and `$2` a path.
fn shell(script: &str, url: &str, path: &str) -> Done {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_fanout"), url, path]).env_remove("RUST_LOG");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Running::start(&mut command).done()
}

#[test]
fn an_output_that_is_the_input_is_refused_whatever_it_is_called() {
    let (api, file) = (Api::new(), TempPath::with("both", "1\n2\n"));
    let link = TempPath::new("both-link");
    fs::hard_link(&file.0, &link.0).unwrap();
    for (script, error) in [
        ("\"$0\" get --output \"$2\" --overwrite \"$1\" < \"$2\"", "--output "),
        ("\"$0\" get --input \"$2\" --output \"$2-link\" --overwrite \"$1\"", "--output "),
        ("\"$0\" get --input \"$2\" \"$1\" >> \"$2\"", "standard output: is the file"),
        ("\"$0\" get --input \"$2\" --output - \"$1\" >> \"$2\"", "standard output: is the file"),
        ("\"$0\" get \"$1\" < \"$2\" >> \"$2\"", "standard output: is the file"),
    ] {
        let done = shell(script, &api.url, file.shown());
        assert!(done.code(2).errors()[0].starts_with(error), "{script}: {}", done.stderr);
        assert_eq!(file.text(), "1\n2\n", "{script}");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn the_same_terminal_or_device_may_be_both_and_so_may_a_file_that_is_not_read() {
    let (api, file) = (Api::new(), TempPath::with("not-read", ""));
    shell("\"$0\" get \"$1\" < /dev/null > /dev/null", &api.url, "").code(0);
    shell("\"$0\" get --ids 1-2 \"$1\" < \"$2\" >> \"$2\"", &api.url, file.shown()).code(0);
    assert_eq!(records(&file.text()).len(), 2);
}

#[test]
fn a_dash_is_standard_output() {
    let api = Api::new();
    assert_eq!(get(["--ids", "1-2", "--output", "-", &api.url]).code(0).ids(), ["1", "2"]);
    assert!(!std::path::Path::new("-").exists());
}

#[test]
fn standard_input_that_is_a_directory_is_a_mistake() {
    let done = shell("\"$0\" get \"$1\" < /", &Api::new().url, "");
    assert_eq!(done.code(2).errors(), ["standard input: is a directory (use a file of ids, one a line)"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_stream_that_is_closed_is_told() {
    let api = Api::new();
    let done = shell("\"$0\" get \"$1\" <&-", &api.url, "");
    assert!(done.code(2).errors()[0].starts_with("standard input: is closed"), "{}", done.stderr);
    let done = shell("\"$0\" get --ids 1 \"$1\" >&-", &api.url, "");
    assert!(done.stderr.starts_with("warning: standard output is closed"), "{}", done.stderr);
    for script in [
        "\"$0\" get \"$1\" < /dev/null > /dev/null",
        "\"$0\" get --ids 1 \"$1\" <&- > /dev/null",
        "\"$0\" get --ids 1 --output \"$2\" \"$1\" >&-",
    ] {
        let file = TempPath::new("closed");
        let done = shell(script, &api.url, file.shown());
        assert!(!done.code(0).stderr.contains("warning"), "{}", done.stderr);
    }
}
