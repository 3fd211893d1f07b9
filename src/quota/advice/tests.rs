//! Tables of what servers really send, each with its source; then nonsense, the precedence, and soups of headers.

mod clouds;
mod forges;
mod models;
mod nonsense;
mod precedence;
mod services;
mod soup;
mod standards;

use std::time::UNIX_EPOCH;

use ureq::http::HeaderValue;

use super::*;

/// A set of headers, where it was found, and what is read from it.
///
/// Where the source names the headers but shows no values, it begins with "names: ", and the values are ours.
struct Case {
    source: &'static str,
    status: u16,
    /// The local clock, as an epoch. [`WRONG`] where the answer has a `Date`: nothing may depend on the clock then.
    clock: u64,
    headers: &'static str,
    /// See [`told`].
    told: &'static str,
}

/// In 1985.
const WRONG: u64 = 500_000_000;

/// As many in flight in all tables.
const IN_FLIGHT: u64 = 8;

fn parsed(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.trim().parse().unwrap());
    }
    headers
}

fn read(status: u16, clock: u64, headers: &HeaderMap, body: &[u8], came_at: Instant) -> Advice {
    let wall_clock = UNIX_EPOCH + Duration::from_secs(clock);
    let status = StatusCode::from_u16(status).unwrap();
    Advice::read(&Answer { status, headers, body, came_at, wall_clock })
}

/// Advice in one line: `throttled | pause | windows | pause before the refusal`, each as far as there is one. A pause
/// is its length and its header, a window `remaining/limit in length`.
fn told(status: u16, clock: u64, headers: &str, body: &str) -> String {
    let came_at = Instant::now();
    let advice = read(status, clock, &parsed(headers), body.as_bytes(), came_at);
    let throttled = advice.throttled.map_or("", |throttled| match throttled {
        Throttled::Rate => "rate",
        Throttled::Concurrency => "concurrency",
        Throttled::Unknown => "unknown",
    });
    let pause = |pause: Option<Pause>| {
        let by = |source: &Source| match source {
            Source::Header { name, .. } => name.to_string(),
            Source::GitHub => "github".to_owned(),
        };
        pause.map_or(String::new(), |pause| format!("{:?} {}", pause.until - came_at, by(&pause.told_by)))
    };
    let windows = advice.windows.iter().map(|window| {
        let limit = window.limit.map_or(String::new(), |limit| format!("/{limit}"));
        format!("{}{limit} in {:?}", window.remaining, window.reset_at - came_at)
    });
    let windows = windows.collect::<Vec<String>>().join(", ");
    let before = pause(advice.pause_before_refusal(IN_FLIGHT));
    format!("{throttled} | {} | {windows} | {before}", pause(advice.pause))
}

#[track_caller]
fn check(cases: &[Case]) {
    for Case { source, status, clock, headers, told: expected } in cases {
        assert!(source.contains("https://"), "{source}");
        assert_eq!(told(*status, *clock, headers, ""), *expected, "{source}\n{status}\n{headers}");
        let is_silent = is_silent(StatusCode::from_u16(*status).unwrap(), &parsed(headers));
        assert!(!is_silent || *expected == " |  |  | ", "{source}\n{headers}");
    }
}

#[test]
fn there_are_at_least_sixty_sets_of_headers_with_a_source() {
    let tables = [standards::CASES, forges::CASES, models::CASES, clouds::CASES, services::CASES];
    assert!(tables.iter().map(|table| table.len()).sum::<usize>() >= 60);
}
