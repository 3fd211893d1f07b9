//! How an output is opened: first it is looked at, with nothing changed, since the command line may yet turn out to be
//! wrong elsewhere; then it is made, emptied, or rid of what a crash has left.
//!
//! So a mistake costs nobody a file. What is there already is refused, unless it was said what is to become of it.

mod preview;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::folder::{self, Found};
use super::lines::Lines;
use super::{Output, Sink};
use crate::cli::OutputArgs;
use crate::exit::{UsageError, reason};
use crate::ids::Fetched;
use crate::lock;
use crate::paths::place_of;
use crate::record::Format;
use crate::resume;
use crate::streams::{self, Standard};

const NOT_EMPTY: &str = "exists and is not empty (use --resume, --overwrite, or another file)";

/// What becomes of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    Refused,
    Replaced,
    Kept,
}

/// An output that has been looked at.
pub(crate) struct Opening {
    format: Format,
    existing: Existing,
    /// Of the lines; none for standard output.
    file: Option<PathBuf>,
    /// That file, if it is to be kept and there is one; and how long its whole records are.
    kept: Option<(File, u64)>,
    folder: Option<Found>,
}

impl Opening {
    /// Looks at what the options name. What was fetched before is put into `fetched`, with `--resume`.
    pub(crate) fn look(args: &OutputArgs, fetched: &mut Fetched) -> Result<Opening, UsageError> {
        let existing = existing(args)?;
        let file = args.file();
        let format = Format {
            lines: args.output.is_some() || args.output_dir.is_none(),
            files: args.output_dir.is_some(),
            headers: args.include_headers,
        };
        if format.headers && !format.lines {
            return Err(UsageError::new(
                "--include-headers: there are no records to hold them (add --output FILE)",
            ));
        }
        file.map(preview::found).transpose()?;
        if let (Some(file), Some(folder)) = (file, &args.output_dir) {
            refuse_file_as_folder(file, folder)?;
        }
        let kept = match file {
            Some(path) if existing == Existing::Kept => keep(path, fetched)?,
            _ => None,
        };
        // Where there are records, it is they that tell.
        let by_name = if existing == Existing::Kept && file.is_none() { Some(fetched) } else { None };
        let folder = args.output_dir.as_deref().map(|path| Found::look(path, by_name)).transpose()?;
        Ok(Opening { format, existing, file: file.map(Path::to_owned), kept, folder })
    }

    /// What the records are made of.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Opens it. Nothing is emptied, and no new file stays, before all of it is open: a file that is there is opened
    /// first, then the folder, which is tried.
    pub(crate) fn open(self) -> Result<Output, UsageError> {
        if let Some(folder) = self.folder.as_ref().filter(|folder| !folder.is_empty) {
            if self.existing == Existing::Refused {
                return Err(folder.refused(folder::NOT_EMPTY));
            }
        }
        let file = self.file.as_deref().map(|path| OpenFile::open(path, self.existing, self.kept));
        let file = file.transpose()?;
        let replaced = self.existing == Existing::Replaced;
        let folder = match self.folder.map(|folder| folder.open(replaced)).transpose() {
            Ok(folder) => folder,
            Err(error) => {
                file.inspect(OpenFile::undo);
                return Err(error);
            }
        };
        let mut output = match (file, self.format.lines) {
            (Some(file), _) => file.begin()?,
            (None, true) => standard()?,
            (None, false) => Output { is_regular: true, ..Output::default() },
        };
        if let (Some(folder), false) = (&folder, self.format.lines) {
            output.name = folder.name.clone();
        }
        output.sink.folder = folder;
        output.format = self.format;
        Ok(output)
    }
}

fn existing(args: &OutputArgs) -> Result<Existing, UsageError> {
    let is_named = args.output.is_some() || args.output_dir.is_some();
    let wants = |option| UsageError::new(format!("{option}: wants --output FILE or --output-dir DIR"));
    match (args.resume, args.overwrite) {
        (true, _) if args.file().is_none() && args.output_dir.is_none() => Err(wants("--resume")),
        (_, true) if !is_named => Err(wants("--overwrite")),
        (true, _) => Ok(Existing::Kept),
        (_, true) => Ok(Existing::Replaced),
        _ => Ok(Existing::Refused),
    }
}

