//! Standard error, shared: log lines, messages and the progress bar, none of which tears another.
//!
//! Whoever is to read it may not: a pipe fills up, a terminal is stopped. So lines go to a thread of their
//! own, which alone waits for the reader, through a bounded queue. As long as nobody wants the run to stop,
//! no line is lost: `say` waits for room in the queue, and `finish` for the last line. After a signal both
//! wait no longer than [`AFTER_SIGNAL`], and what nobody has taken by then is lost: log lines, the progress,
//! the summary, and the errors, too.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use indicatif::ProgressBar;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::outbox::AFTER_SIGNAL;

/// So many lines may wait to be written.
const ROOM: usize = 1024;

/// So many lines are written at once above a bar, which is drawn anew behind them.
const TOGETHER: usize = 32;

/// Standard error, with or without a bar at its bottom. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A line has come: the writer waits.
    filled: Condvar,
    /// A line has gone out, or a signal has come: those wait who write, or who want to be done.
    emptied: Condvar,
    bar: Mutex<Option<ProgressBar>>,
}

#[derive(Default)]
struct State {
    /// Whether there is a thread that writes. Until then, lines are written by whoever says them.
    has_writer: bool,
    lines: VecDeque<Vec<u8>>,
    /// The line that is being written, if one is.
    writing_since: Option<Instant>,
    signalled_at: Option<Instant>,
}

impl Screen {
    /// Starts the thread, which ends with the process. If it cannot be had, a run can do without.
    pub(crate) fn start() -> Screen {
        let screen = Screen::default();
        let shared = screen.0.clone();
        let writer = thread::Builder::new().name("screen".to_owned()).spawn(move || shared.write_lines());
        screen.0.state.lock().has_writer = writer.is_ok();
        screen
    }

    /// Writes one line. An error is not told: there is no place left to tell it.
    pub(crate) fn say(&self, text: impl Display) {
        self.0.put(format!("{text}\n").into_bytes());
    }

    /// Does `act` while there is no bar on the screen. Without a bar, that is at once.
    pub(crate) fn without_bar<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.without_bar(act)
    }

    /// Keeps `bar` below whatever is written from now on; `None`: no bar any more.
    pub(crate) fn keep(&self, bar: Option<ProgressBar>) {
        *self.0.bar.lock() = bar;
    }

    /// A signal has come: nobody waits much longer.
    pub(crate) fn signalled(&self) {
        self.0.state.lock().signalled_at.get_or_insert_with(Instant::now);
        self.0.emptied.notify_all();
    }

    /// Until when it is worth waiting for the reader, if that is not for ever.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        self.0.state.lock().patience_ends()
    }

    /// Waits until every line is out, or the patience ends.
    pub(crate) fn finish(&self) {
        let last_line_at = Instant::now();
        let mut state = self.0.state.lock();
        while !state.lines.is_empty() || state.writing_since.is_some() {
            let until = match state.patience_ends() {
                // The last lines come late; a reader that took what came before will take them, too.
                Some(_) if !state.is_stuck() => Some(last_line_at + AFTER_SIGNAL),
                end => end,
            };
            if !self.0.wait(&mut state, until) {
                return;
            }
        }
    }
}

impl Shared {
    fn put(&self, line: Vec<u8>) {
        let mut state = self.state.lock();
        if !state.has_writer {
            drop(state);
            return self.write(&line);
        }
        while state.lines.len() >= ROOM {
            let until = state.patience_ends();
            if !self.wait(&mut state, until) {
                return; // it is lost
            }
        }
        state.lines.push_back(line);
        drop(state);
        self.filled.notify_one();
    }

    /// Waits for something to change; false if `until` has come already.
    fn wait(&self, state: &mut MutexGuard<'_, State>, until: Option<Instant>) -> bool {
        match until {
            None => self.emptied.wait(state),
            Some(end) if end <= Instant::now() => return false,
            Some(end) => drop(self.emptied.wait_until(state, end)),
        }
        true
    }

    /// The thread.
    fn write_lines(&self) {
        loop {
            let mut state = self.state.lock();
            while state.lines.is_empty() {
                self.filled.wait(&mut state);
            }
            let together = if self.bar.lock().is_some() { TOGETHER.min(state.lines.len()) } else { 1 };
            let lines: Vec<u8> = state.lines.drain(..together).flatten().collect();
            state.writing_since = Some(Instant::now());
            drop(state);
            self.write(&lines);
            self.state.lock().writing_since = None;
            self.emptied.notify_all();
        }
    }

    fn write(&self, lines: &[u8]) {
        let _ = self.without_bar(|| io::stderr().lock().write_all(lines));
    }

    fn without_bar<T>(&self, act: impl FnOnce() -> T) -> T {
        // Not under the lock: whoever wants to take the bar away need not wait for the reader.
        let bar = self.bar.lock().clone();
        match bar {
            Some(bar) => bar.suspend(act),
            None => act(),
        }
    }
}

impl State {
    /// Whether a line has been waiting for the reader since before the signal.
    fn is_stuck(&self) -> bool {
        self.writing_since
            .is_some_and(|since| self.signalled_at.is_some_and(|signalled_at| since < signalled_at))
    }

    fn patience_ends(&self) -> Option<Instant> {
        self.signalled_at.map(|signalled_at| signalled_at + AFTER_SIGNAL)
    }
}

/// For the logger, which writes whole lines.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put(bytes.to_owned());
        Ok(bytes.len())
    }

    /// Nothing to do: nobody who logs should wait for the reader.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A screen whose reader never comes, with a full queue.
    fn unread() -> Screen {
        let screen = Screen::default();
        {
            let mut state = screen.0.state.lock();
            (state.has_writer, state.writing_since) = (true, Some(Instant::now()));
        }
        for _ in 0..ROOM {
            screen.say("a line");
        }
        screen
    }

    #[test]
    fn a_signal_ends_every_wait_for_a_reader() {
        let screen = unread();
        thread::scope(|scope| {
            let waiting = [scope.spawn(|| screen.say("one too many")), scope.spawn(|| screen.finish())];
            assert!(waiting.iter().all(|thread| !thread.is_finished()));
            screen.signalled();
        });
        screen.say("lost");
        screen.finish();
        assert_eq!(screen.0.state.lock().lines.len(), ROOM);
    }
}
