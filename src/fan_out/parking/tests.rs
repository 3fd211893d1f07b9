//! The keeper by itself, on a clock that is moved by hand; and the engine with work that asks for ids to come again.

use std::collections::HashMap;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::fan_out::{FromIterator, Plan, Spawner, Step, Work, Worker};
use crate::outcome::{Outcome, Response, Times};
use crate::room::Lent;

type Tried = Job<usize, u32>;

fn job(id: usize) -> Tried {
    Job { id, tries: 1 }
}

fn ids(of: impl IntoIterator<Item = usize>) -> Receiver<usize> {
    let (sender, ids) = bounded(100);
    of.into_iter().for_each(|id| sender.send(id).unwrap());
    ids
}

fn tick<J>(parking: &Parking<J>) {
    drop(parking.state.lock());
    parking.changed.notify_one();
}

#[test]
fn what_is_due_comes_in_its_order_and_before_a_new_id() {
    let clock = Clock::manual();
    let parking = Parking::new(8, clock.clone(), &CancelToken::new(), Arc::default());
    let (start, ids) = (clock.now(), ids([7, 8]));
    thread::scope(|scope| {
        scope.spawn(|| parking.keep());
        for (id, seconds) in [(3, 3), (1, 1), (2, 2), (0, 1)] {
            parking.park(job(id), start + Duration::from_secs(seconds));
        }
        assert_eq!(parking.next(&ids).map(|job| (job.id, job.tries)), Some((7, 0)));
        clock.advance(Duration::from_secs(2));
        tick(&parking);
        while parking.due.len() < 3 {
            thread::yield_now();
        }
        let order = [(); 4].map(|()| parking.next(&ids).map(|job| (job.id, job.tries)));
        assert_eq!(order, [Some((1, 1)), Some((0, 1)), Some((2, 1)), Some((8, 0))]);
        parking.close();
    });
}

#[test]
fn no_new_id_is_taken_while_three_for_each_worker_are_parked() {
    let clock = Clock::manual();
    let parking = Parking::new(2, clock.clone(), &CancelToken::new(), Arc::default());
    let ids = ids([7]);
    for id in 0..6 {
        parking.park(job(id), clock.now() + Duration::from_secs(1));
    }
    thread::scope(|scope| {
        let waits = scope.spawn(|| parking.next(&ids).map(|job| job.id));
        scope.spawn(|| parking.keep());
        clock.advance(Duration::from_secs(1));
        tick(&parking);
        assert_eq!(waits.join().unwrap(), Some(0));
        assert_eq!(ids.len(), 1);
        while parking.due.len() < 5 {
            thread::yield_now();
        }
        let order = [(); 6].map(|()| parking.next(&ids).map(|job| job.id));
        assert_eq!(order, [1, 2, 3, 4, 5, 7].map(Some));
        parking.close();
    });
}

/// One of the workers takes up what is due, and then the others are not idle beside ids that nobody has taken.
#[test]
fn when_fewer_are_parked_all_who_had_to_wait_for_that_take_new_ids() {
    let clock = Clock::manual();
    let parking = Parking::new(3, clock.clone(), &CancelToken::new(), Arc::default());
    let ids = ids([7, 8]);
    for id in 0..9 {
        let seconds = if id == 0 { 1 } else { 3_600 };
        parking.park(job(id), clock.now() + Duration::from_secs(seconds));
    }
    let (says, hears) = mpsc::channel();
    let taken = thread::scope(|scope| {
        for _ in 0..3 {
            let (parking, ids, says) = (&parking, &ids, says.clone());
            scope.spawn(move || says.send(parking.next(ids).map(|job| job.id)).unwrap());
        }
        scope.spawn(|| parking.keep());
        clock.advance(Duration::from_secs(1));
        tick(&parking);
        let taken = [(); 3].map(|()| hears.recv_timeout(Duration::from_secs(10)).ok().flatten());
        parking.close();
        taken
    });
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    assert_eq!(taken, [0, 7, 8].map(Some));
}

#[test]
fn it_is_over_when_the_last_that_was_begun_is_settled_or_at_a_cancel() {
    let cancel = CancelToken::new();
    let ends: [fn(&Parking<Tried>, &CancelToken); 2] =
        [|parking, _| parking.settled(), |_, cancel| cancel.cancel()];
    for end in ends {
        let parking = Parking::new(2, Clock::manual(), &cancel.child(), Arc::default());
        parking.begun();
        parking.settled();
        let exhausted = ids([]);
        thread::scope(|scope| {
            let waiting = [(); 2].map(|()| scope.spawn(|| parking.next(&exhausted).map(|job| job.id)));
            end(&parking, &cancel);
            assert_eq!(waiting.map(|waiting| waiting.join().unwrap()), [None, None]);
        });
    }
    let late = Parking::<Tried>::new(2, Clock::manual(), &cancel, Arc::default());
    assert!(late.next(&ids([])).is_none(), "it was over before it began");
}

