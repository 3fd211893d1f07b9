//! The tables: one function each, from the results to rows.

use crate::contestants::{ALL, Contestant, REFERENCE};
use crate::markdown::{Table, number, thousands};
use crate::results::{Figure, Outcome, Results};
use crate::scenarios::{
    ERROR_HUNG, ERROR_QUEUED, Entry, IN_FLIGHT, LARGE_DROPPED, LARGE_KEPT, LATENCY_MS, MANY_DROPPED,
    MANY_KEPT, SMALL, TIMEOUT, Variant, WAITED_FOR, WAITERS,
};
use crate::targets;

pub(crate) fn all(results: &Results) -> Vec<Table> {
    vec![
        beside_the_peers(results),
        targets::table(results),
        large_bodies(results),
        on_top(results),
        memory(results),
        growth(results),
        in_flight(results),
        moments(results),
        waiters(results),
    ]
}

fn beside_the_peers(results: &Results) -> Table {
    Table {
        heading: "Side by side",
        words:
            "8 in flight. 200-byte bodies, kept in a map from id to body; only bare sockets and curl drop \
                them. Then bodies of 64 KiB, dropped and kept, beside bare sockets that do the same. The \
                last columns: from the moment at which the server fails one request to the return of the \
                call with all its threads joined, while seven other requests hang."
                .to_owned(),
        head: row(&[
            "",
            "req/s",
            "of bare",
            "CPU µs a request",
            "× bare",
            "64 KiB dropped: req/s of bare",
            "64 KiB kept",
            "error → return, ms",
            "worst",
        ]),
        rows: rows(results, &[SMALL, LARGE_DROPPED, ERROR_HUNG], |contestant| {
            vec![
                whole(results.median(SMALL, contestant, Outcome::per_second)),
                of_bare(results, SMALL, contestant, Outcome::per_second),
                number(results.median(SMALL, contestant, Outcome::micros)),
                of_bare(results, SMALL, contestant, Outcome::micros),
                of_bare(results, LARGE_DROPPED, contestant, Outcome::per_second),
                of_bare(results, LARGE_KEPT, contestant, Outcome::per_second),
                number(results.median(ERROR_HUNG, contestant, Outcome::median_after_error)),
                number(results.median(ERROR_HUNG, contestant, Outcome::worst_after_error)),
            ]
        }),
    }
}

fn large_bodies(results: &Results) -> Table {
    Table {
        heading: "Bodies of 64 KiB",
        words: "8 in flight. Kept in a map, or looked at and dropped.".to_owned(),
        head: row(&["", "dropped: req/s", "CPU µs", "kept: req/s", "CPU µs", "peak memory ÷ payload"]),
        rows: rows(results, &[LARGE_DROPPED, LARGE_KEPT], |contestant| {
            vec![
                whole(results.median(LARGE_DROPPED, contestant, Outcome::per_second)),
                number(results.median(LARGE_DROPPED, contestant, Outcome::micros)),
                whole(results.median(LARGE_KEPT, contestant, Outcome::per_second)),
                number(results.median(LARGE_KEPT, contestant, Outcome::micros)),
                number(results.median(LARGE_KEPT, contestant, Outcome::peak_of_payload)),
            ]
        }),
    }
}

fn on_top(results: &Results) -> Table {
    let rows = results.entries(SMALL).into_iter().filter_map(|entry| {
        let what = match entry.variant {
            Variant::Limited => "a limiter at 10⁹ a second",
            Variant::Logged => "a line logged for each request, into memory",
            _ => return None,
        };
        let without = Entry::plain(entry.contestant);
        Some(vec![
            format!("{}: {what}", title(entry.contestant)),
            number(results.ratio(SMALL, entry, without, Outcome::per_second)),
            number(results.ratio(SMALL, entry, without, Outcome::micros)),
        ])
    });
    Table {
        heading: "What is in the way",
        words: "8 in flight, 200 bytes; each beside itself without it, in the same round.".to_owned(),
        head: row(&["", "req/s, × without", "CPU, × without"]),
        rows: rows.collect(),
    }
}

fn memory(results: &Results) -> Table {
    Table {
        heading: "Memory when everything is kept",
        words: "8 in flight, bodies of 200 bytes in a map from id to body.".to_owned(),
        head: row(&["", "ids", "peak MiB", "bytes an id, payload included"]),
        rows: rows(results, &[MANY_KEPT], |contestant| {
            vec![
                whole(results.median(MANY_KEPT, contestant, |outcome| f64::from(outcome.ids))),
                number(results.median(MANY_KEPT, contestant, Outcome::peak_mib)),
                number(results.median(MANY_KEPT, contestant, Outcome::bytes_an_id)),
            ]
        }),
    }
}

fn growth(results: &Results) -> Table {
    let table = by_variant(results, MANY_DROPPED, |entry| {
        let peak = number(results.median(MANY_DROPPED, entry, Outcome::peak_mib));
        let micros = number(results.median(MANY_DROPPED, entry, Outcome::micros));
        if peak.is_empty() { peak } else { format!("{peak} MiB, {micros} µs") }
    });
    Table {
        heading: "More ids",
        words: "8 in flight, 200 bytes, looked at and dropped: peak memory, and CPU a request.".to_owned(),
        ..table
    }
}

