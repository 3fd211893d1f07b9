//! Where the ids come from, and the thread that brings them.
//!
//! Standard input may be silent for ever, and nothing can wake a thread that reads it. So ids are read on a
//! thread of their own, which nobody ever waits for: it ends with the ids, with the run (the channel's other
//! end is gone), or with the process. Only from a range or a regular file the walk through it is asked back, at the end
//! of a run that keeps account of what it leaves: its thread waits for nothing but the run.

mod count;
mod fetched;
mod input_file;
mod lines;
mod meant;
mod numbered;
mod ranges;
mod seen;
mod silence;
mod survey;
mod walk;

use std::io::{self, BufReader, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};

use crate::exit::{UsageError, reason};
use crate::on_panic::OnPanic;
use crate::signals::Caught;
use crate::streams::{self, FileId, Standard};
use count::Count;
use input_file::InputFile;
use lines::Lines;
use walk::{From, Skipped};

pub(crate) use fetched::Fetched;
pub(crate) use lines::{MAX_LINE, Trouble};
pub(crate) use numbered::Numbered;
pub(crate) use ranges::{Index, Ranges};
pub(crate) use silence::Silence;
pub(crate) use survey::Survey;
pub(crate) use walk::{LeftOfRanges, Walk};

/// The digits of the largest number of a range. Zeros before it may make an id longer, which is the user's doing.
pub(crate) const LONGEST_NUMBER: usize = 20;

/// What is told of a thread that ended before its ids did.
const BROKEN: &str = "the ids cannot be read on: their thread has panicked";

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
    /// How many were given again, and are left out: where `total` is known, of all; otherwise of those that have come
    /// so far.
    pub(crate) duplicates: Arc<AtomicU64>,
}

/// Whoever takes the ids, on the thread that brings them.
pub(crate) trait Taker {
    /// This id, from that line of its input, is about to be handed out: waits until it may be, and gives its number.
    /// Nothing if it must not be any more.
    fn admit(&self, id: &str, line: Option<u64>) -> Option<u64>;

    /// Something kept the thread from an id. Whether it is to go on.
    fn meet(&self, trouble: Trouble) -> bool;

    /// There are no more ids.
    fn exhaust(&self);
}

/// The thread that brings the ids.
pub(crate) struct Feeder {
    /// Its end can be waited for.
    is_bounded: bool,
    thread: JoinHandle<Walk>,
}

enum Source {
    Ranges(Ranges),
    Lines(Input),
}

/// What lines are read from.
struct Input {
    file: InputFile,
    /// Which one it is, if it is a regular file.
    id: Option<FileId>,
    /// How people know it: `standard input`, `ids.txt`.
    name: String,
    /// It is ours alone, and can be read twice.
    rereadable: bool,
    silence: Silence,
}

impl Ids {
    pub(crate) fn from_ranges(ranges: Ranges, deduplicate: bool) -> Ids {
        let given = ranges.count();
        let ranges = if deduplicate { ranges.without_duplicates() } else { ranges };
        let total = ranges.count();
        let duplicates = Arc::new(AtomicU64::new(u64::try_from(given - total).unwrap_or(u64::MAX)));
        Ids { total: Some(total), duplicates, ..Ids::new(Source::Ranges(ranges), false) }
    }

    fn new(source: Source, deduplicate: bool) -> Ids {
        let (there_already, duplicates) = (Arc::default(), Arc::default());
        Ids { source, deduplicate, fetched: None, there_already, total: None, duplicates }
    }

    pub(crate) fn from_standard_input(deduplicate: bool) -> Result<Ids, UsageError> {
        if streams::seems_closed(Standard::Input) {
            return Err(UsageError::new(
                "standard input: is closed, no ids can come (use --ids 1-60, --input FILE, or a pipe)",
            ));
        }
        let name = "standard input";
        let file = streams::standard_input().map_err(|error| cannot_read(name, error))?;
        Ids::from_input(InputFile::Open(file), None, name, name, deduplicate)
    }

    /// Opens the file; a named pipe, for which that would wait for a writer, only when ids are taken from it.
    pub(crate) fn from_file(path: &Path, deduplicate: bool) -> Result<Ids, UsageError> {
        let (name, option) = (path.display().to_string(), format!("--input {}", path.display()));
        let file = InputFile::of(path).map_err(|error| cannot_read(&option, error))?;
        Ids::from_input(file, Some(path), &name, &option, deduplicate)
    }

    fn from_input(
        file: InputFile,
        path: Option<&Path>,
        name: &str,
        shown: &str,
        deduplicate: bool,
    ) -> Result<Ids, UsageError> {
        let open = file.file();
        if open.is_some_and(|file| file.metadata().is_ok_and(|metadata| metadata.is_dir())) {
            return Err(UsageError::new(format!("{shown}: is a directory (use a file of ids, one a line)")));
        }
        let id = open.and_then(|file| FileId::of_open(file, path));
        let rereadable = id.is_some() && path.is_some();
        let silence = Silence::default();
        let source = Source::Lines(Input { file, id, name: name.to_owned(), rereadable, silence });
        Ok(Ids::new(source, deduplicate))
    }

