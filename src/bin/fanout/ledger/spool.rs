//! The file of `--failed` while it is written: one id a line, and what is to be told of it.

use std::io::{self, Write};

use crate::atomic_file::AtomicFile;
use crate::ids::{LeftOfRanges, Trouble, Walk};
use crate::signals::Caught;

/// So many ids are written out at most from what is left of --ids: 10 million, some 100 MB. More than that, such as the
/// rest of `1-18446744073709551615`, is told as a range.
const MOST_OF_RANGES: u128 = 10_000_000;

/// A reader of ids takes it off the first line: an id that begins with it needs another one.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file of ids, each with its line end.
pub(super) struct Spool {
    /// Nothing once it has its name.
    file: Option<AtomicFile>,
    left: Left,
}

/// What the file holds, and what it does not.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// As it is called on the command line.
    pub(crate) name: String,
    /// How many ids are in it.
    pub(crate) ids: u64,
    /// These are not: they are too many.
    pub(crate) ranges: Option<LeftOfRanges>,
    /// Nor are those behind this line of the input, 0 for all.
    pub(crate) unread_behind: Option<u64>,
    /// Nor are so many lines that are no ids.
    pub(crate) not_ids: u64,
    /// Nor is what could not be read, for this reason.
    pub(crate) unreadable: Option<String>,
    /// Why it could not be written: it is as it was before the run.
    pub(crate) failure: Option<io::Error>,
}

impl Left {
    /// Whether the next run can begin with the file alone.
    pub(crate) fn is_whole(&self) -> bool {
        self.ranges.is_none() && self.unread_behind.is_none() && self.unreadable.is_none()
    }
}

impl Spool {
    pub(super) fn new(file: AtomicFile) -> Spool {
        let left = Left { name: file.name().to_owned(), ..Left::default() };
        Spool { file: Some(file), left }
    }

    /// One more id. When it cannot be written, that is told at the end: the run goes on, since its records are worth
    /// more than this file.
    pub(super) fn put(&mut self, id: &str) {
        let Some(file) = self.file.as_mut().filter(|_| self.left.failure.is_none()) else { return };
        let mark = if self.left.ids == 0 && id.starts_with(BYTE_ORDER_MARK) { "\u{feff}" } else { "" };
        match writeln!(file, "{mark}{id}") {
            Ok(()) => self.left.ids += 1,
            Err(error) => self.left.failure = Some(error),
        }
    }

    pub(super) fn is_without_a_line(&mut self) {
        self.left.not_ids += 1;
    }

    pub(super) fn is_without_lines_behind(&mut self, line: u64) {
        self.left.unread_behind = Some(line);
    }

    /// All that is left to read.
    pub(super) fn put_rest(&mut self, mut walk: Walk) {
        if let Some(ranges) = walk.left_of_ranges().filter(|ranges| ranges.count > MOST_OF_RANGES) {
            self.left.ranges = Some(ranges);
            return;
        }
        while self.left.failure.is_none() {
            match walk.next() {
                None => return,
                Some(Ok(id)) => self.put(&id),
                Some(Err(Trouble::Line(_))) => self.is_without_a_line(),
                Some(Err(Trouble::Reader(error))) => {
                    self.left.unreadable = Some(error);
                    return;
                }
            }
        }
    }

    /// Gives the file its name. After a signal nobody waits for the disk.
    pub(super) fn keep(&mut self, caught: &Caught) -> Left {
        let mut left = std::mem::take(&mut self.left);
        if let (Some(file), None) = (self.file.take(), &left.failure) {
            left.failure = file.keep(caught.signal().is_none()).err();
        }
        left
    }
}
