//! Wherever a worker hangs, it comes back when it is cut, at once, and says why; and nobody else does.

use std::any::Any;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use super::dial::DIAL_BY_HELPER;
use super::server::{Full, Peer, Server};
use super::*;
use crate::ErrorKind;
use crate::cancel::Cut;
use crate::error::Sent;

type Awaited = bool;

/// A place where a request hangs.
struct Stage {
    settings: HttpSettings,
    dial: Dial,
    request: Request<Vec<u8>>,
    /// What the text says that it was doing, without the `127.0.0.1:port` that may follow.
    doing: &'static str,
    sent: Sent,
    /// Plays the other side's part. Comes back when the request hangs there, if that is `awaited`, or at any time;
    /// what it returns keeps it hanging.
    play: Box<dyn FnOnce(Awaited) -> Box<dyn Any> + Send>,
}

impl Stage {
    fn new(url: &str, doing: &'static str, sent: Sent) -> Stage {
        Stage {
            settings: settings(),
            dial: DIAL,
            request: Request::get(url).body(Vec::new()).unwrap(),
            doing,
            sent,
            play: Box::new(|_| Box::new(())),
        }
    }

    fn look_up() -> Stage {
        let (lookup, started, release) = blocked_lookup();
        let mut stage = Stage::new("http://slow.example/", "looking up slow.example", Sent::Never);
        stage.settings.lookup = Some(lookup);
        stage.play = Box::new(move |awaited| {
            if awaited {
                started.recv().unwrap();
            }
            Box::new((started, release))
        });
        stage
    }

    fn connect(dial: Dial) -> Stage {
        let full = Full::new();
        let mut stage =
            Stage::new(&format!("http://{}/", full.address()), "connecting to 127.0.0.1:", Sent::Never);
        stage.dial = dial;
        stage.play = Box::new(move |awaited| {
            if awaited {
                full.wait_for_connect();
            }
            Box::new(full)
        });
        stage
    }

    /// To `https://far.example`, through a proxy that answers so. It is `hanging` when that returns.
    fn through_proxy(answer: &'static str, doing: &'static str, hanging: fn(&Peer<TcpStream>)) -> Stage {
        let server = Server::new();
        let mut stage = Stage::new("https://far.example/", doing, Sent::Never);
        let (host, port) = (Ipv4Addr::LOCALHOST.to_string(), server.address().port());
        stage.settings.proxies.https = Some(Arc::new(Proxy { host, port, authorization: None }));
        stage.play = Box::new(move |awaited| {
            let mut peer = server.accept();
            peer.request().unwrap();
            peer.send(answer);
            if awaited {
                hanging(&peer);
            }
            Box::new(peer)
        });
        stage
    }

    fn tunnel() -> Stage {
        Stage::through_proxy("HTTP/1.1 200 OK\r\nx: ", "asking the proxy 127.0.0.1:", Peer::wait_until_read)
    }

    fn handshake_in_tunnel() -> Stage {
        let doing = "shaking hands (TLS) with far.example:443 through the proxy 127.0.0.1:";
        Stage::through_proxy("HTTP/1.1 200 OK\r\n\r\n", doing, |peer| {
            peer.0.peek(&mut [0]).unwrap();
        })
    }

    fn handshake() -> Stage {
        let server = Server::new();
        let url = server.url().replace("http:", "https:");
        let mut stage = Stage::new(&url, "shaking hands (TLS) with 127.0.0.1:", Sent::Never);
        stage.play = Box::new(move |_| {
            let peer = server.accept();
            peer.0.peek(&mut [0]).unwrap();
            Box::new(peer)
        });
        stage
    }

    fn send() -> Stage {
        let server = Server::new();
        let mut stage = Stage::new(&server.url(), "sending the request to 127.0.0.1:", Sent::Maybe);
        *stage.request.method_mut() = Method::POST;
        *stage.request.body_mut() = vec![b'x'; 64 * 1024 * 1024];
        stage.play = Box::new(move |_| {
            let peer = server.accept();
            peer.0.peek(&mut [0]).unwrap();
            Box::new(peer)
        });
        stage
    }

