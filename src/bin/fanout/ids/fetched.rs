//! The ids that an earlier run has fetched: a fingerprint of each.

use std::borrow::Cow;

use super::ranges::Index;
use super::seen::Seen;

/// The name of the file for an id.
type Name = for<'a> fn(&'a str) -> Cow<'a, str>;

/// The ids that were fetched.
pub(crate) struct Fetched {
    seen: Seen,
    /// What is in there is the names of files; and the name for an id.
    name: Option<Name>,
    /// The ranges that the ids come from, if they do; and how many ids of theirs are in there.
    ranges: Option<Index>,
    pub(crate) of_ranges: u128,
}

impl Fetched {
    /// None yet. They will be known by their own texts, or else by their `name`s. `ranges` are to be told how many of
    /// their ids are among them.
    pub(crate) fn new(name: Option<Name>, ranges: Option<Index>) -> Fetched {
        Fetched { seen: Seen::new(), name, ranges, of_ranges: 0 }
    }

    /// An id, or the name of its file. Numbers, which ranges are about, are their own names.
    pub(crate) fn insert(&mut self, key: &str) {
        if self.seen.insert(key) {
            self.of_ranges += self.ranges.as_ref().map_or(0, |ranges| ranges.times(key));
        }
    }

    /// Whether the id was fetched.
    pub(crate) fn contains(&self, id: &str) -> bool {
        let key = self.name.map_or(Cow::Borrowed(id), |name| name(id));
        self.seen.contains(&key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// What they take of the memory.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.bytes()
    }
}
