//! Faults by chance, that are the same by the next run.
//!
//! Whether a request is spoiled, and how, follows from three things: the id, how often that id has been let in before,
//! and the seed. So a run meets the same faults in whatever order its requests come, a test can say beforehand which
//! they are, and each try of an id has a new chance.
//!
//! To count each id for ever would take memory without end. So they are counted in [`PLACES`] places, found by a hash,
//! 2 MiB in all. Two ids that share a place take turns at its count: their faults then depend on which of them came
//! first, while the share of faults stays what it is. Of 2,000 ids two or so do.
//!
//! The hash is written out here since that of the standard library may change: FNV-1a over the id
//! (<http://www.isthe.com/chongo/tech/comp/fnv/>), and then, since its high bits are poor, the mixer of SplitMix64
//! (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).

use parking_lot::Mutex;

use crate::values::share::Share;

/// So many counts, a power of 2.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 20;

/// A step of SplitMix64: 2⁶⁴ divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// How a request is spoiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// 503 that does not say until when.
    Unavailable,
    /// 502.
    BadGateway,
    /// The connection is closed before a byte of the answer.
    NoAnswer,
    /// The connection is closed in the middle of the answer.
    Cut,
    /// The connection is reset in the middle of the answer.
    Reset,
}

const KINDS: [Fault; 5] = [Fault::Unavailable, Fault::BadGateway, Fault::NoAnswer, Fault::Cut, Fault::Reset];

/// Who is spoiled.
pub(super) struct Faults {
    share: Share,
    seed: u64,
    /// How often the ids of each place have been let in; empty if nobody is ever spoiled.
    counts: Mutex<Vec<u16>>,
}

impl Faults {
    pub(super) fn new(share: Share, seed: u64) -> Faults {
        let places = if share == Share::NONE { 0 } else { PLACES };
        Faults { share, seed, counts: Mutex::new(vec![0; places]) }
    }

    /// How this request for `id` is spoiled, if it is.
    pub(super) fn draw(&self, id: &str) -> Option<Fault> {
        let hash = mix(fnv1a(id.as_bytes()) ^ mix(self.seed));
        let place = usize::try_from(hash >> (u64::BITS - PLACE_BITS)).unwrap_or_default();
        let times = {
            let mut counts = self.counts.lock();
            let count = counts.get_mut(place)?;
            let times = *count;
            // After 65,536 times an id meets what it has met.
            *count = count.wrapping_add(1);
            times
        };
        let draw = mix(hash.wrapping_add(u64::from(times).wrapping_mul(STEP)));
        if !self.share.holds(draw) {
            return None;
        }
        // Another hash: those that are held are the least.
        let kind = mix(draw.wrapping_add(STEP)) % 5;
        KINDS.get(usize::try_from(kind).unwrap_or_default()).copied()
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::values::share;

    fn faults(percent: &str, seed: u64) -> Faults {
        Faults::new(share::parse(percent).unwrap(), seed)
    }

    fn first_tries(faults: &Faults, ids: impl IntoIterator<Item = u32>) -> HashMap<u32, Fault> {
        ids.into_iter().filter_map(|id| Some((id, faults.draw(&id.to_string())?))).collect()
    }

    #[test]
    fn the_hashes_are_those_of_their_authors() {
        // The vectors of FNV's page, and the first outputs of splitmix64.c for the seed 0.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(mix(STEP), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(STEP.wrapping_mul(2)), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn the_same_ids_meet_the_same_faults_in_whatever_order_they_come() {
        let forward = first_tries(&faults("5", 0), 1..=2_000);
        let backward = first_tries(&faults("5", 0), (1..=2_000).rev());
        let other_seed = first_tries(&faults("5", 1), 1..=2_000);
        let differ = forward.iter().filter(|(id, fault)| backward.get(id) != Some(fault)).count();
        assert!(differ <= 2, "{differ} of those that share a place");
        assert_ne!(forward, other_seed);
    }

    #[test]
    fn the_share_is_kept_over_ids_and_over_the_tries_of_one_and_all_kinds_come() {
        let over_ids = first_tries(&faults("5", 0), 1..=20_000);
        assert!((900..=1_100).contains(&over_ids.len()), "{}", over_ids.len());
        let one = faults("5", 0);
        let over_tries: Vec<Fault> = (0..20_000).filter_map(|_| one.draw("7")).collect();
        assert!((900..=1_100).contains(&over_tries.len()), "{}", over_tries.len());
        for faults in [over_ids.into_values().collect(), over_tries] {
            for kind in KINDS {
                let count = faults.iter().filter(|fault| **fault == kind).count();
                assert!((150..=250).contains(&count), "{kind:?}: {count}");
            }
        }
    }

    #[test]
    fn nobody_is_spoiled_for_nothing_and_everybody_at_a_hundred() {
        assert!(first_tries(&faults("0", 0), 1..=1_000).is_empty());
        assert_eq!(first_tries(&faults("100", 0), 1..=1_000).len(), 1_000);
    }

    #[test]
    fn a_test_can_say_beforehand_who_is_spoiled() {
        let faults = faults("5", 0);
        let mut spoiled: Vec<(u32, Fault)> = first_tries(&faults, 1..=60).into_iter().collect();
        spoiled.sort_by_key(|(id, _)| *id);
        let expected = [
            (6, Fault::Cut),
            (15, Fault::NoAnswer),
            (35, Fault::NoAnswer),
            (37, Fault::Unavailable),
            (44, Fault::BadGateway),
        ];
        assert_eq!(spoiled, expected);
        assert_eq!(faults.draw("6"), None, "a new chance");
    }
}
