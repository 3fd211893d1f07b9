//! What lines are read from: a file that is open, or a named pipe that is opened only by whoever reads it, since that
//! waits for a writer, who may never come.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file, or a pipe, to be read.
pub(super) enum InputFile {
    Open(File),
    /// A named pipe that has not been opened yet.
    Pipe(PathBuf),
}

impl InputFile {
    /// Opens the file, unless that might wait.
    pub(super) fn of(path: &Path) -> io::Result<InputFile> {
        if is_pipe(&fs::metadata(path)?) {
            return Ok(InputFile::Pipe(path.to_owned()));
        }
        File::open(path).map(InputFile::Open)
    }

    /// If it is open.
    pub(super) fn file(&self) -> Option<&File> {
        match self {
            InputFile::Open(file) => Some(file),
            InputFile::Pipe(_) => None,
        }
    }
}

impl Read for InputFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let InputFile::Pipe(path) = self {
            *self = InputFile::Open(File::open(path)?);
        }
        match self {
            InputFile::Open(file) => file.read(buffer),
            InputFile::Pipe(_) => Ok(0), // it is open now
        }
    }
}

#[cfg(unix)]
fn is_pipe(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_metadata: &fs::Metadata) -> bool {
    false
}
