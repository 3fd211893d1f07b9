//! Which charts are drawn, and from what.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::chart::{Chart, Series};
use crate::contestants::{ALL, Contestant};
use crate::markdown::thousands;
use crate::results::{Figure, Outcome, Results};
use crate::scenarios::{Entry, IN_FLIGHT, LATENCY_MS, MANY_DROPPED, Variant, WAITED_FOR, WAITERS};

/// Writes `in-flight.svg`, `memory.svg` and `waiters.svg`, if their scenarios were played.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let charts = [
        ("in-flight.svg", in_flight(results)),
        ("memory.svg", memory(results)),
        ("waiters.svg", waiters(results)),
    ];
    for (name, chart) in charts {
        if let Some(svg) = chart.draw() {
            fs::write(folder.join(name), svg)?;
        }
    }
    Ok(())
}

fn in_flight(results: &Results) -> Chart {
    let mut series = all_series(results, IN_FLIGHT, Outcome::per_second);
    for (in_flight, value) in series.iter_mut().flat_map(|series| &mut series.points) {
        *value *= 100.0 * LATENCY_MS as f64 / 1e3 / *in_flight;
    }
    let xs = series.iter().flat_map(|series| &series.points).map(|point| point.0);
    let ends = [xs.clone().min_by(f64::total_cmp), xs.max_by(f64::total_cmp)];
    let possible = ends.into_iter().flatten().map(|x| (x, 100.0)).collect();
    series.push(Series {
        name: "in flight ÷ latency",
        colour: 0,
        points: possible,
        is_limit: true,
        is_ours: false,
    });
    Chart {
        title: format!("Requests a second, from a server that answers after {LATENCY_MS} ms"),
        x: "requests in flight",
        y: "% of what is possible: in flight ÷ latency",
        series,
    }
}

fn memory(results: &Results) -> Chart {
    Chart {
        title: "Peak memory; bodies of 200 bytes, looked at and dropped".to_owned(),
        x: "ids",
        y: "MiB",
        series: all_series(results, MANY_DROPPED, Outcome::peak_mib),
    }
}

fn waiters(results: &Results) -> Chart {
    Chart {
        title: format!(
            "CPU time for each token, {} of them a second",
            thousands(i64::from(WAITED_FOR.requests))
        ),
        x: "threads, tasks or goroutines in line",
        y: "µs",
        series: all_series(results, WAITERS, Outcome::micros),
    }
}

fn all_series(results: &Results, scenario: &str, figure: Figure) -> Vec<Series> {
    let entries = results.entries(scenario);
    let series = |(colour, contestant): (usize, &Contestant)| {
        let of_this = entries.iter().filter(|entry| entry.contestant == contestant.name);
        let point = |entry: &Entry| Some((x(entry.variant)?, results.median(scenario, *entry, figure)?));
        Series {
            name: contestant.short,
            colour,
            points: of_this.filter_map(point).collect(),
            is_limit: false,
            is_ours: contestant.name == "fanout",
        }
    };
    ALL.iter().enumerate().map(series).filter(|series| !series.points.is_empty()).collect()
}

fn x(variant: Variant) -> Option<f64> {
    match variant {
        Variant::Ids(ids) => Some(f64::from(ids)),
        Variant::InFlight(many) | Variant::Waiters(many) => Some(many as f64),
        Variant::Plain | Variant::Limited | Variant::Logged => None,
    }
}
