//! Finds out what a server allows where that is less than what is configured: a rate and a number of requests in
//! flight, each on its own, and neither ever above what is configured. Pure: no clock, no lock, no thread.
//!
//! Whoever sends requests says so, and says what became of each: *admitted*, if the server did with it whatever it
//! does (a 404 is as good as a 200 here), *refused*, if it asked for less, or neither. In return he is told which rate
//! and which cap to use from then on. How they fall and climb is in `level`.
//!
//! A refusal is for one of the two ([`Why`]): what is too many at a time is not too fast. The rate climbs by requests
//! that had to wait for their token, the cap by requests that were the last to fit under it.
//!
//! # Measured
//!
//! Ten minutes of virtual time against the model in `tests/model`. The server's limit is a token bucket, exact. Eight
//! workers (32 at 100/s) always have something to send; it is on its way for 25 ms, or up to 25 ms longer (not where
//! the server's burst is 1, which would bear no jitter), the service takes 50 ms, and the answer is back in 25. The
//! client's burst is 20. *Used* is what was admitted, in percent of what the limit allows, from the second minute to
//! the tenth, and in the worst of these; *refused* is in percent of what was sent in them, and, for the first minute,
//! a number. Where the limit changes, it does so after five minutes. Tests hold these tables against the code.
//!
//! | configured | limit | server's burst | used | worst minute | refused | in the first minute | cuts |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 10/s | 7/s | 20 | 100.2 % | 98.1 % | 0.50 % | 4 | 23 |
//! | 10/s | 3/s | 20 | 100.2 % | 95.6 % | 0.49 % | 8 | 14 |
//! | 10/s | 10/s | 20 | 100.0 % | 100.0 % | 0.00 % | 1 | 1 |
//! | 10/s | 7/s, then 3/s | 20 | 100.0 % | 97.2 % | 0.62 % | 4 | 20 |
//! | 10/s | 3/s, then 7/s | 20 | 97.4 % | 83.6 % | 0.51 % | 8 | 20 |
//! | 10/s | 7/s | 1 | 97.4 % | 97.1 % | 0.32 % | 21 | 15 |
//! | 10/s | 3/s | 1 | 97.2 % | 96.7 % | 0.25 % | 26 | 11 |
//! | 10/s | 10/s | 1 | 99.4 % | 94.3 % | 0.00 % | 19 | 2 |
//! | 10/s | 7/s, then 3/s | 1 | 96.9 % | 94.4 % | 0.56 % | 21 | 16 |
//! | 10/s | 3/s, then 7/s | 1 | 90.1 % | 51.0 % | 0.27 % | 26 | 14 |
//! | 100/s | 70/s | 20 | 99.7 % | 98.5 % | 0.63 % | 34 | 177 |
//! | 100/s | 30/s | 20 | 99.9 % | 99.4 % | 0.61 % | 38 | 96 |
//! | 100/s | 30/s, then 70/s | 20 | 99.7 % | 98.6 % | 0.65 % | 38 | 136 |
//!
//! Without any of this, three in ten are refused where the limit is 7/s. What costs most is a limit that is raised: at
//! 3/s it takes a minute to pay for a refusal, and only then is more asked for. That is the price of refusing so few.
//!
//! And for a server that serves so many requests at a time, and does not look at the rate. *Used* is in percent of
//! what a client gets that knows the limit; a little more is to be had where one answer is under way while the next
//! request already is, too.
//!
//! | configured | limit | used | worst minute | refused | in the first minute | cuts |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 8 | 5 | 100.2 % | 99.6 % | 0.28 % | 10 | 52 |
//! | 8 | 2 | 100.3 % | 99.6 % | 0.25 % | 27 | 22 |
//! | 8 | 8 | 100.0 % | 100.0 % | 0.00 % | 0 | 0 |
//! | 8 | 6, then 2 | 99.8 % | 98.7 % | 0.40 % | 8 | 42 |
//! | 8 | 2, then 6 | 99.6 % | 94.7 % | 0.27 % | 27 | 42 |
//! | 32 | 22 | 101.3 % | 100.8 % | 0.24 % | 34 | 169 |
//!
//! # What it cannot do
//!
//! A server that refuses one request in 100 *whatever* the rate is taken at its word: the rate sinks, though never
//! below a twentieth of what is configured. (One in 1,000 does no harm.) Nor does it know when a limit that counts
//! whole minutes begins anew: only the server can tell that, and then it is a matter of pauses.

mod level;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::limiter::Rate;

use self::level::{Level, Mark};

/// The rate is counted in millionths of what is configured.
const WHOLE: u64 = 1_000_000;

/// The rate never falls below one part in so many of what is configured.
const LEAST: u64 = 20;

/// The cap is counted in thousandths of a request.
const REQUEST: u64 = 1_000;

