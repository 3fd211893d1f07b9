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
        self.0.take(id, line).then(|| self.1.admit())
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
            assert!(taken.iter().any(|taken| taken.id == *id));
            self.ledger.settle(id, *is_success, true, || 0);
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
        let id = number.to_string();
        assert!(ledger.take(&id, None));
        ledger.settle(&id, true, true, || 7);
        assert!(ledger.0.lock().leaving.len() < LOOK_AGAIN);
    }
    let state = ledger.0.lock();
    assert!(state.open.is_empty() && state.leaving.len() >= 7);
}

#[test]
fn an_id_that_is_given_twice_is_settled_twice() {
    let run = Run::start("twice", false);
    assert!(run.ledger.take("a", None) && run.ledger.take("a", None));
    run.settle(9, &[]);
    run.ledger.settle("a", true, true, || 0);
    assert_eq!(run.close(0).1.iter().filter(|id| *id == "a").count(), 1);
}

#[test]
fn a_byte_order_mark_that_begins_an_id_stays() {
    let run = Run::start("mark", false);
    assert!(run.ledger.take("\u{feff}a", None));
    run.settle(9, &[("1", false)]);
    run.ledger.settle("\u{feff}a", false, true, || 0);
    let (_, ids) = run.close(0);
    assert_eq!(ids[..2], ["1", "\u{feff}a"]);
    let run = Run::start("first-mark", false);
    assert!(run.ledger.take("\u{feff}a", None));
    run.settle(9, &[]);
    run.ledger.settle("\u{feff}a", false, true, || 0);
    assert_eq!(run.close(0).1[0], "\u{feff}\u{feff}a");
}
