//! What a client may do: so many requests in so much time, so many at a time, and what its server asks for.
//!
//! All of it belongs to the client, not to a call: all calls on all clones of one client share it. With a shared quota
//! (`shared`) the limits and another cap belong to many processes together; who sends requests does not know which it
//! is. Not a trait with two implementors: what is the client's own (its cap, its controller, its pauses) is there in
//! both cases, and what is shared comes on top of it; and so the way within one process costs no call that cannot be
//! seen through.
//!
//! | file | what it is |
//! | --- | --- |
//! | `server` | what the server tells is done |
//! | `advice` | what an answer says of the server's limits |
//! | `adaptive` | what a server allows that does not say |
//! | `shared` | permits and tokens of a quota that many processes share |
//!
//! The order is *permit, then token, then send*. A token that is taken before a wait for a permit is used late, and
//! several such tokens at once break the bound on the wire. What came back is told ([`Quota::answered`]), and a pause
//! that the server asks for holds up all that is sent afterwards.

mod adaptive;
mod advice;
mod server;
#[cfg(feature = "redis")]
mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::cancel::{CancelToken, Stopped};
use crate::clock::Clock;
use crate::limiter::{AcquireError, Cost, RateLimiter};
use crate::turnstile::{Permit, Permits};

use adaptive::{Adaptive, Change, Ticket, Why};

pub(crate) use server::{Answered, RequestedPause};

/// What a request costs, by the text of its id.
pub(crate) type MakeCost = dyn Fn(&str) -> Cost + Send + Sync;

/// The limits, the in-flight cap, and what is known of the server's own.
pub(crate) struct Quota {
    limiter: RateLimiter,
    permits: Permits,
    settings: QuotaSettings,
    adaptive: Option<Mutex<Adaptive>>,
    /// The pause in force, if the server asked for it, and in which words.
    told: Mutex<Option<RequestedPause>>,
}

/// How a quota is kept.
pub(crate) struct QuotaSettings {
    pub(crate) max_in_flight: u32,
    /// None: one of each.
    pub(crate) cost: Option<Arc<MakeCost>>,
    /// Whether what the server tells is done.
    pub(crate) obey_server: bool,
    /// How much of the server's windows is left to others.
    pub(crate) reserve: u64,
    /// The longest pause of the server's that is waited for.
    pub(crate) max_wait: Duration,
    pub(crate) adaptive: bool,
    /// The limiter's.
    pub(crate) clock: Clock,
    #[cfg(feature = "redis")]
    pub(crate) shared: Option<crate::shared::SharedQuota>,
}

/// The right to have one request in flight. Every request still needs its token.
pub(crate) struct InFlight {
    permit: Permit,
    /// That of a shared quota comes with the first token.
    #[cfg(feature = "redis")]
    lease: Option<crate::shared::Lease>,
}

impl InFlight {
    pub(crate) fn since(&self) -> Instant {
        self.permit.granted_at
    }
}

/// The right to send one request, now.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) granted_at: Instant,
    /// How many of each limit it is.
    pub(crate) cost: Cost,
    /// Not to be used after that: what was granted elsewhere is late then.
    use_by: Option<Instant>,
    /// With which the controller knows it again.
    ticket: Option<Ticket>,
}

impl Token {
    /// Whether it has come too late to be used. To be asked right before the request is handed to HTTP.
    pub(crate) fn is_late(&self) -> bool {
        self.use_by.is_some_and(|use_by| use_by < Instant::now())
    }
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum Denied {
    Stopped(Stopped),
    /// The deadline has passed, and what was lacking was a permit of the shared quota.
    #[cfg(feature = "redis")]
    NoPermitInTime,
    /// The id costs more than can ever be had at once.
    ExceedsBurst(crate::limiter::ExceedsBurst),
    /// The server has asked for a pause that is longer than is waited for.
    LongPause(RequestedPause),
    /// The shared quota cannot be had.
    #[cfg(feature = "redis")]
    Shared(crate::shared::SharedError),
}

impl Quota {
    pub(crate) fn new(limiter: RateLimiter, settings: QuotaSettings) -> Quota {
        limiter.set_max_pause(settings.max_wait);
        let adaptive =
            settings.adaptive.then(|| Mutex::new(Adaptive::new(limiter.rate(), settings.max_in_flight)));
        Quota {
            limiter,
            permits: Permits::with_clock(settings.max_in_flight, settings.clock.clone()),
            adaptive,
            told: Mutex::default(),
            settings,
        }
    }

