//! What the threads of one call share, and what they tell the one that called.

use crate::cancel::{CancelToken, Watchdog};
use crate::outcome::Outcome;
use crate::turnstile::{Permit, Permits};

use super::plan::{Fellows, Plan};
use super::verdict::Verdict;

/// How many bytes of bodies may wait for the closure, all together: 4 MiB. A larger body waits alone.
pub(super) const ROOM: u32 = 4 * 1024 * 1024;

/// What the threads of one call share.
pub(super) struct Call<'a> {
    /// Ends the call: a child of the user's token.
    pub(super) cancel: CancelToken,
    /// Ends only the waiting for room, when nobody delivers any more.
    pub(super) collecting: CancelToken,
    pub(super) watchdog: Watchdog,
    pub(super) verdict: Verdict,
    pub(super) room: Permits,
    pub(super) keep_going: bool,
    pub(super) fellows: Option<&'a dyn Fellows>,
}

impl<'a> Call<'a> {
    pub(super) fn of(plan: &Plan<'a>) -> Call<'a> {
        Call {
            cancel: plan.cancel.child(),
            collecting: CancelToken::new(),
            watchdog: Watchdog::default(),
            verdict: Verdict::default(),
            room: Permits::new(ROOM),
            keep_going: plan.keep_going,
            fellows: plan.fellows,
        }
    }

    /// Whether no more ids are to be begun.
    pub(super) fn is_ending(&self) -> bool {
        self.cancel.check_flag().is_err() || self.verdict.is_in()
    }
}

/// What a worker tells the caller's thread.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are outcomes")]
pub(super) enum Message<I> {
    /// An outcome, and the room that its body takes up until the closure has returned.
    Outcome(Outcome<I>, Option<Permit>),
    /// Something has changed: look at the verdict and the flag.
    Look,
}
