//! Chance, for the jitter.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): a counter that
//! goes up by a constant, and a mixer that makes each of its values a number that looks like chance. So the whole
//! state is one counter, which threads may share: each draw is one addition to it, and no value is drawn twice.
//!
//! The crate `fastrand` would do as well; it has a generator for each thread, and a seed from the same source. But
//! these are a few lines, whose results a test can compare with published ones, and the default build stays as lean
//! as it is. Nobody needs to be unable to guess a jitter.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// 2⁶⁴ divided by the golden ratio, made odd: the counter runs through all of its values.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of random numbers that threads may share.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    /// Seeded by the system, through the keys of the standard library's hash maps.
    pub(crate) fn new() -> Random {
        Random::seeded(RandomState::new().hash_one(0_u8))
    }

    /// The same numbers each time.
    pub(crate) fn seeded(seed: u64) -> Random {
        Random(AtomicU64::new(seed))
    }

    /// Any number, all equally likely.
    pub(crate) fn draw(&self) -> u64 {
        // ORDERING: the addition is atomic, and nothing else is told by it.
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    /// From <https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64>.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let random = Random::seeded(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| random.draw()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn threads_that_share_it_draw_the_same_numbers_as_one_and_each_once() {
        const EACH: usize = 10_000;
        let shared = Random::seeded(42);
        let drawn: Vec<u64> = thread::scope(|scope| {
            let draw = || (0..EACH).map(|_| shared.draw()).collect::<Vec<u64>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let alone = Random::seeded(42);
        let expected: HashSet<u64> = (0..4 * EACH).map(|_| alone.draw()).collect();
        assert_eq!(expected.len(), 4 * EACH);
        assert_eq!(drawn.into_iter().collect::<HashSet<u64>>(), expected);
    }

    #[test]
    fn two_sources_have_nothing_in_common() {
        let (one, other) = (Random::new(), Random::new());
        assert_ne!(one.draw(), other.draw());
    }
}
