//! What an observer is shown of the wire: each request, as it ended, held against what the server saw of it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fanout::{
    Builder, CancelToken, Cost, ErrorKind, Exchange, FanOutClient, Limit, Phases, Rate, Sent, Then,
};
use parking_lot::Mutex;

use crate::support::{
    Answer, HARDLY_EVER, Server, TIMEOUT, Tls, builder, check_every_window, fetch, fetch_each, fetch_one,
    gate, refusing, soon, spawn, tokens_left, until,
};

/// What is kept of an exchange.
#[derive(Clone, Debug)]
struct Seen {
    id: String,
    worker: usize,
    attempt: u32,
    hop: u32,
    is_replay: bool,
    cost: [u32; 2],
    waiting_since: Instant,
    permitted_at: Instant,
    granted_at: Instant,
    started_at: Instant,
    ended_at: Instant,
    phases: Phases,
    is_kept_alive: bool,
    status: Option<u16>,
    body_bytes: Option<usize>,
    sent: Sent,
    error: Option<ErrorKind>,
    was_cut_off: bool,
    pause: Option<(Instant, String)>,
    then: Then,
}

impl Seen {
    fn of(exchange: &Exchange<'_>) -> Seen {
        Seen {
            id: exchange.id.to_owned(),
            worker: exchange.worker,
            attempt: exchange.attempt,
            hop: exchange.hop,
            is_replay: exchange.is_replay,
            cost: [exchange.cost.of(0), exchange.cost.of(1)],
            waiting_since: exchange.waiting_since,
            permitted_at: exchange.permitted_at,
            granted_at: exchange.granted_at,
            started_at: exchange.started_at,
            ended_at: exchange.ended_at(),
            phases: exchange.phases,
            is_kept_alive: exchange.is_kept_alive,
            status: exchange.status.map(|status| status.as_u16()),
            body_bytes: exchange.body_bytes,
            sent: exchange.sent,
            error: exchange.error,
            was_cut_off: exchange.was_cut_off(),
            pause: exchange.pause.map(|pause| (pause.until, pause.told_by.to_owned())),
            then: exchange.then,
        }
    }
}

/// All that was shown, in that order.
#[derive(Clone, Default)]
struct Eye(Arc<Mutex<Vec<Seen>>>);

impl Eye {
    fn on(&self, builder: Builder) -> Builder {
        let seen = self.0.clone();
        builder.observe(move |exchange| seen.lock().push(Seen::of(exchange)))
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().clone()
    }

    fn of(&self, id: &str) -> Seen {
        self.0.lock().iter().find(|seen| seen.id == id).expect("it should have been seen").clone()
    }
}

#[test]
fn a_request_on_a_fresh_connection_makes_it_and_the_next_one_finds_it() {
    for server in [Server::start(), Server::start_tls()] {
        let eye = Eye::default();
        let client = eye.on(builder(server.url())).max_in_flight(1).root_certificates_pem(&*Tls::get().pem);
        let call = fetch(&client.build().unwrap(), &CancelToken::new(), &["fresh", "kept"]);
        for _ in 0..2 {
            server.next().answer(200, "a body");
        }
        call.wait().unwrap();
        let [fresh, kept] = ["fresh", "kept"].map(|id| eye.of(id));
        assert!(!fresh.is_kept_alive && kept.is_kept_alive);
        assert!(fresh.phases.connect > Duration::ZERO);
        assert_eq!(fresh.phases.handshake > Duration::ZERO, server.url().starts_with("https"));
        assert_eq!(kept.phases.setup(), Duration::ZERO);
        for seen in [fresh, kept] {
            assert_eq!((seen.status, seen.body_bytes, seen.sent), (Some(200), Some(6), Sent::Yes));
            assert_eq!((seen.error, seen.pause, seen.then), (None, None, Then::End));
            assert_eq!((seen.worker, seen.attempt, seen.hop, seen.is_replay), (0, 1, 0, false));
        }
    }
}

/// Held against the clock of the test, which only ever sees more of a phase than there was.
#[test]
fn each_phase_lasts_as_long_as_the_server_makes_it_last() {
    let server = Server::start();
    let eye = Eye::default();
    let (head_came, came) = gate();
    let client = eye.on(builder(server.url())).accept_status(move |_| head_came.send(()).is_ok());
    let before = Instant::now();
    let call = fetch(&client.build().unwrap(), &CancelToken::new(), &["a"]);
    let mut request = server.next();
    let (asked, answers) = (request.arrived, Instant::now());
    request.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo");
    came.pass();
    let (reads, goes_on) = (Instant::now(), Instant::now() + Duration::from_millis(5));
    until("some time has passed", || Instant::now() >= goes_on);
    request.send("dy");
    call.wait().unwrap();
    let after = Instant::now();
    let a = eye.of("a");
    let Phases { send, wait, read, .. } = a.phases;
    assert!(send + wait >= answers - asked, "{a:?}");
    assert!(read >= goes_on - reads, "{a:?}");
    assert!(a.phases.total() <= after - before, "{a:?}");
    let instants =
        [before, a.waiting_since, a.permitted_at, a.granted_at, a.started_at, asked, a.ended_at, after];
    assert!(instants.is_sorted(), "{instants:?}");
}

