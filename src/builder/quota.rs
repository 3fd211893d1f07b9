//! What a builder is told of the quota: the limits, the cap, and what the server says.

use std::sync::Arc;
use std::time::Duration;

use crate::error::BuildError;
use crate::limiter::{Cost, InvalidLimit, Limit, Rate, RateLimiter};
use crate::quota::{Quota, QuotaSettings};

use super::Builder;

/// The largest cap on requests in flight, since each has a thread: 1,024.
pub const MAX_IN_FLIGHT: usize = 1_024;

pub(super) const DEFAULT_RATE: Rate = Rate::per_second(10);

/// The quota.
impl Builder {
    /// How many requests in how much time, all calls on all clones of the client together. Every request on the wire
    /// counts: redirects and replays, too. Defaults to 10 a second.
    pub fn rate(mut self, rate: Rate) -> Builder {
        self.rate = Some(rate);
        self
    }

    /// How many requests may be made up for at once after a quieter time; at least 1. In every window of length `w`
    /// at most `burst + rate · w` requests are sent. Defaults to [`Rate::default_burst`]: what two seconds bring,
    /// from 1 to 20.
    ///
    /// A server that enforces the very same numbers can still see one too many, when the first request of a burst
    /// takes longer to reach it than those behind it. Where it forgives none, set the burst one below its own.
    pub fn burst(mut self, burst: u32) -> Builder {
        self.burst = Some(burst);
        self
    }

    /// One more limit, beside that of [`rate`](Builder::rate) and [`burst`](Builder::burst): all of them hold at once,
    /// each with its own exact bound. May be called again, for up to [`MAX_LIMITS`](crate::MAX_LIMITS) in all; they are
    /// numbered in order, and that of `rate` is number 0. Each can be changed while requests are sent, by
    /// [`set_limit`](crate::RateLimiter::set_limit).
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::{FanOutClient, Limit};
    ///
    /// // 10 a second with a burst of 20, and never more than 5,000 in any hour.
    /// let client = FanOutClient::builder("https://api.example.com/users/{id}")
    ///     .limit(Limit::at_most(5_000, Duration::from_secs(3_600)))
    ///     .build()?;
    /// # Ok::<(), fanout::BuildError>(())
    /// ```
    pub fn limit(mut self, limit: Limit) -> Builder {
        self.limits.push(limit);
        self
    }

    /// What each request of an id costs, by the text of the id: so many tokens of each limit. An id that costs more
    /// than a burst is refused before anything is sent for it. Where a cost is known only afterwards, tell the rest to
    /// [`settle`](crate::RateLimiter::settle), which a shared quota has as well. Defaults to one of each.
    pub fn cost(mut self, cost: impl Fn(&str) -> Cost + Send + Sync + 'static) -> Builder {
        self.cost = Some(Arc::new(cost));
        self
    }

    /// Whether to do what the server tells about its own limits: to pause when it asks for it (`Retry-After` and its
    /// kin), and before it must (when what is left of a window has come down to what is on the wire). Nothing that a
    /// server says makes anything faster than it is set here. Defaults to true.
    pub fn obey_server(mut self, obey: bool) -> Builder {
        self.obey_server = obey;
        self
    }

    /// How much of the server's windows is left to others that use the same key: when no more than that remains, the
    /// client pauses until the window begins anew. Defaults to 0.
    pub fn reserve(mut self, requests: u64) -> Builder {
        self.reserve = requests;
        self
    }

    /// The longest pause that is waited for. At a longer one nobody waits: those who would have to fail at once, with
    /// an error of the kind [`LongPause`](crate::ErrorKind::LongPause) that tells the server's words. The id whose
    /// request was refused fails with its status, and says the same. A pause of your own, by
    /// [`pause_until`](crate::RateLimiter::pause_until), counts as well. Defaults to 2 min.
    pub fn max_wait(mut self, max_wait: Duration) -> Builder {
        self.max_wait = max_wait;
        self
    }

    /// Whether to find out what the server allows where that is less than what is set here: its refusals lower the rate
    /// (of the first limit), or the number of requests in flight, and its acceptance raises them again, never above
    /// what is set (a rate that is [set](crate::RateLimiter::set_rate) meanwhile is the most from then on). Meant for
    /// servers that do not tell; goes well with [`retries`](Builder::retries). Defaults to false.
    pub fn adaptive(mut self, adaptive: bool) -> Builder {
        self.adaptive = adaptive;
        self
    }

    /// Keeps limits, pauses and retries by a clock that does not wait: see [`VirtualClock`](crate::VirtualClock).
    #[cfg(feature = "test-kit")]
    pub fn virtual_clock(mut self, clock: &crate::VirtualClock) -> Builder {
        self.clock = crate::clock::Clock::Virtual(clock.clone());
        self
    }

