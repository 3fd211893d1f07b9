//! A worker: takes ids until there are no more, or until the run is to end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use crate::cancel::CancelToken;
use crate::error::ErrorKind;
use crate::outcome::Outcome;
use crate::tether::Tether;
use crate::watchdog::Watchdog;

use super::{Call, Message};

/// What the work on an id may use of its worker.
pub(crate) struct Worker<'a> {
    /// Every wait obeys it.
    pub(crate) cancel: &'a CancelToken,
    /// Ties it to what it blocks in.
    pub(crate) tether: &'a Arc<Tether>,
    /// Cuts the tether at a deadline.
    pub(crate) watchdog: &'a Watchdog,
}

/// What is done with an id.
pub(crate) trait Work<I>: Sync {
    /// Does it, and tells what became of it; and what is left to do *after* the outcome has been judged, and before
    /// it is handed over. An in-flight permit that were given back before that could let another request out although
    /// the run has failed; a log that is slow would delay the news.
    fn work(&self, id: I, worker: &Worker<'_>) -> (Outcome<I>, impl FnOnce());
}

#[cfg(test)]
impl<I, F: Fn(I, &Worker<'_>) -> Outcome<I> + Sync> Work<I> for F {
    fn work(&self, id: I, worker: &Worker<'_>) -> (Outcome<I>, impl FnOnce()) {
        (self(id, worker), || ())
    }
}

/// Bodies up to 4 KiB are bounded by their number alone, and spared the way to the counter of bytes.
const SMALL: usize = 4 * 1024;

/// The thread.
pub(super) fn run<I, W>(call: &Call, ids: &Receiver<I>, messages: &Sender<Message<I>>, work: &W)
where
    W: Work<I>,
{
    // Round all of it: an id that is let go of here runs the caller's code, too. Safe to go on after a panic: what it
    // can have left half done is never looked at again.
    let worked = catch_unwind(AssertUnwindSafe(|| work_until_over(call, ids, messages, work)));
    if let Err(panic) = worked {
        call.verdict.panicked(panic);
        call.cancel.cancel();
    }
    // The last thing it does: the caller may be asleep. If the channel is full, it is not.
    let _ = messages.try_send(Message::Look);
}

fn work_until_over<I, W>(call: &Call, ids: &Receiver<I>, messages: &Sender<Message<I>>, work: &W)
where
    W: Work<I>,
{
    let tether = Tether::new();
    let Ok(_registration) = call.cancel.register(tether.clone()) else {
        return;
    };
    let _watched = call.watchdog.watch(tether.clone());
    let worker = Worker { cancel: &call.cancel, tether: &tether, watchdog: &call.watchdog };
    for id in ids {
        if call.is_ending() {
            return;
        }
        let (outcome, afterwards) = work.work(id, &worker);
        if settle(call, outcome, afterwards, messages).is_none() {
            return;
        }
    }
}

/// Hands an outcome over, or ends the run because of it. Nothing if the worker is to leave.
fn settle<I>(
    call: &Call,
    outcome: Outcome<I>,
    afterwards: impl FnOnce(),
    messages: &Sender<Message<I>>,
) -> Option<()> {
    let ends_the_run = match &outcome.result {
        Ok(_) => false,
        // A victim of whatever ended the run, or of a cancel from outside.
        Err(error) if error.kind() == ErrorKind::Cancelled || call.cancel.check_flag().is_err() => {
            afterwards();
            return None;
        }
        Err(error) => !call.keep_going || error.kind() == ErrorKind::DeadlineExceeded,
    };
    if !ends_the_run {
        afterwards();
        return hand_over(call, outcome, messages);
    }
    if let Err(error) = outcome.result {
        // Recorded first, and cancelled only then. At a deadline, what is on the wire may go on until it.
        let is_deadline = error.kind() == ErrorKind::DeadlineExceeded;
        call.verdict.fail(error);
        if !is_deadline {
            call.cancel.cancel();
        }
    }
    afterwards();
    None
}

/// Blocks while the caller's thread is busy. A cancel of the call does not end that: what has been fetched is
/// delivered. Either the caller goes on delivering, or it is gone, and with it the other end of the channel and, by
/// `collecting`, the wait for room.
fn hand_over<I>(call: &Call, outcome: Outcome<I>, messages: &Sender<Message<I>>) -> Option<()> {
    let size = outcome.result.as_ref().map_or(0, |response| response.body.len());
    let room = match u32::try_from(size).unwrap_or(u32::MAX) {
        small if small as usize <= SMALL => None,
        large => Some(call.room.acquire(large, &call.collecting).ok()?),
    };
    messages.send(Message::Outcome(outcome, room)).ok()
}
