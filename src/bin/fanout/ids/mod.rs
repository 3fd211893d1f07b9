//! Where the ids come from, and the thread that brings them.
//!
//! Standard input may be silent for ever, and nothing can wake a thread that reads it. So ids are read on a
//! thread of their own, which nobody ever waits for: it ends with the ids, with the run (the channel's other
//! end is gone), or with the process.

mod lines;
mod ranges;
mod seen;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use crate::exit::UsageError;
use crate::outbox::Outbox;
use lines::Lines;
use seen::Seen;

pub(crate) use ranges::Ranges;

/// Input files up to this size, in bytes, are read through before anything is sent: so that a bad line is
/// refused first, and the number of ids is known.
const READ_AHEAD: u64 = 64 * 1024 * 1024;

/// Where the ids come from, and whether each is taken only once.
pub(crate) struct Ids {
    source: Source,
    deduplicate: bool,
    /// How many there are, where it is known.
    pub(crate) total: Option<u128>,
}

enum Source {
    Ranges(Ranges),
    File(File, PathBuf),
    StandardInput,
}

impl Ids {
    pub(crate) fn from_ranges(ranges: Ranges, deduplicate: bool) -> Ids {
        let ranges = if deduplicate { ranges.without_duplicates() } else { ranges };
        Ids { total: Some(ranges.count()), source: Source::Ranges(ranges), deduplicate: false }
    }

    pub(crate) fn from_standard_input(deduplicate: bool) -> Ids {
        Ids { source: Source::StandardInput, deduplicate, total: None }
    }

    /// Opens the file and, if it is one that can be read twice and is not large, reads it through.
    pub(crate) fn from_file(path: &Path, deduplicate: bool) -> Result<Ids, UsageError> {
        let shown = path.display();
        let cannot = |error: io::Error| UsageError::new(format!("--input {shown}: cannot read it: {error}"));
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(UsageError::new(format!(
                "--input {shown}: is a directory (use a file of ids, one a line)"
            )));
        }
        let mut total = None;
        if metadata.is_file() && metadata.len() <= READ_AHEAD {
            let lines = Lines::new(BufReader::new(&file), shown.to_string());
            total =
                Some(count(lines, deduplicate).map_err(|error| UsageError::new(format!("--input {error}")))?);
            file.rewind().map_err(cannot)?;
        }
        Ok(Ids { source: Source::File(file, path.to_owned()), deduplicate, total })
    }

    /// Starts the thread that brings the ids, each when `outbox` admits it.
    /// `on_error` is called, on that thread, if they cannot be read to their end.
    pub(crate) fn feed(
        self,
        ahead: usize,
        outbox: Arc<Outbox>,
        on_error: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Receiver<String>> {
        let (ids, receiver) = bounded(ahead);
        let feeder = move || {
            let mut seen = self.deduplicate.then(Seen::new);
            for id in self.source.into_ids() {
                let id = match id {
                    Ok(id) => id,
                    Err(error) => return on_error(error),
                };
                if seen.as_mut().is_some_and(|seen| !seen.insert(&id)) {
                    continue;
                }
                outbox.admit();
                if ids.send(id).is_err() {
                    return; // the run has ended
                }
            }
        };
        // Not kept: see the module's comment.
        drop(thread::Builder::new().name("ids".to_owned()).spawn(feeder)?);
        Ok(receiver)
    }
}

impl Source {
    /// The ids one by one, until the end or the first error.
    fn into_ids(self) -> Box<dyn Iterator<Item = Result<String, String>>> {
        match self {
            Source::Ranges(ranges) => Box::new(ranges.into_ids().map(Ok)),
            Source::File(file, path) => Box::new(streamed(file, path.display().to_string())),
            Source::StandardInput => Box::new(streamed(io::stdin(), "standard input".to_owned())),
        }
    }
}

/// Control characters are left to the client, which refuses the id when its turn comes: with `--keep-going`
/// the others go on.
fn streamed(reader: impl Read, name: String) -> impl Iterator<Item = Result<String, String>> {
    let mut lines = Lines::new(BufReader::new(reader), name);
    std::iter::from_fn(move || lines.next_id().transpose())
}

fn count(mut lines: Lines<impl io::BufRead>, deduplicate: bool) -> Result<u128, String> {
    let mut seen = deduplicate.then(Seen::new);
    let mut count = 0;
    while let Some(id) = lines.next_checked()? {
        count += u128::from(seen.as_mut().is_none_or(|seen| seen.insert(&id)));
    }
    Ok(count)
}