    /// Takes its permits and tokens from a quota that is shared with other processes: see
    /// [`SharedQuota`](crate::SharedQuota), whose limits stand in place of [`rate`](Builder::rate),
    /// [`burst`](Builder::burst) and [`limit`](Builder::limit), which are refused beside it. Its cap comes on top of
    /// the client's own [`max_in_flight`](Builder::max_in_flight), by which the client has its threads. What
    /// [`adaptive`](Builder::adaptive) finds out stays with this client, below the shared limits.
    #[cfg(feature = "redis")]
    pub fn shared(mut self, quota: &crate::SharedQuota) -> Builder {
        self.shared = Some(quota.clone());
        self
    }

    /// How many requests may be under way at the same time, all calls on all clones of the client together, from 1 to
    /// [`MAX_IN_FLIGHT`]. It is also how many workers one call may have. Defaults to 8.
    pub fn max_in_flight(mut self, max_in_flight: usize) -> Builder {
        self.max_in_flight = max_in_flight;
        self
    }
}

/// What is made of it.
impl Builder {
    pub(super) fn quota(&self) -> Result<Quota, BuildError> {
        let settings = QuotaSettings {
            max_in_flight: self.checked_in_flight()?,
            cost: self.cost.clone(),
            obey_server: self.obey_server,
            reserve: self.reserve,
            max_wait: self.max_wait,
            adaptive: self.adaptive,
            clock: self.clock.clone(),
            #[cfg(feature = "redis")]
            shared: self.shared.clone(),
        };
        Ok(Quota::new(self.limiter()?, settings))
    }

    fn checked_in_flight(&self) -> Result<u32, BuildError> {
        match u32::try_from(self.max_in_flight) {
            Ok(max @ 1..) if self.max_in_flight <= MAX_IN_FLIGHT => Ok(max),
            _ => {
                let right = format!("it may be from 1 to {MAX_IN_FLIGHT}");
                Err(BuildError::new("max_in_flight", self.max_in_flight, right))
            }
        }
    }

    fn limiter(&self) -> Result<RateLimiter, BuildError> {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            return self.limiter_beside(shared);
        }
        let rate = self.rate.unwrap_or(DEFAULT_RATE);
        let burst = self.burst.unwrap_or_else(|| rate.default_burst());
        let first = Limit::new(rate, burst);
        first.checked().map_err(|invalid| match invalid {
            InvalidLimit::ZeroBurst => BuildError::new("burst", burst, "at least 1"),
            invalid => BuildError::new("rate", rate, invalid),
        })?;
        for limit in &self.limits {
            // One by one, to name the one at fault.
            limit.checked().map_err(|invalid| BuildError::new("limit", limit, invalid))?;
        }
        let all: Vec<Limit> = [first].into_iter().chain(self.limits.iter().copied()).collect();
        let too_many = |invalid| BuildError::new("limit", format!("one of {}", all.len()), invalid);
        RateLimiter::with_clock(&all, self.clock.clone()).map_err(too_many)
    }

    /// The client's own limiter, where the limits are elsewhere: it holds nobody up but in a pause, or for the
    /// controller, which begins with what the shared limit allows.
    #[cfg(feature = "redis")]
    fn limiter_beside(&self, shared: &crate::SharedQuota) -> Result<RateLimiter, BuildError> {
        let elsewhere = "the limits are those of the shared quota; set it there";
        if let Some(rate) = self.rate {
            return Err(BuildError::new("rate", rate, elsewhere));
        }
        if let Some(burst) = self.burst {
            return Err(BuildError::new("burst", burst, elsewhere));
        }
        if let Some(limit) = self.limits.first() {
            return Err(BuildError::new("limit", limit, elsewhere));
        }
        if !self.clock.is_real() {
            let right = "a shared quota is kept by the clock of its server";
            return Err(BuildError::new("virtual_clock", "set", right));
        }
        let least = self.timeout.saturating_mul(2);
        if shared.counts_permits() && least > shared.lease() {
            let right = format!(
                "a request may take half as long as the lease of the shared quota, {:?}, and no longer",
                shared.lease()
            );
            return Err(BuildError::new("timeout", format!("{:?}", self.timeout), right));
        }
        let own = shared.first_limit().filter(|_| self.adaptive).unwrap_or(Limit::new(Rate::UNLIMITED, 1));
        RateLimiter::with_clock(&[own], self.clock.clone())
            .map_err(|invalid| BuildError::new("limit", own, invalid))
    }
}
