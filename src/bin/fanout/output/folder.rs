//! Bodies as files, one for each id, in a folder.
//!
//! A file is written under another name and renamed: so one that has its name is whole, whenever the process ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::exit::{UsageError, reason};
use crate::ids::Fetched;
use crate::lock;
use crate::paths::missing_folder;
use crate::record::BodyFile;

/// What a file is called while it is being written: `.fanout-4711.part`. No id has a name that begins with a dot.
const PART: [&str; 2] = [".fanout-", ".part"];

/// What is said of a folder that there is something in already.
pub(super) const NOT_EMPTY: &str = "is not empty (use --resume, --overwrite, or another one)";

/// Where bodies go.
pub(super) struct Folder {
    path: PathBuf,
    /// The file that is being written.
    part: PathBuf,
    /// How people know it: `pages`.
    pub(super) name: String,
    /// The folder itself, for the sake of its lock.
    _locked: Option<File>,
}

/// A folder that may be there already, as it is found.
pub(super) struct Found {
    path: PathBuf,
    locked: Option<File>,
    /// What earlier runs did not come to rename.
    parts: Vec<PathBuf>,
    /// There is nothing else.
    pub(super) is_empty: bool,
}

impl Found {
    /// Looks at what is there, and changes nothing. Regular files are put into `fetched`.
    pub(super) fn look(path: &Path, mut fetched: Option<&mut Fetched>) -> Result<Found, UsageError> {
        let cannot =
            |what: &str, error: io::Error| wrong(path, format_args!("cannot {what} it: {}", reason(&error)));
        let mut found = Found { path: path.to_owned(), locked: None, parts: Vec::new(), is_empty: true };
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match missing_folder(path) {
                    Some(missing) => Err(wrong(path, missing)),
                    None => Ok(found),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(wrong(path, "is no directory (name one, or one that is to be made)"));
            }
            Err(error) => return Err(cannot("read", error)),
        };
        found.locked = locked(path)?;
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", error))?;
            // An id has a name of ASCII letters.
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            if is_part(name) {
                found.parts.push(entry.path());
                continue;
            }
            found.is_empty = false;
            match &mut fetched {
                Some(fetched) if entry.file_type().is_ok_and(|kind| kind.is_file()) => fetched.insert(name),
                _ => {}
            }
        }
        Ok(found)
    }

    /// How people know it.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Something is wrong with it.
    pub(super) fn refused(&self, what: &str) -> UsageError {
        wrong(&self.path, what)
    }

    /// Makes the folder if it is not there, and tries whether a file can be written in it. One that is filled by now,
    /// and was not when it was looked at, is opened only if what is in it may be `replaced`.
    pub(super) fn open(mut self, replaced: bool) -> Result<Folder, UsageError> {
        let path = self.path.as_path();
        match fs::create_dir(path) {
            Ok(()) => self.locked = locked(path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.locked.is_none() {
                    // It has been made meanwhile, and another run may have come to its end in it.
                    let now = Found::look(path, None)?;
                    if self.is_empty && !now.is_empty && !replaced {
                        return Err(self.refused(NOT_EMPTY));
                    }
                    (self.locked, self.parts) = (now.locked, now.parts);
                }
            }
            // Not the folders above it: where one is missing, it is more often than not a slip, or a disk that is
            // not mounted.
            Err(error) => return Err(wrong(path, format_args!("cannot make it: {}", reason(&error)))),
        }
        let folder = Folder {
            part: path.join(format!("{}{}{}", PART[0], std::process::id(), PART[1])),
            name: path.display().to_string(),
            path: self.path,
            _locked: self.locked,
        };
        // What cannot be removed is in nobody's way.
        self.parts.iter().for_each(|part| drop(fs::remove_file(part)));
        File::create(&folder.part)
            .and_then(|_| fs::remove_file(&folder.part))
            .map_err(|error| wrong(&folder.path, format_args!("cannot write to it: {}", reason(&error))))?;
        Ok(folder)
    }
}

impl Folder {
    /// Writes the file, whole or not at all; one of the same name is replaced.
    pub(super) fn write(&self, BodyFile { name, body }: &BodyFile) -> io::Result<()> {
        let result = File::create(&self.part)
            .and_then(|mut part| part.write_all(body))
            .and_then(|()| fs::rename(&self.part, self.path.join(name)));
        if result.is_err() {
            // The error is told; --resume removes what is left.
            let _ = fs::remove_file(&self.part);
        }
        result
    }

    /// How people know one of its files.
    pub(super) fn name_of(&self, file: &BodyFile) -> String {
        self.path.join(&file.name).display().to_string()
    }
}

/// Of this kind, and no other file that is not whole yet.
fn is_part(name: &str) -> bool {
    let number = name.strip_prefix(PART[0]).and_then(|name| name.strip_suffix(PART[1]));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Not every system opens a folder as a file; then there is no lock.
fn locked(path: &Path) -> Result<Option<File>, UsageError> {
    let folder = File::open(path).ok();
    match &folder {
        Some(folder) if lock::is_taken(folder) => Err(wrong(path, lock::TAKEN)),
        _ => Ok(folder),
    }
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> UsageError {
    UsageError::new(format!("--output-dir {}: {what}", path.display()))
}
