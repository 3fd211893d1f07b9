//! Hand-shakes on a clock that stands still until it is moved.

use super::*;
use crate::limiter::{Cost, Limit, Limits, Rate};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

mod line;

const SECOND: Duration = Duration::from_secs(1);

fn turnstile(rate: Rate, burst: u32) -> Arc<Turnstile<Limits>> {
    let clock = Clock::manual();
    let limits = Limits::new(&[Limit::new(rate, burst)], clock.now()).unwrap();
    Turnstile::new(limits, clock)
}

/// Moves the clock, and does for it what the kernel's timer does for the head.
fn advance(turnstile: &Turnstile<Limits>, by: Duration) {
    turnstile.clock.advance(by);
    if let Some((_, _, head)) = turnstile.state.lock().queue.head() {
        head.changed.notify_one();
    }
}

fn wait_for_waiters(turnstile: &Turnstile<Limits>, waiting: usize) {
    while turnstile.waiting() != waiting {
        thread::yield_now();
    }
}

/// `count` threads join the line one after the other; each says its number when its wait ends.
fn line_up<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    turnstile: &Arc<Turnstile<Limits>>,
    cancels: &[CancelToken],
) -> mpsc::Receiver<(usize, Verdict<Limits>)> {
    let (says, hears) = mpsc::channel();
    for (number, cancel) in cancels.iter().enumerate() {
        let (turnstile_, cancel, says) = (turnstile.clone(), cancel.clone(), says.clone());
        scope.spawn(move || says.send((number, turnstile_.acquire(&Cost::ONE, &cancel, None))).unwrap());
        wait_for_waiters(turnstile, number + 1);
    }
    hears
}

#[test]
fn grants_come_at_their_instants_in_the_order_of_arrival() {
    let turnstile = turnstile(Rate::per_second(1), 1);
    let start = turnstile.try_acquire(&Cost::ONE).unwrap();
    thread::scope(|scope| {
        let granted = line_up(scope, &turnstile, &vec![CancelToken::new(); 20]);
        for number in 0..20 {
            advance(&turnstile, SECOND - Duration::from_nanos(1));
            advance(&turnstile, Duration::from_nanos(1));
            let due = start + SECOND * u32::try_from(number + 1).unwrap();
            assert_eq!(granted.recv().unwrap(), (number, Ok(due)));
        }
    });
}

#[test]
fn a_grant_costs_one_wake_up_however_many_wait() {
    let turnstile = turnstile(Rate::per_second(1), 1);
    turnstile.try_acquire(&Cost::ONE).unwrap();
    let waiters = 200;
    thread::scope(|scope| {
        let granted = line_up(scope, &turnstile, &vec![CancelToken::new(); waiters]);
        let before = turnstile.state.lock().wake_ups;
        for number in 0..waiters {
            advance(&turnstile, SECOND);
            assert_eq!(granted.recv().unwrap().0, number);
        }
        // The head settles itself (a notify that finds nobody asleep) and wakes the next.
        assert!(turnstile.state.lock().wake_ups - before <= 2 * waiters);
    });
}

#[test]
fn one_late_head_serves_all_who_are_due() {
    let turnstile = turnstile(Rate::per_second(1), 5);
    let start = turnstile.try_acquire(&Cost::each(5)).unwrap();
    thread::scope(|scope| {
        let granted = line_up(scope, &turnstile, &vec![CancelToken::new(); 5]);
        advance(&turnstile, SECOND * 5);
        let mut all: Vec<_> = (0..5).map(|_| granted.recv().unwrap()).collect();
        all.sort_by_key(|(number, _)| *number);
        let at = start + SECOND * 5;
        assert_eq!(all, (0..5).map(|number| (number, Ok(at))).collect::<Vec<_>>());
    });
}

