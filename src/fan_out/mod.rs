//! The engine: ids in on the caller's thread, work on scoped threads, outcomes out on the caller's thread.
//!
//! It knows no HTTP. It is given a source of ids, what a worker does with one, and a closure for the outcomes.
//!
//! ```text
//!            ids (bounded)                     messages (bounded)
//!  caller ─────────────────▶ workers, at most `workers` ─────────────────▶ caller
//!  next()                    each with a tether; one watchdog for all      closure
//! ```
//!
//! | file | what it is |
//! | --- | --- |
//! | `plan`, `source`, `work` | what it is given: how to run, the ids, and what is done with one |
//! | `caller` | the caller's thread: feeds and delivers |
//! | `crew`, `worker` | the threads of a call, and what one of them does |
//! | `parking` | ids that wait to be tried again |
//! | `call`, `verdict` | what all threads of a call share, and why it ends early |
//!
//! # One place to wait
//!
//! The caller's thread feeds and collects, and blocks in one place: for a message (and, if the ids come from a
//! channel, for an id, in the same `select`). It needs no other, because whatever should wake it sends one:
//!
//! * an outcome is a message;
//! * a worker that lets an id wait for another try sends `Message::Look`, as it has made room for one more;
//! * a worker that leaves, for whatever reason, sends `Look` as the last thing it does;
//! * a cancel from outside, or a deadline, makes every worker that is at work leave, and a cancel also those who wait
//!   for something to come due (which is never after the deadline). While the caller sleeps because there is no room
//!   for another id, all of them are one or the other, or about to be. Only when it waits for ids from a
//!   channel may all be idle; so that wait is woken by a cancel itself ([`FromChannel`]).
//!
//! `Look` is sent without blocking. If the channel is full it is dropped, and not missed: a full channel means that the
//! caller is not asleep, and it looks at the `Verdict` after it has emptied the channel and before it sleeps. The
//! worker records *before* it sends. So the caller finds the record or the message.
//!
//! # Two phases
//!
//! *Feeding*, until the source is exhausted or the run is to stop: outcomes waiting are delivered first, then ids are
//! pulled while there is room for them, then the caller sleeps. *Finishing*: the caller lets go of its end of the id
//! channel and of every sender of messages, and delivers until the channel is disconnected, which is when the last
//! worker has gone. Workers leave when there are no more ids, or when they see that the run is to stop.
//!
//! # What stops it
//!
//! * *A failure*: the worker records the error and then cancels the call's token itself. The flag stops those who are
//!   about to begin something; the tethers and turnstiles wake those who are blocked. What comes out of a worker
//!   whose token has been cancelled is a victim, and not looked at.
//! * *A deadline that cannot be met*: recorded, and no more ids are taken, but what is on the wire may go on until
//!   the deadline, where the watchdog cuts it.
//! * *The closure's own error*: cancels, and nothing more is delivered.
//! * *A panic*, in the closure, the iterator or a worker: cancels; it is raised again when all threads have been
//!   joined.
//!
//! # Again
//!
//! Work may ask for an id to come again later, if the [`Plan`] allows for it: see `parking`.
//!
//! # Memory
//!
//! At most [`look_ahead`] ids (or one for each worker, if that is more) and [`look_ahead`] outcomes wait, whatever the
//! number of ids. Bodies of more than a few KiB are bounded by their bytes as well: [`Room::TOTAL`](crate::Room)
//! for all that wait together, so a slow closure holds up the workers, each with one body in its hands, instead of
//! filling the memory; and so does whoever has been handed bodies by the closure, with their room. When the run is to
//! end, workers wait for room no longer: what they have in their hands is delivered.

mod plan;
mod source;
mod work;

mod call;
mod caller;
mod crew;
mod parking;
mod verdict;
mod worker;

use std::fmt::Display;
use std::thread;

use crossbeam_channel::bounded;

use crate::error::Error;
use crate::outcome::Outcome;

use call::Call;
use caller::Caller;
use crew::Crew;
use parking::Parking;

#[cfg(feature = "redis")]
pub(crate) use plan::Fellows;
pub(crate) use plan::{Plan, Spawner};
pub(crate) use source::{FromChannel, FromIterator, Source};
pub(crate) use work::{Job, Step, Work, Worker};

/// How many ids are pulled ahead of the workers, and how many outcomes may wait: eight for each worker, at most 64.
/// With fewer, each hand-over is a switch of threads.
fn look_ahead(workers: usize) -> usize {
    workers.saturating_mul(8).clamp(1, 64)
}

/// Runs `work` over all ids of `source`, and hands the outcomes to `each`. Returns how many it handed over, and how
/// it ended.
pub(crate) fn run<I, E, S, W, F>(plan: &Plan<'_>, source: S, work: &W, each: F) -> (u64, Result<(), E>)
where
    I: Display + Send,
    E: From<Error>,
    S: Source<I>,
    W: Work<I>,
    F: FnMut(Outcome<I>) -> Result<(), E>,
{
    let call = Call::of(plan);
    let parking = plan
        .retries
        .then(|| Parking::new(plan.workers, plan.clock.clone(), &call.cancel, plan.parked.clone()));
    let ended = thread::scope(|scope| {
        // Dropped on the way out, whichever it is, and before the scope joins its threads.
        let _stop = StopOnDrop(&call, parking.as_ref());
        // Not full before there are all the workers: with too few of them, and no outcome yet, nothing would wake the
        // caller when they have emptied it.
        let (ids_in, ids) = bounded(look_ahead(plan.workers).max(plan.workers));
        let (messages_in, messages) = bounded(look_ahead(plan.workers));
        let crew = Crew::new(scope, &call, work, ids, messages_in, parking.as_ref(), plan);
        Caller::new(&call, messages, each).run(source, ids_in, crew)
    });
    call.verdict.resume_panic();
    ended
}

/// Ends everything that could keep a thread of the call alive. After a good run, that is the watchdog.
struct StopOnDrop<'a, J>(&'a Call<'a>, Option<&'a Parking<J>>);

impl<J> Drop for StopOnDrop<'_, J> {
    fn drop(&mut self) {
        self.0.cancel.cancel();
        self.0.watchdog.dismiss();
        self.1.inspect(|parking| parking.close());
    }
}

#[cfg(test)]
mod tests;
