//! A client that always has something to send, and a server with a limit, in virtual time.
//!
//! Both buckets are the crate's own: the client's, with the rate that the controller says, and the server's, with the
//! true one. Workers take a permit, wait for a token, and send; a request that arrives is served, or refused at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::limiter::{Rate, Take, TokenBucket};
use crate::quota::adaptive::{Adaptive, Ticket, Why};
use crate::retry::Random;

pub(super) const MINUTES: usize = 10;

const MINUTE: u64 = 60_000_000_000;

/// What there is, and what is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// Configured at the client.
    pub(super) rate: Rate,
    pub(super) burst: u32,
    pub(super) workers: u32,
    /// The server's limits, in the first five minutes and after them.
    pub(super) limits: [Limit; 2],
    pub(super) server_burst: u32,
    /// It refuses one in so many as well, whatever the rate.
    pub(super) moody: Option<u64>,
    /// From the one to the other and back, without the service.
    pub(super) way: Duration,
    /// How much longer than that it may take.
    pub(super) jitter: Duration,
    /// How long it takes to serve a request, at least, and how much longer it may take.
    pub(super) service: [Duration; 2],
    /// Whether the client adapts.
    pub(super) adapts: bool,
    pub(super) seed: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Rate(Rate),
    InFlight(u32),
}

/// What happened in a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Minute {
    pub(super) admitted: u64,
    pub(super) refused: u64,
}

#[derive(Debug)]
pub(super) struct Story {
    pub(super) minutes: [Minute; MINUTES],
    pub(super) cuts: u32,
    /// What the client ended with.
    pub(super) rate: Rate,
}

/// A request is on its way to the server, or back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    Answered,
    Refused,
}

struct Model {
    scene: Scene,
    start: Instant,
    now: u64,
    client: Adaptive,
    bucket: TokenBucket,
    server: TokenBucket,
    serving: u32,
    random: Random,
    /// When it happens, and which request it is about.
    events: BinaryHeap<Reverse<(u64, usize, Event)>>,
    requests: Vec<Option<Ticket>>,
    on_the_wire: u32,
    /// Since when each worker waits for its token.
    line: VecDeque<u64>,
    story: Story,
}

/// Ten minutes.
pub(super) fn run(scene: Scene) -> Story {
    let start = Instant::now();
    let mut model = Model {
        scene,
        start,
        now: 0,
        client: Adaptive::new(scene.rate, scene.workers),
        bucket: TokenBucket::new(scene.rate, scene.burst, start).unwrap(),
        server: TokenBucket::new(scene.limits[0].rate(), scene.server_burst, start).unwrap(),
        serving: 0,
        random: Random::seeded(scene.seed),
        events: BinaryHeap::new(),
        requests: Vec::new(),
        on_the_wire: 0,
        line: VecDeque::new(),
        story: Story { minutes: [Minute::default(); MINUTES], cuts: 0, rate: scene.rate },
    };
    while model.step() {}
    Story { rate: model.client.rate(), ..model.story }
}

impl Limit {
    fn rate(self) -> Rate {
        match self {
            Limit::Rate(rate) => rate,
            Limit::InFlight(_) => Rate::UNLIMITED,
        }
    }
}

impl Model {
    fn step(&mut self) -> bool {
        self.enter();
        let due = match self.line.front() {
            Some(_) => match self.bucket.clone().take(1, self.at(self.now)).unwrap() {
                Take::Taken => self.now,
                Take::DueAt(due) => self.nanos(due),
            },
            None => u64::MAX,
        };
        let next = self.events.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
        let then = due.min(next);
        if then >= MINUTE * MINUTES as u64 {
            return false;
        }
        if self.now < MINUTE * 5 && then >= MINUTE * 5 {
            self.server.set_rate(self.scene.limits[1].rate(), self.at(MINUTE * 5)).unwrap();
        }
        self.now = then;
        if due <= next {
            self.send()
        } else {
            self.happen()
        }
        true
    }

    /// Workers that find a permit stand in line for a token.
    fn enter(&mut self) {
        let cap = if self.scene.adapts { self.client.max_in_flight() } else { self.scene.workers };
        while self.on_the_wire + u32::try_from(self.line.len()).unwrap() < cap {
            self.line.push_back(self.now);
        }
    }

    fn send(&mut self) {
        assert_eq!(self.bucket.take(1, self.at(self.now)), Ok(Take::Taken));
        let asked = self.line.pop_front().unwrap();
        self.on_the_wire += 1;
        self.requests.push(Some(self.client.sent(asked < self.now)));
        let jitter = self.some_of(self.scene.jitter);
        self.later(self.scene.way / 2 + jitter, self.requests.len() - 1, Event::Arrives);
    }

    fn happen(&mut self) {
        let Reverse((_, request, event)) = self.events.pop().unwrap();
        match event {
            Event::Arrives => self.arrive(request),
            Event::Answered => {
                self.serving -= 1;
                let ticket = self.back(request);
                let change = self.client.admitted(ticket);
                self.follow(change.rate);
            }
            Event::Refused => {
                let why = match self.limit() {
                    Limit::Rate(_) => Why::Rate,
                    Limit::InFlight(_) => Why::InFlight,
                };
                let ticket = self.back(request);
                let change = self.client.refused(ticket, why);
                self.story.cuts += u32::from(change.rate.is_some() || change.max_in_flight.is_some());
                self.follow(change.rate);
            }
        }
    }

    fn arrive(&mut self, request: usize) {
        let moody = self.scene.moody.is_some_and(|one_in| self.random.draw() % one_in == 0);
        let admitted = !moody
            && match self.limit() {
                Limit::Rate(_) => self.server.take(1, self.at(self.now)) == Ok(Take::Taken),
                Limit::InFlight(most) => self.serving < most,
            };
        let minute = &mut self.story.minutes[usize::try_from(self.now / MINUTE).unwrap()];
        if admitted {
            minute.admitted += 1;
            self.serving += 1;
            let [least, more] = self.scene.service;
            let service = least + self.some_of(more);
            self.later(service + self.scene.way / 2, request, Event::Answered);
        } else {
            minute.refused += 1;
            self.later(self.scene.way / 2, request, Event::Refused);
        }
    }

    fn back(&mut self, request: usize) -> Ticket {
        self.on_the_wire -= 1;
        self.requests[request].take().unwrap()
    }

    fn follow(&mut self, rate: Option<Rate>) {
        if let Some(rate) = rate.filter(|_| self.scene.adapts) {
            self.bucket.set_rate(rate, self.at(self.now)).unwrap();
        }
    }

    fn limit(&self) -> Limit {
        self.scene.limits[usize::from(self.now >= MINUTE * 5)]
    }

    fn later(&mut self, after: Duration, request: usize, event: Event) {
        let at = self.now + u64::try_from(after.as_nanos()).unwrap();
        self.events.push(Reverse((at, request, event)));
    }

    fn some_of(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap();
        Duration::from_nanos(self.random.draw() % (most + 1))
    }

    fn at(&self, nanos: u64) -> Instant {
        self.start + Duration::from_nanos(nanos)
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_nanos()).unwrap()
    }
}
