//! Records on their way out: between the run, which must never wait for whoever reads the output, and the
//! thread that writes, which may have to wait for ever.
//!
//! `settle` therefore never blocks, and the memory is bounded at the other end. A record keeps the room that its body
//! has in the library until it is written ([`Room`](fanout::Room)): when there is none, the library's workers wait,
//! each with a body in its hands. And no further *id* is handed out while [`ROOM`] bytes of records wait to be written,
//! or while the records of as many ids as may be [under way](UnderWay) are still to come: that bounds small ones. So a
//! run that nobody reads stands still, and still stops at once.
//!
//! The writer takes all that has gathered, up to a bound; and when it has written, it lets more gather, for
//! [`GATHERING`] or until there is as much as it takes at once. So at a low rate each record goes out at once, and at a
//! high one many go out together: a writer that were woken for each would cost as much as the request. Nobody is woken
//! who is not waiting.
//!
//! In the order of the ids (`--ordered`), a record may have to wait for those before it. Its bytes count, too, and no
//! id is handed out that lies [`WINDOW`] or more behind the first that has not come to its end. That one has been
//! handed out, and so whatever waits for it waits no longer than it takes. No record keeps its room then, or the one
//! that all wait for might find none; instead, fewer are under way.

mod under_way;
mod window;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::record::Record;
use window::Window;

pub(crate) use under_way::UnderWay;

/// While so many bytes of records wait, no further id is handed out: 4 MiB.
pub(crate) const ROOM: usize = 4 * 1024 * 1024;

/// With `--ordered`, the first id that has not come to its end and those behind it that may have been handed out.
pub(crate) const WINDOW: u64 = 10_000;

/// After a write, records may gather for so long before the next one.
const GATHERING: Duration = Duration::from_millis(2);

/// After a signal, a reader has so long to take what there is.
pub(crate) const AFTER_SIGNAL: Duration = Duration::from_millis(250);

/// After any other early end, a reader that takes nothing for so long is given up.
const STALLED: Duration = Duration::from_secs(1);

/// A queue of records.
pub(crate) struct Outbox {
    under_way: UnderWay,
    state: Mutex<State>,
    /// A record has come, or none will: the writer waits.
    filled: Condvar,
    /// Records have gone out, an id has been settled, or a stop has come: the feeder waits, and at the end
    /// the run.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    /// Ids that have been handed out, and those of them that have not been settled.
    admitted: u64,
    pending: usize,
    /// If records go out in the order of the ids: those whose turn has not come.
    window: Option<Window>,
    /// Those that can go out.
    ready: VecDeque<Record>,
    /// How much there is to write of those.
    ready_length: usize,
    /// What all records here and those that are being written take of the memory.
    bytes: usize,
    /// What is being written: how many records, and what they take.
    writing: (usize, usize),
    /// The writer waits for a record, and for so many bytes of them.
    writer_waits_for: Option<usize>,
    feeder_waits: bool,
    /// No more records will come.
    closed: bool,
    signalled_at: Option<Instant>,
    progress_at: Option<Instant>,
    failure: Option<WriteFailure>,
}

/// How patient the end of a run is with the reader of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It takes as long as it takes: a file, which needs no reader.
    Endless,
    /// The run came to its end: until then, or until a signal.
    UntilStopped(Option<Instant>),
    /// The run ended early: as long as the reader goes on reading.
    WhileReading,
}

/// Records could not be written.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    /// Of those that were taken together, so many got out all the same.
    pub(crate) written: usize,
    /// What they were to be written to: `records.ndjson`.
    pub(crate) name: String,
    pub(crate) error: io::Error,
}

impl WriteFailure {
    /// Whoever read the output has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.error.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write to {}: {}", self.name, self.error)
    }
}

/// What became of the records.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// How many did not get out.
    pub(crate) unwritten: usize,
    /// Why not, if writing failed.
    pub(crate) failure: Option<WriteFailure>,
}

impl Delivery {
    pub(crate) fn is_complete(&self) -> bool {
        self.unwritten == 0 && self.failure.is_none()
    }
}

