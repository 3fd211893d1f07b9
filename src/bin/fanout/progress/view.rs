//! What the progress says, in words: the most important first, and no more than there is room for.

use std::time::{Duration, Instant};

use super::counts::{Counts, Wait};
use super::pace::Pace;
use crate::limits::Limits;
use crate::values::duration;

/// The columns of the bar itself, and the least width of a terminal that has room for it.
const BAR: usize = 10;
const BAR_FROM: usize = 80;

/// What a busy run waits for may change from one look to the next; so long it is shown all the same.
const HELD: Duration = Duration::from_secs(1);

/// What does not change in a run.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// How many ids there are, where that is known.
    pub(crate) total: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) max_in_flight: usize,
}

/// A run as it is shown.
pub(crate) struct View {
    extent: Extent,
    pace: Pace,
    /// When it last waited for the quota, for the server or for the input.
    held: Option<(Wait, Instant)>,
}

impl View {
    pub(crate) fn new(extent: Extent, started: Instant) -> View {
        let pace = Pace::new(extent.total, extent.limits.clone(), started);
        View { extent, pace, held: None }
    }

    /// `12/60 done, 5s left, waiting for quota, 9.8 of 10/s, 3 of 8 in flight, 0 failed`
    pub(crate) fn line(&mut self, counts: &Counts, now: Instant) -> String {
        let (done, rest) = self.look(counts, now);
        [done + " done"].into_iter().chain(rest).collect::<Vec<_>>().join(", ")
    }

    /// `12/60 [==>       ] 5s left, waiting for quota, 9.8 of 10/s, 3 of 8 in flight, 0 failed`, as far as it fits
    /// into so many columns; what does not is left out whole.
    pub(crate) fn bar(&mut self, counts: &Counts, columns: usize, now: Instant) -> String {
        let (mut text, rest) = self.look(counts, now);
        match self.extent.total {
            Some(total) if columns >= BAR_FROM => text += &format!(" {}", bar(counts.done, total)),
            Some(_) => {}
            None => text += " done",
        }
        let mut between = if self.extent.total.is_some() { " " } else { ", " };
        for part in rest {
            if text.len() + between.len() + part.len() > columns {
                break;
            }
            text += between;
            text += &part;
            between = ", ";
        }
        text
    }

    /// How far it is, and the rest, the most important first.
    fn look(&mut self, counts: &Counts, now: Instant) -> (String, Vec<String>) {
        self.pace.look(counts, now);
        let wait = self.wait(counts, now);
        let left = match wait {
            // How long they take, nobody knows.
            Some(Wait::Reader | Wait::Answers | Wait::Redis(_)) => None,
            Some(Wait::Others) if counts.in_flight == 0 || counts.done == 0 => None,
            _ => self.pace.left(counts),
        };
        let failed = format!("{} failed", counts.failed);
        let (failed, none_failed) =
            if counts.failed > 0 { (Some(failed), None) } else { (None, Some(failed)) };
        let of = self.extent.total.map_or(String::new(), |total| format!("/{total}"));
        let parts = [
            left.map(|left| format!("{} left", duration::shown(left))),
            failed,
            wait.map(told),
            Some(rate(self.pace.per_second(), self.extent.limits.per_second())),
            (counts.to_retry > 0).then(|| format!("{} to retry", counts.to_retry)),
            Some(format!("{} of {} in flight", counts.in_flight, self.extent.max_in_flight)),
            none_failed,
        ];
        (format!("{}{of}", counts.done), parts.into_iter().flatten().collect())
    }

    fn wait(&mut self, counts: &Counts, now: Instant) -> Option<Wait> {
        let wait = Wait::of(counts, self.extent.max_in_flight, self.extent.total);
        if let Some(wait @ (Wait::Quota | Wait::Slots | Wait::Others | Wait::Input)) = wait {
            self.held = Some((wait, now));
        }
        match (wait, self.held) {
            (None | Some(Wait::Answers), Some((held, since)))
                if now.saturating_duration_since(since) < HELD =>
            {
                Some(held)
            }
            _ => wait,
        }
    }
}

