//! The limiter with real threads: the bound, the line, those who leave it, and what is changed meanwhile.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use fanout::{AcquireError, CancelToken, Cost, ExceedsBurst, InvalidLimit, Limit, Rate, RateLimiter};
use parking_lot::Mutex;

use crate::support::{AT_ONCE, Call, HARDLY_EVER, check_every_window, spawn, until};

const HOUR: Duration = Duration::from_secs(3_600);

fn limiter(rate: Rate, burst: u32) -> RateLimiter {
    RateLimiter::new(rate, burst).unwrap()
}

/// A limiter whose burst has been used up, and that hardly ever grants anything.
fn drained(burst: u32) -> RateLimiter {
    let limiter = limiter(HARDLY_EVER, burst);
    limiter.acquire_n(&CancelToken::new(), burst).unwrap();
    limiter
}

/// Ends with the instant of the grant.
type Waiter = Call<Result<Instant, AcquireError>>;

/// Starts a thread that wants `tokens`, and returns when it stands in line.
#[track_caller]
fn line_up(limiter: &RateLimiter, cancel: &CancelToken, tokens: u32) -> Waiter {
    let waiting = limiter.waiting();
    let waiter = {
        let (limiter, cancel) = (limiter.clone(), cancel.clone());
        spawn(move || limiter.acquire_n(&cancel, tokens))
    };
    until("it stands in line", || limiter.waiting() > waiting);
    waiter
}

/// Starts a thread that wants a token by a deadline so far from now.
fn acquire_within(limiter: &RateLimiter, time: Duration) -> Waiter {
    let limiter = limiter.clone();
    spawn(move || limiter.acquire_by(&CancelToken::new(), Instant::now() + time))
}

/// Takes tokens with so many threads, `each` times each, and tells when they were granted. Of the waits of
/// each thread every `cancelled`th is cancelled from outside.
fn hammer(limiter: &RateLimiter, threads: usize, each: usize, cancelled: Option<usize>) -> Vec<Instant> {
    let grants = Arc::new(Mutex::new(Vec::new()));
    let start = Arc::new(Barrier::new(threads));
    let work = |_| {
        let (limiter, grants, start) = (limiter.clone(), grants.clone(), start.clone());
        spawn(move || {
            start.wait();
            for round in 1..=each {
                let cancel = CancelToken::new();
                let victim = cancelled.is_some_and(|every| round % every == 0);
                let canceller = victim.then(|| {
                    let cancel = cancel.clone();
                    spawn(move || cancel.cancel())
                });
                let asked = Instant::now();
                match limiter.acquire(&cancel) {
                    Ok(granted) => {
                        assert!(
                            asked <= granted && granted <= Instant::now(),
                            "granted while it was waited for"
                        );
                        grants.lock().push(granted);
                    }
                    Err(error) => assert!(victim && error == AcquireError::Cancelled, "{error:?}"),
                }
                canceller.map(Call::wait);
            }
        })
    };
    let calls: Vec<Call<()>> = (0..threads).map(work).collect();
    calls.into_iter().for_each(Call::wait);
    assert_eq!(limiter.waiting(), 0);
    let grants = grants.lock();
    grants.clone()
}

fn the_bound_holds(threads: usize, each: usize, cancelled: Option<usize>) {
    let (rate, burst) = (Rate::per_second(2_000), 50);
    let limiter = limiter(rate, burst);
    let start = Instant::now();
    let grants = hammer(&limiter, threads, each, cancelled);
    let took = start.elapsed();
    if cancelled.is_none() {
        assert_eq!(grants.len(), threads * each);
        let ideal = Duration::from_secs_f64((grants.len() as f64 - f64::from(burst)) / 2_000.0);
        assert!(took >= ideal, "{took:?} is less than the ideal {ideal:?}");
        // How near it comes is for a bench to say: here, many tests share the processors.
        assert!(took < ideal * 20, "{took:?} is far more than the ideal {ideal:?}");
    }
    check_every_window(grants, rate, burst);
}

#[test]
fn the_bound_holds_over_every_window_with_1_thread() {
    the_bound_holds(1, 1_000, None);
}

