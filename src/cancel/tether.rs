//! What ties a worker to the thing that it is blocked in, so that it can be cut loose.
//!
//! While a request is under way its worker sits in a system call, or waits for a name look-up: places that no flag
//! reaches. Each worker therefore has one [`Tether`] for the length of a call. Before it blocks it *ties* the thing
//! that it will block in, a [`Line`], to the tether, and it *unties* it when it is done. To stop the worker, from
//! whatever thread and for whatever reason, is to [`cut`](Tether::cut) its tether: the line is severed (a socket is
//! shut down, a condvar notified) and the worker comes back.
//!
//! # States
//!
//! ```text
//!            begin                 tie (again, for each further line)
//!   idle  ─────────────▶  busy  ◀──────────────────────────┐
//!    ▲                     │ └─────────────────────────────┘
//!    │  end                │ cut
//!    ├─────────────────────┤
//!    │  end                ▼
//!    └──────────────────  cut         (for ever, if the cut was for good)
//! ```
//!
//! # Invariants
//!
//! 1. *Nobody else's line is cut.* A line is severed under the tether's lock and only while it is tied. `untie` takes
//!    the same lock, so a connection that has been untied, and may by now carry another call's request, is out of
//!    reach. This is also why no generation is needed.
//! 2. *No cut is lost.* `cut` notes its reason under the lock; `tie` looks for one under that lock. So either the
//!    line is tied first, and severed, or it is refused. A line can be tied before it blocks, since severing one is
//!    permanent: a socket shut down before the read fails the read.
//! 3. *The first reason stays* until the request ends; it, and never the error that came out of the severed line,
//!    says why the worker came back.
//! 4. *A cut for good outlives the request.* A cancel is the end of the call that the tether belongs to: from then on
//!    every `begin` is refused.
//! 5. *A deadline cuts only the request it was set for.* It is set, looked at and removed under the lock.
//!
//! # Lock order
//!
//! `sever` runs under the tether's lock. A line may lock its own mutex in it, and must not touch a tether.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::token::Interrupt;

/// Something a worker blocks in and that can be severed from outside, for good.
pub(crate) trait Line: Send + Sync {
    /// Makes whoever is blocked in it return, and whoever will block in it not block at all.
    fn sever(&self);
}

/// Why a request was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The call is over. For good.
    Cancelled,
    /// The call's deadline has passed. For good.
    DeadlineExceeded,
    /// The request took longer than it may, in all.
    TimedOut,
    /// Name and connect took longer than they may.
    ConnectTimedOut,
}

impl Cut {
    fn is_for_good(self) -> bool {
        matches!(self, Cut::Cancelled | Cut::DeadlineExceeded)
    }
}

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Tether {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: Option<Arc<dyn Line>>,
    cut: Option<Cut>,
    /// When the watchdog is to cut the request, and why.
    deadline: Option<(Instant, Cut)>,
}

impl Tether {
    pub(crate) fn new() -> Arc<Tether> {
        Arc::default()
    }

    /// A request begins, on a line that is there already or on none yet: forgets how the last one ended, unless that
    /// was for good. Whoever sets a deadline tells the [watchdog](super::Watchdog).
    pub(crate) fn begin(
        &self,
        line: Option<Arc<dyn Line>>,
        deadline: Option<(Instant, Cut)>,
    ) -> Result<(), Cut> {
        let mut state = self.state.lock();
        match state.cut {
            Some(cut) if cut.is_for_good() => Err(cut),
            _ => {
                *state = State { line, cut: None, deadline }; // the last one's line went when it ended
                Ok(())
            }
        }
    }

    /// The worker is about to block in `line`, and in no other. Refused if the request has been cut.
    pub(crate) fn tie(&self, line: Arc<dyn Line>) -> Result<(), Cut> {
        let mut state = self.state.lock();
        if let Some(cut) = state.cut {
            return Err(cut);
        }
        let previous = state.line.replace(line);
        drop(state);
        drop(previous);
        Ok(())
    }

    /// The worker is done with its line, which from here on cannot be severed. Tells whether it was cut before.
    pub(crate) fn untie(&self) -> Result<(), Cut> {
        let mut state = self.state.lock();
        let line = state.line.take();
        let cut = state.cut;
        drop(state);
        drop(line); // closes a socket, perhaps: outside the lock
        cut.map_or(Ok(()), Err)
    }

    /// The request has ended, well or not. Returns why it was cut, if it was. Nothing is tied any more.
    pub(crate) fn end(&self) -> Result<(), Cut> {
        let mut state = self.state.lock();
        let (line, cut) = (state.line.take(), state.cut);
        state.deadline = None;
        drop(state);
        drop(line); // closes a socket, perhaps: outside the lock
        cut.map_or(Ok(()), Err)
    }