fn in_flight(results: &Results) -> Table {
    let table = by_variant(results, IN_FLIGHT, |entry| {
        let Variant::InFlight(in_flight) = entry.variant else {
            return String::new();
        };
        let Some(rate) = results.median(IN_FLIGHT, entry, Outcome::per_second) else {
            return String::new();
        };
        let possible = in_flight as f64 * 1e3 / LATENCY_MS as f64;
        let peak = number(results.median(IN_FLIGHT, entry, Outcome::peak_mib));
        format!("{} ({:.0} %), {peak} MiB", whole(Some(rate)), rate / possible * 100.0)
    });
    Table {
        heading: "More in flight",
        words: format!(
            "The server answers after {LATENCY_MS} ms. Requests a second, how much that is of in flight ÷ \
             latency, and peak memory."
        ),
        ..table
    }
}

fn moments(results: &Results) -> Table {
    Table {
        heading: "How soon, how late",
        words: "Milliseconds, median and worst. From an error to the return, while all others hang, or wait \
                for a token; and by how much a timeout of 500 ms on a request that hangs is missed."
            .to_owned(),
        head: row(&["", "7 hung", "worst", "7 queued", "worst", "timeout", "worst"]),
        rows: rows(results, &[ERROR_HUNG, ERROR_QUEUED, TIMEOUT], |contestant| {
            vec![
                number(results.median(ERROR_HUNG, contestant, Outcome::median_after_error)),
                number(results.median(ERROR_HUNG, contestant, Outcome::worst_after_error)),
                number(results.median(ERROR_QUEUED, contestant, Outcome::median_after_error)),
                number(results.median(ERROR_QUEUED, contestant, Outcome::worst_after_error)),
                number(results.median(TIMEOUT, contestant, Outcome::median_late)),
                number(results.median(TIMEOUT, contestant, Outcome::worst_late)),
            ]
        }),
    }
}

fn waiters(results: &Results) -> Table {
    let table = by_variant(results, WAITERS, |entry| {
        let kept =
            results.median(WAITERS, entry, Outcome::of_rate).map(|share| format!("{:.1} %", share * 1e2));
        let micros = number(results.median(WAITERS, entry, Outcome::micros));
        kept.map(|kept| format!("{kept}, {micros} µs")).unwrap_or_default()
    });
    Table {
        heading: "More in line",
        words: format!(
            "No request is sent: so many threads, tasks or goroutines wait for tokens, {} a second with a \
             burst of {}. How much of that rate they are given, and CPU a token. (ureq's threads ask \
             governor, sleep, and ask again.)",
            thousands(i64::from(WAITED_FOR.requests)),
            WAITED_FOR.burst,
        ),
        ..table
    }
}

/// A row for each contestant that took part in any of these scenarios.
fn rows(results: &Results, scenarios: &[&str], cells: impl Fn(Entry) -> Vec<String>) -> Vec<Vec<String>> {
    let took_part = |contestant: &&Contestant| {
        let entry = Entry::plain(contestant.name);
        scenarios.iter().any(|scenario| results.entries(scenario).contains(&entry))
    };
    let row = |contestant: &Contestant| {
        [vec![contestant.title.to_owned()], cells(Entry::plain(contestant.name))].concat()
    };
    ALL.iter().filter(took_part).map(row).collect()
}

/// A row for each contestant, a column for each variant.
fn by_variant(results: &Results, scenario: &str, cell: impl Fn(Entry) -> String) -> Table {
    let entries = results.entries(scenario);
    let mut variants: Vec<Variant> = entries.iter().map(|entry| entry.variant).collect();
    variants.sort_unstable();
    variants.dedup();
    let head = variants.iter().map(|variant| match variant {
        Variant::Ids(ids) => format!("{} ids", thousands(i64::from(*ids))),
        Variant::InFlight(in_flight) => format!("{} in flight", thousands(*in_flight as i64)),
        Variant::Waiters(waiters) => format!("{} waiting", thousands(*waiters as i64)),
        Variant::Plain | Variant::Limited | Variant::Logged => String::new(),
    });
    let row = |contestant: &Contestant| {
        let cells =
            variants.iter().map(|variant| cell(Entry { contestant: contestant.name, variant: *variant }));
        [vec![contestant.title.to_owned()], cells.collect()].concat()
    };
    let took_part =
        |contestant: &&Contestant| entries.iter().any(|entry| entry.contestant == contestant.name);
    Table {
        heading: "",
        words: String::new(),
        head: [vec![String::new()], head.collect()].concat(),
        rows: ALL.iter().filter(took_part).map(row).collect(),
    }
}

fn of_bare(results: &Results, scenario: &str, entry: Entry, figure: Figure) -> String {
    number(results.ratio(scenario, entry, Entry::plain(REFERENCE), figure))
}

fn whole(value: Option<f64>) -> String {
    value.map(|value| thousands(value.round() as i64)).unwrap_or_default()
}

fn title(contestant: &str) -> &str {
    ALL.iter().find(|known| known.name == contestant).map_or(contestant, |known| known.title)
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}
