//! What something has cost beyond what was taken for it, or less: told afterwards, to all.
//!
//! By the library against a server; and by the script on virtual time, where it is alone with a bucket of five tokens
//! of which one comes each millisecond.

use std::time::Duration;

use fanout::{
    CancelToken, InvalidLimit, Limit, Rate, SharedAcquireError, SharedErrorKind, SharedQuota,
    SharedQuotaBuilder,
};
use proptest::prelude::*;
use redis::{Connection, Script, Value};

use super::Redis;
use super::ferry::{Ferry, Way};
use super::model::script;
use crate::support::{GUARD, HARDLY_EVER, spawn, until};

fn quota(redis: &Redis) -> SharedQuotaBuilder {
    SharedQuota::builder(redis.url(), "test").is_idle(true).lease(Duration::from_secs(1)).redis_wait(GUARD)
}

/// Settles so much, and waits until Redis has been told.
fn settle(quota: &SharedQuota, limit: usize, extra: i64) {
    let before = quota.calls();
    quota.settle(limit, extra).unwrap();
    until("it is told, though nobody waits", || quota.calls() > before);
}

fn grant(quota: &SharedQuota) -> Duration {
    quota.acquire(&CancelToken::new().with_timeout(GUARD)).unwrap().server_time()
}

#[test]
fn a_debt_is_paid_back_before_anybody_goes_on() {
    let Some(redis) = Redis::start() else { return };
    let [one, other] = [(); 2].map(|()| {
        let limit = Limit::new(Rate::per_second(10), 20);
        quota(&redis).limit(Limit::new(Rate::per_second(1_000), 20)).limit(limit).connect().unwrap()
    });
    let before = grant(&one);
    settle(&one, 1, 5);
    // Less than one token was left.
    let after = grant(&other);
    assert!(after >= before + Duration::from_millis(500), "{:?}", after - before);
    assert_eq!(one.settle(2, 5), Err(InvalidLimit::NoSuchLimit));
}

/// None ever comes by itself, and so none may come late.
#[test]
fn what_one_gives_back_another_may_have() {
    let Some(redis) = Redis::start() else { return };
    let [one, other] = [(); 2].map(|()| {
        let quota = quota(&redis).use_by(Duration::from_secs(1));
        quota.limit(Limit::new(HARDLY_EVER, 20)).connect().unwrap()
    });
    // What room there was before is not known.
    settle(&one, 0, -3);
    let soon = || CancelToken::new().with_timeout(Duration::from_millis(100));
    other.acquire(&soon()).unwrap_err();
    let begun = redis.time();
    until("a lease is over", || redis.time() > begun + Duration::from_secs(1));
    settle(&one, 0, -3);
    (0..3).for_each(|_| _ = grant(&other));
    other.acquire(&soon()).unwrap_err();
}

/// The first goodbye is heard, and its answer lost; so it is said once more.
#[test]
fn what_a_goodbye_gives_back_is_given_back_once() {
    let Some(redis) = Redis::start() else { return };
    let ferry = Ferry::to(&redis);
    let limit = Limit::new(HARDLY_EVER, 20);
    let [one, other] = [ferry.url(), redis.url()].map(|url| {
        let quota = SharedQuota::builder(url, "test").is_idle(true).lease(Duration::from_secs(1));
        quota.redis_wait(GUARD).use_by(Duration::from_secs(1)).limit(limit).connect().unwrap()
    });
    settle(&other, 0, -3);
    let begun = redis.time();
    until("a lease is over", || redis.time() > begun + Duration::from_secs(1));
    ferry.hold(Way::Back);
    one.settle(0, -3).unwrap();
    let goes = spawn(move || drop(one));
    until("the goodbye is heard", || ferry.is_holding());
    ferry.lose();
    goes.wait();
    (0..3).for_each(|_| _ = grant(&other));
    other.acquire(&CancelToken::new().with_timeout(Duration::from_millis(100))).unwrap_err();
}

