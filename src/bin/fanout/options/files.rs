//! The files that a run leaves beside its records: those of --failed, --summary-json and --report.
//!
//! They are renamed into their places, and so take away what stands there. That may be a file that the run
//! reads, which is as it should be for --failed; but not one that it writes, nor one that it does not read to its end.
//! And none is in the folder of the bodies, where an id may have its name.

use std::path::{Path, PathBuf};

use crate::atomic_file::{AtomicFile, part_of};
use crate::cli::{GetArgs, OutputArgs};
use crate::end::Figures;
use crate::exit::{UsageError, reason};
use crate::ids::Ids;
use crate::paths::{missing_folder, place_of};
use crate::streams::{FileId, file_of_standard_output};

const FOR_RECORDS: &str = "standard output is for the records (use a file)";

/// Those that there are to be. No two of them are the same.
pub(super) struct Files {
    pub(super) failed: Option<AtomicFile>,
    pub(super) figures: Option<Figures>,
    pub(super) report: Option<AtomicFile>,
}

/// Opens them.
pub(super) fn files(args: &GetArgs, ids: &Ids) -> Result<Files, UsageError> {
    refuse_what_is_left_of_them(&args.output, ids)?;
    let failed = failed(&args.output, ids)?;
    let figures = figures(&args.output, ids, failed.as_ref())?;
    let others = [failed.as_ref(), figures.as_ref().and_then(Figures::file)];
    let report = report(args, ids, others.into_iter().flatten())?;
    Ok(Files { failed, figures, report })
}

/// Opens the file of --failed, if there is to be one.
fn failed(args: &OutputArgs, ids: &Ids) -> Result<Option<AtomicFile>, UsageError> {
    let Some(path) = &args.failed else { return Ok(None) };
    let file = Wanted::check("failed", path, args)?;
    let id = FileId::of_path(path);
    match ids.file() {
        Some((input, name)) if id.as_ref() == Some(input) && !ids.are_read_to_the_end() => {
            let what = format!("is the file of {name}, which is not read to its end");
            Err(refused("failed", path, &format!("{what} (use --input {})", path.display())))
        }
        _ => file.open().map(Some),
    }
}

/// Opens the file of --summary-json, if there is to be one.
fn figures(args: &OutputArgs, ids: &Ids, failed: Option<&AtomicFile>) -> Result<Option<Figures>, UsageError> {
    let Some(path) = &args.summary_json else { return Ok(None) };
    if path == Path::new("-") {
        return match args.output.as_deref() {
            None => {
                let what = "standard output is for the records (use a file, or --output FILE)";
                Err(refused("summary-json", path, what))
            }
            Some(output) if output == path => Err(refused("summary-json", path, FOR_RECORDS)),
            Some(_) => Ok(Some(Figures::to_standard_output())),
        };
    }
    let file = Wanted::check("summary-json", path, args)?;
    if failed.is_some_and(|failed| failed.place() == file.place) {
        return Err(refused("summary-json", path, "is the file of --failed (use another one)"));
    }
    refuse_input("summary-json", path, ids)?;
    Ok(Some(Figures::to_file(file.open()?)))
}

/// Opens the file of --report, if there is to be one. It must be none of the `others`, either.
fn report<'a>(
    args: &GetArgs,
    ids: &Ids,
    mut others: impl Iterator<Item = &'a AtomicFile>,
) -> Result<Option<AtomicFile>, UsageError> {
    let Some(path) = &args.output.report else { return Ok(None) };
    let file = Wanted::check("report", path, &args.output)?;
    if let Some(other) = others.find(|other| other.place() == file.place) {
        let what = format!("is to hold something else, too, as {} (use another one)", other.name());
        return Err(refused("report", path, &what));
    }
    let is = |other: &Path| place_of(other).is_ok_and(|other| other == file.place);
    if certificates(args).any(is) {
        let what = "is the file that the certificates come from (use another one)";
        return Err(refused("report", path, what));
    }
    refuse_input("report", path, ids)?;
    file.open().map(Some)
}