#[test]
fn the_bound_holds_over_every_window_with_8_threads() {
    the_bound_holds(8, 150, None);
}

#[test]
fn the_bound_holds_over_every_window_with_64_threads() {
    the_bound_holds(64, 20, None);
}

#[test]
fn the_bound_holds_with_cancels_mixed_in() {
    the_bound_holds(16, 90, Some(3));
}

#[test]
fn the_bound_of_every_limit_holds_with_8_threads_and_mixed_costs() {
    let limits = [(Rate::per_second(4_000), 50), (Rate::new(300, Duration::from_millis(100)), 40)];
    let limiter = RateLimiter::with_limits(&limits.map(|(rate, burst)| Limit::new(rate, burst))).unwrap();
    let calls: Vec<Call<Vec<(Instant, u32)>>> = (0..8)
        .map(|number| {
            let limiter = limiter.clone();
            spawn(move || {
                let cancel = CancelToken::new();
                let costs = (0..100).map(|round| (round * 7 + number) % 5);
                let acquire = |cost| (limiter.acquire_cost(&cancel, Cost::ONE.with(1, cost)).unwrap(), cost);
                costs.map(acquire).collect()
            })
        })
        .collect();
    let grants: Vec<(Instant, u32)> = calls.into_iter().flat_map(Call::wait).collect();
    let of_first = grants.iter().map(|(granted, _)| *granted).collect();
    let of_second = grants.iter().flat_map(|(granted, cost)| vec![*granted; *cost as usize]).collect();
    for (grants, (rate, burst)) in [of_first, of_second].into_iter().zip(limits) {
        check_every_window(grants, rate, burst);
    }
}

#[test]
fn after_a_pause_the_line_is_spaced_at_the_rate_and_then_the_burst_is_there() {
    let limiter = limiter(Rate::per_second(200), 50);
    // All of them must have been given the processor by then.
    let resume = Instant::now() + Duration::from_millis(600);
    limiter.pause_until(resume);
    let waiters: Vec<Waiter> = (0..8).map(|_| line_up(&limiter, &CancelToken::new(), 1)).collect();
    let grants: Vec<Instant> = waiters.into_iter().map(|waiter| waiter.wait().unwrap()).collect();
    assert!(grants[0] >= resume);
    for pair in grants.windows(2) {
        let distance = pair[1].duration_since(pair[0]);
        assert!(distance >= Duration::from_millis(5), "{distance:?}");
    }
    // They took no more than came: the 42 that nobody has taken since are certainly there.
    limiter.acquire_by(&CancelToken::new(), Instant::now() + HOUR).unwrap();
    assert!((0..40).all(|_| limiter.try_acquire()));
}

#[test]
fn the_bound_holds_after_a_pause() {
    let (rate, burst) = (Rate::per_second(1_000), 5);
    let limiter = drained(burst);
    let resume = Instant::now() + Duration::from_millis(200);
    limiter.pause_until(resume);
    limiter.set_rate(rate).unwrap();
    let grants = hammer(&limiter, 8, 10, None);
    assert!(grants.iter().all(|grant| *grant >= resume));
    check_every_window(grants, rate, burst);
}

#[test]
fn a_thousand_waiters_are_served_in_the_order_they_came() {
    let limiter = drained(1);
    let waiters: Vec<Waiter> = (0..1_000).map(|_| line_up(&limiter, &CancelToken::new(), 1)).collect();
    let rate = Rate::per_second(4_000);
    limiter.set_rate(rate).unwrap();
    let grants: Vec<Instant> = waiters.into_iter().map(|waiter| waiter.wait().unwrap()).collect();
    assert!(grants.is_sorted());
    check_every_window(grants, rate, 1);
    assert_eq!(limiter.waiting(), 0);
}

#[test]
fn a_cancel_wakes_all_of_a_thousand_and_takes_no_token() {
    let limiter = drained(1);
    let cancel = CancelToken::new();
    let waiters: Vec<Waiter> = (0..1_000).map(|_| line_up(&limiter, &cancel, 1)).collect();
    let start = Instant::now();
    cancel.cancel();
    for waiter in waiters {
        let (result, took) = waiter.wait_since(start);
        assert_eq!(result, Err(AcquireError::Cancelled));
        assert!(took < AT_ONCE, "{took:?}");
    }
    assert_eq!(limiter.waiting(), 0);
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    limiter.acquire(&CancelToken::new()).unwrap();
}

