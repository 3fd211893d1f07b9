//! What a run does with each id that comes, and with what keeps it from one.

use std::sync::{Arc, OnceLock};

use fanout::CancelToken;

use super::tally::Tally;
use crate::ids::{Taker, Trouble};
use crate::ledger::Ledger;
use crate::outbox::Outbox;
use crate::screen::Screen;

/// Takes ids only while `outbox` has room, and puts them down in `ledger` first.
pub(super) struct Intake {
    pub(super) outbox: Arc<Outbox>,
    pub(super) ledger: Option<Arc<Ledger>>,
    pub(super) tally: Arc<Tally>,
    pub(super) screen: Screen,
    pub(super) cancel: CancelToken,
    pub(super) keep_going: bool,
    /// Why the input cannot be read on, once it is so.
    pub(super) broken: Arc<OnceLock<String>>,
}

impl Taker for Intake {
    fn admit(&self, id: &str, line: Option<u64>) -> Option<u64> {
        match &self.ledger {
            // Both count the same ids; if there is no number, the account is closed.
            Some(ledger) => ledger.take(id, line).map(|_| self.outbox.admit()),
            None => Some(self.outbox.admit()),
        }
    }

    fn meet(&self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Line(error) if self.keep_going => {
                // A record needs an id: this is all that is told of the line.
                self.screen.say(format_args!("error: {error}"));
                self.tally.count_no_id();
                if let Some(ledger) = &self.ledger {
                    ledger.take_no_id();
                }
                true
            }
            Trouble::Line(error) | Trouble::Reader(error) => {
                // Set only here and once, so that it cannot be set already.
                let _ = self.broken.set(error);
                if !self.keep_going {
                    self.cancel.cancel();
                }
                false
            }
        }
    }

    fn exhaust(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.exhausted();
        }
    }
}
