//! Time that passes only while nothing else happens: for tests.
//!
//! A job that keeps a quota mostly waits. On a virtual clock those waits end at once: when all that is left to do is to
//! wait, the clock jumps to the earliest instant for which somebody does. So a test sees the very instants at which
//! tokens are granted and retries are made, and takes milliseconds.
//!
//! # When it jumps
//!
//! Workers are counted while they are at an id, except while they wait by the clock. As long as one is (a request on
//! the wire, for one), time stands still. A jump is made by the waiter whose instant is the earliest, when nobody has
//! been at anything for [`QUIET`] of real time: what was woken by the last jump has had that long to begin. On a
//! machine so busy that it did not, the clock may be ahead of it; never behind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// How long nothing must have happened, in real time, for the clock to jump.
const QUIET: Duration = Duration::from_millis(1);

thread_local! {
    /// Whether this thread is counted as being at something.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// A clock that jumps to the next instant for which anybody waits, for tests (feature `test-kit`). Clones are the same
/// clock.
///
/// ```toml
/// [dev-dependencies]
/// fanout = { version = "0.1", features = ["test-kit"] }
/// ```
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use fanout::{CancelToken, FanOutClient, Rate, VirtualClock};
///
/// let clock = VirtualClock::new();
/// let client = FanOutClient::builder("http://127.0.0.1:8080/{id}") // a server of the test's
///     .rate(Rate::per_second(10)).burst(20)
///     .virtual_clock(&clock)
///     .build()?;
/// client.fetch_all(&CancelToken::new(), 0..60)?;
/// assert_eq!(clock.elapsed(), Duration::from_secs(4)); // and took some milliseconds
/// # Ok(())
/// # }
/// ```
///
/// Time stands still while a worker is at an id, as it is while a request is on the wire; so answer at once, and in one
/// piece. When all that is left to do is to wait, for a token, a pause or a retry, the clock jumps to the earliest
/// instant for which anybody does, after a millisecond in which nothing else has happened. Closures that outcomes are
/// handed to do not hold it up: [`times`](crate::Outcome::times) tells when an id was fetched, and `now()` in a closure
/// may be later.
///
/// It is for limits, pauses and retries. Timeouts of requests, and what the server does, are in real time; deadlines of
/// a [`CancelToken`](crate::CancelToken) are real instants, and compared with this clock where somebody waits for a
/// token or a retry.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<State>>);

struct State {
    start: Instant,
    now: Instant,
    /// Threads that are at something.
    busy: usize,
    /// Goes up with everything that happens.
    happened: u64,
    next: u64,
    waiting: BTreeMap<u64, Instant>,
}

/// A thread that is at something, until it is dropped; or, of another clock, nothing.
#[derive(Default)]
pub(crate) struct Busy(Option<VirtualClock>);

impl VirtualClock {
    /// A clock that shows the real time of this moment, and stands still.
    #[must_use]
    pub fn new() -> VirtualClock {
        let now = Instant::now();
        let state = State { start: now, now, busy: 0, happened: 0, next: 0, waiting: BTreeMap::new() };
        VirtualClock(Arc::new(Mutex::new(state)))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.lock().now
    }

    /// How far it has come since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let state = self.0.lock();
        state.now.saturating_duration_since(state.start)
    }

    /// Counts this thread as being at something.
    pub(crate) fn busy(&self) -> Busy {
        self.count(true);
        COUNTED.set(true);
        Busy(Some(self.clone()))
    }

    /// See [`Clock::wait`](crate::clock::Clock::wait).
    pub(crate) fn wait<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>, until: Option<Instant>) {
        let counted = COUNTED.get();
        if counted {
            self.count(false);
        }
        match until {
            None => condvar.wait(guard),
            Some(until) => self.wait_until(condvar, guard, until),
        }
        if counted {
            self.count(true);
        }
    }

    /// Waits on in here, and does nothing that others would take for something that happens: else those who wait for
    /// the same time to pass would hold each other up.
    fn wait_until<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>, until: Instant) {
        let ticket = self.register(until);
        loop {
            let happened = self.0.lock().happened;
            if !condvar.wait_for(guard, QUIET).timed_out() || self.has_come(until, happened) {
                break;
            }
        }
        self.leave(ticket);
    }

    fn count(&self, busy: bool) {
        let mut state = self.0.lock();
        state.busy = if busy { state.busy.saturating_add(1) } else { state.busy.saturating_sub(1) };
        state.happened = state.happened.wrapping_add(1);
    }

    fn register(&self, until: Instant) -> u64 {
        let mut state = self.0.lock();
        let ticket = state.next;
        state.next = state.next.wrapping_add(1);
        state.happened = state.happened.wrapping_add(1);
        state.waiting.insert(ticket, until);
        ticket
    }

    /// Whether it is time, by somebody's jump, or by this one: it is this waiter's if its instant is the earliest, and
    /// nothing has happened since so much had.
    fn has_come(&self, until: Instant, happened: u64) -> bool {
        let mut state = self.0.lock();
        let is_first = state.waiting.values().all(|other| until <= *other);
        if is_first && state.busy == 0 && state.happened == happened {
            state.now = state.now.max(until);
        }
        until <= state.now
    }

    fn leave(&self, ticket: u64) {
        let mut state = self.0.lock();
        state.waiting.remove(&ticket);
        state.happened = state.happened.wrapping_add(1);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(clock) = self.0.take() {
            COUNTED.set(false);
            clock.count(false);
        }
    }
}

impl Default for VirtualClock {
    fn default() -> VirtualClock {
        VirtualClock::new()
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VirtualClock").field(&self.elapsed()).finish()
    }
}
