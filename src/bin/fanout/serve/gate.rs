//! Who is let in: the quota, the cap on what is in flight, and the count of both.

use std::fmt;
use std::time::{Duration, Instant};

use fanout::{InvalidLimit, Take, TokenBucket};
use parking_lot::Mutex;

use super::Settings;

/// So many arrivals are remembered; the others are counted only.
const MAX_ARRIVALS: usize = 100_000;

/// The least that `Retry-After` can say, in seconds.
const SOON: u64 = 1;

/// The one door for all connections.
pub(crate) struct Gate {
    max_in_flight: usize,
    state: Mutex<State>,
}

struct State {
    bucket: TokenBucket,
    in_flight: usize,
    seen: Seen,
}

/// What a server has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// All requests, with those that were refused.
    pub(crate) requests: u64,
    /// Those that were answered 429.
    pub(crate) refused: u64,
    /// The most that were worked on at the same time.
    pub(crate) most_in_flight: usize,
    /// When requests arrived, the first [`MAX_ARRIVALS`] of them.
    pub(crate) arrivals: Vec<Instant>,
}

/// One request that was let in. Give it back before the last byte of the answer goes out: then whoever has
/// that byte may send the next request.
pub(crate) struct Admitted<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new(settings: &Settings, now: Instant) -> Result<Gate, InvalidLimit> {
        let bucket = TokenBucket::new(settings.quota.rate, settings.quota.burst, now)?;
        let state = State { bucket, in_flight: 0, seen: Seen::default() };
        Ok(Gate { max_in_flight: settings.max_in_flight, state: Mutex::new(state) })
    }

    /// Lets a request in that has just arrived, or says in how many whole seconds it may come again.
    pub(crate) fn enter(&self) -> Result<Admitted<'_>, u64> {
        let mut state = self.state.lock();
        // Read under the lock, so that arrivals are in order.
        let now = Instant::now();
        state.seen.requests += 1;
        if state.seen.arrivals.len() < MAX_ARRIVALS {
            state.seen.arrivals.push(now);
        }
        let verdict = match state.in_flight < self.max_in_flight {
            false => Err(SOON),
            true => match state.bucket.take(1, now) {
                Ok(Take::Taken) => Ok(()),
                Ok(Take::DueAt(due)) => Err(whole_seconds(due.saturating_duration_since(now))),
                Err(_) => Err(SOON), // the burst is at least 1
            },
        };
        match verdict {
            Ok(()) => {
                state.in_flight += 1;
                state.seen.most_in_flight = state.seen.most_in_flight.max(state.in_flight);
                Ok(Admitted(self))
            }
            Err(seconds) => {
                state.seen.refused += 1;
                Err(seconds)
            }
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.state.lock().seen.clone()
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_flight -= 1;
    }
}

fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(SOON)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { requests, refused, most_in_flight, .. } = self;
        write!(
            f,
            "saw {requests} requests, refused {refused} (429), worked on {most_in_flight} at once at most"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quota;
    use crate::values::rate;

    fn gate(rate: &str, burst: u32, max_in_flight: usize) -> Gate {
        let quota = Quota::new(rate::parse(rate).unwrap(), Some(burst));
        Gate::new(&Settings { max_in_flight, ..Settings::new(quota) }, Instant::now()).unwrap()
    }

    #[test]
    fn what_goes_beyond_the_quota_is_told_when_to_come_again() {
        let gate = gate("1/m", 2, 8);
        assert!(gate.enter().is_ok() && gate.enter().is_ok());
        assert_eq!(gate.enter().err(), Some(60));
        let seen = gate.seen();
        assert_eq!((seen.requests, seen.refused, seen.most_in_flight, seen.arrivals.len()), (3, 1, 1, 3));
    }

    #[test]
    fn what_goes_beyond_the_cap_is_refused_and_costs_no_token() {
        let gate = gate("1/m", 2, 1);
        let first = gate.enter();
        assert!(first.is_ok());
        assert_eq!(gate.enter().err(), Some(1));
        drop(first);
        assert!(gate.enter().is_ok(), "the second token is still there");
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis}");
        }
    }
}
