//! How fast a run goes, and how long it will still take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::counts::{Counts, Wait};
use crate::limits::Limits;

/// The rate "now" is that of the last two seconds, or of so many requests where they come more slowly.
const RECENT: Duration = Duration::from_secs(2);
const RECENT_REQUESTS: f64 = 5.0;
const MOST_RECENT: Duration = Duration::from_secs(600);

/// The rate at which the rest will be done is that of the last minute.
const LASTING: Duration = Duration::from_secs(60);

/// The pace of a run, from one look at it to the next.
pub(crate) struct Pace {
    total: Option<u64>,
    limits: Limits,
    started: Instant,
    looked: Instant,
    /// How long it has been running without the pauses, and without what else held it up.
    active: Duration,
    pauses: Pauses,
    recent: Window,
    lasting: Window,
    /// How long a token takes to come.
    token: Duration,
}

impl Pace {
    pub(crate) fn new(total: Option<u64>, limits: Limits, started: Instant) -> Pace {
        let tokens = |count: f64| {
            let seconds = limits.per_second().map_or(0.0, |rate| count / rate);
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        };
        let (few, token) = (tokens(RECENT_REQUESTS), tokens(1.0));
        Pace {
            total,
            limits,
            started,
            looked: started,
            active: Duration::ZERO,
            pauses: Pauses::default(),
            recent: Window::new(few.clamp(RECENT, MOST_RECENT)),
            lasting: Window::new(LASTING),
            token,
        }
    }

    /// Takes note of what is so `now`.
    pub(crate) fn look(&mut self, counts: &Counts, now: Instant) {
        let passed = now.saturating_duration_since(self.looked);
        match counts.stands_still() {
            true => self.pauses.lasts(passed),
            false => {
                self.pauses.is_over();
                self.active += passed;
                self.lasting.add(self.active, counts.done);
            }
        }
        self.looked = now;
        self.recent.add(now.saturating_duration_since(self.started), counts.requests);
    }

    /// Requests per second, now. One request is no more than its token took to come, however soon it is looked at:
    /// the first of `1/m` is not `20 of 1/m` after three seconds.
    pub(crate) fn per_second(&self) -> f64 {
        self.recent.per_second_over(self.token)
    }

    /// How long the rest will take, if that can be known: what is left of a pause, and then at the pace of the last
    /// minute, with as many more pauses as there were; but never less than the limits allow, which a burst outruns for
    /// a while only. Rounded up to seconds.
    pub(crate) fn left(&self, counts: &Counts) -> Option<Duration> {
        let total = self.total?;
        let left = total.checked_sub(counts.done).filter(|left| *left > 0)?;
        let per_second =
            self.lasting.per_second_over(Duration::ZERO) * self.pauses.share_without(self.active);
        let kept_up = (per_second > 0.0).then(|| Duration::try_from_secs_f64(left as f64 / per_second));
        let least = self.least(total, left.saturating_sub(counts.in_flight as u64))?;
        // What does not fit is not worth showing.
        let rest = kept_up.transpose().ok()?.unwrap_or(least).max(least);
        let held_up = match counts.held_up {
            Some(Wait::Pause(left) | Wait::NewQuota(left)) => left,
            _ => Duration::ZERO,
        };
        let rest = rest.checked_add(counts.paused.unwrap_or_default().max(held_up))?;
        let seconds = rest.as_secs().saturating_add(u64::from(rest.subsec_nanos() > 0));
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// What the limits allow: no grant comes sooner than it could have from the start of the run, nor than it could
    /// if all buckets were full now.
    fn least(&self, total: u64, ungranted: u64) -> Option<Duration> {
        let elapsed = self.looked.saturating_duration_since(self.started);
        let from_the_start = self.limits.least_time(total.into())?.saturating_sub(elapsed);
        Some(self.limits.least_time(ungranted.into())?.max(from_the_start))
    }
}

/// The pauses that a server has asked for, and the times in which a shared quota grants nothing to this process.
#[derive(Default)]
struct Pauses {
    under_way: Duration,
    count: u32,
    over: Duration,
}

impl Pauses {
    fn lasts(&mut self, passed: Duration) {
        self.under_way += passed;
    }

    fn is_over(&mut self) {
        if self.under_way > Duration::ZERO {
            self.count += 1;
            self.over += std::mem::take(&mut self.under_way);
        }
    }

