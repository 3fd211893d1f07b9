//! Who takes part. Each file is the program that a careful person would write with that tool, and no more.

mod async_rust;
mod bare;
mod curl;
mod fanout;
mod go;
mod quota;
mod reqwest_blocking;
mod threads;
mod ureq_careful;
mod ureq_plain;

use std::env;
use std::process::Command;

use crate::Result;
use crate::harvest::Harvest;
use crate::job::Job;

/// One of those who take part.
pub(crate) struct Contestant {
    /// For the command line.
    pub(crate) name: &'static str,
    /// For the tables.
    pub(crate) title: &'static str,
    /// For the charts.
    pub(crate) short: &'static str,
    program: Program,
}

/// A contestant: one whole batch, from making its client to having all bodies, or the first error, with
/// whatever it started ended.
pub(crate) type Fetch = fn(&Job) -> Result<Harvest>;

enum Program {
    Here(Fetch),
    /// As `Here`, and this must be installed.
    With(&'static str, Fetch),
    Go,
}

/// Whom all others are measured against.
pub(crate) const REFERENCE: &str = "bare";

/// In the order of the tables.
pub(crate) const ALL: [Contestant; 9] = [
    Contestant {
        name: REFERENCE,
        title: "bare sockets, nothing else",
        short: "bare sockets",
        program: Program::Here(bare::fetch),
    },
    Contestant {
        name: "fanout",
        title: "**fanout**",
        short: "fanout",
        program: Program::Here(fanout::fetch),
    },
    Contestant {
        name: "async",
        title: "async Rust (reqwest, governor), multi thread",
        short: "async, multi thread",
        program: Program::Here(async_rust::multi_thread),
    },
    Contestant {
        name: "async1",
        title: "async Rust (reqwest, governor), single thread",
        short: "async, one thread",
        program: Program::Here(async_rust::single_thread),
    },
    Contestant { name: "go", title: "Go, x/time/rate, errgroup", short: "Go", program: Program::Go },
    Contestant {
        name: "curl",
        title: "curl --parallel",
        short: "curl",
        program: Program::With("curl", curl::fetch),
    },
    Contestant {
        name: "blocking",
        title: "reqwest::blocking, threads",
        short: "reqwest::blocking",
        program: Program::Here(reqwest_blocking::fetch),
    },
    Contestant {
        name: "careful",
        title: "ureq, set up with care",
        short: "ureq, with care",
        program: Program::Here(ureq_careful::fetch),
    },
    Contestant {
        name: "plain",
        title: "ureq as people write it",
        short: "ureq, as written",
        program: Program::Here(ureq_plain::fetch),
    },
];

/// The batch of the contestant of this name.
pub(crate) fn fetch(name: &str) -> Result<Fetch> {
    match ALL.iter().find(|contestant| contestant.name == name).map(|contestant| &contestant.program) {
        Some(Program::Here(fetch) | Program::With(_, fetch)) => Ok(*fetch),
        _ => Err(format!("no contestant {name:?} in this program").into()),
    }
}

impl Contestant {
    /// The command that runs it, but for the job; or why it cannot take part.
    pub(crate) fn command(&self) -> Result<Vec<String>> {
        match self.program {
            Program::Go => return Ok(vec![go::build()?]),
            Program::With(tool, _) if Command::new(tool).arg("--version").output().is_err() => {
                return Err(format!("{tool} is not installed").into());
            }
            Program::Here(_) | Program::With(..) => {}
        }
        let this = env::current_exe()?.to_str().ok_or("this program's path is not text")?.to_owned();
        Ok(vec![this, "contest".to_owned(), self.name.to_owned()])
    }
}
