//! The page as a whole, of runs that never were. To look at them:
//! `FANOUT_REPORT_PAGES=FOLDER cargo test --features cli --bin fanout report`.

mod sample;

use std::path::Path;
use std::time::Duration;

use fanout::{Limit, Rate};
use roxmltree::{Document, Node, ParsingOptions};

use crate::limits::Limits;
use crate::report::page::{End, page};
use crate::report::record::{Came, Next, Pause, Records, Request};

use sample::Sample;

const MILLION: u64 = 1_000_000;

const SMALL: Sample = Sample {
    ids: 60,
    spacing: 100 * MILLION,
    burst: 20,
    workers: 8,
    latency: 120e6,
    failures: 40,
    pause: None,
    outage: None,
};
const MIDDLE: Sample = Sample {
    ids: 5_000,
    spacing: 5 * MILLION,
    burst: 50,
    workers: 16,
    latency: 55e6,
    failures: 15,
    pause: Some((9, 3)),
    outage: None,
};
const LARGE: Sample = Sample {
    ids: 200_000,
    spacing: 100 * MILLION,
    burst: 20,
    workers: 8,
    latency: 190e6,
    failures: 4,
    pause: Some((14_400, 600)),
    outage: Some((7_200, 7_500)),
};

fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap()
}

fn by_id<'a>(document: &'a Document<'_>, id: &str) -> Option<Node<'a, 'a>> {
    document.descendants().find(|node| node.attribute("id") == Some(id))
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|names| names.split(' ').any(|name| name == class))
}

fn of_class<'a>(node: Node<'a, 'a>, class: &str) -> Vec<Node<'a, 'a>> {
    node.descendants().filter(|node| has_class(node, class)).collect()
}

fn request(millis: u64) -> Request {
    Request {
        lane: 0,
        attempt: 1,
        began: Duration::from_millis(millis),
        granted: Duration::from_millis(millis),
        lengths: [0, 0, 0, 5, 1].map(Duration::from_millis),
        status: Some(200),
        body_bytes: 3,
        is_kept_alive: true,
        came: Came::Good,
        pause: None,
        next: Next::Nothing,
    }
}

fn nothing_done() -> End {
    End { fetched: 0, failed: 0, retries: 0, total: None, elapsed: Duration::from_secs(1), broken_off: None }
}

#[test]
fn a_page_of_any_size_is_well_formed_and_small() {
    for (sample, name) in [(SMALL, "60"), (MIDDLE, "5000"), (LARGE, "200000")] {
        let (about, records, end) = sample.run();
        let page = page(&about, &records, &end);
        assert!(page.len() < 1_500_000, "{name}: {} bytes", page.len());
        let document = parsed(&page);
        let (lanes, density) = (by_id(&document, "lanes"), by_id(&document, "density"));
        assert_eq!(density.is_some(), name != "60");
        let bars = of_class(lanes.unwrap(), "request").len() as u64;
        assert_eq!(bars, if name == "60" { records.requests } else { 120 });
        assert!(text(by_id(&document, "kept").unwrap()).contains("The quota was kept"));
        if let Some(folder) = std::env::var_os("FANOUT_REPORT_PAGES") {
            std::fs::write(Path::new(&folder).join(format!("report-{name}.html")), page).unwrap();
        }
    }
}

/// Of a line in the chart of the grants.
fn points(line: Node<'_, '_>) -> Vec<(f64, f64)> {
    let point = |point: &str| {
        let (x, y) = point.split_once(',').unwrap();
        // Down is up in a chart.
        (x.parse::<f64>().unwrap(), -y.parse::<f64>().unwrap())
    };
    line.attribute("points").unwrap().split(' ').map(point).collect()
}

/// Whether the grants are nowhere above a limit, but for what is rounded.
fn is_below_every_line(page: &str) -> bool {
    let document = parsed(page);
    let chart = by_id(&document, "grants").unwrap();
    let [granted] = of_class(chart, "granted")[..] else { panic!("one line of grants") };
    let lines = of_class(chart, "limit");
    let mut limits = lines.iter().filter(|node| node.has_tag_name("polyline")).map(|line| points(*line));
    limits.all(|limit| {
        let [(x0, y0), (x1, y1)] = limit[..] else { panic!("a straight line") };
        points(granted).iter().all(|(x, y)| *y <= y0 + (y1 - y0) * (x - x0) / (x1 - x0) + 0.02)
    })
}

#[test]
fn the_grants_are_below_every_line_unless_the_quota_was_not_kept() {
    for sample in [SMALL, MIDDLE, LARGE] {
        let (about, records, end) = sample.run();
        assert!(is_below_every_line(&page(&about, &records, &end)), "{sample:?}");
    }
    let (about, _, end) = SMALL.run();
    for ids in [20, 21] {
        let mut records = Records::new(&SMALL.limits());
        (0..ids).for_each(|id| records.add(&id.to_string(), request(id)));
        records.finish();
        assert_eq!(is_below_every_line(&page(&about, &records, &end)), ids == 20);
    }
}

#[test]
fn each_of_several_limits_has_its_line_and_its_windows() {
    let hour = Duration::from_secs(3_600);
    let limits = [Limit::new(Rate::per_second(10), 20), Limit::at_most(5_000, hour)];
    let mut records = Records::new(&Limits::new(limits));
    (0..20).for_each(|id| records.add(&id.to_string(), request(id)));
    records.finish();
    let (about, _, end) = SMALL.run();
    let page = page(&about, &records, &end);
    let document = parsed(&page);
    let chart = by_id(&document, "grants").unwrap();
    let lines = of_class(chart, "limit").iter().filter(|node| node.has_tag_name("polyline")).count();
    assert!(lines == 2 && by_id(&document, "window-1").is_some());
    assert!(page.contains("at most 5000/h, burst 500: kept. The fullest window took 19.976 of 500."));
}

