//! The engine with work that is no HTTP: hand-shakes over channels, and no socket.

mod room;

use super::*;
use crate::cancel::{CancelToken, Stopped};
use crate::clock::Clock;
use crate::error::ErrorKind;
use crate::outcome::{Response, Times};
use crate::room::Lent;
use crate::turnstile::Permits;
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, StatusCode};

/// [`super::run`], with a closure for the work.
fn run<I, E, S, W, F>(plan: &Plan<'_>, source: S, work: W, each: F) -> (u64, Result<(), E>)
where
    I: Display + Send,
    E: From<Error>,
    S: Source<I>,
    W: Fn(I, &Worker<'_>) -> Outcome<I> + Sync,
    F: FnMut(Outcome<I>) -> Result<(), E>,
{
    super::run(plan, source, &work, each)
}

fn plan(cancel: &CancelToken, workers: usize) -> Plan<'_> {
    Plan {
        cancel,
        workers,
        keep_going: false,
        retries: false,
        clock: Clock::default(),
        fellows: None,
        parked: Arc::default(),
        spawner: Spawner::default(),
    }
}

fn fetched<I>(id: I, body: usize) -> Outcome<I> {
    let response = Response { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![0; body] };
    outcome(id, Ok(response))
}

fn failed<I: Display>(id: I, kind: ErrorKind) -> Outcome<I> {
    let error = Error::new(kind, "it went wrong").about(&id.to_string(), 1);
    outcome(id, Err(error))
}

fn outcome<I>(id: I, result: Result<Response, Error>) -> Outcome<I> {
    let times = Times { taken_at: Instant::now(), waited: Duration::ZERO, latency: Duration::ZERO };
    Outcome { id, attempt: 1, result, times, earlier: Vec::new(), room: Lent::default() }
}

/// Blocks as a worker does that waits for a token, until the call is cancelled.
fn hang(worker: &Worker<'_>) -> ErrorKind {
    let permits = Permits::new(1);
    let _all = permits.acquire(1, &CancelToken::new());
    match permits.acquire(1, worker.cancel) {
        Err(Stopped::DeadlineExceeded) => ErrorKind::DeadlineExceeded,
        _ => ErrorKind::Cancelled,
    }
}

#[test]
fn every_id_is_delivered_once_and_no_more_threads_are_started_than_wanted() {
    let threads = Mutex::new(HashSet::new());
    for (ids, workers) in [(0, 8), (1, 8), (3, 8), (10_000, 1), (10_000, 8), (10_000, 64)] {
        threads.lock().unwrap().clear();
        let mut seen = vec![0; ids];
        let work = |id: usize, _: &Worker<'_>| {
            threads.lock().unwrap().insert(std::thread::current().id());
            fetched(id, 0)
        };
        let (delivered, ended) =
            run(&plan(&CancelToken::new(), workers), FromIterator(0..ids), work, |outcome| {
                seen[outcome.id] += 1;
                Ok::<(), Error>(())
            });
        ended.unwrap();
        assert_eq!(delivered, ids as u64);
        assert!(seen.iter().all(|times| *times == 1));
        assert!(threads.lock().unwrap().len() <= workers.min(ids));
    }
}

#[test]
fn the_first_failure_is_returned_and_what_was_fetched_before_is_delivered() {
    for _ in 0..200 {
        let (done, wait) = crossbeam_channel::bounded(7);
        let work = |id: usize, worker: &Worker<'_>| match id {
            0..3 => {
                done.send(()).unwrap();
                fetched(id, 0)
            }
            3 => {
                (0..3).for_each(|_| wait.recv().unwrap());
                failed(id, ErrorKind::Status)
            }
            _ => failed(id, hang(worker)),
        };
        let mut delivered = Vec::new();
        let (_, ended) = run(&plan(&CancelToken::new(), 8), FromIterator(0..1_000), work, |outcome| {
            delivered.push(outcome.id);
            Ok::<(), Error>(())
        });
        let error = ended.unwrap_err();
        assert_eq!((error.kind(), error.id()), (ErrorKind::Status, Some("3")));
        delivered.sort_unstable();
        assert_eq!(delivered, [0, 1, 2]);
    }
}

