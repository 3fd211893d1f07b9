//! Everything that is logged, and the only place that logs.
//!
//! The events are values, so that a test can hold them against the table in the crate's documentation. Their fields
//! are `log` key-values. What can be secret (a URL, a header, a body) is not in them.

use std::time::Duration;

use log::Level;

use crate::error::{ErrorKind, Sent};

/// The target of every record.
pub(crate) const TARGET: &str = "fanout";

/// Something that happened, and is worth a line.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// An id was fetched.
    RequestDone { user_id: &'a str, attempt: u32, status: u16, latency: Duration, wait: Duration },
    /// An id could not be fetched.
    RequestFailed {
        user_id: &'a str,
        attempt: u32,
        status: Option<u16>,
        kind: ErrorKind,
        sent: Sent,
        latency: Duration,
        wait: Duration,
    },
    /// A redirect is being followed.
    RedirectFollowed { user_id: &'a str, attempt: u32, status: u16, hop: u32 },
    /// A kept connection turned out to be dead; the request is sent again, on a fresh one.
    StaleConnection { user_id: &'a str, attempt: u32 },
    /// A call begins.
    RunStarted { max_in_flight: usize },
    /// A call has ended, and everything that it started.
    RunEnded { delivered: u64, ok: bool, elapsed: Duration },
    /// The operating system refused a thread; the call goes on with fewer.
    FewerWorkers { workers: usize, wanted: usize },
}

impl Event<'_> {
    fn level(&self) -> Level {
        match self {
            Event::RequestDone { .. } | Event::RequestFailed { .. } => Level::Info,
            Event::FewerWorkers { .. } => Level::Warn,
            _ => Level::Debug,
        }
    }
}

/// Logs an event.
pub(crate) fn emit(event: &Event<'_>) {
    let level = event.level();
    if level <= log::STATIC_MAX_LEVEL && level <= log::max_level() {
        write(event, level);
    }
}

#[cold]
fn write(event: &Event<'_>, level: Level) {
    match *event {
        Event::RequestDone { user_id, attempt, status, latency, wait } => log::log!(
            target: TARGET, level,
            user_id = user_id, attempt = attempt, status = status,
            latency_ms = millis(latency), wait_ms = millis(wait);
            "request done"
        ),
        Event::RequestFailed { user_id, attempt, status, kind, sent, latency, wait } => {
            let (latency_ms, wait_ms) = (millis(latency), millis(wait));
            // A field that is not there says more than one that says "None".
            match status {
                Some(status) => log::log!(
                    target: TARGET, level,
                    user_id, attempt, status, latency_ms, wait_ms, kind:?, sent:%;
                    "request failed"
                ),
                None => log::log!(
                    target: TARGET, level,
                    user_id, attempt, latency_ms, wait_ms, kind:?, sent:%;
                    "request failed"
                ),
            }
        }
        Event::RedirectFollowed { user_id, attempt, status, hop } => log::log!(
            target: TARGET, level,
            user_id = user_id, attempt = attempt, status = status, hop = hop;
            "redirect followed"
        ),
        Event::StaleConnection { user_id, attempt } => log::log!(
            target: TARGET, level,
            user_id = user_id, attempt = attempt;
            "stale connection replaced"
        ),
        Event::RunStarted { max_in_flight } => log::log!(
            target: TARGET, level,
            max_in_flight = max_in_flight;
            "run started"
        ),
        Event::RunEnded { delivered, ok, elapsed } => log::log!(
            target: TARGET, level,
            delivered = delivered, ok = ok, elapsed_ms = millis(elapsed);
            "run ended"
        ),
        Event::FewerWorkers { workers, wanted } => log::log!(
            target: TARGET, level,
            workers = workers, wanted = wanted;
            "fewer workers than wanted"
        ),
    }
}

/// Milliseconds with three decimals, and no more: what a clock can be believed.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Recorder;

    impl log::Log for Recorder {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            struct Keys(Vec<String>);
            impl<'kvs> log::kv::VisitSource<'kvs> for Keys {
                fn visit_pair(
                    &mut self,
                    key: log::kv::Key<'kvs>,
                    _: log::kv::Value<'kvs>,
                ) -> Result<(), log::kv::Error> {
                    self.0.push(format!("`{key}`"));
                    Ok(())
                }
            }
            let mut keys = Keys(Vec::new());
            record.key_values().visit(&mut keys).unwrap();
            let (message, level) = (record.args(), record.level().as_str().to_lowercase());
            if record.target() == TARGET {
                SEEN.lock().unwrap().push(format!("//! | `{message}` | {level} | {} |", keys.0.join(" ")));
            }
        }

        fn flush(&self) {}
    }

    #[test]
    fn the_table_in_the_documentation_is_what_is_logged() {
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let (user_id, attempt, latency, wait) = ("7", 1, Duration::ZERO, Duration::ZERO);
        let (status, kind, sent) = (Some(404), ErrorKind::Status, Sent::Yes);
        let all = [
            Event::RequestDone { user_id, attempt, status: 200, latency, wait },
            Event::RequestFailed { user_id, attempt, status, kind, sent, latency, wait },
            Event::RedirectFollowed { user_id, attempt, status: 302, hop: 1 },
            Event::StaleConnection { user_id, attempt },
            Event::RunStarted { max_in_flight: 8 },
            Event::RunEnded { delivered: 1, ok: true, elapsed: latency },
            Event::FewerWorkers { workers: 1, wanted: 8 },
        ];
        all.iter().for_each(emit);
        let seen = SEEN.lock().unwrap();
        let table: Vec<&str> = include_str!("lib.rs")
            .lines()
            .skip_while(|line| *line != "//! | message | level | fields |")
            .skip(2)
            .take_while(|line| line.starts_with("//! |"))
            .collect();
        assert_eq!(table.len(), all.len(), "an event for each line");
        for line in table {
            assert!(seen.iter().any(|seen| seen == line), "{line} is not logged; these are: {seen:#?}");
        }
    }
}
