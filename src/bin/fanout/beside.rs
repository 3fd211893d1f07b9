//! A file that comes into being whole: it is written beside its place, under another name, and renamed at the end.
//! Until then, and if it never comes to that, what stood in its place before stays there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::exit::UsageError;

/// So many names are tried for what is written beside.
const MOST_NAMES: u32 = 100;

/// A file on its way. Dropped before [`keep`](Beside::keep), it leaves nothing.
#[derive(Debug)]
pub(crate) struct Beside {
    writer: BufWriter<File>,
    /// Where it is written. Empty once it has been renamed.
    beside: PathBuf,
    /// Where it belongs.
    place: PathBuf,
    /// How people know it.
    name: String,
}

impl Beside {
    /// Begins a file that is to take the place of `path`, as the value of this option.
    pub(crate) fn open(option: &str, path: &Path) -> Result<Beside, UsageError> {
        let name = path.display().to_string();
        Beside::begin(path, name.clone())
            .map_err(|error| UsageError::new(format!("--{option} {name}: cannot write it: {error}")))
    }

    fn begin(path: &Path, name: String) -> io::Result<Beside> {
        let place = place_of(path)?;
        let permissions = match fs::metadata(&place) {
            Ok(metadata) => {
                if !metadata.is_file() {
                    let what = if metadata.is_dir() { "a directory" } else { "no regular file" };
                    return Err(io::Error::other(format!("it is {what}")));
                }
                // What must not be written must not be replaced, either.
                OpenOptions::new().append(true).open(&place)?;
                Some(metadata.permissions())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (file, beside) = create_beside(&place)?;
        let file = Beside { writer: BufWriter::new(file), beside, place, name };
        // From now on, and not at the end: what nobody else may read, nobody may read while it is written, either.
        permissions.map_or(Ok(()), |permissions| file.writer.get_ref().set_permissions(permissions))?;
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
        fs::rename(&self.beside, &self.place)?;
        self.beside = PathBuf::new();
        Ok(())
    }
}

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.beside.as_os_str().is_empty() {
            // Nobody is left to tell.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Where a file of this path is or would be, without links: what is renamed must not take the place of a link.
pub(crate) fn place_of(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {
            let name = path.file_name().ok_or(error)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        place => place,
    }
}

/// `.ids.txt.1234.part`: out of sight, of this process alone, and in the same folder, so that it can be renamed.
fn create_beside(place: &Path) -> io::Result<(File, PathBuf)> {
    let mut stem = OsString::from(".");
    stem.push(place.file_name().unwrap_or_default());
    for number in 0..MOST_NAMES {
        let mut name = stem.clone();
        let more = if number == 0 { String::new() } else { format!("-{number}") };
        name.push(format!(".{}{more}.part", process::id()));
        let beside = place.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            // What a killed process with the same number left, and perhaps an earlier one of that name.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            file => return Ok((file?, beside)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fanout-beside-{}-{name}", process::id()));
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
            let mut file = Beside::open("failed", &path).unwrap();
            file.write_all(b"new").unwrap();
            drop(file);
            assert_eq!((fs::read(&path).unwrap(), names(&folder).len()), (b"old".to_vec(), 1));
            let mut file = Beside::open("failed", &path).unwrap();
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
        let file = Beside::open("failed", &link).unwrap();
        let on_its_way = fs::metadata(&file.beside).unwrap();
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
            (folder.clone(), "it is a directory"),
            (folder.join("none/ids.txt"), "No such file or directory"),
        ];
        for (path, cause) in cases {
            let error = Beside::open("failed", &path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--failed {}: cannot write it: ", path.display())), "{error}");
            assert!(error.contains(cause), "{error}");
        }
        assert_eq!(names(&folder).len(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}