/// A file cannot be a folder as well; and in it, a body could get its name.
fn refuse_file_as_folder(file: &Path, folder: &Path) -> Result<(), UsageError> {
    let (Ok(file_place), Ok(folder_place)) = (place_of(file), place_of(folder)) else { return Ok(()) };
    if file_place == folder_place {
        return Err(wrong(file, "is to be the folder of --output-dir, too (use another name)"));
    }
    match file_place.parent() {
        Some(above) if above == folder_place => {
            Err(wrong(file, "lies in the folder of --output-dir (put it elsewhere)"))
        }
        _ => Ok(()),
    }
}

/// Reads what is there, if there is something.
fn keep(path: &Path, fetched: &mut Fetched) -> Result<Option<(File, u64)>, UsageError> {
    let file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(path, format_args!("cannot open it: {}", reason(&error)))),
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(wrong(path, "is no regular file, and cannot be read back (leave --resume out)"));
    }
    if lock::is_taken(&file) {
        return Err(wrong(path, lock::TAKEN));
    }
    let whole = resume::read(&file, fetched).map_err(|error| wrong(path, error))?;
    Ok(Some((file, whole)))
}

/// A file of lines that is open and locked, and as it was.
struct OpenFile<'a> {
    path: &'a Path,
    file: File,
    /// It was made just now.
    is_new: bool,
    /// So long is what is to stay of it; nothing if it is no regular file.
    keeps: Option<u64>,
}

impl OpenFile<'_> {
    fn open(path: &Path, existing: Existing, kept: Option<(File, u64)>) -> Result<OpenFile<'_>, UsageError> {
        if let Some((file, whole)) = kept {
            return Ok(OpenFile { path, file, is_new: false, keeps: Some(whole) });
        }
        let mut options = OpenOptions::new();
        let (file, is_new) = match options.append(true).create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Also where a link leads to what is not there yet.
                (options.create_new(false).create(true).open(path), false)
            }
            file => (file, true),
        };
        let cannot = |error: io::Error| wrong(path, format_args!("cannot write it: {}", reason(&error)));
        let file = file.map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            return Ok(OpenFile { path, file, is_new, keeps: None });
        }
        if lock::is_taken(&file) {
            return Err(wrong(path, lock::TAKEN));
        }
        // Of the file that is locked now: another run may have written to it meanwhile.
        if existing != Existing::Replaced && file.metadata().map_err(cannot)?.len() > 0 {
            return Err(wrong(path, NOT_EMPTY));
        }
        Ok(OpenFile { path, file, is_new, keeps: Some(0) })
    }

    /// Cuts off what is not to stay.
    fn begin(self) -> Result<Output, UsageError> {
        let OpenFile { path, file, keeps, .. } = self;
        if let Some(length) = keeps {
            file.set_len(length)
                .map_err(|error| wrong(path, format_args!("cannot write it: {}", reason(&error))))?;
        }
        let name = path.display().to_string();
        Ok(Output {
            is_regular: keeps.is_some(),
            is_terminal: file.is_terminal(),
            sink: Sink { folder: None, lines: Some(Lines::new(file, name.clone(), keeps.is_some(), keeps)) },
            name,
            ..Output::default()
        })
    }

    /// Leaves nothing behind that was not there.
    fn undo(&self) {
        if self.is_new {
            // Nobody else has it: it is locked.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn standard() -> Result<Output, UsageError> {
    let cannot =
        |error: io::Error| UsageError::new(format!("cannot write to standard output: {}", reason(&error)));
    let file = streams::standard_output().map_err(cannot)?;
    let name = "standard output".to_owned();
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    Ok(Output {
        is_regular,
        is_terminal: file.is_terminal(),
        is_lost: streams::seems_closed(Standard::Output),
        sink: Sink { folder: None, lines: Some(Lines::new(file, name.clone(), is_regular, None)) },
        name,
        ..Output::default()
    })
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> UsageError {
    UsageError::new(format!("--output {}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another run may begin and end between the look and the opening.
    #[test]
    fn a_folder_that_was_made_and_filled_meanwhile_is_refused() {
        let path = std::env::temp_dir().join(format!("fanout-meanwhile-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        for (existing, is_refused) in [(Existing::Refused, true), (Existing::Replaced, false)] {
            let folder = Found::look(&path, None).unwrap();
            let format = Format { files: true, ..Format::default() };
            let opening = Opening { format, existing, file: None, kept: None, folder: Some(folder) };
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("1"), "theirs").unwrap();
            let refused = opening.open().err().map(|error| error.to_string());
            let expected = format!("--output-dir {}: {}", path.display(), folder::NOT_EMPTY);
            assert_eq!(refused, is_refused.then_some(expected));
            std::fs::remove_dir_all(&path).unwrap();
        }
    }
}