    fn head() -> Stage {
        let server = Server::new();
        let mut stage = Stage::new(&server.url(), "waiting for the answer of 127.0.0.1:", Sent::Maybe);
        stage.play = Box::new(move |awaited| {
            let mut peer = server.accept();
            peer.request().unwrap();
            peer.send("HTTP/1.1 200 OK\r\nConte");
            if awaited {
                peer.wait_until_read();
            }
            Box::new(peer)
        });
        stage
    }

    fn body(head: &'static str) -> Stage {
        let server = Server::new();
        let mut stage = Stage::new(&server.url(), "reading the body from 127.0.0.1:", Sent::Yes);
        stage.play = Box::new(move |awaited| {
            let mut peer = server.accept();
            peer.request().unwrap();
            peer.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n"));
            if awaited {
                peer.wait_until_read();
            }
            Box::new(peer)
        });
        stage
    }

    fn all() -> Vec<Stage> {
        vec![
            Stage::look_up(),
            Stage::connect(DIAL),
            Stage::connect(DIAL_BY_HELPER),
            Stage::tunnel(),
            Stage::handshake_in_tunnel(),
            Stage::handshake(),
            Stage::send(),
            Stage::head(),
            Stage::body("Content-Length: 9\r\n\r\nhalf"),
            Stage::body("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf"),
            Stage::body("\r\nhalf"),
        ]
    }

    /// Runs it until something else cuts it.
    fn run(self, worker: &Worker) -> (Failure, Duration) {
        self.run_and(worker, None::<fn()>)
    }

    /// Runs it, and does `then` once it hangs.
    fn run_and(self, worker: &Worker, then: Option<impl FnOnce()>) -> (Failure, Duration) {
        let client = HttpClient::with_dial(self.settings, self.dial);
        let begun = Instant::now();
        let failure = thread::scope(|scope| {
            let running = scope.spawn(|| worker.run(&client, &self.request));
            let kept = (self.play)(then.is_some());
            then.into_iter().for_each(|then| then());
            let failure = running.join().unwrap().expect_err("it hung");
            drop(kept);
            failure
        });
        let took = begun.elapsed();
        assert_eq!(client.idle_connections(), 0);
        assert!(failure.text.contains(self.doing), "{failure:?}");
        assert_eq!(failure.sent, self.sent, "{failure:?}");
        assert_eq!(failure.head.is_some(), self.sent == Sent::Yes);
        assert!(!failure.stale);
        (failure, took)
    }
}

/// A look-up that says that it has begun, and blocks until the sender is dropped.
fn blocked_lookup() -> (Lookup, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((started, starts), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let (started, released) = (Mutex::new(started), Mutex::new(released));
    let lookup: Lookup = Arc::new(move |_, _| {
        started.lock().unwrap().send(()).ok();
        let _ = released.lock().unwrap().recv();
        Ok(vec![(Ipv4Addr::LOCALHOST, 1).into()])
    });
    (lookup, starts, release)
}

#[test]
fn a_cancel_reaches_every_stage() {
    for stage in Stage::all() {
        let worker = Worker::new();
        let mut cut_at = Instant::now();
        let cut = || {
            cut_at = Instant::now();
            worker.tether.cut(Cut::Cancelled);
        };
        let (failure, _) = stage.run_and(&worker, Some(cut));
        assert!(cut_at.elapsed() < HANGS / 10, "{failure:?}");
        assert_eq!((failure.kind, failure.cut), (ErrorKind::Cancelled, Some(Cut::Cancelled)), "{failure:?}");
        assert!(failure.text.starts_with("cancelled while "), "{}", failure.text);
        let refused = worker.get(&client(), "http://127.0.0.1:1/").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Cancelled, "for good");
    }
}

