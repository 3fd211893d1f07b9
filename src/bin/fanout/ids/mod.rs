//! Where the ids come from, and the thread that brings them.
//!
//! Standard input may be silent for ever, and nothing can wake a thread that reads it. So ids are read on a
//! thread of their own, which nobody ever waits for: it ends with the ids, with the run (the channel's other
//! end is gone), or with the process.

mod lines;
mod meant;
mod numbered;
mod ranges;
mod seen;
mod survey;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use crate::exit::{UsageError, reason};
use crate::outbox::Outbox;
use crate::resume::Fetched;
use crate::streams::{self, FileId, Standard};
use lines::Lines;

pub(crate) use lines::{MAX_LINE, Trouble};
pub(crate) use numbered::Numbered;
pub(crate) use ranges::{Index, Ranges};
pub(crate) use seen::Seen;
pub(crate) use survey::Survey;

/// The digits of the largest number of a range. Zeros before it may make an id longer, which is the user's doing.
pub(crate) const LONGEST_NUMBER: usize = 20;

/// Where the ids come from, and whether each is taken only once.
pub(crate) struct Ids {
    source: Source,
    deduplicate: bool,
    /// Those that an earlier run has fetched.
    fetched: Option<Fetched>,
    /// How many of these there are among those of the source: where `total` is known, all of them; otherwise those that
    /// have come so far.
    pub(crate) there_already: Arc<AtomicU64>,
    /// How many there are to be fetched, where it is known.
    pub(crate) total: Option<u128>,
}

enum Source {
    Ranges(Ranges),
    Lines(Input),
}

/// What lines are read from.
struct Input {
    file: File,
    /// Which one it is, if it is a regular file.
    id: Option<FileId>,
    /// How people know it: `standard input`, `ids.txt`.
    name: String,
    /// It is ours alone, and can be read twice.
    rereadable: bool,
}

impl Ids {
    pub(crate) fn from_ranges(ranges: Ranges, deduplicate: bool) -> Ids {
        let ranges = if deduplicate { ranges.without_duplicates() } else { ranges };
        Ids { total: Some(ranges.count()), ..Ids::new(Source::Ranges(ranges), false) }
    }

    fn new(source: Source, deduplicate: bool) -> Ids {
        Ids { source, deduplicate, fetched: None, there_already: Arc::default(), total: None }
    }

    pub(crate) fn from_standard_input(deduplicate: bool) -> Result<Ids, UsageError> {
        if streams::seems_closed(Standard::Input) {
            return Err(UsageError::new(
                "standard input: is closed, no ids can come (use --ids 1-60, --input FILE, or a pipe)",
            ));
        }
        let name = "standard input";
        let file = streams::standard_input().map_err(|error| cannot_read(name, error))?;
        Ids::from_open(file, None, name, name, deduplicate)
    }

    /// Opens the file.
    pub(crate) fn from_file(path: &Path, deduplicate: bool) -> Result<Ids, UsageError> {
        let (name, option) = (path.display().to_string(), format!("--input {}", path.display()));
        let file = File::open(path).map_err(|error| cannot_read(&option, error))?;
        Ids::from_open(file, Some(path), &name, &option, deduplicate)
    }

