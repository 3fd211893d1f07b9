//! What came out, and how it is compared: medians over rounds, and ratios within a round.

use std::collections::BTreeMap;

use crate::contest::Report;
use crate::scenarios::{Entry, WAITED_FOR};

/// All rounds of all scenarios that were played.
#[derive(Default)]
pub(crate) struct Results {
    scenarios: Vec<(&'static str, Vec<Round>)>,
    /// Who could not take part, and why.
    pub(crate) left_out: Vec<String>,
}

pub(crate) type Round = BTreeMap<Entry, Outcome>;

/// One run of one entry, checked.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) ids: u32,
    pub(crate) body: usize,
    pub(crate) report: Report,
    pub(crate) after_error_ms: Vec<f64>,
}

/// A number that can be taken from an outcome.
pub(crate) type Figure = fn(&Outcome) -> f64;

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.ids) / self.report.seconds
    }

    /// Of CPU, for each request.
    pub(crate) fn micros(&self) -> f64 {
        self.report.cpu_seconds * 1e6 / f64::from(self.ids)
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.report.peak_kib as f64 / 1024.0
    }

    pub(crate) fn bytes_an_id(&self) -> f64 {
        self.report.peak_kib as f64 * 1024.0 / f64::from(self.ids)
    }

    /// The peak, over the bytes of all bodies.
    pub(crate) fn peak_of_payload(&self) -> f64 {
        self.bytes_an_id() / self.body as f64
    }

    /// Tokens a second, over those that [`WAITED_FOR`] allows in the same time, its burst included.
    pub(crate) fn of_rate(&self) -> f64 {
        let interval = WAITED_FOR.interval().as_secs_f64();
        f64::from(self.ids.saturating_sub(WAITED_FOR.burst)) * interval / self.report.seconds
    }

    pub(crate) fn median_after_error(&self) -> f64 {
        median(self.after_error_ms.clone()).unwrap_or(f64::NAN)
    }

    pub(crate) fn worst_after_error(&self) -> f64 {
        self.after_error_ms.iter().copied().fold(0.0, f64::max)
    }

    pub(crate) fn median_late(&self) -> f64 {
        median(self.report.late_ms.clone()).unwrap_or(f64::NAN)
    }

    pub(crate) fn worst_late(&self) -> f64 {
        self.report.late_ms.iter().copied().fold(0.0, f64::max)
    }
}

impl Results {
    pub(crate) fn add(&mut self, scenario: &'static str, rounds: Vec<Round>) {
        self.scenarios.push((scenario, rounds));
    }

    /// Who took part in a scenario.
    pub(crate) fn entries(&self, scenario: &str) -> Vec<Entry> {
        self.rounds(scenario).first().map(|round| round.keys().copied().collect()).unwrap_or_default()
    }

    /// The median of all rounds.
    pub(crate) fn median(&self, scenario: &str, entry: Entry, figure: Figure) -> Option<f64> {
        median(self.rounds(scenario).iter().filter_map(|round| round.get(&entry)).map(figure).collect())
    }

    /// The median, over all rounds, of the entry's figure divided by that of the reference in the same round.
    pub(crate) fn ratio(&self, scenario: &str, entry: Entry, of: Entry, figure: Figure) -> Option<f64> {
        let ratio = |round: &Round| Some(figure(round.get(&entry)?) / figure(round.get(&of)?));
        median(self.rounds(scenario).iter().filter_map(ratio).collect())
    }

    fn rounds(&self, scenario: &str) -> &[Round] {
        let found = self.scenarios.iter().find(|(name, _)| *name == scenario);
        found.map(|(_, rounds)| rounds.as_slice()).unwrap_or_default()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let entry = |contestant| Entry::plain(contestant);
        let outcome = |seconds| Outcome {
            ids: 10,
            body: 1,
            report: Report { seconds, ..Report::default() },
            after_error_ms: Vec::new(),
        };
        // A machine that becomes three times slower from one round to the next changes no ratio.
        let round = |slow| Round::from([(entry("a"), outcome(slow)), (entry("b"), outcome(2.0 * slow))]);
        let mut results = Results::default();
        results.add("s", vec![round(1.0), round(3.0), round(9.0)]);
        assert_eq!(results.ratio("s", entry("b"), entry("a"), Outcome::per_second), Some(0.5));
        assert_eq!(results.median("s", entry("a"), Outcome::per_second), Some(10.0 / 3.0));
    }
}
