//! `--report`: the page that is left, read as a browser reads it, and by a browser.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;

use roxmltree::{Document, Node, ParsingOptions};

use super::support::*;
use crate::support::{Answer, Server};

/// A page of a report, which is well-formed XML.
struct Page(String);

impl Page {
    #[track_caller]
    fn of(path: &TempPath) -> Page {
        Page(path.text())
    }

    #[track_caller]
    fn parsed(&self) -> Document<'_> {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        Document::parse_with_options(&self.0, options).unwrap()
    }

    /// The text of the element with this id.
    #[track_caller]
    fn text(&self, id: &str) -> String {
        let page = self.parsed();
        let found = by_id(&page, id).map(text);
        found.unwrap_or_else(|| panic!("no {id} in {}", self.0))
    }

    /// The rows of a table, without its head, each as its cells.
    #[track_caller]
    fn rows(&self, id: &str) -> Vec<Vec<String>> {
        let page = self.parsed();
        let body = by_id(&page, id).unwrap().descendants().find(|node| node.has_tag_name("tbody")).unwrap();
        let rows = body.children().filter(|node| node.has_tag_name("tr"));
        rows.map(|row| row.children().filter(Node::is_element).map(text).collect()).collect()
    }
}

fn by_id<'a>(page: &'a Document<'_>, id: &str) -> Option<Node<'a, 'a>> {
    page.descendants().find(|node| node.attribute("id") == Some(id))
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|names| names.split(' ').any(|name| name == class))
}

fn of_class<'a>(page: &'a Document<'_>, id: &str, class: &str) -> Vec<Node<'a, 'a>> {
    let found = by_id(page, id).unwrap();
    found.descendants().filter(|node| has_class(node, class)).collect()
}

/// The points of the only line of this class.
fn points(page: &Document<'_>, id: &str, class: &str) -> Vec<(f64, f64)> {
    let [line] = of_class(page, id, class)[..] else { panic!("one line of {class}") };
    let point = |point: &str| {
        let (x, y) = point.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    line.attribute("points").unwrap().split(' ').map(point).collect()
}

/// Answers 503 to every seventh id once, and 404 to 13.
fn with_failures() -> Api {
    let refused = std::sync::Mutex::new(std::collections::HashSet::new());
    Api::answering(move |id| match id.parse::<u32>() {
        Ok(13) => (404, Vec::new()),
        Ok(number) if number % 7 == 0 && refused.lock().unwrap().insert(number) => (503, Vec::new()),
        _ => (200, b"body".to_vec()),
    })
}

#[test]
fn every_request_is_on_a_lane_and_the_grants_stay_below_the_line() {
    let (api, file) = (with_failures(), TempPath::new("report-60.html"));
    let args = ["--ids", "1-60", "--rate", "50/s", "--burst", "20", "--keep-going", "--retries", "2"];
    let done = get(args.iter().chain(&["--report", file.shown(), &api.url]));
    let asked = api.ids_so_far().len();
    assert_eq!((done.code(1).records().len(), asked), (60, 68));
    assert_eq!(done.stderr.lines().count(), 3, "no line more than ever: {}", done.stderr);

    let report = Page::of(&file);
    let page = report.parsed();
    let bars = of_class(&page, "lanes", "request");
    assert_eq!(bars.len(), asked);
    for bar in bars {
        let stages = bar.children().filter(|node| node.has_tag_name("rect")).count();
        assert!(stages > 0 && text(bar).starts_with("id "), "{bar:?}");
    }
    let line = points(&page, "grants", "limit");
    let granted = points(&page, "grants", "granted");
    let ((x0, y0), (x1, y1)) = (line[0], line[1]);
    for (x, y) in &granted {
        // Down is up.
        let most = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        assert!(*y >= most - 0.02, "{x},{y} is above {most}");
    }
    assert!(granted.is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1), "{granted:?}");
    let kept = report.text("kept");
    assert!(kept.starts_with("✓The quota was kept: of a burst of 20 the fullest window took "), "{kept}");
    let in_use = report.text("window-0-description");
    assert!(in_use.starts_with("kept. The fullest window took "), "{in_use}");
}

