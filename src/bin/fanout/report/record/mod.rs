//! What is recorded during a run. However many requests there are, it takes no more than some 10 MiB: the first of
//! them and the last are kept one by one, and all of them are folded into bins of time, histograms and counts, each
//! with its bound.

mod failures;
mod grants;
mod latencies;
mod request;
mod timeline;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fanout::Exchange;
use parking_lot::Mutex;

use crate::limits::Limits;

pub(crate) use failures::{Failures, IDS_OF_A_KIND, Kind};
pub(crate) use grants::{Grants, Held};
pub(crate) use latencies::Latencies;
#[cfg(test)]
pub(crate) use request::Pause;
pub(crate) use request::{Came, Next, Request, Stage, printable};
pub(crate) use timeline::{Bin, Timeline};

/// So many requests are kept one by one, from the first on.
pub(crate) const KEPT: usize = 1_500;

/// So many of those after them are kept, up to the last one.
pub(crate) const LAST: usize = 120;

/// So many pauses are kept, from the first on.
pub(crate) const PAUSES: usize = 200;

/// So many tries of an id are told apart: the most that there are.
const TRIES: usize = 101;

/// Takes down what happens in a run, from several threads.
pub(crate) struct Recorder {
    start: OnceLock<Instant>,
    records: Mutex<Records>,
}

/// A request that is kept with its id.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) request: Request,
}

/// A time during which nothing was sent, because the server said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paused {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    pub(crate) told_by: String,
    /// The id whose answer told it.
    pub(crate) id: String,
}

/// Requests that were the same try of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
}

/// All that is known of a run's requests.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    /// The first of them to end.
    pub(crate) kept: Vec<Kept>,
    /// The last ones, if there are more.
    pub(crate) last: VecDeque<Kept>,
    pub(crate) timeline: Timeline,
    pub(crate) grants: Grants,
    pub(crate) failures: Failures,
    /// Of those that succeeded, and of those that failed: without those that were cut off.
    pub(crate) good: Latencies,
    pub(crate) bad: Latencies,
    /// How long all of them were at each stage.
    pub(crate) stages: [Latencies; Stage::COUNT],
    pub(crate) pauses: Vec<Paused>,
    pub(crate) pause_count: u64,
    /// By their number.
    pub(crate) tries: BTreeMap<u32, Try>,
    pub(crate) requests: u64,
    pub(crate) cut_off: u64,
    pub(crate) redirects: u64,
    pub(crate) replays: u64,
    pub(crate) connections: u64,
    pub(crate) body_bytes: u64,
    pub(crate) lanes: usize,
    /// When the last of them ended.
    pub(crate) end: Duration,
}

impl Recorder {
    /// For a run that has not started yet.
    pub(crate) fn new(limits: &Limits) -> Arc<Recorder> {
        Arc::new(Recorder { start: OnceLock::new(), records: Mutex::new(Records::new(limits)) })
    }

    /// The run starts now: all times count from here.
    pub(crate) fn start(&self) {
        self.start.get_or_init(Instant::now);
    }

    /// A request has ended.
    pub(crate) fn note(&self, exchange: &Exchange<'_>) {
        let request = Request::of(exchange, *self.start.get_or_init(Instant::now));
        self.records.lock().add(exchange.id, request);
    }

    /// An id has failed for good.
    pub(crate) fn lose(&self, id: &str, cause: String) {
        self.records.lock().failures.lose(printable(id), cause);
    }

    /// All that there is, at the end of the run.
    pub(crate) fn finish(&self) -> Records {
        let mut records = self.records.lock().clone();
        records.finish();
        records
    }
}

impl Records {
    pub(crate) fn new(limits: &Limits) -> Records {
        Records {
            kept: Vec::new(),
            last: VecDeque::new(),
            timeline: Timeline::new(),
            grants: Grants::new(limits),
            failures: Failures::default(),
            good: Latencies::new(),
            bad: Latencies::new(),
            stages: std::array::from_fn(|_| Latencies::new()),
            pauses: Vec::new(),
            pause_count: 0,
            tries: BTreeMap::new(),
            requests: 0,
            cut_off: 0,
            redirects: 0,
            replays: 0,
            connections: 0,
            body_bytes: 0,
            lanes: 0,
            end: Duration::ZERO,
        }
    }

