//! Many processes: the bound and the cap hold over all of them, whatever becomes of one.

use std::time::Duration;

use crate::support::{GUARD, until};

use super::Redis;
use super::process::{Job, Process, Use, is_one_of_them, now};

const LEASE: Duration = Duration::from_secs(1);

const JOB: Job = Job {
    per_second: 500,
    burst: 20,
    cap: 6,
    threads: 4,
    hold: Duration::from_millis(20),
    lease: LEASE,
    redis_wait: GUARD,
    use_by: Duration::from_millis(5),
};

fn start(test: &str, redis: &Redis, processes: usize) -> Vec<Process> {
    (0..processes).map(|_| start_one(test, redis, JOB)).collect()
}

fn start_one(test: &str, redis: &Redis, job: Job) -> Process {
    Process::start(&format!("shared::processes::{test}"), redis, job)
}

/// Waits until each of them has been granted so many.
#[track_caller]
fn until_each_has(processes: &[Process], more: usize) {
    let had: Vec<usize> = processes.iter().map(|process| process.uses().len()).collect();
    until("each has got some", || {
        processes.iter().zip(&had).all(|(process, had)| process.uses().len() >= had + more)
    });
}

/// The bound by the server's clock and by use, and the cap; what was not given back is under way until `forgotten`.
#[track_caller]
fn check(uses: &[Vec<Use>], forgotten: Duration) {
    let all: Vec<Use> = uses.concat();
    let sorted = |of: &dyn Fn(&Use) -> Duration| {
        let mut times: Vec<Duration> = all.iter().map(of).collect();
        times.sort();
        times
    };
    super::bound(&sorted(&|used| used.granted), JOB.per_second, JOB.burst);
    let mut changes: Vec<(Duration, i32)> = Vec::new();
    for used in &all {
        changes.extend([(used.begun, 1), (used.ended.unwrap_or(forgotten).max(used.begun), -1)]);
    }
    changes.sort();
    let mut in_flight = 0;
    for (at, change) in changes {
        in_flight += change;
        assert!(in_flight <= i32::try_from(JOB.cap).unwrap(), "{in_flight} in flight at {at:?}");
    }
}

#[test]
fn four_of_them_keep_the_bound_and_the_cap_and_each_gets_its_share() {
    if is_one_of_them() {
        return;
    }
    let Some(redis) = Redis::start() else { return };
    let processes = start("four_of_them_keep_the_bound_and_the_cap_and_each_gets_its_share", &redis, 4);
    until_each_has(&processes, 1);
    let before: Vec<usize> = processes.iter().map(|process| process.uses().len()).collect();
    until_each_has(&processes, 100);
    let uses: Vec<Vec<Use>> = processes.into_iter().map(Process::end).collect();
    check(&uses, now());
    let got: Vec<usize> = uses.iter().zip(before).map(|(uses, before)| uses.len() - before).collect();
    let (least, most) = (got.iter().min().unwrap(), got.iter().max().unwrap());
    assert!(most <= &(2 * least), "{got:?}");
}

#[test]
fn one_that_is_killed_leaves_its_permits_for_a_lease_and_no_longer() {
    if is_one_of_them() {
        return;
    }
    let Some(redis) = Redis::start() else { return };
    let mut processes = start("one_that_is_killed_leaves_its_permits_for_a_lease_and_no_longer", &redis, 4);
    until_each_has(&processes, 20);
    let killed = processes[0].kill();
    let dead = processes.remove(0).end();
    until("the lease of the dead is over", || now() > killed + LEASE + LEASE / 2);
    let after = now();
    until_each_has(&processes, 50);
    let mut uses: Vec<Vec<Use>> = processes.into_iter().map(Process::end).collect();
    // All permits are used again.
    let late: Vec<&Use> = uses.iter().flatten().filter(|used| used.begun > after).collect();
    let ended = |used: &Use| used.ended.unwrap_or(used.begun);
    let at_once = |at: &Use| late.iter().filter(|o| o.begun <= at.begun && ended(o) > at.begun).count();
    let most = late.iter().map(|used| at_once(used)).max().unwrap();
    assert!(most > 4, "at most {most} at a time of {}", JOB.cap);
    uses.push(dead);
    check(&uses, killed);
}