    fn from_open(
        file: File,
        path: Option<&Path>,
        name: &str,
        shown: &str,
        deduplicate: bool,
    ) -> Result<Ids, UsageError> {
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(UsageError::new(format!("{shown}: is a directory (use a file of ids, one a line)")));
        }
        let id = FileId::of_open(&file, path);
        let rereadable = id.is_some() && path.is_some();
        let source = Source::Lines(Input { file, id, name: name.to_owned(), rereadable });
        Ok(Ids::new(source, deduplicate))
    }

    /// The file that they come from, and what it is called; nothing if it is no regular file.
    pub(crate) fn file(&self) -> Option<(&FileId, &str)> {
        match &self.source {
            Source::Lines(Input { id: Some(id), name, .. }) => Some((id, name)),
            _ => None,
        }
    }

    /// The ranges that they come from, to look ids up in them.
    pub(crate) fn index(&self) -> Option<Index> {
        match &self.source {
            Source::Ranges(ranges) => Some(Index::new(ranges)),
            Source::Lines(_) => None,
        }
    }

    /// Leaves out what was fetched before. Their [`index`](Ids::index) has told how many of a range's ids that are.
    pub(crate) fn without(&mut self, fetched: Fetched) {
        if let Some(total) = &mut self.total {
            *total = total.saturating_sub(fetched.of_ranges);
            self.there_already = Arc::new(AtomicU64::new(fetched.of_ranges.try_into().unwrap_or(u64::MAX)));
        }
        self.fetched = Some(fetched).filter(|fetched| !fetched.is_empty());
    }

    /// Reads a file of `--input` through, if it can be read twice: so that a bad line is refused before
    /// anything is sent (unless the run is to go on behind it), and the number of ids is known. It takes one
    /// more pass and the memory of the fingerprints, however large it is.
    pub(crate) fn read_through(&mut self, keep_going: bool) -> Result<(), UsageError> {
        let Source::Lines(Input { file, name, rereadable: true, .. }) = &mut self.source else {
            return Ok(());
        };
        let cannot = |error| cannot_read(&format!("--input {name}"), error);
        let lines = Lines::new(BufReader::new(&*file), name.clone());
        let count = count(lines, self.deduplicate, self.fetched.as_ref(), keep_going);
        let (total, there) =
            count.map_err(|error| UsageError::new(format!("--input {}", meant::with_hint(error))))?;
        (self.total, self.there_already) = (Some(total), Arc::new(AtomicU64::new(there)));
        file.rewind().map_err(cannot)?;
        Ok(())
    }

    /// Starts the thread that brings the ids, each when `outbox` admits it.
    /// `on_trouble` is called, on that thread, with what keeps it from an id; it says whether to go on.
    pub(crate) fn feed(
        self,
        ahead: usize,
        outbox: Arc<Outbox>,
        on_trouble: impl Fn(Trouble) -> bool + Send + 'static,
    ) -> io::Result<Receiver<Numbered>> {
        let (ids, receiver) = bounded(ahead);
        let feeder = move || {
            let mut seen = self.deduplicate.then(Seen::new);
            let is_counted = self.total.is_some();
            for id in self.source.into_ids() {
                let id = match id {
                    Ok(id) => id,
                    Err(trouble) => match on_trouble(trouble) {
                        true => continue,
                        false => return,
                    },
                };
                if self.fetched.as_ref().is_some_and(|fetched| fetched.contains(&id)) {
                    if !is_counted {
                        // ORDERING: a number to show; nothing else is read by it.
                        self.there_already.fetch_add(1, Ordering::Relaxed);
                    }
                    continue;
                }
                if seen.as_mut().is_some_and(|seen| !seen.insert(&id)) {
                    continue;
                }
                let number = outbox.admit();
                if ids.send(Numbered { number, id }).is_err() {
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
    /// The ids one by one.
    fn into_ids(self) -> Box<dyn Iterator<Item = Result<String, Trouble>>> {
        match self {
            Source::Ranges(ranges) => Box::new(ranges.into_ids().map(Ok)),
            Source::Lines(Input { file, name, .. }) => Box::new(streamed(file, name)),
        }
    }
}

/// Control characters are left to the client, which refuses the id when its turn comes: with `--keep-going`
/// the others go on.
fn streamed(reader: impl Read, name: String) -> impl Iterator<Item = Result<String, Trouble>> {
    let mut lines = Lines::new(BufReader::new(reader), name);
    std::iter::from_fn(move || lines.next_id().transpose())
}

fn cannot_read(shown: &str, error: io::Error) -> UsageError {
    UsageError::new(format!("{shown}: cannot read it: {}", reason(&error)))
}

/// How many ids there are to be fetched, and how many were fetched before. If the run is to go on behind them, lines
/// that are none count as well, since they will be failures.
fn count(
    mut lines: Lines<impl io::BufRead>,
    deduplicate: bool,
    fetched: Option<&Fetched>,
    keep_going: bool,
) -> Result<(u128, u64), String> {
    let mut seen = deduplicate.then(Seen::new);
    let (mut count, mut there) = (0, 0);
    loop {
        let id = if keep_going { lines.next_id() } else { lines.next_checked() };
        match id {
            Ok(Some(id)) if fetched.is_some_and(|fetched| fetched.contains(&id)) => there += 1,
            Ok(Some(id)) => count += u128::from(seen.as_mut().is_none_or(|seen| seen.insert(&id))),
            Ok(None) => return Ok((count, there)),
            Err(Trouble::Line(_)) if keep_going => count += 1,
            Err(Trouble::Line(error) | Trouble::Reader(error)) => return Err(error),
        }
    }
}
