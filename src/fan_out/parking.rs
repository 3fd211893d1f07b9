//! Ids that wait to be tried again. There is one of these for a call whose work may ask for it, and none for others.
//!
//! While an id waits it holds nothing: no thread, no permit. A thread of the call, the *keeper*, has the clock; when an
//! id is due it goes into a channel that workers look into before they take a new id.
//!
//! # The bound
//!
//! At most `4 × workers` ids are parked. A worker takes a new id only while fewer than `3 × workers` are, and each
//! worker can park one more. What is due fits its channel, so the keeper never blocks.
//!
//! # When it is over
//!
//! That there are no new ids is not the end: what is parked, or in a worker's hands, may come again. So ids are
//! counted: *begun* when they are fed, *settled* when a worker has an outcome; the feeding itself counts as one. Who
//! settles the last one closes, and all who wait for something to come due leave. So does a cancel, and a worker that
//! leaves, for whatever reason: it leaves only when the run is over.
//!
//! # No wake-up is lost
//!
//! The keeper looks at the heap and at `closed` under the mutex that it waits with, and both are changed under it,
//! before the notify. Workers wait in a `select` of channels, in which nothing is lost; closing disconnects one.
//!
//! Who finds too many parked waits for `room` in place of a new id. There is one message in that channel at most: sent
//! when there are fewer again, and sent on by whoever took it and found that so, until nobody takes it. One that stays
//! behind costs a further look, and is not sent on if there are too many by then.
//!
//! The caller sleeps while there is no room for another id. An id that is parked has made room, and no outcome tells
//! the caller so; hence the worker does ([`Message::Look`](super::call::Message)).

use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, select_biased};
use parking_lot::{Condvar, Mutex};

use crate::cancel::{CancelToken, Interrupt, Registration};
use crate::clock::Clock;

use super::work::Job;

/// How many ids for each worker may be parked.
const PARKED_EACH: usize = 4;

/// See the module's documentation.
pub(super) struct Parking<J> {
    clock: Clock,
    state: Mutex<State<J>>,
    changed: Condvar,
    due_in: Sender<J>,
    due: Receiver<J>,
    /// With this many parked, no new id is taken.
    crowded_at: usize,
    /// Parked, and not taken up again yet; at the end, also those that were given up.
    ///
    /// ORDERING: `SeqCst`, against `room`: who counts down and then finds a message there, is seen by whoever takes
    /// that message and then looks.
    parked: AtomicUsize,
    /// The same of all calls on the client, to look at.
    ///
    /// ORDERING: `Relaxed`. Nothing follows from it.
    parked_by_all: Arc<AtomicUsize>,
    /// For those who wait for fewer to be parked.
    room_in: Sender<()>,
    room: Receiver<()>,
    /// Begun and not settled, and one for the feeding.
    open: AtomicU64,
    over: Arc<Over>,
    /// Disconnected when it is over.
    until_over: Receiver<()>,
    _registration: Option<Registration>,
}

struct State<J> {
    heap: BinaryHeap<Parked<J>>,
    next: u64,
    closed: bool,
}

struct Parked<J> {
    due: Instant,
    /// Among those that are due together, the order in which they came.
    number: u64,
    job: J,
}

/// Holds the other end of `until_over`, for as long as it is not over.
struct Over(Mutex<Option<Sender<()>>>);

impl Interrupt for Over {
    fn interrupt(&self) {
        let held = self.0.lock().take();
        drop(held); // wakes all who wait: outside the lock
    }
}

impl<J> Parking<J> {
    pub(super) fn new(
        workers: usize,
        clock: Clock,
        cancel: &CancelToken,
        parked_by_all: Arc<AtomicUsize>,
    ) -> Parking<J> {
        let (due_in, due) = bounded(workers.saturating_mul(PARKED_EACH).max(1));
        let (room_in, room) = bounded(1);
        let (held, until_over) = bounded(0);
        let over = Arc::new(Over(Mutex::new(Some(held))));
        let registration = cancel.register(over.clone());
        if registration.is_err() {
            over.interrupt(); // it was cancelled before
        }
        Parking {
            clock,
            state: Mutex::new(State { heap: BinaryHeap::new(), next: 0, closed: false }),
            changed: Condvar::new(),
            due_in,
            due,
            crowded_at: workers.saturating_mul(PARKED_EACH - 1).max(1),
            parked: AtomicUsize::new(0),
            parked_by_all,
            room_in,
            room,
            open: AtomicU64::new(1),
            over,
            until_over,
            _registration: registration.ok(),
        }
    }

