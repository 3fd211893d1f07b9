//! `--summary-json`: the figures of a run for a machine, as one JSON object. The help of `fanout get` says what it
//! holds; members may be added to it, but none will go.

use std::io::{self, Write};
use std::time::Duration;

use fanout::Limit;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::atomic_file::AtomicFile;
use crate::failure::FirstFailure;
use crate::ledger::Left;
use crate::{signals, streams};

use super::End;

/// Where the figures go.
#[derive(Debug)]
pub(crate) struct Figures(To);

#[derive(Debug)]
enum To {
    File(AtomicFile),
    StandardOutput,
}

/// What the run was asked for, as far as the figures tell it.
pub(crate) struct Settings {
    /// The file of the records, if it is not standard output.
    pub(crate) output: Option<String>,
    /// The name of the quota that is shared with other processes, if it is.
    pub(crate) shared_quota: Option<String>,
}

impl Figures {
    pub(crate) fn to_file(file: AtomicFile) -> Figures {
        Figures(To::File(file))
    }

    pub(crate) fn to_standard_output() -> Figures {
        Figures(To::StandardOutput)
    }

    /// The file that they will be in, if it is one.
    pub(crate) fn file(&self) -> Option<&AtomicFile> {
        match &self.0 {
            To::File(file) => Some(file),
            To::StandardOutput => None,
        }
    }

    /// How people know where they go.
    pub(crate) fn name(&self) -> &str {
        self.file().map_or("standard output", AtomicFile::name)
    }

    /// Writes them down. The error says where that was not possible.
    pub(crate) fn write(self, end: &End<'_>, settings: &Settings) -> Result<(), String> {
        let line = format!("{}\n", figures(end, settings));
        let (name, written) = match self.0 {
            To::File(file) => (format!("--summary-json {}", file.name()), whole(file, line.as_bytes(), end)),
            To::StandardOutput => {
                let out = streams::standard_output();
                ("--summary-json -".to_owned(), out.and_then(|mut out| out.write_all(line.as_bytes())))
            }
        };
        written.map_err(|error| format!("{name}: cannot write it: {error}"))
    }
}

/// After a signal nobody waits for the disk.
fn whole(mut file: AtomicFile, line: &[u8], end: &End<'_>) -> io::Result<()> {
    file.write_all(line)?;
    file.keep(end.ended.caught.signal().is_none())
}

fn figures(end: &End<'_>, settings: &Settings) -> Value {
    let (ended, reason) = (end.ended, end.reason());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": Timestamp::try_from(ended.started_at).ok().map(|time| format!("{time:.3}")),
        "elapsed_ms": millis(ended.elapsed),
        "ids": ids(end),
        "requests": ended.traffic.requests,
        "retries": ended.retries(),
        "pauses": { "count": ended.traffic.pauses, "total_ms": millis(ended.traffic.paused) },
        "exit": {
            "code": reason.exit().code(),
            "signal": ended.caught.signal().map(signals::name),
            "reason": reason.name(),
        },
        "first_failure": ended.first_failure.as_ref().map(first_failure),
        "limits": ended.limits.texts().zip(ended.limits.iter()).map(limit).collect::<Vec<_>>(),
        "max_in_flight": ended.max_in_flight,
        "shared_quota": settings.shared_quota,
        "output": settings.output,
        "failed": end.left.map(failed),
    })
}

fn first_failure(failure: &FirstFailure) -> Value {
    json!({
        "id": failure.id,
        "attempt": failure.attempt,
        "status": failure.status,
        "kind": format!("{:?}", failure.kind),
        "sent": failure.sent.to_string(),
        "error": failure.cause,
    })
}

fn ids(end: &End<'_>) -> Value {
    let ended = end.ended;
    let settled = u128::from(ended.fetched) + u128::from(ended.failed());
    let is_complete = ended.result.is_ok() && !ended.is_input_broken;
    let total = ended.total.or(is_complete.then_some(settled));
    json!({
        "total": total.map(number),
        "fetched": ended.fetched,
        "failed": ended.failed(),
        "left": total.map(|total| number(total.saturating_sub(settled))),
        "cut_off": ended.traffic.cut_off,
        "unwritten": end.delivery.unwritten,
        "there_already": ended.there_already,
        "duplicates": ended.duplicates,
    })
}

/// What the file of --failed holds, and what it does not.
fn failed(left: &Left) -> Value {
    json!({
        "path": left.name,
        "ids": if left.failure.is_none() { Some(left.ids) } else { None },
        "is_whole": left.failure.is_none() && left.is_whole(),
        "ranges": left.ranges.as_ref().map(|ranges| &ranges.spec),
        "unread_behind_line": left.unread_behind,
    })
}

/// A limit, and how it is shown.
pub(crate) fn limit((text, limit): (&str, Limit)) -> Value {
    let (rate, burst) = limit.parts();
    let (tokens, per) = rate.parts().unzip();
    json!({ "text": text, "rate": tokens, "per_ms": per.map(millis), "burst": burst })
}

/// Whole microseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

/// A range may hold one more id than u64 counts.
fn number(number: u128) -> Value {
    u64::try_from(number).map_or_else(|_| json!(number as f64), |number| json!(number))
}