impl Outbox {
    /// How many ids may be under way.
    pub(crate) fn most_under_way(&self) -> usize {
        self.under_way.most()
    }

    /// For a run that may have so many ids under way.
    pub(crate) fn new(under_way: UnderWay) -> Outbox {
        Outbox { under_way, state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// The same, and the records leave it in the order in which their ids were admitted.
    pub(crate) fn in_order(under_way: UnderWay) -> Outbox {
        let outbox = Outbox::new(under_way);
        outbox.state.lock().window = Some(Window::default());
        outbox
    }

    /// Waits until a further id may be handed out, and counts it; or until it does not matter any more. Gives the
    /// number of the id: how many were handed out before it.
    pub(crate) fn admit(&self) -> u64 {
        let mut state = self.state.lock();
        while !state.has_room(self.under_way.most()) && !state.is_over() {
            state.feeder_waits = true;
            self.emptied.wait(&mut state);
        }
        state.feeder_waits = false;
        state.pending += 1;
        let number = state.admitted;
        state.admitted += 1;
        number
    }

    /// Whether so many bytes of records wait for the reader that the run may have to: half of the [`ROOM`], since a
    /// large body may find no room in the library long before there is none here.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.bytes >= ROOM / 2 && (state.writing.0 > 0 || !state.ready.is_empty())
    }

    /// The id of this number has come to its end, and this is its record, if it has one. Never waits.
    pub(crate) fn settle(&self, number: u64, record: Option<Record>) {
        let mut state = self.state.lock();
        state.pending = state.pending.saturating_sub(1);
        state.bytes += record.as_ref().map_or(0, Record::bytes);
        let State { window, ready, ready_length, .. } = &mut *state;
        let before = ready.len();
        match window {
            Some(window) => window.settle(number, record.map(Record::without_room), ready),
            None => ready.extend(record),
        }
        *ready_length += ready.iter().skip(before).map(Record::length).sum::<usize>();
        let wakes_writer = state.writer_waits_for.is_some_and(|bytes| state.is_ready(bytes));
        if wakes_writer {
            state.writer_waits_for = None;
        }
        let wakes_feeder = self.is_worth_waking_the_feeder(&state);
        drop(state);
        if wakes_writer {
            self.filled.notify_one();
        }
        if wakes_feeder {
            self.emptied.notify_all();
        }
    }

    /// How many records wait to be written, or are being written.
    pub(crate) fn unwritten(&self) -> usize {
        self.state.lock().unwritten()
    }

    /// For the writer: waits for records, and moves those that are there into `batch`, which is empty; as many as
    /// have `most` bytes together, but at least one. False when all have been written.
    pub(crate) fn take(&self, most: usize, batch: &mut Vec<Record>) -> bool {
        let mut state = self.wait_for_records(most);
        let mut length = 0_usize;
        while let Some(record) = state.ready.front() {
            let more = record.length();
            if length + more > most && !batch.is_empty() {
                break;
            }
            length += more;
            batch.extend(state.ready.pop_front());
        }
        state.writing = (batch.len(), batch.iter().map(Record::bytes).sum());
        state.ready_length -= length;
        !batch.is_empty()
    }

    /// From the writer: a part of what it took is out. Whoever has patience while the reader goes on looks when that
    /// would end.
    pub(crate) fn goes_on(&self) {
        self.state.lock().progress_at = Some(Instant::now());
    }

    /// Waits until there are records, as many as are taken at once or [`GATHERING`] after the last write; or until no
    /// more will come.
    fn wait_for_records(&self, most: usize) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        let mut gathers_until = state.progress_at.map(|written_at| written_at + GATHERING);
        loop {
            let wanted = if gathers_until.is_some() { most } else { 0 };
            if state.is_ready(wanted) || state.closed {
                state.writer_waits_for = None;
                return state;
            }
            state.writer_waits_for = Some(wanted);
            match gathers_until {
                None => self.filled.wait(&mut state),
                Some(end) if self.filled.wait_until(&mut state, end).timed_out() => gathers_until = None,
                Some(_) => {}
            }
        }
    }