#[test]
fn one_that_leaves_is_gone_at_once_and_those_behind_move_up() {
    let limiter = limiter(HARDLY_EVER, 3);
    limiter.acquire_n(&CancelToken::new(), 1).unwrap();
    // Two are left. The head wants three and blocks all behind it, though for each of them there is enough.
    let impatient = CancelToken::new();
    let head = line_up(&limiter, &impatient, 3);
    let behind = [1, 1].map(|tokens| line_up(&limiter, &CancelToken::new(), tokens));
    let last = line_up(&limiter, &CancelToken::new(), 2);
    assert_eq!(limiter.waiting(), 4);
    assert!(behind.iter().all(Call::is_running), "a costly head blocks all behind it");
    impatient.cancel();
    assert_eq!(head.wait(), Err(AcquireError::Cancelled));
    for waiter in behind {
        waiter.wait().unwrap();
    }
    assert_eq!(limiter.waiting(), 1);
    assert!(last.is_running());
    limiter.set_rate(Rate::UNLIMITED).unwrap();
    last.wait().unwrap();
}

#[test]
fn one_that_leaves_from_the_middle_lets_those_behind_move_up() {
    let limiter = drained(4);
    let (patient, impatient) = (CancelToken::new(), CancelToken::new());
    let head = line_up(&limiter, &patient, 1);
    let middle = line_up(&limiter, &impatient, 4);
    let tail = line_up(&limiter, &patient, 1);
    impatient.cancel();
    assert_eq!(middle.wait(), Err(AcquireError::Cancelled));
    assert_eq!(limiter.waiting(), 2);
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    assert!(head.wait().unwrap() <= tail.wait().unwrap());
}

#[test]
fn try_acquire_fails_while_anyone_waits() {
    let limiter = limiter(HARDLY_EVER, 2);
    assert!(limiter.try_acquire());
    let cancel = CancelToken::new();
    let head = line_up(&limiter, &cancel, 2);
    assert!(!limiter.try_acquire(), "there is a token, but somebody waits for it");
    cancel.cancel();
    assert_eq!(head.wait(), Err(AcquireError::Cancelled));
    assert!(limiter.try_acquire());
    assert!(!limiter.try_acquire());
}

#[test]
fn more_than_the_burst_is_an_error_and_never_a_wait() {
    let limiter = limiter(Rate::per_second(1), 3);
    let cancel = CancelToken::new();
    let refused = AcquireError::ExceedsBurst(ExceedsBurst { tokens: 4, burst: 3 });
    assert_eq!(limiter.acquire_n(&cancel, 4), Err(refused));
    limiter.acquire_n(&cancel, 3).expect("the error took nothing");
}

#[test]
fn a_burst_set_below_what_a_waiter_wants_fails_that_waiter_alone() {
    let limiter = drained(5);
    let cancel = CancelToken::new();
    let modest = line_up(&limiter, &cancel, 2);
    let greedy = line_up(&limiter, &cancel, 5);
    let behind = line_up(&limiter, &cancel, 1);
    limiter.set_burst(3).unwrap();
    let refused = AcquireError::ExceedsBurst(ExceedsBurst { tokens: 5, burst: 3 });
    assert_eq!(greedy.wait(), Err(refused));
    assert_eq!(limiter.waiting(), 2);
    assert!(modest.is_running() && behind.is_running());
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    assert!(modest.wait().unwrap() <= behind.wait().unwrap());
}

/// At once: before the deadline that cannot be met.
#[test]
fn a_deadline_that_cannot_be_met_fails_at_once_and_takes_no_token() {
    let limiter = limiter(Rate::new(1, HOUR), 1);
    let cancel = CancelToken::new();
    limiter.acquire(&cancel).unwrap();
    assert_eq!(acquire_within(&limiter, HOUR / 2).wait(), Err(AcquireError::DeadlineExceeded));
    let call = {
        let (limiter, cancel) = (limiter.clone(), cancel.with_timeout(HOUR / 2));
        spawn(move || limiter.acquire(&cancel))
    };
    assert_eq!(call.wait(), Err(AcquireError::DeadlineExceeded), "a token's own deadline counts as well");
    assert_eq!(limiter.waiting(), 0);
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    limiter.acquire_by(&cancel, Instant::now() + HOUR).unwrap();
}

