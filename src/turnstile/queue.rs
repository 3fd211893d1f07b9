//! Who waits, in the order of arrival: pure code, no lock, no thread.
//!
//! Tickets are numbered as they are drawn, so the map below is always in the order of arrival. Everything costs
//! O(log waiters); one that leaves, from wherever it stands, is gone at once, and those behind it have moved up.

use std::collections::BTreeMap;

/// A queue of waiters `W`, each with its demand `D`.
pub(crate) struct Queue<D, W> {
    next: u64,
    waiting: BTreeMap<u64, (D, W)>,
}

/// A place in a [`Queue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl<D, W> Queue<D, W> {
    pub(crate) fn new() -> Queue<D, W> {
        Queue { next: 0, waiting: BTreeMap::new() }
    }

    /// Goes to the end of the queue.
    pub(crate) fn join(&mut self, demand: D, waiter: W) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket.0, (demand, waiter));
        ticket
    }

    /// Leaves the queue, if the ticket is still in it.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.waiting.remove(&ticket.0).map(|(_, waiter)| waiter)
    }

    /// Who came first, and what they want.
    pub(crate) fn head(&self) -> Option<(Ticket, &D, &W)> {
        self.iter().next()
    }

    /// All who wait, in the order of arrival.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, &D, &W)> {
        self.waiting.iter().map(|(ticket, (demand, waiter))| (Ticket(*ticket), demand, waiter))
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_are_served_in_the_order_of_arrival_and_those_who_leave_are_gone() {
        let mut queue = Queue::new();
        let tickets: Vec<Ticket> = (0..10_000_u32).map(|number| queue.join(number % 7, number)).collect();
        // Every third leaves, the last ones first.
        for number in (0..10_000).rev().filter(|number| number % 3 == 0) {
            assert_eq!(queue.leave(tickets[number]), Some(u32::try_from(number).unwrap()));
            assert_eq!(queue.leave(tickets[number]), None);
        }
        let left: Vec<u32> = (0..10_000).filter(|number| number % 3 != 0).collect();
        assert_eq!(queue.len(), left.len());
        for number in left {
            let (ticket, demand, waiter) = queue.head().unwrap();
            assert_eq!((*demand, *waiter), (number % 7, number));
            queue.leave(ticket);
        }
        assert!(queue.is_empty());
    }
}
