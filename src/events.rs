//! Everything that is logged, and the only place that logs.
//!
//! The events are values, so that a test can hold them against the table in the crate's documentation. Their fields
//! are `log` key-values. What can be secret (a URL, a header, a body) is not in them; a server's word about its limits
//! is.

#[cfg(feature = "redis")]
mod shared;

use std::time::Duration;

use log::kv::Value;
use log::{Level, Record};

use crate::error::{ErrorKind, Sent};

#[cfg(feature = "redis")]
pub(crate) use shared::QuotaEvent;

/// The target of every record.
pub(crate) const TARGET: &str = "fanout";

/// Something that happened, and is worth a line.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// An id was fetched.
    RequestDone { user_id: &'a str, attempt: u32, status: u16, latency: Duration, wait: Duration },
    /// An id could not be fetched, or not yet.
    RequestFailed {
        user_id: &'a str,
        attempt: u32,
        status: Option<u16>,
        kind: ErrorKind,
        sent: Sent,
        latency: Duration,
        wait: Duration,
        /// When it will be tried again, if it will.
        retry_in: Option<Duration>,
    },
    /// A redirect is being followed.
    RedirectFollowed { user_id: &'a str, attempt: u32, status: u16, hop: u32 },
    /// The server has asked for a pause of all requests, or will do so soon.
    Paused { user_id: &'a str, status: u16, pause: Duration, told_by: &'a str },
    /// A kept connection turned out to be dead; the request is sent again, on a fresh one.
    StaleConnection { user_id: &'a str, attempt: u32 },
    /// A call begins.
    RunStarted { max_in_flight: usize },
    /// A call has ended, and everything that it started.
    RunEnded { delivered: u64, retries: u64, ok: bool, elapsed: Duration },
    /// The operating system refused a thread; the call goes on with fewer.
    FewerWorkers { workers: usize, wanted: usize },
}

impl Event<'_> {
    fn level(&self) -> Level {
        match self {
            Event::RequestDone { .. } | Event::RequestFailed { .. } | Event::Paused { .. } => Level::Info,
            Event::FewerWorkers { .. } => Level::Warn,
            _ => Level::Debug,
        }
    }
}

/// Logs an event.
pub(crate) fn emit(event: &Event<'_>) {
    let level = event.level();
    if is_on(level) {
        write(event, level);
    }
}

fn is_on(level: Level) -> bool {
    level <= log::STATIC_MAX_LEVEL && level <= log::max_level()
}

#[cold]
fn write(event: &Event<'_>, level: Level) {
    match *event {
        Event::RequestDone { user_id, attempt, status, latency, wait } => {
            let [latency_ms, wait_ms] = [latency, wait].map(millis);
            log(
                level,
                "request done",
                &[
                    Some(("user_id", user_id.into())),
                    Some(("attempt", attempt.into())),
                    Some(("status", status.into())),
                    Some(("latency_ms", latency_ms.into())),
                    Some(("wait_ms", wait_ms.into())),
                ],
            );
        }
        Event::RequestFailed { user_id, attempt, status, kind, sent, latency, wait, retry_in } => {
            let message = match retry_in {
                None => "request failed",
                Some(_) => "request failed, to be retried",
            };
            let [latency_ms, wait_ms] = [latency, wait].map(millis);
            log(
                level,
                message,
                &[
                    Some(("user_id", user_id.into())),
                    Some(("attempt", attempt.into())),
                    status.map(|status| ("status", status.into())),
                    Some(("latency_ms", latency_ms.into())),
                    Some(("wait_ms", wait_ms.into())),
                    Some(("kind", Value::from_debug(&kind))),
                    Some(("sent", Value::from_display(&sent))),
                    retry_in.map(|retry_in| ("retry_in_ms", millis(retry_in).into())),
                ],
            );
        }
        Event::RedirectFollowed { user_id, attempt, status, hop } => log(
            level,
            "redirect followed",
            &[
                Some(("user_id", user_id.into())),
                Some(("attempt", attempt.into())),
                Some(("status", status.into())),
                Some(("hop", hop.into())),
            ],
        ),
        Event::Paused { user_id, status, pause, told_by } => log(
            level,
            "paused",
            &[
                Some(("user_id", user_id.into())),
                Some(("status", status.into())),
                Some(("pause_ms", millis(pause).into())),
                Some(("told_by", told_by.into())),
            ],
        ),
        Event::StaleConnection { user_id, attempt } => log(
            level,
            "stale connection replaced",
            &[Some(("user_id", user_id.into())), Some(("attempt", attempt.into()))],
        ),
        Event::RunStarted { max_in_flight } => {
            log(level, "run started", &[Some(("max_in_flight", max_in_flight.into()))]);
        }
        Event::RunEnded { delivered, retries, ok, elapsed } => log(
            level,
            "run ended",
            &[
                Some(("delivered", delivered.into())),
                Some(("retries", retries.into())),
                Some(("ok", ok.into())),
                Some(("elapsed_ms", millis(elapsed).into())),
            ],
        ),
        Event::FewerWorkers { workers, wanted } => log(
            level,
            "fewer workers than wanted",
            &[Some(("workers", workers.into())), Some(("wanted", wanted.into()))],
        ),
    }
}

/// A field that is not there says more than one that says "None".
fn log(level: Level, message: &str, fields: &[Option<(&str, Value<'_>)>]) {
    let mut record = Record::builder();
    record.target(TARGET).level(level).module_path_static(Some(module_path!())).key_values(&fields);
    log::logger().log(&record.args(format_args!("{message}")).build());
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
            Event::RequestFailed { user_id, attempt, status, kind, sent, latency, wait, retry_in: None },
            Event::RequestFailed {
                user_id,
                attempt,
                status,
                kind,
                sent,
                latency,
                wait,
                retry_in: Some(wait),
            },
            Event::RedirectFollowed { user_id, attempt, status: 302, hop: 1 },
            Event::Paused { user_id, status: 429, pause: wait, told_by: "retry-after: 2" },
            Event::StaleConnection { user_id, attempt },
            Event::RunStarted { max_in_flight: 8 },
            Event::RunEnded { delivered: 1, retries: 0, ok: true, elapsed: latency },
            Event::FewerWorkers { workers: 1, wanted: 8 },
        ];
        all.iter().for_each(emit);
        let tables = tables();
        check(&tables[0], all.len());
        #[cfg(feature = "redis")]
        check(&tables[1], emit_those_of_a_quota());
    }

    #[cfg(feature = "redis")]
    fn emit_those_of_a_quota() -> usize {
        let (time, grants, text) = (Duration::ZERO, 1, "7");
        let all = [
            QuotaEvent::Unknown { wait: time },
            QuotaEvent::Lost { wait: time },
            QuotaEvent::PausedElsewhere { pause: time, told_by: text },
            QuotaEvent::OutOfReach { cause: &text },
            QuotaEvent::Reached { gone: time },
            QuotaEvent::LeaseLost { permits: 1 },
            QuotaEvent::ThrownAway { grants, late: time },
            QuotaEvent::LimitsAdopted { generation: 1, limits: &text },
            QuotaEvent::RunFailedElsewhere { error: text },
        ];
        all.iter().for_each(|event| event.emit("key-7"));
        all.len()
    }

    /// Those of the crate's documentation, without their heads.
    fn tables() -> Vec<Vec<&'static str>> {
        let tables = include_str!("lib.rs").split("//! | message | level | fields |\n").skip(1);
        let of = |text: &'static str| text.lines().skip(1).take_while(|line| line.starts_with("//! |"));
        tables.map(|text| of(text).collect()).collect()
    }

    #[track_caller]
    fn check(table: &[&str], events: usize) {
        let seen = SEEN.lock().unwrap();
        assert_eq!(table.len(), events, "an event for each line");
        for line in table {
            assert!(seen.iter().any(|seen| seen == line), "{line} is not logged; these are: {seen:#?}");
        }
    }
}
