//! The rate limiter: a token bucket with a line of threads before it.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use crate::bucket::{ExceedsBurst, TokenBucket};
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::rate::{InvalidLimit, Rate};
use crate::turnstile::{Denied, Due, Supply, Turnstile};

/// A rate limiter that threads wait at.
///
/// A token bucket: tokens come at a [`Rate`], at most a *burst* of them gather, and whoever takes one may go. In
/// every window of length `w`, at most `burst + rate · w` tokens are granted: exactly, at the instants that
/// [`acquire`](RateLimiter::acquire) returns, with any number of threads.
///
/// * **First come, first served.** Whoever arrives waits behind all who wait already. One who wants many tokens holds
///   up those behind, and is never overtaken by them.
/// * **Blocks on a condvar** until the very instant at which its token is there. Nothing polls and nothing sleeps;
///   there is no thread behind it.
/// * **Giving up costs nothing.** A token is taken at the instant it is granted. One who is cancelled, or whose
///   deadline comes, leaves the line at once, and those behind move up.
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
#[derive(Clone)]
pub struct RateLimiter {
    turnstile: Arc<Turnstile<TokenBucket>>,
}

/// Why no token was granted. None was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireError {
    /// The token was cancelled.
    Cancelled,
    /// The deadline has passed, or will pass before the tokens can be there with everyone ahead served.
    DeadlineExceeded,
    /// More tokens at once than may ever gather.
    ExceedsBurst(ExceedsBurst),
}

impl RateLimiter {
    /// A limiter with a full bucket.
    ///
    /// # Errors
    ///
    /// A rate of 0, over no time or over more than [`Rate::LONGEST`], and a burst of 0.
    pub fn new(rate: Rate, burst: u32) -> Result<RateLimiter, InvalidLimit> {
        RateLimiter::with_clock(rate, burst, Clock::default())
    }

    pub(crate) fn with_clock(rate: Rate, burst: u32, clock: Clock) -> Result<RateLimiter, InvalidLimit> {
        let bucket = TokenBucket::new(rate, burst, clock.now())?;
        Ok(RateLimiter { turnstile: Turnstile::new(bucket, clock) })
    }

    /// Waits for a token. Returns the instant at which it was granted.
    ///
    /// # Errors
    ///
    /// `cancel` was cancelled, or its deadline comes before the token.
    pub fn acquire(&self, cancel: &CancelToken) -> Result<Instant, AcquireError> {
        self.acquire_n(cancel, 1)
    }

    /// Waits for `tokens` tokens, and takes all of them at once. `0` waits for its turn only.
    ///
    /// # Errors
    ///
    /// As [`acquire`](RateLimiter::acquire), and at once if `tokens` is more than the burst: they would never be
    /// there. If [`set_burst`](RateLimiter::set_burst) makes that so during the wait, the wait fails then.
    pub fn acquire_n(&self, cancel: &CancelToken, tokens: u32) -> Result<Instant, AcquireError> {
        Ok(self.turnstile.acquire(tokens, cancel, cancel.deadline())?)
    }

    /// Waits for a token until `deadline`, or the deadline of `cancel` if that is earlier.
    ///
    /// # Errors
    ///
    /// As [`acquire`](RateLimiter::acquire).
    pub fn acquire_by(&self, cancel: &CancelToken, deadline: Instant) -> Result<Instant, AcquireError> {
        let deadline = cancel.deadline().map_or(deadline, |own| own.min(deadline));
        Ok(self.turnstile.acquire(1, cancel, Some(deadline))?)
    }

    /// Takes a token if one is there and nobody waits for it; never blocks. Tells whether it did.
    #[must_use]
    pub fn try_acquire(&self) -> bool {
        self.turnstile.try_acquire(1).is_some()
    }

    /// Changes the rate, for those who wait as well. See [`TokenBucket::set_rate`] for what becomes of the tokens
    /// that are there. Whoever cannot be served before its deadline any more is told so now.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::new`]; then nothing has changed.
    pub fn set_rate(&self, rate: Rate) -> Result<(), InvalidLimit> {
        self.turnstile.change(|bucket, now| bucket.set_rate(rate, now))
    }

    /// Changes how many tokens may gather. Whoever waits for more than that is told so now.
    ///
    /// # Errors
    ///
    /// A burst of 0; then nothing has changed.
    pub fn set_burst(&self, burst: u32) -> Result<(), InvalidLimit> {
        self.turnstile.change(|bucket, now| bucket.set_burst(burst, now))
    }

    /// Grants nothing before `resume`. A pause is only ever extended. During it no tokens come and none are lost: at
    /// its end the tokens are there that were there when it began, and the line beyond them is released at the rate.
    /// Whoever cannot be served before its deadline any more is told so now.
    pub fn pause_until(&self, resume: Instant) {
        self.turnstile.change(|bucket, now| bucket.pause_until(resume, now));
    }

    /// The end of the pause in force, if there is one.
    #[must_use]
    pub fn paused_until(&self) -> Option<Instant> {
        self.turnstile.look(|bucket, now| bucket.paused_until(now))
    }

    /// The rate in force.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.turnstile.look(|bucket, _| bucket.rate())
    }

    /// How many tokens may gather.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.turnstile.look(|bucket, _| bucket.burst())
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

impl Supply for TokenBucket {
    type TooMany = ExceedsBurst;

    fn check(&self, tokens: u32) -> Result<(), ExceedsBurst> {
        TokenBucket::check(self, tokens)
    }

    fn take(&mut self, tokens: u32, now: Instant) -> Result<(), Option<Due>> {
        if self.take_if_there(tokens, now) {
            return Ok(());
        }
        let at = TokenBucket::due(self, u64::from(tokens), now);
        Err(Some(Due { at, spare: self.spare(tokens) }))
    }

    fn due(&mut self, tokens: u64, now: Instant) -> Option<Instant> {
        Some(TokenBucket::due(self, tokens, now))
    }
}

impl From<Denied<ExceedsBurst>> for AcquireError {
    fn from(denied: Denied<ExceedsBurst>) -> AcquireError {
        match denied {
            Denied::Cancelled => AcquireError::Cancelled,
            Denied::DeadlineExceeded => AcquireError::DeadlineExceeded,
            Denied::TooMany(exceeds) => AcquireError::ExceedsBurst(exceeds),
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("rate", &self.rate())
            .field("burst", &self.burst())
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
        }
    }
}

impl std::error::Error for AcquireError {}