    /// Waits for a permit.
    pub(crate) fn enter(&self, cancel: &CancelToken) -> Result<InFlight, Stopped> {
        Ok(InFlight {
            permit: self.permits.acquire(1, cancel)?,
            #[cfg(feature = "redis")]
            lease: None,
        })
    }

    /// Waits for the token of the request that will be sent next, for this id; only who is in flight may.
    /// From a shared quota, the first one comes with a permit for all of its processes.
    pub(crate) fn token(
        &self,
        in_flight: &mut InFlight,
        id: &str,
        cancel: &CancelToken,
    ) -> Result<Token, Denied> {
        let token = self.own_token(id, cancel)?;
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.settings.shared {
            return self.shared_token(shared, token, in_flight, cancel);
        }
        let _ = in_flight;
        Ok(token)
    }

    fn own_token(&self, id: &str, cancel: &CancelToken) -> Result<Token, Denied> {
        let cost = self.settings.cost.as_ref().map_or(Cost::ONE, |cost| cost(id));
        let Some(adaptive) = &self.adaptive else {
            let granted_at = self.limiter.acquire_cost(cancel, cost).map_err(|error| self.denied(error))?;
            return Ok(Token { granted_at, cost, use_by: None, ticket: None });
        };
        cancel.check_flag().map_err(Denied::Stopped)?;
        let is_over = cancel.deadline().is_some_and(|deadline| deadline <= self.clock().now());
        let at_once = if is_over { None } else { self.limiter.try_acquire_cost(&cost) };
        let (granted_at, held_back) = match at_once {
            Some(granted_at) => (granted_at, false),
            None => (self.limiter.acquire_cost(cancel, cost).map_err(|error| self.denied(error))?, true),
        };
        Ok(Token { granted_at, cost, use_by: None, ticket: Some(adaptive.lock().sent(held_back)) })
    }

    /// No answer came to a request that had its token.
    pub(crate) fn unanswered(&self, token: Token) {
        if let Some((adaptive, ticket)) = self.adaptive.as_ref().zip(token.ticket) {
            adaptive.lock().unanswered(ticket);
        }
    }

    /// A token was late, and its request is not begun by it.
    pub(crate) fn thrown_away(&self, token: Token) {
        #[cfg(feature = "redis")]
        self.tell_of_late(&token);
        self.unanswered(token);
    }

    /// The server has refused it because of a limit of its own, or has not.
    fn adapt(&self, token: Token, refused: Option<Why>) {
        let Some((adaptive, ticket)) = self.adaptive.as_ref().zip(token.ticket) else {
            return;
        };
        // Under the lock to the end, so that of two changes the later one is in force.
        let mut adaptive = adaptive.lock();
        let before = adaptive.rate();
        let Change { rate, max_in_flight } = match refused {
            Some(why) => adaptive.refused(ticket, why),
            None => adaptive.admitted(ticket),
        };
        // What has gathered came at a rate that was too high; and a burst is what the server refuses first.
        let forgo = refused.is_some();
        if let Some(set) = rate.and_then(|rate| self.limiter.replace_rate(before, rate, forgo).err()) {
            // The user has set another one meanwhile: that is the most now.
            adaptive.configure(set);
        }
        if let Some(max_in_flight) = max_in_flight {
            self.permits.set_total(max_in_flight);
        }
    }

