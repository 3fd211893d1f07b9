//! The arithmetic of a fixed window: so many requests until an instant that was told, and then as many again. Pure:
//! the time is passed in.
//!
//! A window begins with the second in which its first request comes, and ends at a whole second, since that is all
//! that `x-ratelimit-reset` can say. So a client that is told an end and waits for it never comes too early. As with
//! every fixed window, twice the limit can come in a short time: at the end of one window and the start of the next.

use std::time::Duration;

use super::clock::Epoch;

/// So many requests in each span of so many seconds.
#[derive(Clone, Debug)]
pub(super) struct Window {
    limit: u32,
    seconds: u64,
    /// The first second of the next one.
    ends: Epoch,
    used: u32,
}

/// What can be told of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) limit: u32,
    pub(super) used: u32,
    pub(super) reset: Epoch,
}

impl Window {
    /// Part of a second counts as a whole one.
    pub(super) fn new(limit: u32, length: Duration) -> Window {
        let seconds = length.as_secs().saturating_add(u64::from(length.subsec_nanos() > 0)).max(1);
        Window { limit, seconds, ends: 0, used: 0 }
    }

    /// Whether another request fits at `now`; if so, it is counted.
    pub(super) fn take(&mut self, now: Epoch) -> bool {
        let Account { used, reset, .. } = self.account(now);
        if used >= self.limit {
            return false;
        }
        (self.used, self.ends) = (used + 1, reset);
        true
    }

    /// How it stands at `now`. Where none is open: as if one began with the next request, in this second.
    pub(super) fn account(&self, now: Epoch) -> Account {
        let (used, reset) = match now < self.ends {
            true => (self.used, self.ends),
            false => (0, now.saturating_add(self.seconds)),
        };
        Account { limit: self.limit, used, reset }
    }
}

impl Account {
    pub(super) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_opens_with_its_first_request_and_is_over_at_the_second_that_was_told() {
        let mut window = Window::new(2, MINUTE);
        assert_eq!(window.account(1_000), Account { limit: 2, used: 0, reset: 1_060 });
        assert!(window.take(1_010) && window.take(1_050) && !window.take(1_069));
        assert_eq!(window.account(1_069), Account { limit: 2, used: 2, reset: 1_070 });
        assert_eq!(window.account(1_069).remaining(), 0);
        assert_eq!(window.account(1_070), Account { limit: 2, used: 0, reset: 1_130 });
        assert!(window.take(1_090));
        assert_eq!(window.account(1_100), Account { limit: 2, used: 1, reset: 1_150 });
    }

    #[test]
    fn part_of_a_second_is_a_whole_one_and_the_end_of_time_is_no_concern() {
        for (millis, reset) in [(1, 8), (1_000, 8), (1_001, 9)] {
            assert_eq!(Window::new(1, Duration::from_millis(millis)).account(7).reset, reset, "{millis}");
        }
        assert!(Window::new(1, Duration::MAX).take(Epoch::MAX));
    }
}
