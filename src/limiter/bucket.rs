//! The arithmetic of a token bucket: pure, exact, with the time passed in.
//!
//! # The numbers
//!
//! A rate is `n` tokens per `p` nanoseconds. Dividing one by the other loses a remainder for each token (`3/s` is
//! not 333,333,333 ns) and floating point loses one for each addition, so neither is done. Instead, *credit* is
//! counted in a unit of which
//!
//! * each nanosecond brings `n`,
//! * one token costs `p`,
//! * at most `burst · p` gather.
//!
//! All three are integers, and what is left over from one token counts for the next: nothing is rounded, but for a
//! change of the rate, which rounds what has gathered down to a whole unit of credit. (With a burst of 1 there is no
//! room for what the last nanosecond of a wait brings beyond the token: less than a nanosecond a token is lost.)
//!
//! `n` and the burst fit 32 bits and `p` fits 64, so that credit fits 96 bits and every product here 128: nothing
//! overflows, whatever the rate, the burst or the time. Only a debt can grow beyond that, and saturates.
//!
//! # The bound
//!
//! Credit is at most `burst · p` at the start of any window and `n` come with each nanosecond of it, while every
//! token granted takes `p`. So in *every* window of `w` nanoseconds at most `burst + n·w/p` tokens are granted, at
//! the instants that are passed in. A token is taken when it is there, never reserved for later, so a caller that
//! comes late cannot bunch up with those behind it.
//!
//! # Debts
//!
//! What a grant costs is sometimes known only afterwards. What it cost more than was taken for it is *settled*: credit
//! falls by that much, below zero if need be. That is a debt; nothing is granted before it is paid back and the next
//! tokens have come. What it cost less comes back, up to the burst. So in every window of `w` nanoseconds, what was
//! taken and settled in it is at most `burst + n·w/p` and the debt at its end, which is paid back by what follows.
//!
//! # Time that steps back
//!
//! The bucket remembers the latest instant up to which credit was counted. An earlier `now` counts nothing (it mints
//! no token) and moves nothing back (it loses none, and the span is not counted twice when time catches up). This is
//! what makes it safe to read a clock before the lock is taken; see golang/go#65508 for a limiter that is not.

use std::time::{Duration, Instant};

use crate::clock::later;

use super::rate::{InvalidLimit, Rate};

/// A token bucket without a clock, a lock or a thread: it is told the time, and answers.
///
/// [`RateLimiter`](crate::RateLimiter) is one of these for each of its limits, with a line of threads before them. Use
/// the bucket itself in an event loop, a simulation, or a test.
///
/// ```
/// use std::time::{Duration, Instant};
/// use fanout::{Rate, Take, TokenBucket};
///
/// let start = Instant::now();
/// let mut bucket = TokenBucket::new(Rate::per_second(10), 2, start)?;
/// assert_eq!(bucket.take(2, start), Ok(Take::Taken));
/// assert_eq!(bucket.take(1, start), Ok(Take::DueAt(start + Duration::from_millis(100))));
/// assert_eq!(bucket.take(1, start + Duration::from_millis(100)), Ok(Take::Taken));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// `None`: no limit, and nothing is counted.
    rate: Option<(u32, u64)>,
    burst: u32,
    /// Below zero: a debt.
    credit: i128,
    /// Credit is counted up to here. Never moves back.
    counted_to: Instant,
}

/// What [`TokenBucket::take`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The tokens were there and have been taken.
    Taken,
    /// Nothing was taken. If nobody else takes any, the tokens will be there at this instant and not before.
    DueAt(Instant),
}

/// More tokens were asked for than may ever gather: no wait would bring them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExceedsBurst {
    /// What was asked for.
    pub tokens: u32,
    /// The most that can be had at once.
    pub burst: u32,
}

impl TokenBucket {
    /// A full bucket: `burst` tokens are there at `now`.
    ///
    /// # Errors
    ///
    /// A rate of 0 tokens, over no time or over more than [`Rate::LONGEST`]; a burst of 0.
    pub fn new(rate: Rate, burst: u32, now: Instant) -> Result<TokenBucket, InvalidLimit> {
        let rate = rate.checked()?;
        if burst == 0 {
            return Err(InvalidLimit::ZeroBurst);
        }
        let credit = capacity(rate, burst);
        Ok(TokenBucket { rate, burst, credit, counted_to: now })
    }

    /// Takes `tokens` if they are there at `now`, or tells when they will be. `0` is always granted.
    ///
    /// # Errors
    ///
    /// More than the burst: they can never be there at once. (Not when the rate is unlimited.)
    pub fn take(&mut self, tokens: u32, now: Instant) -> Result<Take, ExceedsBurst> {
        self.check(tokens)?;
        if self.is_there(tokens, now) {
            self.spend(tokens);
            return Ok(Take::Taken);
        }
        Ok(Take::DueAt(self.due(tokens)))
    }

    /// Whether so many could ever be granted at once.
    pub(crate) fn check(&self, tokens: u32) -> Result<(), ExceedsBurst> {
        if self.rate.is_some() && tokens > self.burst {
            return Err(ExceedsBurst { tokens, burst: self.burst });
        }
        Ok(())
    }

    /// Whether so many can be taken at `now`. More than the burst never can.
    pub(crate) fn is_there(&mut self, tokens: u32, now: Instant) -> bool {
        self.count(now);
        self.missing(tokens) <= 0
    }

