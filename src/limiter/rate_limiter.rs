//! The rate limiter: one or several limits with a line of threads before them.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::turnstile::{Denied, Turnstile};

use super::bucket::ExceedsBurst;
use super::cost::Cost;
use super::limit::Limit;
use super::limits::{Hopeless, Limits};
use super::rate::{InvalidLimit, Rate};

/// A rate limiter that threads wait at.
///
/// A token bucket: tokens come at a [`Rate`], at most a *burst* of them gather, and whoever takes one may go. In
/// every window of length `w`, at most `burst + rate · w` tokens are granted: exactly, at the instants that
/// [`acquire`](RateLimiter::acquire) returns, with any number of threads.
///
/// * **First come, first served.** Whoever arrives waits behind all who wait already. One who wants many tokens holds
///   up those behind, and is never overtaken by them.
/// * **Blocks on a condvar** until the very instant at which its token is there. Nothing polls and nothing sleeps;
///   there is no thread behind it. (A burst of 1 cannot make up for a wake-up that comes late; there the first in line
///   spins for the end of its wait, up to 50 µs.)
/// * **Giving up costs nothing.** A token is taken at the instant it is granted. One who is cancelled, or whose
///   deadline comes, leaves the line at once, and those behind move up.
///
/// There may be [several limits](RateLimiter::with_limits), of which each has its bound, and a [`Cost`] for each of
/// them; a cost that is known only afterwards is [settled](RateLimiter::settle).
///
/// Clones are the same limiter.
///
/// ```
/// use std::time::Duration;
/// use fanout::{CancelToken, Rate, RateLimiter};
///
/// let limiter = RateLimiter::new(Rate::per_second(1_000), 5)?;
/// let cancel = CancelToken::new().with_timeout(Duration::from_secs(1));
/// for _ in 0..10 {
///     limiter.acquire(&cancel)?; // five at once, then one each millisecond
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancellation
///
/// Three things end a wait: the token is granted; the [`CancelToken`] is cancelled; the deadline (the token's own or
/// one that is passed in) passes. If it is known that the deadline will pass first, with everyone ahead counted, the
/// wait does not even begin.
///
/// # A pause
///
/// [`pause_until`](RateLimiter::pause_until) is for a server that asks for quiet. Nothing is granted before its end.
/// Then those in line are let out spaced at the rate, and not in a burst: the first at the end of the pause, and each
/// after the time in which what the one ahead of it cost comes again (with a cost of one, an interval of the fastest
/// limit). Who arrives while somebody stands in line is spaced as well. Once the line has run empty the burst is there
/// again: tokens have gathered all the while, in the pause as at any time.
#[derive(Clone)]
pub struct RateLimiter {
    turnstile: Arc<Turnstile<Limits>>,
}

/// Why no token was granted. None was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireError {
    /// The token was cancelled.
    Cancelled,
    /// The deadline has passed, or will pass before the tokens can be there with everyone ahead served.
    DeadlineExceeded,
    /// More tokens of a limit at once than may ever gather.
    ExceedsBurst(ExceedsBurst),
    /// A pause is in force until then, and that is longer than
    /// [`set_max_pause`](RateLimiter::set_max_pause) allows.
    LongPause(Instant),
}

impl RateLimiter {
    /// A limiter with a full bucket.
    ///
    /// # Errors
    ///
    /// A rate of 0, over no time or over more than [`Rate::LONGEST`], and a burst of 0.
    pub fn new(rate: Rate, burst: u32) -> Result<RateLimiter, InvalidLimit> {
        RateLimiter::with_limits(&[Limit::new(rate, burst)])
    }

    /// A limiter that keeps several limits together, with full buckets. Whatever is granted is taken from all of them,
    /// at the same instant, or from none; and the bound of each holds exactly. They are numbered from 0, in this
    /// order.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::{CancelToken, Cost, Limit, Rate, RateLimiter};
    ///
    /// let minute = Duration::from_secs(60);
    /// let limiter = RateLimiter::with_limits(&[
    ///     Limit::new(Rate::per_second(10), 20),
    ///     Limit::at_most(90_000, minute), // of another thing, say words
    /// ])?;
    /// let cancel = CancelToken::new();
    /// limiter.acquire(&cancel)?; // one of each
    /// limiter.acquire_cost(&cancel, Cost::ONE.with(1, 700))?; // one request, 700 words
    /// limiter.settle(1, 120)?; // it was 820 words
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A limit that never grants anything; no limit at all, or more than [`MAX_LIMITS`](crate::MAX_LIMITS).
    pub fn with_limits(limits: &[Limit]) -> Result<RateLimiter, InvalidLimit> {
        RateLimiter::with_clock(limits, Clock::default())
    }

