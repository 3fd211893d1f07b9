//! Standard error, shared: log lines, messages and the progress bar, none of which tears another.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;

use indicatif::ProgressBar;
use parking_lot::Mutex;

/// Standard error, with or without a bar at its bottom. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<Option<ProgressBar>>>);

impl Screen {
    /// Writes one line. An error is not told: there is no place left to tell it.
    pub(crate) fn say(&self, text: impl Display) {
        let _ = self.clone().write_all(format!("{text}\n").as_bytes());
    }

    /// Keeps `bar` below whatever is written from now on; `None`: no bar any more.
    pub(crate) fn keep(&self, bar: Option<ProgressBar>) {
        *self.0.lock() = bar;
    }
}

/// For the logger, which writes whole lines.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = || io::stderr().lock().write_all(bytes);
        match &*self.0.lock() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
