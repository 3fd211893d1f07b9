//! What goes wrong, when: all kinds of faults in turn, and everything else at random.

use std::time::Duration;

use super::LEASE;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A worker is killed, and another one goes on with its ids.
    Kill,
    /// A worker is stopped for less than a lease.
    Stop,
    /// And for longer, with requests on the wire that hang.
    LongStop,
    /// Redis is killed, and comes back with nothing.
    Restart,
    /// Redis answers nobody for a second.
    Pause,
    /// Redis is stopped for a second.
    Freeze,
    Flush,
    /// Redis forgets its scripts.
    Forget,
    /// All connections to Redis are reset.
    Reset,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Kill,
    Kind::Stop,
    Kind::LongStop,
    Kind::Restart,
    Kind::Pause,
    Kind::Freeze,
    Kind::Flush,
    Kind::Forget,
    Kind::Reset,
];

/// What is done; to a worker, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Kill(usize),
    Stop(usize),
    /// Those of its requests that are on the wire hang.
    Hang(usize),
    Continue(usize),
    RedisEnds,
    RedisStarts,
    Pause,
    Freeze,
    Thaw,
    Flush,
    Forget,
    Reset,
}

/// A generator whose seed is told, so that a storm can be had again. (When which request comes is never the same.)
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        // Never 0, and another one for each seed.
        Random((seed << 1) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn millis(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from((to - from).as_millis()).unwrap();
        from + Duration::from_millis(self.below(span + 1))
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// All kinds, in so many rounds.
pub(crate) fn deal(rounds: usize, random: &mut Random) -> Vec<Vec<Kind>> {
    let mut kinds = KINDS;
    random.shuffle(&mut kinds);
    kinds.chunks(KINDS.len().div_ceil(rounds)).map(<[Kind]>::to_vec).collect()
}

/// How long Redis is silent.
const SILENCE: Duration = Duration::from_secs(1);

const SOON: Duration = Duration::from_millis(400);

/// What these faults are, in the order of time. What happens to Redis happens one after the other; what happens to the
/// workers, to another one each, and to the network, beside it.
pub(crate) fn round(kinds: &[Kind], workers: usize, random: &mut Random) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    let mut workers: Vec<usize> = (0..workers).collect();
    random.shuffle(&mut workers);
    let mut redis_is_well = Duration::ZERO;
    for kind in kinds {
        let at = random.millis(Duration::ZERO, 2 * SOON);
        let after = redis_is_well + random.millis(Duration::ZERO, SOON);
        let mut redis = |all: &[(Duration, Act)]| {
            acts.extend(all.iter().map(|(later, act)| (after + *later, *act)));
            redis_is_well = after + all.last().unwrap().0;
        };
        match kind {
            Kind::Restart => {
                let down = random.millis(Duration::ZERO, 2 * SOON);
                redis(&[(Duration::ZERO, Act::RedisEnds), (down, Act::RedisStarts)]);
            }
            Kind::Pause => {
                redis(&[(Duration::ZERO, Act::Pause)]);
                redis_is_well += SILENCE;
            }
            Kind::Freeze => redis(&[(Duration::ZERO, Act::Freeze), (SILENCE, Act::Thaw)]),
            Kind::Flush => redis(&[(Duration::ZERO, Act::Flush)]),
            Kind::Forget => redis(&[(Duration::ZERO, Act::Forget)]),
            Kind::Reset => acts.push((at, Act::Reset)),
            Kind::Kill => acts.push((at, Act::Kill(workers.pop().unwrap()))),
            Kind::Stop => {
                let (worker, time) = (workers.pop().unwrap(), random.millis(SOON / 8, LEASE / 4 * 3));
                acts.extend([(at, Act::Stop(worker)), (at + time, Act::Continue(worker))]);
            }
            Kind::LongStop => {
                let (worker, time) =
                    (workers.pop().unwrap(), random.millis(LEASE / 10 * 11, LEASE / 10 * 14));
                let stop = (at + SOON / 20, Act::Stop(worker));
                acts.extend([(at, Act::Hang(worker)), stop, (at + SOON / 20 + time, Act::Continue(worker))]);
            }
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}
