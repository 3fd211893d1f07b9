//! `fanout serve`: a small API that enforces a quota, to try a job against; `demo` runs it in-process.
//!
//! It is meant to be honest about what arrives, not to be a web server: HTTP/1.1, one path, small bodies.
//!
//! From the top: [`server`] listens, a [`conversation`] is held with each connection, and the [`gate`] says who is let
//! in.

mod conversation;
mod gate;
mod server;

mod answer;
mod request;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use crossbeam_channel::bounded;

use crate::exit::Exit;
use crate::quota::Quota;
use crate::screen::Screen;
use crate::signals;

pub(crate) use gate::Seen;
pub(crate) use server::Server;

/// What the server admits, and how it answers.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// 0: a free one.
    pub(crate) port: u16,
    pub(crate) quota: Quota,
    pub(crate) max_in_flight: usize,
    /// How long it takes over each answer.
    pub(crate) latency: Duration,
    /// Ids that are never answered.
    pub(crate) hanging: HashSet<String>,
    /// Ids that are answered with this status.
    pub(crate) statuses: HashMap<String, u16>,
}

impl Settings {
    /// On a free port, without latency and faults.
    pub(crate) fn new(quota: Quota) -> Settings {
        Settings {
            port: 0,
            quota,
            max_in_flight: 8,
            latency: Duration::ZERO,
            hanging: HashSet::new(),
            statuses: HashMap::new(),
        }
    }
}

/// Serves until a signal comes, and says then what it has seen.
pub(crate) fn serve(settings: Settings, screen: &Screen) -> Exit {
    match serve_until_signal(settings, screen) {
        Ok(seen) => {
            screen.say(seen);
            Exit::Success
        }
        Err(error) => {
            screen.say(format_args!("error: cannot serve: {error}"));
            Exit::Failure
        }
    }
}

fn serve_until_signal(settings: Settings, screen: &Screen) -> io::Result<Seen> {
    let (running, stopped) = bounded::<()>(0);
    let unread = screen.clone();
    signals::listen(move || {
        drop(running);
        unread.signalled();
    })?;
    let server = Server::start(settings)?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", server.url())?;
    out.flush()?;
    // Nothing is ever sent: it ends when the other end is gone.
    let _ = stopped.recv();
    Ok(server.stop())
}
