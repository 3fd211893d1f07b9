//! The room of bodies: who waits for it, and what ends that.

use super::*;
use crate::room::Room;

#[test]
fn bodies_that_wait_are_bounded_by_their_bytes() {
    const BODY: usize = 1024 * 1024;
    let waiting = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    let work = |id: usize, _: &Worker<'_>| {
        most.fetch_max(waiting.fetch_add(BODY, Ordering::SeqCst) + BODY, Ordering::SeqCst);
        fetched(id, BODY)
    };
    let (_, ended) = run(&plan(&CancelToken::new(), 8), FromIterator(0..200), work, |_| {
        (0..100).for_each(|_| std::thread::yield_now());
        waiting.fetch_sub(BODY, Ordering::SeqCst);
        Ok::<(), Error>(())
    });
    ended.unwrap();
    // What waits in the channel, one in each worker's hands, and one in the closure's.
    assert!(most.load(Ordering::SeqCst) <= Room::TOTAL + 9 * BODY);
}

/// As a closure does that hands bodies on to a thread that writes them.
#[test]
fn room_that_is_kept_holds_the_workers_up_until_it_is_given_back() {
    const BODY: usize = Room::TOTAL / 4;
    let kept = Mutex::new(Vec::<Room>::new());
    let (begun, delivered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = |id: usize, _: &Worker<'_>| {
        begun.fetch_add(1, Ordering::SeqCst);
        fetched(id, BODY)
    };
    std::thread::scope(|scope| {
        let (kept, delivered) = (&kept, &delivered);
        let run = scope.spawn(move || {
            run(&plan(&CancelToken::new(), 2), FromIterator(0..20), work, |mut outcome| {
                kept.lock().unwrap().push(outcome.keep_room());
                delivered.fetch_add(1, Ordering::SeqCst);
                Ok::<(), Error>(())
            })
        });
        for full in 1..=5 {
            // As many as there is room for have been delivered, and each worker has one in its hands.
            while delivered.load(Ordering::SeqCst) < 4 * full
                || begun.load(Ordering::SeqCst) < (4 * full + 2).min(20)
            {
                std::thread::yield_now();
            }
            let room = std::mem::take(&mut *kept.lock().unwrap());
            assert_eq!((room.len(), delivered.load(Ordering::SeqCst)), (4, 4 * full));
            assert!(begun.load(Ordering::SeqCst) <= 4 * full + 2);
        }
        assert_eq!(run.join().unwrap().0, 20);
    });
}

#[test]
fn an_end_lets_those_who_wait_for_room_through_though_it_is_kept_for_ever() {
    const BODY: usize = Room::TOTAL;
    for (keep_going, kind) in [
        (false, Some(ErrorKind::Status)),
        (true, Some(ErrorKind::LongPause)),
        (false, Some(ErrorKind::DeadlineExceeded)),
        (false, None),
    ] {
        let cancel = CancelToken::new();
        let kept = Mutex::new(Vec::<Room>::new());
        let (in_hand, delivered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let end = AtomicBool::new(false);
        let work = |id: usize, _: &Worker<'_>| {
            if id < 3 {
                in_hand.fetch_add(1, Ordering::SeqCst);
                return fetched(id, BODY);
            }
            while !end.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            failed(id, kind.unwrap_or(ErrorKind::Cancelled))
        };
        let plan = Plan { keep_going, ..plan(&cancel, 3) };
        let ended = std::thread::scope(|scope| {
            let (plan, work, kept, delivered) = (&plan, &work, &kept, &delivered);
            let run = scope.spawn(move || {
                run(plan, FromIterator(0..4), work, |mut outcome| {
                    kept.lock().unwrap().push(outcome.keep_room());
                    delivered.fetch_add(1, Ordering::SeqCst);
                    Ok::<(), Error>(())
                })
            });
            // One has all the room, two workers wait for it, and the third is about to fail.
            while delivered.load(Ordering::SeqCst) < 1 || in_hand.load(Ordering::SeqCst) < 3 {
                std::thread::yield_now();
            }
            end.store(true, Ordering::SeqCst);
            if kind.is_none() {
                cancel.cancel();
            }
            run.join().unwrap()
        });
        assert_eq!(ended.0, 3, "what has been fetched is delivered");
        assert_eq!(ended.1.unwrap_err().kind(), kind.unwrap_or(ErrorKind::Cancelled));
    }
}
