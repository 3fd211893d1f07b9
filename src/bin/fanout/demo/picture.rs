//! What a server saw, against its quota, in plain characters.

use std::time::{Duration, Instant};

use crate::quota::Quota;

const STEP: Duration = Duration::from_millis(250);

/// The columns before the first sign, and the line behind the last.
const MARGIN: usize = 14;

/// For each quarter of a second how many requests had arrived by then (`#`), and the most that the quota
/// admits by then (`|`): burst + rate·t. In so many columns; how many requests a sign stands for comes with it.
pub(super) fn picture(arrivals: &[Instant], quota: Quota, columns: usize) -> (String, usize) {
    let Some((first, last)) = arrivals.first().zip(arrivals.last()) else {
        return ("no request arrived\n".to_owned(), 1);
    };
    let steps = last.duration_since(*first).as_nanos().div_ceil(STEP.as_nanos());
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    // Cut off, not rounded: half a token admits nothing.
    let admitted = |step| quota.admits(STEP.saturating_mul(step)).map(|most| most as usize);
    let longest = arrivals.len().max(admitted(steps).unwrap_or(0));
    let each = longest.div_ceil(columns.saturating_sub(MARGIN).max(1)).max(1);
    let mut rows = String::new();
    for step in 0..=steps {
        let time = STEP.saturating_mul(step);
        let count = arrivals.iter().filter(|arrival| arrival.duration_since(*first) <= time).count();
        let signs = "#".repeat(count.div_ceil(each));
        let bar = match admitted(step) {
            Some(most) => format!("{signs:<width$}|", width = most.div_ceil(each)),
            None => signs,
        };
        rows += &format!("{:>6.2} s {count:>3} {bar}\n", time.as_secs_f64());
    }
    (rows, each)
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
        let (rows, each) = picture(&arrivals(&[0, 0, 250, 600]), quota(), 80);
        assert_eq!(rows, "  0.00 s   2 ##|\n  0.25 s   3 ###|\n  0.50 s   3 ### |\n  0.75 s   4 #### |\n");
        assert_eq!(each, 1);
        assert_eq!(picture(&[], quota(), 80), ("no request arrived\n".to_owned(), 1));
    }

    #[test]
    fn a_narrow_picture_has_signs_for_several_requests() {
        let arrivals = arrivals(&[0, 0, 250, 600]);
        let half = "  0.00 s   2 #|\n  0.25 s   3 ##|\n  0.50 s   3 ##|\n  0.75 s   4 ## |\n";
        for (columns, rows, each) in [(19, None, 1), (18, Some(half), 2), (17, Some(half), 2)] {
            let (narrow, stands_for) = picture(&arrivals, quota(), columns);
            assert!(narrow.lines().all(|row| row.len() <= columns), "{columns}: {narrow}");
            assert!(rows.is_none_or(|rows| rows == narrow) && stands_for == each, "{each}: {narrow}");
        }
        assert_eq!(picture(&arrivals, quota(), 0).1, 5);
    }
}