#[test]
fn keep_going_hands_failures_over_and_ends_well() {
    let cancel = CancelToken::new();
    let plan = Plan { keep_going: true, ..plan(&cancel, 4) };
    let work = |id: usize, _: &Worker<'_>| match id % 2 {
        0 => fetched(id, 0),
        _ => failed(id, ErrorKind::Status),
    };
    let (mut well, mut ill) = (0, 0);
    let (_, ended) = run(&plan, FromIterator(0..1_000), work, |outcome| {
        *if outcome.result.is_ok() { &mut well } else { &mut ill } += 1;
        Ok::<(), Error>(())
    });
    ended.unwrap();
    assert_eq!((well, ill), (500, 500));
}

#[test]
fn an_error_of_the_closure_ends_the_run_and_is_returned_as_it_is() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Enough(usize),
        Theirs,
    }
    impl From<Error> for Mine {
        fn from(_: Error) -> Mine {
            Mine::Theirs
        }
    }
    let work = |id: usize, worker: &Worker<'_>| {
        if id == 0 { fetched(id, 0) } else { failed(id, hang(worker)) }
    };
    let mut calls = 0;
    let (_, ended) = run(&plan(&CancelToken::new(), 8), FromIterator(0..), work, |outcome| {
        calls += 1;
        Err(Mine::Enough(outcome.id))
    });
    assert_eq!((ended, calls), (Err(Mine::Enough(0)), 1));
}

#[test]
fn what_comes_after_the_closure_has_refused_is_not_counted_as_delivered() {
    let both = std::sync::Barrier::new(2);
    let work = |id: usize, _: &Worker<'_>| {
        both.wait();
        fetched(id, 0)
    };
    let (delivered, ended) = run(&plan(&CancelToken::new(), 2), FromIterator(0..2), work, |_| {
        Err(Error::new(ErrorKind::Status, "enough"))
    });
    assert_eq!((delivered, ended.is_err()), (1, true));
}

#[test]
fn a_cancel_from_outside_ends_it_from_every_wait() {
    let cancel = CancelToken::new();
    let (at_work, begun) = bounded(1);
    let work = |id: usize, worker: &Worker<'_>| {
        let _ = at_work.try_send(());
        failed(id, hang(worker))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begun.recv().unwrap();
            cancel.cancel();
        });
        let (_, ended) = run(&plan(&cancel, 8), FromIterator(0..), work, |_| Ok::<(), Error>(()));
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    });
    let next = || panic!("a cancelled run pulls nothing");
    let source = FromIterator(std::iter::from_fn(next));
    let (_, ended) =
        run(&plan(&cancel, 8), source, |id: u8, _: &Worker<'_>| fetched(id, 0), |_| Ok::<(), Error>(()));
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_cancel_or_a_deadline_ends_the_wait_for_ids_of_a_silent_channel() {
    let (ids_in, ids) = bounded::<u8>(1);
    let work = |id: u8, _: &Worker<'_>| fetched(id, 0);
    let deadline = CancelToken::new().with_timeout(Duration::from_millis(20));
    let (_, ended) =
        run(&plan(&deadline, 2), FromChannel::new(&ids, &deadline), work, |_| Ok::<(), Error>(()));
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    for _ in 0..500 {
        let cancel = CancelToken::new();
        ids_in.send(7).unwrap();
        std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                run(&plan(&cancel, 2), FromChannel::new(&ids, &cancel), work, |outcome| {
                    assert_eq!(outcome.id, 7);
                    cancel.cancel();
                    Ok::<(), Error>(())
                })
            });
            assert_eq!(call.join().unwrap().1.unwrap_err().kind(), ErrorKind::Cancelled);
        });
    }
    ids_in.send(1).unwrap();
    drop(ids_in);
    let cancel = CancelToken::new();
    let (delivered, ended) =
        run(&plan(&cancel, 2), FromChannel::new(&ids, &cancel), work, |_| Ok::<(), Error>(()));
    ended.unwrap();
    assert_eq!(delivered, 1);
}

