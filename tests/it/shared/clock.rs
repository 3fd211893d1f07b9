//! The server's clock, when it is set back: the script, told the time.

use redis::Value;

use super::Redis;
use super::model::{CAP, LEASE, ask_knowing, call, script};

const NOON: u64 = 1_000_000_000_000_000;
const HOUR: u64 = 3_600_000_000;

#[test]
fn a_lease_of_the_dead_is_over_in_time_though_the_clock_was_set_back() {
    let Some(redis) = Redis::start() else { return };
    let (script, mut connection) = (script(), redis.connection());
    call(&script, &mut connection, (0, 1, 0, 0), NOON);
    let later = NOON + 1_000_000;
    assert_eq!(call(&script, &mut connection, (0, 2, 0, CAP), later), (CAP, None));
    // It is not heard of any more.
    let back = later - HOUR;
    assert_eq!(call(&script, &mut connection, (1, 1, 0, 1), back).0, 0);
    assert_eq!(call(&script, &mut connection, (1, 2, 0, 1), back + LEASE + 1).0, 1);
}

#[test]
fn after_a_loss_nobody_waits_for_longer_than_a_lease_though_the_clock_was_set_back() {
    let Some(redis) = Redis::start() else { return };
    let (script, mut connection) = (script(), redis.connection());
    call(&script, &mut connection, (0, 1, 0, 0), NOON);
    let answer = ask_knowing("another", &script, &mut connection, (1, 1, 0, 1), NOON - HOUR);
    assert_eq!(answer[8], Value::Int(i64::try_from(LEASE).unwrap()));
}
