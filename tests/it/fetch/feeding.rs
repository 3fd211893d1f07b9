//! Ids are pulled, and outcomes delivered, on the thread of the caller.

use super::*;

#[test]
fn an_error_of_the_closure_stops_the_run_and_is_returned() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ["first", "hangs", "never"], |_| Err(Mine::Enough))
        })
    };
    let mut requests = server.take(2);
    requests.remove("first").unwrap().answer(200, "");
    assert!(matches!(call.wait(), Err(Mine::Enough)));
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
}

#[test]
fn an_error_of_the_client_reaches_the_caller_as_its_own() {
    let server = Server::answering(|_| Answer::status(500));
    let client = builder(server.url()).build().unwrap();
    let end = spawn(move || client.fetch_each(&CancelToken::new(), ["a"], |_| Err(Mine::Enough))).wait();
    let Err(Mine::Fanout(error)) = end else { panic!("{end:?}") };
    assert_eq!(error.kind(), ErrorKind::Status);
}

/// An iterator that counts how often it is asked.
fn counted(asked: &Arc<AtomicUsize>) -> impl Iterator<Item = usize> + Send + use<> {
    let asked = asked.clone();
    (0..).inspect(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
    })
}

#[test]
fn ids_are_pulled_only_a_little_ahead_of_what_is_sent() {
    const IN_FLIGHT: usize = 4;
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(IN_FLIGHT).build().unwrap();
    let (asked, cancel) = (Arc::new(AtomicUsize::new(0)), CancelToken::new());
    let call = {
        let (ids, cancel) = (counted(&asked), cancel.clone());
        spawn(move || client.fetch_each(&cancel, ids, |_| Ok::<_, Error>(())))
    };
    // All workers hang, so the source is endless and the look-ahead soon full. Each answer makes room for one
    // more.
    let requests = server.take(IN_FLIGHT);
    for request in requests.into_values() {
        request.answer(200, "");
    }
    let held = server.take(IN_FLIGHT);
    let pulled = asked.load(Ordering::SeqCst);
    assert!(pulled <= 2 * IN_FLIGHT + 64, "{pulled} ids pulled for {} requests", 2 * IN_FLIGHT);
    cancel.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    let pulled = asked.load(Ordering::SeqCst);
    assert!(pulled <= 2 * IN_FLIGHT + 64, "{pulled} ids pulled for {} requests", 2 * IN_FLIGHT);
    drop(held);
}

/// The closure is the slow one here. While it has not returned, `next` must not be called, and what has been
/// fetched meanwhile must stay bounded.
#[test]
fn a_slow_closure_holds_back_the_requests_and_the_ids() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (asked, in_closure) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open, gate) = gate();
    let ids = {
        let in_closure = in_closure.clone();
        counted(&asked).take(2_000).inspect(move |_| assert_eq!(in_closure.load(Ordering::SeqCst), 0))
    };
    let call = {
        let in_closure = in_closure.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ids, |_| {
                in_closure.store(1, Ordering::SeqCst);
                gate.pass();
                in_closure.store(0, Ordering::SeqCst);
                Ok::<_, Error>(())
            })
        })
    };
    until("the closure runs", || in_closure.load(Ordering::SeqCst) == 1);
    for _ in 0..100 {
        open.send(()).unwrap();
    }
    until("it stands still again", || open.is_empty() && in_closure.load(Ordering::SeqCst) == 1);
    let (pulled, sent) = (asked.load(Ordering::SeqCst), server.requests());
    assert!(pulled <= 101 + 200 && sent <= pulled, "{pulled} ids pulled and {sent} sent, 101 taken");
    drop(open);
    call.wait().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2_000);
}

/// "`next()` is not called while an outcome waits": an outcome must reach the closure although the source is
/// endless and fast.
#[test]
fn an_outcome_that_waits_comes_before_the_next_id() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(1).build().unwrap();
    let delivered = Arc::new(AtomicUsize::new(0));
    let pulls: Arc<Mutex<Vec<usize>>> = Arc::default();
    let ids = {
        let (delivered, pulls) = (delivered.clone(), pulls.clone());
        (0..40).inspect(move |_| pulls.lock().push(delivered.load(Ordering::SeqCst)))
    };
    let call = spawn(move || {
        client.fetch_each(&CancelToken::new(), ids, |_| {
            delivered.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(())
        })
    });
    for _ in 0..40 {
        server.next().answer(200, "");
    }
    call.wait().unwrap();
    // When the last id was pulled, all outcomes but those of the look-ahead had been delivered.
    let last = *pulls.lock().last().unwrap();
    assert!(last >= 40 - 1 - 16, "{last} of 40 delivered when the last id was pulled");
}

#[test]
fn ids_can_come_from_a_channel_that_stays_open() {
    let server = Server::echo();
    let client = builder(server.url()).build().unwrap();
    let (sender, ids) = crossbeam_channel::unbounded();
    let (delivered, outcomes) = crossbeam_channel::unbounded();
    let call = spawn(move || {
        client.fetch_each_received(&CancelToken::new(), &ids, |outcome| {
            delivered.send(outcome.id).unwrap();
            Ok::<_, Error>(())
        })
    });
    for id in 0..50 {
        sender.send(id).unwrap();
        assert_eq!(outcomes.recv_timeout(crate::support::GUARD), Ok(id), "it must not wait for the next id");
    }
    assert!(call.is_running());
    drop(sender);
    call.wait().unwrap();
}

#[test]
fn waiting_for_a_channel_that_stays_empty_ends_with_a_cancel_a_deadline_or_a_failure() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (sender, ids) = crossbeam_channel::unbounded();
    let start_one = |cancel: CancelToken| {
        let (client, ids) = (client.clone(), ids.clone());
        spawn(move || client.fetch_each_received(&cancel, &ids, |_| Ok::<_, Error>(())))
    };
    let idle = CancelToken::new();
    let call = start_one(idle.clone());
    idle.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);

    // All workers are there by then, and have nothing to do.
    let idle = CancelToken::new();
    let call = start_one(idle.clone());
    for _ in 0..4 {
        sender.send("good").unwrap();
        server.next().answer(200, "");
    }
    until("all workers are idle", || client.in_flight() == 0);
    idle.cancel();
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Cancelled);

    let cancel = CancelToken::new();
    let call = start_one(cancel.clone());
    sender.send("hangs").unwrap();
    let mut hangs = server.next();
    let start = Instant::now();
    cancel.cancel();
    let (end, took) = call.wait_since(start);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(took < AT_ONCE, "{took:?}");
    hangs.wait_closed_by_peer();

    let call = start_one(CancelToken::new().with_timeout(Duration::from_millis(100)));
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::DeadlineExceeded);

    let call = start_one(CancelToken::new());
    sender.send("fails").unwrap();
    server.next().answer(500, "");
    assert_eq!(call.wait().unwrap_err().id(), Some("fails"));
}
