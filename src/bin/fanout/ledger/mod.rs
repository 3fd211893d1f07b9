//! An account of the ids that have no success: what `--failed` writes down for the next run.
//!
//! An id is in one of these places, from when it is read on:
//!
//! * *open*: in the feeder's hand, in the channel, or in the library's hands, which may hold it for a try to come. At
//!   an early end the library hands over only what it has finished, so this is what was cut off or never sent, and the
//!   failure that ended the run. There are never more of them than may be under way.
//! * *on its way out*: fetched, with a record that may still wait for the reader of the output, who may be gone. What
//!   has not got out must be fetched again. There are never more of them than records fit into the outbox.
//! * *in the file*: failed, in a run that goes on. These may be many, and so each is written at once.
//! * *done*, and forgotten.
//!
//! At the end all but those are in the file, and behind them the ids that nobody has read yet, if they can be read.
//! Then it takes its name.

mod spool;

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::atomic_file::AtomicFile;
use crate::ids::Walk;
use crate::signals::Caught;
use spool::Spool;

pub(crate) use spool::Left;

/// So many ids that may be on their way out are kept before it is looked how many of them are.
pub(crate) const LOOK_AGAIN: usize = 1_024;

/// The account of a run.
pub(crate) struct Ledger(Mutex<State>);

struct State {
    file: Spool,
    /// The ids under way, by their numbers: where duplicates are kept, an id may be there more than once.
    open: BTreeMap<u64, String>,
    /// How many ids were taken.
    taken: u64,
    /// The records that may be on their way out, in the order in which they leave: the id of a success, and nothing for
    /// a failure, which is in the file already.
    leaving: BTreeMap<u64, Option<String>>,
    /// How many have come to their end.
    settled: u64,
    /// Records leave in the order of the ids, and not in that in which they come.
    is_ordered: bool,
    /// When there are so many of them, those that have got out are forgotten.
    look_at: usize,
    /// The line of the id that was taken last.
    line: Option<u64>,
    is_exhausted: bool,
    is_closed: bool,
}

impl Ledger {
    /// An empty account, to be written to `file`. `is_ordered`: records leave in the order of the ids.
    pub(crate) fn new(file: AtomicFile, is_ordered: bool) -> Ledger {
        Ledger(Mutex::new(State {
            file: Spool::new(file),
            open: BTreeMap::new(),
            taken: 0,
            leaving: BTreeMap::new(),
            settled: 0,
            is_ordered,
            look_at: LOOK_AGAIN,
            line: None,
            is_exhausted: false,
            is_closed: false,
        }))
    }

    /// For the feeder: this id, from that line of its input, is about to be handed out. Gives its number: how many
    /// were taken before it. Nothing if it must not be handed out, since the account is closed.
    pub(crate) fn take(&self, id: &str, line: Option<u64>) -> Option<u64> {
        let state = &mut *self.0.lock();
        if state.is_closed {
            return None;
        }
        let number = state.taken;
        state.taken += 1;
        state.line = line;
        state.open.insert(number, id.to_owned());
        Some(number)
    }

    /// For the feeder: a line was no id, and the next run could do no better with it.
    pub(crate) fn take_no_id(&self) {
        self.0.lock().file.is_without_a_line();
    }

    /// For the feeder: there are no more ids.
    pub(crate) fn exhausted(&self) {
        self.0.lock().is_exhausted = true;
    }

    /// The id of this number has come to its end, and left a record or none. `waiting` tells how many records wait to
    /// be written, this one among them.
    pub(crate) fn settle(
        &self,
        number: u64,
        is_success: bool,
        has_record: bool,
        waiting: impl Fn() -> usize,
    ) {
        let state = &mut *self.0.lock();
        let Some(id) = state.open.remove(&number) else { return };
        let place = if state.is_ordered { number } else { state.settled };
        state.settled += 1;
        if !is_success {
            state.file.put(&id);
        }
        if has_record {
            state.leaving.insert(place, is_success.then_some(id));
        }
        if state.leaving.len() >= state.look_at {
            state.forget_all_but(waiting());
        }
    }

    /// The run is over, and so many of its records did not get out, nor will. Completes the file, with what is left of
    /// `walk` if anybody knows, and gives it its name, for as long as that takes.
    pub(crate) fn close(&self, walk: Option<Walk>, unwritten: usize, caught: &Caught) -> Left {
        let state = &mut *self.0.lock();
        state.is_closed = true;
        state.forget_all_but(unwritten);
        for id in std::mem::take(&mut state.leaving).into_values().flatten() {
            state.file.put(&id);
        }
        for id in std::mem::take(&mut state.open).into_values() {
            state.file.put(&id);
        }
        match walk {
            Some(walk) => state.file.put_rest(walk),
            None if state.is_exhausted => {}
            None => state.file.is_without_lines_behind(state.line.unwrap_or(0)),
        }
        state.file.keep(caught)
    }
}

impl State {
    /// Only so many records, the last ones, are still on their way out.
    fn forget_all_but(&mut self, waiting: usize) {
        while self.leaving.len() > waiting {
            self.leaving.pop_first();
        }
        self.look_at = self.leaving.len().saturating_mul(2).max(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests;
