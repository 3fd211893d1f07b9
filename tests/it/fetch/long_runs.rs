//! Memory and threads do not grow, and nothing is lost.

use super::*;

/// Long ids and many of them: whoever keeps them, or a list of anything, is found out.
#[test]
fn fetch_each_needs_no_more_memory_for_many_ids_than_for_few() {
    alone("fetch::long_runs::fetch_each_needs_no_more_memory_for_many_ids_than_for_few", || {
        const WARM_UP: usize = 11_000;
        const MOST_GROWTH_KIB: u64 = 4 * 1_024;
        let server = Server::answering(|_| Answer::ok("body"));
        let client = builder(server.url()).build().unwrap();
        let run = |ids: usize| {
            let client = client.clone();
            let ids = (0..ids).map(|id| format!("{id:0>500}"));
            let mut delivered = 0;
            let end = client.fetch_each(&CancelToken::new(), ids, |_| {
                delivered += 1;
                Ok::<_, Error>(())
            });
            end.unwrap();
            delivered
        };
        assert_eq!(run(WARM_UP), WARM_UP);
        let before = memory_kib("VmHWM");
        assert_eq!(run(3 * WARM_UP), 3 * WARM_UP);
        let growth = memory_kib("VmHWM") - before;
        assert!(growth < MOST_GROWTH_KIB, "{growth} KiB more for {} KiB of ids", 3 * WARM_UP * 500 / 1_024);
    });
}

/// The bodies that wait for a slow closure are bounded by their bytes, not only by their number.
#[test]
fn a_slow_closure_holds_back_large_bodies() {
    const BODY: usize = 1 << 20;
    const ROOM: usize = 4;
    const IN_FLIGHT: usize = 2;
    let server = Server::answering(|_| Answer::ok(vec![b'x'; BODY]));
    let client = builder(server.url()).max_in_flight(IN_FLIGHT).build().unwrap();
    let sent = Arc::new(server);
    let call = {
        let (client, sent) = (client.clone(), sent.clone());
        spawn(move || {
            let mut delivered = 0;
            client.fetch_each(&CancelToken::new(), 0..60, |_| {
                // It stands still when the room is full, or at the end.
                until("nothing moves", || client.in_flight() == 0);
                let waiting = sent.requests() - delivered;
                assert!(waiting <= ROOM + IN_FLIGHT + 1, "{waiting} bodies of a MiB wait");
                delivered += 1;
                Ok::<_, Error>(())
            })
        })
    };
    call.wait().unwrap();
    assert_eq!(sent.requests(), 60);
}

#[test]
fn a_call_leaves_no_thread_behind() {
    alone("fetch::long_runs::a_call_leaves_no_thread_behind", || {
        let server = Server::start();
        let before = threads();
        let client = builder(server.url()).max_in_flight(8).build().unwrap();
        for status in [200, 500] {
            let call = fetch(&client, &CancelToken::new(), &["1", "2", "3", "4", "5", "6", "7", "8"]);
            for (id, request) in server.take(8) {
                if status == 200 || id == "8" {
                    request.answer(status, "");
                }
            }
            assert_eq!(call.wait().is_ok(), status == 200);
        }
        drop(client);
        server.finish();
        // A thread that was joined may be on its way out for a moment longer.
        until("only those from before are left", || threads() == before);
    });
}

#[test]
fn every_id_of_a_long_run_is_fetched_exactly_once() {
    let server = Server::echo();
    let client = builder(server.url()).max_in_flight(16).build().unwrap();
    let bodies = spawn(move || client.fetch_all(&CancelToken::new(), 0..3_000_u32)).wait().unwrap();
    assert_eq!(bodies.len(), 3_000);
    assert!(bodies.into_iter().all(|(id, body)| text(body) == id.to_string()));
    let ids = server.ids();
    assert_eq!(ids.len(), 3_000);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 3_000);
}
