//! The room that a body takes up in memory, from the worker that fetched it until nobody keeps it any more.
//!
//! The engine bounds the bodies that wait for its closure by their bytes. A closure that hands bodies on, to a thread
//! that writes them, say, would undo that: so it can keep a body's room along with the body, and then it is the workers
//! who wait for whoever is slow. An outcome must not keep its room by itself, or a closure that gathers outcomes would
//! stop the run when the room is used up.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::turnstile::Permit;

/// The room of a body, kept beyond the closure that was handed the [`Outcome`](crate::Outcome): see
/// [`keep_room`](crate::Outcome::keep_room). Dropping it gives it back.
#[must_use = "room that is not kept is given back"]
pub struct Room {
    _held: Option<Permit>,
}

impl Room {
    /// How many bytes of bodies there is room for, all together: 4 MiB. A body that is larger has it for itself.
    pub const TOTAL: usize = 4 * 1024 * 1024;

    /// Bodies up to 4 KiB take no room. They are bounded by their number, and spared the way to the counter of bytes.
    pub const SMALL: usize = 4 * 1024;
}

/// What an outcome has of its room: nothing if the body is small, or if the room has been kept or given back.
#[derive(Clone, Default)]
pub(crate) struct Lent(Option<Arc<Mutex<Option<Permit>>>>);

impl Lent {
    pub(crate) fn new(permit: Permit) -> Lent {
        Lent(Some(Arc::new(Mutex::new(Some(permit)))))
    }

    /// From then on it is whoever holds this who keeps the room.
    pub(crate) fn keep(&self) -> Room {
        Room { _held: self.0.as_ref().and_then(|permit| permit.lock().take()) }
    }

    /// If it is not kept.
    pub(crate) fn give_back(&self) {
        drop(self.keep());
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelToken;
    use crate::turnstile::Permits;

    #[test]
    fn it_is_given_back_once_by_whoever_had_it_last() {
        let permits = Permits::new(10);
        let lent = Lent::new(permits.acquire(7, &CancelToken::new()).unwrap());
        let kept = lent.clone().keep();
        lent.give_back();
        assert_eq!(permits.held(), 7);
        drop((lent.keep(), lent));
        assert_eq!(permits.held(), 7);
        drop(kept);
        assert_eq!(permits.held(), 0);
    }

    #[test]
    fn what_is_not_kept_is_given_back() {
        let permits = Permits::new(10);
        let lent = Lent::new(permits.acquire(7, &CancelToken::new()).unwrap());
        let elsewhere = lent.clone();
        lent.give_back();
        assert_eq!(permits.held(), 0);
        drop((elsewhere.keep(), Lent::default().keep()));
        assert_eq!(permits.held(), 0);
    }
}