/// Of two calls together: who is due, and who has been given up, too, until its call has ended.
#[test]
fn all_that_is_parked_is_counted_until_it_is_taken_up_or_its_call_has_ended() {
    let clock = Clock::manual();
    let all = Arc::new(AtomicUsize::new(0));
    let parked = || all.load(Ordering::SeqCst);
    let [one, other] = [(); 2].map(|()| Parking::new(2, clock.clone(), &CancelToken::new(), all.clone()));
    for (parking, seconds) in [(&one, 1), (&one, 3_600), (&other, 3_600)] {
        parking.park(job(7), clock.now() + Duration::from_secs(seconds));
    }
    assert_eq!(parked(), 3);
    let exhausted = ids([]);
    thread::scope(|scope| {
        scope.spawn(|| one.keep());
        clock.advance(Duration::from_secs(1));
        tick(&one);
        assert!(one.next(&exhausted).is_some());
        assert_eq!(parked(), 2);
        one.close();
    });
    one.park(job(8), clock.now());
    drop(one);
    assert_eq!(parked(), 1);
    drop(other);
    assert_eq!(parked(), 0);
}

/// Work that asks for an id to come again, by its number of tries.
struct Trying<F>(F);

impl<F: Fn(usize, u32, &Worker<'_>) -> Option<Instant> + Sync> Work<usize> for Trying<F> {
    type Tries = u32;

    fn work(&self, Job { id, tries }: Tried, worker: &Worker<'_>) -> (Step<usize, u32>, impl FnOnce()) {
        let step = match (self.0)(id, tries, worker) {
            Some(due) => Step::Again(Job { id, tries: tries + 1 }, due),
            None => Step::Settled(outcome(id, worker)),
        };
        (step, || ())
    }
}

fn outcome(id: usize, worker: &Worker<'_>) -> Outcome<usize> {
    let times = Times { taken_at: Instant::now(), waited: Duration::ZERO, latency: Duration::ZERO };
    let result = match worker.cancel.check() {
        Ok(()) => Ok(Response { status: StatusCode::OK, headers: HeaderMap::new(), body: Vec::new() }),
        Err(_) => Err(Error::new(ErrorKind::DeadlineExceeded, "too late").about("0", 1)),
    };
    Outcome { id, attempt: 1, result, times, earlier: Vec::new(), room: Lent::default() }
}

fn plan(cancel: &CancelToken, workers: usize) -> Plan<'_> {
    Plan {
        cancel,
        workers,
        keep_going: false,
        retries: true,
        clock: Clock::default(),
        fellows: None,
        parked: Arc::default(),
        spawner: Spawner::default(),
    }
}

fn run(
    plan: &Plan<'_>,
    of: impl Iterator<Item = usize>,
    work: impl Fn(usize, u32, &Worker<'_>) -> Option<Instant> + Sync,
    mut each: impl FnMut(usize),
) -> Result<(), Error> {
    let delivered = |outcome: Outcome<usize>| {
        each(outcome.id);
        Ok::<(), Error>(())
    };
    crate::fan_out::run(plan, FromIterator(of), &Trying(work), delivered).1
}

#[test]
fn each_id_is_tried_as_often_as_asked_for_and_delivered_once() {
    for (count, workers) in [(0, 8), (1, 8), (1_000, 1), (1_000, 8), (300, 64)] {
        let tried = StdMutex::new(HashMap::new());
        let mut delivered = vec![0; count];
        let work = |id: usize, tries: u32, _: &Worker<'_>| {
            *tried.lock().unwrap().entry(id).or_insert(0) += 1;
            (tries < (id % 4) as u32).then(Instant::now)
        };
        run(&plan(&CancelToken::new(), workers), 0..count, work, |id| delivered[id] += 1).unwrap();
        assert!(delivered.iter().all(|times| *times == 1));
        assert!(tried.into_inner().unwrap().iter().all(|(id, times)| *times == id % 4 + 1));
    }
}

#[test]
fn without_a_keeper_it_is_tried_again_at_once() {
    let cancel = CancelToken::new();
    let plan = Plan { retries: false, ..plan(&cancel, 2) };
    let hour = Instant::now() + Duration::from_secs(3_600);
    let mut delivered = 0;
    run(&plan, 0..10, |_, tries, _| (tries < 3).then_some(hour), |_| delivered += 1).unwrap();
    assert_eq!(delivered, 10);
}

#[test]
fn a_refused_keeper_or_first_worker_is_an_error_and_nobody_waits() {
    let cancel = CancelToken::new();
    let refusals: [fn(&str) -> std::io::Result<()>; 2] = [
        |name| if name == "fanout-keeper" { Err(std::io::ErrorKind::WouldBlock.into()) } else { Ok(()) },
        |name| if name == "fanout-0" { Err(std::io::ErrorKind::WouldBlock.into()) } else { Ok(()) },
    ];
    for refuse in refusals {
        let plan = Plan { spawner: Spawner(refuse), ..plan(&cancel, 4) };
        let ended = run(&plan, 0..100, |_, _, _| None, |_| ());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Thread);
    }
}

