//! Properties of the pure arithmetic, against two models that are written nothing like it.
//!
//! * The *history*: it remembers every grant, and grants what keeps the bound over every window and no more.
//!   That is the definition of a token bucket, in O(n) a question.
//! * The *fraction*: a number of tokens as a reduced fraction, with everything that can be changed meanwhile.

use std::time::{Duration, Instant};

use fanout::{ExceedsBurst, InvalidLimit, Rate, Take, TokenBucket};
use proptest::prelude::*;

/// Grants what the bound allows: for every earlier instant `s`, what was granted from `s` on stays within
/// `burst + rate · (now − s)`.
struct History {
    tokens: u128,
    per: u128,
    burst: u128,
    /// The start, at which nothing was granted, and every grant; in nanoseconds since the start.
    grants: Vec<(u128, u128)>,
    latest: u128,
}

impl History {
    fn take(&mut self, wanted: u32, now: u128) -> Option<u128> {
        self.latest = self.latest.max(now);
        let mut due = 0;
        let mut granted = u128::from(wanted);
        for (at, tokens) in self.grants.iter().rev() {
            granted += tokens;
            // (granted − burst) · per ≤ tokens · (due − at)
            let excess = granted.saturating_sub(self.burst) * self.per;
            due = due.max(at + excess.div_ceil(self.tokens));
        }
        if due > self.latest {
            return Some(due.min(self.latest + u128::from(u64::MAX)));
        }
        self.grants.push((self.latest, wanted.into()));
        None
    }

    /// The bound itself, over every window that begins and ends with a grant.
    fn check_every_window(&self) {
        for (first, (from, _)) in self.grants.iter().enumerate() {
            let mut granted = 0;
            for (to, tokens) in &self.grants[first..] {
                granted += tokens;
                assert!(granted * self.per <= self.burst * self.per + self.tokens * (to - from));
            }
        }
    }
}

/// Tokens as `over / under` of a token; `under` always divides the nanoseconds of the rate in force.
struct Fraction {
    rate: Option<(u128, u128)>,
    burst: u128,
    /// Below zero: a debt.
    over: i128,
    under: u128,
    /// Up to here it is counted.
    latest: u128,
}

impl Fraction {
    fn full(rate: Rate, burst: u32) -> Fraction {
        Fraction { rate: parts(rate), burst: burst.into(), over: burst.into(), under: 1, latest: 0 }
    }

    fn pass(&mut self, now: u128) {
        let elapsed = now.saturating_sub(self.latest).min(u64::MAX.into());
        self.latest = self.latest.max(now);
        if let Some((tokens, per)) = self.rate.filter(|_| elapsed > 0) {
            self.set(self.over * signed(per / self.under) + signed(tokens * elapsed), per);
        }
    }

    /// So many, but no more than the burst, in lowest terms.
    fn set(&mut self, over: i128, under: u128) {
        let full = over > signed(self.burst * under);
        let (over, under) = if full { (signed(self.burst), 1) } else { (over, under) };
        let divisor = gcd(over.unsigned_abs(), under);
        (self.over, self.under) = (over / signed(divisor), under / divisor);
    }

    fn take(&mut self, wanted: u32, now: u128) -> Result<Option<u128>, ()> {
        let Some((tokens, per)) = self.rate else {
            self.pass(now);
            return Ok(None);
        };
        let wanted = u128::from(wanted);
        if wanted > self.burst {
            return Err(());
        }
        self.pass(now);
        let missing = signed(wanted * self.under) - self.over;
        if missing > 0 && wanted > 0 {
            let wait = (missing.unsigned_abs() * (per / self.under)).div_ceil(tokens);
            return Ok(Some(self.latest + wait.min(u64::MAX.into())));
        }
        self.settle(i64::try_from(wanted).unwrap(), now);
        Ok(None)
    }

    fn settle(&mut self, extra: i64, now: u128) {
        self.pass(now);
        if self.rate.is_some() {
            self.set(self.over - i128::from(extra) * signed(self.under), self.under);
        }
    }

    fn set_rate(&mut self, rate: Rate, now: u128) {
        self.pass(now);
        let new = parts(rate);
        match (self.rate, new) {
            // What is less than the smallest part of a token at the new rate is lost.
            (Some(_), Some((_, per))) => {
                let whole = self.over.div_euclid(signed(self.under));
                let rest = self.over.rem_euclid(signed(self.under)).unsigned_abs() * per / self.under;
                self.set(whole * signed(per) + signed(rest), per);
            }
            _ => self.set(0, 1),
        }
        self.rate = new;
    }

