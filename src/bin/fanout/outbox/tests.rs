//! Who waits for what, and who wakes whom.

use std::sync::Arc;
use std::thread;

use super::*;

fn eight() -> UnderWay {
    UnderWay::in_order(4, false)
}

fn record(text: impl Into<Vec<u8>>) -> Option<Record> {
    Some(Record::of_line(text))
}

/// All that is there, up to so many bytes, as if it had been written.
fn taken(outbox: &Outbox, most: usize) -> Option<String> {
    let mut batch = Vec::new();
    if !outbox.take(most, &mut batch) {
        return None;
    }
    outbox.written();
    Some(batch.into_iter().map(|record| String::from_utf8(record.line).unwrap()).collect())
}

#[test]
fn records_come_out_in_order_and_end_when_it_is_closed() {
    let outbox = Outbox::new(eight());
    for text in ["a\n", "b\n"] {
        outbox.settle(outbox.admit(), record(text));
    }
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut out = String::new();
            while let Some(text) = taken(&outbox, 1_000) {
                out += &text;
            }
            out
        });
        let delivery = outbox.finish(Patience::UntilStopped(None));
        assert_eq!((delivery.unwritten, delivery.failure.is_none()), (0, true));
        assert_eq!(writer.join().unwrap(), "a\nb\n");
    });
}

#[test]
fn what_has_gathered_goes_out_together_up_to_the_bound() {
    let outbox = Outbox::new(eight());
    for text in ["12345\n", "1\n", "2\n", "1234567890\n", "3\n"] {
        outbox.settle(outbox.admit(), record(text));
    }
    // The bound is never exceeded but by a single record.
    for batch in ["12345\n1\n", "2\n", "1234567890\n", "3\n"] {
        assert_eq!(taken(&outbox, 8).as_deref(), Some(batch));
    }
    assert_eq!(outbox.finish(Patience::Endless).unwritten, 0);
    assert_eq!(taken(&outbox, 8), None);
}

#[test]
fn after_a_write_the_writer_waits_for_as_much_as_it_takes_at_once() {
    let outbox = Outbox::new(eight());
    outbox.settle(outbox.admit(), record("at once\n"));
    assert_eq!(taken(&outbox, 8).as_deref(), Some("at once\n"));
    // As if it had been a moment ago, however long the test takes.
    let a_while = Duration::from_secs(600);
    outbox.state.lock().progress_at = Some(Instant::now() + a_while);
    thread::scope(|scope| {
        let writer = scope.spawn(|| taken(&outbox, 8));
        outbox.settle(outbox.admit(), record("1234\n"));
        while outbox.state.lock().writer_waits_for != Some(8) && !writer.is_finished() {
            thread::yield_now();
        }
        assert!(!writer.is_finished());
        outbox.settle(outbox.admit(), record("56\n"));
        assert_eq!(writer.join().unwrap().as_deref(), Some("1234\n56\n"));
    });
}

