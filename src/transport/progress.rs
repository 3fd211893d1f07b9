//! How far an exchange has come: what it was at when it failed, and what the server can have seen of it.

use crate::error::Sent;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    /// Whether the connection was one that had been used before.
    pub(super) reused: bool,
    pub(super) sent: Sent,
    /// Whether a byte of the answer has come.
    pub(super) answered: bool,
    /// Whether the peer has closed its side.
    pub(super) ended: bool,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress { phase: Phase::LookingUp, reused: false, sent: Sent::Never, answered: false, ended: false }
    }
}

/// What the worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    LookingUp,
    Connecting,
    /// Waiting for a proxy to open a tunnel.
    Tunnelling,
    ShakingHands,
    Sending,
    Waiting,
    Reading,
}
