//! From values to places on a chart, and the round values to write beside it.

use std::time::Duration;

use super::words;

/// A place on a chart that stands for a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// From 0 to 1.
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// From nothing to `most`, evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    most: f64,
}

impl Linear {
    /// A scale always has some length, so that everything on it has a place.
    pub(crate) fn up_to(most: f64) -> Linear {
        Linear { most: if most.is_finite() { most.max(1e-9) } else { 1.0 } }
    }

    pub(crate) fn most(&self) -> f64 {
        self.most
    }

    /// Between 0 and 1 for what is on the scale.
    pub(crate) fn at(&self, value: f64) -> f64 {
        value / self.most
    }

    /// At most so many, at round numbers.
    pub(crate) fn ticks(&self, most: usize) -> Vec<Tick> {
        let step = round_step(self.most / most.max(1) as f64);
        multiples(step, self.most).map(|value| self.tick(value, words::figures(value))).collect()
    }

    /// The same at whole numbers: a half of a request is none.
    pub(crate) fn whole_ticks(&self, most: usize) -> Vec<Tick> {
        let step = round_step(self.most / most.max(1) as f64).max(1.0);
        multiples(step, self.most).map(|value| self.tick(value, words::short(value as u64))).collect()
    }

    fn tick(&self, value: f64, label: String) -> Tick {
        Tick { at: self.at(value), label }
    }
}

/// From the start of a run to its end, or its last part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    from: f64,
    span: Linear,
}

impl Time {
    pub(crate) fn up_to(end: Duration) -> Time {
        Time::between(Duration::ZERO, end)
    }

    pub(crate) fn between(from: Duration, end: Duration) -> Time {
        Time { from: from.as_secs_f64(), span: Linear::up_to(end.saturating_sub(from).as_secs_f64()) }
    }

    /// Between 0 and 1 for what is in it.
    pub(crate) fn at(&self, time: Duration) -> f64 {
        self.span.at(time.as_secs_f64() - self.from)
    }

    /// How wide something is that lasts so long.
    pub(crate) fn width(&self, length: Duration) -> f64 {
        self.span.at(length.as_secs_f64())
    }

    /// How long it is, in seconds.
    pub(crate) fn span(&self) -> f64 {
        self.span.most()
    }

    /// At most so many, at what is round on a clock: after the start, or before the end if it does not begin there.
    pub(crate) fn ticks(&self, most: usize) -> Vec<Tick> {
        let step = clock_step(self.span.most() / most.max(1) as f64);
        let values = multiples(step, self.span.most());
        let before_end = |value| match value {
            0.0 => "the end".to_owned(),
            value => format!("−{}", clock(value, step)),
        };
        if self.from > 0.0 {
            let tick = |value| Tick { at: 1.0 - self.span.at(value), label: before_end(value) };
            return values.map(tick).collect();
        }
        values.map(|value| self.span.tick(value, clock(value, step))).collect()
    }
}

/// From `least` to `most`, each decade as wide as the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logarithmic {
    least: f64,
    most: f64,
}

impl Logarithmic {
    /// Both more than 0.
    pub(crate) fn new(least: f64, most: f64) -> Logarithmic {
        let least = if least.is_finite() { least.max(1e-9) } else { 1e-9 };
        Logarithmic { least, most: most.max(least * 1.01) }
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        (value.max(1e-12) / self.least).ln() / (self.most / self.least).ln()
    }

    /// What stands at this place, from 0 to 1.
    pub(crate) fn value(&self, at: f64) -> f64 {
        self.least * (self.most / self.least).powf(at)
    }

    /// At most so many times, at round numbers of each decade, or of fewer of them.
    pub(crate) fn time_ticks(&self, most: usize) -> Vec<Tick> {
        const DENSITIES: [(&[f64], usize); 6] = [
            (&[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1),
            (&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], 1),
            (&[1.0, 2.0, 5.0], 1),
            (&[1.0, 3.0], 1),
            (&[1.0], 1),
            (&[1.0], 2),
        ];
        let values = DENSITIES.iter().map(|(mantissas, decades)| self.values(mantissas, *decades));
        let label = |value| words::time(Duration::from_secs_f64(value));
        let ticks = |value: &f64| Tick { at: self.at(*value), label: label(*value) };
        let fitting = values.into_iter().find(|values| values.len() <= most).unwrap_or_default();
        fitting.iter().map(ticks).collect()
    }

    fn values(&self, mantissas: &[f64], decades: usize) -> Vec<f64> {
        let (first, last) = (self.least.log10().floor() as i32, self.most.log10().ceil() as i32);
        let values = (first..=last).step_by(decades).flat_map(|decade| {
            let power = 10_f64.powi(decade);
            mantissas.iter().map(move |mantissa| mantissa * power)
        });
        let slack = 1e-9;
        values.filter(|v| (self.least * (1.0 - slack)..=self.most * (1.0 + slack)).contains(v)).collect()
    }
}

/// The next of 1, 2, 5, 10, … .
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-12).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|mantissa| mantissa * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(power * 10.0)
}

