//! Records on their way out: between the run, which must never wait for whoever reads the output, and the
//! thread that writes, which may have to wait for ever.
//!
//! `settle` therefore never blocks, and the memory is bounded at the other end: no further *id* is handed out
//! while [`ROOM`] bytes of records wait to be written, or while the records of as many ids as may be under way are
//! still to come. So a run that nobody reads stands still, and still stops at once; and what it holds is at most that
//! room and those records.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// While so many bytes of records wait, no further id is handed out: 4 MiB.
const ROOM: usize = 4 * 1024 * 1024;

/// After a signal, a reader has so long to take what there is.
pub(crate) const AFTER_SIGNAL: Duration = Duration::from_millis(250);

/// After any other early end, a reader that takes nothing for so long is given up.
const STALLED: Duration = Duration::from_secs(1);

/// How many ids may be under way for so many in flight: those and as many again, which are next in line. With
/// retries also those that wait for their next try, of which the library keeps four for each.
pub(crate) fn under_way(max_in_flight: usize, retries: bool) -> usize {
    max_in_flight.saturating_mul(if retries { 6 } else { 2 })
}

/// A queue of records, each a line.
pub(crate) struct Outbox {
    /// So many ids may be handed out whose records are still to come.
    most_pending: usize,
    state: Mutex<State>,
    /// A record has come, or none will: the writer waits.
    filled: Condvar,
    /// A record has gone out, an id has been settled, or a stop has come: the feeder waits, and at the end
    /// the run.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    /// Ids that have been handed out and not been settled.
    pending: usize,
    records: VecDeque<Vec<u8>>,
    /// Of all records in the queue and of the one that is being written.
    bytes: usize,
    /// The length of the record that is being written.
    writing: Option<usize>,
    /// No more records will come.
    closed: bool,
    signalled_at: Option<Instant>,
    progress_at: Option<Instant>,
    failure: Option<io::Error>,
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

/// What became of the records.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// How many did not get out.
    pub(crate) unwritten: usize,
    /// Why not, if writing failed.
    pub(crate) failure: Option<io::Error>,
}

impl Delivery {
    pub(crate) fn is_complete(&self) -> bool {
        self.unwritten == 0 && self.failure.is_none()
    }
}

impl Outbox {
    /// For a run that may have so many ids under way: see [`under_way`].
    pub(crate) fn new(most_pending: usize) -> Outbox {
        Outbox { most_pending, state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Waits until a further id may be handed out, and counts it; or until it does not matter any more.
    pub(crate) fn admit(&self) {
        let mut state = self.state.lock();
        while (state.bytes >= ROOM || state.pending >= self.most_pending) && !state.is_over() {
            self.emptied.wait(&mut state);
        }
        state.pending += 1;
    }

    /// An id has come to its end, and this is its record, if it has one. Never waits.
    pub(crate) fn settle(&self, record: Option<Vec<u8>>) {
        let mut state = self.state.lock();
        state.pending = state.pending.saturating_sub(1);
        if let Some(record) = record {
            state.bytes += record.len();
            state.records.push_back(record);
        }
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_all();
    }

    /// How many records wait to be written, or are being written.
    pub(crate) fn unwritten(&self) -> usize {
        self.state.lock().unwritten()
    }

    /// For the writer: waits for the next record; nothing when all have been written.
    pub(crate) fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        while state.records.is_empty() && !state.closed {
            self.filled.wait(&mut state);
        }
        let record = state.records.pop_front()?;
        state.writing = Some(record.len());
        Some(record)
    }

    /// From the writer: the record that it took is out.
    pub(crate) fn written(&self) {
        let mut state = self.state.lock();
        state.bytes -= state.writing.take().unwrap_or(0);
        state.progress_at = Some(Instant::now());
        drop(state);
        self.emptied.notify_all();
    }

    /// From the writer: the record that it took cannot be written, nor will the others be.
    pub(crate) fn failed(&self, error: io::Error) {
        self.state.lock().failure = Some(error);
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
        state.records.clear();
        delivery
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.closed || self.failure.is_some()
    }

    fn unwritten(&self) -> usize {
        self.records.len() + usize::from(self.writing.is_some())
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
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn records_come_out_in_order_and_end_when_it_is_closed() {
        let outbox = Outbox::new(8);
        for record in ["a\n", "b\n"] {
            outbox.settle(Some(record.into()));
        }
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut out = Vec::new();
                while let Some(record) = outbox.next() {
                    out.extend(record);
                    outbox.written();
                }
                out
            });
            let delivery = outbox.finish(Patience::UntilStopped(None));
            assert_eq!((delivery.unwritten, delivery.failure.is_none()), (0, true));
            assert_eq!(writer.join().unwrap(), b"a\nb\n");
        });
    }

    #[test]
    fn what_a_silent_reader_does_not_take_is_counted_and_holds_nobody_up() {
        for (patience, signal) in [
            (Patience::UntilStopped(None), true),
            (Patience::UntilStopped(Some(Instant::now())), false),
            (Patience::WhileReading, false),
        ] {
            let outbox = Outbox::new(8);
            for _ in 0..3 {
                outbox.settle(Some(b"record\n".to_vec()));
            }
            assert!(outbox.next().is_some()); // and never comes back from writing it
            if signal {
                outbox.signalled();
            }
            assert_eq!(outbox.finish(patience).unwritten, 3, "{patience:?}");
        }
    }

    #[test]
    fn ids_wait_while_there_is_no_room_for_records() {
        let outbox = Arc::new(Outbox::new(8));
        outbox.settle(Some(vec![b'x'; ROOM]));
        let feeder = {
            let outbox = outbox.clone();
            thread::spawn(move || outbox.admit())
        };
        assert!(outbox.next().is_some());
        assert!(!feeder.is_finished());
        outbox.written();
        feeder.join().unwrap();
    }

    #[test]
    fn ids_wait_while_too_many_are_not_settled() {
        let outbox = Arc::new(Outbox::new(2));
        outbox.admit();
        outbox.admit();
        let feeder = {
            let outbox = outbox.clone();
            thread::spawn(move || outbox.admit())
        };
        assert!(!feeder.is_finished());
        outbox.settle(None);
        feeder.join().unwrap();
        assert_eq!(outbox.state.lock().pending, 2);
    }

    #[test]
    fn an_end_lets_the_feeder_go() {
        for end in [
            |outbox: &Outbox| outbox.failed(io::ErrorKind::BrokenPipe.into()),
            |outbox: &Outbox| {
                outbox.finish(Patience::UntilStopped(Some(Instant::now())));
            },
        ] {
            let outbox = Outbox::new(8);
            outbox.settle(Some(vec![b'x'; ROOM]));
            thread::scope(|scope| {
                let feeder = scope.spawn(|| outbox.admit());
                end(&outbox);
                feeder.join().unwrap();
            });
        }
    }
}
