//! A file that comes into being whole: it is written beside its place, under another name, and renamed at the end.
//! Until then, and if it never comes to that, what stood in its place before stays there.
//!
//! The other name is the same for every process, and whoever writes there has locked it: so a second run with the
//! same file is refused, and what a killed one has left, which nobody has locked any more, is taken away by the next.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::exit::{UsageError, reason};
use crate::lock;
use crate::paths::{is_of_a_folder, place_of};
use crate::streams::FileId;

/// So often it is tried to be the one that writes beside a file, against others that begin or end meanwhile.
const TRIES: u32 = 100;

/// A file on its way. Dropped before [`keep`](AtomicFile::keep), it leaves nothing.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    /// Locked.
    writer: BufWriter<File>,
    /// Where it is written. Empty once it has been renamed.
    part: PathBuf,
    /// Where it belongs.
    place: PathBuf,
    /// What stands there, locked as well: what will be replaced is not for others to write to.
    replaced: Option<File>,
    /// How people know it.
    name: String,
}

impl AtomicFile {
    /// Begins a file that is to take the place of `path`, as the value of this option.
    pub(crate) fn open(option: &str, path: &Path) -> Result<AtomicFile, UsageError> {
        let name = path.display().to_string();
        AtomicFile::begin(path, name.clone())
            .map_err(|why| UsageError::new(format!("--{option} {name}: {why}")))
    }

    fn begin(path: &Path, name: String) -> Result<AtomicFile, String> {
        let cannot = |error: io::Error| format!("cannot write it: {}", reason(&error));
        let place = place_of(path).map_err(cannot)?;
        let (replaced, permissions) = match fs::metadata(&place) {
            Ok(metadata) if metadata.is_dir() => return Err("is a directory (name a file in it)".to_owned()),
            Ok(metadata) if !metadata.is_file() => return Err("is no regular file (use one)".to_owned()),
            Ok(metadata) => {
                // What must not be written must not be replaced, either.
                let file = OpenOptions::new().append(true).open(&place).map_err(cannot)?;
                if lock::is_taken(&file) {
                    return Err(lock::TAKEN.to_owned());
                }
                (Some(file), Some(metadata.permissions()))
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(error)),
            Err(_) if is_of_a_folder(path) => return Err("there is no such folder (name a file)".to_owned()),
            Err(_) => (None, None),
        };
        let (file, part) = create_part(&place).map_err(cannot)?.ok_or(lock::TAKEN)?;
        let file = AtomicFile { writer: BufWriter::new(file), part, place, replaced, name };
        // From now on, and not at the end: what nobody else may read, nobody may read while it is written, either.
        let set = |permissions: Permissions| file.writer.get_ref().set_permissions(permissions);
        permissions.map_or(Ok(()), set).map_err(cannot)?;
        Ok(file)
    }

    /// How people know it: the path as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it will be, without links.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Puts what was written in its place. With `patience`, not before it is on the disk.
    pub(crate) fn keep(mut self, patience: bool) -> io::Result<()> {
        self.writer.flush()?;
        if patience {
            self.writer.get_ref().sync_all()?;
        }
        if self.is_lost() {
            return Err(io::Error::other(format!("{} was taken away", self.part.display())));
        }
        if self.replaced.is_none() && File::open(&self.place).is_ok_and(|file| lock::is_taken(&file)) {
            return Err(io::Error::other(lock::TAKEN));
        }
        fs::rename(&self.part, &self.place)?;
        self.part = PathBuf::new();
        Ok(())
    }

    /// Somebody else has put something in the place that it is written to, which is not ours to rename, or to remove.
    fn is_lost(&self) -> bool {
        FileId::of_open(self.writer.get_ref(), Some(&self.part)) != FileId::of_path(&self.part)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.part.as_os_str().is_empty() && !self.is_lost() {
            // Nobody is left to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// `.ids.txt.fanout.part`: out of sight, and in the same folder, so that it can be renamed.
pub(crate) fn part_of(place: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".fanout.part");
    place.with_file_name(name)
}

/// Nothing if another process is writing there. It is the lock that says whose it is, and so it counts only if the file
/// is still there once it is locked.
fn create_part(place: &Path) -> io::Result<Option<(File, PathBuf)>> {
    let part = part_of(place);
    let is_there = |file: &File| FileId::of_open(file, Some(&part)) == FileId::of_path(&part);
    for _ in 0..TRIES {
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            // Otherwise somebody took it for one that was left.
            Ok(file) if !lock::is_taken(&file) && is_there(&file) => return Ok(Some((file, part))),
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match OpenOptions::new().write(true).open(&part) {
            Ok(left) if lock::is_taken(&left) => return Ok(None),
            Ok(left) if is_there(&left) => fs::remove_file(&part)?,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fanout-atomic-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn it_takes_its_place_whole_or_not_at_all() {
        let folder = folder("whole");
        let path = folder.join("ids.txt");
        fs::write(&path, "old").unwrap();
        for patience in [false, true] {
            let mut file = AtomicFile::open("failed", &path).unwrap();
            file.write_all(b"new").unwrap();
            drop(file);
            assert_eq!((fs::read(&path).unwrap(), names(&folder).len()), (b"old".to_vec(), 1));
            let mut file = AtomicFile::open("failed", &path).unwrap();
            file.write_all(b"new").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"old");
            file.keep(patience).unwrap();
            assert_eq!((fs::read(&path).unwrap(), names(&folder).len()), (b"new".to_vec(), 1));
            fs::write(&path, "old").unwrap();
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_the_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = folder("link");
        let (path, link) = (folder.join("ids.txt"), folder.join("link.txt"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        let file = AtomicFile::open("failed", &link).unwrap();
        let on_its_way = fs::metadata(&file.part).unwrap();
        assert_eq!(on_its_way.permissions().mode() & 0o777, 0o640, "from the beginning");
        file.keep(true).unwrap();
        assert!(link.is_symlink() && fs::read(&path).unwrap().is_empty());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = folder("named");
        let cases = [
            (folder.clone(), "is a directory (name a file in it)"),
            (folder.join("none/ids.txt"), "cannot write it: No such file or directory"),
        ];
        for (path, cause) in cases {
            let error = AtomicFile::open("failed", &path).unwrap_err().to_string();
            assert_eq!(error, format!("--failed {}: {cause}", path.display()));
        }
        assert_eq!(names(&folder).len(), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_ours_any_more_is_neither_renamed_nor_removed() {
        let folder = folder("lost");
        for keeps in [false, true] {
            let file = AtomicFile::open("failed", &folder.join("ids.txt")).unwrap();
            fs::remove_file(&file.part).unwrap();
            fs::write(&file.part, "theirs").unwrap();
            if keeps {
                let error = file.keep(false).unwrap_err().to_string();
                assert!(error.ends_with(" was taken away"), "{error}");
            } else {
                drop(file);
            }
            assert_eq!(names(&folder), [".ids.txt.fanout.part"]);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
