//! What an answer waits for: a gate that the test opens, a time, and before all the end of the server.
//!
//! Everything here waits on channels, and so with a wake-up: whoever waits is woken when the server ends, since that
//! disconnects the channel that [`End`] listens to. No wait of this module ends in any other way than by its gate,
//! by its instant or by the end.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, select, unbounded};
use parking_lot::Mutex;

/// What a test opens, so that an answer goes on its way: see [`Answer::held_by`](super::Answer::held_by).
///
/// A gate is shut when it is made. Clones are the same gate, and more than one answer, and more than one server, may
/// stand before it. To drop it opens nothing.
///
/// ```
/// use std::time::Duration;
/// use fanout::test_kit::{Answer, Gate, Server};
/// use fanout::{CancelToken, ErrorKind, FanOutClient};
///
/// let gate = Gate::new();
/// let server = Server::start(|script| script.otherwise(Answer::ok("late").held_by(&gate)));
/// let client = FanOutClient::builder(server.url()).build()?;
/// let cancel = CancelToken::new();
///
/// std::thread::scope(|scope| {
///     let call = scope.spawn(|| client.fetch_all(&cancel, [1, 2]));
///     // Both are under way, for certain, and nobody slept for it.
///     assert_eq!(server.wait_for_requests(2, Duration::from_secs(10)).len(), 2);
///     cancel.cancel();
///     assert_eq!(call.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
/// });
/// # Ok::<(), fanout::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Gate {
    passes: Receiver<()>,
    /// Gone once the gate is open: then nobody has to wait for a pass any more.
    opener: Arc<Mutex<Option<Sender<()>>>>,
}

/// So many passes may be given out at once; more than there can be requests waiting.
const MOST_PASSES: usize = 10_000;

impl Gate {
    /// A gate that is shut.
    #[must_use]
    pub fn new() -> Gate {
        let (opener, passes) = unbounded();
        Gate { passes, opener: Arc::new(Mutex::new(Some(opener))) }
    }

    /// Opens it for good: all who wait go on, and whoever comes later does not wait.
    pub fn open(&self) {
        self.opener.lock().take();
    }

    /// Lets `count` answers through, of those who wait or, if there are fewer, of those who come. At most 10,000 may
    /// be let through in advance.
    pub fn let_through(&self, count: usize) {
        if let Some(opener) = &*self.opener.lock() {
            let room = MOST_PASSES.saturating_sub(opener.len());
            for _ in 0..count.min(room) {
                // Cannot fail: a receiver is here.
                let _ = opener.send(());
            }
        }
    }

    /// Waits until it may pass; whether it may. It may not when the end of the server has come.
    pub(super) fn pass(&self, end: &End) -> bool {
        select! {
            // A pass, or the gate is open.
            recv(self.passes) -> _ => !end.has_come(),
            recv(end.0) -> _ => false,
        }
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("is_open", &self.opener.lock().is_none()).finish()
    }
}

/// The end of a server, to those who wait in it. It comes when the sender of its channel is dropped.
pub(super) struct End(Receiver<Infallible>);

impl End {
    /// An end, and what brings it about when it is dropped.
    pub(super) fn new() -> (Sender<Infallible>, End) {
        let (running, end) = crossbeam_channel::bounded(0);
        (running, End(end))
    }

    pub(super) fn has_come(&self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Waits for `time`; whether that has passed. It has not when the end came first.
    pub(super) fn outlasts(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_as_many_through_as_it_is_told() {
        let (_running, end) = End::new();
        let gate = Gate::new();
        gate.let_through(2);
        assert!(gate.pass(&end) && gate.clone().pass(&end));
        assert_eq!(gate.passes.try_recv(), Err(TryRecvError::Empty), "the third would wait");
        gate.let_through(usize::MAX);
        assert_eq!(gate.passes.len(), MOST_PASSES);
        gate.let_through(1);
        assert_eq!(gate.passes.len(), MOST_PASSES);
    }

    #[test]
    fn an_open_gate_holds_nobody() {
        let (_running, end) = End::new();
        let gate = Gate::new();
        gate.open();
        gate.open();
        gate.let_through(1);
        assert!((0..10).all(|_| gate.pass(&end)));
    }

    #[test]
    fn the_end_of_the_server_ends_every_wait() {
        let (running, end) = End::new();
        assert!(!end.has_come() && end.outlasts(Duration::ZERO));
        let gate = Gate::new();
        std::thread::scope(|scope| {
            let held = scope.spawn(|| gate.pass(&end));
            let waits = scope.spawn(|| end.outlasts(Duration::MAX));
            drop(running);
            assert!(!held.join().unwrap() && !waits.join().unwrap());
        });
        assert!(end.has_come());
        gate.open();
        assert!((0..100).all(|_| !gate.pass(&end)), "nobody is sent an answer after the end");
    }
}
