//! The run over time, in bins: how many requests were at what, how many were granted, how many failed. However long a
//! run is, its bins are no more; they become wider instead.

use std::time::Duration;

use fanout::MAX_LIMITS;

use super::request::Stage;

/// The most bins. More than half of them are in use once a run takes longer than two seconds.
pub(crate) const BINS: usize = 2_048;

/// The width of the bins in the beginning; it doubles as often as need be.
const FIRST_WIDTH: Duration = Duration::from_millis(1);

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bin {
    /// For each stage the time that requests spent at it, all together, in nanoseconds.
    pub(crate) spent: [u64; Stage::COUNT],
    pub(crate) granted: u64,
    pub(crate) failed: u64,
    /// For each limit the most tokens that a window which ends here took beyond those that came.
    pub(crate) fullest: [f32; MAX_LIMITS],
}

impl Bin {
    fn add(&mut self, other: &Bin) {
        for (sum, more) in self.spent.iter_mut().zip(other.spent) {
            *sum = sum.saturating_add(more);
        }
        self.granted = self.granted.saturating_add(other.granted);
        self.failed = self.failed.saturating_add(other.failed);
        for (most, other) in self.fullest.iter_mut().zip(other.fullest) {
            *most = most.max(other);
        }
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    width: Duration,
    bins: Vec<Bin>,
}

impl Timeline {
    pub(crate) fn new() -> Timeline {
        Timeline { width: FIRST_WIDTH, bins: Vec::new() }
    }

    /// So much time was spent at `stage`.
    pub(crate) fn spend(&mut self, stage: Stage, from: Duration, length: Duration) {
        let end = from.saturating_add(length);
        let last = self.place(end);
        let mut at = from;
        for place in self.place(from)..=last {
            let next = if place == last { end } else { self.start(place.saturating_add(1)) };
            let nanos = u64::try_from(next.saturating_sub(at).as_nanos()).unwrap_or(u64::MAX);
            let sum = &mut self.bin(place).spent[stage as usize];
            *sum = sum.saturating_add(nanos);
            at = next;
        }
    }

    pub(crate) fn granted(&mut self, at: Duration) {
        let place = self.place(at);
        let bin = self.bin(place);
        bin.granted = bin.granted.saturating_add(1);
    }

    pub(crate) fn failed(&mut self, at: Duration) {
        let place = self.place(at);
        let bin = self.bin(place);
        bin.failed = bin.failed.saturating_add(1);
    }

    /// The window of this limit that ends at `at` and is the fullest of them took so many tokens.
    pub(crate) fn filled(&mut self, at: Duration, limit: usize, tokens: f64) {
        let place = self.place(at);
        if let Some(most) = self.bin(place).fullest.get_mut(limit) {
            *most = most.max(tokens as f32);
        }
    }

    pub(crate) fn width(&self) -> Duration {
        self.width
    }

    pub(crate) fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The same in at most `most` bins, each of them several of these.
    pub(crate) fn in_at_most(&self, most: usize) -> Timeline {
        let many = self.bins.len().div_ceil(most.max(1)).max(1);
        let bins = self.bins.chunks(many).map(sum).collect();
        Timeline { width: self.width.saturating_mul(u32::try_from(many).unwrap_or(u32::MAX)), bins }
    }

    fn start(&self, place: usize) -> Duration {
        self.width.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Where `at` belongs, when there is room for it.
    fn place(&mut self, at: Duration) -> usize {
        loop {
            let place = usize::try_from(at.as_nanos() / self.width.as_nanos().max(1)).unwrap_or(usize::MAX);
            if place < BINS {
                return place;
            }
            self.bins = self.bins.chunks(2).map(sum).collect();
            self.width = self.width.saturating_mul(2);
        }
    }

    fn bin(&mut self, place: usize) -> &mut Bin {
        if self.bins.len() <= place {
            self.bins.resize(place.saturating_add(1), Bin::default());
        }
        &mut self.bins[place]
    }
}

fn sum(bins: &[Bin]) -> Bin {
    let mut sum = Bin::default();
    bins.iter().for_each(|bin| sum.add(bin));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_lasts_is_spread_over_its_bins() {
        let mut timeline = Timeline::new();
        timeline.spend(Stage::Answer, Duration::from_micros(1_500), millis(2));
        let spent: Vec<u64> = timeline.bins().iter().map(|bin| bin.spent[Stage::Answer as usize]).collect();
        assert_eq!(spent, [0, MILLI / 2, MILLI, MILLI / 2]);
    }

    #[test]
    fn a_longer_run_has_wider_bins_and_nothing_is_lost() {
        let mut timeline = Timeline::new();
        for second in 0..7_200 {
            let at = Duration::from_secs(second);
            timeline.granted(at);
            timeline.spend(Stage::Body, at, millis(1_000));
            timeline.filled(at, 1, if second == 5 { 3.0 } else { 1.0 });
        }
        timeline.failed(Duration::from_secs(7_199));
        assert!(timeline.bins().len() <= BINS && timeline.bins().len() > BINS / 2);
        assert_eq!(timeline.width(), millis(4_096));
        for timeline in [timeline.in_at_most(100), timeline] {
            let all = sum(timeline.bins());
            assert_eq!((all.granted, all.failed, all.fullest[1]), (7_200, 1, 3.0));
            assert_eq!(all.spent[Stage::Body as usize], 7_200_000 * MILLI);
            assert_eq!(
                timeline.bins()[0].fullest[1],
                if timeline.width() > millis(5_000) { 3.0 } else { 1.0 }
            );
            assert_eq!(timeline.bins().last().unwrap().failed, 1);
        }
    }

    #[test]
    fn it_is_read_in_as_few_bins_as_one_likes() {
        let mut timeline = Timeline::new();
        for milli in 0..10 {
            timeline.granted(millis(milli));
        }
        let coarse = timeline.in_at_most(4);
        assert_eq!(coarse.width(), millis(3));
        assert_eq!(coarse.bins().iter().map(|bin| bin.granted).collect::<Vec<_>>(), [3, 3, 3, 1]);
        assert_eq!(Timeline::new().in_at_most(4).bins().len(), 0);
    }

    #[test]
    fn no_time_is_too_long() {
        let mut timeline = Timeline::new();
        timeline.granted(Duration::ZERO);
        timeline.granted(Duration::from_secs(86_400 * 365 * 500));
        assert_eq!(sum(timeline.bins()).granted, 2);
    }
}