    pub(crate) fn with_clock(limits: &[Limit], clock: Clock) -> Result<RateLimiter, InvalidLimit> {
        let limits = Limits::new(limits, clock.now())?;
        Ok(RateLimiter { turnstile: Turnstile::new(limits, clock) })
    }

    /// Waits for a token of each limit. Returns the instant at which it was granted.
    ///
    /// # Errors
    ///
    /// `cancel` was cancelled, or its deadline comes before the token.
    pub fn acquire(&self, cancel: &CancelToken) -> Result<Instant, AcquireError> {
        Ok(self.turnstile.acquire(&Cost::ONE, cancel, cancel.deadline())?)
    }

    /// Waits for `tokens` tokens of each limit, and takes all of them at once. `0` waits for its turn only.
    ///
    /// # Errors
    ///
    /// As [`acquire`](RateLimiter::acquire), and at once if `tokens` is more than a burst: they would never be there.
    /// If [`set_burst`](RateLimiter::set_burst) makes that so during the wait, the wait fails then.
    pub fn acquire_n(&self, cancel: &CancelToken, tokens: u32) -> Result<Instant, AcquireError> {
        self.acquire_cost(cancel, Cost::each(tokens))
    }

    /// Waits for so many tokens of each limit, and takes all of them at once.
    ///
    /// # Errors
    ///
    /// As [`acquire_n`](RateLimiter::acquire_n).
    pub fn acquire_cost(&self, cancel: &CancelToken, cost: Cost) -> Result<Instant, AcquireError> {
        Ok(self.turnstile.acquire(&cost, cancel, cancel.deadline())?)
    }

    /// Waits for a token of each limit until `deadline`, or the deadline of `cancel` if that is earlier.
    ///
    /// # Errors
    ///
    /// As [`acquire`](RateLimiter::acquire).
    pub fn acquire_by(&self, cancel: &CancelToken, deadline: Instant) -> Result<Instant, AcquireError> {
        let deadline = cancel.deadline().map_or(deadline, |own| own.min(deadline));
        Ok(self.turnstile.acquire(&Cost::ONE, cancel, Some(deadline))?)
    }

    /// Takes a token of each limit if they are there and nobody waits for them; never blocks. Tells whether it did.
    #[must_use]
    pub fn try_acquire(&self) -> bool {
        self.turnstile.try_acquire(&Cost::ONE).is_some()
    }

    /// Tells what something that was granted has cost beyond what was taken for it: so many tokens `extra` of the limit
    /// of this number, or fewer if it is negative.
    ///
    /// What is not there of them is a debt: that limit grants nothing before it is paid back, at the rate. What is
    /// given back can be had at once, up to the burst; what that cannot hold is lost.
    ///
    /// The bound is exact for what is declared beforehand. What is only settled has been spent by then, and so: in
    /// every window of length `w`, what was taken and settled of a limit is at most `burst + rate · w` and the debt at
    /// the end of the window. Declare the most that it can cost, and give back the rest, where even that is too much.
    ///
    /// Whoever cannot be served before its deadline any more is told so now.
    ///
    /// # Errors
    ///
    /// There is no limit of this number.
    pub fn settle(&self, limit: usize, extra: i64) -> Result<(), InvalidLimit> {
        self.turnstile.change(|limits, now| limits.settle(limit, extra, now))
    }

    /// Changes the limit of this number, for those who wait as well. What has gathered stays, as far as the new burst
    /// holds it; see [`TokenBucket::set_rate`](crate::TokenBucket::set_rate). Whoever waits for more than can ever
    /// gather, or cannot be served before its deadline any more, is told so now.
    ///
    /// # Errors
    ///
    /// A limit that never grants anything, and a number that no limit has; then nothing has changed.
    pub fn set_limit(&self, number: usize, limit: Limit) -> Result<(), InvalidLimit> {
        self.turnstile.change(|limits, now| limits.set(number, limit, now))
    }

