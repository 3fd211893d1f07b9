//! The server, as seen by the one that started it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::serve::Manner;

/// A server in a process of its own. It ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    lines: Receiver<String>,
    pub(crate) url: String,
}

/// How long the server may take to say something that it has to say.
const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    pub(crate) fn start(manner: Manner) -> Result<Server> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &serde_json::to_string(&manner)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(|line| line.ok()).try_for_each(|line| sender.send(line))
        });
        let mut server = Server { process, lines, url: String::new() };
        server.url = format!("http://127.0.0.1:{}", server.line()?);
        Ok(server)
    }

    /// When the next failure was handed to its socket, in nanoseconds of the system's clock.
    pub(crate) fn failed_at(&self) -> Result<u64> {
        Ok(self.line()?.parse()?)
    }

    /// Whether the server has said nothing that was not read.
    pub(crate) fn is_quiet(&self) -> bool {
        self.lines.try_recv().is_err()
    }

    fn line(&self) -> Result<String> {
        self.lines.recv_timeout(PATIENCE).map_err(|_| "the server says nothing".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends, and so it would by itself; but then its port might outlive this.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
