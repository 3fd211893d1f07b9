//! How many ids may be under way, between the feeder that hands them out and their records.
//!
//! With few in line, the threads of a fast run wake each other for each id: with eight for eight in flight that was two
//! and a half futex calls and three yields an id, and a third of the throughput. Large bodies are bounded by their room
//! instead (see [`Room`](fanout::Room)), and so the number need not be small.

/// So many ids more are in line for each that may be in flight, and so many at most.
const AHEAD: usize = 16;
const MOST_AHEAD: usize = 128;

/// How many ids may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnderWay {
    most: usize,
    in_line: usize,
}

impl UnderWay {
    /// As many as may be in flight, and as many again, which are next in line, and [more](AHEAD), for the sake of
    /// speed. With retries also those that wait for their next try, of which the library keeps four for each.
    pub(crate) fn new(max_in_flight: usize, retries: bool) -> UnderWay {
        let ahead = max_in_flight.saturating_mul(AHEAD).min(MOST_AHEAD);
        UnderWay::with(max_in_flight, retries, max_in_flight.saturating_add(ahead))
    }

    /// No more: where records cannot keep the room of their bodies, since what they wait for needs some, too, it is
    /// their number that bounds them.
    pub(crate) fn in_order(max_in_flight: usize, retries: bool) -> UnderWay {
        UnderWay::with(max_in_flight, retries, max_in_flight)
    }

    fn with(max_in_flight: usize, retries: bool, in_line: usize) -> UnderWay {
        let busy = max_in_flight.saturating_mul(if retries { 5 } else { 1 });
        UnderWay { most: busy.saturating_add(in_line), in_line }
    }

    pub(crate) fn most(self) -> usize {
        self.most
    }

    /// When so many are missing, the feeder is woken: half of those that are next in line, so that they do not run out
    /// meanwhile.
    pub(super) fn worth_waking(self) -> usize {
        (self.in_line / 2).max(1)
    }
}
