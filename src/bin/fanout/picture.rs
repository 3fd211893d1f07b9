//! What a server saw, against its quota, in plain characters.

use std::time::{Duration, Instant};

use crate::fullest::FullestWindow;
use crate::quota::Quota;

const STEP: Duration = Duration::from_millis(250);

/// For each quarter of a second how many requests had arrived by then (`#`), and the most that the quota
/// admits by then (`|`): burst + rate·t.
pub(crate) fn picture(arrivals: &[Instant], quota: Quota) -> String {
    let Some((first, last)) = arrivals.first().zip(arrivals.last()) else {
        return "no request arrived\n".to_owned();
    };
    let steps = last.duration_since(*first).as_nanos().div_ceil(STEP.as_nanos());
    let mut rows = String::new();
    for step in 0..=u32::try_from(steps).unwrap_or(u32::MAX) {
        let time = STEP.saturating_mul(step);
        let count = arrivals.iter().filter(|arrival| arrival.duration_since(*first) <= time).count();
        let bar = match quota.admits(time) {
            // Cut off, not rounded: half a token admits nothing.
            Some(most) => format!("{:<width$}|", "#".repeat(count), width = most as usize),
            None => "#".repeat(count),
        };
        rows += &format!("{:>6.2} s {count:>3} {bar}\n", time.as_secs_f64());
    }
    rows
}

/// How many tokens the fullest of all windows spent beyond those that came with its length: see [`FullestWindow`].
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

    fn arrivals(millis: &[u64]) -> Vec<Instant> {
        let start = Instant::now();
        millis.iter().map(|millis| start + Duration::from_millis(*millis)).collect()
    }

    #[test]
    fn the_picture_shows_requests_under_the_line() {
        let rows = picture(&arrivals(&[0, 0, 250, 600]), quota());
        assert_eq!(rows, "  0.00 s   2 ##|\n  0.25 s   3 ###|\n  0.50 s   3 ### |\n  0.75 s   4 #### |\n");
        assert_eq!(picture(&[], quota()), "no request arrived\n");
    }

    #[test]
    fn the_fullest_window_may_begin_with_any_arrival() {
        assert_eq!(fullest_window(&[], quota()), 0.0);
        assert_eq!(fullest_window(&arrivals(&[0, 1_000, 1_000, 1_000]), quota()), 3.0);
    }
}