#[test]
fn failures_retries_and_lost_ids_are_listed() {
    let (api, file) = (with_failures(), TempPath::new("report-failures.html"));
    let args = ["--ids", "1-60", "--rate", "none", "--keep-going", "--retries", "2"];
    get(args.iter().chain(&["--report", file.shown(), &api.url])).code(1);
    let report = Page::of(&file);
    assert!(
        report.text("outcome").starts_with("×59 of 60 ids were fetched in "),
        "{}",
        report.text("outcome")
    );
    let failures = report.rows("failures");
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0][..2], ["status 503", "8"]);
    assert_eq!(failures[0][3], "8");
    let mut ids: Vec<u32> = failures[0][4].split(", ").map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [7, 14, 21, 28, 35, 42, 49, 56]);
    assert_eq!(failures[1], ["status 404", "1", "", "0", "13"]);
    let place = api.url.replace("{id}", "13");
    assert_eq!(
        report.rows("lost"),
        [["13".to_owned(), format!("the server answered 404 Not Found (GET {place})")]]
    );
    assert_eq!(report.rows("tries"), [["1", "60", "9", "15 %"], ["2", "8", "0", "0 %"]]);
    assert_eq!(report.text("kept"), "There was no rate limit to keep.");
}

/// To three figures, which is what is written.
#[test]
fn percentiles_are_those_of_the_records() {
    let (api, file) = (Api::new(), TempPath::new("report-percentiles.html"));
    let done = get(["--ids", "1-200", "--rate", "none", "--report", file.shown(), &api.url]);
    let records = done.code(0).records();
    let mut latencies: Vec<f64> =
        records.values().map(|record| record["latency_ms"].as_f64().unwrap()).collect();
    latencies.sort_by(f64::total_cmp);
    let row = &Page::of(&file).rows("phases")[0];
    assert_eq!(row[0], "on the wire, all together");
    for (cell, rank) in row[1..].iter().zip([100, 180, 198, 200]) {
        let (number, unit) = cell.split_once(' ').unwrap();
        let unit = match unit {
            "µs" => 0.001,
            "ms" => 1.0,
            _ => 1_000.0,
        };
        let (shown, latency) = (number.parse::<f64>().unwrap() * unit, latencies[rank - 1]);
        // A record also counts what lies between the phases, which on a busy machine may be long, but not for half of
        // all requests.
        let least = if rank == 100 { latency * 0.5 } else { 0.0 };
        assert!((least..=latency * 1.01).contains(&shown), "{cell} is not {latency} ms");
    }
}

#[test]
fn a_pause_of_the_server_is_told() {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let api = Api::answering(move |_| match refused.swap(true, std::sync::atomic::Ordering::SeqCst) {
        false => (429, Vec::new()),
        true => (200, Vec::new()),
    });
    let file = TempPath::new("report-pause.html");
    let args = ["--ids", "7", "--retries", "1", "--report", file.shown(), &api.url];
    get(args).code(0);
    let report = Page::of(&file);
    let pauses = report.rows("pauses");
    assert_eq!(pauses[0][2..], ["retry-after: 1", "7"]);
    assert_eq!(of_class(&report.parsed(), "grants", "pause").len(), 1);
}

#[test]
fn the_proxy_is_told_without_its_password() {
    let (proxy, file) = (Server::answering(|_| Answer::ok("proxied")), TempPath::new("report-proxy.html"));
    let through = format!("http://me:topsecret@{}", proxy.addr);
    get(["--ids", "1", "--proxy", &through, "--report", file.shown(), "http://api.invalid/{id}"]).code(0);
    let report = Page::of(&file);
    assert!(report.rows("settings").contains(&vec!["proxy".to_owned(), proxy.addr.to_string()]));
    assert!(!report.0.contains("topsecret"));
}

