//! Who is let in: the cap on what is in flight, the limits, and the count of all that.
//!
//! The cap is asked first, then the hidden limit, which stands in front as a proxy would, then the quota. What one of
//! them refuses costs nothing of those behind it.

use std::fmt;
use std::time::{Duration, Instant};

use fanout::{InvalidLimit, Take, TokenBucket};
use parking_lot::Mutex;

use super::clock::WallClock;
use super::window::{Account, Window};
use super::{Dialect, Settings};

/// So many arrivals are remembered; the others are counted only.
const MAX_ARRIVALS: usize = 100_000;

/// The one door for all connections.
pub(crate) struct Gate {
    max_in_flight: usize,
    clock: WallClock,
    state: Mutex<State>,
}

struct State {
    quota: Limit,
    hidden: Option<TokenBucket>,
    in_flight: usize,
    seen: Seen,
}

/// The quota, as its dialect counts it.
enum Limit {
    Bucket(TokenBucket),
    Window(Window),
}

/// What a server has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) dialect: Dialect,
    /// All requests, with those that were refused.
    pub(crate) requests: u64,
    /// Those that were not let in.
    pub(crate) refused: u64,
    /// Those of them that were refused by the hidden limit.
    pub(crate) refused_by_hidden: u64,
    /// Those that were let in and answered by a fault.
    pub(crate) faults: u64,
    /// The most that were worked on at the same time.
    pub(crate) most_in_flight: usize,
    /// When requests arrived, the first [`MAX_ARRIVALS`] of them.
    pub(crate) arrivals: Vec<Instant>,
}

/// What becomes of a request that has arrived.
pub(super) struct Entry<'a> {
    pub(super) verdict: Result<Admitted<'a>, Refusal>,
    /// How the quota stands with this request counted, if it is one that is told.
    pub(super) account: Option<Account>,
}

/// One request that was let in. Give it back before the last byte of the answer goes out: then whoever has
/// that byte may send the next request.
pub(super) struct Admitted<'a>(&'a Gate);

/// Why a request is not let in, and how long it takes until one could be, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Quota { wait: Duration },
    InFlight,
    Hidden { wait: Duration },
}

impl Gate {
    pub(super) fn new(settings: &Settings, now: Instant) -> Result<Gate, InvalidLimit> {
        let bucket = TokenBucket::new(settings.quota.rate, settings.quota.burst, now)?;
        let quota = match (settings.dialect, settings.quota.rate.parts()) {
            (Dialect::GitHub, Some((limit, length))) => Limit::Window(Window::new(limit, length)),
            _ => Limit::Bucket(bucket),
        };
        let hidden =
            settings.hidden.map(|hidden| TokenBucket::new(hidden.rate, hidden.burst, now)).transpose()?;
        let seen = Seen { dialect: settings.dialect, ..Seen::default() };
        Ok(Gate {
            max_in_flight: settings.max_in_flight,
            clock: WallClock::start(now),
            state: Mutex::new(State { quota, hidden, in_flight: 0, seen }),
        })
    }

    /// Lets a request in that has just arrived, or says why not.
    pub(super) fn enter(&self) -> Entry<'_> {
        self.enter_by(Instant::now)
    }

    fn enter_by(&self, clock: impl FnOnce() -> Instant) -> Entry<'_> {
        let mut state = self.state.lock();
        // Read under the lock, so that arrivals are in order.
        let now = clock();
        state.seen.requests += 1;
        if state.seen.arrivals.len() < MAX_ARRIVALS {
            state.seen.arrivals.push(now);
        }
        let verdict = match state.judge(self, now) {
            Ok(()) => {
                state.in_flight += 1;
                state.seen.most_in_flight = state.seen.most_in_flight.max(state.in_flight);
                Ok(Admitted(self))
            }
            Err(refusal) => {
                state.seen.refused += 1;
                state.seen.refused_by_hidden += u64::from(matches!(refusal, Refusal::Hidden { .. }));
                Err(refusal)
            }
        };
        Entry { verdict, account: state.quota.account(&self.clock, now) }
    }

    /// Counts a request that was let in and is answered by a fault.
    pub(super) fn count_fault(&self) {
        self.state.lock().seen.faults += 1;
    }

    /// The clock by which the quota is told.
    pub(super) fn clock(&self) -> &WallClock {
        &self.clock
    }

    pub(super) fn seen(&self) -> Seen {
        self.state.lock().seen.clone()
    }
}

impl State {
    fn judge(&mut self, gate: &Gate, now: Instant) -> Result<(), Refusal> {
        if self.in_flight >= gate.max_in_flight {
            return Err(Refusal::InFlight);
        }
        if let Some(hidden) = &mut self.hidden {
            take(hidden, now).map_err(|wait| Refusal::Hidden { wait })?;
        }
        self.quota.take(&gate.clock, now).map_err(|wait| Refusal::Quota { wait })
    }
}

impl Limit {
    /// Counts a request, or says how long it takes until one fits.
    fn take(&mut self, clock: &WallClock, now: Instant) -> Result<(), Duration> {
        match self {
            Limit::Bucket(bucket) => take(bucket, now),
            Limit::Window(window) => {
                let second = clock.second(now);
                match window.take(second) {
                    true => Ok(()),
                    false => Err(Duration::from_secs(window.account(second).reset.saturating_sub(second))),
                }
            }
        }
    }

    fn account(&self, clock: &WallClock, now: Instant) -> Option<Account> {
        match self {
            Limit::Bucket(_) => None,
            Limit::Window(window) => Some(window.account(clock.second(now))),
        }
    }
}

