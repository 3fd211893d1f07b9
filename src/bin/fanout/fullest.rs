//! The measure by which a quota was kept or not: the fullest of all windows.

use std::time::{Duration, Instant};

use crate::quota::Quota;

/// How many tokens the fullest of all windows spent beyond those that came with its length. That is at most the burst
/// if the quota was kept: in every window of length `w` there were no more than burst + rate · w.
///
/// Takes the instants of the requests one by one, in their order, and keeps none of them. It counts in whole
/// numbers, a token being as many units as its rate has nanoseconds, and so it is exact.
#[derive(Clone, Debug)]
pub(crate) struct FullestWindow {
    tokens: i128,
    nanos: i128,
    count: i128,
    least: i128,
    most: i128,
}

impl FullestWindow {
    /// Nothing for a quota without a limit.
    pub(crate) fn new(quota: Quota) -> Option<FullestWindow> {
        let (tokens, per) = quota.rate.parts()?;
        Some(FullestWindow {
            tokens: i128::from(tokens),
            nanos: i128::try_from(per.as_nanos()).unwrap_or(i128::MAX),
            count: 0,
            least: i128::MAX,
            most: 0,
        })
    }

    /// A request at `time`, which is not before the last one's. How many tokens the fullest window that ends with it
    /// has spent.
    pub(crate) fn request(&mut self, time: Duration) -> f64 {
        // With u(i) = i − rate·t(i), the window from i to j spends u(j) − u(i) + 1: for each j, the least u(i) so far.
        let came = self.tokens.saturating_mul(i128::try_from(time.as_nanos()).unwrap_or(i128::MAX));
        let spent = self.count.saturating_mul(self.nanos).saturating_sub(came);
        self.count = self.count.saturating_add(1);
        self.least = self.least.min(spent);
        let window = spent.saturating_sub(self.least).saturating_add(self.nanos);
        self.most = self.most.max(window);
        self.in_tokens(window)
    }

    /// Of all windows so far.
    pub(crate) fn spent(&self) -> f64 {
        self.in_tokens(self.most)
    }

    /// Whether no window took more than `burst`: decided without rounding.
    pub(crate) fn is_within(&self, burst: u32) -> bool {
        self.most <= i128::from(burst).saturating_mul(self.nanos)
    }

    fn in_tokens(&self, units: i128) -> f64 {
        units as f64 / self.nanos.max(1) as f64
    }
}

/// How many tokens the fullest of all windows spent beyond those that came with its length: see [`FullestWindow`]. The
/// arrivals are in their order.
pub(crate) fn fullest_window(arrivals: &[Instant], quota: Quota) -> f64 {
    let Some((first, mut fullest)) = arrivals.first().zip(FullestWindow::new(quota)) else {
        return 0.0;
    };
    for arrival in arrivals {
        fullest.request(arrival.duration_since(*first));
    }
    fullest.spent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::rate;

    fn quota() -> Quota {
        Quota::new(rate::parse("4/s").unwrap(), Some(2))
    }

    fn after(millis: &[u64]) -> FullestWindow {
        let mut fullest = FullestWindow::new(quota()).unwrap();
        for millis in millis {
            fullest.request(Duration::from_millis(*millis));
        }
        fullest
    }

    #[test]
    fn it_is_found_wherever_it_is() {
        let cases: [(&[u64], f64); 5] = [
            (&[], 0.0),
            (&[0], 1.0),
            (&[0, 0, 250], 2.0),
            (&[0, 1_000, 1_000, 1_000], 3.0),
            (&[0, 0, 0, 1_000], 3.0),
        ];
        for (millis, expected) in cases {
            let found = after(millis).spent();
            assert!((found - expected).abs() < 1e-9, "{millis:?}: {found}");
        }
        assert!(FullestWindow::new(Quota::new(rate::parse("none").unwrap(), None)).is_none());
    }

    #[test]
    fn a_nanosecond_too_early_is_too_early() {
        let mut kept = after(&[0, 0]);
        let mut broken = kept.clone();
        kept.request(Duration::from_millis(250));
        broken.request(Duration::from_nanos(249_999_999));
        assert!(kept.is_within(2) && !broken.is_within(2));
    }

    #[test]
    fn each_request_is_told_what_its_own_window_spent() {
        let mut fullest = FullestWindow::new(quota()).unwrap();
        let spent = [0, 0, 500, 1_000].map(|millis| fullest.request(Duration::from_millis(millis)));
        assert_eq!(spent, [1.0, 2.0, 1.0, 1.0]);
    }

    #[test]
    fn the_fullest_window_may_begin_with_any_arrival() {
        let start = Instant::now();
        let arrivals = [0, 1_000, 1_000, 1_000].map(|millis| start + Duration::from_millis(millis));
        assert_eq!(fullest_window(&[], quota()), 0.0);
        assert_eq!(fullest_window(&arrivals, quota()), 3.0);
    }
}