/// What a client uses of its quota. See the module's documentation.
///
/// Each request on the wire is told of twice: [`sent`](Adaptive::sent), and then one of
/// [`admitted`](Adaptive::admitted), [`refused`](Adaptive::refused), [`unanswered`](Adaptive::unanswered).
#[derive(Clone, Debug)]
pub(crate) struct Adaptive {
    configured: Rate,
    rate: Level,
    in_flight: Level,
    on_the_wire: u32,
}

/// A request on the wire.
#[derive(Debug)]
#[must_use = "what becomes of it must be told"]
pub(crate) struct Ticket {
    rate: Mark,
    in_flight: Mark,
    /// By the rate: it had to wait for its token.
    held_back: bool,
    /// It was the last to fit under the cap.
    filled_up: bool,
}

/// What there is too much of, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Requests in some time; also if it does not say.
    Rate,
    /// Requests at a time.
    InFlight,
}

/// What is different from now on. Both may be none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Change {
    pub(crate) rate: Option<Rate>,
    pub(crate) max_in_flight: Option<u32>,
}

impl Adaptive {
    /// Begins with all that is configured. If the rate is unlimited, there is none to lower, and the cap is lowered
    /// in its place: so many at a time are also so many in some time.
    pub(crate) fn new(rate: Rate, max_in_flight: u32) -> Adaptive {
        Adaptive {
            configured: rate,
            rate: Level::new(WHOLE, WHOLE / LEAST, 1),
            in_flight: Level::new(u64::from(max_in_flight.max(1)) * REQUEST, REQUEST, REQUEST),
            on_the_wire: 0,
        }
    }

    /// Begins anew with another rate as the most, and all of it; the cap stays.
    pub(crate) fn configure(&mut self, rate: Rate) {
        self.configured = rate;
        self.rate.begin_anew();
    }

    /// The rate to use now. Never above what is configured.
    pub(crate) fn rate(&self) -> Rate {
        part_of(self.configured, self.rate.get())
    }

    /// How many requests may be in flight now: from 1 to what is configured.
    pub(crate) fn max_in_flight(&self) -> u32 {
        u32::try_from(self.in_flight.get() / REQUEST).unwrap_or(u32::MAX)
    }

    /// A request has its token and goes out. `held_back`: its token was not there when it asked for it.
    pub(crate) fn sent(&mut self, held_back: bool) -> Ticket {
        self.on_the_wire = self.on_the_wire.saturating_add(1);
        Ticket {
            rate: self.rate.mark(),
            in_flight: self.in_flight.mark(),
            held_back,
            filled_up: self.on_the_wire >= self.max_in_flight(),
        }
    }

    /// The server did with it what it does: anything but to ask for less.
    pub(crate) fn admitted(&mut self, request: Ticket) -> Change {
        self.on_the_wire = self.on_the_wire.saturating_sub(1);
        let rate = self.rate.admit(request.rate, request.held_back);
        let in_flight = self.in_flight.admit(request.in_flight, request.filled_up);
        self.changed(rate, in_flight)
    }

    /// The server asked for less.
    pub(crate) fn refused(&mut self, request: Ticket, why: Why) -> Change {
        self.on_the_wire = self.on_the_wire.saturating_sub(1);
        match why {
            Why::Rate if !self.configured.is_unlimited() => {
                let rate = self.rate.refuse(request.rate);
                self.changed(rate, false)
            }
            Why::Rate | Why::InFlight => {
                let in_flight = self.in_flight.refuse(request.in_flight);
                self.changed(false, in_flight)
            }
        }
    }

    /// No answer came, whatever the reason: a timeout, a broken connection, a cancel. That says nothing.
    pub(crate) fn unanswered(&mut self, request: Ticket) {
        let Ticket { .. } = request;
        self.on_the_wire = self.on_the_wire.saturating_sub(1);
    }

    fn changed(&self, rate: bool, in_flight: bool) -> Change {
        Change {
            rate: (rate && !self.configured.is_unlimited()).then(|| self.rate()),
            max_in_flight: in_flight.then(|| self.max_in_flight()),
        }
    }
}

/// So many millionths of a rate, or a little less.
fn part_of(rate: Rate, share: u64) -> Rate {
    let Some((tokens, per)) = rate.parts().filter(|_| share < WHOLE) else {
        return rate;
    };
    if u64::from(tokens) >= WHOLE {
        let fewer = u64::from(tokens) * share / WHOLE;
        return Rate::new(u32::try_from(fewer).unwrap_or(tokens).max(1), per);
    }
    // The same tokens in a longer time, which is rounded up. If the time is short, that is too coarse.
    let finer = if per < Duration::from_millis(1) { 1_000 } else { 1 };
    let longer = (per.as_nanos() * u128::from(finer) * u128::from(WHOLE)).div_ceil(u128::from(share.max(1)));
    let nanos = u64::try_from(longer).unwrap_or(u64::MAX);
    Rate::new(tokens * finer, Duration::from_nanos(nanos))
}