#[test]
fn a_deadline_counts_everyone_who_is_ahead() {
    let limiter = limiter(Rate::new(1, HOUR), 1);
    let cancel = CancelToken::new();
    limiter.acquire(&cancel).unwrap();
    let ahead: Vec<Waiter> = (0..3).map(|_| line_up(&limiter, &cancel, 1)).collect();
    // The fourth hour brings the fourth token.
    assert_eq!(acquire_within(&limiter, HOUR * 7 / 2).wait(), Err(AcquireError::DeadlineExceeded));
    let fits = acquire_within(&limiter, HOUR * 9 / 2);
    until("it stands in line", || limiter.waiting() == 4);
    cancel.cancel();
    for waiter in ahead {
        assert_eq!(waiter.wait(), Err(AcquireError::Cancelled));
    }
    limiter.set_rate(Rate::per_second(1_000)).unwrap();
    fits.wait().unwrap();
}

#[test]
fn a_deadline_that_has_passed_takes_no_token_that_is_there() {
    let limiter = limiter(HARDLY_EVER, 1);
    let past = Instant::now() - Duration::from_millis(1);
    assert_eq!(limiter.acquire_by(&CancelToken::new(), past), Err(AcquireError::DeadlineExceeded));
    assert!(limiter.try_acquire());
}

#[test]
fn a_rate_that_is_lowered_fails_those_who_now_come_too_late() {
    let limiter = limiter(Rate::new(1, HOUR), 1);
    limiter.acquire(&CancelToken::new()).unwrap();
    let call = acquire_within(&limiter, HOUR * 2);
    until("it stands in line", || limiter.waiting() == 1);
    limiter.set_rate(HARDLY_EVER).unwrap();
    assert_eq!(call.wait(), Err(AcquireError::DeadlineExceeded));
}

#[test]
fn a_limit_that_is_changed_moves_those_who_sleep_and_fails_those_who_want_too_much() {
    let limits = [Limit::new(Rate::UNLIMITED, 1), Limit::new(HARDLY_EVER, 5)];
    let limiter = RateLimiter::with_limits(&limits).unwrap();
    let cancel = CancelToken::new();
    limiter.acquire_n(&cancel, 5).unwrap();
    let modest: Vec<Waiter> = (0..3).map(|_| line_up(&limiter, &cancel, 1)).collect();
    let greedy = line_up(&limiter, &cancel, 5);
    assert_eq!(limiter.set_limit(2, limits[0]), Err(InvalidLimit::NoSuchLimit));
    assert_eq!(limiter.set_limit(1, limits[1].burst(0)), Err(InvalidLimit::ZeroBurst));
    assert_eq!(limiter.waiting(), 4);
    let faster = Limit::new(Rate::per_second(500), 4);
    limiter.set_limit(1, faster).unwrap();
    assert_eq!(limiter.limits(), [limits[0], faster]);
    let refused = AcquireError::ExceedsBurst(ExceedsBurst { tokens: 5, burst: 4 });
    assert_eq!(greedy.wait(), Err(refused));
    for waiter in modest {
        waiter.wait().unwrap();
    }
}

#[test]
fn what_is_settled_is_paid_back_before_anyone_goes_on() {
    let limiter = RateLimiter::with_limits(&[Limit::new(Rate::new(1, HOUR), 10); 2]).unwrap();
    let cancel = CancelToken::new();
    limiter.acquire(&cancel).unwrap();
    limiter.settle(1, 19).unwrap(); // 9 were there: a debt of 10
    assert!(!limiter.try_acquire());
    assert_eq!(acquire_within(&limiter, HOUR * 21 / 2).wait(), Err(AcquireError::DeadlineExceeded));
    limiter.acquire_cost(&cancel, Cost::ONE.with(1, 0)).expect("the first has no debt");
    // In line until it is said that it cost less.
    let waiter = line_up(&limiter, &cancel, 1);
    limiter.settle(1, -10).unwrap();
    assert!(waiter.is_running(), "the debt is paid, and no more");
    limiter.settle(1, -1).unwrap();
    waiter.wait().unwrap();
    assert_eq!(limiter.settle(2, 1), Err(InvalidLimit::NoSuchLimit));
}

