//! What the quota thread is told by the others: what it is to do, and what it is to be woken for.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::limiter::Limit;

use super::settled::Settled;

/// What the quota thread is to be woken for: the rest it sees when it wakes.
#[derive(Clone, Copy, Default)]
pub(super) struct Heeds {
    pub(super) joins: [bool; 2],
    pub(super) releases: bool,
    pub(super) leaves: bool,
}

/// What the quota thread is to do besides asking for grants.
#[derive(Default)]
pub(super) struct ToDo {
    /// A pause that Redis has not been told yet.
    pub(super) pause: Option<(Instant, String)>,
    /// A permit is there for this process.
    pub(super) is_woken: bool,
    /// When the first of the permits came back, or was granted to nobody, of which Redis has not been told yet.
    pub(super) released: Option<Instant>,
    pub(super) settled: Settled,
    /// Limits to be changed, by their numbers.
    pub(super) limits: BTreeMap<usize, Limit>,
    /// What has ended the run, for the others.
    pub(super) failure: Option<String>,
    /// The last handle is gone.
    pub(super) end: bool,
}