/// The next that is round in seconds, minutes, hours or days.
fn clock_step(least: f64) -> f64 {
    const STEPS: [f64; 17] = [
        15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 14_400.0,
        21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
    ];
    if least <= 10.0 {
        return round_step(least);
    }
    let days = || round_step(least / 86_400.0) * 86_400.0;
    STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(days)
}

/// `150 ms`, `2.5 s`, `15 min`, `1 h 30`
fn clock(value: f64, step: f64) -> String {
    let whole = value.round() as u64;
    match step {
        _ if value == 0.0 => "0".to_owned(),
        ..1e-3 => format!("{} µs", words::trimmed(value * 1e6, 0)),
        ..0.1 => format!("{} ms", words::trimmed(value * 1e3, 0)),
        ..60.0 => match (whole / 60, whole % 60) {
            (0, _) => format!("{} s", words::trimmed(value, 1)),
            (minutes, seconds) if step >= 1.0 => format!("{minutes}:{seconds:02} min"),
            _ => format!("{} s", words::trimmed(value, 1)),
        },
        ..86_400.0 => match (whole / 3_600, whole % 3_600 / 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes:02}"),
        },
        _ => format!("{} d", whole / 86_400),
    }
}

/// 0, step, 2·step, … up to `most`.
fn multiples(step: f64, most: f64) -> impl Iterator<Item = f64> {
    (0..1_000_u32).map(move |number| f64::from(number) * step).take_while(move |v| *v <= most * (1.0 + 1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> String {
        ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn ticks_are_round_and_not_too_many() {
        let cases = [
            (60.0, 4, "0, 20, 40, 60"),
            (59.0, 6, "0, 10, 20, 30, 40, 50"),
            (1.0, 5, "0, 0.2, 0.4, 0.6, 0.8, 1"),
            (200_020.0, 4, "0, 100,000, 200,000"),
        ];
        for (most, count, expected) in cases {
            assert_eq!(labels(Linear::up_to(most).ticks(count)), expected);
        }
        assert_eq!(labels(Linear::up_to(2.0).whole_ticks(5)), "0, 1, 2");
        assert_eq!(labels(Linear::up_to(200_020.0).whole_ticks(4)), "0, 100k, 200k");
        assert_eq!(Linear::up_to(60.0).ticks(4)[1].at, 1.0 / 3.0);
        assert_eq!(Linear::up_to(0.0).at(0.0), 0.0);
        assert_eq!(Linear::up_to(f64::NAN).at(0.5), 0.5);
    }

    #[test]
    fn times_are_round_on_a_clock() {
        let cases = [
            (Duration::from_micros(900), "0, 200 µs, 400 µs, 600 µs, 800 µs"),
            (Duration::from_millis(180), "0, 50 ms, 100 ms, 150 ms"),
            (Duration::from_millis(4_020), "0, 1 s, 2 s, 3 s, 4 s"),
            (Duration::from_millis(1_900), "0, 0.5 s, 1 s, 1.5 s"),
            (Duration::from_secs(100), "0, 30 s, 1:00 min, 1:30 min"),
            (Duration::from_secs(1_500), "0, 5 min, 10 min, 15 min, 20 min, 25 min"),
            (Duration::from_secs(8_000), "0, 30 min, 1 h, 1 h 30, 2 h"),
            (Duration::from_secs(20_000), "0, 2 h, 4 h"),
            (Duration::from_secs(400_000), "0, 1 d, 2 d, 3 d, 4 d"),
        ];
        for (end, expected) in cases {
            assert_eq!(labels(Time::up_to(end).ticks(5)), expected, "{end:?}");
        }
    }

    #[test]
    fn the_last_part_of_a_run_is_told_from_its_end() {
        let last = Time::between(Duration::from_secs(100), Duration::from_secs(104));
        assert_eq!(labels(last.ticks(4)), "the end, −1 s, −2 s, −3 s, −4 s");
        assert_eq!((last.at(Duration::from_secs(101)), last.width(Duration::from_secs(1))), (0.25, 0.25));
        assert_eq!((last.ticks(4)[0].at, last.ticks(4)[1].at), (1.0, 0.75));
    }

    #[test]
    fn a_logarithmic_scale_has_its_decades_side_by_side() {
        let scale = Logarithmic::new(0.001, 0.1);
        assert!((scale.at(0.01) - 0.5).abs() < 1e-9);
        assert!((scale.value(0.5) - 0.01).abs() < 1e-9);
        assert_eq!(labels(scale.time_ticks(8)), "1 ms, 2 ms, 5 ms, 10 ms, 20 ms, 50 ms, 100 ms");
        assert_eq!(labels(scale.time_ticks(6)), "1 ms, 3 ms, 10 ms, 30 ms, 100 ms");
        assert_eq!(labels(Logarithmic::new(1e-6, 1e3).time_ticks(6)), "1 µs, 100 µs, 10 ms, 1 s, 1 min 40 s");
        assert_eq!(labels(Logarithmic::new(0.115, 0.35).time_ticks(6)), "150 ms, 200 ms, 250 ms, 300 ms");
        let point = Logarithmic::new(0.0, 0.0);
        assert!(point.at(0.0).is_finite() && point.value(1.0).is_finite());
    }
}
