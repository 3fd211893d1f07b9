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
//! overflows, whatever the rate, the burst or the time.
//!
//! # The bound
//!
//! Credit is at most `burst · p` at the start of any window and `n` come with each nanosecond of it, while every
//! token granted takes `p`. So in *every* window of `w` nanoseconds at most `burst + n·w/p` tokens are granted, at
//! the instants that are passed in. A token is taken when it is there, never reserved for later, so a caller that
//! comes late cannot bunch up with those behind it.
//!
//! # Time that steps back
//!
//! The bucket remembers the latest instant up to which credit was counted. An earlier `now` counts nothing (it mints
//! no token) and moves nothing back (it loses none, and the span is not counted twice when time catches up). This is
//! what makes it safe to read a clock before the lock is taken; see golang/go#65508 for a limiter that is not.

use std::time::{Duration, Instant};

use crate::rate::{InvalidLimit, Rate};

/// A token bucket without a clock, a lock or a thread: it is told the time, and answers.
///
/// [`RateLimiter`](crate::RateLimiter) is this with a mutex and a condvar round it. Use the bucket itself in an event
/// loop, a simulation, or a test.
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
    credit: u128,
    /// Credit is counted up to here. Never moves back.
    counted_to: Instant,
    /// The end of the latest pause: nothing is granted before it.
    resumes_at: Option<Instant>,
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
    /// A rate of 0 tokens, over no time or over more than [`Rate::LONGEST`], and a burst of 0.
    pub fn new(rate: Rate, burst: u32, now: Instant) -> Result<TokenBucket, InvalidLimit> {
        let rate = rate.checked()?;
        if burst == 0 {
            return Err(InvalidLimit::ZeroBurst);
        }
        let credit = capacity(rate, burst);
        Ok(TokenBucket { rate, burst, credit, counted_to: now, resumes_at: None })
    }

    /// Takes `tokens` if they are there at `now`, or tells when they will be. `0` is granted unless paused.
    ///
    /// # Errors
    ///
    /// More than the burst: they can never be there at once. (Not when the rate is unlimited.)
    pub fn take(&mut self, tokens: u32, now: Instant) -> Result<Take, ExceedsBurst> {
        self.check(tokens)?;
        if self.take_if_there(tokens, now) {
            return Ok(Take::Taken);
        }
        Ok(Take::DueAt(self.due(u64::from(tokens), now)))
    }

    /// As [`take`](TokenBucket::take). More than the burst are never there.
    pub(crate) fn take_if_there(&mut self, tokens: u32, now: Instant) -> bool {
        self.count(now);
        let cost = self.cost(u64::from(tokens));
        let there = cost <= self.credit && self.resumes_at.is_none_or(|resume| resume <= now);
        if there {
            self.credit -= cost;
        }
        there
    }

    /// Whether so many could ever be granted at once.
    pub(crate) fn check(&self, tokens: u32) -> Result<(), ExceedsBurst> {
        if self.rate.is_some() && tokens > self.burst {
            return Err(ExceedsBurst { tokens, burst: self.burst });
        }
        Ok(())
    }

    /// When the last of `tokens` will have been granted, each as soon as it is there: `now` or earlier means "at
    /// once". `tokens` may exceed the burst; that is a queue of several requests.
    pub(crate) fn due(&mut self, tokens: u64, now: Instant) -> Instant {
        self.count(now);
        let missing = self.cost(tokens).saturating_sub(self.credit);
        let Some((per_nano, _)) = self.rate.filter(|_| missing > 0) else {
            return self.paused_until(now).unwrap_or(now);
        };
        let wait = missing.div_ceil(u128::from(per_nano));
        later(self.counted_to, u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// How long so many tokens may be there before the bucket is full, and more of them are lost.
    pub(crate) fn spare(&self, tokens: u32) -> Duration {
        let room = capacity(self.rate, self.burst).saturating_sub(self.cost(u64::from(tokens)));
        let nanos = self.rate.map_or(u128::MAX, |(per_nano, _)| room / u128::from(per_nano));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
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
            (Some((_, old)), Some((_, new))) => {
                // Whole tokens and the rest apart, so that no product needs more than 128 bits.
                let (old, new) = (u128::from(old), u128::from(new));
                (self.credit / old) * new + (self.credit % old) * new / old
            }
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

    /// Grants nothing before `resume`. During the pause no credit comes and none is lost: at its end the tokens are
    /// there that were there when it began, and what has queued up beyond them is released at the rate. A pause is
    /// only ever extended: an earlier `resume` than the one in force changes nothing.
    pub fn pause_until(&mut self, resume: Instant, now: Instant) {
        self.count(now);
        if resume > self.counted_to {
            self.resumes_at = Some(resume);
            self.counted_to = resume;
        }
    }

    /// The end of the pause in force at `now`, if there is one.
    #[must_use]
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.resumes_at.filter(|resume| *resume > now)
    }

    /// How many whole tokens are there at `now`; [`u32::MAX`] if the rate is unlimited, 0 during a pause.
    pub fn available(&mut self, now: Instant) -> u32 {
        self.count(now);
        match self.rate {
            _ if self.paused_until(now).is_some() => 0,
            None => u32::MAX,
            Some((_, per)) => u32::try_from(self.credit / u128::from(per)).unwrap_or(u32::MAX),
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
            let gain = u128::from(per_nano) * u128::from(nanos);
            self.credit = (self.credit + gain).min(capacity(self.rate, self.burst));
        }
    }

    fn cost(&self, tokens: u64) -> u128 {
        self.rate.map_or(0, |(_, per)| u128::from(tokens) * u128::from(per))
    }
}

fn capacity(rate: Option<(u32, u64)>, burst: u32) -> u128 {
    rate.map_or(0, |(_, per)| u128::from(burst) * u128::from(per))
}

/// `start` and so many nanoseconds; where the platform cannot name that instant, the furthest it can.
pub(crate) fn later(start: Instant, nanos: u64) -> Instant {
    let mut nanos = nanos;
    loop {
        match start.checked_add(Duration::from_nanos(nanos)) {
            Some(instant) => return instant,
            None => nanos /= 2,
        }
    }
}

impl std::fmt::Display for ExceedsBurst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ExceedsBurst { tokens, burst } = self;
        write!(f, "{tokens} tokens at once are more than the burst of {burst} and would never be there")
    }
}

