//! For tests of programs that use this crate (feature `test-kit`): a scripted HTTP server.
//!
//! ```toml
//! [dev-dependencies]
//! fanout = { version = "0.1", features = ["test-kit"] }
//! ```
//!
//! A [`Server`] listens on 127.0.0.1, does what its [`Script`] says (id 7: a 429, and then a 200; id 9: hang in the
//! body), and tells what it has seen. What it answers are [`Answer`]s: whole ones, refusals in the [`Dialect`] of a
//! real server, and all the ways in which answers go wrong.
//!
//! # How to test one's own batch job, in milliseconds
//!
//! A job is easy to test if its URL and its client come from outside; its settings are those of production:
//!
//! ```
//! use fanout::{Builder, CancelToken, Error, FanOutClient, Rate};
//!
//! fn widgets(url: &str) -> Builder {
//!     FanOutClient::builder(url).rate(Rate::per_second(10)).burst(20).max_in_flight(4).retries(3)
//! }
//!
//! /// The job: how many bytes all the widgets have.
//! fn weigh(client: &FanOutClient, ids: std::ops::Range<u32>) -> Result<usize, Error> {
//!     let widgets = client.fetch_all(&CancelToken::new(), ids)?;
//!     Ok(widgets.values().map(Vec::len).sum())
//! }
//!
//! use std::time::Duration;
//! use fanout::VirtualClock;
//! use fanout::test_kit::{Answer, Server};
//!
//! // #[test]
//! fn each_widget_is_weighed_once_and_the_quota_is_kept() {
//!     let clock = VirtualClock::new();
//!     let server = Server::start(|script| {
//!         let quota = Rate::per_second(10);
//!         script.at("/widgets/{id}").quota(quota, 20).virtual_clock(&clock).otherwise(Answer::ok("12345"))
//!     });
//!     let client = widgets(&server.url()).virtual_clock(&clock).build().unwrap();
//!     assert_eq!(weigh(&client, 0..100).unwrap(), 500);
//!     assert_eq!((server.count(), server.counts().len(), server.refused()), (100, 100, 0));
//!     assert!(server.most_in_flight() <= 4);
//!     assert_eq!(clock.elapsed(), Duration::from_secs(8)); // 20 at once, and 80 more at 10 a second
//! }
//!
//! // #[test]
//! fn a_refusal_is_waited_for_and_the_widget_asked_for_again() {
//!     let clock = VirtualClock::new();
//!     let server = Server::start(|script| {
//!         let refusal = Answer::status(429).header("Retry-After", "90");
//!         script.for_id("7", [refusal, Answer::ok("seven")]).virtual_clock(&clock)
//!     });
//!     let client = widgets(&server.url()).virtual_clock(&clock).build().unwrap();
//!     assert_eq!(weigh(&client, 7..8).unwrap(), 5);
//!     let tries = server.requests_for("7");
//!     assert_eq!(tries.len(), 2);
//!     assert!(tries[1].arrived - tries[0].arrived >= Duration::from_secs(90));
//! }
//!
//! // #[test]
//! fn the_first_failure_ends_it_although_another_widget_hangs() {
//!     let server = Server::start(|script| {
//!         script.for_id("5", Answer::hang_in_body()).for_id("7", Answer::status(404))
//!     });
//!     let client = widgets(&server.url()).build().unwrap();
//!     let error = weigh(&client, 5..10).unwrap_err();
//!     assert_eq!((error.id(), error.status().unwrap().as_u16()), (Some("7"), 404));
//! }
//! # each_widget_is_weighed_once_and_the_quota_is_kept();
//! # a_refusal_is_waited_for_and_the_widget_asked_for_again();
//! # the_first_failure_ends_it_although_another_widget_hangs();
//! ```
//!
//! The [`VirtualClock`](crate::VirtualClock) jumps over what would be waited for: limits, pauses, retries. What the
//! requests themselves take is real.
//!
//! # Hand-shakes in place of sleeps
//!
//! A test that sleeps until something "must have happened" is slow where it is right, and wrong where it is not. Here
//! it need not: [`Server::wait_for_requests`] returns when the requests have arrived; [`Answer::held_by`] lets them
//! wait until the test opens the [`Gate`]; and what hangs, hangs until the client or the server goes. Those waits that
//! are times ([`Answer::after`], [`Answer::dripping`]) are in real time, and end with the server.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! | --- | --- | --- |
//! | connections at the same time | [`MAX_CONNECTIONS`] | closed |
//! | a request's head | [`MAX_REQUEST_HEAD`] | 431 |
//! | a request's body | [`MAX_REQUEST_BODY`] | 413 |
//! | requests remembered | [`MAX_REMEMBERED`] | counted only |
//!
//! What is not HTTP/1.1 is answered with 400, and is no arrival. HTTP/1.0 is understood; TLS is not.

// From the top: the server and what it is told; what it says; what it hears and sees; the ground.
mod server;

mod script;

mod answer;
mod dialect;
mod limit_headers;
mod refusal;

mod connection;
mod log;
mod read;
mod request;
mod wire;

mod date;
mod gate;
mod place;

pub use answer::Answer;
pub use date::http_date;
pub use dialect::{Dialect, Standing};
pub use gate::Gate;
pub use log::MAX_REMEMBERED;
pub use read::{MAX_REQUEST_BODY, MAX_REQUEST_HEAD};
pub use request::Request;
pub use script::{Answers, Script};
pub use server::{MAX_CONNECTIONS, Server};
