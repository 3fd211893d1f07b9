//! A request that is being observed: what is known of it is put down as it becomes known. Where nobody observes, there
//! is none of these.

use std::cell::Cell;
use std::time::Instant;

use crate::error::{Error, Sent};
use crate::exchange::{Exchange, Pause, Phases, Then};
use crate::quota::{InFlight, RequestedPause, Token};
use crate::transport::{Failure, Measured, Reply};

use super::Observer;

/// See the module's documentation. Boxed, and so next to nothing where there is none.
pub(super) struct Observed {
    /// But for what it refers to, and what comes then: these are filled in when it is shown.
    exchange: Exchange<'static>,
    pub(super) measured: Cell<Measured>,
    pause: Option<RequestedPause>,
}

/// Where a request stands among all others.
pub(super) struct Position {
    pub(super) worker: usize,
    pub(super) attempt: u32,
    pub(super) hop: u32,
    pub(super) is_replay: bool,
    pub(super) waiting_since: Instant,
}

impl Observed {
    /// It is about to begin.
    pub(super) fn beginning(
        position: &Position,
        in_flight: &InFlight,
        token: &Token,
        started_at: Instant,
    ) -> Box<Observed> {
        let exchange = Exchange {
            id: "",
            worker: position.worker,
            attempt: position.attempt,
            hop: position.hop,
            is_replay: position.is_replay,
            cost: token.cost,
            waiting_since: position.waiting_since,
            permitted_at: in_flight.since(),
            granted_at: token.granted_at,
            started_at,
            phases: Phases::default(),
            is_kept_alive: false,
            status: None,
            body_bytes: None,
            sent: Sent::Never,
            error: None,
            pause: None,
            then: Then::End,
        };
        Box::new(Observed { exchange, measured: Cell::default(), pause: None })
    }

    /// It has ended.
    pub(super) fn ended(&mut self, result: &Result<Reply, Failure>, pause: Option<RequestedPause>) {
        let Measured { phases, is_kept_alive } = self.measured.get();
        (self.exchange.phases, self.exchange.is_kept_alive) = (phases, is_kept_alive);
        match result {
            Ok(reply) => {
                self.exchange.status = Some(reply.status);
                self.exchange.body_bytes = reply.body.as_ref().map(Vec::len);
                self.exchange.sent = Sent::Yes;
            }
            Err(failure) => {
                self.exchange.status = failure.head.as_ref().map(|head| head.0);
                self.exchange.sent = failure.sent;
                self.exchange.error = Some(failure.kind);
            }
        }
        self.pause = pause;
    }

    /// Its try has failed with it: perhaps because of its answer, which to HTTP was one like any other.
    pub(super) fn failed(&mut self, error: &Error) {
        self.exchange.error = Some(error.kind());
    }

    /// Shows it: on its worker's thread, when nothing is locked.
    pub(super) fn show(&self, to: &Observer, id: &str, then: Then) {
        let pause = self.pause.as_ref().map(|told| Pause { until: told.until, told_by: told.words() });
        to(&Exchange { id, pause, then, ..self.exchange });
    }
}
