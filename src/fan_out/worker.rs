//! A worker: takes ids until there are no more, or until the run is to end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, Sender};

use crate::cancel::Tether;
use crate::error::ErrorKind;
use crate::outcome::Outcome;
use crate::room::{Lent, Room};

use super::call::{Call, Message};
use super::parking::Parking;
use super::work::{Job, Step, Work, Worker};

/// What a worker works with.
pub(super) struct Desk<'a, I, W: Work<I>> {
    pub(super) number: usize,
    pub(super) call: &'a Call<'a>,
    pub(super) ids: Receiver<I>,
    pub(super) messages: Sender<Message<I>>,
    pub(super) work: &'a W,
    pub(super) parking: Option<&'a Parking<Job<I, W::Tries>>>,
}

impl<I, W: Work<I>> Desk<'_, I, W> {
    /// The thread.
    pub(super) fn run(self) {
        // Round all of it: an id that is let go of here runs the caller's code, too. Safe to go on after a panic: what
        // it can have left half done is never looked at again.
        let worked = catch_unwind(AssertUnwindSafe(|| {
            self.work_until_over();
            // Whoever leaves does so because the run is over. After a panic, the cancel says so.
            self.parking.inspect(|parking| parking.close());
        }));
        if let Err(panic) = worked {
            self.call.verdict.panicked(panic);
            self.call.cancel.cancel();
        }
        // The last thing it does: the caller may be asleep. If the channel is full, it is not.
        let _ = self.messages.try_send(Message::Look);
    }

    fn work_until_over(&self) {
        let call = self.call;
        let tether = Tether::new();
        let Ok(_registration) = call.cancel.register(tether.clone()) else {
            return;
        };
        let _watched = call.watchdog.watch(tether.clone());
        let worker =
            Worker { number: self.number, cancel: &call.cancel, tether: &tether, watchdog: &call.watchdog };
        while let Some(job) = self.next() {
            if call.is_ending() || self.finish(job, &worker).is_none() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Job<I, W::Tries>> {
        match self.parking {
            Some(parking) => parking.next(&self.ids),
            None => self.ids.recv().ok().map(|id| Job { id, tries: W::Tries::default() }),
        }
    }

    /// Works on an id until it has an outcome, or is parked. Nothing if the worker is to leave.
    fn finish(&self, mut job: Job<I, W::Tries>, worker: &Worker<'_>) -> Option<()> {
        loop {
            let (step, afterwards) = self.work.work(job, worker);
            match (step, self.parking) {
                (Step::Settled(outcome), _) => return self.settle(outcome, afterwards),
                (Step::Again(again, due), Some(parking)) => {
                    afterwards();
                    parking.park(again, due);
                    // It has made room for another id, and no outcome tells the caller so.
                    let _ = self.messages.try_send(Message::Look);
                    return Some(());
                }
                (Step::Again(again, _), None) => {
                    afterwards();
                    job = again;
                }
            }
        }
    }

    /// Hands an outcome over, or ends the run because of it. Nothing if the worker is to leave.
    fn settle(&self, outcome: Outcome<I>, afterwards: impl FnOnce()) -> Option<()> {
        let call = self.call;
        let ends_the_run = match &outcome.result {
            Ok(_) => false,
            // A victim of whatever ended the run, or of a cancel from outside.
            Err(error) if error.kind() == ErrorKind::Cancelled || call.cancel.check_flag().is_err() => {
                afterwards();
                return None;
            }
            Err(error) => !call.keep_going || is_for_all(error.kind()),
        };
        if !ends_the_run {
            afterwards();
            let handed_over = self.hand_over(outcome);
            self.parking.inspect(|parking| parking.settled());
            return handed_over;
        }
        if let Err(error) = outcome.result {
            // Recorded first, and cancelled only then. At a deadline, what is on the wire may go on until it; and so it
            // may if a failure is no reason to stop, but there will be no more tokens.
            let kind = error.kind();
            call.fellows.inspect(|fellows| fellows.tell(&error));
            call.fail(error);
            if kind != ErrorKind::DeadlineExceeded && !(call.keep_going && is_for_all(kind)) {
                call.cancel.cancel();
            }
        }
        afterwards();
        None
    }

    /// Blocks while there is no room, or the caller's thread is busy. If the run ends meanwhile, it is not waited for
    /// room any more; what has been fetched is delivered all the same. Either the caller goes on delivering, or it is
    /// gone, and with it the other end of the channel.
    fn hand_over(&self, mut outcome: Outcome<I>) -> Option<()> {
        let size = outcome.result.as_ref().map_or(0, |response| response.body.len());
        if size > Room::SMALL {
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            outcome.room =
                self.call.room.acquire(size, &self.call.waiting).map_or(Lent::default(), Lent::new);
        }
        self.messages.send(Message::Outcome(outcome)).ok()
    }
}

/// Whether what one id has met would be met by all that come after it.
fn is_for_all(kind: ErrorKind) -> bool {
    use ErrorKind::{DeadlineExceeded, LongPause, RunFailed, SharedQuota};
    matches!(kind, DeadlineExceeded | LongPause | SharedQuota | RunFailed)
}
