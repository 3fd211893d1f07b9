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

/// The standard streams that records and ids go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    Input,
    Output,
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

/// Whether a standard stream was closed (`<&-`, `>&-`) when the process began, as far as that can be known.
pub(crate) fn seems_closed(stream: Standard) -> bool {
    let number = match stream {
        Standard::Input => 0,
        Standard::Output => 1,
    };
    is_stand_in(number).unwrap_or(false)
}

/// Rust opens `/dev/null`, to read and to write, in the place of a standard stream that is not there. A shell
/// that is told to use `/dev/null` opens it for one of the two. But some programs start others with a
/// `/dev/null` that is open for both (Python's `subprocess.DEVNULL`, daemons), and those cannot be told apart; so this
/// is a guess, to be acted upon only where it does not matter which it is.
#[cfg(target_os = "linux")]
fn is_stand_in(number: u32) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &str| std::fs::metadata(path).map(|metadata| metadata.rdev());
    if device(&format!("/proc/self/fd/{number}"))? != device("/dev/null")? {
        return Ok(false);
    }
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    // The two lowest bits: 0 to read, 1 to write, 2 for both.
    Ok(flags.is_some_and(|flags| flags & 3 == 2))
}

#[cfg(not(target_os = "linux"))]
fn is_stand_in(_number: u32) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(File::from(stream.as_handle().try_clone_to_owned()?))
}
