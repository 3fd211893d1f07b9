//! What has arrived, and the limits at the door: one lock for both, so that what is counted is what is let in.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::limiter::{Take, TokenBucket};

use super::dialect::Standing;
use super::request::Request;

/// How many requests a [`Server`](super::Server) remembers, the first ones: 100,000. It counts them all.
pub const MAX_REMEMBERED: usize = 100_000;

/// What is told to those who come while too many are there: nobody knows when one will be gone.
const SOON: Duration = Duration::from_secs(1);

pub(super) struct Log {
    clock: Clock,
    max_in_flight: usize,
    state: Mutex<State>,
    /// A request has arrived.
    arrived: Condvar,
}

struct State {
    quota: Option<TokenBucket>,
    figures: Figures,
    requests: Vec<Request>,
    /// Arrived and not answered, and those of them that were let in.
    in_flight: usize,
    let_in: usize,
}

/// The figures.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) requests: usize,
    pub(super) refused: usize,
    pub(super) most_in_flight: usize,
    pub(super) connections: usize,
}

/// What becomes of a request that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be answered. The standing of the quota, if there is one.
    LetIn(Option<Standing>),
    /// Beyond the quota.
    Refused(Standing),
    /// Too many are under way.
    Crowded(Option<Standing>, Duration),
}

/// A request that waits for its answer. It is to be dropped before the last byte goes out: whoever has that byte may
/// send the next one.
pub(super) struct InFlight<'a> {
    log: &'a Log,
    let_in: bool,
}

impl Log {
    pub(super) fn new(clock: Clock, quota: Option<TokenBucket>, max_in_flight: usize) -> Log {
        let state =
            State { quota, figures: Figures::default(), requests: Vec::new(), in_flight: 0, let_in: 0 };
        Log { clock, max_in_flight, state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Writes the request down, and decides on it. Its instant is set here, under the lock, so that requests and
    /// instants are in the same order.
    pub(super) fn arrive(&self, request: &mut Request) -> (InFlight<'_>, Verdict) {
        let mut state = self.state.lock();
        request.arrived = self.clock.now();
        let verdict = state.decide(self.max_in_flight, request.arrived);
        let let_in = matches!(verdict, Verdict::LetIn(_));
        state.let_in += usize::from(let_in);
        state.in_flight += 1;
        state.figures.most_in_flight = state.figures.most_in_flight.max(state.in_flight);
        state.figures.requests += 1;
        state.figures.refused += usize::from(!let_in);
        if state.requests.len() < MAX_REMEMBERED {
            state.requests.push(request.clone());
        }
        drop(state);
        self.arrived.notify_all();
        (InFlight { log: self, let_in }, verdict)
    }

    /// The number of a new connection; the first is 1.
    pub(super) fn connect(&self) -> usize {
        let mut state = self.state.lock();
        state.figures.connections += 1;
        state.figures.connections
    }

    pub(super) fn figures(&self) -> Figures {
        self.state.lock().figures
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.state.lock().in_flight
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state.lock().requests.clone()
    }

    /// Looks at the requests without a copy of them.
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Request]) -> T) -> T {
        look(&self.state.lock().requests)
    }

    /// Waits until so many have arrived, but not for longer than `timeout`.
    pub(super) fn wait_for(&self, count: usize, timeout: Duration) -> Vec<Request> {
        let end = Instant::now().checked_add(timeout);
        let mut state = self.state.lock();
        while state.figures.requests < count {
            match end {
                Some(end) if self.arrived.wait_until(&mut state, end).timed_out() => break,
                Some(_) => {}
                None => self.arrived.wait(&mut state),
            }
        }
        state.requests.clone()
    }
}

impl State {
    fn decide(&mut self, max_in_flight: usize, now: Instant) -> Verdict {
        if self.let_in >= max_in_flight {
            return Verdict::Crowded(self.quota.as_mut().map(|quota| standing(quota, now)), SOON);
        }
        let Some(quota) = &mut self.quota else {
            return Verdict::LetIn(None);
        };
        match quota.take(1, now) {
            Ok(Take::DueAt(due)) => {
                let reset_in = due.saturating_duration_since(now);
                Verdict::Refused(Standing { limit: quota.burst(), remaining: 0, reset_in })
            }
            // The burst is at least 1, so that there is no error.
            Ok(Take::Taken) | Err(_) => Verdict::LetIn(Some(standing(quota, now))),
        }
    }
}

