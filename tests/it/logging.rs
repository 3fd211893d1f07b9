//! What is logged, as key-values, and what never is.

use std::collections::BTreeMap;
use std::sync::Once;

use fanout::{CancelToken, FanOutClient, http};
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use crate::support::{Answer, Server, builder, fetch, fetch_each, patient};

/// One record of ours.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The one logger of this process. Tests run side by side and log into it: each finds its own lines by their
/// ids.
struct Recorder(Mutex<Vec<Line>>);

static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));

impl Log for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().split("::").next() == Some("fanout")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        struct Fields(BTreeMap<String, String>);
        impl<'kvs> VisitSource<'kvs> for Fields {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
                self.0.insert(key.to_string(), value.to_string());
                Ok(())
            }
        }
        let mut fields = Fields(BTreeMap::new());
        record.key_values().visit(&mut fields).unwrap();
        let message = record.args().to_string();
        self.0.lock().push(Line { level: record.level(), message, fields: fields.0 });
    }

    fn flush(&self) {}
}

pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&RECORDER).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// The lines about an id, in order.
fn lines_about(id: &str) -> Vec<Line> {
    lines_with("user_id", id)
}

/// The lines with this value of a field, in order.
pub(crate) fn lines_with(field: &str, value: &str) -> Vec<Line> {
    let lines = RECORDER.0.lock();
    lines.iter().filter(|line| line.fields.get(field).is_some_and(|is| is == value)).cloned().collect()
}

pub(crate) fn number(line: &Line, field: &str) -> f64 {
    line.fields[field].parse().unwrap()
}

#[test]
fn each_request_is_a_line_with_its_fields() {
    record();
    let server = Server::echo();
    let client = builder(server.url()).build().unwrap();
    fetch(&client, &CancelToken::new(), &["log-good-1", "log-good-2"]).wait().unwrap();
    for id in ["log-good-1", "log-good-2"] {
        let lines: Vec<Line> = lines_about(id).into_iter().filter(|line| line.level <= Level::Info).collect();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line.level, Level::Info);
        assert_eq!((line.fields["attempt"].as_str(), line.fields["status"].as_str()), ("1", "200"));
        assert!(number(line, "latency_ms") > 0.0);
        assert!(number(line, "wait_ms") >= 0.0);
    }
}

#[test]
fn each_failure_is_a_line_with_its_fields() {
    record();
    let server = Server::answering(|_| Answer::status(503));
    let client = builder(server.url()).keep_going(true).build().unwrap();
    fetch_each(&client, &CancelToken::new(), &["log-bad"]).wait().end.unwrap();
    let lines: Vec<Line> =
        lines_about("log-bad").into_iter().filter(|line| line.level <= Level::Info).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.fields["attempt"].as_str(), line.fields["status"].as_str()), ("1", "503"));
    assert!(line.fields.contains_key("latency_ms") && line.fields.contains_key("wait_ms"));
    assert!(line.message.contains("failed"), "{line:?}");
}

/// A replay is an event of its own, and so is each hop.
#[test]
fn hops_and_replays_are_lines_of_their_own() {
    record();
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["log-warm"]);
    server.next().answer(200, "");
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["log-far"]);
    server.next().close();
    server.next().reply(&Answer::redirect(302, "/there"));
    server.next().answer(200, "");
    call.wait().unwrap();
    let lines = lines_about("log-far");
    let said: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].contains("stale") && said[1].contains("redirect") && said[2].contains("done"),
        "{said:?}"
    );
    assert!(lines.iter().all(|line| line.fields["attempt"] == "1"));
}

#[test]
fn nothing_is_said_about_those_that_were_cut_off_by_anothers_failure() {
    record();
    let server = Server::start();
    let client = builder(server.url()).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["log-fails", "log-victim"]);
    let mut requests = server.take(2);
    requests.remove("log-fails").unwrap().answer(500, "");
    call.wait().unwrap_err();
    assert_eq!(lines_about("log-fails").len(), 1);
    let said: Vec<Line> =
        lines_about("log-victim").into_iter().filter(|line| line.level <= Level::Info).collect();
    assert!(said.is_empty(), "{said:?}");
}

/// All that may hold a secret goes by, in good and in bad outcomes: in no line of ours, at no level.
#[test]
fn secrets_are_never_logged() {
    const SECRET: &str = "log-s3cr3t";
    record();
    let elsewhere = Server::echo();
    let server = {
        let elsewhere = elsewhere.at(&format!("/there?token={SECRET}"));
        Server::answering(move |asked| match asked.id() {
            "far" => Answer::redirect(302, &elsewhere).header("Set-Cookie", SECRET),
            "bad" => Answer::status(401).header("Set-Cookie", SECRET).body(SECRET),
            "loop" => Answer::redirect(302, format!("http://u:{SECRET}@127.0.0.1:1/?{SECRET}")),
            _ => Answer::ok(SECRET).header("Set-Cookie", SECRET),
        })
    };
    let template = format!("http://user:{SECRET}@{}/{{id}}?key={SECRET}", server.addr);
    let by_template =
        builder(template).keep_going(true).header("Authorization", SECRET).header("Cookie", SECRET);
    let url = server.at("/");
    let make = move |id: &str| {
        http::Request::post(format!("{url}{id}?key={SECRET}")).header("Authorization", SECRET).body(SECRET)
    };
    let by_request = patient(FanOutClient::from_requests(make)).keep_going(true).user_agent(SECRET);
    for client in [by_template, by_request] {
        let run =
            fetch_each(&client.build().unwrap(), &CancelToken::new(), &["good", "far", "bad", "loop"]).wait();
        run.end.unwrap();
        for outcome in run.outcomes {
            if let Err(error) = outcome.result {
                assert!(!error.to_string().contains(SECRET), "{error}");
            }
        }
    }
    for line in RECORDER.0.lock().iter() {
        assert!(!format!("{line:?}").contains(SECRET), "{line:?}");
    }
}