/// All at once: they take their time.
fn at_once(stages: Vec<Stage>, check: impl Fn(Stage) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for stage in stages {
            scope.spawn(move || check(stage));
        }
    });
}

const SOON: Duration = Duration::from_millis(700);

#[test]
fn the_timeout_reaches_every_stage() {
    at_once(Stage::all(), |mut stage| {
        stage.settings.timeout = SOON;
        let (failure, took) = stage.run(&Worker::new());
        assert_eq!((failure.kind, failure.cut), (ErrorKind::Timeout, Some(Cut::TimedOut)), "{failure:?}");
        assert!(failure.text.starts_with("timed out after 700ms while "), "{}", failure.text);
        assert!((SOON..HANGS / 10).contains(&took), "{took:?}: {failure:?}");
    });
}

#[test]
fn the_deadline_of_the_call_reaches_every_stage() {
    at_once(Stage::all(), |stage| {
        let mut worker = Worker::new();
        worker.call_deadline = Instant::now().checked_add(SOON);
        let (failure, _) = stage.run(&worker);
        let deadline = (ErrorKind::DeadlineExceeded, Some(Cut::DeadlineExceeded));
        assert_eq!((failure.kind, failure.cut), deadline, "{failure:?}");
        assert!(failure.text.starts_with("the deadline passed while "), "{}", failure.text);
    });
}

#[test]
fn the_connect_timeout_is_for_the_name_and_the_connect() {
    let inside =
        vec![Stage::look_up(), Stage::connect(DIAL), Stage::connect(DIAL_BY_HELPER), Stage::tunnel()];
    at_once(inside, |mut stage| {
        stage.settings.connect_timeout = SOON;
        let (failure, _) = stage.run(&Worker::new());
        assert_eq!(failure.kind, ErrorKind::Timeout, "{failure:?}");
        assert!(failure.text.ends_with(" took longer than 700ms"), "{}", failure.text);
    });
    // With TCP up, and the tunnel, it is over: what hangs then is cut by another.
    at_once(vec![Stage::handshake(), Stage::handshake_in_tunnel(), Stage::head()], |mut stage| {
        stage.settings.connect_timeout = SOON / 2;
        stage.settings.timeout = SOON;
        let (failure, took) = stage.run(&Worker::new());
        assert_eq!(failure.cut, Some(Cut::TimedOut), "{failure:?}");
        assert!(took >= SOON);
    });
}

#[test]
fn the_stall_timeout_is_for_each_read_and_write() {
    let stages = vec![
        Stage::handshake(),
        Stage::send(),
        Stage::head(),
        Stage::body("Content-Length: 9\r\n\r\nhalf"),
        Stage::body("Content-Encoding: gzip\r\n\r\n"),
    ];
    at_once(stages, |mut stage| {
        stage.settings.stall_timeout = Some(SOON);
        let (failure, _) = stage.run(&Worker::new());
        assert_eq!((failure.kind, failure.cut), (ErrorKind::Timeout, None), "{failure:?}");
        assert!(failure.text.ends_with(" stalled: nothing moved for 700ms"), "{}", failure.text);
    });
}