/// The files that certificates come from.
fn certificates(args: &GetArgs) -> impl Iterator<Item = &Path> {
    let of_the_api = args.requests.cacert.as_deref();
    #[cfg(feature = "redis")]
    let of_redis = args.shared.redis_cacert.as_deref();
    #[cfg(not(feature = "redis"))]
    let of_redis = None;
    of_the_api.into_iter().chain(of_redis)
}

/// What would be replaced must not be what the ids come from.
fn refuse_input(option: &str, path: &Path, ids: &Ids) -> Result<(), UsageError> {
    match ids.file() {
        Some((input, name)) if FileId::of_path(path).as_ref() == Some(input) => {
            let what = format!("is the file that the ids come from, {name} (use another one)");
            Err(refused(option, path, &what))
        }
        _ => Ok(()),
    }
}

/// What a killed run has left beside one of them is taken away: it must not be what the ids come from, either.
fn refuse_what_is_left_of_them(args: &OutputArgs, ids: &Ids) -> Result<(), UsageError> {
    let Some((input, name)) = ids.file() else { return Ok(()) };
    let files = [("failed", &args.failed), ("summary-json", &args.summary_json), ("report", &args.report)];
    for (option, path) in files {
        let Some(path) = path else { continue };
        let left = place_of(path).ok().and_then(|place| FileId::of_path(&part_of(&place)));
        if left.as_ref() == Some(input) {
            let what = format!("an earlier run has left {name} of it, which would be removed (rename that)");
            return Err(refused(option, path, &what));
        }
    }
    Ok(())
}

fn refused(option: &str, path: &Path, what: &str) -> UsageError {
    UsageError::new(format!("--{option} {}: {what}", path.display()))
}

/// A file that is none of the records, and not among the bodies. It is opened only when it is clear that it is nothing
/// else of this run, either: what is opened is locked, and looks as if another run had it.
struct Wanted<'a> {
    option: &'static str,
    path: &'a Path,
    /// Where it will be, without links.
    place: PathBuf,
}

impl<'a> Wanted<'a> {
    fn check(option: &'static str, path: &'a Path, args: &OutputArgs) -> Result<Wanted<'a>, UsageError> {
        if path == Path::new("-") {
            return Err(refused(option, path, FOR_RECORDS));
        }
        if let Some(missing) = missing_folder(path) {
            return Err(refused(option, path, &missing));
        }
        let place = place_of(path)
            .map_err(|error| refused(option, path, &format!("cannot write it: {}", reason(&error))))?;
        let file = Wanted { option, path, place };
        if file.is_among_bodies(args) {
            return Err(refused(option, path, "lies in the folder of --output-dir (put it elsewhere)"));
        }
        if file.is_output(args.output.as_deref()) {
            return Err(refused(option, path, "is the file that the records go to (use another one)"));
        }
        if file.is_folder_of_bodies(args) {
            return Err(refused(option, path, "is the folder of --output-dir (use another name)"));
        }
        Ok(file)
    }

    fn open(self) -> Result<AtomicFile, UsageError> {
        AtomicFile::open(self.option, self.path)
    }

    /// Whether a body could get its name, and the other way round.
    fn is_among_bodies(&self, args: &OutputArgs) -> bool {
        let folder = args.output_dir.as_ref().and_then(|folder| folder.canonicalize().ok());
        folder.is_some_and(|folder| self.place.parent() == Some(&folder))
    }

    /// Whether the folder of the bodies is to be made there.
    fn is_folder_of_bodies(&self, args: &OutputArgs) -> bool {
        let folder = args.output_dir.as_ref().and_then(|folder| place_of(folder).ok());
        folder.is_some_and(|folder| self.place == folder)
    }

    /// Whether the records go there, or would. For a file that is to be renamed it is the name that counts, and for
    /// standard output, of which no name is known, the file.
    fn is_output(&self, output: Option<&Path>) -> bool {
        match output.filter(|output| *output != Path::new("-")) {
            Some(output) => place_of(output).is_ok_and(|output| output == self.place),
            None => {
                file_of_standard_output().is_some_and(|output| FileId::of_path(self.path) == Some(output))
            }
        }
    }
}
