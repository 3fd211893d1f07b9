//! The end of a server: at once, with every thread joined, whatever they are blocked in.

use std::time::{Duration, Instant};

use fanout::test_kit::{Answer, Gate, Server};

use super::Raw;
use crate::support::{AT_ONCE, GUARD, alone, spawn, threads};

const HOUR: Duration = Duration::from_secs(3_600);

/// More than the buffers of both sides hold.
const LARGE: usize = 16 * 1024 * 1024;

#[test]
fn the_end_comes_at_once_and_leaves_no_thread_behind() {
    alone("test_kit::end::the_end_comes_at_once_and_leaves_no_thread_behind", || {
        let before = threads();
        let gate = Gate::new();
        let server = Server::start(|script| {
            script
                .for_id("1", Answer::hang())
                .for_id("2", Answer::hang_in_body())
                .for_id("3", Answer::ok("").held_by(&gate))
                .for_id("4", Answer::ok("").after(HOUR))
                .for_id("5", Answer::ok("slow").dripping(1, HOUR))
                .for_id("6", Answer::ok(vec![b'x'; LARGE]))
        });
        let mut held: Vec<Raw> = (1..=6)
            .map(|id| {
                let mut raw = Raw::connect(&server);
                raw.send(&format!("GET /{id} HTTP/1.1\r\n\r\n"));
                raw
            })
            .collect();
        // One that is idle after an answer, one that has sent half a head, and one that has sent nothing.
        let mut idle = Raw::connect(&server);
        idle.send("GET /7 HTTP/1.1\r\n\r\n");
        idle.expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7");
        let mut begun = Raw::connect(&server);
        begun.send("GET /8 HT");
        held.extend([idle, begun, Raw::connect(&server)]);
        assert_eq!(server.wait_for_requests(7, GUARD).len(), 7);

        let start = Instant::now();
        let (_, took) = spawn(move || drop(server)).wait_since(start);
        assert!(took < AT_ONCE, "{took:?}");
        // The thread that dropped it has sent its result, and may not have ended yet.
        crate::support::until("all threads have ended", || threads() == before);
        drop(held);
    });
}

#[test]
fn nobody_answers_after_the_end() {
    let server = Server::start(|script| script);
    let address = server.address();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn two_servers_may_share_a_gate_and_one_may_end_first() {
    let gate = Gate::new();
    let start = || Server::start(|script| script.otherwise(Answer::ok("late").closing().held_by(&gate)));
    let (one, two) = (start(), start());
    let [mut first, mut second] = [&one, &two].map(Raw::connect);
    for (raw, server) in [(&mut first, &one), (&mut second, &two)] {
        raw.send("GET /7 HTTP/1.1\r\n\r\n");
        assert_eq!(server.wait_for_requests(1, GUARD).len(), 1);
    }
    drop(one);
    assert_eq!(first.rest(), "");
    gate.open();
    assert!(second.rest().ends_with("late"));
}
