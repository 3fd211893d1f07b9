//! Where an output would go, and whether it may: what opening it would find out, with nothing opened to be written.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use super::{Existing, Opening, folder, wrong};
use crate::exit::{UsageError, reason};
use crate::paths::{is_of_a_folder, missing_folder};
use crate::values::size;

impl Opening {
    /// `records.ndjson, a new file`; or why it cannot go there. That a disk is full, or a folder not to be written to,
    /// only writing will tell.
    pub(crate) fn preview(&self) -> Result<Vec<String>, UsageError> {
        let mut places = Vec::new();
        if let Some(folder) = &self.folder {
            if !folder.is_empty && self.existing == Existing::Refused {
                return Err(folder.refused(folder::NOT_EMPTY));
            }
            places.push(format!("{}/, a file for each body", folder.name()));
        }
        match (&self.file, self.format.lines) {
            (Some(path), _) => places.push(self.preview_of_file(path)?),
            (None, true) => places.push("standard output".to_owned()),
            (None, false) => {}
        }
        Ok(places)
    }

    fn preview_of_file(&self, path: &Path) -> Result<String, UsageError> {
        match found(path)? {
            Some(metadata) => self.preview_of_existing(path, &metadata),
            None => Ok(format!("{}, a new file", path.display())),
        }
    }

    fn preview_of_existing(&self, path: &Path, metadata: &Metadata) -> Result<String, UsageError> {
        let (shown, length) = (path.display(), size::shown(u128::from(metadata.len())));
        match self.existing {
            _ if !metadata.is_file() || metadata.len() == 0 => Ok(shown.to_string()),
            Existing::Refused => Err(wrong(path, super::NOT_EMPTY)),
            Existing::Replaced => Ok(format!("{shown}, whose {length} would be replaced")),
            Existing::Kept => Ok(format!("{shown}, behind its {length}")),
        }
    }
}

/// What there is already, if a file can be there at all.
pub(super) fn found(path: &Path) -> Result<Option<Metadata>, UsageError> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(wrong(path, "is a directory (name a file in it)")),
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match missing_folder(path) {
            Some(missing) => Err(wrong(path, missing)),
            None if is_of_a_folder(path) => Err(wrong(path, "there is no such folder (name a file)")),
            None => Ok(None),
        },
        Err(error) => Err(wrong(path, format_args!("cannot write it: {}", reason(&error)))),
    }
}
