//! Ids handed out by a real feeder, and what is written of them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;

use super::*;
use crate::ids::{Feeder, Ids, Numbered, Ranges, Taker, Trouble};
use crate::outbox::{Outbox, Patience, UnderWay};
use crate::record::Record;

/// A run of `1-9`, of which so many ids may be under way.
struct Run {
    path: PathBuf,
    ledger: Arc<Ledger>,
    outbox: Arc<Outbox>,
    ids: Receiver<Numbered>,
    feeder: Feeder,
}

/// What a run does with an id.
struct Both(Arc<Ledger>, Arc<Outbox>);

impl Taker for Both {
    fn admit(&self, id: &str, line: Option<u64>) -> Option<u64> {
        self.0.take(id, line).map(|_| self.1.admit())
    }

    fn meet(&self, _: Trouble) -> bool {
        false
    }

    fn exhaust(&self) {
        self.0.exhausted();
    }
}

impl Run {
    fn start(name: &str, is_ordered: bool) -> Run {
        let path = std::env::temp_dir().join(format!("fanout-ledger-{}-{name}", std::process::id()));
        let ledger = Arc::new(Ledger::new(AtomicFile::open("failed", &path).unwrap(), is_ordered));
        let outbox = Arc::new(Outbox::new(UnderWay::in_order(50, false)));
        let ids = Ids::from_ranges(Ranges::parse("1-9").unwrap(), true);
        let (ids, feeder) = ids.feed(1, Both(ledger.clone(), outbox.clone()), Caught::default()).unwrap();
        Run { path, ledger, outbox, ids, feeder }
    }

    /// Takes so many ids, and settles them in this order: success or failure, each with a record.
    fn settle(&self, take: usize, outcomes: &[(&str, bool)]) {
        let taken: Vec<Numbered> = self.ids.iter().take(take).collect();
        for (id, is_success) in outcomes {
            let taken = taken.iter().find(|taken| taken.id == *id).unwrap();
            self.ledger.settle(taken.number, *is_success, true, || 0);
        }
    }

    /// The file, after a run of which so many records did not get out.
    fn close(self, unwritten: usize) -> (Left, Vec<String>) {
        drop(self.ids);
        self.outbox.finish(Patience::UntilStopped(Some(Instant::now())));
        let left = self.ledger.close(self.feeder.walk(), unwritten, &Caught::default());
        let text = fs::read_to_string(&self.path).unwrap();
        fs::remove_file(&self.path).unwrap();
        (left, text.lines().map(str::to_owned).collect())
    }
}

#[test]
fn what_has_no_success_is_left() {
    let run = Run::start("left", false);
    run.settle(4, &[("2", true), ("3", false), ("1", true)]);
    let (left, ids) = run.close(0);
    assert_eq!(ids, ["3", "4", "5", "6", "7", "8", "9"]);
    assert!(left.ids == 7 && left.is_whole() && left.failure.is_none(), "{left:?}");
}

#[test]
fn a_run_that_fetched_everything_leaves_an_empty_file() {
    let run = Run::start("empty", false);
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|id| (id, true));
    run.settle(9, &all);
    let (left, ids) = run.close(0);
    assert_eq!((left.ids, ids.len()), (0, 0));
}

#[test]
fn a_success_whose_record_did_not_get_out_is_none() {
    let outcomes = [("3", true), ("1", true), ("4", false), ("2", true)];
    for (is_ordered, unwritten, expected) in [
        (false, 1, ["4", "2", "5"]),
        (false, 2, ["4", "2", "5"]),
        (false, 3, ["4", "1", "2"]),
        (true, 1, ["4", "5", "6"]),
        (true, 2, ["4", "3", "5"]),
        (true, 3, ["4", "2", "3"]),
    ] {
        let run = Run::start(&format!("lost-{is_ordered}-{unwritten}"), is_ordered);
        run.settle(4, &outcomes);
        let (_, ids) = run.close(unwritten);
        assert_eq!(ids[..3], expected, "{is_ordered}, {unwritten}");
    }
}

/// What is told to have stayed, and stands in the file, must not get out after all.
#[test]
fn a_record_that_did_not_get_out_never_will() {
    let outbox = Outbox::new(UnderWay::in_order(4, false));
    outbox.settle(outbox.admit(), Some(Record::of_line("a\n")));
    assert_eq!(outbox.finish(Patience::UntilStopped(Some(Instant::now()))).unwritten, 1);
    let mut batch = Vec::new();
    assert!(!outbox.take(1, &mut batch) && batch.is_empty());
}

#[test]
fn records_that_are_out_are_forgotten() {
    let path = std::env::temp_dir().join(format!("fanout-ledger-{}-forgotten", std::process::id()));
    let ledger = Ledger::new(AtomicFile::open("failed", &path).unwrap(), false);
    for number in 0..10 * LOOK_AGAIN {
        let number = ledger.take(&number.to_string(), None).unwrap();
        ledger.settle(number, true, true, || 7);
        assert!(ledger.0.lock().leaving.len() < LOOK_AGAIN);
    }
    let state = ledger.0.lock();
    assert!(state.open.is_empty() && state.leaving.len() >= 7);
}

/// An account of its own, without a feeder.
fn account(name: &str, is_ordered: bool) -> (Ledger, PathBuf) {
    let path = std::env::temp_dir().join(format!("fanout-ledger-{}-{name}", std::process::id()));
    (Ledger::new(AtomicFile::open("failed", &path).unwrap(), is_ordered), path)
}

/// The ids that are left, of a run of which so many records did not get out.
fn left(ledger: &Ledger, path: &PathBuf, unwritten: usize) -> Vec<String> {
    ledger.exhausted();
    ledger.close(None, unwritten, &Caught::default());
    let text = fs::read_to_string(path).unwrap();
    fs::remove_file(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_id_that_is_given_twice_is_settled_twice() {
    let (ledger, path) = account("twice", false);
    let numbers = [ledger.take("a", None), ledger.take("a", None)];
    assert_eq!(numbers, [Some(0), Some(1)]);
    ledger.settle(0, true, true, || 0);
    assert_eq!(left(&ledger, &path, 0), ["a"]);
}

/// In the order of the ids the last record is that of the second `a`, whichever of them came first.
#[test]
fn of_an_id_that_is_given_twice_each_record_has_its_place() {
    for (order, unwritten, expected) in [
        ([0, 1, 2], 1, &["a"][..]),
        ([2, 1, 0], 1, &["a"]),
        ([1, 2, 0], 2, &["b", "a"]),
        ([2, 0, 1], 3, &["a", "b", "a"]),
    ] {
        let (ledger, path) = account("twice-in-order", true);
        ["a", "b", "a"].iter().for_each(|id| _ = ledger.take(id, None));
        order.iter().for_each(|number| ledger.settle(*number, true, true, || 3));
        assert_eq!(left(&ledger, &path, unwritten), expected, "{order:?}");
    }
}

#[test]
fn a_byte_order_mark_that_begins_an_id_stays() {
    for (ids, expected) in
        [(["1", "\u{feff}a"], ["1", "\u{feff}a"]), (["\u{feff}a", "1"], ["\u{feff}\u{feff}a", "1"])]
    {
        let (ledger, path) = account("mark", false);
        for id in ids {
            let number = ledger.take(id, None).unwrap();
            ledger.settle(number, false, true, || 0);
        }
        assert_eq!(left(&ledger, &path, 0), expected);
    }
}
