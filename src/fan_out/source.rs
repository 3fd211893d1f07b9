//! Where the ids come from: an iterator, which is called, or a channel, which is waited for.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded};

use crate::cancel::{CancelToken, Interrupt, Registration};

use super::call::Message;

/// Ids, one at a time, when there is room for one.
pub(crate) trait Source<I> {
    /// The next id. May return without one, when a message has come or the deadline has.
    #[expect(private_interfaces, reason = "only the engine pulls")]
    fn pull(&mut self, messages: &Receiver<Message<I>>, deadline: Option<Instant>) -> Pull<I>;
}

/// What came of a pull.
pub(crate) enum Pull<I> {
    Id(I),
    /// There will be no more.
    Exhausted,
    /// No id, but something else to look at.
    Look,
}

/// An iterator's ids. While `next()` runs, nothing else happens on the caller's thread.
pub(crate) struct FromIterator<T>(pub(crate) T);

impl<I, T: Iterator<Item = I>> Source<I> for FromIterator<T> {
    #[expect(private_interfaces, reason = "only the engine pulls")]
    fn pull(&mut self, _: &Receiver<Message<I>>, _: Option<Instant>) -> Pull<I> {
        self.0.next().map_or(Pull::Exhausted, Pull::Id)
    }
}

/// A channel's ids, until it is disconnected. While it is empty, outcomes go on being delivered.
pub(crate) struct FromChannel<'a, I> {
    ids: &'a Receiver<I>,
    /// Rung by a cancel. Nothing to register if it came before: the caller looks at the flag before it pulls.
    bell: Receiver<()>,
    _registration: Option<Registration>,
}

impl<'a, I> FromChannel<'a, I> {
    pub(crate) fn new(ids: &'a Receiver<I>, cancel: &CancelToken) -> FromChannel<'a, I> {
        let (rings, bell) = bounded(1);
        FromChannel { ids, bell, _registration: cancel.register(Arc::new(Bell(rings))).ok() }
    }
}

struct Bell(Sender<()>);

impl Interrupt for Bell {
    fn interrupt(&self) {
        let _ = self.0.try_send(());
    }
}

impl<I> Source<I> for FromChannel<'_, I> {
    #[expect(private_interfaces, reason = "only the engine pulls")]
    fn pull(&mut self, messages: &Receiver<Message<I>>, deadline: Option<Instant>) -> Pull<I> {
        match self.ids.try_recv() {
            Ok(id) => return Pull::Id(id),
            Err(TryRecvError::Disconnected) => return Pull::Exhausted,
            Err(TryRecvError::Empty) => {}
        }
        let mut select = Select::new();
        select.recv(self.ids);
        select.recv(messages);
        select.recv(&self.bell);
        match deadline {
            // A deadline that has come is looked at by the caller, like a message.
            Some(deadline) => _ = select.ready_deadline(deadline),
            None => _ = select.ready(),
        }
        Pull::Look
    }
}
