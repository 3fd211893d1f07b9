//! Which ids have come before: a set of 128-bit fingerprints, in at most 32 bytes an id.
//!
//! A `HashSet<u128>` holds 17 bytes for each place and doubles when it is 7/8 full, so that it may hold 39
//! bytes an id, and half as much again while it grows. This one grows by a third, and one 256th of it at a
//! time.
//!
//! Two ids that share a fingerprint would be taken for one. Among a thousand million ids that happens once in
//! about 10²⁰ runs, and nobody can bring it about: the keys are the process's own.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A set of ids that have been seen.
pub(crate) struct Seen {
    keys: [RandomState; 2],
    shards: Vec<Shard>,
}

/// An open-addressed table. A place that holds 0 is free.
#[derive(Clone, Default)]
struct Shard {
    places: Vec<u128>,
    taken: usize,
}

const SHARDS: usize = 256;
const SMALLEST: usize = 12;

impl Seen {
    pub(crate) fn new() -> Seen {
        Seen { keys: [RandomState::new(), RandomState::new()], shards: vec![Shard::default(); SHARDS] }
    }

    /// For so many ids, which it is not to grow for: 22 bytes for each, and a few more if there are fewer than 40,000.
    pub(crate) fn with_room_for(ids: usize) -> Seen {
        let mut seen = Seen::new();
        // A shard has its share of them, and six times the standard deviation of that, which is its root.
        let share = ids / SHARDS;
        let most = share + 6 * share.isqrt();
        for shard in &mut seen.shards {
            shard.places = vec![0; if ids == 0 { 0 } else { (most + most / 3).max(SMALLEST) }];
        }
        seen
    }

    /// Puts `id` in; true if it was not there yet.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        let fingerprint = self.fingerprint(id);
        self.shards[shard(fingerprint)].insert(fingerprint)
    }

    /// Whether `id` was put in.
    pub(crate) fn contains(&self, id: &str) -> bool {
        let fingerprint = self.fingerprint(id);
        self.shards[shard(fingerprint)].contains(fingerprint)
    }

    /// Whether nothing was.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.taken == 0)
    }

    /// What it takes of the memory.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.places.capacity() * size_of::<u128>()).sum()
    }

    fn fingerprint(&self, id: &str) -> u128 {
        let [high, low] = [&self.keys[0], &self.keys[1]].map(|keys| u128::from(keys.hash_one(id)));
        // 0 is for free places; one more collision in 2¹²⁸ does not matter.
        ((high << 64) | low).max(1)
    }
}

/// The top byte; always below SHARDS.
fn shard(fingerprint: u128) -> usize {
    (fingerprint >> 120) as usize
}

impl Shard {
    fn insert(&mut self, fingerprint: u128) -> bool {
        // At most three places of four are taken: otherwise searches get long.
        if (self.taken + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        let place = self.find(fingerprint);
        let is_new = self.places[place] == 0;
        self.places[place] = fingerprint;
        self.taken += usize::from(is_new);
        is_new
    }

    fn contains(&self, fingerprint: u128) -> bool {
        !self.places.is_empty() && self.places[self.find(fingerprint)] != 0
    }

    /// The place where `fingerprint` stands, or the free one where it would.
    fn find(&self, fingerprint: u128) -> usize {
        // The low half, which has no part in the choice of the shard, scaled to the table's length.
        let scaled = ((fingerprint & u128::from(u64::MAX)) * self.places.len() as u128) >> 64;
        let mut place = scaled as usize;
        while self.places[place] != 0 && self.places[place] != fingerprint {
            place += 1;
            if place == self.places.len() {
                place = 0;
            }
        }
        place
    }

    fn grow(&mut self) {
        let length = (self.places.len() + self.places.len() / 3).max(SMALLEST);
        let old = std::mem::replace(&mut self.places, vec![0; length]);
        for fingerprint in old.into_iter().filter(|fingerprint| *fingerprint != 0) {
            let place = self.find(fingerprint);
            self.places[place] = fingerprint;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        for mut seen in [Seen::new(), Seen::with_room_for(0), Seen::with_room_for(1)] {
            assert!(seen.is_empty());
            for id in ["1", "01", "", "ü"] {
                assert!(!seen.contains(id), "{id}");
                assert!(seen.insert(id), "{id}");
                assert!(!seen.insert(id) && seen.contains(id) && !seen.is_empty(), "{id}");
            }
        }
    }

    #[test]
    fn with_room_for_them_it_does_not_grow_and_takes_no_more_than_it_would() {
        for ids in [40_000, 100_000] {
            let mut seen = Seen::with_room_for(ids);
            let before = seen.bytes();
            assert!(before <= 32 * ids, "{before} bytes for {ids} ids");
            assert!((0..ids).all(|number| seen.insert(&number.to_string())));
            assert_eq!(seen.bytes(), before);
        }
    }

    #[test]
    fn a_hundred_thousand_ids_are_told_apart_in_32_bytes_each() {
        let mut seen = Seen::new();
        for number in 0..100_000_usize {
            assert!(seen.insert(&number.to_string()));
            if number > 10_000 && number % 1_000 == 0 {
                let places: usize = seen.shards.iter().map(|shard| shard.places.capacity()).sum();
                let bytes = places * size_of::<u128>();
                assert!(bytes <= 32 * number, "{bytes} bytes for {number} ids");
            }
        }
        assert!((0..100_000).all(|number: u32| !seen.insert(&number.to_string())));
    }
}