/// Others have begun with other limits, after all was lost.
#[test]
fn a_debt_is_not_told_for_ever_to_those_who_do_not_take_it() {
    let Some(redis) = Redis::start() else { return };
    let [ours, theirs] = [20, 10].map(|burst| quota(&redis).limit(Limit::new(HARDLY_EVER, burst)));
    let ours = ours.connect().unwrap();
    redis.command("FLUSHALL");
    let _theirs = theirs.connect().unwrap();
    let error = ours.acquire(&CancelToken::new()).unwrap_err();
    assert!(matches!(&error, SharedAcquireError::Failed(why) if why.kind() == SharedErrorKind::Differs));
    redis.command("CONFIG RESETSTAT");
    ours.settle(0, 5).unwrap();
    let begun = redis.time();
    until("it is told more than once, if ever", || redis.time() > begun + Duration::from_secs(2));
    let Value::BulkString(text) = redis.command("INFO commandstats") else { panic!("no text") };
    let text = String::from_utf8(text).unwrap();
    let calls = text.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).unwrap_or("0,");
    let calls: u32 = calls.split(',').next().unwrap().parse().unwrap();
    assert!(calls <= 2, "{calls} calls");
}

#[test]
fn a_debt_that_could_not_be_told_is_told_again() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(HARDLY_EVER, 20)).connect().unwrap();
    let stopped = redis.stop();
    quota.settle(0, 5).unwrap();
    until("it is missed", || quota.held_up().is_some());
    let redis = stopped.start();
    let is_told =
        || matches!(redis.command("HGET {fanout:test} buckets"), Value::BulkString(text) if text[0] == b'-');
    until("it is told", is_told);
}

/// The state would be forgotten in two minutes, and the debt with it.
#[test]
fn a_debt_is_remembered_until_it_is_paid() {
    let Some(redis) = Redis::start() else { return };
    let quota = quota(&redis).limit(Limit::new(Rate::per_second(1), 20)).connect().unwrap();
    settle(&quota, 0, 100_000);
    for key in ["{fanout:test}", "{fanout:test}:epoch"] {
        let left: i64 = redis::from_redis_value(redis.command(&format!("PTTL {key}"))).unwrap();
        assert!(left > 100_000_000, "{key}: {left}");
    }
}

const PERIOD: u64 = 1_000; // of a token, in microseconds
const BURST: u64 = 5;
const LEASE: u64 = 20_000;

/// One process, at an instant of its own making.
struct Alone {
    script: Script,
    connection: Connection,
    number: u64,
    now: u64,
    pause: u64,
    generation: u64,
}

impl Alone {
    fn new(redis: &Redis) -> Alone {
        let mut connection = redis.connection();
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        let now = 1_000_000_000_000_000;
        Alone { script: script(), connection, number: 0, now, pause: 0, generation: 0 }
    }

    /// Whether it is granted so many at once, when it has given so many back.
    fn call(&mut self, wants: u64, back: u64) -> bool {
        self.number += 1;
        let mut call = self.script.key("{fanout:model}");
        call.key("{fanout:model}:epoch").arg("member").arg(self.number).arg("").arg(0);
        let terms = format!("terms{}", self.generation);
        call.arg(self.generation).arg(terms).arg("terms0").arg(1).arg(0).arg(0);
        call.arg(0).arg(self.pause).arg("").arg(0).arg(LEASE).arg(3_600_000).arg(86_400_000);
        call.arg(1).arg(1).arg(PERIOD).arg(BURST * PERIOD).arg(0).arg(back);
        match wants {
            0 => _ = call.arg(0),
            wants => _ = call.arg(1).arg(1).arg(0).arg(wants),
        }
        let answer: Vec<Value> = call.arg(self.now).invoke(&mut self.connection).unwrap();
        answer[3] == Value::Int(1)
    }

    /// Takes each token as it comes, for so long.
    fn drain(&mut self, micros: u64) {
        for _ in 0..micros / PERIOD {
            self.now += PERIOD;
            self.call(1, 0);
        }
    }

