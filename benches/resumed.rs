//! How much memory does `fanout get --resume` take for each id that was fetched? What is resident beyond that of a run
//! without any, when both have begun to fetch.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::resident::{each, kib, kib_of};

/// Without the feature `cli` there is none.
pub(crate) const TOOL: Option<&str> = option_env!("CARGO_BIN_EXE_fanout");

const IDS: usize = 1_000_000;

/// The most bytes for an id, whatever it is.
const MOST: f64 = 32.0;

pub(crate) fn numbers_in_a_set(_: &str) -> f64 {
    in_a_set(number)
}

pub(crate) fn texts_in_a_set(_: &str) -> f64 {
    in_a_set(text)
}

pub(crate) fn numbers(address: &str) -> f64 {
    beyond_none(address, number)
}

pub(crate) fn texts(address: &str) -> f64 {
    beyond_none(address, text)
}

fn number(id: usize) -> String {
    id.to_string()
}

/// 20 bytes.
fn text(id: usize) -> String {
    format!("customer-{id:011}")
}

fn in_a_set(name: impl Fn(usize) -> String) -> f64 {
    let before = kib("VmRSS");
    let ids: HashSet<String> = (0..IDS).map(name).collect();
    assert_eq!(ids.len(), IDS);
    each(kib("VmHWM") - before, IDS)
}

fn beyond_none(address: &str, name: impl Fn(usize) -> String) -> f64 {
    let bytes = each(peak(address, IDS, &name) - peak(address, 0, &name), IDS);
    assert!(bytes <= MOST, "{bytes} bytes for an id");
    bytes
}

/// The most that was resident of a run that goes on with so many records, in KiB.
fn peak(address: &str, records: usize, name: impl Fn(usize) -> String) -> usize {
    let path = env::temp_dir().join(format!("fanout-resumed-{}.ndjson", process::id()));
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for id in 0..records {
        let id = name(id);
        writeln!(
            file,
            "{{\"id\":\"{id}\",\"status\":200,\"attempt\":1,\"latency_ms\":1.2,\"body\":\"body of {id}\"}}"
        )
        .unwrap();
    }
    file.into_inner().unwrap();
    let mut tool = Command::new(TOOL.unwrap());
    tool.args(["get", "-v", "--resume", "--output"]).arg(&path).arg(format!("http://{address}/{{id}}"));
    let mut tool = tool.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stderr) = (tool.stdin.take().unwrap(), tool.stderr.take().unwrap());
    // One that was fetched and one that was not: whose log line tells that all has been read.
    writeln!(stdin, "{}\n1000000000", name(0)).unwrap();
    let mut lines = BufReader::new(stderr).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("1000000000"));
    assert!(line.is_some(), "it has fetched");
    let peak = kib_of(tool.id(), "VmHWM");
    drop(stdin);
    let told: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let there = if records == 0 { "fetched 2 ids" } else { "1 there already" };
    assert!(tool.wait().unwrap().success() && told.iter().any(|line| line.contains(there)), "{told:?}");
    fs::remove_file(&path).unwrap();
    peak
}
