//! `fanout serve`: a small API that enforces a quota, to try a job against; `demo` runs it in-process.
//!
//! It is meant to be honest about what arrives, not to be a web server: HTTP/1.1, one path, small bodies.
//!
//! From the top: [`server`] listens, a [`conversation`] is held with each connection about one [`api`], and the
//! [`gate`] says who is let in. How that is told is a [`dialect`], and [`faults`] spoil answers. Below them are values
//! and arithmetic.

mod api;
mod conversation;
mod dialect;
mod faults;
mod gate;
mod server;

mod answer;
mod clock;
mod request;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use crossbeam_channel::bounded;

use crate::exit::Exit;
use crate::fullest::fullest_window;
use crate::quota::Quota;
use crate::screen::Screen;
use crate::signals;
use crate::values::share::Share;

pub(crate) use dialect::Dialect;
pub(crate) use gate::Seen;
pub(crate) use server::Server;

/// What the server admits, and how it answers.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// 0: a free one.
    pub(crate) port: u16,
    pub(crate) dialect: Dialect,
    /// With the dialect of GitHub, the rate is so many requests in each fixed window, and the burst is not looked at.
    pub(crate) quota: Quota,
    /// Another quota, of which nothing is told.
    pub(crate) hidden: Option<Quota>,
    pub(crate) max_in_flight: usize,
    /// How long it takes over each answer.
    pub(crate) latency: Duration,
    /// Ids that are never answered.
    pub(crate) hanging: HashSet<String>,
    /// Ids that are answered with this status.
    pub(crate) statuses: HashMap<String, u16>,
    pub(crate) faults: ByChance,
}

/// How many requests that are let in are answered by a fault, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByChance {
    pub(crate) share: Share,
    pub(crate) seed: u64,
}

impl Settings {
    /// On a free port, without latency and faults.
    pub(crate) fn new(quota: Quota) -> Settings {
        Settings {
            port: 0,
            dialect: Dialect::Plain,
            quota,
            hidden: None,
            max_in_flight: 8,
            latency: Duration::ZERO,
            hanging: HashSet::new(),
            statuses: HashMap::new(),
            faults: ByChance { share: Share::NONE, seed: 0 },
        }
    }
}

/// Serves until a signal comes, and says then what it has seen.
pub(crate) fn serve(settings: Settings, screen: &Screen) -> Exit {
    let (quota, port) = (settings.quota, settings.port);
    match serve_until_signal(settings, screen) {
        Ok(seen) => {
            screen.say(&seen);
            if let Some(line) = against_quota(&seen, quota) {
                screen.say(line);
            }
            Exit::Success
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            screen.say(format_args!(
                "error: --port {port}: another process listens there (use another port, or 0 for a free one)"
            ));
            Exit::Failure
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            screen.say(format_args!(
                "error: --port {port}: may not listen there (use a port from 1024 on, or 0 for a free one)"
            ));
            Exit::Failure
        }
        Err(error) => {
            screen.say(format_args!("error: cannot serve: {error}"));
            Exit::Failure
        }
    }
}

/// How close to the quota requests came, or how far beyond it: a count of what arrived, refused or not. Nothing where
/// there is no quota, or one of fixed windows, of which what was refused says enough.
fn against_quota(seen: &Seen, quota: Quota) -> Option<String> {
    if seen.dialect != Dialect::Plain || quota.rate.is_unlimited() || seen.arrivals.is_empty() {
        return None;
    }
    let fullest = fullest_window(&seen.arrivals, quota);
    let mut line =
        format!("as they arrived, the fullest window took {fullest:.1} of a burst of {}", quota.burst);
    if u64::try_from(seen.arrivals.len()).is_ok_and(|counted| counted < seen.requests) {
        line += &format!(" (of the first {} requests)", seen.arrivals.len());
    }
    Some(line)
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