#[test]
fn nothing_secret_is_in_it_and_ids_are_text() {
    let (api, file) = (Api::new(), TempPath::new("report-secrets.html"));
    let url = api.url.replace("http://", "http://me:topsecret@") + "?key=topsecret";
    let args = ["-H", "Authorization: topsecret", "-H", "X-Key: topsecret", "-X", "POST", "-d", "topsecret"];
    let evil = ["</title><script>alert(1)</script>", "\"'&<!--", "🦀", "\u{202e}txt"];
    let more = ["--report", file.shown(), &url];
    get_with_input(args.iter().chain(&more), evil.join("\n")).code(0);
    let report = Page::of(&file);
    assert!(!report.0.contains("topsecret") && !report.0.contains("//me"));
    let page = report.parsed();
    assert!(!page.descendants().any(|node| node.has_tag_name("script")));
    let settings = report.rows("settings");
    assert!(settings.contains(&vec!["headers".to_owned(), "Authorization, X-Key".to_owned()]));
    let mut told: Vec<String> = of_class(&page, "lanes", "request").into_iter().map(text).collect();
    told.sort();
    for id in ["</title><script>alert(1)</script>", "\"'&<!--", "🦀", "\\u{202e}txt"] {
        assert!(told.iter().any(|text| text.starts_with(&format!("id {id}: 200"))), "{id}: {told:?}");
    }
}

