//! A line in virtual time, without threads: whoever would sleep is a number, and the clock moves from one event to the
//! next. Against a model that remembers every grant, and knows no credit.

use super::*;
use parking_lot::Condvar;
use proptest::prelude::*;

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Few tokens in a short time, so that all of them matter. Some limits are none.
fn any_limits() -> impl Strategy<Value = Vec<Limit>> {
    let limited = (1..6_u32, 1..40_u64, 2..8_u32)
        .prop_map(|(tokens, per, burst)| Limit::new(Rate::new(tokens, nanos(per)), burst));
    let limit = prop_oneof![9 => limited, 1 => Just(Limit::new(Rate::UNLIMITED, 2))];
    prop::collection::vec(limit, 1..4)
}

fn any_cost() -> impl Strategy<Value = Cost> {
    let some = (0..3_u32, 0..3_u32, 0..3_u32);
    let some = some.prop_map(|(a, b, c)| Cost::ONE.with(0, a).with(1, b).with(2, c));
    prop_oneof![1 => Just(Cost::ONE), 1 => some]
}

#[derive(Clone, Debug)]
enum Event {
    Arrive(Cost, Option<u64>),
    /// One of those in line is cancelled.
    Leave(usize),
    Pause(u64),
    Settle(usize, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => (any_cost(), prop::option::of(0..200_u64)).prop_map(|(cost, time)| Event::Arrive(cost, time)),
        1 => any::<usize>().prop_map(Event::Leave),
        1 => (0..100_u64).prop_map(Event::Pause),
        1 => (0..3_usize, -3..9_i64).prop_map(|(limit, extra)| Event::Settle(limit, extra)),
    ]
}

/// What has happened, in the order of time, and what follows from it.
struct Model {
    limits: Vec<Limit>,
    /// What has been taken or settled of each limit, and when.
    spent: Vec<Vec<(Instant, i128)>>,
    resumes_at: Option<Instant>,
    /// The latest who was let out behind a pause.
    spaced: Option<(Instant, Cost)>,
}

impl Model {
    fn new(limits: &[Limit], start: Instant) -> Model {
        let spent = vec![vec![(start, 0)]; limits.len()];
        Model { limits: limits.to_vec(), spent, resumes_at: None, spaced: None }
    }

    /// Whether so much may be granted at this instant.
    fn allows(&self, cost: &Cost, at: Instant) -> bool {
        let paused = self.resumes_at.is_some_and(|resume| at < resume);
        let crowded = self.spaced.as_ref().is_some_and(|(last, ahead)| {
            let mut costs = self.parts().filter(|(number, ..)| ahead.of(*number) > 0).peekable();
            costs.peek().is_some()
                && costs.all(|(number, tokens, per, _)| {
                    (at - *last).as_nanos() * tokens < u128::from(ahead.of(number)) * per
                })
        });
        !paused
            && !crowded
            && self.parts().all(|(number, tokens, per, burst)| {
                let mut sum = i128::from(cost.of(number));
                let (tokens, per) = (i128::try_from(tokens).unwrap(), i128::try_from(per).unwrap());
                // From each instant on at which something was spent or given back, with it and without: burst and rate
                // cover what was spent.
                sum == 0
                    || self.spent[number].iter().rev().all(|(from, spent)| {
                        let covered = i128::from(burst) * per
                            + i128::try_from((at - *from).as_nanos()).unwrap() * tokens;
                        let without = sum;
                        sum += spent;
                        without.max(sum) * per <= covered
                    })
            })
    }

    /// The number, the tokens and the nanoseconds, and the burst of each limit that is one.
    fn parts(&self) -> impl Iterator<Item = (usize, u128, u128, u32)> {
        self.limits.iter().enumerate().filter_map(|(number, limit)| {
            let (rate, burst) = limit.parts();
            rate.parts().map(|(tokens, per)| (number, u128::from(tokens), per.as_nanos(), burst))
        })
    }

    fn grant(&mut self, cost: &Cost, at: Instant) {
        for (number, spent) in self.spent.iter_mut().enumerate() {
            spent.push((at, cost.of(number).into()));
        }
        if self.resumes_at.is_some() {
            self.spaced = Some((at, *cost));
        }
    }

    fn find_nobody_in_line(&mut self, now: Instant) {
        self.spaced = None;
        self.resumes_at = self.resumes_at.filter(|resume| now < *resume);
    }
}

/// One who stands in line.
struct Someone {
    cost: Cost,
    ticket: Ticket,
    waiter: Arc<Waiter<Limits>>,
    /// Told when it arrived: to be asked whether it would be a nanosecond late, and whether it would be in time;
    /// and by when it surely would.
    forecasts: Option<([Forecast<Limits>; 2], Instant)>,
}

struct Scene {
    turnstile: Arc<Turnstile<Limits>>,
    model: Model,
    line: Vec<Someone>,
    /// Of whatever has changed something.
    latest: Instant,
}

impl Scene {
    fn new(limits: &[Limit]) -> Scene {
        let clock = Clock::manual();
        let start = clock.now();
        let supply = Limits::new(limits, start).unwrap();
        let model = Model::new(limits, start);
        Scene { turnstile: Turnstile::new(supply, clock), model, line: Vec::new(), latest: start }
    }

