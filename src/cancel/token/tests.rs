//! Cancels and registrations that meet, and a tree that comes and goes.

use super::*;
use std::sync::atomic::AtomicUsize;
use std::sync::{Barrier, mpsc};
use std::thread;

#[derive(Default)]
struct Count(AtomicUsize);

impl Interrupt for Count {
    fn interrupt(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn listeners(token: &CancelToken) -> usize {
    token.node.listeners.lock().list.len()
}

#[test]
fn a_cancel_goes_down_the_tree_and_not_up() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let leaf = left.child();
    left.cancel();
    assert_eq!([&root, &left, &right, &leaf].map(CancelToken::is_cancelled), [false, true, false, true]);
    root.cancel();
    assert!(right.is_cancelled());
    assert!(root.child().is_cancelled(), "a child of a cancelled token is born cancelled");
}

#[test]
fn a_cancel_passes_through_a_token_that_was_dropped() {
    let root = CancelToken::new();
    let leaf = root.child().child().child();
    root.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn the_earlier_deadline_counts() {
    let root = CancelToken::new();
    assert_eq!(root.deadline(), None);
    let now = Instant::now();
    let hour = root.with_deadline(now + Duration::from_secs(3_600));
    assert_eq!(hour.with_deadline(now + Duration::from_secs(7_200)).deadline(), hour.deadline());
    assert_eq!(hour.child().deadline(), hour.deadline());
    assert_eq!(root.with_timeout(Duration::MAX).deadline(), None);
    let over = hour.with_deadline(now);
    assert_eq!(over.check(), Err(Stopped::DeadlineExceeded));
    assert!(over.is_cancelled() && !hour.is_cancelled());
    over.cancel();
    assert_eq!(over.check(), Err(Stopped::Cancelled));
}

#[test]
fn each_waiter_is_interrupted_once_and_none_after_it_left() {
    let token = CancelToken::new();
    let (stays, leaves) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let child = token.child();
    let _kept = child.register(stays.clone()).ok();
    drop(token.register(leaves.clone()).ok());
    drop(child); // the registration holds it
    token.cancel();
    token.cancel();
    assert_eq!((stays.get(), leaves.get()), (1, 0));
}

#[test]
fn a_late_registration_is_refused() {
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(token.register(Arc::new(Count::default())).err(), Some(Stopped::Cancelled));
}

/// Registering and cancelling race; whoever comes second must see the other.
#[test]
fn a_registration_that_races_a_cancel_is_interrupted_or_refused() {
    for _ in 0..2_000 {
        let token = CancelToken::new();
        let waiter = Arc::new(Count::default());
        let start = Arc::new(Barrier::new(2));
        let canceller = {
            let (token, start) = (token.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                token.cancel();
            })
        };
        start.wait();
        let registered = token.register(waiter.clone());
        canceller.join().unwrap();
        assert_eq!(waiter.get(), usize::from(registered.is_ok()));
    }
}

#[test]
fn a_parent_that_lives_for_long_keeps_nothing_of_its_children() {
    let root = CancelToken::new();
    for _ in 0..1_000 {
        let child = root.child();
        drop(child.register(Arc::new(Count::default())));
    }
    assert_eq!(listeners(&root), 0);
}

#[test]
fn a_chain_of_a_hundred_thousand_is_cancelled_and_dropped_without_recursion() {
    let (done, waits) = mpsc::channel();
    let small = thread::Builder::new().stack_size(64 * 1024);
    let handle = small.spawn(move || {
        let root = CancelToken::new();
        let mut leaf = root.clone();
        for _ in 0..100_000 {
            leaf = leaf.child();
        }
        root.cancel();
        done.send(leaf.is_cancelled()).unwrap();
    });
    assert!(waits.recv().unwrap());
    handle.unwrap().join().unwrap();
}