impl std::error::Error for ExceedsBurst {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(rate: Rate, burst: u32) -> (TokenBucket, Instant) {
        let start = Instant::now();
        (TokenBucket::new(rate, burst, start).unwrap(), start)
    }

    #[test]
    fn starts_full_and_refills_at_the_rate() {
        let (mut bucket, t0) = bucket(Rate::per_second(10), 20);
        assert_eq!(bucket.take(20, t0), Ok(Take::Taken));
        for tenth in 1..=40 {
            let due = t0 + SECOND / 10 * tenth;
            assert_eq!(bucket.take(1, due - Duration::from_nanos(1)), Ok(Take::DueAt(due)));
            assert_eq!(bucket.take(1, due), Ok(Take::Taken));
        }
    }

    #[test]
    fn ten_years_bring_every_token_at_its_very_nanosecond() {
        let month = 30 * 86_400_u64;
        for (rate, monthly) in
            [(Rate::per_second(3), 3 * month), (Rate::new(5_000, SECOND * 3_600), 5_000 * month / 3_600)]
        {
            let monthly = u32::try_from(monthly).unwrap();
            let (mut bucket, t0) = bucket(rate, monthly + 1);
            bucket.take(monthly + 1, t0).unwrap();
            for end in (1..=120).map(|months| t0 + Duration::from_secs(month * months)) {
                // All but the last, at an odd instant: the fraction that stays behind must not get lost.
                bucket.take(monthly - 1, end - Duration::from_nanos(7)).unwrap();
                assert_eq!(bucket.take(1, end - Duration::from_nanos(1)), Ok(Take::DueAt(end)), "{rate}");
                assert_eq!(bucket.take(1, end), Ok(Take::Taken), "{rate}");
            }
        }
    }

    #[test]
    fn with_a_burst_of_two_rounding_up_is_carried_and_nothing_is_lost() {
        // 5,000/h is one each 720 ms; 7/s is one each 142,857,142.86 ns. Burst 2 keeps the fractions.
        for rate in [Rate::new(5_000, Duration::from_secs(3_600)), Rate::per_second(7)] {
            let (mut bucket, t0) = bucket(rate, 2);
            let (tokens, per) = rate.parts().unwrap();
            bucket.take(2, t0).unwrap();
            let mut now = t0;
            for _ in 0..u64::from(tokens) * 100 {
                while let Ok(Take::DueAt(due)) = bucket.take(1, now) {
                    now = due;
                }
            }
            assert!(now >= t0 + per * 100);
            assert!(
                now - (t0 + per * 100) <= Duration::from_nanos(1),
                "{rate}: {:?}",
                now - (t0 + per * 100)
            );
        }
    }

