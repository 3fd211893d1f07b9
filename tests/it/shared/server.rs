//! A Redis of one's own: on a free port, with nothing on disk, gone with the value. The benches start theirs by this,
//! too.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longer than any server takes to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// If it is set, a machine without a server fails the tests that need one, instead of skipping them. It may be the
/// name of the program, `valkey-server` say.
const NEEDED: &str = "FANOUT_NEEDS_REDIS";

pub(crate) struct Redis {
    child: Child,
    program: String,
    port: u16,
    /// What else it was started with.
    more: Vec<String>,
}

/// One that was.
pub(crate) struct Stopped {
    port: u16,
    program: String,
    more: Vec<String>,
}

impl Redis {
    /// Nothing, and a line that says so, if there is no server to be had.
    pub(crate) fn start() -> Option<Redis> {
        Redis::start_with(Vec::new)
    }

    /// With these arguments, which are made anew for each try.
    pub(super) fn start_with(more: impl Fn() -> Vec<String>) -> Option<Redis> {
        let needed = env::var(NEEDED).ok();
        let program = needed.as_deref().filter(|name| name.ends_with("-server")).unwrap_or("redis-server");
        if let Err(error) = Command::new(program).arg("--version").stdout(Stdio::null()).status() {
            assert!(needed.is_none(), "{NEEDED} is set, and {program} cannot be run: {error}");
            println!("skipped: {program} cannot be run: {error}");
            return None;
        }
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(redis) = Redis::on(program, port, more()) {
                return Some(redis);
            }
        }
        panic!("{program} starts on none of 20 ports");
    }

    /// Ends it, and keeps the place for another one, which will know nothing.
    pub(crate) fn stop(self) -> Stopped {
        Stopped { port: self.port, program: self.program.clone(), more: self.more.clone() }
    }

    /// Nothing if somebody else has the port by now.
    fn on(program: &str, port: u16, more: Vec<String>) -> Option<Redis> {
        let mut child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(env::temp_dir())
            .args(&more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            let said =
                lines.by_ref().map_while(Result::ok).any(|line| line.contains("eady to accept connections"));
            let _ = ready.send(said);
            lines.for_each(drop); // so that it never writes to nobody
        });
        if is_ready.recv_timeout(PATIENCE).unwrap() {
            return Some(Redis { child, program: program.to_owned(), port, more });
        }
        let _ = child.wait();
        None
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its number among the processes.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// `-STOP`, or `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Runs a command, in words.
    pub(crate) fn command(&self, words: &str) -> redis::Value {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = command.arg(word));
        command.query(&mut self.connection()).unwrap()
    }

    /// What its clock says, since 1970.
    pub(crate) fn time(&self) -> Duration {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut self.connection()).unwrap();
        Duration::from_micros(seconds * 1_000_000 + micros)
    }
}

impl Stopped {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn start(self) -> Redis {
        for _ in 0..200 {
            if let Some(redis) = Redis::on(&self.program, self.port, self.more.clone()) {
                return redis;
            }
        }
        panic!("no server starts on port {} any more", self.port);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
