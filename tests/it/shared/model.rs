//! The script against a model of it in Rust, on virtual time: the same source, but that it is told the time.
//!
//! The model knows nothing of lines and shares. It says what may be granted at the most, by
//! [`TokenBucket`](fanout::TokenBucket) and by counting, and what must be, when nobody else is there.

use std::time::{Duration, Instant};

use fanout::{Rate, Take, TokenBucket};
use proptest::prelude::*;
use redis::{Connection, Script, Value};

use super::Redis;

const PERIOD: u64 = 1_000; // of a token, in microseconds
const BURST: u64 = 5;
pub(super) const CAP: u64 = 4;
pub(super) const LEASE: u64 = 10_000_000;

/// A call of one process.
#[derive(Clone, Debug)]
struct Step {
    member: usize,
    /// Since the call before.
    after: u64,
    /// How many of its permits come back first.
    back: u64,
    wants: u64,
    /// Its answer is lost.
    is_lost: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (0..3_usize, 0..4_000_u64, 0..3_u64, 0..6_u64, proptest::bool::weighted(0.1))
        .prop_map(|(member, after, back, wants, is_lost)| Step { member, after, back, wants, is_lost })
}

pub(super) fn script() -> Script {
    let source = include_str!("../../../src/shared/take.lua");
    let line = "local t = redis.call('TIME')";
    assert_eq!(source.matches(line).count(), 1);
    Script::new(&source.replace(line, "local t = { 0, ARGV[#ARGV] }"))
}

/// A process, the number of its call, what it holds and what it wants.
pub(super) type Told = (usize, u64, u64, u64);

fn ask(script: &Script, connection: &mut Connection, told: Told, now: u64) -> Vec<Value> {
    ask_knowing("", script, connection, told, now)
}

/// Of a process that knows this epoch.
pub(super) fn ask_knowing(
    epoch: &str,
    script: &Script,
    connection: &mut Connection,
    told: Told,
    now: u64,
) -> Vec<Value> {
    let (member, number, held, wants) = told;
    let mut call = script.key("{fanout:model}");
    call.key("{fanout:model}:epoch");
    call.arg(format!("member{member}")).arg(number).arg(epoch).arg(0);
    call.arg(0).arg("terms").arg("terms").arg(1).arg(0).arg(0);
    call.arg(held).arg(0).arg("").arg(CAP).arg(LEASE).arg(3_600_000).arg(86_400_000);
    call.arg(1).arg(1).arg(PERIOD).arg(BURST * PERIOD).arg(0).arg(0);
    match wants {
        0 => _ = call.arg(0),
        wants => _ = call.arg(1).arg(wants).arg(1).arg(1),
    }
    call.arg(now).invoke(connection).unwrap()
}

/// How many it was granted, and in how many microseconds it is to call again.
pub(super) fn call(script: &Script, connection: &mut Connection, told: Told, now: u64) -> (u64, Option<u64>) {
    let answer = ask(script, connection, told, now);
    let number = |index: usize| match &answer[index] {
        Value::Int(number) => *number,
        other => panic!("{other:?} in {answer:?}"),
    };
    (u64::try_from(number(3)).unwrap(), u64::try_from(number(4)).ok())
}

#[test]
fn nobody_is_granted_more_than_the_model_allows_and_who_is_alone_no_less() {
    let Some(redis) = Redis::start() else { return };
    let script = script();
    let run = |steps: Vec<Step>| {
        let mut connection = redis.connection();
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        let (start, origin) = (Instant::now(), 1_000_000_000_000_000_u64);
        let rate = Rate::new(1, Duration::from_micros(PERIOD));
        let mut bucket = TokenBucket::new(rate, u32::try_from(BURST).unwrap(), start).unwrap();
        assert_eq!(bucket.take(u32::try_from(BURST).unwrap(), start), Ok(Take::Taken)); // it begins empty
        // What each holds, what Redis knows of it, and how many calls it has made.
        let (mut held, mut known, mut numbers) = ([0_u64; 3], [0_u64; 3], [0_u64; 3]);
        let mut now = 0;
        for (index, Step { member, after, back, wants, is_lost }) in steps.into_iter().enumerate() {
            now += if index == 0 { 0 } else { after };
            held[member] -= back.min(held[member]);
            numbers[member] += 1;
            let told = (member, numbers[member], held[member], wants);
            let (granted, due) = call(&script, &mut connection, told, origin + now);
            let at = start + Duration::from_micros(now);
            let tokens = u64::from(bucket.available(at));
            prop_assert!(granted <= tokens && granted <= wants, "{granted} of {tokens}");
            known[member] = held[member];
            let free = CAP - known.iter().sum::<u64>();
            prop_assert!(granted <= free, "{granted} permits of {free}");
            prop_assert!(due.is_none_or(|due| due > 0));
            prop_assert_eq!(bucket.take(u32::try_from(granted).unwrap(), at), Ok(Take::Taken));
            known[member] += granted;
            held[member] += if is_lost { 0 } else { granted };
            // The same call once more, late, and as if it held nothing: it must do nothing.
            let late = ask(&script, &mut connection, (member, numbers[member], 0, 5), origin + now);
            prop_assert_eq!(late, vec![Value::BulkString(b"old".to_vec())]);
        }
        // All the others go, and who is left has all there is, at the instants at which it comes.
        for (member, number) in numbers.iter().enumerate().skip(1) {
            call(&script, &mut connection, (member, number + 1, 0, 0), origin + now);
        }
        for _ in 0..4 {
            numbers[0] += 1;
            let (granted, due) = call(&script, &mut connection, (0, numbers[0], 0, 1), origin + now);
            let at = start + Duration::from_micros(now);
            match bucket.take(1, at).unwrap() {
                Take::Taken => prop_assert_eq!((granted, due), (1, None)),
                Take::DueAt(when) => {
                    let wait = u64::try_from((when - at).as_nanos().div_ceil(1_000)).unwrap();
                    prop_assert_eq!((granted, due), (0, Some(wait)));
                    now += wait;
                }
            }
        }
        Ok(())
    };
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 100, ..ProptestConfig::default() });
    let steps = proptest::collection::vec(step(), 1..60);
    runner.run(&steps, run).unwrap();
}