#[test]
fn what_others_wrote_is_text_and_nothing_else() {
    let evil = "</title></script><script>alert(1)</script>\"'&<!--]]>\n🦀\u{202e}";
    let (mut about, mut records, mut end) = SMALL.run();
    records.add(evil, Request { came: Came::Failed("status 500".to_owned()), ..request(1) });
    let pause = Pause { until: Duration::from_secs(1), told_by: evil.to_owned() };
    records.add(evil, Request { pause: Some(pause), ..request(2) });
    records.failures.lose(evil.to_owned(), evil.to_owned());
    about.url = evil.to_owned();
    about.settings.push(("evil", evil.to_owned()));
    end.broken_off = Some(evil.to_owned());
    let page = page(&about, &records, &end);
    let document = parsed(&page);
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
    assert!(
        text(by_id(&document, "failures").unwrap())
            .contains("</title></script><script>alert(1)</script>\"'&")
    );
    assert!(text(by_id(&document, "settings").unwrap()).contains("<script>"));
    assert!(text(by_id(&document, "outcome").unwrap()).contains("🦀"));
}

/// The policy forbids it, and this holds the page against it.
#[test]
fn nothing_is_loaded() {
    let (about, records, end) = MIDDLE.run();
    let page = page(&about, &records, &end);
    let document = parsed(&page);
    let policy = document.descendants().find(|node| node.attribute("http-equiv").is_some()).unwrap();
    assert_eq!(policy.attribute("http-equiv"), Some("Content-Security-Policy"));
    assert!(policy.attribute("content").unwrap().starts_with("default-src 'none';"));
    for node in document.descendants() {
        for name in ["script", "link", "img", "iframe", "object", "use", "image", "form"] {
            assert!(!node.has_tag_name(name), "{name}");
        }
        for name in ["src", "href", "action", "onclick", "onload", "style"] {
            assert!(node.attribute(name).is_none(), "{name}");
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
}

#[test]
fn every_chart_has_a_title_and_a_description() {
    let (about, records, end) = MIDDLE.run();
    let page = page(&about, &records, &end);
    let document = parsed(&page);
    let charts: Vec<_> =
        document.descendants().filter(|node| node.attribute("role") == Some("img")).collect();
    let names: Vec<_> = charts.iter().filter_map(|chart| chart.attribute("id")).collect();
    assert_eq!(names, ["grants", "window-0", "density", "rate", "lanes", "last-lanes", "latencies"]);
    for chart in charts {
        let labels = chart.attribute("aria-labelledby").unwrap();
        for id in labels.split(' ') {
            assert!(text(by_id(&document, id).unwrap()).len() > 10, "{id}");
        }
    }
    let mut ids: Vec<_> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands for one thing");
}

/// Once they were, and hid what they were drawn over.
#[test]
fn lines_are_not_filled() {
    let rules = include_str!("../style.css").lines();
    let mut of_lines = rules.filter(|rule| rule.starts_with("svg polyline, "));
    assert!(of_lines.any(|rule| rule.contains("{ fill: none;")));
}

#[test]
fn a_run_without_requests_has_a_page() {
    let (about, _, _) = SMALL.run();
    let mut records = Records::new(&SMALL.limits());
    records.finish();
    let empty = page(&about, &records, &End { total: Some(0), ..nothing_done() });
    assert!(empty.contains("There was no id, and so nothing was sent."));
    assert!(by_id(&parsed(&empty), "grants").is_none());
    let refused = End {
        total: Some(7),
        failed: 1,
        broken_off: Some("It ended with a failure: no such host.".to_owned()),
        ..nothing_done()
    };
    let refused = page(&about, &records, &refused);
    let outcome = text(by_id(&parsed(&refused), "outcome").unwrap());
    assert_eq!(outcome, "×0 of 7 ids were fetched in 1 s. It ended with a failure: no such host.");
}

#[test]
fn a_quota_that_was_not_kept_is_told_in_capitals() {
    let (about, _, _) = SMALL.run();
    let mut records = Records::new(&SMALL.limits());
    (0..21).for_each(|id| records.add(&id.to_string(), request(id)));
    records.finish();
    let page = page(&about, &records, &End { fetched: 21, ..nothing_done() });
    let told = text(by_id(&parsed(&page), "kept").unwrap());
    assert_eq!(told, "×The quota was NOT kept: of a burst of 20 the fullest window took 20.8.");
}

#[test]
fn without_a_limit_there_is_none_to_keep() {
    let (about, _, _) = SMALL.run();
    let mut records = Records::new(&Limits::new([]));
    (0..3).for_each(|id| records.add(&id.to_string(), request(id)));
    records.finish();
    let page = page(&about, &records, &End { fetched: 3, total: Some(3), ..nothing_done() });
    let document = parsed(&page);
    assert!(by_id(&document, "window-0").is_none());
    assert_eq!(text(by_id(&document, "kept").unwrap()), "There was no rate limit to keep.");
    assert_eq!(of_class(by_id(&document, "grants").unwrap(), "limit").len(), 0);
}

#[test]
fn a_thousand_workers_have_no_lanes_and_a_density() {
    let (about, records, end) = Sample { workers: 1_000, ids: 1_200, spacing: MILLION, ..SMALL }.run();
    let page = page(&about, &records, &end);
    let document = parsed(&page);
    assert!(by_id(&document, "lanes").is_none() && by_id(&document, "density").is_some());
}