    /// Whether the request has been cut.
    pub(crate) fn check(&self) -> Result<(), Cut> {
        self.state.lock().cut.map_or(Ok(()), Err)
    }

    /// Cuts the request, and severs what its worker is blocked in. The first reason stays, except that one for good
    /// takes the place of one that is not.
    pub(crate) fn cut(&self, why: Cut) {
        cut(&mut self.state.lock(), why);
    }

    /// Sets when the request is to be cut, or that it is not. The [watchdog](super::Watchdog) must hear of an earlier
    /// deadline; a later one may be set without it.
    pub(crate) fn set_deadline(&self, deadline: Option<(Instant, Cut)>) {
        self.state.lock().deadline = deadline;
    }

    /// Cuts the request if its deadline has come; tells when it will come if it has not.
    pub(crate) fn cut_if_due(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        let (due, why) = state.deadline?;
        if due > now {
            return Some(due);
        }
        state.deadline = None;
        cut(&mut state, why);
        None
    }
}

fn cut(state: &mut State, why: Cut) {
    match state.cut {
        Some(first) if first.is_for_good() || !why.is_for_good() => return,
        _ => state.cut = Some(why),
    }
    if let Some(line) = &state.line {
        line.sever();
    }
}

impl Interrupt for Tether {
    fn interrupt(&self) {
        self.cut(Cut::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    #[derive(Default)]
    struct Severed(AtomicUsize);

    impl Line for Severed {
        fn sever(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn times(line: &Severed) -> usize {
        line.0.load(Ordering::SeqCst)
    }

    #[test]
    fn a_cut_severs_what_is_tied_and_refuses_what_comes_after() {
        let (tether, line) = (Tether::new(), Arc::new(Severed::default()));
        tether.begin(Some(line.clone()), None).unwrap();
        tether.cut(Cut::TimedOut);
        assert_eq!(times(&line), 1);
        assert_eq!(tether.tie(line.clone()), Err(Cut::TimedOut));
        assert_eq!(tether.end(), Err(Cut::TimedOut));
        assert_eq!(tether.begin(None, None), Ok(()), "a timeout ends one request");
        tether.cut(Cut::Cancelled);
        assert_eq!(tether.end(), Err(Cut::Cancelled));
        assert_eq!(tether.begin(None, None), Err(Cut::Cancelled), "a cancel ends the call");
        assert_eq!(times(&line), 1);
    }

    #[test]
    fn the_first_reason_stays_but_one_for_good_prevails() {
        let tether = Tether::new();
        tether.cut(Cut::ConnectTimedOut);
        tether.cut(Cut::TimedOut);
        assert_eq!(tether.check(), Err(Cut::ConnectTimedOut));
        tether.cut(Cut::Cancelled);
        tether.cut(Cut::DeadlineExceeded);
        assert_eq!(tether.check(), Err(Cut::Cancelled));
    }

    #[test]
    fn a_deadline_cuts_only_its_own_request() {
        let (tether, line) = (Tether::new(), Arc::new(Severed::default()));
        let now = Instant::now();
        let due = now + Duration::from_secs(1);
        tether.tie(line.clone()).unwrap();
        tether.set_deadline(Some((due, Cut::TimedOut)));
        assert_eq!(tether.cut_if_due(now), Some(due));
        tether.end().unwrap();
        assert_eq!(tether.cut_if_due(due), None);
        assert_eq!((times(&line), tether.check()), (0, Ok(())));
        tether.set_deadline(Some((due, Cut::TimedOut)));
        assert_eq!(tether.cut_if_due(due), None);
        assert_eq!(tether.check(), Err(Cut::TimedOut));
    }

    /// Invariant 1, raced: a line changes hands as a pooled connection does; a cut of its former holder that comes
    /// late must not reach it.
    #[test]
    fn a_line_that_changed_hands_is_never_cut_by_its_former_holder() {
        struct Owned {
            taken_over: AtomicBool,
            cut_after: AtomicBool,
        }
        impl Line for Owned {
            fn sever(&self) {
                if self.taken_over.load(Ordering::SeqCst) {
                    self.cut_after.store(true, Ordering::SeqCst);
                }
            }
        }
        for _ in 0..5_000 {
            let line = Arc::new(Owned { taken_over: false.into(), cut_after: false.into() });
            let tether = Tether::new();
            tether.tie(line.clone()).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| tether.cut(Cut::Cancelled));
                if tether.untie().is_ok() {
                    line.taken_over.store(true, Ordering::SeqCst);
                }
            });
            assert!(!line.cut_after.load(Ordering::SeqCst));
        }
    }
}