    fn set_burst(&mut self, burst: u32, now: u128) {
        self.pass(now);
        self.burst = burst.into();
        self.set(self.over, self.under);
    }
}

fn signed(number: u128) -> i128 {
    i128::try_from(number).unwrap()
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn parts(rate: Rate) -> Option<(u128, u128)> {
    rate.parts().map(|(tokens, per)| (tokens.into(), per.as_nanos()))
}

/// What happens to a bucket, in nanoseconds after the start.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(u32),
    SetRate(Rate),
    SetBurst(u32),
    Settle(i64),
}

fn rates() -> impl Strategy<Value = Rate> {
    let spans = prop_oneof![
        Just(1),
        Just(1_000_000_000),
        Just(3_600_000_000_000),
        1..2_000_u64,
        1..2_000_000_000_u64,
        1..=u64::MAX
    ];
    let tokens = prop_oneof![1..10_u32, 1..5_000_u32, 1..=u32::MAX];
    (tokens, spans).prop_map(|(tokens, per)| Rate::new(tokens, Duration::from_nanos(per)))
}

fn bursts() -> impl Strategy<Value = u32> {
    prop_oneof![1..5_u32, 1..200_u32, 1..=u32::MAX]
}

/// Steps in time, most forward and some back, of every size.
fn moves() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => Just(0),
        3 => 1..100_i64,
        6 => 1..3_000_000_000_i64,
        1 => 0..i64::MAX / 512,
        2 => -1_000_000_000..0_i64,
    ]
}

fn wanted(burst: u32) -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..=burst.min(3), 1 => 0..=burst]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..6_u32).prop_map(Step::Take),
        2 => (0..=u32::MAX).prop_map(Step::Take),
        1 => rates().prop_map(Step::SetRate),
        1 => Just(Step::SetRate(Rate::UNLIMITED)),
        2 => bursts().prop_map(Step::SetBurst),
        2 => (-9..20_i64).prop_map(Step::Settle),
        1 => (-5_000_000_000..5_000_000_000_i64).prop_map(Step::Settle),
    ]
}

fn step(now: u128, by: i64) -> u128 {
    now.saturating_add_signed(by.into())
}

/// Far from where `Instant` begins, so that time can step back.
fn start() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

fn at(start: Instant, nanos: u128) -> Instant {
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap();
    start + Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).unwrap())
}