    /// The share of the time in which there was none, from 0 to 1, besides so much time without. One pause may remain
    /// the only one; after two there will be more.
    fn share_without(&self, active: Duration) -> f64 {
        match self.count {
            0 | 1 => 1.0,
            _ => active.as_secs_f64() / (active + self.over).as_secs_f64(),
        }
    }
}

/// What was done at which time, over a span that ends now.
struct Window {
    span: Duration,
    kept: VecDeque<(Duration, u64)>,
    now: (Duration, u64),
}

impl Window {
    /// So many moments of a span are kept, and no more.
    const KEPT: u32 = 20;

    fn new(span: Duration) -> Window {
        Window { span, kept: VecDeque::from([(Duration::ZERO, 0)]), now: (Duration::ZERO, 0) }
    }

    fn add(&mut self, time: Duration, done: u64) {
        self.now = (time, done);
        let is_due = |last: &(Duration, u64)| time.saturating_sub(last.0) >= self.span / Window::KEPT;
        if self.kept.back().is_none_or(is_due) {
            self.kept.push_back((time, done));
        }
        while self.kept.len() > 2 && time.saturating_sub(self.kept[1].0) >= self.span {
            self.kept.pop_front();
        }
    }

    /// What was done, as if it had taken no less than `least`.
    fn per_second_over(&self, least: Duration) -> f64 {
        let ((time, done), Some((then, before))) = (self.now, self.kept.front()) else { return 0.0 };
        match time.saturating_sub(*then).max(least) {
            Duration::ZERO => 0.0,
            passed => done.saturating_sub(*before) as f64 / passed.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout::{Limit, Rate};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn tenth() -> Limits {
        Limits::new([Limit::new(Rate::per_second(10), 20)])
    }

    /// What is left, in seconds, when so many were done at so many milliseconds.
    fn left(total: u64, limits: Limits, looks: &[(u64, u64)]) -> Option<u64> {
        let start = Instant::now();
        let mut pace = Pace::new(Some(total), limits, start);
        let mut counts = Counts::default();
        for (millis, done) in looks {
            counts.done = *done;
            pace.look(&counts, start + Duration::from_millis(*millis));
        }
        pace.left(&counts).map(|left| left.as_secs())
    }

    #[test]
    fn a_burst_does_not_last() {
        assert_eq!(left(60, tenth(), &[(0, 0)]), Some(4), "before anything is done");
        assert_eq!(left(60, tenth(), &[(0, 0), (500, 20)]), Some(4), "40/s, and then 10/s");
        assert_eq!(left(60, tenth(), &[(0, 0), (2_500, 45)]), Some(2));
        assert_eq!(left(60, tenth(), &[(0, 0), (4_000, 60)]), None);
        let large = Limits::new([Limit::new(Rate::per_second(10), 1_000)]);
        assert_eq!(left(217_000, large, &[(0, 0), (10_000, 1_000)]), Some(21_590));
    }

    #[test]
    fn the_limit_that_comes_to_bear_later_counts_from_the_start() {
        // 10/s with a burst of 20, and 4,500 an hour (0.8 s each) with a burst of 500: 600 take 80 s.
        let both = || Limits::new([Limit::new(Rate::per_second(10), 20), Limit::at_most(5_000, HOUR)]);
        assert_eq!(left(600, both(), &[(0, 0), (30_000, 320)]), Some(50));
    }

    #[test]
    fn a_run_that_is_slower_than_its_limits_goes_on_as_it_did() {
        assert_eq!(left(200, tenth(), &[(0, 0), (10_000, 20)]), Some(90), "2/s");
        assert_eq!(left(200, Limits::new([]), &[(0, 0), (10_000, 20)]), Some(90), "2/s");
        assert_eq!(left(200, Limits::new([]), &[(0, 0), (10_000, 0)]), None, "nobody knows");
        // A minute ago it was ten times as fast.
        let slower = [(0, 0), (60_000, 600), (120_000, 660)];
        assert_eq!(left(720, tenth(), &slower), Some(60));
    }

    #[test]
    fn six_hours_stay_six_hours() {
        let mut looks = Vec::new();
        // The burst, and then nine or eleven in each second.
        for second in 0..600_u64 {
            looks.push((second * 1_000, 20 + second * 10 - second % 2));
        }
        let left = left(216_020, tenth(), &looks).unwrap();
        assert!((21_000..21_100).contains(&left), "{left}");
    }

    #[test]
    fn a_pause_counts_and_does_not_slow_what_comes_after_it() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(60), Limits::new([]), start);
        let mut counts = Counts { done: 20, ..Counts::default() };
        pace.look(&counts, start + Duration::from_secs(2));
        for second in 3..30 {
            counts.paused = Some(Duration::from_millis((33 - second) * 1_000 - 1));
            pace.look(&counts, start + Duration::from_secs(second));
        }
        assert_eq!(pace.left(&counts), Some(Duration::from_secs(4 + 4)));
        assert!(pace.per_second() < 0.1);
    }

