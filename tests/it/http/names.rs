//! From a name to a connection, and what can go wrong on the way.

use super::*;

/// A name server that counts, and leads to these addresses, whatever it is asked.
fn lookup(
    addrs: Vec<SocketAddr>,
) -> (Arc<AtomicUsize>, impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let look_up = move |host: &str, port: u16| {
        assert_eq!((host, port), ("api.test", 80));
        count.fetch_add(1, Ordering::SeqCst);
        Ok(addrs.clone())
    };
    (asked, look_up)
}

/// ureq by itself looks the name up on every request.
#[test]
fn a_name_is_looked_up_once() {
    let server = Server::echo();
    let (asked, look_up) = lookup(vec![server.addr]);
    let client = builder("http://api.test/{id}").lookup(look_up).max_in_flight(8).build().unwrap();
    let fetched = spawn(move || client.fetch_all(&CancelToken::new(), 0..200).map(|bodies| bodies.len()));
    assert_eq!(fetched.wait().unwrap(), 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failed_connect_forgets_the_name() {
    let server = Server::echo();
    let (dead, live) = (refusing(), server.addr);
    let asked = AtomicUsize::new(0);
    let client = builder("http://api.test/{id}")
        .keep_going(true)
        .max_in_flight(1)
        .lookup(move |_, _| Ok(vec![if asked.fetch_add(1, Ordering::SeqCst) == 0 { dead } else { live }]))
        .build()
        .unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2"]).wait();
    let error = run.of("1").as_ref().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connect, Sent::Never), "{error}");
    assert_eq!(run.of("2").as_ref().unwrap().body, b"2");
}

#[test]
fn a_failed_look_up_is_an_error_and_not_remembered() {
    let server = Server::echo();
    let live = server.addr;
    let asked = AtomicUsize::new(0);
    let client = builder("http://api.test/{id}")
        .keep_going(true)
        .max_in_flight(1)
        .lookup(move |_, _| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("the name server is on fire")),
            1 => Ok(Vec::new()),
            _ => Ok(vec![live]),
        })
        .build()
        .unwrap();
    let run = fetch_each(&client, &CancelToken::new(), &["1", "2", "3"]).wait();
    for id in ["1", "2"] {
        let error = run.of(id).as_ref().unwrap_err();
        assert_eq!((error.kind(), error.sent(), error.id()), (ErrorKind::NameLookup, Sent::Never, Some(id)));
        assert!(error.to_string().contains("api.test"), "{error}");
    }
    let source = run.of("1").as_ref().unwrap_err().source().map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("on fire"), "{source}");
    assert_eq!(run.of("3").as_ref().unwrap().body, b"3");
}

/// As curl's `--resolve`: the name is not asked for, and stands in the request as ever.
#[test]
fn a_name_can_be_given_its_addresses() {
    let server = Server::start();
    let client = builder("http://api.test/{id}")
        .resolve("api.test", [server.addr])
        .lookup(|host, _| panic!("{host} was looked up"))
        .build()
        .unwrap();
    let call = fetch(&client, &CancelToken::new(), &["a"]);
    let request = server.next();
    assert_eq!(request.header("host"), Some("api.test"));
    request.answer(200, "");
    call.wait().unwrap();
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    let server = Server::echo();
    let client = builder("http://api.test/{id}")
        .resolve("api.test", [refusing(), refusing(), server.addr])
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "a");
}

#[test]
fn a_silent_first_address_does_not_use_up_the_timeout() {
    let (server, silent) = (Server::echo(), FullQueue::start());
    let client = builder("http://api.test/{id}")
        .connect_timeout(Duration::from_secs(2))
        .resolve("api.test", [silent.addr, server.addr])
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "a").unwrap(), "a");
}

#[test]
fn nobody_there_is_a_connect_error() {
    let addr = refusing();
    let client = builder(format!("http://{addr}/{{id}}")).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!(
        (error.kind(), error.sent(), error.attempt()),
        (ErrorKind::Connect, Sent::Never, 1),
        "{error}"
    );
    assert_eq!((error.id(), error.status()), (Some("7"), None));
    assert!(error.to_string().starts_with("id 7: "), "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    assert_eq!(source, Some(io::ErrorKind::ConnectionRefused));
}

#[test]
fn a_connect_that_hangs_ends_with_its_own_timeout() {
    let nowhere = FullQueue::start();
    let timeout = Duration::from_millis(200);
    let client = builder(format!("http://{}/{{id}}", nowhere.addr)).connect_timeout(timeout).build().unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Connect), "{error}");
    assert_eq!(error.sent(), Sent::Never);
    // The kernel counts it in whole milliseconds, and may be early by a part of one.
    assert!(timeout <= took + Duration::from_millis(1) && took < AT_ONCE, "{took:?}");
    assert!(error.to_string().contains("connect"), "{error}");
}

#[test]
fn a_look_up_that_hangs_ends_with_the_connect_timeout() {
    let (open, closed) = crate::support::gate();
    let timeout = Duration::from_millis(200);
    let client = builder("http://slow.test/{id}")
        .connect_timeout(timeout)
        .lookup(move |_, _| {
            closed.pass();
            Ok(Vec::new())
        })
        .build()
        .unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Never), "{error}");
    assert!(timeout <= took && took < AT_ONCE, "{took:?}");
    drop(open);
}
