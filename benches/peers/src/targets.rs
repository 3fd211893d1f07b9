//! What fanout aims at, beside what it reaches now.

use crate::contestants::REFERENCE;
use crate::markdown::{Table, number};
use crate::results::{Figure, Outcome, Results};
use crate::scenarios::{
    ERROR_HUNG, ERROR_QUEUED, Entry, IN_FLIGHT, LARGE_DROPPED, LARGE_KEPT, LATENCY_MS, MANY_DROPPED,
    MANY_KEPT, SMALL, TIMEOUT, Variant, WAITERS,
};

pub(crate) fn table(results: &Results) -> Table {
    let rows = targets(results).into_iter().filter_map(|target| target.row()).collect();
    Table {
        heading: "Targets",
        words: "Each against its reference in the same rounds.".to_owned(),
        head: ["", "target", "now", "met"].map(str::to_owned).to_vec(),
        rows,
    }
}

struct Target {
    what: &'static str,
    bound: Bound,
    /// Nothing if it was not measured.
    now: Option<f64>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

const OURS: &str = "fanout";

fn targets(results: &Results) -> Vec<Target> {
    let ours = Entry::plain(OURS);
    let bare = Entry::plain(REFERENCE);
    let ratio = |scenario, of, figure: Figure| results.ratio(scenario, ours, of, figure);
    let median = |scenario, figure: Figure| results.median(scenario, ours, figure);
    let best = |scenario, peers: &[&'static str]| {
        let ratios = peers.iter().filter_map(|peer| ratio(scenario, Entry::plain(peer), Outcome::per_second));
        ratios.min_by(f64::total_cmp)
    };
    let on_top =
        |variant| results.ratio(SMALL, Entry { contestant: OURS, variant }, ours, Outcome::per_second);
    let target = |what, bound, now| Target { what, bound, now };
    let mut targets = vec![
        target("200 B: req/s of bare", AtLeast(0.80), ratio(SMALL, bare, Outcome::per_second)),
        target(
            "200 B: req/s of the best of Go and async Rust",
            AtLeast(1.40),
            best(SMALL, &["go", "async", "async1"]),
        ),
        target("200 B: CPU, × bare", AtMost(1.55), ratio(SMALL, bare, Outcome::micros)),
        target(
            "64 KiB kept: req/s of bare that keeps",
            AtLeast(1.10),
            ratio(LARGE_KEPT, bare, Outcome::per_second),
        ),
        target(
            "64 KiB kept: req/s of the best async Rust",
            AtLeast(1.30),
            best(LARGE_KEPT, &["async", "async1"]),
        ),
        target(
            "64 KiB kept: peak memory ÷ payload",
            AtMost(1.05),
            median(LARGE_KEPT, Outcome::peak_of_payload),
        ),
        target(
            "64 KiB dropped: req/s of bare",
            AtLeast(0.80),
            ratio(LARGE_DROPPED, bare, Outcome::per_second),
        ),
        target("limiter in the way: req/s, × without", AtLeast(0.97), on_top(Variant::Limited)),
        target("logging into memory: req/s, × without", AtLeast(0.85), on_top(Variant::Logged)),
        target("200 B kept: peak bytes an id", AtMost(290.0), median(MANY_KEPT, Outcome::bytes_an_id)),
        target(
            "error → return, 7 hung: median, × bare",
            AtMost(1.2),
            ratio(ERROR_HUNG, bare, Outcome::median_after_error),
        ),
        target(
            "error → return, 7 hung: worst, ms",
            AtMost(5.0),
            median(ERROR_HUNG, Outcome::worst_after_error),
        ),
        target(
            "error → return, 7 queued: median, ms",
            AtMost(0.5),
            median(ERROR_QUEUED, Outcome::median_after_error),
        ),
        target("timeout of 500 ms: median lateness, ms", AtMost(5.0), median(TIMEOUT, Outcome::median_late)),
    ];
    targets.extend(growth(results));
    targets.extend(in_flight(results));
    targets.extend(waiters(results));
    targets
}

fn growth(results: &Results) -> Vec<Target> {
    let mut ours: Vec<_> =
        results.entries(MANY_DROPPED).into_iter().filter(|entry| entry.contestant == OURS).collect();
    ours.sort_unstable();
    let (Some(least), Some(most)) = (ours.first(), ours.last()) else {
        return Vec::new();
    };
    let ratio = |figure: Figure| results.ratio(MANY_DROPPED, *most, *least, figure);
    vec![
        Target {
            what: "fetch_each, 1,000,000 ids: peak MiB",
            bound: AtMost(16.0),
            now: results.median(MANY_DROPPED, *most, Outcome::peak_mib),
        },
        Target { what: "… peak, × that of 10,000", bound: AtMost(1.05), now: ratio(Outcome::peak_mib) },
        Target { what: "… CPU an id, × that of 10,000", bound: AtMost(1.05), now: ratio(Outcome::micros) },
    ]
}

fn in_flight(results: &Results) -> Vec<Target> {
    let at = |contestant, in_flight| Entry { contestant, variant: Variant::InFlight(in_flight) };
    let of_possible = |in_flight: usize, what| {
        let rate = results.median(IN_FLIGHT, at(OURS, in_flight), Outcome::per_second);
        let possible = in_flight as f64 * 1e3 / LATENCY_MS as f64;
        Target { what, bound: AtLeast(0.90), now: rate.map(|rate| rate / possible) }
    };
    let ratio = |of| results.ratio(IN_FLIGHT, at(OURS, 1_000), of, Outcome::per_second);
    // What a connection adds to a process, with its thread's stack; that of bare sockets is little but the
    // stack.
    let kib_each = |contestant| {
        let peak = |in_flight| results.median(IN_FLIGHT, at(contestant, in_flight), Outcome::peak_mib);
        Some((peak(1_000)? - peak(1)?) * 1024.0 / 999.0)
    };
    let beyond_bare = || Some(kib_each(OURS)? - kib_each(REFERENCE)?);
    vec![
        of_possible(1, "1 in flight, 20 ms: req/s of in flight ÷ latency"),
        of_possible(8, "8 in flight"),
        of_possible(64, "64 in flight"),
        of_possible(256, "256 in flight"),
        Target {
            what: "1,000 in flight: req/s of bare",
            bound: AtLeast(0.90),
            now: ratio(at(REFERENCE, 1_000)),
        },
        Target {
            what: "1,000 in flight: req/s, × 256 in flight",
            bound: AtLeast(1.0),
            now: ratio(at(OURS, 256)),
        },
        Target { what: "KiB a connection, beyond bare's", bound: AtMost(24.0), now: beyond_bare() },
    ]
}

fn waiters(results: &Results) -> [Target; 2] {
    let of_rate = |waiters, what| {
        let entry = Entry { contestant: OURS, variant: Variant::Waiters(waiters) };
        Target { what, bound: AtLeast(0.97), now: results.median(WAITERS, entry, Outcome::of_rate) }
    };
    [
        of_rate(8, "8 waiting for 20,000 tokens a second, burst 20: of that rate"),
        of_rate(1_000, "1,000 waiting"),
    ]
}

impl Target {
    fn row(self) -> Option<Vec<String>> {
        let now = self.now?;
        let (sign, bound, is_met) = match self.bound {
            AtLeast(bound) => ("≥", bound, now >= bound),
            AtMost(bound) => ("≤", bound, now <= bound),
        };
        let met = if is_met { "yes" } else { "no" };
        Some(vec![
            self.what.to_owned(),
            format!("{sign} {}", number(Some(bound))),
            number(Some(now)),
            met.to_owned(),
        ])
    }
}