    /// An id has been fed.
    pub(super) fn begun(&self) {
        self.open.fetch_add(1, Ordering::AcqRel);
    }

    /// An id has its outcome; or, from the caller, there will be no more ids.
    pub(super) fn settled(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// It is over: lets all go who wait for something to come due, and the keeper.
    pub(super) fn close(&self) {
        self.over.interrupt();
        let mut state = self.state.lock();
        state.closed = true;
        let given_up = std::mem::take(&mut state.heap);
        drop(state);
        self.changed.notify_one();
        drop(given_up); // ids, whose drop is the caller's code: outside the lock
    }

    /// Has an id come again, not before `due`.
    pub(super) fn park(&self, job: J, due: Instant) {
        self.parked.fetch_add(1, Ordering::SeqCst);
        self.parked_by_all.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            drop(job);
            return;
        }
        let number = state.next;
        state.next += 1;
        state.heap.push(Parked { due, number, job });
        let is_first = state.heap.peek().is_some_and(|first| first.number == number);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// The keeper's thread, until it is over.
    pub(super) fn keep(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let due = state.heap.peek().map(|first| first.due);
            match due {
                Some(due) if due <= self.clock.now() => {
                    if let Some(first) = state.heap.pop() {
                        let _ = self.due_in.try_send(first.job); // there is room for all that can be parked
                    }
                }
                due => self.clock.wait(&self.changed, &mut state, due),
            }
        }
    }
}

impl<I, T: Default> Parking<Job<I, T>> {
    /// What to do next: what has come due, before a new id. Nothing when it is over.
    pub(super) fn next(&self, ids: &Receiver<I>) -> Option<Job<I, T>> {
        while self.parked.load(Ordering::SeqCst) >= self.crowded_at {
            select_biased! {
                recv(self.due) -> job => return self.taken(job.ok()),
                recv(self.until_over) -> _ => return None,
                recv(self.room) -> _ => {}
            }
            if self.parked.load(Ordering::SeqCst) < self.crowded_at {
                self.tell_of_room();
            }
        }
        select_biased! {
            recv(self.due) -> job => self.taken(job.ok()),
            recv(ids) -> id => match id {
                Ok(id) => Some(Job { id, tries: T::default() }),
                Err(_) => self.next_due(),
            },
            recv(self.until_over) -> _ => None,
        }
    }

    fn tell_of_room(&self) {
        let _ = self.room_in.try_send(()); // if there is a message, whoever takes it will look
    }

    fn next_due(&self) -> Option<Job<I, T>> {
        select_biased! {
            recv(self.due) -> job => self.taken(job.ok()),
            recv(self.until_over) -> _ => None,
        }
    }

    fn taken(&self, job: Option<Job<I, T>>) -> Option<Job<I, T>> {
        self.parked_by_all.fetch_sub(1, Ordering::Relaxed);
        if self.parked.fetch_sub(1, Ordering::SeqCst) == self.crowded_at {
            self.tell_of_room();
        }
        job
    }
}

impl<J> Drop for Parking<J> {
    fn drop(&mut self) {
        self.parked_by_all.fetch_sub(*self.parked.get_mut(), Ordering::Relaxed);
    }
}

impl<J> Ord for Parked<J> {
    /// The one that is due first is the greatest: the heap has the greatest on top.
    fn cmp(&self, other: &Parked<J>) -> Order {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

impl<J> PartialOrd for Parked<J> {
    fn partial_cmp(&self, other: &Parked<J>) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl<J> PartialEq for Parked<J> {
    fn eq(&self, other: &Parked<J>) -> bool {
        self.cmp(other) == Order::Equal
    }
}

impl<J> Eq for Parked<J> {}

#[cfg(test)]
mod tests;
