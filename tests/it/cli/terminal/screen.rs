//! A terminal of the system's with a screen behind it. Nothing here sleeps: every wait is for something to be seen, and
//! fails the test when it has not been within [`PATIENCE`].

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{self, Command, Pty};

use crate::cli::support::PATIENCE;

/// So many rows that nothing scrolls away.
const ROWS: NonZero<u16> = NonZero::new(200).unwrap();

/// A process on a terminal of its own, which is the first of its session.
pub(super) struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    seen: Arc<Seen>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    screen: vt100::Parser,
    written: Vec<u8>,
}

/// A screen at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// From the top to the last that is not blank, without the blanks at their ends.
    pub(super) rows: Vec<String>,
    /// Row and column of the cursor, from 0.
    pub(super) cursor: (usize, usize),
}

impl Picture {
    pub(super) fn last(&self) -> &str {
        self.rows.last().map_or("", String::as_str)
    }

    /// All of it as one text: what a terminal so wide has folded goes on where it was cut.
    pub(super) fn unfolded(&self, columns: usize) -> String {
        self.rows.iter().map(|row| format!("{row:<columns$}")).collect()
    }
}

/// All its streams are the terminal.
pub(super) fn command<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Command {
    Command::new(program)
        .args(args)
        .env("TERM", "xterm-256color")
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
}

/// `fanout get` with these arguments; its ids come from a pipe, and its records go nowhere.
pub(super) fn get_command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    command(env!("CARGO_BIN_EXE_fanout"), ["get"]).args(args).stdin(Stdio::piped()).stdout(Stdio::null())
}

impl Terminal {
    #[track_caller]
    pub(super) fn start(columns: u16, command: Command) -> Terminal {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(ROWS.get(), columns)).unwrap();
        let mut child = command.spawn(pts).unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (pty, seen) = (Arc::new(pty), Arc::new(Seen::default()));
        seen.state.lock().unwrap().screen = vt100::Parser::new(ROWS, NonZero::new(columns).unwrap(), 0);
        let reader = thread::spawn({
            let (pty, seen) = (pty.clone(), seen.clone());
            move || {
                let mut buffer = [0; 4096];
                // At the end, when the last process has closed the terminal, there is an error.
                while let Ok(length @ 1..) = (&*pty).read(&mut buffer) {
                    let mut state = seen.state.lock().unwrap();
                    state.screen.process(&buffer[..length]);
                    state.written.extend_from_slice(&buffer[..length]);
                    seen.changed.notify_all();
                }
            }
        });
        Terminal { pty, child, stdin, stdout, seen, reader: Some(reader) }
    }

    /// Waits for a picture of which this is true, and gives it back.
    #[track_caller]
    pub(super) fn shows(&self, wanted: impl Fn(&Picture) -> bool) -> Picture {
        let end = Instant::now() + PATIENCE;
        let mut state = self.seen.state.lock().unwrap();
        loop {
            let picture = picture(state.screen.screen());
            if wanted(&picture) {
                return picture;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO, "never seen; at the end there was {picture:#?}");
            state = self.seen.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    #[track_caller]
    pub(super) fn types(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    /// Makes the window so wide; the process is told.
    #[track_caller]
    pub(super) fn resize(&self, columns: u16) {
        self.seen.state.lock().unwrap().screen.screen_mut().set_size(ROWS, NonZero::new(columns).unwrap());
        self.pty.resize(Size::new(ROWS.get(), columns)).unwrap();
    }

    /// Waits for the end of the process: how it ended, what stands on the screen, and all that was written to it.
    #[track_caller]
    pub(super) fn ends(mut self) -> (ExitStatus, Picture, String) {
        let reader = self.reader.take().unwrap();
        let end = Instant::now() + PATIENCE;
        while !reader.is_finished() {
            assert!(Instant::now() < end, "it does not end; there is {:#?}", self.shows(|_| true));
            thread::yield_now();
        }
        reader.join().unwrap();
        let status = self.child.wait().unwrap();
        let state = self.seen.state.lock().unwrap();
        (status, picture(state.screen.screen()), String::from_utf8_lossy(&state.written).into_owned())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn picture(screen: &vt100::Screen) -> Picture {
    let (row, column) = screen.cursor_position();
    let mut rows: Vec<String> =
        screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    Picture { rows, cursor: (row.into(), column.into()) }
}
