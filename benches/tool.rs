//! The tool as a program: what does it cost beside the library's `fetch_each`, and beside `curl --parallel` with the
//! same list? In turn, each in a process of its own; then how soon it sends its first request, and what a million ids
//! from standard input leave resident.
//!
//! Each must have fetched every id: `get` by its records, curl by its report, the library by its bodies.
//!
//! `cargo bench --features cli -- tool`

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, process, thread};

use criterion::Criterion;
use fanout::{CancelToken, Error, FanOutClient, Outcome, Rate};

use crate::arguments;
use crate::lines::{cpu_time_of_children, median};
use crate::resident::kib_of;
use crate::role;
use crate::server::{BODY, Server, is_body};

const NAME: &str = "tool";
const ROUNDS: usize = 9;
const STARTS: usize = 51;
const IN_FLIGHT: &str = "8";

/// What a million ids from standard input may leave resident at most.
const MOST_KIB: usize = 48 * 1024;

pub(crate) fn bench(_: &mut Criterion) {
    if !arguments::want(NAME) {
        return;
    }
    let Some(tool) = option_env!("CARGO_BIN_EXE_fanout") else {
        println!("{NAME}: needs the tool (--features cli)");
        return;
    };
    let (ids, rounds, starts, many) = match arguments::only_test() {
        true => (500, 1, 1, 2_000),
        false => (50_000, ROUNDS, STARTS, 1_000_000),
    };
    let server = Server::start();
    side_by_side(tool, &server, ids, rounds);
    first_request(tool, starts);
    memory(tool, &server, many);
}

/// A contestant: fetches all ids once, and gives back what makes sure that it did, which is not timed.
type Fetch<'a> = Box<dyn Fn() -> Check<'a> + 'a>;
type Check<'a> = Box<dyn FnOnce() + 'a>;

fn side_by_side(tool: &str, server: &Server, ids: usize, rounds: usize) {
    let list = TempFile::with("ids", &lines(0..ids));
    let records = TempFile::with("records", "");
    let url = format!("http://{}", server.address);
    let config = (0..ids).fold(String::new(), |mut config, id| {
        let _ = writeln!(config, "url = {url}/{id}\noutput = /dev/null");
        config
    });
    let config = TempFile::with("curl", &config);
    let contestants: [(&str, Fetch<'_>); 3] = [
        ("reference: fetch_each of the library", Box::new(|| library(&url, ids))),
        ("fanout get --input LIST --output FILE", Box::new(|| get(tool, &url, &list, &records, ids))),
        ("curl --parallel --config LIST", Box::new(|| curl(&config, ids))),
    ];
    let mut figures = contestants.each_ref().map(|_| (Vec::new(), Vec::new()));
    for _ in 0..rounds {
        for ((_, fetch), (times, cpu)) in contestants.iter().zip(&mut figures) {
            let (began, before) = (Instant::now(), cpu_time_of_children());
            let check = fetch();
            times.push(began.elapsed().as_secs_f64());
            cpu.push((cpu_time_of_children() - before).as_secs_f64());
            check();
        }
    }
    println!(
        "{NAME}: {ids} ids of {BODY} bytes, {IN_FLIGHT} in flight; medians of {rounds} rounds, in turn\n"
    );
    println!("| | ids/s | × | CPU µs an id | × |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let reference = figures[0].clone();
    for ((name, _), (times, cpu)) in contestants.iter().zip(figures) {
        let ratio = |of: &[f64], to: &[f64]| median(of.iter().zip(to).map(|(of, to)| of / to).collect());
        println!(
            "| {name} | {:.0} | {:.2} | {:.1} | {:.2} |",
            ids as f64 / median(times.clone()),
            ratio(&reference.0, &times),
            median(cpu.clone()) * 1e6 / ids as f64,
            ratio(&cpu, &reference.1),
        );
    }
    println!();
}

/// Looks at each body itself.
fn library(url: &str, ids: usize) -> Check<'static> {
    let status = role::command(role::FETCH).args([url, &ids.to_string()]).status().unwrap();
    Box::new(move || assert!(status.success()))
}

/// The other side of the reference.
pub(crate) fn run() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ids: usize = arguments[1].parse().unwrap();
    let client = FanOutClient::builder(format!("{}/{{id}}", arguments[0])).rate(Rate::UNLIMITED);
    let mut fetched = 0;
    let each = |outcome: Outcome<usize>| {
        assert!(is_body(outcome.id, &outcome.result?.body));
        fetched += 1;
        Ok::<(), Error>(())
    };
    client.build().unwrap().fetch_each(&CancelToken::new(), 0..ids, each).unwrap();
    assert_eq!(fetched, ids);
}

