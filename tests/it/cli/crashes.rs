//! A run that is killed at any instant, again and again, and gone on with: each id is there once in the end, and what
//! was recorded is not fetched again.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::Value;

use super::support::*;

const KILLS: usize = 50;
const IDS: u64 = 2_000;

/// A kill comes when so many requests have come, at most.
const MOST_REQUESTS: u64 = 18;

/// Beyond these, so many more are answered before it: enough for the kill to meet a run that is at work, and not so
/// many that one run fetches all ids.
const MEANWHILE: usize = 14;

/// What a crash leaves of a record, or less.
const TORN: &str = "{\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":12.3,\"body\":\"\"}";

/// The numbers of a generator whose seed is told when a test fails.
struct Random(u64);

impl Random {
    fn new() -> Random {
        let seed = RandomState::new().hash_one(0) | 1;
        println!("seed: {seed}");
        Random(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn shuffled(&mut self, mut ids: Vec<u64>) -> Vec<u64> {
        for last in (1..ids.len()).rev() {
            ids.swap(last, self.below(last as u64 + 1) as usize);
        }
        ids
    }
}

/// What a server has been asked for since the last kill.
#[derive(Default)]
struct Asked {
    ids: Vec<String>,
    /// After so many, the test is told.
    alarm: Option<(usize, Sender<()>)>,
    /// Beyond so many, none is answered before the next run.
    limit: usize,
    run: usize,
    /// Those that have failed once. The first time, one of ten does.
    failed: HashSet<String>,
}

type Log = Arc<(Mutex<Asked>, Condvar)>;

/// Mostly small, and now and then as large as takes the system a while to write.
fn body(id: &str) -> String {
    let number: usize = id.parse().unwrap();
    let length = if number % 20 == 0 { 100_000 } else { number };
    format!("{id}:{}", "x".repeat(length))
}

fn server() -> (Api, Log) {
    let log = Log::default();
    let api = Api::answering({
        let log = log.clone();
        move |id| {
            let (asked, changed) = &*log;
            let mut asked = asked.lock().unwrap();
            asked.ids.push(id.to_owned());
            let (count, run) = (asked.ids.len(), asked.run);
            if let Some((_, alarm)) = asked.alarm.take_if(|(after, _)| count >= *after) {
                alarm.send(()).unwrap();
            }
            while count > asked.limit && run == asked.run {
                asked = changed.wait(asked).unwrap();
            }
            if id.ends_with('3') && asked.failed.insert(id.to_owned()) {
                return (500, Vec::new());
            }
            (200, body(id).into_bytes())
        }
    });
    (api, log)
}

fn alarm(log: &Log, after: u64) -> Receiver<()> {
    let (alarm, alarmed) = channel();
    let (asked, changed) = &**log;
    let mut asked = asked.lock().unwrap();
    let after = after as usize;
    asked.alarm = Some((after, alarm));
    asked.limit = after.saturating_add(MEANWHILE);
    asked.run += 1;
    asked.ids.clear();
    changed.notify_all();
    alarmed
}

/// Kills runs with these options, each after some answers; then lets one come to its end. `recorded` tells what is
/// there, after a run.
fn go_on_until_done(
    options: &[&str],
    name: &str,
    url: &str,
    log: &Log,
    mut recorded: impl FnMut() -> BTreeSet<String>,
) {
    let mut random = Random::new();
    let mut before = BTreeSet::new();
    let mut kills = 0;
    loop {
        let ids = random.shuffled((0..IDS).collect());
        let input = TempPath::with(name, ids.iter().map(|id| format!("{id}\n")).collect::<String>());
        let args = ["--input", input.shown(), "--rate", "none", "--keep-going", "--resume", url];
        let mut command = get_command(args);
        command.args(options);
        if kills < KILLS {
            let alarmed = alarm(log, 1 + random.below(MOST_REQUESTS));
            let running = Running::start(&mut command);
            alarmed.recv_timeout(PATIENCE).unwrap();
            (0..random.below(200)).for_each(|_| thread::yield_now());
            drop(running); // by SIGKILL
            kills += 1;
        } else {
            drop(alarm(log, u64::MAX));
            let done = Running::start(&mut command).done();
            let there = format!(", {} there already", before.len());
            assert!(done.stderr.contains(&there), "{there}: {}", done.stderr);
            if done.status.code() == Some(0) {
                assert_eq!(recorded().len() as u64, IDS);
                return;
            }
            assert!(done.stderr.contains(" failed"), "{}", done.stderr);
        }
        for id in &log.0.lock().unwrap().ids {
            assert!(!before.contains(id), "{id} was recorded, and fetched again");
        }
        before = recorded();
    }
}

#[test]
fn a_file_of_records_survives_kills_at_any_instant() {
    let (api, log) = server();
    let file = TempPath::new("crashes.ndjson");
    let (mut torn, mut runs) = (0, 0);
    go_on_until_done(&["--output", file.shown()], "crashes-ids", &api.url, &log, || {
        let text = fs::read_to_string(&file.0).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        torn += usize::from(whole < text.len());
        runs += 1;
        if runs < KILLS && runs % 2 == 0 && whole == text.len() {
            // A kill tears a record less often than a power failure does.
            fs::write(&file.0, text.clone() + &TORN[..1 + runs % TORN.len()]).unwrap();
        }
        let mut fetched = BTreeSet::new();
        for line in text[..whole].lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let id = record["id"].as_str().unwrap();
            if record.get("error").is_none() {
                assert_eq!(record["body"], body(id));
                assert!(fetched.insert(id.to_owned()), "{id} is there twice");
            }
        }
        fetched
    });
    println!("{torn} records were torn by kills");
    assert!(fs::read_to_string(&file.0).unwrap().ends_with('\n'));
}

#[test]
fn a_folder_of_bodies_survives_kills_at_any_instant() {
    let (api, log) = server();
    let folder = TempFolder::new("crashes");
    let mut parts = 0;
    let mut files = || {
        let names: BTreeSet<String> = folder.names().into_iter().collect();
        let (whole, part): (BTreeSet<String>, _) = names.into_iter().partition(|name| !name.starts_with('.'));
        assert!(part.len() <= 1, "{part:?}");
        parts += part.len();
        for name in &whole {
            assert_eq!(folder.text(name), body(name));
        }
        whole
    };
    go_on_until_done(&["--output-dir", folder.shown()], "crashes-folder-ids", &api.url, &log, &mut files);
    assert_eq!(files().len(), folder.names().len(), "no part is left");
    println!("{parts} parts");
}

#[test]
fn records_and_bodies_together_survive_kills_at_any_instant() {
    let (api, log) = server();
    let (file, folder) = (TempPath::new("crashes-both.ndjson"), TempFolder::new("crashes-both"));
    let options = ["--output", file.shown(), "--output-dir", folder.shown()];
    go_on_until_done(&options, "crashes-both-ids", &api.url, &log, || {
        let text = fs::read_to_string(&file.0).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut fetched = BTreeSet::new();
        for line in text[..whole].lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            if let Some(name) = record["file"].as_str() {
                // The file is there before the line that tells of it.
                assert_eq!(folder.text(name), body(name));
                assert!(fetched.insert(name.to_owned()), "{name} is there twice");
            }
        }
        fetched
    });
    assert_eq!(folder.names().len() as u64, IDS, "no part is left");
}