    /// Takes tokens that are there.
    pub(crate) fn spend(&mut self, tokens: u32) {
        self.credit -= self.cost(tokens);
    }

    /// When tokens will be there that are not, as of the latest count.
    pub(crate) fn due(&self, tokens: u32) -> Instant {
        later(self.counted_to, self.nanos(self.missing(tokens)).unwrap_or(0))
    }

    /// How long so many tokens may be there before the bucket is full, and more of them are lost.
    pub(crate) fn spare(&self, tokens: u32) -> Duration {
        let room = capacity(self.rate, self.burst) - self.cost(tokens);
        Duration::from_nanos(self.nanos(room).unwrap_or(u64::MAX))
    }

    /// How long it takes until so many tokens have come, at the rate; nothing if it is unlimited.
    pub(crate) fn span(&self, tokens: u32) -> Duration {
        Duration::from_nanos(self.nanos(self.cost(tokens)).unwrap_or(0))
    }

    /// Takes `extra` tokens more at `now`, for something that was granted before, whether they are there or not: what
    /// is not there is a debt, and the next tokens pay it back first. A negative `extra` gives tokens back; what the
    /// burst cannot hold of them is lost. Does nothing if the rate is unlimited.
    pub fn settle(&mut self, extra: i64, now: Instant) {
        self.count(now);
        let cost = self.rate.map_or(0, |(_, per)| i128::from(extra) * i128::from(per));
        self.credit = self.credit.saturating_sub(cost).min(capacity(self.rate, self.burst));
    }

    /// Changes the rate at `now`. Tokens that have gathered stay, and what there is of the next one; what comes from
    /// now on comes at the new rate. Coming from [`Rate::UNLIMITED`], where nothing is counted, the bucket starts
    /// empty.
    ///
    /// # Errors
    ///
    /// As for [`TokenBucket::new`]; then nothing has changed.
    pub fn set_rate(&mut self, rate: Rate, now: Instant) -> Result<(), InvalidLimit> {
        let rate = rate.checked()?;
        self.count(now);
        self.credit = match (self.rate, rate) {
            (Some((_, old)), Some((_, new))) => convert(self.credit, old, new),
            _ => 0,
        };
        self.rate = rate;
        Ok(())
    }

    /// Changes at `now` how many tokens may gather. If more than that have gathered, the rest is lost; if fewer, none
    /// are added.
    ///
    /// # Errors
    ///
    /// A burst of 0; then nothing has changed.
    pub fn set_burst(&mut self, burst: u32, now: Instant) -> Result<(), InvalidLimit> {
        if burst == 0 {
            return Err(InvalidLimit::ZeroBurst);
        }
        self.count(now);
        self.burst = burst;
        self.credit = self.credit.min(capacity(self.rate, burst));
        Ok(())
    }

    /// How many whole tokens are there at `now`; [`u32::MAX`] if the rate is unlimited, 0 during a debt.
    pub fn available(&mut self, now: Instant) -> u32 {
        self.count(now);
        match self.rate {
            None => u32::MAX,
            Some((_, per)) => u32::try_from(self.credit.max(0) / i128::from(per)).unwrap_or(u32::MAX),
        }
    }

    /// How many tokens may gather.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// The rate in force.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate.map_or(Rate::UNLIMITED, |(tokens, per)| Rate::new(tokens, Duration::from_nanos(per)))
    }

    /// Counts the credit that has come up to `now`. See "Time that steps back".
    fn count(&mut self, now: Instant) {
        let Some(elapsed) = now.checked_duration_since(self.counted_to) else {
            return;
        };
        self.counted_to = now;
        if let Some((per_nano, _)) = self.rate {
            let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
            let gain = i128::from(per_nano) * i128::from(nanos);
            self.credit = (self.credit + gain).min(capacity(self.rate, self.burst));
        }
    }

    /// How much credit there is too little; zero or less if there is enough.
    fn missing(&self, tokens: u32) -> i128 {
        match self.cost(tokens) {
            // Who wants nothing does not wait for the end of a debt.
            0 => 0,
            cost => cost.saturating_sub(self.credit),
        }
    }

    fn cost(&self, tokens: u32) -> i128 {
        capacity(self.rate, tokens)
    }

    /// In how many nanoseconds so much credit comes, rounded up; nothing if none is counted.
    fn nanos(&self, credit: i128) -> Option<u64> {
        let (per_nano, _) = self.rate?;
        let nanos = u128::try_from(credit).unwrap_or(0).div_ceil(u128::from(per_nano));
        Some(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The credit of so many tokens.
fn capacity(rate: Option<(u32, u64)>, tokens: u32) -> i128 {
    rate.map_or(0, |(_, per)| i128::from(tokens) * i128::from(per))
}

/// Credit in which a token costs `old`, in a unit in which it costs `new`, rounded down.
fn convert(credit: i128, old: u64, new: u64) -> i128 {
    // Whole tokens and the rest apart, so that no product needs more than 128 bits, but for a debt beyond measure.
    let whole = credit.div_euclid(old.into()).saturating_mul(new.into());
    let rest = credit.rem_euclid(old.into()).unsigned_abs() * u128::from(new) / u128::from(old);
    whole.saturating_add_unsigned(rest)
}

impl std::fmt::Display for ExceedsBurst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ExceedsBurst { tokens, burst } = self;
        write!(f, "{tokens} tokens at once are more than the burst of {burst} and would never be there")
    }
}

impl std::error::Error for ExceedsBurst {}

#[cfg(test)]
mod tests;
