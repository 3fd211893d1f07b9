//! Which charts are drawn, and from what.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::chart::{Chart, Series};
use crate::contestants::{ALL, Contestant};
use crate::results::{Figure, Outcome, Results};
use crate::scenarios::{Entry, IN_FLIGHT, LATENCY_MS, MANY_DROPPED, Variant};

/// Writes `in-flight.svg` and `memory.svg`, if their scenarios were played.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, chart) in [("in-flight.svg", in_flight(results)), ("memory.svg", memory(results))] {
        if let Some(svg) = chart.draw() {
            fs::write(folder.join(name), svg)?;
        }
    }
    Ok(())
}

fn in_flight(results: &Results) -> Chart {
    let mut series = all_series(results, IN_FLIGHT, Outcome::per_second);
    let possible = series.iter().flat_map(|series| &series.points).map(|(in_flight, _)| *in_flight);
    let mut possible: Vec<_> = possible.map(|x| (x, x * 1e3 / LATENCY_MS as f64)).collect();
    possible.sort_by(|a, b| a.0.total_cmp(&b.0));
    possible.dedup();
    series
        .insert(0, Series { name: "in flight ÷ latency", points: possible, is_limit: true, is_ours: false });
    Chart {
        title: format!(
            "Requests a second over requests in flight; a server that answers after {LATENCY_MS} ms"
        ),
        x: "in flight",
        y: "requests a second",
        series,
    }
}

fn memory(results: &Results) -> Chart {
    Chart {
        title: "Peak memory over the number of ids; bodies looked at and dropped".to_owned(),
        x: "ids",
        y: "MiB",
        series: all_series(results, MANY_DROPPED, Outcome::peak_mib),
    }
}

fn all_series(results: &Results, scenario: &str, figure: Figure) -> Vec<Series> {
    let entries = results.entries(scenario);
    let series = |contestant: &Contestant| {
        let of_this = entries.iter().filter(|entry| entry.contestant == contestant.name);
        let point = |entry: &Entry| Some((x(entry.variant)?, results.median(scenario, *entry, figure)?));
        Series {
            name: contestant.name,
            points: of_this.filter_map(point).collect(),
            is_limit: false,
            is_ours: contestant.name == "fanout",
        }
    };
    ALL.iter().map(series).filter(|series| !series.points.is_empty()).collect()
}

fn x(variant: Variant) -> Option<f64> {
    match variant {
        Variant::Ids(ids) => Some(f64::from(ids)),
        Variant::InFlight(in_flight) => Some(in_flight as f64),
        Variant::Plain | Variant::Limited | Variant::Logged => None,
    }
}
