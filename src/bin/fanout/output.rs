//! Where the records go: standard output or a file, through a thread that does nothing but write them.
//!
//! Each record is one write, without a buffer: nothing is held back while the input is silent, nothing is
//! torn by a stop, and two processes that append to one file do not mix their lines.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use crate::exit::UsageError;
use crate::outbox::Outbox;
use crate::streams::{self, Standard};

/// An open output.
pub(crate) struct Output {
    file: File,
    /// How people know it: `standard output`, `records.ndjson`.
    pub(crate) name: String,
    /// A regular file, which takes what it is given: it is worth waiting for, however long it takes.
    pub(crate) is_regular: bool,
    /// A terminal, which a progress bar would have to share with the records.
    pub(crate) is_terminal: bool,
    /// Standard output seems to be closed: a run will do, but nobody will ever see its records.
    pub(crate) is_lost: bool,
    /// The length before the next record, of a file that is ours alone: a record that could not be written
    /// whole is cut off again.
    length: Option<u64>,
}

impl Output {
    pub(crate) fn standard() -> Result<Output, UsageError> {
        let cannot = |error: io::Error| UsageError::new(format!("cannot write to standard output: {error}"));
        let file = streams::standard_output().map_err(cannot)?;
        Ok(Output {
            is_regular: file.metadata().is_ok_and(|metadata| metadata.is_file()),
            is_terminal: file.is_terminal(),
            file,
            name: "standard output".to_owned(),
            is_lost: streams::seems_closed(Standard::Output),
            length: None,
        })
    }

    /// Opens `path` to append to it. One that is not empty is refused, or emptied.
    pub(crate) fn file(path: &Path, overwrite: bool) -> Result<Output, UsageError> {
        let shown = path.display();
        let cannot =
            |error: io::Error| UsageError::new(format!("--output {shown}: cannot write it: {error}"));
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_file() && metadata.len() > 0 {
            if !overwrite {
                return Err(UsageError::new(format!(
                    "--output {shown}: exists and is not empty (use --overwrite, or another file)"
                )));
            }
            file.set_len(0).map_err(cannot)?;
        }
        Ok(Output {
            is_regular: metadata.is_file(),
            is_terminal: file.is_terminal(),
            file,
            name: shown.to_string(),
            is_lost: false,
            length: metadata.is_file().then_some(0),
        })
    }

    /// Starts the thread that writes what comes into `outbox`. `on_failure` is called, on that thread, when
    /// it cannot go on. Nobody ever waits for the thread itself, since it may be blocked for good.
    pub(crate) fn start(
        mut self,
        outbox: Arc<Outbox>,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let writer = move || {
            while let Some(record) = outbox.next() {
                if let Err(error) = self.write(&record) {
                    outbox.failed(error);
                    return on_failure();
                }
                outbox.written();
            }
        };
        thread::Builder::new().name("output".to_owned()).spawn(writer).map(drop)
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let result = self.file.write_all(record);
        if let Some(length) = &mut self.length {
            let whole = *length + record.len() as u64;
            if result.is_ok() {
                *length = whole;
            } else if self.file.metadata().is_ok_and(|metadata| metadata.len() < whole) {
                // The error is told; this is the best that can be done about the file.
                let _ = self.file.set_len(*length);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_something_is_refused_or_emptied() {
        let path = std::env::temp_dir().join(format!("fanout-output-{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let error = Output::file(&path, false).err().unwrap().to_string();
        assert!(error.contains("exists and is not empty (use --overwrite"), "{error}");
        let mut output = Output::file(&path, true).ok().unwrap();
        output.write(b"new\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        std::fs::remove_file(&path).unwrap();
        let output = Output::file(&path, false).ok().unwrap();
        assert!(output.is_regular);
        std::fs::remove_file(&path).unwrap();
    }
}
