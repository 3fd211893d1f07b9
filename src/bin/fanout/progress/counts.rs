//! What there is to show of a run at some moment, and what holds it up then.

use std::time::Duration;

/// An input that has brought nothing for so long is silent: a read of what is there takes less.
const SILENT: Duration = Duration::from_millis(50);

/// What a quota that is shared with other processes says of this one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elsewhere {
    /// Requests that wait for their token, or their permit.
    pub(crate) waiting: usize,
    /// A permit is what they wait for: others hold them.
    pub(crate) lacks_permits: bool,
    /// What holds all of them up.
    pub(crate) wait: Option<Wait>,
}

/// A run at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Fetched and failed ids.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    /// Requests that have ended: with retries and redirects, more than ids.
    pub(crate) requests: u64,
    /// Requests on the wire.
    pub(crate) in_flight: usize,
    /// Requests that wait for their token.
    pub(crate) waiting: usize,
    /// They have no place in flight: processes that share it hold them.
    pub(crate) lacks_permits: bool,
    /// Ids that wait for their next try.
    pub(crate) to_retry: usize,
    /// What is left of a pause that the server has asked for.
    pub(crate) paused: Option<Duration>,
    /// What holds up the quota that is shared, if one is.
    pub(crate) held_up: Option<Wait>,
    /// Records wait for whoever reads the output, and so many that no further id is handed out.
    pub(crate) is_output_full: bool,
    /// For how long the input has been waited for, if it is.
    pub(crate) input_silent: Option<Duration>,
}

impl Counts {
    /// Whether nothing is sent, whatever the run could do.
    pub(crate) fn stands_still(&self) -> bool {
        let others_have_all = self.waiting > 0 && self.lacks_permits && self.in_flight == 0;
        self.paused.is_some() || self.held_up.is_some() || others_have_all
    }
}

/// What a run waits for: the one thing that, if it came, would have it go on faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The end of a pause that the server has asked for.
    Pause(Duration),
    /// Redis, without which nothing is sent, and for which it waits no longer than this.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    Redis(Duration),
    /// The end of what may be under way by a shared quota that is new, or was lost.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    NewQuota(Duration),
    /// Whoever reads the output.
    Reader,
    /// Tokens.
    Quota,
    /// The server, which works on as many requests as may be in flight.
    Slots,
    /// Other processes, which have all places in flight that this one has not.
    Others,
    /// Whoever writes the input.
    Input,
    /// The moment at which a failed id is tried again.
    Retry,
    /// The server, which works on the last requests.
    Answers,
}

impl Wait {
    /// For a run with so many slots, and so many ids where that is known; nothing while it merely goes on.
    pub(crate) fn of(counts: &Counts, slots: usize, total: Option<u64>) -> Option<Wait> {
        let Counts { in_flight, waiting, to_retry, paused, .. } = *counts;
        let is_silent = counts.input_silent.is_some_and(|silent| silent >= SILENT);
        let begun = counts.done.saturating_add(in_flight as u64).saturating_add(to_retry as u64);
        let are_last = total.is_none_or(|total| begun >= total);
        match paused {
            Some(left) => Some(Wait::Pause(left)),
            None if counts.held_up.is_some() => counts.held_up,
            None if counts.is_output_full => Some(Wait::Reader),
            None if waiting > 0 && counts.lacks_permits => Some(Wait::Others),
            None if waiting > 0 => Some(Wait::Quota),
            None if in_flight >= slots => Some(Wait::Slots),
            None if is_silent => Some(Wait::Input),
            None if in_flight > 0 && are_last => Some(Wait::Answers),
            None if in_flight == 0 && to_retry > 0 => Some(Wait::Retry),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_run_up_is_one_thing() {
        let busy = Counts { in_flight: 8, ..Counts::default() };
        let silent = |millis| Counts {
            in_flight: 3,
            input_silent: Some(Duration::from_millis(millis)),
            ..Counts::default()
        };
        let pause = Duration::from_secs(7);
        let cases = [
            (Counts::default(), None),
            (busy, Some(Wait::Slots)),
            (Counts { in_flight: 2, waiting: 6, ..busy }, Some(Wait::Quota)),
            (Counts { waiting: 1, lacks_permits: true, ..busy }, Some(Wait::Others)),
            (Counts { waiting: 0, lacks_permits: true, ..busy }, Some(Wait::Slots)),
            (Counts { held_up: Some(Wait::Redis(pause)), waiting: 1, ..busy }, Some(Wait::Redis(pause))),
            (Counts { waiting: 1, is_output_full: true, ..busy }, Some(Wait::Reader)),
            (Counts { paused: Some(pause), is_output_full: true, ..busy }, Some(Wait::Pause(pause))),
            (silent(49), Some(Wait::Answers)),
            (silent(50), Some(Wait::Input)),
            (Counts { waiting: 1, ..silent(50) }, Some(Wait::Quota)),
            (Counts { in_flight: 1, to_retry: 2, ..Counts::default() }, Some(Wait::Answers)),
            (Counts { to_retry: 2, ..Counts::default() }, Some(Wait::Retry)),
        ];
        for (counts, wait) in cases {
            assert_eq!(Wait::of(&counts, 8, None), wait, "{counts:?}");
        }
    }

    #[test]
    fn the_last_answers_are_waited_for_and_no_others() {
        let counts = Counts { done: 900, in_flight: 6, to_retry: 1, ..Counts::default() };
        for (total, wait) in [(908, None), (907, Some(Wait::Answers)), (906, Some(Wait::Answers))] {
            assert_eq!(Wait::of(&counts, 8, Some(total)), wait, "{total}");
        }
    }
}
