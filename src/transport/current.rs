//! What an exchange and the transport beneath ureq tell each other.
//!
//! ureq stands between the two and hands nothing through. But it runs the whole exchange on the thread that calls it,
//! and so does the reading and dropping of the body, which never leaves `exchange`. So the state lies in a variable
//! of the thread, from [`enter`] until its [`Guard`] is dropped. A transport that is used outside of that finds
//! nothing there, and fails.

use std::cell::RefCell;
use std::fmt;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use crate::cancel::{Cut, Tether};

use super::idle::Connection;
use super::progress::{Phase, Progress};
use super::proxy::Proxy;
use super::stopwatch::Stopwatch;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The exchange that is under way on this thread.
pub(super) struct Current {
    pub(super) tether: Arc<Tether>,
    /// The proxy on the way.
    pub(super) proxy: Option<Arc<Proxy>>,
    /// A connection that has been used before, and that this exchange has tied already.
    pub(super) ready: Option<Connection>,
    /// The connection, when ureq has done with it and it may be used again.
    pub(super) kept: Option<Connection>,
    /// The socket of a new connection, for the outermost transport, from which ureq's TLS would hide it.
    pub(super) opened: Option<Arc<TcpStream>>,
    /// By when TCP must be up, and the tunnel through a proxy.
    pub(super) connect_by: Option<Instant>,
    /// When the exchange is to be cut once it is.
    pub(super) deadline: Option<(Instant, Cut)>,
    pub(super) progress: Progress,
    /// Runs if anybody wants to know.
    pub(super) watch: Option<Stopwatch>,
    /// Only what has arrived may be read: a read that would wait fails instead.
    pub(super) no_wait: bool,
    /// ureq has let go of the connection: it will read no more.
    pub(super) let_go: bool,
}

/// There is no exchange under way on this thread, or it has been cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Over {
    Nothing,
    Cut,
}

impl Current {
    pub(super) fn new(
        tether: Arc<Tether>,
        proxy: Option<Arc<Proxy>>,
        ready: Option<Connection>,
        connect_by: Option<Instant>,
        deadline: Option<(Instant, Cut)>,
    ) -> Current {
        let reused = ready.is_some();
        let phase = if reused { Phase::Sending } else { Phase::LookingUp };
        let progress = Progress { phase, reused, ..Progress::default() };
        Current {
            tether,
            proxy,
            ready,
            kept: None,
            opened: None,
            connect_by,
            deadline,
            progress,
            watch: None,
            no_wait: false,
            let_go: false,
        }
    }

    /// The worker goes on to this.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.progress.phase = phase;
        if let Some(watch) = &mut self.watch {
            watch.enter(phase);
        }
    }
}

/// Makes `exchange` the one of this thread.
pub(super) fn enter(exchange: Current) -> Guard {
    CURRENT.with(|current| current.replace(Some(exchange)));
    Guard(())
}

/// Looks at the exchange of this thread. `look` drops no connection: that would look in turn.
pub(super) fn with<R>(look: impl FnOnce(&mut Current) -> R) -> Result<R, ureq::Error> {
    let looked = CURRENT.try_with(|current| match current.try_borrow_mut() {
        Ok(mut current) => current.as_mut().map(look),
        Err(_) => None,
    });
    looked.ok().flatten().ok_or_else(|| Over::Nothing.into())
}

/// Ends the exchange when it is dropped, at the latest.
pub(super) struct Guard(());

/// How an exchange ended.
pub(super) struct Ended {
    pub(super) progress: Progress,
    /// Why it was cut, if it was.
    pub(super) cut: Option<Cut>,
    /// What may carry another one, unless this one was cut.
    pub(super) kept: Option<Connection>,
    pub(super) watch: Option<Stopwatch>,
}

impl Guard {
    /// Ends the exchange: from here on nothing cuts it.
    pub(super) fn end(self) -> Ended {
        let none = Ended { progress: Progress::default(), cut: None, kept: None, watch: None };
        leave().unwrap_or(none)
    }
}

fn leave() -> Option<Ended> {
    let Current { tether, progress, kept, watch, .. } = CURRENT.try_with(RefCell::take).ok()??;
    Some(Ended { progress, cut: tether.end().err(), kept, watch })
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(leave());
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Over::Nothing => "no exchange is under way on this thread",
            Over::Cut => "the exchange was cut",
        })
    }
}

impl std::error::Error for Over {}

impl From<Over> for ureq::Error {
    fn from(over: Over) -> ureq::Error {
        ureq::Error::Other(Box::new(over))
    }
}