#[test]
fn a_run_that_ends_early_has_its_report() {
    let (api, file) = (with_failures(), TempPath::new("report-early.html"));
    get(["--ids", "13", "--report", file.shown(), &api.url]).code(1);
    let outcome = Page::of(&file).text("outcome");
    assert!(outcome.contains("It ended with a failure: id 13: the server answered 404"), "{outcome}");

    let args = ["--rate", "1/m", "--burst", "1", "--deadline", "1s", "--report", file.shown(), &api.url];
    get_with_input(args, "1\n2\n").code(1);
    let outcome = Page::of(&file).text("outcome");
    assert!(outcome.contains("deadline"), "replaced: {outcome}");
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_a_report_with_what_was_cut_off() {
    for (name, signal) in [("INT", 2), ("TERM", 15)] {
        let (api, file) = (Api::new(), TempPath::new(&format!("report-{name}.html")));
        let input = TempPath::with(&format!("report-{name}.ids"), format!("1\n2\n{HANG}\n"));
        let args = ["--input", input.shown(), "--max-in-flight", "1", "--report", file.shown(), &api.url];
        let running = Running::start(&mut get_command(args));
        while api.id() != HANG {}
        running.kill(&[name]);
        assert_eq!(running.done().status.signal(), Some(signal));
        let report = Page::of(&file);
        let outcome = report.text("outcome");
        assert!(outcome.starts_with("×2 of 3 ids were fetched in "), "{outcome}");
        assert!(outcome.ends_with(&format!("Stopped by SIG{name}.")), "{outcome}");
        let page = report.parsed();
        assert_eq!(of_class(&page, "lanes", "request").len(), 3);
        assert_eq!(of_class(&page, "lanes", "cut").len(), 1);
    }
}

#[test]
fn where_it_cannot_be_written_nothing_is_sent() {
    let (api, ids) = (Api::new(), TempPath::with("report-ids", "1\n"));
    let folder = std::env::temp_dir();
    let nowhere = folder.join("fanout-no-such-folder").join("run.html");
    let (folder, nowhere) = (folder.to_str().unwrap(), nowhere.to_str().unwrap());
    let cases = [
        (folder, "is a directory (name a file in it)"),
        (nowhere, &format!("there is no folder {folder}/fanout-no-such-folder (make it first)")),
        ("-", "standard output is for the records (use a file)"),
        (ids.shown(), &format!("is the file that the ids come from, {} (use another one)", ids.shown())),
    ];
    for (path, why) in cases {
        let done = get(["--input", ids.shown(), "--report", path, &api.url]);
        assert_eq!(done.code(2).errors(), [format!("--report {path}: {why}")]);
    }
    let output = ["--ids", "1", "--output", "./fanout-same-file", "--report", "fanout-same-file", &api.url];
    let errors = get(output);
    let why = "--report fanout-same-file: is the file that the records go to (use another one)";
    assert_eq!(errors.code(2).errors(), [why]);
    assert!(!PathBuf::from("fanout-same-file").exists());
    let mut redirected = get_command(["--ids", "1", "--report", ids.shown(), &api.url]);
    redirected.stdout(fs::OpenOptions::new().append(true).open(&ids.0).unwrap());
    let errors = Running::start(&mut redirected).done();
    let path = ids.shown();
    let why = format!("--report {path}: is the file that the records go to (use another one)");
    assert_eq!(errors.code(2).errors(), [why]);
    let mut piped = get_command(["--report", ids.shown(), &api.url]);
    piped.stdin(fs::File::open(&ids.0).unwrap());
    let why =
        format!("--report {path}: is the file that the ids come from, standard input (use another one)");
    assert_eq!(Running::start(&mut piped).done().code(2).errors(), [why]);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
    assert_eq!(ids.text(), "1\n");
}

/// A folder that goes away while the run is under way.
#[cfg(unix)]
#[test]
fn a_report_that_cannot_be_written_in_the_end_is_an_error() {
    let folder = TempPath::new("report-folder");
    fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("run.html");
    let away = path.clone();
    let api = Api::answering(move |_| {
        let _ = fs::remove_dir_all(away.parent().unwrap());
        (200, Vec::new())
    });
    let path = path.to_str().unwrap();
    let done = get(["--ids", "1", "--report", path, &api.url]);
    let part = folder.0.join(".run.html.fanout.part");
    let why = format!("--report {path}: cannot write it: {} was taken away", part.display());
    assert_eq!(done.code(1).errors(), [why]);
    assert_eq!(done.ids(), ["1"], "the records are there all the same");
}

/// Where there is no browser, this is left out, unless the environment says that there is one: `FANOUT_NEEDS_CHROMIUM`.
#[test]
fn a_browser_has_nothing_to_complain_of() {
    let (api, file) = (with_failures(), TempPath::new("report-browser.html"));
    let args = ["--ids", "1-60", "--rate", "none", "--retries", "1", "--keep-going"];
    get(args.iter().chain(&["--report", file.shown(), &api.url])).code(1);
    let Some((dom, complaints)) = opened(&file) else { return };
    assert_eq!(complaints, [] as [&str; 0]);
    assert_eq!(dom.matches("<g class=\"request\">").count(), 68, "{dom}");
    assert!(dom.contains("All 68 requests, each on the lane of its worker"));

    // What it would have complained of.
    let broken = file.text().replace("</body>", "<script>document.title = 'run'</script></body>");
    fs::write(&file.0, broken).unwrap();
    let (dom, complaints) = opened(&file).unwrap();
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
    assert!(!dom.contains("<title>run</title>"));
}

/// What the browser makes of the page, and what it writes on its console about it.
fn opened(page: &TempPath) -> Option<(String, Vec<String>)> {
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let is_needed = std::env::var_os("FANOUT_NEEDS_CHROMIUM").is_some();
    let profile = TempPath::new("report-profile");
    let mut args: Vec<String> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    .map(str::to_owned)
    .to_vec();
    args.push(format!("--user-data-dir={}", profile.shown()));
    args.push(format!("file://{}", page.shown()));
    let start = |name: &&str| {
        let mut browser = Command::new(name);
        browser.args(&args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()
    };
    let Some(browser) = NAMES.iter().find_map(start) else {
        assert!(!is_needed, "FANOUT_NEEDS_CHROMIUM is set, and there is none of {NAMES:?}");
        eprintln!("no browser: left out");
        return None;
    };
    let done = Running::of(browser).done();
    let _ = fs::remove_dir_all(&profile.0);
    assert!(done.status.success(), "{}", done.stderr);
    let is_complaint = |line: &&str| line.contains("CONSOLE");
    let complaints = done.stderr.lines().filter(is_complaint).map(str::to_owned).collect();
    Some((done.stdout, complaints))
}
