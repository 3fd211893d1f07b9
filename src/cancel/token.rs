//! Cancellation: a tree of tokens, each with a flag, a deadline, and a list of what to interrupt.
//!
//! A flag alone stops nobody who is asleep. So whatever blocks registers, for as long as it blocks, something that
//! can wake it ([`Interrupt`]) with the token that it obeys. There are three kinds: a thread in line for a permit or
//! a token ([`turnstile`](crate::turnstile)); a worker's [`Tether`](super::Tether), which is cut together
//! with the socket or the look-up that the worker is blocked in; and the bell of a caller that waits for ids from a
//! channel ([`FromChannel`](crate::fan_out::FromChannel)).
//!
//! # Invariants
//!
//! 1. *The flag never falls.* Once raised it stays. A cancel raises a token's flag before those of its descendants.
//! 2. *No registration is lost.* The flag is raised, and the list taken, under the node's lock; `register` looks at
//!    the flag and enters the list under that same lock. So it either comes before, and is interrupted, or comes
//!    after, and is refused. There is no third.
//! 3. *Foreign code runs outside the lock.* `cancel` takes the list, lets go of the lock, and only then interrupts.
//!    An interrupt may therefore reach something that has left in the meantime: every [`Interrupt`] must bear one
//!    that comes late. (A condvar sees a spurious wake-up; a tether belongs to one call, all of which is over.)
//! 4. *No node is locked while another one is.* Children are cancelled by the same loop as their parent, not from
//!    inside it, so there is no lock order to keep and no recursion, however deep the tree.
//!
//! # Deadlines
//!
//! A token's deadline is fixed when it is made: the earlier of its own and its parent's. It needs no thread: whoever
//! waits, waits no longer than that, and [`CancelToken::is_cancelled`] compares it with the clock.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Stops a call from outside: give it to the call, keep a clone, and call [`cancel`](CancelToken::cancel) on it.
///
/// Clones are the same token. A [`child`](CancelToken::child) is cancelled with its parent, but not the other way
/// round. Every wait in this crate ends at once when its token is cancelled, whatever it is waiting for; nothing
/// polls.
///
/// ```
/// use std::time::Duration;
/// use fanout::CancelToken;
///
/// let job = CancelToken::new();
/// let part = job.child().with_timeout(Duration::from_secs(60));
/// job.cancel();
/// assert!(part.is_cancelled());
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Node>,
}

/// Something that a thread is blocked in, and that can be made to return.
pub(crate) trait Interrupt: Send + Sync {
    /// Wakes whoever is blocked. Called at most once for each registration, outside of every lock of this module, and
    /// possibly after the registration has ended.
    fn interrupt(&self);
}

/// Why a wait that obeys a token has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stopped {
    /// [`CancelToken::cancel`] was called on the token, or on one above it.
    Cancelled,
    /// The token's deadline has passed.
    DeadlineExceeded,
}

impl CancelToken {
    /// A token that nothing cancels but its own [`cancel`](CancelToken::cancel). It has no deadline.
    #[must_use]
    pub fn new() -> CancelToken {
        CancelToken { node: Arc::new(Node::new(false, None, None)) }
    }

    /// Raises the flag of this token and of all below it, and wakes everyone who waits by them. Returns when all have
    /// been woken, not when they have gone. Calling it again does nothing.
    pub fn cancel(&self) {
        let mut raised = vec![self.node.clone()];
        while let Some(node) = raised.pop() {
            for listener in node.raise() {
                match listener {
                    Listener::Child(child) => raised.extend(child.upgrade()),
                    Listener::Waiter(waiter) => waiter.interrupt(),
                }
            }
        }
    }

    /// Whether the token has been cancelled or its deadline has passed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// A token that is cancelled with this one, and can be cancelled without it. It has the same deadline.
    #[must_use]
    pub fn child(&self) -> CancelToken {
        self.child_until(None)
    }

