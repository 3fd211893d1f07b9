//! Where a path leads, whether or not something is there already.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

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

/// What is missing above a file, or a folder, that is to be made: the folder that it is in.
pub(crate) fn missing_folder(path: &Path) -> Option<String> {
    let above = path.parent().filter(|above| *above != Path::new(""))?;
    (!above.exists()).then(|| format!("there is no folder {} (make it first)", above.display()))
}

/// `pages/`, `pages/.`: what can only be a folder, if it is there.
pub(crate) fn is_of_a_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    !path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes()) || name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_like_a_folder_is_that_of_one() {
        for (path, is_so) in [
            ("pages", false),
            ("a/pages", false),
            (".hidden", false),
            ("a/..b", false),
            ("pages/", true),
            ("a/pages//", true),
            ("pages/.", true),
            ("pages/..", true),
            (".", true),
            ("/", true),
        ] {
            assert_eq!(is_of_a_folder(Path::new(path)), is_so, "{path}");
        }
    }
}
