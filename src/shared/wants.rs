//! What those who wait want, as it is told to Redis.

use crate::limiter::Cost;

/// How many different wants one call names: 32. The others are named by the next.
const MOST_RUNS: usize = 32;

/// As the quota thread asks for it.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) line: usize,
    pub(super) permit: bool,
    pub(super) cost: Cost,
}

/// Some who want the same, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) count: u32,
    /// A permit besides the tokens.
    pub(super) permit: bool,
    pub(super) cost: Cost,
}

/// What they want, with those who want the same taken together; no more than [`MOST_RUNS`] of them.
pub(super) fn runs(wants: &[Wanted]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for Wanted { permit, cost, .. } in wants.iter().copied() {
        let is_full = runs.len() == MOST_RUNS;
        match runs.last_mut().filter(|last| last.permit == permit && last.cost == cost) {
            Some(last) => last.count += 1,
            None if is_full => break,
            None => runs.push(Run { count: 1, permit, cost }),
        }
    }
    runs
}