/// At once, though it would be there in time for a smaller debt.
#[test]
fn a_debt_fails_those_who_now_come_too_late() {
    let limiter = limiter(Rate::new(1, HOUR), 1);
    limiter.acquire(&CancelToken::new()).unwrap();
    let call = acquire_within(&limiter, HOUR * 2);
    until("it stands in line", || limiter.waiting() == 1);
    limiter.settle(0, 1_000).unwrap();
    assert_eq!(call.wait(), Err(AcquireError::DeadlineExceeded));
}

#[test]
fn set_rate_moves_those_who_sleep() {
    let limiter = drained(1);
    let waiters: Vec<Waiter> = (0..20).map(|_| line_up(&limiter, &CancelToken::new(), 1)).collect();
    limiter.set_rate(Rate::per_second(500)).unwrap();
    for waiter in waiters {
        waiter.wait().unwrap();
    }
}

#[test]
fn pause_until_holds_those_who_sleep() {
    let limiter = drained(1);
    let waiter = line_up(&limiter, &CancelToken::new(), 1);
    let resume = Instant::now() + Duration::from_millis(150);
    limiter.pause_until(resume);
    limiter.set_rate(Rate::per_second(1_000_000)).unwrap();
    assert!(waiter.wait().unwrap() >= resume);
}

#[test]
fn pause_until_holds_even_an_unlimited_rate_and_is_only_ever_extended() {
    let limiter = limiter(Rate::UNLIMITED, 1);
    let resume = Instant::now() + Duration::from_millis(150);
    limiter.pause_until(resume);
    limiter.pause_until(Instant::now());
    assert_eq!(limiter.paused_until(), Some(resume));
    assert!(acquire_within(&limiter, HOUR).wait().unwrap() >= resume);
    assert_eq!(limiter.paused_until(), None);
}

#[test]
fn an_unlimited_rate_grants_any_number_at_once() {
    let limiter = limiter(Rate::UNLIMITED, 1);
    let cancel = CancelToken::new();
    limiter.acquire_n(&cancel, u32::MAX).unwrap();
    assert!((0..1_000).all(|_| limiter.try_acquire()));
}

#[test]
fn settings_that_never_grant_are_refused_and_change_nothing() {
    assert!(RateLimiter::new(Rate::per_second(0), 1).is_err());
    assert!(RateLimiter::new(Rate::per_second(1), 0).is_err());
    assert!(RateLimiter::with_limits(&[]).is_err());
    let limiter = limiter(HARDLY_EVER, 2);
    assert!(limiter.set_rate(Rate::per_second(0)).is_err());
    assert!(limiter.set_burst(0).is_err());
    limiter.acquire_n(&CancelToken::new(), 2).unwrap();
}

/// Waits that end by a cancel and by a grant at the same moment: one of the two, and the tokens add up.
#[test]
fn a_grant_that_races_a_cancel_is_either_and_never_both() {
    let limiter = limiter(Rate::per_second(1_000), 1);
    let mut granted = 0;
    let start = Instant::now();
    for _ in 0..300 {
        let cancel = CancelToken::new();
        let waiter = {
            let (limiter, cancel) = (limiter.clone(), cancel.clone());
            spawn(move || limiter.acquire(&cancel))
        };
        until("it has its token or stands in line", || limiter.waiting() == 1 || !waiter.is_running());
        if granted % 2 == 0 {
            // Let the wake-up come close to the cancel.
            until("a token is nearly due", || start.elapsed().subsec_micros() % 1_000 > 950);
        }
        cancel.cancel();
        match waiter.wait() {
            Ok(_) => granted += 1,
            Err(error) => assert_eq!(error, AcquireError::Cancelled),
        }
        assert_eq!(limiter.waiting(), 0);
    }
    let most = 1 + start.elapsed().as_millis();
    assert!(granted <= most, "{granted} tokens granted, {most} came");
}
