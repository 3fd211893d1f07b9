//! What the server saw and what the processes have written, put together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use super::judge::{Judge, Request};
use super::verdict::Seen;
use super::worker::{Record, Run, Worker};
use super::{LEASE, TIMEOUT};

/// What is known of all requests.
pub(crate) struct Evidence {
    pub(crate) all: Vec<Seen>,
    /// How many were on the wire for longer than a lease, while their process was stopped.
    pub(crate) hung: usize,
    /// Of how many nobody tells.
    pub(crate) unknown: usize,
    /// How long before they came the others may have been begun, in microseconds.
    before: Vec<i64>,
}

/// A run that was stopped, from when to when.
pub(crate) type Stop = (u32, Instant, Instant);

/// In microseconds since `began`.
pub(crate) fn of(requests: &[Request], runs: &[&Run], stops: &[Stop], began: Instant) -> Evidence {
    let records: HashMap<(u32, u64), &Record> = runs
        .iter()
        .flat_map(|run| run.records.iter().map(|record| ((run.number, record.id), record)))
        .collect();
    let runs: HashMap<u32, &Run> = runs.iter().map(|run| (run.number, *run)).collect();
    let mut evidence = Evidence { all: Vec::new(), hung: 0, unknown: 0, before: Vec::new() };
    for request in requests {
        let (run, record) = (runs[&request.run], records.get(&(request.run, request.id)).copied());
        let stops = stops.iter().filter(|(stopped, ..)| *stopped == request.run);
        // Stopped while it was on the wire, and until then nothing can have been given back.
        let hangs = stops.map(|(_, from, to)| (*from, *to)).find(|(from, to)| {
            *from >= request.arrived && request.answered.is_some_and(|answered| answered >= *to)
        });
        let earliest = earliest(request, record, run);
        let until = held_until(request, record, run, hangs.map(|(_, to)| to)).min(earliest.1 + TIMEOUT);
        let is_over = |answered: Instant| answered >= request.arrived + LEASE;
        evidence.hung += usize::from(hangs.is_some() && request.answered.is_some_and(is_over));
        // Each to the side on which less is certain.
        let micros = |at: Instant| i64::try_from(at.duration_since(began).as_micros()).unwrap();
        let (arrived, until) = (micros(request.arrived) + 1, micros(until));
        let seen = Seen { earliest: micros(earliest.0), arrived, until: until.max(arrived) };
        match record {
            Some(_) => evidence.before.push(seen.arrived - seen.earliest),
            None => evidence.unknown += 1,
        }
        evidence.all.push(seen);
    }
    evidence.before.sort_unstable();
    evidence
}

/// Before when it was not begun; and the same for what the cap is about, where a process that was killed has as much
/// time for its requests as all others.
fn earliest(request: &Request, record: Option<&Record>, run: &Run) -> (Instant, Instant) {
    let Some(record) = record else { return (run.started, request.arrived) };
    // What is recorded in whole microseconds.
    let latency = record.latency + Duration::from_micros(1);
    let kept = match (&record.body, request.answered) {
        (Some(_), Some(answered)) => answered - request.arrived,
        // It was not waited for.
        _ => Duration::ZERO,
    };
    let earliest = request.arrived.checked_sub(latency.saturating_sub(kept)).unwrap().max(run.started);
    (earliest, earliest)
}

/// Until when its permit was not given back, for certain.
fn held_until(request: &Request, record: Option<&Record>, run: &Run, went_on: Option<Instant>) -> Instant {
    let answered = request.answered.unwrap_or(request.arrived);
    match record {
        Some(Record { body: Some(_), .. }) => answered,
        None if run.was_killed => answered,
        _ => went_on.unwrap_or(request.arrived),
    }
}

/// No run asks for what one before has recorded, and each id is there once, with what it was answered.
pub(crate) fn each_is_fetched_once(worker: &Worker, requests: &[Request]) {
    let mut asked: HashMap<u32, BTreeSet<u64>> = HashMap::new();
    for request in requests {
        let is_new = asked.entry(request.run).or_default().insert(request.id);
        assert!(is_new, "{request:?}: twice in one run");
    }
    let mut fetched: BTreeMap<u64, u32> = BTreeMap::new();
    for run in &worker.runs {
        let asked = asked.remove(&run.number).unwrap_or_default();
        let again = asked.iter().find(|id| fetched.contains_key(id));
        assert_eq!(again, None, "it was recorded, and asked for again by run {}", run.number);
        for Record { id, body, .. } in &run.records {
            let Some(body) = body else { continue };
            assert_eq!(*body, Judge::body_of(run.number, *id));
            assert_eq!(fetched.insert(*id, run.number), None, "{id} is there twice");
        }
    }
    let (first, last) = (fetched.keys().next().unwrap(), fetched.keys().next_back().unwrap());
    assert_eq!(fetched.len() as u64, last - first + 1, "some are missing");
    let asked_for = requests.iter().filter(|request| worker.has(request.run)).map(|request| request.id);
    assert_eq!((asked_for.clone().min(), asked_for.max()), (Some(*first), Some(*last)));
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = &self.before;
        let of_all = |parts: usize| before.get(before.len() * parts / 1_000).copied().unwrap_or(0);
        write!(
            f,
            "begun so many microseconds before they came, at the most: half {}, 99 of 100 {}, \
             999 of 1,000 {}; nobody tells of {}",
            of_all(500),
            of_all(990),
            of_all(999),
            self.unknown
        )
    }
}