    /// The file that they come from, and what it is called; nothing if it is no regular file.
    pub(crate) fn file(&self) -> Option<(&FileId, &str)> {
        match &self.source {
            Source::Lines(Input { id: Some(id), name, .. }) => Some((id, name)),
            _ => None,
        }
    }

    /// Whether those that a run leaves can be read at its end.
    pub(crate) fn are_read_to_the_end(&self) -> bool {
        self.source.is_bounded()
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

    /// For how long whoever brings them has been waited for, from now on; ranges never are.
    pub(crate) fn silence(&self) -> Silence {
        match &self.source {
            Source::Ranges(_) => Silence::default(),
            Source::Lines(Input { silence, .. }) => silence.clone(),
        }
    }

    /// Reads a file of `--input` through, if it can be read twice: so that a bad line is refused before
    /// anything is sent (unless the run is to go on behind it), and the number of ids is known. It takes one
    /// more pass and the memory of the fingerprints, however large it is.
    pub(crate) fn read_through(&mut self, keep_going: bool) -> Result<(), UsageError> {
        let Source::Lines(Input { file: InputFile::Open(file), name, rereadable: true, .. }) =
            &mut self.source
        else {
            return Ok(());
        };
        let cannot = |error| cannot_read(&format!("--input {name}"), error);
        let lines = Lines::new(BufReader::new(&*file), name.clone());
        let count = Count::of(lines, self.deduplicate, self.fetched.as_ref(), keep_going, usize::MAX)
            .map_err(|error| UsageError::new(format!("--input {}", meant::with_hint(error))))?;
        self.total = Some(count.total);
        self.there_already = Arc::new(AtomicU64::new(count.there_already));
        self.duplicates = Arc::new(AtomicU64::new(count.duplicates));
        file.rewind().map_err(cannot)?;
        Ok(())
    }

    /// Starts the thread that brings the ids, each when `taker` admits it, and up to so many ahead. `caught` hears that
    /// the walk through them goes on, also where it passes over many.
    pub(crate) fn feed(
        self,
        ahead: usize,
        taker: impl Taker + Send + 'static,
        caught: Caught,
    ) -> io::Result<(Receiver<Numbered>, Feeder)> {
        let (ids, receiver) = bounded(ahead);
        let is_bounded = self.source.is_bounded();
        let skipped = Skipped::new(self.fetched, self.deduplicate.then_some(self.total.unwrap_or(0)));
        let skipped = match self.total {
            Some(_) => skipped, // counted already
            None => skipped.counted(self.there_already, self.duplicates),
        };
        let mut walk = Walk::new(self.source.open(), skipped, caught);
        let feeder = move || {
            // Before the channel's end goes with the thread: that alone would look like the last of the ids.
            let _told = OnPanic(|| _ = taker.meet(Trouble::Reader(BROKEN.to_owned())));
            while let Some(id) = walk.next() {
                let id = match id {
                    Ok(id) => id,
                    Err(trouble) => match taker.meet(trouble) {
                        true => continue,
                        false => return walk,
                    },
                };
                let Some(number) = taker.admit(&id, walk.line()) else { return walk };
                if ids.send(Numbered { number, id }).is_err() {
                    return walk; // the run has ended
                }
            }
            taker.exhaust();
            walk
        };
        let thread = thread::Builder::new().name("ids".to_owned()).spawn(feeder)?;
        Ok((receiver, Feeder { is_bounded, thread }))
    }
}

impl Feeder {
    /// When the run is over: waits for the thread, and gives back the walk, which is where it left off. Nothing if the
    /// walk may wait for ever, in a read: see the module's comment.
    pub(crate) fn walk(self) -> Option<Walk> {
        self.is_bounded.then(|| self.thread.join().ok()).flatten()
    }
}

impl Source {
    /// Whether it comes to its end by itself, and waits for nobody.
    fn is_bounded(&self) -> bool {
        match self {
            Source::Ranges(_) => true,
            Source::Lines(Input { rereadable, .. }) => *rereadable,
        }
    }

    fn open(self) -> From {
        match self {
            Source::Ranges(ranges) => From::Ranges(ranges.walk()),
            Source::Lines(Input { file, name, silence, .. }) => {
                From::Lines(Lines::new(BufReader::new(silence.told_by(file)), name))
            }
        }
    }
}

fn cannot_read(shown: &str, error: io::Error) -> UsageError {
    UsageError::new(format!("{shown}: cannot read it: {}", reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_panic_is_told_before_the_channel_ends() {
        for panics in [false, true] {
            let (ids, received) = bounded::<()>(0);
            let told = Arc::new(AtomicU64::new(0));
            let feeder = thread::spawn({
                let told = told.clone();
                move || {
                    let _told = OnPanic(|| _ = told.fetch_add(1, Ordering::SeqCst));
                    assert!(!panics && ids.is_empty(), "as it should be, in this test");
                }
            });
            assert!(received.recv().is_err());
            assert_eq!(told.load(Ordering::SeqCst), u64::from(panics));
            assert_eq!(feeder.join().is_err(), panics);
        }
    }
}
