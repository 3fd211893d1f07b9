//! An API that does what the test says, and the tool as a child process. Nothing here sleeps: every wait is
//! for something to happen, and fails the test when it has not within [`PATIENCE`].

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What an API answers to the id `hang`: nothing, ever.
pub(crate) const HANG: &str = "hang";

/// All commands of the tool.
pub(crate) const COMMANDS: &[&str] = &[
    "get",
    "serve",
    #[cfg(feature = "redis")]
    "status",
    "demo",
    "completions",
    "man",
];

type Answer = dyn Fn(&str) -> (u16, Vec<u8>) + Send + Sync;

/// A request, as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    fn id(&self) -> String {
        let target = self.head.split(' ').nth(1).unwrap();
        target.trim_start_matches('/').split('?').next().unwrap().to_owned()
    }

    fn read(reader: &mut impl BufRead) -> Option<Asked> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        Some(Asked { head, body })
    }
}

/// An HTTP server on a port of its own. It answers `/{id}` and tells the test about every request.
pub(crate) struct Api {
    pub(crate) url: String,
    requests: Receiver<Asked>,
    /// Those that are kept waiting, so that they stay open.
    pub(crate) hanging: Arc<Mutex<Vec<TcpStream>>>,
}

impl Api {
    /// Answers 200 with `body of {id}`.
    #[track_caller]
    pub(crate) fn new() -> Api {
        Api::answering(|id| (200, format!("body of {id}").into_bytes()))
    }

    #[track_caller]
    pub(crate) fn answering(answer: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/{{id}}", listener.local_addr().unwrap());
        let (tell, requests) = channel();
        let hanging = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept): (Arc<Answer>, _) = (Arc::new(answer), hanging.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, kept, tell) = (answer.clone(), kept.clone(), tell.clone());
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(asked) = Asked::read(&mut reader) {
                        let id = asked.id();
                        let _ = tell.send(asked);
                        if id == HANG {
                            kept.lock().unwrap().push(stream);
                            return;
                        }
                        let (status, body) = answer(&id);
                        let more = if status == 429 { "retry-after: 1\r\n" } else { "" };
                        let length = body.len();
                        let head = format!("HTTP/1.1 {status} X\r\n{more}content-length: {length}\r\n\r\n");
                        if stream.write_all(&[head.into_bytes(), body].concat()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Api { url, requests, hanging }
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn request(&self) -> Asked {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// The head of the next request.
    #[track_caller]
    pub(crate) fn head(&self) -> String {
        self.request().head
    }

    /// The id of the next request.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.request().id()
    }

    /// The ids of the requests that have come, in order of the alphabet.
    pub(crate) fn ids_so_far(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.requests.try_iter().map(|asked| asked.id()).collect();
        ids.sort();
        ids
    }

    /// Waits until no request has come for so long; how many came before.
    pub(crate) fn requests_until_quiet(&self, quiet: Duration) -> usize {
        let mut count = 0;
        while self.requests.recv_timeout(quiet) != Err(RecvTimeoutError::Timeout) {
            count += 1;
        }
        count
    }

    /// Waits until whoever asked for `hang` has gone.
    #[track_caller]
    pub(crate) fn hanging_connection_ends(&self) {
        let mut stream = self.hanging.lock().unwrap().pop().expect("a hanging request");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0)), "the connection is closed");
    }
}

/// The tool, in an environment without surprises.
pub(crate) fn fanout<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanout"));
    command.args(args).env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("REQUEST_METHOD");
    for scheme in ["http", "https", "all", "no"] {
        let variable = format!("{scheme}_proxy");
        command.env_remove(&variable).env_remove(variable.to_ascii_uppercase());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `fanout get`, to its end.
#[track_caller]
pub(crate) fn get<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Done {
    Running::start(&mut get_command(args)).done()
}

pub(crate) fn get_command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = fanout(["get"]);
    command.args(args);
    command
}

/// `fanout get` with this text on its standard input, to its end.
#[track_caller]
pub(crate) fn get_with_input<S: AsRef<OsStr>>(
    args: impl IntoIterator<Item = S>,
    input: impl AsRef<[u8]>,
) -> Done {
    let mut running = Running::start(get_command(args).stdin(Stdio::piped()));
    // The tool may end before it has read everything.
    let _ = running.stdin.take().unwrap().write_all(input.as_ref());
    running.done()
}

/// A child process, whose end nobody forgets.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

/// What a child process left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Running {
        Running::of(command.spawn().unwrap())
    }

    pub(crate) fn of(mut child: Child) -> Running {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Running { child, stdin, stdout, stderr }
    }

    /// Sends the signals, one after the other: `INT`, `TERM`.
    #[track_caller]
    pub(crate) fn kill(&self, signals: &[&str]) {
        let pid = self.child.id();
        let kills: Vec<String> = signals.iter().map(|signal| format!("kill -{signal} {pid}")).collect();
        let status = Command::new("sh").args(["-c", &kills.join(" && ")]).status();
        assert!(status.unwrap().success());
    }

    /// The most memory that it has had until now.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for the end of the process, without reading what it writes.
    #[track_caller]
    pub(crate) fn status(&mut self) -> ExitStatus {
        // Whoever holds the other end of standard error knows when it is gone.
        let (ended, end) = channel();
        let pid = self.child.id();
        thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        });
        let status = self.child.wait().unwrap();
        ended.send(()).expect("it ended by itself");
        status
    }

    /// Reads everything, and waits for the end.
    #[track_caller]
    pub(crate) fn done(mut self) -> Done {
        let [stdout, stderr] = [
            self.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            self.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ]
        .map(|stream| {
            thread::spawn(move || {
                let mut text = String::new();
                stream.map(|mut stream| stream.read_to_string(&mut text));
                text
            })
        });
        let status = self.status();
        Done { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn code(&self, code: i32) -> &Done {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// The records, by id. Every line is one, and no id has two.
    #[track_caller]
    pub(crate) fn records(&self) -> HashMap<String, Value> {
        records(&self.stdout)
    }

    /// The ids of the records, in order of the alphabet.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.records().into_keys().collect();
        ids.sort();
        ids
    }

    /// The lines of standard error that begin with `error: `.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect()
    }
}

#[track_caller]
pub(crate) fn records(text: &str) -> HashMap<String, Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {text}");
    let mut records = HashMap::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = record["id"].as_str().unwrap().to_owned();
        assert!(records.insert(id, record).is_none(), "twice: {line}");
    }
    records
}

/// A path that nobody else uses, taken away with the value.
pub(crate) struct TempPath(pub(crate) PathBuf);

impl TempPath {
    pub(crate) fn new(name: &str) -> TempPath {
        let path = std::env::temp_dir().join(format!("fanout-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        TempPath(path)
    }

    pub(crate) fn with(name: &str, text: impl AsRef<[u8]>) -> TempPath {
        let path = TempPath::new(name);
        std::fs::write(&path.0, text).unwrap();
        path
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }

    pub(crate) fn shown(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder that nobody else uses, and that is not there yet, taken away with the value.
pub(crate) struct TempFolder(pub(crate) PathBuf);

impl TempFolder {
    pub(crate) fn new(name: &str) -> TempFolder {
        let path = std::env::temp_dir().join(format!("fanout-{}-{name}-folder", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        TempFolder(path)
    }

    /// The names of what is in it, in order of the alphabet.
    pub(crate) fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn shown(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
