//! Named pipes, which wait for whoever writes to them: as an input, and as a body.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::support::*;

/// A pipe with a name, which nobody has opened yet.
fn named_pipe(name: &str) -> TempPath {
    let pipe = TempPath::new(name);
    assert!(Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    pipe
}

#[test]
fn the_deadline_ends_a_wait_for_a_pipe_that_nobody_writes_to() {
    let (api, pipe) = (Api::new(), named_pipe("unwritten-pipe"));
    let input = ["--input", pipe.shown(), "--deadline", "200ms", &api.url];
    let done = get(input);
    assert!(done.code(1).errors()[0].contains("deadline"), "{}", done.stderr);
    let data = format!("@{}", pipe.shown());
    let done = get(["--ids", "1", "-X", "PUT", "--data", &data, "--deadline", "200ms", &api.url]);
    let said = format!("--data {data}: cannot read it: it did not come to its end before the deadline");
    assert_eq!(done.code(2).errors(), [said]);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn a_signal_ends_a_wait_for_a_pipe_and_leaves_the_files_of_a_run() {
    let (api, pipe, file) = (Api::new(), named_pipe("signalled-pipe"), TempPath::new("signalled-json"));
    let args = ["-vv", "--input", pipe.shown(), "--summary-json", file.shown(), &api.url];
    let mut running = Running::start(&mut get_command(args));
    // Once the run has begun.
    let mut stderr = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("run started") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    running.kill(&["INT"]);
    assert_eq!(running.status().signal(), Some(2));
    assert!(file.text().contains("\"reason\":\"signal\""), "{}", file.text());
}

#[test]
fn ids_flow_through_a_named_pipe_as_they_come() {
    let (api, pipe) = (Api::new(), named_pipe("pipe"));
    let running = Running::start(&mut get_command(["--input", pipe.shown(), &api.url]));
    let mut writer = OpenOptions::new().write(true).open(&pipe.0).unwrap();
    for id in ["1", "2"] {
        writer.write_all(format!("{id}\n").as_bytes()).unwrap();
        assert_eq!(api.id(), id);
    }
    drop(writer);
    assert_eq!(running.done().code(0).ids(), ["1", "2"]);
}