/// golang/go#37852: a head that leaves must hand on.
#[test]
fn a_head_that_is_cancelled_passes_the_watch_on_and_takes_nothing() {
    let turnstile = turnstile(Rate::per_second(1), 1);
    let start = turnstile.try_acquire(&Cost::ONE).unwrap();
    thread::scope(|scope| {
        let cancels: Vec<CancelToken> = (0..4).map(|_| CancelToken::new()).collect();
        let ended = line_up(scope, &turnstile, &cancels);
        cancels[1].cancel();
        assert_eq!(ended.recv().unwrap(), (1, Err(Denied::Cancelled)));
        cancels[0].cancel();
        assert_eq!(ended.recv().unwrap(), (0, Err(Denied::Cancelled)));
        assert_eq!(turnstile.waiting(), 2);
        for (number, after) in [(2, 1), (3, 2)] {
            advance(&turnstile, SECOND);
            assert_eq!(ended.recv().unwrap(), (number, Ok(start + SECOND * after)));
        }
    });
}

#[test]
fn a_wait_that_cannot_end_in_time_fails_at_once_with_everyone_ahead_counted() {
    let turnstile = turnstile(Rate::per_second(1), 2);
    let start = turnstile.try_acquire(&Cost::each(2)).unwrap();
    let due = start + SECOND * 4;
    thread::scope(|scope| {
        let cancel = CancelToken::new();
        let granted = line_up(scope, &turnstile, &vec![cancel.clone(); 3]);
        let early = due - Duration::from_nanos(1);
        assert_eq!(turnstile.acquire(&Cost::ONE, &cancel, Some(early)), Err(Denied::DeadlineExceeded));
        assert_eq!(turnstile.waiting(), 3, "it took no place");
        let fourth = scope.spawn(|| turnstile.acquire(&Cost::ONE, &CancelToken::new(), Some(due)));
        wait_for_waiters(&turnstile, 4);
        for _ in 0..3 {
            advance(&turnstile, SECOND);
            granted.recv().unwrap().1.unwrap();
        }
        // At the deadline itself the token is there: not a nanosecond too late.
        turnstile.clock.advance(SECOND);
        turnstile.change(|_, _| ());
        assert_eq!(fourth.join().unwrap(), Ok(due));
    });
}

#[test]
fn a_slower_rate_or_a_pause_dismisses_those_whom_it_makes_hopeless() {
    let turnstile = turnstile(Rate::per_second(10), 1);
    let start = turnstile.try_acquire(&Cost::ONE).unwrap();
    thread::scope(|scope| {
        let doomed = scope.spawn(|| turnstile.acquire(&Cost::ONE, &CancelToken::new(), Some(start + SECOND)));
        wait_for_waiters(&turnstile, 1);
        let patient =
            scope.spawn(|| turnstile.acquire(&Cost::ONE, &CancelToken::new(), Some(start + SECOND * 100)));
        wait_for_waiters(&turnstile, 2);
        turnstile.change(|limits, now| limits.pause_until(start + SECOND * 10, now));
        assert_eq!(doomed.join().unwrap(), Err(Denied::DeadlineExceeded));
        advance(&turnstile, SECOND * 10 + SECOND / 10);
        assert!(patient.join().unwrap().is_ok());
    });
}

