//! What a contestant brings home, and the proof that it is all there.

use std::collections::HashMap;

use crate::Result;
use crate::job::Job;

/// The bodies, or only a tally of them, as the job wants.
pub(crate) enum Harvest {
    Dropped(Tally),
    Kept(HashMap<u32, Vec<u8>>),
}

/// How many bodies were fetched, and a sum that no other set of ids is likely to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fetched: u32,
    pub(crate) checksum: u64,
    /// How long each body must be.
    length: usize,
}

impl Harvest {
    pub(crate) fn new(job: &Job) -> Harvest {
        if job.keep { Harvest::Kept(HashMap::new()) } else { Harvest::Dropped(Tally::new(job)) }
    }

    /// Takes the body of an id: keeps it, or looks at it and drops it.
    pub(crate) fn take(&mut self, id: u32, body: Vec<u8>) -> Result<()> {
        match self {
            Harvest::Dropped(tally) => tally.look_at(id, &body, body.len())?,
            Harvest::Kept(bodies) => _ = bodies.insert(id, body),
        }
        Ok(())
    }

    /// Looks at what has been kept.
    pub(crate) fn tally(&self, job: &Job) -> Result<Tally> {
        match self {
            Harvest::Dropped(tally) => Ok(*tally),
            Harvest::Kept(bodies) => {
                let mut tally = Tally::new(job);
                for (id, body) in bodies {
                    tally.look_at(*id, body, body.len())?;
                }
                Ok(tally)
            }
        }
    }
}

impl Tally {
    pub(crate) fn new(job: &Job) -> Tally {
        Tally { fetched: 0, checksum: 0, length: job.body }
    }

    /// What fetching every id of the job gives.
    pub(crate) fn of_all(job: &Job) -> Tally {
        let mut tally = Tally::new(job);
        (0..job.ids).for_each(|id| tally.count(id));
        tally
    }

    /// Counts an id, if what begins so, and has this length, is its body: each begins with its id in
    /// [`ID_DIGITS`] digits. Where nothing is fetched, it is empty.
    pub(crate) fn look_at(&mut self, id: u32, begin: &[u8], length: usize) -> Result<()> {
        let digits = begin.get(..ID_DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        let is_of_id = self.length == 0 || digits.and_then(|digits| digits.parse().ok()) == Some(id);
        if length != self.length || !is_of_id {
            return Err(format!("what came for id {id}, {length} bytes, is not its body").into());
        }
        self.count(id);
        Ok(())
    }

    /// Counts an id whose body nobody can look at.
    pub(crate) fn count(&mut self, id: u32) {
        let spread = (u64::from(id) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.fetched += 1;
        self.checksum = self.checksum.wrapping_add(spread ^ (spread >> 32));
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.fetched += other.fetched;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// How many digits of its id, filled up with zeros, a body begins with.
pub(crate) const ID_DIGITS: usize = 16;