fn told(wait: Wait) -> String {
    match wait {
        Wait::Pause(left) => {
            format!("paused by server for {}", duration::shown(whole_seconds(left)))
        }
        Wait::NewQuota(left) => {
            format!("waiting for new quota, {}", duration::shown(whole_seconds(left)))
        }
        Wait::Redis(Duration::ZERO) => "waiting for Redis".to_owned(),
        Wait::Redis(most) => {
            format!("waiting for Redis, {} at most", duration::shown(whole_seconds(most)))
        }
        Wait::Reader => "waiting for reader".to_owned(),
        Wait::Quota => "waiting for quota".to_owned(),
        Wait::Slots => "waiting for slots".to_owned(),
        Wait::Others => "waiting for slots held by others".to_owned(),
        Wait::Input => "waiting for input".to_owned(),
        Wait::Retry => "waiting for retry".to_owned(),
        Wait::Answers => "waiting for answers".to_owned(),
    }
}

/// Rounded up.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
}

fn bar(done: u64, total: u64) -> String {
    let filled = u128::from(done.min(total)) * BAR as u128 / u128::from(total.max(1));
    let filled = usize::try_from(filled).unwrap_or(BAR);
    let head = if filled < BAR { ">" } else { "" };
    format!("[{:<BAR$}]", "=".repeat(filled) + head)
}