#[test]
fn outcomes_flow_while_a_channel_is_open() {
    let (ids_in, ids) = bounded(4);
    let cancel = CancelToken::new();
    let (out, outcomes) = mpsc::channel();
    std::thread::scope(|scope| {
        let work = |id: u32, _: &Worker<'_>| fetched(id, 0);
        let (ids, cancel) = (&ids, &cancel);
        scope.spawn(move || {
            run(&plan(cancel, 2), FromChannel::new(ids, cancel), work, |outcome| {
                out.send(outcome.id).unwrap();
                Ok::<(), Error>(())
            })
        });
        for id in 0..100 {
            ids_in.send(id).unwrap();
            assert_eq!(outcomes.recv().unwrap(), id);
        }
        drop(ids_in);
    });
}

/// The deadline of a call stops the taking of ids; what is on the wire may go on.
#[test]
fn a_deadline_that_cannot_be_met_lets_what_is_on_the_wire_finish() {
    let (go, wait) = crossbeam_channel::bounded(1);
    let work = |id: usize, _: &Worker<'_>| match id {
        0 => {
            wait.recv().unwrap();
            fetched(id, 0)
        }
        _ => {
            let _ = go.try_send(());
            failed(id, ErrorKind::DeadlineExceeded)
        }
    };
    let mut delivered = Vec::new();
    let (_, ended) = run(&plan(&CancelToken::new(), 2), FromIterator(0..1_000), work, |outcome| {
        delivered.push(outcome.id);
        Ok::<(), Error>(())
    });
    let error = ended.unwrap_err();
    // The one that was fetched may have let its worker meet the deadline first, with the id behind.
    assert!(
        matches!(error.id(), Some("1" | "2")) && error.kind() == ErrorKind::DeadlineExceeded,
        "{error:?}"
    );
    assert_eq!(delivered, [0]);
}

/// Nothing comes back before all are at work, so nothing would wake a caller that slept with too few of them.
#[test]
fn all_workers_are_at_work_before_the_first_outcome() {
    const WORKERS: usize = 256;
    let (at_work, all) = (Mutex::new(0), std::sync::Condvar::new());
    let work = |id: usize, _: &Worker<'_>| {
        let mut count = at_work.lock().unwrap();
        *count += 1;
        all.notify_all();
        let patience = Duration::from_secs(10);
        let (count, _) = all.wait_timeout_while(count, patience, |count| *count < WORKERS).unwrap();
        if *count < WORKERS { failed(id, ErrorKind::Status) } else { fetched(id, 0) }
    };
    let cancel = CancelToken::new();
    let ended = run(&plan(&cancel, WORKERS), FromIterator(0..WORKERS), work, |_| Ok::<(), Error>(()));
    assert_eq!(ended.0, WORKERS as u64, "{:?}", ended.1);
}

#[test]
fn nothing_is_pulled_while_an_outcome_waits_nor_beyond_the_look_ahead() {
    let (pulled, delivered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let in_closure = AtomicBool::new(false);
    let ids = (0..2_000_usize).inspect(|_| {
        assert!(!in_closure.load(Ordering::SeqCst));
        let ahead = pulled.fetch_add(1, Ordering::SeqCst) - delivered.load(Ordering::SeqCst);
        assert!(ahead <= 2 * look_ahead(4) + 4, "{ahead}");
    });
    let (_, ended) = run(
        &plan(&CancelToken::new(), 4),
        FromIterator(ids),
        |id, _: &Worker<'_>| fetched(id, 0),
        |_| {
            in_closure.store(true, Ordering::SeqCst);
            std::thread::yield_now();
            in_closure.store(false, Ordering::SeqCst);
            delivered.fetch_add(1, Ordering::SeqCst);
            Ok::<(), Error>(())
        },
    );
    ended.unwrap();
}

#[test]
fn a_panic_anywhere_ends_the_rest_and_is_raised_again() {
    let idle = |id: usize, worker: &Worker<'_>| {
        if id == 0 { fetched(id, 0) } else { failed(id, hang(worker)) }
    };
    let payload =
        |run: &dyn Fn()| *catch_unwind(AssertUnwindSafe(run)).unwrap_err().downcast::<&str>().unwrap();
    let cancel = CancelToken::new();
    let in_closure = payload(&|| {
        _ = run(&plan(&cancel, 4), FromIterator(0..), idle, |_| -> Result<(), Error> { panic!("closure") });
    });
    let in_iterator = payload(&|| {
        let ids = (0..).inspect(|id| {
            if *id == 5 {
                panic!("iterator")
            }
        });
        _ = run(&plan(&cancel, 4), FromIterator(ids), idle, |_| Ok::<(), Error>(()));
    });
    let in_worker = payload(&|| {
        let work = |id: usize, worker: &Worker<'_>| {
            if id == 3 { panic!("worker") } else { failed(id, hang(worker)) }
        };
        _ = run(&plan(&cancel, 4), FromIterator(0..), work, |_| Ok::<(), Error>(()));
    });
    assert_eq!([in_closure, in_iterator, in_worker], ["closure", "iterator", "worker"]);
    assert_eq!(cancel.check(), Ok::<(), Stopped>(()), "the user's own token is left alone");
}

