//! What failed: requests by their kind, with the first of their ids, and the first ids that were given up.

use std::collections::BTreeMap;

/// So many kinds are told apart. A kind is one of some twenty, or a status.
const KINDS: usize = 64;

/// So many ids are kept of each kind.
pub(crate) const IDS_OF_A_KIND: usize = 12;

/// So many ids that failed for good are kept, with their causes.
pub(crate) const LOST: usize = 100;

/// Requests that failed in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) count: u64,
    /// Of these, tried again.
    pub(crate) retried: u64,
    /// The first of their ids, each once.
    pub(crate) ids: Vec<String>,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    kinds: BTreeMap<String, Kind>,
    /// The first ids that failed for good, and why.
    pub(crate) lost: Vec<(String, String)>,
    pub(crate) lost_count: u64,
}

impl Failures {
    /// A request failed; perhaps its id is tried again.
    pub(crate) fn add(&mut self, kind: &str, id: &str, is_retried: bool) {
        let name = if self.kinds.contains_key(kind) || self.kinds.len() < KINDS { kind } else { "others" };
        let kind = self.kinds.entry(name.to_owned()).or_default();
        kind.count = kind.count.saturating_add(1);
        kind.retried = kind.retried.saturating_add(u64::from(is_retried));
        if kind.ids.len() < IDS_OF_A_KIND && !kind.ids.iter().any(|known| known == id) {
            kind.ids.push(id.to_owned());
        }
    }

    /// An id failed for good.
    pub(crate) fn lose(&mut self, id: String, cause: String) {
        self.lost_count = self.lost_count.saturating_add(1);
        if self.lost.len() < LOST {
            self.lost.push((id, cause));
        }
    }

    /// The most frequent kind first.
    pub(crate) fn kinds(&self) -> Vec<(&str, &Kind)> {
        let mut kinds: Vec<_> = self.kinds.iter().map(|(name, kind)| (name.as_str(), kind)).collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
        kinds
    }

    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().fold(0, |sum, kind| sum.saturating_add(kind.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_with_their_first_ids() {
        let mut failures = Failures::default();
        failures.add("timeout", "7", false);
        for id in 0..100 {
            failures.add("status 503", &(id / 2).to_string(), id % 2 == 0);
        }
        let kinds = failures.kinds();
        let ids: Vec<String> = (0..IDS_OF_A_KIND).map(|id| id.to_string()).collect();
        assert_eq!(kinds[0], ("status 503", &Kind { count: 100, retried: 50, ids }));
        assert_eq!(kinds[1], ("timeout", &Kind { count: 1, retried: 0, ids: vec!["7".to_owned()] }));
        assert_eq!(failures.count(), 101);
    }

    #[test]
    fn neither_kinds_nor_ids_grow_without_bound() {
        let mut failures = Failures::default();
        for number in 0..1_000 {
            failures.add(&format!("status {number}"), "7", false);
            failures.lose(number.to_string(), "gone".to_owned());
        }
        assert_eq!((failures.kinds().len(), failures.count()), (KINDS + 1, 1_000));
        assert_eq!((failures.kinds()[0].0, failures.kinds()[0].1.count), ("others", 1_000 - KINDS as u64));
        assert_eq!((failures.lost.len(), failures.lost_count), (LOST, 1_000));
    }
}