#[test]
fn one_that_is_stopped_for_longer_than_its_lease_uses_nothing_of_before() {
    if is_one_of_them() {
        return;
    }
    let Some(redis) = Redis::start() else { return };
    let processes = start("one_that_is_stopped_for_longer_than_its_lease_uses_nothing_of_before", &redis, 4);
    until_each_has(&processes, 20);
    processes[0].signal("-STOP");
    let stopped = now();
    until("its lease is over", || now() > stopped + LEASE + LEASE / 2);
    let went_on = now();
    processes[0].signal("-CONT");
    until_each_has(&processes, 20);
    let mut uses: Vec<Vec<Use>> = processes.into_iter().map(Process::end).collect();
    for used in &uses[0] {
        assert!(used.begun - used.granted.min(used.begun) < LEASE, "a stale grant: {used:?}");
    }
    // What it had under way, and so, for all that anybody could know, on the wire, had its permit until the lease
    // ended.
    let on_the_wire = uses[0].iter_mut().filter(|used| used.begun < went_on && used.ended > Some(went_on));
    on_the_wire.for_each(|used| used.ended = Some(stopped.max(used.begun)));
    check(&uses, now());
}

/// A read that has a timeout is interrupted when its process is stopped: the call fails, however well Redis is.
#[test]
fn the_time_in_which_one_is_stopped_is_none_in_which_redis_was_asked_in_vain() {
    if is_one_of_them() {
        return;
    }
    const WAIT: Duration = Duration::from_secs(2);
    let Some(redis) = Redis::start() else { return };
    let test = "the_time_in_which_one_is_stopped_is_none_in_which_redis_was_asked_in_vain";
    let processes = [start_one(test, &redis, Job { redis_wait: WAIT, ..JOB })];
    until_each_has(&processes, 20);
    redis.signal("-STOP");
    let silent = now();
    until("it has asked, and has no answer", || now() > silent + Duration::from_millis(100));
    processes[0].signal("-STOP");
    until("it was stopped for longer than it waits", || now() > silent + WAIT + LEASE / 2);
    redis.signal("-CONT");
    processes[0].signal("-CONT");
    until_each_has(&processes, 20);
    check(&processes.map(Process::end), now());
}

/// What the bucket has been given since, less what is left in it, is what was granted: by the server's own numbers.
#[test]
fn one_of_four_that_is_killed_takes_one_grant_with_it_at_the_most() {
    if is_one_of_them() {
        return;
    }
    let Some(redis) = Redis::start() else { return };
    let test = "one_of_four_that_is_killed_takes_one_grant_with_it_at_the_most";
    // One at a time, of a bucket that is never full, and none is too late: nothing else is lost.
    let use_by = Duration::from_secs(1);
    let job = Job { per_second: 200, burst: 1_000, threads: 1, hold: Duration::ZERO, use_by, ..JOB };
    let mut processes: Vec<Process> = (0..4).map(|_| start_one(test, &redis, job)).collect();
    until_each_has(&processes, 20);
    let (from, had) = bucket(&redis);
    until_each_has(&processes, 20);
    processes[0].kill();
    let dead = processes.remove(0).end();
    until_each_has(&processes, 50);
    let (to, left) = bucket(&redis);
    let mut uses: Vec<Vec<Use>> = processes.into_iter().map(Process::end).collect();
    uses.push(dead);
    let granted = uses.iter().flatten().filter(|used| used.granted > from && used.granted <= to).count();
    let given = had + (to - from).as_micros() as u64 - left;
    assert_eq!(given % TOKEN, 0, "{given}");
    let lost = given / TOKEN - granted as u64;
    assert!(lost <= 1, "{lost} lost");
}

/// Of 200 a second, in microseconds, as the script counts it.
const TOKEN: u64 = 5_000;

/// When the bucket was counted the last time, and what is in it.
fn bucket(redis: &Redis) -> (Duration, u64) {
    let fields = ["clock", "buckets"];
    let [clock, bucket]: [String; 2] =
        redis::cmd("HMGET").arg("{fanout:test}").arg(&fields).query(&mut redis.connection()).unwrap();
    let first = |text: String| text.split(' ').next().unwrap().parse().unwrap();
    assert!(bucket.ends_with(&format!(" {TOKEN}")), "{bucket}");
    (Duration::from_micros(first(clock)), first(bucket))
}