    fn denied(&self, error: AcquireError) -> Denied {
        match error {
            AcquireError::Cancelled => Denied::Stopped(Stopped::Cancelled),
            AcquireError::DeadlineExceeded => Denied::Stopped(Stopped::DeadlineExceeded),
            AcquireError::ExceedsBurst(exceeds) => Denied::ExceedsBurst(exceeds),
            AcquireError::LongPause(until) => Denied::LongPause(self.told_until(until)),
        }
    }

    pub(crate) fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.permits.held()
    }

    /// The clock by which all that is waited for here comes.
    pub(crate) fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    pub(crate) fn max_wait(&self) -> Duration {
        self.settings.max_wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::{Limit, Rate};
    use ureq::http::{HeaderMap, StatusCode};

    fn adaptive(rate: Rate, clock: &Clock) -> Quota {
        let limiter = RateLimiter::with_clock(&[Limit::new(rate, 1)], clock.clone()).unwrap();
        let settings = QuotaSettings {
            max_in_flight: 1,
            cost: None,
            obey_server: true,
            reserve: 0,
            max_wait: Duration::from_secs(1),
            adaptive: true,
            clock: clock.clone(),
            #[cfg(feature = "redis")]
            shared: None,
        };
        Quota::new(limiter, settings)
    }

    #[test]
    fn no_token_is_taken_after_the_deadline_by_who_adapts_either() {
        let clock = Clock::manual();
        let quota = adaptive(Rate::per_second(1), &clock);
        let cancel = CancelToken::new().with_deadline(clock.now() + Duration::from_secs(1));
        let mut in_flight = quota.enter(&cancel).unwrap();
        clock.advance(Duration::from_secs(1));
        let denied = quota.token(&mut in_flight, "7", &cancel).unwrap_err();
        assert!(matches!(denied, Denied::Stopped(Stopped::DeadlineExceeded)), "{denied:?}");
        assert!(quota.limiter().try_acquire());
    }

    /// Who is denied a token looks for the words a little later, and may find those of a longer pause.
    #[test]
    fn a_pause_that_the_server_has_extended_since_is_still_the_servers() {
        let clock = Clock::manual();
        let quota = adaptive(Rate::per_second(1), &clock);
        let told = |seconds: &'static str| {
            let token = Token { granted_at: clock.now(), cost: Cost::ONE, use_by: None, ticket: None };
            let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), seconds.parse().unwrap())]);
            quota.answered(token, "7", StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            quota.limiter().paused_until().unwrap()
        };
        let (first, second) = (told("10"), told("20"));
        assert_eq!(quota.told_until(first).to_string(), "retry-after: 20");
        assert_eq!(quota.told_until(second).to_string(), "retry-after: 20");
        let by_the_user = second + Duration::from_secs(1);
        assert_eq!(quota.told_until(by_the_user).to_string(), "paused by the caller");
    }

    /// Whatever it comes to, and however often it is refused or admitted.
    #[test]
    fn a_rate_that_the_user_sets_meanwhile_is_the_most_from_then_on() {
        let clock = Clock::manual();
        let quota = adaptive(Rate::per_second(1_000), &clock);
        let answered = |status: u16| {
            let ticket = quota.adaptive.as_ref().map(|adaptive| adaptive.lock().sent(true));
            let token = Token { granted_at: clock.now(), cost: Cost::ONE, use_by: None, ticket };
            quota.answered(token, "7", StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), b"");
            quota.limiter().rate()
        };
        assert_ne!(answered(429), Rate::per_second(1_000));
        let set = Rate::per_second(10);
        quota.limiter().set_rate(set).unwrap();
        let mut lowest = Duration::ZERO;
        for status in [429; 20].into_iter().chain([200; 3_000]) {
            let (tokens, per) = answered(status).parts().unwrap();
            let each = per / tokens;
            assert!(each >= Duration::from_millis(100), "{each:?}");
            lowest = lowest.max(each);
        }
        assert!(lowest > Duration::from_millis(100), "and it falls below that");
        assert_eq!(quota.limiter().rate(), set, "and climbs up to it");
    }
}