    /// Changes the rate of the first limit: [`set_limit`](RateLimiter::set_limit) with the burst as it is.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::new`]; then nothing has changed.
    pub fn set_rate(&self, rate: Rate) -> Result<(), InvalidLimit> {
        self.turnstile.change(|limits, now| {
            let (_, burst) = limits.first();
            limits.set(0, Limit::new(rate, burst), now)
        })
    }

    /// As [`set_rate`](RateLimiter::set_rate), if the rate still is `from`; else tells which it is. `to` is a part of
    /// it, and so can be used if it can. `forgo`: lets go of what has gathered.
    pub(crate) fn replace_rate(&self, from: Rate, to: Rate, forgo: bool) -> Result<(), Rate> {
        self.turnstile.change(|limits, now| {
            let (rate, burst) = limits.first();
            if rate != from {
                return Err(rate);
            }
            let _ = limits.set(0, Limit::new(to, burst), now);
            if forgo {
                limits.forgo(0, now);
            }
            Ok(())
        })
    }

    /// Changes how many tokens of the first limit may gather: [`set_limit`](RateLimiter::set_limit) with the rate as it
    /// is.
    ///
    /// # Errors
    ///
    /// A burst of 0; then nothing has changed.
    pub fn set_burst(&self, burst: u32) -> Result<(), InvalidLimit> {
        self.turnstile.change(|limits, now| {
            let (rate, _) = limits.first();
            limits.set(0, Limit::new(rate, burst), now)
        })
    }

    /// Grants nothing before `resume`, and then spaces those in line: see [a pause](RateLimiter#a-pause). A pause is
    /// only ever extended. Whoever cannot be served before its deadline any more is told so now.
    pub fn pause_until(&self, resume: Instant) {
        self.turnstile.change(|limits, now| limits.pause_until(resume, now));
    }

    /// As [`pause_until`](RateLimiter::pause_until), if `until`, told how many wait, tells an instant. Nothing is
    /// granted in between.
    pub(crate) fn pause_if(&self, until: impl FnOnce(usize) -> Option<Instant>) {
        self.turnstile.change_if(until, |limits, resume, now| limits.pause_until(resume, now));
    }

    /// How long a pause may be for anybody to wait for its end. Who is in line when a longer one begins, or comes while
    /// more than that is left of it, is told so at once. Defaults to any length.
    pub fn set_max_pause(&self, max_pause: Duration) {
        self.turnstile.change(|limits, _| limits.set_max_pause(max_pause));
    }

    /// Takes what a request costs if it is there and nobody waits for it. Tells when it did.
    pub(crate) fn try_acquire_cost(&self, cost: &Cost) -> Option<Instant> {
        self.turnstile.try_acquire(cost)
    }

    /// The end of the pause in force, if there is one.
    #[must_use]
    pub fn paused_until(&self) -> Option<Instant> {
        self.turnstile.look(Limits::paused_until)
    }

    /// The limits in force, each as its rate and its burst.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        self.turnstile.look(|limits, _| limits.iter().collect())
    }

    /// The rate in force, of the first limit.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.turnstile.look(|limits, _| limits.first().0)
    }

    /// How many tokens may gather, of the first limit.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.turnstile.look(|limits, _| limits.first().1)
    }

    /// How many threads are waiting at this moment.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.turnstile.waiting()
    }
}

/// No code of the caller's runs under its lock, so no panic leaves anything half done.
impl UnwindSafe for RateLimiter {}
impl RefUnwindSafe for RateLimiter {}

impl From<Denied<Hopeless>> for AcquireError {
    fn from(denied: Denied<Hopeless>) -> AcquireError {
        match denied {
            Denied::Cancelled => AcquireError::Cancelled,
            Denied::DeadlineExceeded => AcquireError::DeadlineExceeded,
            Denied::Hopeless(Hopeless::ExceedsBurst(exceeds)) => AcquireError::ExceedsBurst(exceeds),
            Denied::Hopeless(Hopeless::LongPause(until)) => AcquireError::LongPause(until),
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("limits", &self.limits())
            .field("waiting", &self.waiting())
            .finish()
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireError::Cancelled => f.write_str("cancelled while waiting for a token"),
            AcquireError::DeadlineExceeded => f.write_str("no token will be there before the deadline"),
            AcquireError::ExceedsBurst(exceeds) => exceeds.fmt(f),
            AcquireError::LongPause(_) => f.write_str("the pause in force is longer than is waited for"),
        }
    }
}

impl std::error::Error for AcquireError {}