#[test]
fn a_refused_thread_is_an_error_or_fewer_workers() {
    let cancel = CancelToken::new();
    let run_with = |refuse: fn(&str) -> io::Result<()>| {
        let plan = Plan { spawner: Spawner(refuse), ..plan(&cancel, 8) };
        run(&plan, FromIterator(0..100), |id: usize, _: &Worker<'_>| fetched(id, 0), |_| Ok::<(), Error>(()))
    };
    let (_, ended) = run_with(|_| Err(io::ErrorKind::WouldBlock.into()));
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Thread);
    let (_, ended) = run_with(|name| match name {
        "fanout-watchdog" => Ok(()),
        _ => Err(io::ErrorKind::WouldBlock.into()),
    });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Thread);
    let (delivered, ended) = run_with(|name| match name {
        "fanout-2" => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    });
    ended.unwrap();
    assert_eq!(delivered, 100);
}

/// Ids are the caller's, and so is what their `Drop` does.
#[test]
fn a_panic_in_the_drop_of_an_id_ends_the_run_as_well() {
    struct Explosive(usize);
    impl Display for Explosive {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }
    impl Drop for Explosive {
        fn drop(&mut self) {
            if self.0 == 0 && !std::thread::panicking() {
                panic!("this panic belongs to a test");
            }
        }
    }
    let (done, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let ids = (0..1_000).map(Explosive);
            let work = |id: Explosive, _: &Worker<'_>| failed(id, ErrorKind::DeadlineExceeded);
            run(&plan(&CancelToken::new(), 1), FromIterator(ids), work, |_| Ok::<(), Error>(())).1
        }));
        let _ = done.send(caught.err().and_then(|panic| panic.downcast_ref::<&str>().map(|s| s.to_string())));
    });
    let caught = waits.recv_timeout(Duration::from_secs(10)).expect("it returns");
    assert_eq!(caught.as_deref(), Some("this panic belongs to a test"));
}

/// An in-flight permit that were given back before the run is cancelled would let one more request out.
#[test]
fn what_a_failed_id_held_is_let_go_of_only_when_the_others_have_been_told() {
    struct Failing<'a> {
        told: &'a AtomicBool,
        user: &'a CancelToken,
    }
    impl Work<u8> for Failing<'_> {
        type Tries = ();

        fn work(&self, Job { id, .. }: Job<u8, ()>, worker: &Worker<'_>) -> (Step<u8, ()>, impl FnOnce()) {
            let call = worker.cancel.clone();
            assert!(!call.is_cancelled() && !self.user.is_cancelled());
            let step = Step::Settled(failed(id, ErrorKind::Status));
            (step, move || self.told.store(call.is_cancelled(), Ordering::SeqCst))
        }
    }
    let (told, user) = (AtomicBool::new(false), CancelToken::new());
    let work = Failing { told: &told, user: &user };
    let (_, ended) =
        super::run(&plan(&user, 1), FromIterator([7].into_iter()), &work, |_| Ok::<(), Error>(()));
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Status);
    assert!(told.load(Ordering::SeqCst));
}