    /// Takes all there is; nothing is left.
    fn empty(&mut self) {
        while self.call(1, 0) {}
    }

    /// How many of so many that are given back can be had at once.
    fn had(&mut self, back: u64) -> usize {
        self.call(0, back);
        (0..).take_while(|_| self.call(1, 0)).count()
    }
}

#[test]
fn what_is_given_back_can_be_had_as_far_as_there_was_room() {
    let Some(redis) = Redis::start() else { return };
    let mut alone = Alone::new(&redis);
    assert_eq!(alone.had(3), 0, "nothing is known of before");
    alone.drain(2 * LEASE);
    assert_eq!(alone.had(3), 3);
    assert_eq!(alone.had(3), 1, "one came each millisecond, and so there was room for four");
    alone.drain(2 * LEASE);
    alone.now += 3 * PERIOD;
    assert_eq!(alone.had(4), 5, "three had come");
    for since_a_turn in 0..10 {
        alone.drain(2 * LEASE + since_a_turn * LEASE / 10);
        alone.now += BURST * PERIOD;
        alone.empty();
        alone.drain(LEASE / 2);
        assert_eq!(alone.had(4), 0, "it was full");
    }
}

#[test]
fn nothing_is_taken_back_for_a_lease_after_a_loss_a_pause_or_other_limits() {
    let Some(redis) = Redis::start() else { return };
    let events: [fn(&mut Alone, &Redis); 3] = [
        |_, redis| _ = redis.command("DEL {fanout:model}"),
        |alone, _| {
            alone.pause = 2 * PERIOD;
            alone.call(0, 0);
            (alone.pause, alone.now) = (0, alone.now + 2 * PERIOD);
        },
        |alone, _| alone.generation += 1,
    ];
    for event in events {
        let mut alone = Alone::new(&redis);
        alone.call(0, 1);
        alone.drain(2 * LEASE);
        event(&mut alone, &redis);
        assert_eq!(alone.had(3), 0);
        alone.drain(2 * LEASE);
        assert_eq!(alone.had(3), 3);
    }
}

/// One wants so many after so long, or gives back so many of what it took a while ago.
#[derive(Clone, Debug)]
enum Step {
    Take(u64, u64),
    GiveBack(u64, usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_000_u64, 1..=BURST).prop_map(|(after, wants)| Step::Take(after, wants)),
        (0..4_000_u64, 0..9_usize, 1..=BURST).prop_map(|(after, of, back)| Step::GiveBack(after, of, back)),
    ]
}

/// By what is really used at the instant of each grant, whatever is given back of it within a lease.
#[test]
fn the_bound_holds_by_what_is_really_used() {
    let Some(redis) = Redis::start() else { return };
    let run = |steps: Vec<Step>| {
        let mut alone = Alone::new(&redis);
        // When, and how much of it was used.
        let mut grants: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Take(after, wants) => {
                    alone.now += after;
                    if alone.call(wants, 0) {
                        grants.push((alone.now, wants));
                    }
                }
                Step::GiveBack(after, of, back) => {
                    alone.now += after;
                    let now = alone.now;
                    let mut young = grants.iter_mut().rev().filter(|(at, _)| now - at < LEASE);
                    if let Some((_, used)) = young.nth(of) {
                        let back = back.min(*used);
                        *used -= back;
                        alone.call(0, back);
                    }
                }
            }
        }
        let (mut before, mut least) = (0_i128, i128::MAX);
        for (at, used) in grants {
            let x = before - i128::from(at);
            least = least.min(x);
            before += i128::from(used * PERIOD);
            let excess = before - i128::from(at) - least - i128::from(BURST * PERIOD);
            prop_assert!(excess <= 0, "{excess} too much at {at}");
        }
        Ok(())
    };
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    runner.run(&proptest::collection::vec(step(), 1..80), run).unwrap();
}