fn answer(due: Option<u128>, start: Instant) -> Take {
    due.map_or(Take::Taken, |due| Take::DueAt(at(start, due)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Semantic 1, the bound: exactly what it allows, at any rate, from any sequence of instants.
    #[test]
    fn grants_all_that_the_bound_over_every_window_allows_and_nothing_more(
        (rate, burst) in (rates(), bursts()),
        takes in prop::collection::vec((moves(), 0..=10_u32, prop::bool::ANY), 1..120),
    ) {
        let start = start();
        let (tokens, per) = parts(rate).unwrap();
        let mut bucket = TokenBucket::new(rate, burst, start).unwrap();
        let grants = vec![(0, 0)];
        let mut history = History { tokens, per, burst: burst.into(), grants, latest: 0 };
        let mut now = 0;
        for (by, wanted, wait_for_it) in takes {
            now = step(now, by);
            let wanted = wanted.min(burst);
            let due = history.take(wanted, now);
            prop_assert_eq!(bucket.take(wanted, at(start, now)), Ok(answer(due, start)));
            if let Some(due) = due.filter(|_| wait_for_it) {
                // A nanosecond before it is due it is refused; when it is due it is there.
                for instant in [due - 1, due] {
                    let expected = answer(history.take(wanted, instant), start);
                    prop_assert_eq!(bucket.take(wanted, at(start, instant)), Ok(expected));
                }
                now = due;
            }
        }
        history.check_every_window();
    }

    /// Rate and burst changed while it runs, debts, time that steps back, amounts of any size.
    #[test]
    fn answers_as_the_fraction_does_whatever_is_changed_meanwhile(
        (rate, burst) in (rates(), bursts()),
        script in prop::collection::vec((moves(), steps()), 1..120),
    ) {
        let start = start();
        let mut bucket = TokenBucket::new(rate, burst, start).unwrap();
        let mut model = Fraction::full(rate, burst);
        let mut now = 0;
        for (by, step_to_take) in script {
            now = step(now, by);
            match step_to_take {
                Step::Take(wanted) => {
                    let exceeds = ExceedsBurst { tokens: wanted, burst: bucket.burst() };
                    let expected = model.take(wanted, now).map(|due| answer(due, start));
                    prop_assert_eq!(bucket.take(wanted, at(start, now)), expected.map_err(|()| exceeds));
                }
                Step::SetRate(rate) => {
                    model.set_rate(rate, now);
                    bucket.set_rate(rate, at(start, now)).unwrap();
                }
                Step::SetBurst(burst) => {
                    model.set_burst(burst, now);
                    bucket.set_burst(burst, at(start, now)).unwrap();
                }
                Step::Settle(extra) => {
                    model.settle(extra, now);
                    bucket.settle(extra, at(start, now));
                }
            }
        }
    }

    /// golang/go#71360 and #65508: a clock that runs backwards must not mint. Both see the same latest
    /// instant.
    #[test]
    fn a_clock_that_steps_back_neither_mints_nor_loses_a_token(
        (rate, burst) in (rates(), bursts()),
        script in prop::collection::vec((moves(), prop::collection::vec(0..1_000_000_000_u64, 0..4)), 1..60),
        last in 1..5_u32,
    ) {
        let start = start();
        let mut steady = TokenBucket::new(rate, burst, start).unwrap();
        let mut unsteady = steady.clone();
        let (mut now, mut latest) = (0, 0);
        for (by, echoes) in script {
            now = step(now, by);
            latest = latest.max(now);
            prop_assert_eq!(steady.available(at(start, latest)), unsteady.available(at(start, now)));
            for back in echoes {
                unsteady.available(at(start, now.saturating_sub(back.into())));
            }
        }
        let last = last.min(burst);
        prop_assert_eq!(steady.take(last, at(start, latest)), unsteady.take(last, at(start, latest)));
    }

    #[test]
    fn any_amount_up_to_the_burst_comes_and_more_is_an_error(
        (rate, (burst, wanted)) in (rates(), bursts().prop_flat_map(|burst| (Just(burst), wanted(burst)))),
        more in 1..=u32::MAX,
    ) {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(rate, burst, now).unwrap();
        prop_assert_eq!(bucket.take(wanted, now), Ok(Take::Taken));
        prop_assert_eq!(bucket.available(now), burst - wanted);
        if let Some(tokens) = burst.checked_add(more) {
            prop_assert_eq!(bucket.take(tokens, now), Err(ExceedsBurst { tokens, burst }));
        }
    }
}

#[test]
fn nothing_drifts_in_ten_years() {
    const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
    let hour = Duration::from_secs(3_600);
    for (rate, tokens) in [(Rate::per_second(3), 946_080_000), (Rate::new(5_000, hour), 438_000_000)] {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(rate, u32::MAX, start).unwrap();
        assert_eq!(bucket.take(u32::MAX, start), Ok(Take::Taken));
        // Looked at now and then, at instants that divide nothing.
        for day in 0..3_650 {
            bucket.available(start + Duration::new(day * 86_400, 123_456_789));
        }
        let end = start + TEN_YEARS;
        assert_eq!(bucket.available(end - Duration::from_nanos(1)), tokens - 1, "{rate}");
        assert_eq!(bucket.available(end), tokens, "{rate}");
    }
}

#[test]
fn a_limit_that_never_grants_cannot_be_made() {
    let now = Instant::now();
    let refused = |rate, burst| TokenBucket::new(rate, burst, now).expect_err("no limit");
    assert_eq!(refused(Rate::per_second(0), 1), InvalidLimit::ZeroRate);
    assert_eq!(refused(Rate::new(1, Duration::ZERO), 1), InvalidLimit::ZeroSpan);
    assert_eq!(refused(Rate::new(1, Duration::MAX), 1), InvalidLimit::LongSpan);
    assert_eq!(refused(Rate::per_second(1), 0), InvalidLimit::ZeroBurst);
    assert_eq!(refused(Rate::UNLIMITED, 0), InvalidLimit::ZeroBurst);
}