    /// A child that also ends `timeout` from now. A timeout too long for the clock to express is no timeout.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> CancelToken {
        self.child_until(Instant::now().checked_add(timeout))
    }

    /// A child that also ends at `deadline`. A later deadline than this token's own changes nothing.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> CancelToken {
        self.child_until(Some(deadline))
    }

    /// When the token ends by itself, if it does.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline
    }

    /// Nothing, or why the token has ended. A cancel is named before a deadline.
    ///
    /// # Errors
    ///
    /// The token has been cancelled, or its deadline has passed.
    pub fn check(&self) -> Result<(), Stopped> {
        self.check_flag()?;
        match self.node.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(Stopped::DeadlineExceeded),
            _ => Ok(()),
        }
    }

    /// As [`check`](CancelToken::check), without the deadline.
    pub(crate) fn check_flag(&self) -> Result<(), Stopped> {
        if self.node.raised.load(Ordering::Acquire) { Err(Stopped::Cancelled) } else { Ok(()) }
    }

    /// Has `waiter` interrupted when the token is cancelled, until the registration is dropped. Refused if it has
    /// been cancelled already. The deadline is the waiter's own affair.
    pub(crate) fn register(&self, waiter: Arc<dyn Interrupt>) -> Result<Registration, Stopped> {
        match self.node.enter(|_| Listener::Waiter(waiter)) {
            Some(key) => Ok(Registration { node: self.node.clone(), key }),
            None => Err(Stopped::Cancelled),
        }
    }

    fn child_until(&self, deadline: Option<Instant>) -> CancelToken {
        let deadline = match (self.node.deadline, deadline) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        // Made inside the parent's lock, so that a cancel finds it whole or not at all (invariant 2).
        let mut child = None;
        self.node.enter(|key| {
            let node = Arc::new(Node::new(false, Some((self.node.clone(), key)), deadline));
            let listener = Listener::Child(Arc::downgrade(&node));
            child = Some(node);
            listener
        });
        let child = child.unwrap_or_else(|| Arc::new(Node::new(true, None, deadline)));
        CancelToken { node: child }
    }
}

/// No code of the caller's runs under its locks, so no panic leaves anything half done.
impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}

impl Default for CancelToken {
    fn default() -> CancelToken {
        CancelToken::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .field("deadline", &self.node.deadline)
            .finish()
    }
}

/// Takes its waiter off the token's list when dropped.
pub(crate) struct Registration {
    node: Arc<Node>,
    key: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.node.leave(self.key);
    }
}

struct Node {
    /// ORDERING: raised with `Release` and read with `Acquire`, so that whoever sees the flag also sees what was
    /// written before `cancel` was called (the engine records the first error there). It is only ever raised under
    /// the lock of `listeners`, which is what invariant 2 rests on.
    raised: AtomicBool,
    deadline: Option<Instant>,
    /// Kept alive by the child: a token dropped in the middle of the tree must still pass a cancel on.
    parent: Option<(Arc<Node>, u64)>,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    next_key: u64,
    list: Vec<(u64, Listener)>,
}

enum Listener {
    /// Weak, so that a parent that lives for long does not keep every child it ever had.
    Child(Weak<Node>),
    Waiter(Arc<dyn Interrupt>),
}

impl Node {
    fn new(raised: bool, parent: Option<(Arc<Node>, u64)>, deadline: Option<Instant>) -> Node {
        Node { raised: AtomicBool::new(raised), deadline, parent, listeners: Mutex::default() }
    }

    /// Raises the flag and hands over who is to be told. Invariant 2.
    fn raise(&self) -> impl Iterator<Item = Listener> + use<> {
        let mut listeners = self.listeners.lock();
        self.raised.store(true, Ordering::Release);
        std::mem::take(&mut listeners.list).into_iter().map(|(_, listener)| listener)
    }

    /// Enters the list, or nothing if the flag is up. Invariant 2.
    fn enter(&self, listener: impl FnOnce(u64) -> Listener) -> Option<u64> {
        let mut listeners = self.listeners.lock();
        if self.raised.load(Ordering::Acquire) {
            return None;
        }
        let key = listeners.next_key;
        listeners.next_key += 1;
        listeners.list.push((key, listener(key)));
        Some(key)
    }

    /// Leaves the list, if it has not been taken. Keys only grow, so the list is sorted.
    fn leave(&self, key: u64) {
        let mut listeners = self.listeners.lock();
        let found = listeners.list.binary_search_by_key(&key, |(key, _)| *key);
        let left = found.ok().map(|index| listeners.list.remove(index));
        drop(listeners);
        drop(left); // foreign code may run in it: outside the lock
    }
}

impl Drop for Node {
    /// Leaves the parent's list; lets go of ancestors that nobody else holds one by one, not by recursion.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some((parent, key)) = next {
            parent.leave(key);
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stopped::Cancelled => "cancelled",
            Stopped::DeadlineExceeded => "the deadline has passed",
        })
    }
}

impl std::error::Error for Stopped {}

#[cfg(test)]
mod tests;
