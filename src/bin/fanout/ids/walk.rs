//! The ids one by one: each that comes for the first time, and at the end of a run those that are left.
//!
//! A run that ends early leaves off somewhere in a range or a file. What is left there can be told or written without
//! one more pass, by whoever holds the walk.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fetched::Fetched;
use super::input_file::InputFile;
use super::lines::{Lines, Trouble};
use super::ranges::RangeWalk;
use super::seen::Seen;
use super::silence::Told;
use crate::signals::Caught;

/// After so many ids, whoever waits for the end of a run hears that the walk goes on: it may be for long that each of
/// them is passed over.
const SIGN_OF_LIFE: u64 = 1_024;

/// A walk through a source.
pub(crate) struct Walk {
    from: From,
    skipped: Skipped,
    /// How many ids have come, and who hears of it.
    come: u64,
    caught: Caught,
}

/// The ids that are passed over.
pub(super) struct Skipped {
    /// Those that an earlier run has fetched.
    fetched: Option<Fetched>,
    /// What has come, if each id is to come once.
    seen: Option<Seen>,
    /// How many of each there were. Seen by others only where they are to be counted here.
    there_already: Arc<AtomicU64>,
    duplicates: Arc<AtomicU64>,
}

pub(super) enum From {
    Ranges(RangeWalk),
    Lines(Lines<BufReader<Told<InputFile>>>),
}

/// The ids of a range that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOfRanges {
    pub(crate) count: u128,
    /// As --ids takes them: `8-60,75`.
    pub(crate) spec: String,
}

impl Walk {
    pub(super) fn new(from: From, skipped: Skipped, caught: Caught) -> Walk {
        Walk { from, skipped, come: 0, caught }
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
            self.come = self.come.wrapping_add(1);
            if self.come % SIGN_OF_LIFE == 0 {
                self.caught.goes_on();
            }
            if !self.skipped.holds(&id) {
                return Some(Ok(id));
            }
        }
    }
}

impl Skipped {
    /// Each id is to come once if `deduplicated` says of how many of them that is known, or 0.
    pub(super) fn new(fetched: Option<Fetched>, deduplicated: Option<u128>) -> Skipped {
        let (there_already, duplicates) = (Arc::default(), Arc::default());
        // They have all been kept at once to be counted, so there is room for them.
        let room = |ids: u128| Seen::with_room_for(usize::try_from(ids).unwrap_or(0));
        Skipped { fetched, seen: deduplicated.map(room), there_already, duplicates }
    }

    /// The same, and these are told how many there were.
    pub(super) fn counted(self, there_already: Arc<AtomicU64>, duplicates: Arc<AtomicU64>) -> Skipped {
        Skipped { there_already, duplicates, ..self }
    }

    /// Whether the id is to be passed over. If not, it will be the next time, where each is to come once.
    fn holds(&mut self, id: &str) -> bool {
        let counter = if self.fetched.as_ref().is_some_and(|fetched| fetched.contains(id)) {
            &self.there_already
        } else if self.seen.as_mut().is_some_and(|seen| !seen.insert(id)) {
            &self.duplicates
        } else {
            return false;
        };
        // ORDERING: a number to show; nothing else is read by it.
        counter.fetch_add(1, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ranges;

    #[test]
    fn a_walk_over_what_is_passed_over_gives_signs_of_life() {
        let caught = Caught::default();
        let often = vec!["7"; 5 * SIGN_OF_LIFE as usize].join(",");
        let from = From::Ranges(Ranges::parse(&often).unwrap().walk());
        let mut walk = Walk::new(from, Skipped::new(None, Some(0)), caught.clone());
        assert_eq!(walk.next(), Some(Ok("7".to_owned())));
        assert_eq!((caught.progress(), walk.next(), caught.progress()), (0, None, 5));
    }
}
