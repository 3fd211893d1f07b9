//! Runs that never were: any number of requests, from a simulation that is the same each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::limits::Limits;
use crate::quota::Quota;
use crate::report::page::{About, End};
use crate::report::record::{Came, Next, Pause, Records, Request};
use crate::values::rate;

const MILLI: u64 = 1_000_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) ids: u64,
    /// One token in so many nanoseconds.
    pub(super) spacing: u64,
    pub(super) burst: u32,
    pub(super) workers: usize,
    /// In the middle, in nanoseconds.
    pub(super) latency: f64,
    /// Of a thousand requests.
    pub(super) failures: u64,
    /// When the server asks for a pause, and of how long, in seconds.
    pub(super) pause: Option<(u64, u64)>,
    /// From when to when it answers hardly anything, in seconds.
    pub(super) outage: Option<(u64, u64)>,
}

/// A seed for each run, and the numbers from it: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_of(&mut self, parts: u64) -> bool {
        self.next() % 1_000 < parts
    }

    /// Around 1, mostly from 0.6 to 1.8, now and then much more.
    fn spread(&mut self) -> f64 {
        let mut uniform = || (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let (a, b) = (uniform().max(1e-12), uniform());
        ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos() * 0.32).exp()
    }
}

/// What a worker is about to do: when it is free, and which one it is.
type Free = Reverse<(u64, usize)>;

struct Simulation {
    sample: Sample,
    chance: Chance,
    /// When the next token would be there if there were no burst.
    due: u64,
    paused_until: u64,
    has_paused: bool,
}

impl Sample {
    pub(super) fn limits(&self) -> Limits {
        let text = format!("{}/s", 1_000_000_000 / self.spacing);
        Quota::new(rate::parse(&text).unwrap(), Some(self.burst)).into()
    }

    pub(super) fn run(self) -> (About, Records, End) {
        let mut records = Records::new(&self.limits());
        let mut simulation =
            Simulation { sample: self, chance: Chance(7), due: 0, paused_until: 0, has_paused: false };
        let mut free: BinaryHeap<Free> = (0..self.workers).map(|worker| Reverse((0, worker))).collect();
        let mut again: BinaryHeap<Reverse<(u64, u64, u32)>> = BinaryHeap::new();
        let (mut next_id, mut failed, mut retries) = (1, 0, 0);
        let mut connected = vec![false; self.workers];
        while next_id <= self.ids || !again.is_empty() {
            let Some(Reverse((since, worker))) = free.pop() else { break };
            let is_due = again.peek().is_some_and(|Reverse((at, ..))| *at <= since || next_id > self.ids);
            let retry = if is_due { again.pop() } else { None };
            let (since, id, attempt) = match retry {
                Some(Reverse((at, id, attempt))) => (since.max(at), id, attempt),
                None => {
                    next_id += 1;
                    (since, next_id - 1, 1)
                }
            };
            let request = simulation.request(since, worker, attempt, !connected[worker]);
            connected[worker] = true;
            let ended = u64::try_from(request.ended().as_nanos()).unwrap();
            if request.next == Next::Retry {
                retries += 1;
                let wait = simulation.chance.next() % ((400 * MILLI) << attempt.min(6));
                again.push(Reverse((ended + wait, id, attempt + 1)));
            } else if let Came::Failed(kind) = &request.came {
                failed += 1;
                records.failures.lose(id.to_string(), format!("{kind}, after {attempt} tries"));
            }
            records.add(&id.to_string(), request);
            free.push(Reverse((ended, worker)));
        }
        records.finish();
        let end = End {
            fetched: self.ids - failed,
            failed,
            retries,
            total: Some(u128::from(self.ids)),
            elapsed: records.end,
            broken_off: None,
        };
        (self.about(), records, end)
    }

    fn about(&self) -> About {
        About {
            method: "GET".to_owned(),
            url: "https://api.example.com/users/{id}/widgets".to_owned(),
            begun: "2026-11-28 21:30:00 UTC".to_owned(),
            max_in_flight: self.workers,
            settings: vec![
                ("quota", self.limits().to_string()),
                ("in flight, at most", self.workers.to_string()),
                ("ids from", format!("1-{}", self.ids)),
                ("records to", "widgets.ndjson".to_owned()),
                ("timeout of a request", "10s".to_owned()),
                ("retries of an id", "4".to_owned()),
                ("headers", "Authorization, Accept".to_owned()),
            ],
        }
    }
}

impl Simulation {
    fn request(&mut self, since: u64, worker: usize, attempt: u32, is_fresh: bool) -> Request {
        let line = self.chance.next() % 9_000;
        let granted = self.grant(since + line);
        let woken = granted + 20_000 + self.chance.next() % 60_000;
        let second = granted / 1_000_000_000;
        let is_out = self.sample.outage.is_some_and(|(from, to)| (from..to).contains(&second));
        let asks = self.sample.pause.filter(|(at, _)| !self.has_paused && second >= *at);
        self.has_paused |= asks.is_some();
        let (status, kind) = match () {
            () if asks.is_some() => (Some(429), Some("status 429")),
            () if is_out && self.chance.one_of(900) => (None, Some("timeout")),
            () if self.chance.one_of(self.sample.failures) => match self.chance.next() % 4 {
                0 => (None, Some("connection broke")),
                1 => (Some(502), Some("status 502")),
                _ => (Some(503), Some("status 503")),
            },
            () => (Some(200), None),
        };
        // The day has its hours.
        let tide = 1.0 + 0.3 * (second as f64 / 3_000.0).sin();
        let answer = match kind {
            Some("timeout") => 10_000.0 * MILLI as f64,
            _ => self.sample.latency * tide * self.chance.spread(),
        };
        let connect = if is_fresh { 24.0 * MILLI as f64 * self.chance.spread() } else { 0.0 };
        let body = if status == Some(200) { 3.0 * MILLI as f64 * self.chance.spread() } else { 0.0 };
        let lengths = [line, woken - since - line, connect as u64, answer as u64, body as u64];
        let ended = since + lengths.iter().sum::<u64>();
        let pause = asks.map(|(_, seconds)| {
            self.paused_until = ended + seconds * 1_000 * MILLI;
            Pause {
                until: Duration::from_nanos(self.paused_until),
                told_by: format!("retry-after: {seconds}"),
            }
        });
        let is_last = attempt > 4;
        Request {
            lane: worker,
            attempt,
            began: Duration::from_nanos(since),
            granted: Duration::from_nanos(granted),
            lengths: lengths.map(Duration::from_nanos),
            status,
            body_bytes: if kind.is_none() { 200 + (self.chance.next() % 4_000) as usize } else { 0 },
            is_kept_alive: !is_fresh,
            came: kind.map_or(Came::Good, |kind| Came::Failed(kind.to_owned())),
            pause,
            next: if kind.is_some() && !is_last { Next::Retry } else { Next::Nothing },
        }
    }

    /// As a bucket does it that was full in the beginning.
    fn grant(&mut self, since: u64) -> u64 {
        let slack = self.sample.spacing * u64::from(self.sample.burst - 1);
        let at = since.max(self.due.saturating_sub(slack)).max(self.paused_until);
        self.due = self.due.max(at) + self.sample.spacing;
        at
    }
}