#[test]
fn a_replay_hops_and_a_retry_are_shown_one_by_one_with_what_comes_then() {
    let server = Server::start();
    let eye = Eye::default();
    let client = eye.on(builder(server.url()).rate(HARDLY_EVER).burst(10)).max_in_flight(1).retries(soon(1));
    let client = client.build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["warm"]);
    server.next().answer(200, "");
    call.wait().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    server.next().close();
    server.next().reply(&Answer::redirect(302, "/b"));
    server.next().answer(503, "");
    server.next().reply(&Answer::redirect(302, "/b"));
    server.next().answer(200, "done");
    call.wait().unwrap();
    let seen: Vec<Seen> = eye.seen().into_iter().filter(|seen| seen.id == "a").collect();
    let places: Vec<_> = seen.iter().map(|seen| (seen.attempt, seen.hop, seen.is_replay)).collect();
    assert_eq!(places, [(1, 0, false), (1, 0, true), (1, 1, false), (2, 0, false), (2, 1, false)]);
    let ends: Vec<_> = seen.iter().map(|seen| (seen.status, seen.error, seen.sent)).collect();
    let ok = |status| (Some(status), None, Sent::Yes);
    let died = (None, Some(ErrorKind::Disconnected), Sent::Maybe);
    let failed = (Some(503), Some(ErrorKind::Status), Sent::Yes);
    assert_eq!(ends, [died, ok(302), failed, ok(302), ok(200)]);
    let kept: Vec<bool> = seen.iter().map(|seen| seen.is_kept_alive).collect();
    assert_eq!(kept, [true, false, true, true, true]);
    let Then::Retry(at) = seen[2].then else { panic!("{:?}", seen[2]) };
    assert!(seen[2].ended_at <= at && at <= seen[3].waiting_since);
    let then: Vec<Then> = seen.iter().map(|seen| seen.then).collect();
    assert_eq!(then, [Then::Replay, Then::Redirect, Then::Retry(at), Then::Redirect, Then::End]);
    assert_eq!(seen[4].body_bytes, Some(4));
    assert!(seen[..3].iter().all(|one| one.permitted_at == seen[0].permitted_at), "one permit for a try");
    assert_eq!(tokens_left(&client), 10 - 1 - seen.len());
}

/// A server at which every third id is redirected, and every fourth fails at first.
fn wayward() -> Server {
    let tries: Mutex<HashMap<String, usize>> = Mutex::default();
    Server::answering(move |asked| {
        let number: u32 = asked.id().parse().unwrap();
        let mut tries = tries.lock();
        let tries = tries.entry(asked.target.clone()).or_default();
        *tries += 1;
        match asked.target.starts_with("/hop") {
            false if number % 3 == 0 => Answer::redirect(302, format!("/hop/{number}")),
            _ if number % 4 == 0 && *tries == 1 => Answer::status(503),
            _ => Answer::ok(asked.id()),
        }
    })
}

const IDS: u32 = 240;

/// How many requests those ids take: their own, a hop for a third of them, once more for a quarter, with its hop.
const REQUESTS: u32 = IDS + IDS / 3 + IDS / 4 + IDS / 12;

#[test]
fn the_grants_that_are_shown_are_the_servers_requests_and_keep_every_bound_exactly() {
    let server = wayward();
    let eye = Eye::default();
    let (rate, words) = (Rate::per_second(1_000), Rate::per_second(2_500));
    let client = eye
        .on(builder(server.url()).rate(rate).burst(7).limit(Limit::new(words, 12)))
        .cost(|id| Cost::ONE.with(1, 1 + id.parse::<u32>().unwrap() % 4))
        .retries(soon(1));
    let client = client.build().unwrap();
    spawn(move || client.fetch_all(&CancelToken::new(), 0..IDS)).wait().unwrap();
    let seen = eye.seen();
    assert_eq!((seen.len(), server.requests()), (REQUESTS as usize, REQUESTS as usize));
    check_every_window(seen.iter().map(|seen| seen.granted_at).collect(), rate, 7);
    let of_words = |seen: &Seen| vec![seen.granted_at; seen.cost[1] as usize];
    check_every_window(seen.iter().flat_map(of_words).collect(), words, 12);
    assert!(seen.iter().all(|seen| seen.cost == [1, 1 + seen.id.parse::<u32>().unwrap() % 4]));

    let retried = seen.iter().filter(|seen| matches!(seen.then, Then::Retry(_)));
    assert_eq!(retried.count(), (IDS / 4) as usize);
    let mut lanes: HashMap<usize, Vec<&Seen>> = HashMap::new();
    seen.iter().for_each(|seen| lanes.entry(seen.worker).or_default().push(seen));
    assert!(lanes.keys().all(|worker| *worker < 8), "{:?}", lanes.keys());
    for lane in lanes.values() {
        let follow = |two: &[&Seen]| two[0].ended_at <= two[1].waiting_since;
        assert!(lane.windows(2).all(follow), "a worker does one thing at a time");
    }
}