    #[test]
    fn what_holds_up_a_shared_quota_counts_as_a_pause() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(60), tenth(), start);
        let mut counts = Counts { done: 40, ..Counts::default() };
        pace.look(&counts, start + Duration::from_secs(8));
        // Redis is away for 7 s, and then knows nothing of the quota for 30 s, of which 10 s are over.
        for second in 9..=25 {
            let left = Duration::from_secs(45_u64.saturating_sub(second));
            let held_up = if second < 16 { Wait::Redis(left) } else { Wait::NewQuota(left) };
            counts.held_up = Some(held_up);
            pace.look(&counts, start + Duration::from_secs(second));
        }
        assert_eq!(pace.left(&counts), Some(Duration::from_secs(20 + 4)));
        counts.held_up = None;
        pace.look(&counts, start + Duration::from_secs(26));
        assert_eq!(pace.left(&counts), Some(Duration::from_secs(5)), "40 in 9 s");
    }

    #[test]
    fn the_time_in_which_others_have_all_slots_does_not_slow_what_comes_after_it() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(12), Limits::new([]), start);
        let waits = Counts { waiting: 6, lacks_permits: true, ..Counts::default() };
        pace.look(&waits, start + Duration::from_secs(30));
        let counts = Counts { done: 6, in_flight: 6, ..Counts::default() };
        pace.look(&counts, start + Duration::from_secs(33));
        assert_eq!(pace.left(&counts), Some(Duration::from_secs(3)));
    }

    #[test]
    fn pauses_that_come_again_and_again_will_go_on_to_do_so() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(60), Limits::new([]), start);
        let mut left = |second: u64, done, is_paused: bool| {
            let paused = is_paused.then_some(Duration::ZERO);
            let counts = Counts { done, paused, ..Counts::default() };
            pace.look(&counts, start + Duration::from_secs(second));
            pace.left(&counts).map(|left| left.as_secs())
        };
        // A second of 10 ids, and then three of none.
        assert_eq!([left(1, 10, false), left(4, 10, true), left(5, 20, false)], [Some(5), Some(5), Some(4)]);
        assert_eq!([left(8, 20, true), left(9, 30, false)], [Some(4), Some(9)], "3 s and 6 s of pauses");
    }

    #[test]
    fn nobody_knows_how_long_it_takes_if_nobody_knows_how_many_there_are() {
        let start = Instant::now();
        let counts = Counts { done: 20, ..Counts::default() };
        let mut pace = Pace::new(None, tenth(), start);
        pace.look(&counts, start + Duration::from_secs(2));
        assert_eq!(pace.left(&counts), None);
    }

    #[test]
    fn the_first_request_of_a_slow_quota_is_no_breach_of_it() {
        let minute = Limits::new([Limit::new(Rate::new(1, LASTING), 1)]);
        let shown = |limits: &Limits, requests| {
            let start = Instant::now();
            let mut pace = Pace::new(None, limits.clone(), start);
            pace.look(&Counts { requests, ..Counts::default() }, start + Duration::from_secs(3));
            pace.per_second()
        };
        assert!((shown(&minute, 1) * 60.0 - 1.0).abs() < 1e-9);
        assert!((shown(&tenth(), 48) - 16.0).abs() < 1e-9, "a burst is what it is");
        assert!((shown(&Limits::new([]), 48) - 16.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_slow_is_measured_for_longer_and_what_is_kept_is_bounded() {
        let start = Instant::now();
        let mut pace = Pace::new(None, Limits::new([Limit::new(Rate::new(1, LASTING), 1)]), start);
        for look in 0..60_000_u64 {
            let counts = Counts { requests: look / 600, ..Counts::default() };
            pace.look(&counts, start + Duration::from_millis(look * 100));
        }
        assert!((pace.per_second() * 60.0 - 1.0).abs() < 0.25, "{}", pace.per_second() * 60.0);
        assert!(pace.recent.kept.len() <= 22 && pace.lasting.kept.len() <= 22);
    }
}