#[test]
fn after_a_pause_the_line_is_let_out_one_by_one_and_who_would_come_too_late_is_told_so() {
    let turnstile = turnstile(Rate::per_second(10), 5);
    let tenth = SECOND / 10;
    thread::scope(|scope| {
        let resume = turnstile.clock.now() + SECOND * 10;
        turnstile.change(|limits, now| limits.pause_until(resume, now));
        let (says, hears) = mpsc::channel();
        // The fourth does not count the third, which is not in line any more.
        let deadlines = [resume, resume + tenth, resume + tenth, resume + tenth * 2];
        for (number, deadline) in (0..).zip(deadlines.map(Some)) {
            let (turnstile_, says) = (turnstile.clone(), says.clone());
            scope.spawn(move || {
                says.send((number, turnstile_.acquire(&Cost::ONE, &CancelToken::new(), deadline))).unwrap();
            });
            match number {
                2 => assert_eq!(hears.recv().unwrap(), (2, Err(Denied::DeadlineExceeded))),
                3 => wait_for_waiters(&turnstile, 3),
                _ => wait_for_waiters(&turnstile, number + 1),
            }
        }
        advance(&turnstile, SECOND * 10);
        assert_eq!(hears.recv().unwrap(), (0, Ok(resume)));
        advance(&turnstile, tenth);
        assert_eq!(hears.recv().unwrap(), (1, Ok(resume + tenth)));
        // Another pause makes it too late for the last one.
        let later = resume + tenth * 2 + Duration::from_nanos(1);
        turnstile.change(|limits, now| limits.pause_until(later, now));
        assert_eq!(hears.recv().unwrap(), (3, Err(Denied::DeadlineExceeded)));
        turnstile.clock.advance(SECOND);
        let burst = (0..5).map(|_| turnstile.try_acquire(&Cost::ONE));
        assert!(burst.eq([Some(turnstile.clock.now()); 5]), "nobody is left in line: the burst is there");
    });
}

#[test]
fn a_smaller_burst_dismisses_who_wants_more_and_a_faster_rate_moves_the_sleepers() {
    let turnstile = turnstile(Rate::new(1, SECOND * 3_600), 10);
    turnstile.try_acquire(&Cost::each(10)).unwrap();
    thread::scope(|scope| {
        let greedy = scope.spawn(|| turnstile.acquire(&Cost::each(7), &CancelToken::new(), None));
        wait_for_waiters(&turnstile, 1);
        let modest = scope.spawn(|| turnstile.acquire(&Cost::each(2), &CancelToken::new(), None));
        wait_for_waiters(&turnstile, 2);
        assert!(turnstile.try_acquire(&Cost::each(0)).is_none(), "nobody overtakes");
        let smaller = Limit::new(Rate::new(1, SECOND * 3_600), 5);
        turnstile.change(|limits, now| limits.set(0, smaller, now)).unwrap();
        assert!(matches!(greedy.join().unwrap(), Err(Denied::Hopeless(_))));
        let faster = Limit::new(Rate::per_second(1), 5);
        turnstile.change(|limits, now| limits.set(0, faster, now)).unwrap();
        advance(&turnstile, SECOND * 2);
        assert!(modest.join().unwrap().is_ok());
    });
}

/// Raced on the real clock: a cancel that falls between a waiter's look and its sleep.
#[test]
fn a_cancel_is_never_lost_between_the_look_and_the_sleep() {
    let limit = Limit::new(Rate::new(1, SECOND * 3_600), 1);
    let limits = Limits::new(&[limit], Instant::now()).unwrap();
    let turnstile = Turnstile::new(limits, Clock::default());
    turnstile.try_acquire(&Cost::ONE).unwrap();
    for _ in 0..3_000 {
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| turnstile.acquire(&Cost::ONE, &cancel, None));
            cancel.cancel();
            assert_eq!(waiter.join().unwrap(), Err(Denied::Cancelled));
        });
    }
    assert_eq!(turnstile.waiting(), 0);
}

#[test]
fn nothing_is_granted_or_spent_after_a_deadline() {
    let turnstile = turnstile(Rate::new(1, Duration::from_secs(10)), 1);
    let cancel = CancelToken::new();
    let start = turnstile.acquire(&Cost::ONE, &cancel, None).unwrap();
    let deadline = start + Duration::from_secs(10);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| turnstile.acquire(&Cost::ONE, &cancel, Some(deadline)));
        wait_for_waiters(&turnstile, 1);
        advance(&turnstile, Duration::from_secs(11));
        assert_eq!(waiter.join().unwrap(), Err(Denied::DeadlineExceeded));
    });
    assert!(turnstile.try_acquire(&Cost::ONE).is_some());
}
