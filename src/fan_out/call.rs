//! What the threads of one call share, and what they tell the one that called.

use crate::cancel::{CancelToken, Watchdog};
use crate::error::Error;
use crate::outcome::Outcome;
use crate::room::Room;
use crate::turnstile::Permits;

use super::plan::{Fellows, Plan};
use super::verdict::Verdict;

/// What the threads of one call share.
pub(super) struct Call<'a> {
    /// Ends the call: a child of the user's token.
    pub(super) cancel: CancelToken,
    /// Ends the waiting for room, with the call or when no more ids are to be begun: there is no more to come than one
    /// body for each worker, and nobody may be left who makes room.
    pub(super) waiting: CancelToken,
    pub(super) watchdog: Watchdog,
    pub(super) verdict: Verdict,
    pub(super) room: Permits,
    pub(super) keep_going: bool,
    pub(super) fellows: Option<&'a dyn Fellows>,
}

impl<'a> Call<'a> {
    pub(super) fn of(plan: &Plan<'a>) -> Call<'a> {
        let cancel = plan.cancel.child();
        Call {
            waiting: cancel.child(),
            cancel,
            watchdog: Watchdog::default(),
            verdict: Verdict::default(),
            room: Permits::new(u32::try_from(Room::TOTAL).unwrap_or(u32::MAX)),
            keep_going: plan.keep_going,
            fellows: plan.fellows,
        }
    }

    /// Records why it ends: before anybody is cancelled for it.
    pub(super) fn fail(&self, error: Error) {
        self.verdict.fail(error);
        self.waiting.cancel();
    }

    /// Whether no more ids are to be begun.
    pub(super) fn is_ending(&self) -> bool {
        self.cancel.check_flag().is_err() || self.verdict.is_in()
    }
}

/// What a worker tells the caller's thread.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are outcomes")]
pub(super) enum Message<I> {
    Outcome(Outcome<I>),
    /// Something has changed: look at the verdict and the flag.
    Look,
}