#[test]
fn nothing_else_is_changed_by_being_observed() {
    let run = |observed: bool| {
        let server = wayward();
        let client = builder(server.url()).retries(soon(1)).rate(HARDLY_EVER).burst(REQUESTS + 5);
        let client = if observed { Eye::default().on(client) } else { client }.build().unwrap();
        let ids: Vec<String> = (0..IDS).map(|id| id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
        let run = fetch_each(&client, &CancelToken::new(), &ids).wait();
        run.end.unwrap();
        let outcomes = run.outcomes.into_iter().map(|outcome| {
            let earlier: Vec<_> = outcome.earlier.iter().map(|error| error.status()).collect();
            (outcome.id, outcome.attempt, outcome.result.unwrap().body, earlier)
        });
        let mut outcomes: Vec<_> = outcomes.collect();
        outcomes.sort();
        let mut ids = server.ids();
        ids.sort();
        (outcomes, ids, tokens_left(&client))
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn what_the_end_of_the_run_cuts_off_is_seen_and_what_was_in_line_is_not() {
    let server = Server::start();
    let eye = Eye::default();
    let client = eye.on(builder(server.url()).rate(HARDLY_EVER).burst(3)).build().unwrap();
    let call = fetch(&client, &CancelToken::new(), &["fails", "hangs", "reads", "waits"]);
    let mut requests = server.take(3);
    requests.get_mut("reads").unwrap().send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo");
    until("the last one is in line", || client.limiter().waiting() == 1);
    requests.remove("fails").unwrap().answer(404, "");
    assert_eq!(call.wait().unwrap_err().kind(), ErrorKind::Status);
    assert_eq!(eye.seen().len(), 3);
    let fails = eye.of("fails");
    assert_eq!((fails.error, fails.was_cut_off, fails.then), (Some(ErrorKind::Status), false, Then::End));
    for (id, requests) in requests {
        let cut = eye.of(&id);
        assert_eq!((cut.error, cut.was_cut_off, cut.then), (Some(ErrorKind::Cancelled), true, Then::End));
        assert!(cut.ended_at >= requests.arrived && cut.body_bytes.is_none(), "{cut:?}");
    }
}

#[test]
fn a_deadline_cuts_off_and_a_timeout_does_not() {
    for (timeout, deadline, kind) in [
        (Duration::from_millis(20), TIMEOUT, ErrorKind::Timeout),
        (TIMEOUT, Duration::from_millis(20), ErrorKind::DeadlineExceeded),
    ] {
        let server = Server::start();
        let eye = Eye::default();
        let client = eye.on(builder(server.url()).timeout(timeout)).build().unwrap();
        let call = fetch(&client, &CancelToken::new().with_timeout(deadline), &["hangs"]);
        let _hangs = server.next();
        assert_eq!(call.wait().unwrap_err().kind(), kind);
        let hangs = eye.of("hangs");
        assert_eq!((hangs.error, hangs.sent), (Some(kind), Sent::Maybe));
        assert_eq!(hangs.was_cut_off, kind == ErrorKind::DeadlineExceeded);
    }
}

/// It has had its token, and so it is seen.
#[test]
fn a_request_that_never_gets_out_is_seen_as_one_that_was_not_sent() {
    let eye = Eye::default();
    let client = eye.on(builder(format!("http://{}/{{id}}", refusing()))).build().unwrap();
    assert_eq!(fetch_one(&client, "refused").unwrap_err().kind(), ErrorKind::Connect);
    let refused = eye.of("refused");
    assert_eq!((refused.error, refused.sent), (Some(ErrorKind::Connect), Sent::Never));
    assert_eq!((refused.status, refused.is_kept_alive), (None, false));
    assert!(refused.phases.connect > Duration::ZERO);
    assert_eq!(refused.phases.total(), refused.phases.setup());
}

#[test]
fn a_pause_is_shown_with_the_answer_that_began_or_extended_it() {
    for obey in [true, false] {
        let server = Server::start();
        let eye = Eye::default();
        let client = eye.on(builder(server.url())).keep_going(true).obey_server(obey).build().unwrap();
        let call = fetch_each(&client, &CancelToken::new(), &["first", "shorter", "longer"]);
        let mut requests = server.take(3);
        let mut until = HashMap::new();
        for (id, seconds) in [("first", "60"), ("shorter", "30"), ("longer", "90")] {
            let refusal = Answer::status(429).header("Retry-After", seconds);
            requests.remove(id).unwrap().reply(&refusal);
            crate::support::until("it is shown", || eye.seen().iter().any(|seen| seen.id == id));
            until.insert(id, client.limiter().paused_until());
        }
        call.wait().end.unwrap();
        for (id, told_by) in [("first", "retry-after: 60"), ("longer", "retry-after: 90")] {
            let told = until[id].map(|until| (until, told_by.to_owned()));
            assert_eq!((told.is_some(), eye.of(id).pause), (obey, told));
        }
        assert_eq!(eye.of("shorter").pause, None);
    }
}

#[test]
fn a_window_that_has_run_out_is_shown_as_a_pause() {
    let server = Server::answering(|asked| {
        Answer::ok(asked.id()).header("RateLimit-Remaining", "0").header("RateLimit-Reset", "60")
    });
    let eye = Eye::default();
    let client = eye.on(builder(server.url())).build().unwrap();
    fetch_one(&client, "last").unwrap();
    let (until, told_by) = eye.of("last").pause.unwrap();
    assert_eq!(Some(until), client.limiter().paused_until());
    assert!(told_by.to_ascii_lowercase().contains("ratelimit"), "{told_by}");
}

/// It would hang if anything were locked, or if an id that is done with had its permit still.
#[test]
fn an_observer_may_use_the_client_that_it_observes() {
    let server = wayward();
    let client: Arc<OnceLock<FanOutClient>> = Arc::default();
    let (observed, other) = (client.clone(), Arc::new(OnceLock::new()));
    let builder = builder(server.url()).max_in_flight(1).retries(soon(1)).observe(move |exchange| {
        let client = observed.get().unwrap();
        client.limiter().pause_until(Instant::now());
        assert!(client.limiter().waiting() + client.awaiting_retry() < 100 && client.limiter().try_acquire());
        let goes_on = exchange.then == Then::Redirect;
        assert_eq!(client.in_flight(), usize::from(goes_on));
        if !goes_on && other.set(()).is_ok() {
            assert_eq!(client.fetch_all(&CancelToken::new(), ["1"]).unwrap()["1"], b"1");
        }
    });
    let client = client.get_or_init(|| builder.build().unwrap()).clone();
    let bodies = spawn(move || client.fetch_all(&CancelToken::new(), [12, 3, 5])).wait().unwrap();
    assert_eq!(bodies.len(), 3);
    assert_eq!(server.ids().iter().filter(|id| *id == "1").count(), 1);
}

#[test]
fn a_panic_in_an_observer_stops_the_rest_and_is_raised_again() {
    for (status, keep_going) in [(200, false), (404, false), (404, true), (302, false)] {
        let server = Server::start();
        let client = builder(server.url()).max_in_flight(2).keep_going(keep_going).observe(|exchange| {
            if exchange.id == "bad" {
                std::panic::panic_any("in the observer");
            }
        });
        let client = client.build().unwrap();
        let call = {
            let client = client.clone();
            spawn(move || client.fetch_all(&CancelToken::new(), ["hangs", "bad", "never"]))
        };
        let mut requests = server.take(2);
        requests.remove("bad").unwrap().reply(&Answer::redirect(status, "/elsewhere"));
        requests.get_mut("hangs").unwrap().wait_closed_by_peer();
        let panic = call.wait_for_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the observer"));
        assert_eq!(client.in_flight(), 0);
        assert_eq!(server.requests(), 2);
    }
}

/// The instants are the limiter's, to the nanosecond; the wire is in real time.
#[cfg(feature = "test-kit")]
#[test]
fn on_a_virtual_clock_the_grants_are_where_they_should_be() {
    let server = Server::echo();
    let (eye, clock) = (Eye::default(), fanout::VirtualClock::new());
    let start = clock.now();
    let client = eye.on(builder(server.url()).rate(Rate::per_second(10)).burst(20).virtual_clock(&clock));
    let client = client.build().unwrap();
    spawn(move || client.fetch_all(&CancelToken::new(), 0..60)).wait().unwrap();
    let mut grants: Vec<Duration> = eye.seen().iter().map(|seen| seen.granted_at - start).collect();
    grants.sort();
    let each = Duration::from_millis(100);
    let right = (0..60_u32).map(|number| each * number.saturating_sub(19));
    assert_eq!(grants, right.collect::<Vec<_>>());
    assert!(
        eye.seen().iter().all(|seen| seen.started_at >= seen.granted_at && !seen.phases.total().is_zero())
    );
}