fn get<'a>(tool: &str, url: &str, list: &TempFile, records: &'a TempFile, ids: usize) -> Check<'a> {
    let mut command = Command::new(tool);
    command.args(["get", "--rate", "none", "--quiet", "--max-in-flight", IN_FLIGHT, "--overwrite"]);
    command.arg("--input").arg(&list.0).arg("--output").arg(&records.0).arg(format!("{url}/{{id}}"));
    let status = command.stdin(Stdio::null()).status().unwrap();
    Box::new(move || {
        assert!(status.success());
        let text = fs::read_to_string(&records.0).unwrap();
        let fetched: HashSet<&str> = text.lines().filter_map(|line| line.split('"').nth(3)).collect();
        assert_eq!((fetched.len(), text.lines().count()), (ids, ids));
    })
}

fn curl(config: &TempFile, ids: usize) -> Check<'static> {
    let mut command = Command::new("curl");
    command.args(["--no-progress-meter", "--fail", "--fail-early", "--parallel", "--parallel-immediate"]);
    command.args(["--parallel-max", IN_FLIGHT, "--write-out", "%{http_code} %{size_download}\n"]);
    let output = command.arg("--config").arg(&config.0).output().unwrap();
    Box::new(move || {
        let fetched = format!("200 {BODY}");
        let report = String::from_utf8(output.stdout).unwrap();
        assert_eq!(report.lines().filter(|line| *line == fetched).count(), ids);
    })
}

/// From the start of the process to the moment at which the server has read the first request.
fn first_request(tool: &str, starts: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut millis = [Vec::new(), Vec::new()];
    for _ in 0..starts {
        let mut get = Command::new(tool);
        get.args(["get", "--ids", "1", "--quiet", &format!("{url}{{id}}")]);
        let mut curl = Command::new("curl");
        curl.args(["--no-progress-meter", &format!("{url}1")]);
        for (command, millis) in [&mut get, &mut curl].into_iter().zip(&mut millis) {
            let began = Instant::now();
            let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            let mut peer = listener.accept().unwrap().0;
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut buffer = [0; 1_024];
                let read = peer.read(&mut buffer).unwrap();
                assert!(read > 0, "it has hung up");
                request.extend_from_slice(&buffer[..read]);
            }
            millis.push(began.elapsed().as_secs_f64() * 1e3);
            peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            assert!(child.wait().unwrap().success());
        }
    }
    let [get, curl] = millis.map(median);
    println!("{NAME}: start to first request, median of {starts}: get {get:.1} ms, curl {curl:.1} ms\n");
}

/// Standard input stays open until every record has come: until then the process is there to be looked at.
fn memory(tool: &str, server: &Server, ids: usize) {
    let mut command = Command::new(tool);
    command.args(["get", "--rate", "none", "--quiet", "--max-in-flight", IN_FLIGHT]);
    command.arg(format!("http://{}/{{id}}", server.address));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let (records, mut resident) = (child.stdout.take().unwrap(), Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            for first in (0..ids).step_by(1_000) {
                let lines = lines(first..(first + 1_000).min(ids));
                input.write_all(lines.as_bytes()).unwrap();
            }
            input
        });
        let mut count = 0;
        let mut records = BufReader::new(records);
        let mut line = Vec::new();
        while count < ids {
            line.clear();
            assert!(records.read_until(b'\n', &mut line).unwrap() > 0, "a record is missing");
            count += 1;
            if count == ids / 100 || count == ids {
                resident.push(kib_of(child.id(), "VmHWM"));
            }
        }
        drop(feeder.join().unwrap());
    });
    let elapsed = began.elapsed();
    assert!(child.wait().unwrap().success());
    let [early, late] = resident[..] else { panic!("two looks") };
    let shown = |kib: usize| kib as f64 / 1024.0;
    println!(
        "{NAME}: {ids} ids from standard input in {:.1} s; most resident {:.1} MiB ({:.1} after 1 %)\n",
        elapsed.as_secs_f64(),
        shown(late),
        shown(early),
    );
    assert!(late < MOST_KIB, "{late} KiB");
}

/// The ids, one a line.
fn lines(ids: Range<usize>) -> String {
    ids.fold(String::new(), |mut lines, id| {
        let _ = writeln!(lines, "{id}");
        lines
    })
}

struct TempFile(PathBuf);

impl TempFile {
    fn with(name: &str, text: &str) -> TempFile {
        let path = env::temp_dir().join(format!("fanout-bench-{}.{name}", process::id()));
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