    #[test]
    fn a_clock_that_steps_back_neither_mints_nor_loses() {
        let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
        let t9 = t0 + SECOND * 9;
        assert_eq!(bucket.take(5, t9), Ok(Take::Taken));
        for _ in 0..100 {
            assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t9 + SECOND)));
            assert_eq!(bucket.take(1, t9), Ok(Take::DueAt(t9 + SECOND)));
        }
        assert_eq!(bucket.take(1, t9 + SECOND), Ok(Take::Taken));
        assert_eq!(bucket.take(1, t9 + SECOND), Ok(Take::DueAt(t9 + SECOND * 2)));
    }

    #[test]
    fn tokens_that_are_there_can_be_taken_by_a_clock_that_lags() {
        let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
        assert_eq!(bucket.available(t0 + SECOND), 5);
        assert_eq!(bucket.take(5, t0), Ok(Take::Taken));
    }

    #[test]
    fn more_than_the_burst_is_an_error_and_never_a_wait() {
        let (mut bucket, t0) = bucket(Rate::per_second(1), 5);
        assert_eq!(bucket.take(6, t0), Err(ExceedsBurst { tokens: 6, burst: 5 }));
        assert_eq!(bucket.take(5, t0), Ok(Take::Taken));
    }

    #[test]
    fn unlimited_grants_everything_and_ends_with_an_empty_bucket() {
        let (mut bucket, t0) = bucket(Rate::UNLIMITED, 1);
        assert_eq!(bucket.take(u32::MAX, t0), Ok(Take::Taken));
        assert_eq!(bucket.available(t0), u32::MAX);
        bucket.set_rate(Rate::per_second(1), t0).unwrap();
        assert_eq!(bucket.take(1, t0), Ok(Take::DueAt(t0 + SECOND)));
    }

    #[test]
    fn a_new_rate_keeps_the_tokens_that_are_there() {
        let (mut bucket, t0) = bucket(Rate::per_second(10), 10);
        bucket.take(10, t0).unwrap();
        let half = t0 + SECOND / 4; // two and a half tokens
        bucket.set_rate(Rate::per_second(1), half).unwrap();
        assert_eq!(bucket.available(half), 2);
        assert_eq!(bucket.take(3, half), Ok(Take::DueAt(half + SECOND / 2)));
        assert_eq!(bucket.set_rate(Rate::per_second(0), half), Err(InvalidLimit::ZeroRate));
        assert_eq!(bucket.rate(), Rate::per_second(1));
    }

    #[test]
    fn a_smaller_burst_loses_what_it_cannot_hold_and_a_larger_one_adds_nothing() {
        let (mut bucket, t0) = bucket(Rate::per_second(1), 10);
        bucket.set_burst(4, t0).unwrap();
        assert_eq!(bucket.available(t0), 4);
        bucket.set_burst(100, t0).unwrap();
        assert_eq!(bucket.available(t0), 4);
        assert_eq!(bucket.available(t0 + SECOND * 2), 6);
        assert_eq!(bucket.set_burst(0, t0), Err(InvalidLimit::ZeroBurst));
    }

    #[test]
    fn tokens_that_are_there_are_lost_to_nobody_until_the_bucket_is_full() {
        let (bucket, _) = bucket(Rate::per_second(10), 5);
        let spare = [1, 5, 6].map(|tokens| bucket.spare(tokens));
        assert_eq!(spare, [SECOND * 4 / 10, Duration::ZERO, Duration::ZERO]);
        let unlimited = TokenBucket::new(Rate::UNLIMITED, 1, Instant::now()).unwrap();
        assert_eq!(unlimited.spare(1), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_pause_stops_the_grants_and_the_credit() {
        let (mut bucket, t0) = bucket(Rate::per_second(10), 5);
        bucket.take(3, t0).unwrap();
        let end = t0 + SECOND * 60;
        bucket.pause_until(end, t0);
        bucket.pause_until(t0 + SECOND, t0); // only ever extended
        assert_eq!(bucket.paused_until(t0), Some(end));
        assert_eq!(bucket.take(1, t0 + SECOND), Ok(Take::DueAt(end)));
        assert_eq!(bucket.available(t0 + SECOND), 0);
        assert_eq!(bucket.take(2, end), Ok(Take::Taken));
        assert_eq!(bucket.take(1, end), Ok(Take::DueAt(end + SECOND / 10)));
        assert_eq!(bucket.paused_until(end), None);
    }

    #[test]
    fn the_extremes_neither_overflow_nor_panic() {
        let t0 = Instant::now();
        for (tokens, per) in
            [(1, Rate::LONGEST), (u32::MAX, Rate::LONGEST), (u32::MAX, Duration::from_nanos(1))]
        {
            for burst in [1, u32::MAX] {
                let mut bucket = TokenBucket::new(Rate::new(tokens, per), burst, t0).unwrap();
                assert_eq!(bucket.take(burst, t0), Ok(Take::Taken));
                assert!(matches!(bucket.take(burst, t0), Ok(Take::DueAt(due)) if due > t0));
                let far = later(t0, u64::MAX);
                let _ = bucket.take(1, far);
                let _ = bucket.due(u64::MAX, far);
                bucket.set_rate(Rate::new(u32::MAX, Rate::LONGEST), far).unwrap();
                bucket.set_rate(Rate::new(1, Duration::from_nanos(1)), far).unwrap();
                bucket.pause_until(far, t0);
                let _ = bucket.take(burst, t0);
            }
        }
    }
}