    /// Lets time pass: the head looks whenever what it wants is due.
    fn pass(&mut self, until: Instant) {
        loop {
            let now = self.turnstile.clock.now();
            let head = self.turnstile.state.lock().serve(now, Head::Same);
            self.harvest(now);
            let next = head.and_then(|(_, due)| due).map_or(until, |due| due.at.min(until));
            if next == now {
                return;
            }
            self.turnstile.clock.advance(next - now);
        }
    }

    /// Looks who has been served, and judges it.
    fn harvest(&mut self, now: Instant) {
        let mut someone_waits = false;
        for one in std::mem::take(&mut self.line) {
            match one.waiter.verdict.get() {
                None => {
                    someone_waits = true;
                    self.line.push(one);
                }
                Some(Ok(at)) => {
                    assert!(!someone_waits, "first come, first served");
                    assert_eq!(*at, now);
                    assert!(one.waiter.deadline.is_none_or(|deadline| *at <= deadline));
                    assert!(self.model.allows(&one.cost, now), "too early");
                    let earlier = now - nanos(1);
                    assert!(earlier < self.latest || !self.model.allows(&one.cost, earlier), "late");
                    if let Some(([mut late, mut in_time], surely_by)) = one.forecasts {
                        assert!(now <= surely_by);
                        assert!(late.is_too_late(&one.cost, Some(earlier)));
                        assert!(!in_time.is_too_late(&one.cost, Some(now)));
                    }
                    self.model.grant(&one.cost, now);
                    self.latest = now;
                }
                Some(Err(why)) => assert_eq!(*why, Denied::DeadlineExceeded),
            }
        }
    }

    fn happen(&mut self, event: &Event) {
        let now = self.turnstile.clock.now();
        match event {
            Event::Arrive(cost, patience) => {
                return self.arrive(cost, patience.map(|time| now + nanos(time)));
            }
            Event::Leave(_) if self.line.is_empty() => return,
            Event::Leave(number) => {
                let one = self.line.remove(number % self.line.len());
                _ = self.turnstile.state.lock().give_up(one.ticket, Denied::Cancelled, now);
            }
            Event::Pause(time) => {
                let resume = now + nanos(*time);
                self.turnstile.change(|limits, now| limits.pause_until(resume, now));
                if resume > now {
                    self.model.resumes_at = self.model.resumes_at.max(Some(resume));
                }
            }
            Event::Settle(limit, extra) => {
                let settled = self.turnstile.change(|limits, now| limits.settle(*limit, *extra, now));
                assert_eq!(settled.is_ok(), *limit < self.model.limits.len());
                if let Some(spent) = self.model.spent.get_mut(*limit) {
                    spent.push((now, (*extra).into()));
                }
            }
        }
        self.latest = now;
        self.line.iter_mut().for_each(|one| one.forecasts = None);
        self.harvest(now);
    }

    /// As `acquire` does it.
    fn arrive(&mut self, cost: &Cost, deadline: Option<Instant>) {
        let now = self.turnstile.clock.now();
        let mut state = self.turnstile.state.lock();
        if is_over(deadline, now) {
            return;
        }
        if self.line.is_empty() {
            self.model.find_nobody_in_line(now);
        }
        let there = self.line.is_empty() && self.model.allows(cost, now);
        assert_eq!(state.take_at_once(cost, now), there);
        if there {
            self.model.grant(cost, now);
            self.latest = now;
        } else if !state.is_too_late(cost, deadline, now) {
            let waiter = Arc::new(Waiter {
                turnstile: Weak::new(),
                deadline,
                verdict: OnceLock::new(),
                changed: Condvar::new(),
            });
            let forecasts = [(); 2].map(|()| {
                let mut forecast = Forecast::new(&state.supply, now);
                self.line.iter().for_each(|ahead| _ = forecast.is_too_late(&ahead.cost, None));
                forecast
            });
            let surely_by = state.supply.surely_by(self.line.len() + 1, now).unwrap();
            let ticket = state.queue.join(*cost, waiter.clone());
            let forecasts = Some((forecasts, surely_by));
            self.line.push(Someone { cost: *cost, ticket, waiter, forecasts });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 999, failure_persistence: None, ..ProptestConfig::default() })]

    /// In the order of arrival, as early as every limit and the spacing behind a pause allow, and never earlier; all of
    /// them before their deadlines, or told so when it can be known.
    #[test]
    fn the_line_is_served_in_order_as_early_as_all_limits_allow_and_never_earlier(
        limits in any_limits(),
        script in prop::collection::vec((0..40_u64, any_event()), 1..60),
    ) {
        let mut scene = Scene::new(&limits);
        for (by, event) in script {
            let until = scene.turnstile.clock.now() + nanos(by);
            scene.pass(until);
            scene.happen(&event);
        }
        let far = scene.turnstile.clock.now() + SECOND;
        scene.pass(far);
        prop_assert!(scene.line.is_empty(), "everybody is served in the end");
    }
}