#[test]
fn a_parked_id_holds_no_worker_and_a_cancel_ends_its_wait() {
    let cancel = CancelToken::new();
    let hour = Instant::now() + Duration::from_secs(3_600);
    let (all_others, are_done) = mpsc::channel();
    let ended = thread::scope(|scope| {
        let cancel = &cancel;
        scope.spawn(move || {
            are_done.recv_timeout(Duration::from_secs(60)).expect("one worker does for all");
            cancel.cancel();
        });
        let mut left = 20;
        run(
            &plan(cancel, 1),
            0..21,
            |id, _, _| (id == 0).then_some(hour),
            |_| {
                left -= 1;
                if left == 0 {
                    all_others.send(()).unwrap();
                }
            },
        )
    });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn no_more_than_four_for_each_worker_are_parked() {
    let cancel = CancelToken::new();
    let hour = Instant::now() + Duration::from_secs(3_600);
    for workers in [1, 3] {
        let cancel = cancel.child();
        let begun = AtomicUsize::new(0);
        let stuck = |parking: usize| (3 * workers..=4 * workers).contains(&parking);
        let ended = thread::scope(|scope| {
            scope.spawn(|| {
                while !stuck(begun.load(Ordering::SeqCst)) {
                    thread::yield_now();
                }
                // A worker that would go on has many chances to.
                (0..1_000).for_each(|_| thread::yield_now());
                cancel.cancel();
            });
            let work = |_, _, _: &Worker<'_>| {
                begun.fetch_add(1, Ordering::SeqCst);
                Some(hour)
            };
            run(&plan(&cancel, workers), 0..1_000, work, |_| ())
        });
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(stuck(begun.load(Ordering::SeqCst)), "{begun:?} with {workers} workers");
    }
}

/// The caller sleeps while there is no room for another id. That there is room again it must hear, although what made
/// it has no outcome yet.
#[test]
fn the_caller_goes_on_to_feed_when_what_it_fed_is_parked() {
    const WORKERS: usize = 64;
    // One in the hands of each worker, and as many as are pulled ahead of them: fewer than would be too many.
    let parked = WORKERS + crate::fan_out::look_ahead(WORKERS);
    let cancel = CancelToken::new();
    let hour = Instant::now() + Duration::from_secs(3_600);
    let pulled = AtomicUsize::new(0);
    let falls_asleep = || loop {
        let before = pulled.load(Ordering::SeqCst);
        (0..100).for_each(|_| thread::yield_now());
        if before >= WORKERS && before == pulled.load(Ordering::SeqCst) {
            break;
        }
    };
    let (others, are_done) = mpsc::channel();
    let delivered = thread::scope(|scope| {
        let cancel = &cancel;
        let waits = scope.spawn(move || {
            let delivered = are_done.recv_timeout(Duration::from_secs(10)).is_ok();
            cancel.cancel();
            delivered
        });
        let ids = (0..=parked).inspect(|_| _ = pulled.fetch_add(1, Ordering::SeqCst));
        let work = |id, _, _: &Worker<'_>| {
            falls_asleep();
            (id < parked).then_some(hour)
        };
        let ended = run(&plan(cancel, WORKERS), ids, work, |_| others.send(()).unwrap());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
        waits.join().unwrap()
    });
    assert!(delivered, "{pulled:?} of {} were pulled", parked + 1);
}

#[test]
fn a_failure_a_panic_and_a_deadline_end_the_wait_of_what_is_parked() {
    let hour = Instant::now() + Duration::from_secs(3_600);
    let kinds: [fn(&Worker<'_>); 2] = [
        |_| panic!("this panic belongs to a test"),
        |worker| {
            while worker.cancel.check().is_ok() {
                thread::yield_now();
            }
        },
    ];
    for (index, end) in kinds.into_iter().enumerate() {
        let parked = AtomicUsize::new(0);
        let over = AtomicBool::new(false);
        let cancel = CancelToken::new().with_timeout(match index {
            0 => Duration::from_secs(60),
            _ => Duration::from_millis(20),
        });
        let work = |id: usize, _: u32, worker: &Worker<'_>| {
            if id < 5 {
                parked.fetch_add(1, Ordering::SeqCst);
                return Some(hour);
            }
            while parked.load(Ordering::SeqCst) < 5 && worker.cancel.check().is_ok() {
                thread::yield_now();
            }
            end(worker);
            over.store(true, Ordering::SeqCst);
            None
        };
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&plan(&cancel, 4), 0..6, work, |_| ())
        }));
        match ran {
            Err(_) => assert_eq!(index, 0),
            Ok(ended) => assert_eq!(ended.unwrap_err().kind(), ErrorKind::DeadlineExceeded),
        }
    }
}