fn standing(quota: &mut TokenBucket, now: Instant) -> Standing {
    let (limit, remaining) = (quota.burst(), quota.available(now));
    Standing { limit, remaining, reset_in: quota.due(limit).saturating_duration_since(now) }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.log.state.lock();
        state.in_flight -= 1;
        state.let_in -= usize::from(self.let_in);
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderMap, Method};

    use super::*;
    use crate::Rate;

    fn request() -> Request {
        let (target, headers, arrived) = ("/7".to_owned(), HeaderMap::new(), Instant::now());
        Request { id: None, method: Method::GET, target, headers, body: Vec::new(), arrived, connection: 1 }
    }

    fn log(rate: Rate, burst: u32, max_in_flight: usize) -> Log {
        let quota = TokenBucket::new(rate, burst, Instant::now()).unwrap();
        Log::new(Clock::System, Some(quota), max_in_flight)
    }

    #[test]
    fn what_goes_beyond_the_quota_is_refused_and_told_when_to_come() {
        let log = log(Rate::new(1, Duration::from_secs(3_600)), 2, usize::MAX);
        for remaining in [1, 0] {
            let (_, verdict) = log.arrive(&mut request());
            let Verdict::LetIn(Some(standing)) = verdict else { panic!("{verdict:?}") };
            assert_eq!((standing.limit, standing.remaining), (2, remaining));
            let until_full = Duration::from_secs(3_600) * (2 - remaining);
            assert!(
                standing.reset_in <= until_full && standing.reset_in > until_full - Duration::from_secs(60)
            );
        }
        let (_, verdict) = log.arrive(&mut request());
        let Verdict::Refused(standing) = verdict else { panic!("{verdict:?}") };
        assert_eq!((standing.limit, standing.remaining), (2, 0));
        assert!(
            standing.reset_in <= Duration::from_secs(3_600) && standing.reset_in > Duration::from_secs(3_540)
        );
        let figures = log.figures();
        assert_eq!((figures.requests, figures.refused, log.requests().len()), (3, 1, 3));
    }

    #[test]
    fn what_goes_beyond_the_cap_is_refused_and_costs_no_token() {
        let log = log(Rate::new(1, Duration::from_secs(3_600)), 2, 1);
        let (first, verdict) = log.arrive(&mut request());
        assert!(matches!(verdict, Verdict::LetIn(_)));
        let (second, verdict) = log.arrive(&mut request());
        assert!(
            matches!(verdict, Verdict::Crowded(Some(Standing { remaining: 1, .. }), SOON)),
            "{verdict:?}"
        );
        drop(first);
        // One that is being refused takes nobody's place.
        let (third, verdict) = log.arrive(&mut request());
        assert!(matches!(verdict, Verdict::LetIn(Some(Standing { remaining: 0, .. }))), "{verdict:?}");
        drop((second, third));
        let figures = log.figures();
        assert_eq!((figures.requests, figures.refused, figures.most_in_flight), (3, 1, 2));
    }

    #[test]
    fn without_limits_everything_is_let_in() {
        let log = Log::new(Clock::System, None, usize::MAX);
        assert_eq!(log.arrive(&mut request()).1, Verdict::LetIn(None));
        assert_eq!(log.wait_for(2, Duration::ZERO).len(), 1, "what came when the time was over");
    }

    #[test]
    fn a_wait_ends_with_the_arrival_that_it_waits_for() {
        let log = Log::new(Clock::System, None, usize::MAX);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| log.wait_for(2, Duration::MAX));
            drop(log.arrive(&mut request()));
            drop(log.arrive(&mut request()));
            let requests = waits.join().unwrap();
            assert!(requests.len() == 2 && requests[0].arrived <= requests[1].arrived);
        });
    }
}
