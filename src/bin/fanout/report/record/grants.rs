//! The instants at which requests were granted, in their order, held against each limit. Each took one token: the tool
//! knows no other cost.
//!
//! A request is shown when it has ended, and so those that take long come late: they are waited for, up to a number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::fullest::FullestWindow;
use crate::limits::Limits;
use crate::quota::Quota;

use super::timeline::Timeline;

/// So many grants are put in order at a time; 2 MiB. A request is measured with all others unless so many that were
/// granted after it ended before it.
pub(crate) const REORDERED: usize = 131_072;

/// A limit and what was made of it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// As it was written: `at most 5000/h, burst 500`.
    pub(crate) name: String,
    pub(crate) quota: Quota,
    pub(crate) fullest: FullestWindow,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Grants {
    waiting: BinaryHeap<Reverse<Duration>>,
    measured: Duration,
    /// The first of all, where the line `burst + rate · t` begins.
    pub(crate) first: Option<Duration>,
    /// Those that came too late to be measured.
    pub(crate) late: u64,
    pub(crate) held: Vec<Held>,
}

impl Grants {
    pub(crate) fn new(limits: &Limits) -> Grants {
        let held = limits.named().filter_map(|(name, quota)| {
            FullestWindow::new(quota).map(|fullest| Held { name, quota, fullest })
        });
        Grants {
            waiting: BinaryHeap::new(),
            measured: Duration::ZERO,
            first: None,
            late: 0,
            held: held.collect(),
        }
    }

    /// One more, in whatever order.
    pub(crate) fn add(&mut self, at: Duration, timeline: &mut Timeline) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        if self.held.is_empty() {
            return;
        }
        if at < self.measured {
            self.late = self.late.saturating_add(1);
            return;
        }
        self.waiting.push(Reverse(at));
        if self.waiting.len() > REORDERED {
            self.measure_one(timeline);
        }
    }

    /// No more will come.
    pub(crate) fn finish(&mut self, timeline: &mut Timeline) {
        while self.measure_one(timeline) {}
    }

    /// Whether every window of every limit took no more than its burst, as far as all were measured.
    pub(crate) fn were_kept(&self) -> bool {
        self.held.iter().all(|held| held.fullest.is_within(held.quota.burst))
    }

    fn measure_one(&mut self, timeline: &mut Timeline) -> bool {
        let Some(Reverse(at)) = self.waiting.pop() else { return false };
        self.measured = at;
        for (number, held) in self.held.iter_mut().enumerate() {
            timeline.filled(at, number, held.fullest.request(at));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::rate;

    fn grants() -> Grants {
        Grants::new(&Quota::new(rate::parse("10/s").unwrap(), Some(2)).into())
    }

    #[test]
    fn grants_are_measured_in_their_order_whatever_the_order_in_which_they_come() {
        let mut timeline = Timeline::new();
        let mut in_order = grants();
        let mut out_of_order = grants();
        let times = [0, 0, 100, 200, 500, 500].map(Duration::from_millis);
        times.iter().for_each(|at| in_order.add(*at, &mut timeline));
        times.iter().rev().for_each(|at| out_of_order.add(*at, &mut timeline));
        for mut grants in [in_order, out_of_order] {
            grants.finish(&mut timeline);
            assert_eq!(grants.held[0].fullest.spent(), 2.0);
            assert!(grants.were_kept());
            assert_eq!((grants.first, grants.late), (Some(Duration::ZERO), 0));
        }
    }

    #[test]
    fn one_too_many_is_found() {
        let (mut timeline, mut grants) = (Timeline::new(), grants());
        for millis in [0, 0, 99] {
            grants.add(Duration::from_millis(millis), &mut timeline);
        }
        grants.finish(&mut timeline);
        assert!(!grants.were_kept());
        assert!((f64::from(timeline.bins()[99].fullest[0]) - 2.01).abs() < 1e-6);
    }

    #[test]
    fn a_grant_that_comes_too_late_is_counted_as_such() {
        let (mut timeline, mut grants) = (Timeline::new(), grants());
        for milli in 0..=REORDERED as u64 {
            grants.add(Duration::from_millis(100 * milli + 5), &mut timeline);
        }
        assert_eq!(grants.waiting.len(), REORDERED);
        grants.add(Duration::from_millis(1), &mut timeline);
        assert_eq!((grants.late, grants.first), (1, Some(Duration::from_millis(1))));
    }
}
