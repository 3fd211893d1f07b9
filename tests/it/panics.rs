//! A panic in the caller's code stops the rest, and comes out where the call was made.

use std::any::Any;
use std::fmt;

use fanout::{CancelToken, Error, FanOutClient, http};

use crate::support::{Server, builder, fetch_one, patient, spawn};

fn said(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().expect("the payload is passed on as it is")
}

#[test]
fn a_panic_in_the_closure_stops_the_rest_and_is_raised_again() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let call = {
        let client = client.clone();
        spawn(move || {
            client.fetch_each(&CancelToken::new(), ["good", "hangs", "never"], |_| -> Result<(), Error> {
                std::panic::panic_any("in the closure")
            })
        })
    };
    let mut requests = server.take(2);
    requests.remove("good").unwrap().answer(200, "");
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
    assert_eq!(said(&*call.wait_for_panic()), "in the closure");
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn a_panic_in_the_iterator_stops_the_rest_and_is_raised_again() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (open, closed) = crate::support::gate();
    let call = {
        let client = client.clone();
        let ids = ["hangs", "bad"].into_iter().inspect(move |id| {
            if *id == "bad" {
                closed.pass();
                std::panic::panic_any("in the iterator");
            }
        });
        spawn(move || client.fetch_each(&CancelToken::new(), ids, |_| Ok::<_, Error>(())))
    };
    let mut hangs = server.next();
    open.send(()).unwrap();
    hangs.wait_closed_by_peer();
    assert_eq!(said(&*call.wait_for_panic()), "in the iterator");
    assert_eq!(client.in_flight(), 0);
}

/// An id whose text cannot be had.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Moody(&'static str);

impl fmt::Display for Moody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == "bad" {
            std::panic::panic_any("in Display");
        }
        f.write_str(self.0)
    }
}

#[test]
fn a_panic_in_an_ids_display_stops_the_rest_and_is_raised_again() {
    let server = Server::start();
    let client = builder(server.url()).max_in_flight(2).build().unwrap();
    let (open, closed) = crate::support::gate();
    let call = {
        let client = client.clone();
        let ids = [Moody("hangs"), Moody("bad")].into_iter().inspect(move |id| {
            if id.0 == "bad" {
                closed.pass();
            }
        });
        spawn(move || client.fetch_each(&CancelToken::new(), ids, |_| Ok::<_, Error>(())))
    };
    let mut hangs = server.next();
    open.send(()).unwrap();
    hangs.wait_closed_by_peer();
    assert_eq!(said(&*call.wait_for_panic()), "in Display");
}

#[test]
fn a_panic_on_a_worker_stops_the_rest_and_is_raised_again() {
    let server = Server::start();
    let (open, closed) = crate::support::gate();
    let url = server.at("/");
    let make = move |id: &str| {
        if id == "bad" {
            closed.pass();
            std::panic::panic_any("on a worker");
        }
        http::Request::get(format!("{url}{id}")).body(())
    };
    let client = patient(FanOutClient::from_requests(make)).max_in_flight(2).build().unwrap();
    let call = {
        let client = client.clone();
        spawn(move || client.fetch_all(&CancelToken::new(), ["hangs", "bad", "never"]))
    };
    let mut hangs = server.next();
    open.send(()).unwrap();
    hangs.wait_closed_by_peer();
    assert_eq!(said(&*call.wait_for_panic()), "on a worker");
    assert_eq!(client.in_flight(), 0, "its permit came back");
    let again = spawn(move || fetch_one(&client, "good"));
    server.next().answer(200, "still of use");
    assert_eq!(again.wait().unwrap(), "still of use");
}

#[test]
fn a_panic_in_accept_status_stops_the_rest_and_is_raised_again() {
    let server = Server::start();
    let client = builder(server.url())
        .max_in_flight(2)
        .accept_status(|status| if status == 418 { std::panic::panic_any("in accept_status") } else { true })
        .build()
        .unwrap();
    let call = spawn(move || client.fetch_all(&CancelToken::new(), ["teapot", "hangs"]));
    let mut requests = server.take(2);
    requests.remove("teapot").unwrap().answer(418, "");
    requests.get_mut("hangs").unwrap().wait_closed_by_peer();
    assert_eq!(said(&*call.wait_for_panic()), "in accept_status");
}
