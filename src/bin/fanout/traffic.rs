//! What went over the wire in a run, counted request by request: how many there were, how many the end of the run cut
//! off, and for how long the server had all of them wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fanout::Exchange;
use parking_lot::Mutex;

/// The count of a run.
// ORDERING: numbers to show; nothing else is read by them.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    requests: AtomicU64,
    cut_off: AtomicU64,
    pauses: Mutex<Pauses>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// First tries, retries, hops and replays.
    pub(crate) requests: u64,
    /// Those that the end of the run cut off.
    pub(crate) cut_off: u64,
    /// Pauses that a server asked for. What is asked for while one lasts makes it longer.
    pub(crate) pauses: u64,
    pub(crate) paused: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pauses {
    number: u64,
    together: Duration,
    /// Until when the last of them lasts.
    until: Option<Instant>,
}

impl Traffic {
    /// One more request has ended.
    pub(crate) fn note(&self, exchange: &Exchange<'_>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if exchange.was_cut_off() {
            self.cut_off.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(pause) = &exchange.pause {
            self.pauses.lock().add(exchange.ended_at(), pause.until);
        }
    }

    /// What was counted of a run that ended now.
    pub(crate) fn at_the_end(&self, now: Instant) -> Counted {
        let Pauses { number, together, until } = *self.pauses.lock();
        let too_long = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        Counted {
            requests: self.requests.load(Ordering::Relaxed),
            cut_off: self.cut_off.load(Ordering::Relaxed),
            pauses: number,
            paused: together.saturating_sub(too_long),
        }
    }
}

impl Pauses {
    fn add(&mut self, from: Instant, until: Instant) {
        let lasts = self.until.filter(|until| *until >= from);
        self.number += u64::from(lasts.is_none());
        self.together += until.saturating_duration_since(lasts.unwrap_or(from));
        self.until = self.until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_overlap_are_one_and_the_last_ends_with_the_run() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let traffic = Traffic::default();
        let pauses = |traffic: &Traffic, now| {
            let counted = traffic.at_the_end(now);
            (counted.pauses, counted.paused.as_secs())
        };
        assert_eq!(pauses(&traffic, at(0)), (0, 0));
        for (from, until, expected) in
            [(0, 10, (1, 10)), (1, 10, (1, 10)), (2, 5, (1, 10)), (9, 12, (1, 12)), (20, 25, (2, 17))]
        {
            traffic.pauses.lock().add(at(from), at(until));
            assert_eq!(pauses(&traffic, at(100)), expected, "{from} to {until}");
        }
        assert_eq!(pauses(&traffic, at(22)), (2, 14));
    }
}