/// Takes a token, or says how long it takes until one is there.
fn take(bucket: &mut TokenBucket, now: Instant) -> Result<(), Duration> {
    match bucket.take(1, now) {
        Ok(Take::Taken) => Ok(()),
        Ok(Take::DueAt(due)) => Err(due.saturating_duration_since(now)),
        Err(_) => Err(Duration::ZERO), // the burst is at least 1
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_flight -= 1;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { requests, refused, refused_by_hidden, faults, most_in_flight, .. } = self;
        write!(f, "saw {requests} requests, refused {refused} ({})", self.dialect.refusal_status())?;
        if *refused_by_hidden > 0 {
            write!(f, ", {refused_by_hidden} of them by the hidden limit")?;
        }
        if *faults > 0 {
            write!(f, ", answered {faults} by a fault")?;
        }
        write!(f, ", worked on {most_in_flight} at once at most")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quota;
    use crate::values::rate;

    const SECOND: Duration = Duration::from_secs(1);

    fn quota(rate: &str, burst: u32) -> Quota {
        Quota::new(rate::parse(rate).unwrap(), Some(burst))
    }

    /// A gate, and when it was made, at half past a second of its clock.
    fn gate(settings: Settings) -> (Gate, Instant) {
        let now = Instant::now();
        let mut gate = Gate::new(&settings, now).unwrap();
        gate.clock = WallClock::showing(Duration::from_millis(1_000_500), now);
        (gate, now)
    }

    fn refusal(gate: &Gate, now: Instant) -> Option<Refusal> {
        gate.enter_by(|| now).verdict.err()
    }

    #[test]
    fn what_goes_beyond_the_quota_is_told_when_to_come_again() {
        let (gate, now) = gate(Settings::new(quota("1/m", 2)));
        assert_eq!([(); 2].map(|()| refusal(&gate, now)), [None, None]);
        assert_eq!(refusal(&gate, now + SECOND), Some(Refusal::Quota { wait: 59 * SECOND }));
        assert_eq!(refusal(&gate, now + 60 * SECOND), None);
        let seen = gate.seen();
        assert_eq!((seen.requests, seen.refused, seen.most_in_flight, seen.arrivals.len()), (4, 1, 1, 4));
    }

    #[test]
    fn what_goes_beyond_the_cap_is_refused_and_costs_no_token() {
        let settings = Settings::new(quota("1/m", 2));
        let (gate, now) = gate(Settings { max_in_flight: 1, hidden: Some(quota("1/m", 2)), ..settings });
        let first = gate.enter_by(|| now);
        assert_eq!(refusal(&gate, now), Some(Refusal::InFlight));
        drop(first);
        assert_eq!(refusal(&gate, now), None, "the second token is still there");
        assert_eq!(gate.seen().most_in_flight, 1);
    }

    #[test]
    fn the_hidden_limit_refuses_first_and_then_costs_no_token_of_the_quota() {
        let (gate, now) = gate(Settings { hidden: Some(quota("2/s", 1)), ..Settings::new(quota("1/m", 2)) });
        assert_eq!(refusal(&gate, now), None);
        assert_eq!(refusal(&gate, now), Some(Refusal::Hidden { wait: SECOND / 2 }));
        assert_eq!(refusal(&gate, now + SECOND), None);
        assert_eq!(refusal(&gate, now + 2 * SECOND), Some(Refusal::Quota { wait: 58 * SECOND }));
        let seen = gate.seen();
        assert_eq!((seen.requests, seen.refused, seen.refused_by_hidden), (4, 2, 1));
    }

    #[test]
    fn github_counts_in_fixed_windows_and_tells_how_they_stand() {
        let settings = Settings { dialect: Dialect::GitHub, ..Settings::new(quota("2/m", 9)) };
        let (gate, now) = gate(settings);
        let enter = |seconds: u32| {
            let entry = gate.enter_by(|| now + seconds * SECOND);
            let account = entry.account.unwrap();
            (entry.verdict.err(), account.remaining(), account.reset)
        };
        assert_eq!(enter(0), (None, 1, 1_060));
        assert_eq!(enter(30), (None, 0, 1_060));
        assert_eq!(enter(59), (Some(Refusal::Quota { wait: SECOND }), 0, 1_060));
        assert_eq!(enter(60), (None, 1, 1_120));
    }

    #[test]
    fn a_secondary_refusal_of_github_costs_nothing_and_tells_of_the_window_that_would_open() {
        let settings = Settings { dialect: Dialect::GitHub, ..Settings::new(quota("2/m", 9)) };
        let (gate, now) = gate(Settings { max_in_flight: 1, ..settings });
        let first = gate.enter_by(|| now);
        let second = gate.enter_by(|| now + 61 * SECOND);
        assert_eq!(second.verdict.err(), Some(Refusal::InFlight));
        assert_eq!(second.account, Some(Account { limit: 2, used: 0, reset: 1_121 }));
        drop(first);
    }

    #[test]
    fn without_a_limit_github_has_nothing_to_tell() {
        let quota = Quota::new(fanout::Rate::UNLIMITED, None);
        let (gate, now) = gate(Settings { dialect: Dialect::GitHub, ..Settings::new(quota) });
        let entry = gate.enter_by(|| now);
        assert!(entry.verdict.is_ok());
        assert_eq!(entry.account, None);
    }

    #[test]
    fn what_was_seen_is_told_without_what_never_was() {
        let mut seen = Seen { requests: 60, most_in_flight: 8, ..Seen::default() };
        assert_eq!(seen.to_string(), "saw 60 requests, refused 0 (429), worked on 8 at once at most");
        seen = Seen { refused: 5, refused_by_hidden: 3, faults: 2, dialect: Dialect::GitHub, ..seen };
        assert_eq!(
            seen.to_string(),
            "saw 60 requests, refused 5 (403), 3 of them by the hidden limit, answered 2 by a fault, \
             worked on 8 at once at most"
        );
    }
}