/// The deadline of a request does not reach the next one on the same connection.
#[test]
fn a_deadline_ends_with_its_request() {
    let (url, count) = Server::new().answer(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()));
    // Far longer than a request takes, even where many tests share two cores.
    let timeout = Duration::from_millis(1_500);
    let client = HttpClient::new(HttpSettings { timeout, ..settings() });
    let (worker, begun) = (Worker::new(), Instant::now());
    while begun.elapsed() <= timeout {
        worker.get(&client, &url).unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// Raised when dropped, by a panic too.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two calls share the pool, and cancelling one never cuts a request of the other. The race is a
/// connection that changes hands, so few connections and many cancels.
#[test]
fn cancelling_one_call_never_cuts_another() {
    const ROUNDS: usize = 3_000;
    let (url, _) = Server::new().answer(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into()));
    let client = HttpClient::new(HttpSettings { max_idle: 4, ..settings() });
    let (over, cancelled) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let worker = Worker::new();
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(worker.get(&client, &url).expect("nobody cut this one").body.unwrap(), b"ok");
                }
            });
        }
        let _over = Raise(&over);
        let watchdog = Watchdog::default();
        for round in 0..ROUNDS {
            let tether = Tether::new();
            let (cutter, spins) = (tether.clone(), (round * 7) % 4_000);
            let cut = scope.spawn(move || {
                (0..spins).for_each(|_| std::hint::spin_loop());
                cutter.cut(Cut::Cancelled);
            });
            let request = Request::get(&url).body(Vec::new()).unwrap();
            let wire = Wire {
                tether: &tether,
                watchdog: &watchdog,
                call_deadline: None,
                wanted: &|_| true,
                fresh: false,
                measured: None,
            };
            match client.exchange((&request).into(), &wire) {
                Ok(reply) => assert_eq!(reply.body.unwrap(), b"ok"),
                Err(failure) => {
                    assert_eq!(failure.kind, ErrorKind::Cancelled, "{failure:?}");
                    cancelled.fetch_add(1, Ordering::Relaxed);
                }
            }
            cut.join().unwrap();
        }
    });
    assert!(cancelled.into_inner() > 0);
}

#[test]
fn workers_that_need_one_name_share_one_look_up() {
    let (lookup, started, release) = blocked_lookup();
    let client = HttpClient::new(HttpSettings { lookup: Some(lookup), ..settings() });
    let get = |worker: &Worker| worker.get(&client, "http://slow.example:1/").unwrap_err();
    let (leaves, stay) = (Worker::new(), [Worker::new(), Worker::new(), Worker::new()]);
    thread::scope(|scope| {
        let left = scope.spawn(|| get(&leaves));
        started.recv().unwrap();
        let stayed = stay.each_ref().map(|worker| scope.spawn(move || get(worker)));
        leaves.tether.cut(Cut::Cancelled);
        assert_eq!(left.join().unwrap().kind, ErrorKind::Cancelled);
        drop(release);
        for stayed in stayed {
            // Port 1 refuses: the name was found. (What was forgotten then may be looked up again.)
            assert_eq!(stayed.join().unwrap().kind, ErrorKind::Connect);
        }
    });
}

/// More hosts than helpers: the rest wait in line, those who are cut leave it, and all others get their answer.
#[test]
fn no_more_than_four_look_ups_run_at_a_time() {
    const HOSTS: usize = 9;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let ((started, starts), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let released = Arc::new(Mutex::new(released));
    let lookup: Lookup = {
        let (running, most, started) = (running.clone(), most.clone(), Mutex::new(started));
        Arc::new(move |_, _| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            started.lock().unwrap().send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            running.fetch_sub(1, Ordering::SeqCst);
            Err(io::Error::other("looked up"))
        })
    };
    let client = HttpClient::new(HttpSettings { lookup: Some(lookup), ..settings() });
    let workers: Vec<Worker> = (0..HOSTS).map(|_| Worker::new()).collect();
    thread::scope(|scope| {
        let get = |(n, worker): (usize, &'_ Worker)| {
            worker.get(&client, &format!("http://h{n}.example/")).unwrap_err()
        };
        let got: Vec<_> = workers.iter().enumerate().map(|asked| scope.spawn(move || get(asked))).collect();
        (0..4).for_each(|_| starts.recv().unwrap());
        workers[0].tether.cut(Cut::Cancelled);
        drop(release);
        let kinds: Vec<_> = got.into_iter().map(|got| got.join().unwrap().kind).collect();
        assert_eq!(kinds[0], ErrorKind::Cancelled);
        assert!(kinds[1..].iter().all(|kind| *kind == ErrorKind::NameLookup), "{kinds:?}");
    });
    assert_eq!(most.load(Ordering::SeqCst), 4);
}