/// `9.8 of 10/s`, in the unit in which the quota is at least 1; without a quota `9.8/s`.
fn rate(now: f64, quota: Option<f64>) -> String {
    const UNITS: [(&str, f64); 4] = [("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
    let Some(quota) = quota else { return format!("{}/s", rounded(now)) };
    // A thirtieth of a second is no exact number.
    let (unit, seconds) = *UNITS.iter().find(|(_, seconds)| quota * seconds > 0.999).unwrap_or(&UNITS[3]);
    let most = format!("{:.2}", quota * seconds);
    let most = most.trim_end_matches('0').trim_end_matches('.');
    format!("{} of {most}/{unit}", rounded(now * seconds))
}

fn rounded(number: f64) -> String {
    let decimals = if number < 99.95 { 1 } else { 0 };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout::{Limit, Rate};

    fn view(total: Option<u64>, limits: Limits) -> (View, Instant) {
        let started = Instant::now();
        (View::new(Extent { total, limits, max_in_flight: 8 }, started), started)
    }

    fn tenth() -> Limits {
        Limits::new([Limit::new(Rate::per_second(10), 20)])
    }

    #[test]
    fn a_line_says_how_far_for_how_long_what_it_waits_for_and_how_fast() {
        let (mut view, start) = view(Some(60), tenth());
        let mut at = |millis, done, failed| {
            let counts =
                Counts { done, failed, requests: done, in_flight: 3, waiting: 5, ..Counts::default() };
            view.line(&counts, start + Duration::from_millis(millis))
        };
        for (millis, done, failed, line) in [
            (0, 0, 0, "0/60 done, 4s left, waiting for quota, 0.0 of 10/s, 3 of 8 in flight, 0 failed"),
            (500, 20, 0, "20/60 done, 4s left, waiting for quota, 40.0 of 10/s, 3 of 8 in flight, 0 failed"),
            (
                2_500,
                40,
                1,
                "40/60 done, 2s left, 1 failed, waiting for quota, 10.0 of 10/s, 3 of 8 in flight",
            ),
        ] {
            assert_eq!(at(millis, done, failed), line);
        }
    }

    #[test]
    fn a_narrow_terminal_shows_the_most_important() {
        let counts = Counts {
            done: 71_033,
            requests: 71_033,
            failed: 12,
            in_flight: 8,
            paused: Some(Duration::from_millis(61_001)),
            to_retry: 3,
            ..Counts::default()
        };
        for (columns, expected) in [
            (5, "71033/200000"),
            (12, "71033/200000"),
            (20, "71033/200000"),
            (30, "71033/200000 3h 36m left"),
            (40, "71033/200000 3h 36m left, 12 failed"),
            (76, "71033/200000 3h 36m left, 12 failed, paused by server for 1m 2s"),
            (79, "71033/200000 3h 36m left, 12 failed, paused by server for 1m 2s, 10.0 of 10/s"),
            (80, "71033/200000 [===>      ] 3h 36m left, 12 failed, paused by server for 1m 2s"),
            (
                200,
                "71033/200000 [===>      ] 3h 36m left, 12 failed, paused by server for 1m 2s, 10.0 of 10/s, \
                 3 to retry, 8 of 8 in flight",
            ),
        ] {
            let (mut view, start) = view(Some(200_000), tenth());
            let text = view.bar(&counts, columns, start + Duration::from_secs(7_103));
            assert_eq!(text, expected, "{columns}");
        }
    }

    #[test]
    fn the_bar_grows_from_nothing_to_full() {
        for (done, total, expected) in [
            (0, 60, "[>         ]"),
            (20, 60, "[===>      ]"),
            (59, 60, "[=========>]"),
            (60, 60, "[==========]"),
            (61, 60, "[==========]"),
            (0, 0, "[>         ]"),
            (u64::MAX, u64::MAX, "[==========]"),
        ] {
            assert_eq!(bar(done, total), expected);
        }
    }

    #[test]
    fn without_a_total_nothing_is_left() {
        let (mut view, start) = view(None, Limits::new([]));
        let silent = Some(Duration::from_secs(1));
        let counts = Counts { done: 7, requests: 7, input_silent: silent, ..Counts::default() };
        let text = view.bar(&counts, 80, start + Duration::from_secs(2));
        assert_eq!(text, "7 done, waiting for input, 3.5/s, 0 of 8 in flight, 0 failed");
    }

    #[test]
    fn no_time_is_promised_for_what_lies_with_others() {
        let (mut view, start) = view(Some(60), tenth());
        let reader = Counts { done: 59, is_output_full: true, ..Counts::default() };
        let answers = Counts { done: 59, in_flight: 1, ..Counts::default() };
        let redis = |millis| {
            let held_up = Some(Wait::Redis(Duration::from_millis(millis)));
            Counts { done: 30, waiting: 8, held_up, ..Counts::default() }
        };
        for (counts, expected) in [
            (reader, "59/60 waiting for reader"),
            (answers, "59/60 waiting for answers"),
            (redis(7_001), "30/60 waiting for Redis, 8s at most"),
            (redis(0), "30/60 waiting for Redis"),
        ] {
            assert_eq!(view.bar(&counts, 35, start + Duration::from_secs(6)), expected);
        }
    }

    #[test]
    fn who_waits_for_slots_of_others_is_promised_no_time_before_it_has_a_pace_of_its_own() {
        let (mut view, start) = view(Some(12), tenth());
        let none = Counts { waiting: 8, lacks_permits: true, ..Counts::default() };
        let some = Counts { done: 6, requests: 6, in_flight: 2, waiting: 6, ..none };
        for (second, counts, expected) in [
            (1, none, "0/12 waiting for slots held by others"),
            (2, Counts { in_flight: 2, ..none }, "0/12 waiting for slots held by others"),
            (4, some, "6/12 3s left, waiting for slots held by others"),
            (5, Counts { in_flight: 0, ..some }, "6/12 waiting for slots held by others"),
        ] {
            assert_eq!(view.bar(&counts, 49, start + Duration::from_secs(second)), expected);
        }
    }

    #[test]
    fn a_run_that_is_held_up_by_nothing_says_how_long_it_will_take() {
        let (mut view, start) = view(Some(12_000), Limits::new([]));
        let counts = Counts { done: 4_000, requests: 4_000, in_flight: 3, ..Counts::default() };
        let text = view.bar(&counts, 60, start + Duration::from_secs(2));
        assert_eq!(text, "4000/12000 4s left, 2000/s, 3 of 8 in flight, 0 failed");
    }

    #[test]
    fn a_busy_run_does_not_change_its_mind_at_each_look() {
        let (mut view, start) = view(None, tenth());
        let mut at = |millis, in_flight, waiting| {
            let counts = Counts { in_flight, waiting, ..Counts::default() };
            view.wait(&counts, start + Duration::from_millis(millis))
        };
        assert_eq!(at(0, 7, 0), Some(Wait::Answers));
        assert_eq!(at(100, 8, 0), Some(Wait::Slots));
        assert_eq!(at(200, 7, 0), Some(Wait::Slots));
        assert_eq!(at(300, 6, 1), Some(Wait::Quota), "at once");
        assert_eq!(at(1_200, 0, 0), Some(Wait::Quota));
        assert_eq!(at(1_300, 1, 0), Some(Wait::Answers));
    }

    #[test]
    fn the_rate_is_shown_against_the_quota_in_its_unit() {
        for (now, quota, text) in [
            (9.84, Some(10.0), "9.8 of 10/s"),
            (19_950.4, Some(20_000.0), "19950 of 20000/s"),
            (99.96, Some(100.0), "100 of 100/s"),
            (1.2, Some(1.25), "1.2 of 1.25/s"),
            (0.015, Some(1.0 / 60.0), "0.9 of 1/m"),
            (0.9 / 86_400.0, Some(1.0 / 86_400.0), "0.9 of 1/d"),
            (0.0, Some(0.5 / 86_400.0), "0.0 of 0.5/d"),
            (9.84, None, "9.8/s"),
        ] {
            assert_eq!(rate(now, quota), text);
        }
    }
}
