//! The standard streams as files: which file one is, whatever it is called, and whether it was there at all.
//!
//! An output that is also the input would be read back for ever, or be emptied before it is read. Two paths
//! need not look alike for that: links and redirections lead to the same file. So files are compared as the
//! system knows them.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// A regular file, as the system knows it: device and number, or where that is not to be had its whole path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileId(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] std::path::PathBuf);

impl FileId {
    /// Of an open file. Nothing for what is no regular file: a terminal may well be both input and output.
    pub(crate) fn of_open(file: &File, path: Option<&Path>) -> Option<FileId> {
        FileId::of(&file.metadata().ok()?, path)
    }

    /// Of the file that is there, if there is one.
    pub(crate) fn of_path(path: &Path) -> Option<FileId> {
        FileId::of(&path.metadata().ok()?, Some(path))
    }

    #[cfg(unix)]
    fn of(metadata: &Metadata, _path: Option<&Path>) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt;
        metadata.is_file().then(|| FileId((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata, path: Option<&Path>) -> Option<FileId> {
        path.filter(|_| metadata.is_file()).and_then(|path| path.canonicalize().ok()).map(FileId)
    }
}

/// Past the buffer of `std::io::stdin`, and with what a file tells of itself.
pub(crate) fn standard_input() -> io::Result<File> {
    duplicate(&io::stdin())
}

/// Past the buffer of `std::io::stdout`, which would cut long records up.
pub(crate) fn standard_output() -> io::Result<File> {
    duplicate(&io::stdout())
}

/// Which file standard output is, if it is one.
pub(crate) fn file_of_standard_output() -> Option<FileId> {
    FileId::of_open(&standard_output().ok()?, None)
}

#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(File::from(stream.as_handle().try_clone_to_owned()?))
}
