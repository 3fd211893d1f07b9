//! Where the ids come from, without those that an earlier run has fetched.

use std::io::{self, IsTerminal};
use std::path::Path;

use crate::cli::{GetArgs, OutputArgs};
use crate::exit::UsageError;
use crate::ids::{Fetched, Ids, Ranges};
use crate::output::Opening;
use crate::record::file_name;
use crate::streams::{self, FileId};

use super::value::value;

/// Checks them, and looks at the output, in which an earlier run may have left some.
pub(super) fn ids_and_output(args: &GetArgs) -> Result<(Ids, Opening), UsageError> {
    let mut ids = ids(args)?;
    refuse_input_as_output(&ids, &args.output)?;
    let by_name = args.output.file().is_none();
    let mut fetched = Fetched::new(by_name.then_some(file_name::of), ids.index());
    let opening = Opening::look(&args.output, &mut fetched)?;
    ids.without(fetched);
    ids.read_through(args.responses.keep_going)?;
    Ok((ids, opening))
}

fn ids(args: &GetArgs) -> Result<Ids, UsageError> {
    let deduplicate = !args.no_dedup;
    match (&args.ids, &args.input) {
        (Some(spec), _) => Ok(Ids::from_ranges(value("ids", spec, Ranges::parse)?, deduplicate)),
        (None, Some(path)) if path != Path::new("-") => Ids::from_file(path, deduplicate),
        (None, None) if io::stdin().is_terminal() => Err(UsageError::new(
            "no ids: standard input is a terminal (use --ids 1-60, --input FILE, or a pipe)",
        )),
        (None, _) => Ids::from_standard_input(deduplicate),
    }
}

/// As `cat` does, and before anything is read, written or emptied.
fn refuse_input_as_output(ids: &Ids, args: &OutputArgs) -> Result<(), UsageError> {
    let (shown, file) = match args.file() {
        Some(path) => (format!("--output {}", path.display()), FileId::of_path(path)),
        None => ("standard output".to_owned(), streams::file_of_standard_output()),
    };
    match ids.file() {
        Some((input, name)) if file.as_ref() == Some(input) => Err(UsageError::new(format!(
            "{shown}: is the file that the ids come from, {name} (write to another file)"
        ))),
        _ => Ok(()),
    }
}