#[test]
fn in_order_a_record_waits_for_those_before_it_and_at_the_end_for_nothing() {
    let outbox = Outbox::in_order(eight());
    let numbers: Vec<u64> = (0..5).map(|_| outbox.admit()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    outbox.settle(1, record("1"));
    outbox.settle(4, record("4"));
    outbox.settle(0, record("0"));
    assert_eq!(taken(&outbox, 1_000).as_deref(), Some("01"));
    outbox.settle(3, record("3"));
    thread::scope(|scope| {
        let end = scope.spawn(|| outbox.finish(Patience::Endless).unwritten);
        assert_eq!(taken(&outbox, 1_000).as_deref(), Some("34"));
        assert_eq!(end.join().unwrap(), 0);
    });
}

#[test]
fn in_order_ids_wait_for_the_first_that_has_not_come_to_its_end() {
    let outbox = Arc::new(Outbox::in_order(UnderWay::in_order(usize::MAX / 2, false)));
    for _ in 0..WINDOW {
        outbox.admit();
    }
    for number in 1..WINDOW {
        outbox.settle(number, None);
    }
    let feeder = thread::spawn({
        let outbox = outbox.clone();
        move || outbox.admit()
    });
    assert!(!feeder.is_finished());
    outbox.settle(0, None);
    assert_eq!(feeder.join().unwrap(), WINDOW);
}

#[test]
fn what_a_silent_reader_does_not_take_is_counted_and_holds_nobody_up() {
    for (patience, signal) in [
        (Patience::UntilStopped(None), true),
        (Patience::UntilStopped(Some(Instant::now())), false),
        (Patience::WhileReading, false),
    ] {
        for outbox in [Outbox::new(eight()), Outbox::in_order(eight())] {
            for _ in 0..3 {
                outbox.settle(outbox.admit(), record("record\n"));
            }
            assert!(outbox.take(1, &mut Vec::new())); // and never comes back from writing it
            outbox.admit();
            outbox.settle(outbox.admit(), record("behind a gap\n"));
            if signal {
                outbox.signalled();
            }
            assert_eq!(outbox.finish(patience).unwritten, 4, "{patience:?}");
        }
    }
}

#[test]
fn of_a_batch_that_failed_those_that_got_out_are_not_missing() {
    let outbox = Outbox::new(eight());
    for _ in 0..3 {
        outbox.settle(outbox.admit(), record("record\n"));
    }
    assert!(outbox.take(1_000, &mut Vec::new()));
    outbox.settle(outbox.admit(), record("one more\n"));
    let (name, error) = ("records.ndjson".to_owned(), io::ErrorKind::StorageFull.into());
    outbox.failed(WriteFailure { written: 2, name, error });
    let delivery = outbox.finish(Patience::Endless);
    assert_eq!(delivery.unwritten, 2);
    let told = delivery.failure.unwrap().to_string();
    assert_eq!(told, "cannot write to records.ndjson: no storage space");
}

#[test]
fn ids_wait_while_there_is_no_room_for_records() {
    let outbox = Arc::new(Outbox::new(eight()));
    outbox.settle(outbox.admit(), record(vec![b'x'; ROOM]));
    let feeder = thread::spawn({
        let outbox = outbox.clone();
        move || outbox.admit()
    });
    assert!(outbox.take(1, &mut Vec::new()));
    assert!(!feeder.is_finished() && outbox.is_full());
    outbox.written();
    feeder.join().unwrap();
    assert!(!outbox.is_full());
}

#[test]
fn ids_wait_while_too_many_are_not_settled() {
    for (under_way, most, settled) in [
        (UnderWay::in_order(1, false), 2, 1),
        (UnderWay::in_order(2, false), 4, 1),
        (UnderWay::in_order(8, true), 48, 4),
        (UnderWay::new(1, false), 18, 8),
        (UnderWay::new(8, false), 144, 68),
        (UnderWay::new(100, true), 728, 114),
    ] {
        let outbox = Arc::new(Outbox::new(under_way));
        for _ in 0..most {
            outbox.admit();
        }
        let feeder = thread::spawn({
            let outbox = outbox.clone();
            move || outbox.admit()
        });
        assert!(!feeder.is_finished());
        for number in 0..settled {
            outbox.settle(number, None);
        }
        feeder.join().unwrap();
        assert_eq!(outbox.state.lock().pending, most - settled as usize + 1);
    }
}

#[test]
fn an_end_lets_the_feeder_go() {
    for end in [
        |outbox: &Outbox| {
            let (name, error) = ("standard output".to_owned(), io::ErrorKind::BrokenPipe.into());
            outbox.failed(WriteFailure { written: 0, name, error });
        },
        |outbox: &Outbox| {
            outbox.finish(Patience::UntilStopped(Some(Instant::now())));
        },
    ] {
        let outbox = Outbox::new(eight());
        outbox.settle(outbox.admit(), record(vec![b'x'; ROOM]));
        thread::scope(|scope| {
            let feeder = scope.spawn(|| outbox.admit());
            end(&outbox);
            feeder.join().unwrap();
        });
    }
}

#[test]
fn a_reader_that_takes_a_part_of_a_record_is_waited_for_anew() {
    let outbox = Outbox::new(eight());
    let closed_at = Instant::now();
    let ends = || outbox.state.lock().patience_ends(Patience::WhileReading, closed_at);
    assert_eq!(ends(), Some(closed_at + STALLED));
    while Instant::now() == closed_at {
        thread::yield_now();
    }
    outbox.goes_on();
    assert!(ends() > Some(closed_at + STALLED));
}

#[test]
fn records_count_with_what_they_are_made_of() {
    let outbox = Outbox::new(eight());
    let mut count = 0;
    while outbox.state.lock().has_room(8) {
        outbox.settle(outbox.admit(), record("1"));
        count += 1;
    }
    assert!(count * size_of::<Record>() <= ROOM, "{count} records");
}