    /// From the writer: the records that it took are out.
    pub(crate) fn written(&self) {
        let mut state = self.state.lock();
        let (_, bytes) = std::mem::take(&mut state.writing);
        state.bytes -= bytes;
        state.progress_at = Some(Instant::now());
        let is_wanted = state.closed || self.is_worth_waking_the_feeder(&state);
        drop(state);
        if is_wanted {
            self.emptied.notify_all();
        }
    }

    /// From the writer: the records that it took cannot be written, nor will the others be.
    pub(crate) fn failed(&self, failure: WriteFailure) {
        let mut state = self.state.lock();
        state.writing.0 = state.writing.0.saturating_sub(failure.written);
        state.failure = Some(failure);
        drop(state);
        self.emptied.notify_all();
    }

    /// A signal has come: whoever waits for the output to be read, waits no longer than [`AFTER_SIGNAL`].
    pub(crate) fn signalled(&self) {
        self.state.lock().signalled_at.get_or_insert_with(Instant::now);
        self.emptied.notify_all();
    }

    /// No more records will come: waits until all have been written, or the patience ends.
    pub(crate) fn finish(&self, patience: Patience) -> Delivery {
        let mut state = self.state.lock();
        state.closed = true;
        let State { window, ready, ready_length, .. } = &mut *state;
        if let Some(window) = window {
            let before = ready.len();
            window.release(ready);
            *ready_length += ready.iter().skip(before).map(Record::length).sum::<usize>();
        }
        self.filled.notify_all();
        self.emptied.notify_all(); // the feeder
        let closed_at = Instant::now();
        while state.unwritten() > 0 && state.failure.is_none() {
            match state.patience_ends(patience, closed_at) {
                None => self.emptied.wait(&mut state),
                Some(end) if end <= Instant::now() => break,
                Some(end) => {
                    self.emptied.wait_until(&mut state, end);
                }
            }
        }
        Self::delivery(state)
    }

    fn delivery(mut state: MutexGuard<'_, State>) -> Delivery {
        let delivery = Delivery { unwritten: state.unwritten(), failure: state.failure.take() };
        // What is told to have stayed here must not get out after all.
        state.ready.clear();
        state.ready_length = 0;
        delivery
    }

    fn is_worth_waking_the_feeder(&self, state: &State) -> bool {
        let enough = self.under_way.most().saturating_sub(self.under_way.worth_waking());
        state.feeder_waits && state.has_room(enough.saturating_add(1))
    }
}

impl State {
    /// For one more id, if fewer than `most` are under way.
    fn has_room(&self, most: usize) -> bool {
        let is_in_window = self.window.as_ref().is_none_or(|window| self.admitted - window.first() < WINDOW);
        self.bytes < ROOM && self.pending < most && is_in_window
    }

    /// There is a record at least, and so many bytes of them.
    fn is_ready(&self, bytes: usize) -> bool {
        !self.ready.is_empty() && self.ready_length >= bytes
    }

    fn is_over(&self) -> bool {
        self.closed || self.failure.is_some()
    }

    fn unwritten(&self) -> usize {
        let waiting = self.window.as_ref().map_or(0, Window::records);
        waiting + self.ready.len() + self.writing.0
    }

    fn patience_ends(&self, patience: Patience, closed_at: Instant) -> Option<Instant> {
        match (patience, self.signalled_at) {
            (Patience::Endless, _) => None,
            // From the end of the run, if that took a moment: the last records come with it.
            (_, Some(signalled_at)) => Some(signalled_at.max(closed_at) + AFTER_SIGNAL),
            (Patience::UntilStopped(deadline), None) => deadline,
            (Patience::WhileReading, None) => {
                Some(self.progress_at.map_or(closed_at, |progress_at| progress_at.max(closed_at)) + STALLED)
            }
        }
    }
}

#[cfg(test)]
mod tests;
