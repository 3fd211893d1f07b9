//! The ids one by one: each that comes for the first time, and at the end of a run those that are left.
//!
//! A run that ends early leaves off somewhere in a range or a file. What is left there can be told or written without
//! one more pass, by whoever holds the walk.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::{Lines, Trouble};
use super::ranges::RangeWalk;
use super::seen::Seen;

/// A walk through a source.
pub(crate) struct Walk {
    from: From,
    /// What has come, if each id is to come once.
    seen: Option<Seen>,
    /// How many ids had come before, if that is to be counted.
    duplicates: Option<Arc<AtomicU64>>,
}

pub(super) enum From {
    Ranges(RangeWalk),
    Lines(Lines<BufReader<File>>),
}

/// The ids of a range that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOfRanges {
    pub(crate) count: u128,
    /// As --ids takes them: `8-60,75`.
    pub(crate) spec: String,
}

impl Walk {
    pub(super) fn new(from: From, deduplicate: bool, duplicates: Option<Arc<AtomicU64>>) -> Walk {
        Walk { from, seen: deduplicate.then(Seen::new), duplicates }
    }

    /// The number of the line that was read last; nothing for ranges.
    pub(crate) fn line(&self) -> Option<u64> {
        match &self.from {
            From::Ranges(_) => None,
            From::Lines(lines) => Some(lines.number()),
        }
    }

    /// What is left of ranges; nothing for lines, of which nobody knows.
    pub(crate) fn left_of_ranges(&self) -> Option<LeftOfRanges> {
        match &self.from {
            From::Ranges(ranges) => Some(LeftOfRanges { count: ranges.left(), spec: ranges.spec() }),
            From::Lines(_) => None,
        }
    }
}

/// Control characters are left to the client, which refuses the id when its turn comes: with `--keep-going` the others
/// go on.
impl Iterator for Walk {
    type Item = Result<String, Trouble>;

    fn next(&mut self) -> Option<Result<String, Trouble>> {
        loop {
            let id = match &mut self.from {
                From::Ranges(ranges) => ranges.next()?,
                From::Lines(lines) => match lines.next_id().transpose()? {
                    Ok(id) => id,
                    Err(trouble) => return Some(Err(trouble)),
                },
            };
            if self.seen.as_mut().is_none_or(|seen| seen.insert(&id)) {
                return Some(Ok(id));
            }
            if let Some(duplicates) = &self.duplicates {
                // ORDERING: a number to show; nothing else is read by it.
                duplicates.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