    /// One more request, when it has ended.
    pub(crate) fn add(&mut self, id: &str, request: Request) {
        let count = |number: &mut u64, is_one: bool| *number = number.saturating_add(u64::from(is_one));
        let ended = request.ended();
        count(&mut self.requests, true);
        count(&mut self.cut_off, request.came == Came::CutOff);
        count(&mut self.redirects, request.next == Next::Redirect);
        count(&mut self.replays, request.next == Next::Replay);
        count(&mut self.connections, !request.is_kept_alive && !request.lengths[2].is_zero());
        self.body_bytes = self.body_bytes.saturating_add(request.body_bytes as u64);
        self.lanes = self.lanes.max(request.lane.saturating_add(1));
        self.end = self.end.max(ended);
        for (stage, from, length) in request.stages() {
            self.timeline.spend(stage, from, length);
        }
        for (latencies, length) in self.stages.iter_mut().zip(request.lengths) {
            latencies.add(length);
        }
        self.timeline.granted(request.granted);
        self.grants.add(request.granted, &mut self.timeline);
        self.judge(id, &request, ended);
        if let Some(pause) = &request.pause {
            count(&mut self.pause_count, true);
            if self.pauses.len() < PAUSES {
                let (until, told_by) = (pause.until, pause.told_by.clone());
                self.pauses.push(Paused { from: ended, until, told_by, id: printable(id) });
            }
        }
        let kept = Kept { id: printable(id), request };
        if self.kept.len() < KEPT {
            self.kept.push(kept);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(kept);
    }

    /// No more will come.
    pub(crate) fn finish(&mut self) {
        self.grants.finish(&mut self.timeline);
    }

    /// Whether each request is kept.
    pub(crate) fn are_all_kept(&self) -> bool {
        self.requests == self.kept.len() as u64
    }

    fn judge(&mut self, id: &str, request: &Request, ended: Duration) {
        let tries = self.tries.len();
        let is_told_apart = self.tries.contains_key(&request.attempt) || tries < TRIES;
        let mut unused = Try::default();
        let this = if is_told_apart { self.tries.entry(request.attempt).or_default() } else { &mut unused };
        this.requests = this.requests.saturating_add(1);
        match &request.came {
            Came::Good => self.good.add(request.latency()),
            Came::CutOff => {}
            Came::Failed(kind) => {
                this.failed = this.failed.saturating_add(1);
                self.bad.add(request.latency());
                self.timeline.failed(ended);
                self.failures.add(kind, &printable(id), request.next != Next::Nothing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(millis: u64) -> Request {
        Request {
            lane: 0,
            attempt: 1,
            began: Duration::from_millis(millis),
            granted: Duration::from_millis(millis),
            lengths: [0, 0, 0, 1, 0].map(Duration::from_millis),
            status: Some(429),
            body_bytes: 0,
            is_kept_alive: true,
            came: Came::Failed("status 429".to_owned()),
            pause: Some(Pause {
                until: Duration::from_millis(millis + 1),
                told_by: "retry-after: 1".to_owned(),
            }),
            next: Next::Retry,
        }
    }

    #[test]
    fn it_does_not_grow_with_the_number_of_requests() {
        let mut records = Records::new(&Limits::new([]));
        for millis in 0..10_000 {
            let attempt = u32::try_from(millis).unwrap();
            records.add(&millis.to_string(), Request { attempt, ..request(millis) });
        }
        records.finish();
        assert_eq!((records.kept.len(), records.last.len(), records.pauses.len()), (KEPT, LAST, PAUSES));
        assert_eq!((records.requests, records.pause_count, records.tries.len()), (10_000, 10_000, TRIES));
        assert_eq!((records.kept[0].id.as_str(), records.last[LAST - 1].id.as_str()), ("0", "9999"));
        assert!(!records.are_all_kept() && records.failures.count() == 10_000);
        assert_eq!(records.end, Duration::from_secs(10));
    }
}
