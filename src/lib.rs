//! Fetches every id of a list from one HTTP API: as fast as its quota allows, never faster, and everything stopped at
//! the first failure. Synchronous: no async runtime, a few threads.
//!
//! ```no_run
//! use std::time::Duration;
//! use fanout::{CancelToken, Error, FanOutClient, Rate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = FanOutClient::builder("https://api.example.com/users/{id}/widgets")
//!     .rate(Rate::per_second(10)).burst(20)
//!     .max_in_flight(8)
//!     .timeout(Duration::from_secs(10))
//!     .build()?;
//! let cancel = CancelToken::new();
//!
//! // All of them, or the first error.
//! let widgets = client.fetch_all(&cancel, 1..=60)?;
//!
//! // Each as it comes, on this thread; memory does not grow with the number of ids.
//! client.fetch_each(&cancel, 1..=1_000_000, |outcome| {
//!     let response = outcome.result?;
//!     println!("{}: {} bytes", outcome.id, response.body.len());
//!     Ok::<(), Error>(())
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it is for, and what not
//!
//! For batch jobs that use no async, have a list of ids and one API behind a quota, and want every payload or the
//! reason why not. It is not a load generator (it keeps a quota, it does not find one), not a crawler (one API, one
//! template), and not for a server that is async already: there, tokio with reqwest and governor is at home.
//!
//! # What holds
//!
//! * **The bound.** In every window of length `w`, at most `burst + rate · w` requests are begun, exactly, on all
//!   clones of a client and all their calls together. Every request on the wire pays: redirects, replays and retries,
//!   too. With several [limits](Builder::limit), the bound of each holds.
//! * **In flight.** Never more than [`max_in_flight`](Builder::max_in_flight) at the same time; the cap is used to
//!   the full when the quota allows.
//! * **In order.** Permit, then token, then request; both are handed out in the order of arrival.
//! * **Fail-fast.** The worker that fails records its error and stops the others itself, in whatever they are
//!   blocked: look-up, connect, TLS handshake, response, permit, token. What had been fetched before still reaches
//!   the closure. Then the first error is returned, with every thread joined and each cut-off request's socket
//!   closed.
//! * **Cancellation** ([`CancelToken`]) and a **deadline** end a call from outside in the same way. A call that
//!   cannot get a token for its next id before its deadline takes no more ids; what is on the wire may go on until
//!   then.
//! * **Nothing polls, nothing sleeps.** Every wait ends by a wake-up or at a computed instant.
//! * **A cut body is never a success**: short of its length, inside a chunk, or ended by a reset, or by TLS without
//!   `close_notify`.
//!
//! # When things go wrong
//!
//! Nothing is tried again unless it is asked for: the first failure is the answer. With [`retries`](Builder::retries),
//! what another try can mend is tried again, each time in the same line and for the same price as everybody else, and
//! only as often as a dying server can bear ([`RetryBudget`]). [`RetryPolicy`] has the tables.
//!
//! # What a server tells
//!
//! Half of a quota stands in a document; the other half comes with the answers, and is obeyed: a pause that the server
//! asks for (`Retry-After` and its kin) is one pause for the whole client, and is kept before the server must ask, when
//! it counts what is left. A pause longer than [`max_wait`](Builder::max_wait) fails at once. Nothing that a server
//! says makes the client faster than it is set. [`obey_server(false)`](Builder::obey_server) turns a deaf ear.
//!
//! [Talking to …](talking_to) has the settings to copy for GitHub, GitLab, Stripe, OpenAI, Anthropic and a plain nginx,
//! what happens at the limits of each, and how others do it.
//!
//! # What a server can still refuse
//!
//! A server that enforces the very same numbers exactly can see one request too many: when the first request of a
//! burst takes longer to arrive than those behind it, the server sees the burst compressed. nginx's `burst=20
//! nodelay` admits 21, and so forgives one. Where a server does not, set the burst one below its own.
//!
//! # Bounds
//!
//! | what | bound | setting |
//! | --- | --- | --- |
//! | requests in flight, threads of a call | 8 | [`max_in_flight`](Builder::max_in_flight), up to [`MAX_IN_FLIGHT`]; and one thread for the deadlines, one more with retries |
//! | ids pulled ahead; outcomes that wait | 8 for each thread, at most 64; of ids at least one for each thread | |
//! | bytes of bodies that wait for the closure, or are kept beyond it with their [`Room`] | 4 MiB, or one body that is larger; beside them, bodies up to 4 KiB, and one in the hands of each worker | |
//! | a body, decoded | 10 MiB | [`max_body`](Builder::max_body) |
//! | a response's head | 16 KiB ([`MAX_HEAD`]) | |
//! | a proxy's answer to the request for a tunnel | 16 KiB ([`MAX_HEAD`]), and 128 headers | |
//! | a line of a request's head | 8 KiB ([`MAX_REQUEST_LINE`]) | |
//! | redirects for an id | 5 | [`max_redirects`](Builder::max_redirects) |
//! | replays of a request on a stale connection | 1, idempotent methods and those with a key only | |
//! | tries of an id beyond the first | none | [`retries`](Builder::retries), up to [`RetryPolicy::MAX_RETRIES`] |
//! | tries of a call beyond the first of each id | 100 + 10 % of the ids begun | [`retry_budget`](Builder::retry_budget) |
//! | ids that wait to be tried again | 4 for each thread; beyond that no new id is taken | |
//! | what is kept of an id's earlier tries | an error each, with a response's head if there was one | as the tries |
//! | a pause that the server asks for | 2 min | [`max_wait`](Builder::max_wait) |
//! | limits, costs | [`MAX_LIMITS`] | [`limit`](Builder::limit), [`cost`](Builder::cost) |
//! | a connection's buffers | 12 KiB, and as large as large bodies need it, up to 88 KiB | |
//! | one request | 10 s | [`timeout`](Builder::timeout) |
//! | name and connect, with a proxy's tunnel | 5 s | [`connect_timeout`](Builder::connect_timeout) |
//! | idle connections | twice as many as requests in flight; none is used after 15 s, and the next request closes those | |
//! | look-ups under way in the whole process | 4 | |
//!
//! # Names and proxies
//!
//! A name is looked up once, and its addresses are remembered for as long as the client lives (256 names at most);
//! when none of them can be connected to, they are forgotten. Every address is tried.
//!
//! A [proxy](Builder::proxy) is used if one is set; the environment (`HTTPS_PROXY` and its kin) is looked at only if it
//! is [asked for](Builder::proxy_from_env). An https target is reached through a tunnel, of which the proxy learns host
//! and port alone; an http request is handed to the proxy whole. Everything that holds for a connect holds for the
//! tunnel: it can be cut off at any moment, and counts against [`connect_timeout`](Builder::connect_timeout). With a
//! proxy, the target's name is not looked up here.
//!
//! Nothing can end a look-up of the system's. A call that is stopped leaves it behind, with a helper thread that
//! holds nothing of the call.
//!
//! # What was done
//!
//! An [`Outcome`] tells what became of an id. What was done for it is shown to the closure of
//! [`observe`](Builder::observe): each request as an [`Exchange`], with how long it waited for its permit and its
//! tokens, connected, waited for the answer and read it. Nothing of that is kept, nor measured where nobody observes.
//!
//! # Log events
//!
//! This crate logs with the target `fanout`, and key-values. URLs, headers and bodies are in none of its records, but
//! for the header by which a server tells a pause, up to 64 characters of it (`told_by`). This table is a contract; a
//! test holds it against the code.
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `request done` | info | `user_id` `attempt` `status` `latency_ms` `wait_ms` |
//! | `request failed` | info | `user_id` `attempt` `status` `latency_ms` `wait_ms` `kind` `sent` |
//! | `request failed, to be retried` | info | `user_id` `attempt` `status` `latency_ms` `wait_ms` `kind` `sent` `retry_in_ms` |
//! | `redirect followed` | debug | `user_id` `attempt` `status` `hop` |
//! | `paused` | info | `user_id` `status` `pause_ms` `told_by` |
//! | `stale connection replaced` | debug | `user_id` `attempt` |
//! | `run started` | debug | `max_in_flight` |
//! | `run ended` | debug | `delivered` `retries` `ok` `elapsed_ms` |
//! | `fewer workers than wanted` | warn | `workers` `wanted` |
//!
//! `user_id` is the id, `attempt` counts tries from 1, `latency_ms` is the time on the wire, `wait_ms` the time in line
//! for permit and tokens, `kind` an [`ErrorKind`], `sent` a [`Sent`]. A failed request has no `status` if no head
//! came. What was cut off because another id failed is not logged.
//!
//! Of a [shared quota](crate::Builder), with the feature `redis`:
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `quota unknown` | info | `quota` `wait_ms` |
//! | `quota lost` | warn | `quota` `wait_ms` |
//! | `paused elsewhere` | info | `quota` `pause_ms` `told_by` |
//! | `quota out of reach` | warn | `quota` `cause` |
//! | `quota reached again` | info | `quota` `gone_ms` |
//! | `lease lost` | warn | `quota` `permits` |
//! | `late grants thrown away` | info | `quota` `grants` `late_ms` |
//! | `limits adopted` | info | `quota` `generation` `limits` |
//! | `run failed elsewhere` | info | `quota` `error` |
//!
//! `quota` is its name. Redis is out of reach when the second call in a row has failed, and that is told once, until it
//! can be asked again; `gone_ms` counts from the first call that failed. `cause` names the server, and no password;
//! `error` is what another process has told of its failure, or a program by `SharedQuota::fail`.
//!
//! **Beware of what lies below:** at the levels debug and trace, ureq logs the paths and queries of URLs. Where they
//! hold secrets, cap the targets `ureq`, `ureq_proto` and `rustls` at info, as the command-line tool does.
//!
//! # From the top
//!
//! [`FanOutClient`] checks its settings ([`Builder`]), and hands a call to the engine (`fan_out`): the caller's
//! thread feeds ids and delivers outcomes, workers do what `fetch` says: a permit and a token (`quota`), a request
//! (`request`), an exchange (`transport`, the only place that knows how ureq works), and perhaps another try (`retry`).
//! With the feature `redis` a permit and a token may come from a quota that many processes share (`shared`).
//! Whoever observes is shown each [`Exchange`] on the way.
//! Whatever a worker is blocked in stands on two folders: `turnstile` (a line of threads) and `cancel` (who stops whom,
//! and how a worker comes back from the socket it is blocked in). What only computes is told the time: `retry`, in
//! `limiter` all but the line, and in `quota` what an answer says of the server's limits (`advice`) and what a server
//! allows that does not say (`adaptive`).
//!
//! # Platforms and versions
//!
//! Tested on Linux. Elsewhere it builds by design (what is peculiar to Linux stands in one file, beside a portable
//! way), and no more is promised. The minimum supported Rust version of the default library is 1.85; raising it is a
//! minor release.

#![forbid(unsafe_code)]

// From the top: the face; the engine, and what a worker does; HTTP; the quota; what blocks, and what ends that; what
// is told.
mod builder;
mod client;

mod fan_out;
mod fetch;
mod retry;

mod request;
mod transport;

mod limiter;
mod quota;
#[cfg(feature = "redis")]
mod shared;

mod cancel;
mod clock;
mod turnstile;

mod error;
mod events;
mod exchange;
mod outcome;
mod room;

// A page of the documentation.
pub mod talking_to;

#[cfg(feature = "test-kit")]
pub mod test_kit;

pub use builder::{Builder, MAX_IN_FLIGHT};
pub use cancel::{CancelToken, Stopped};
pub use client::FanOutClient;
#[cfg(feature = "test-kit")]
pub use clock::VirtualClock;
pub use error::{BuildError, Error, ErrorKind, GaveUp, Sent};
pub use exchange::{Exchange, Pause, Phases, Then};
pub use limiter::{
    AcquireError, Cost, ExceedsBurst, InvalidLimit, Limit, MAX_LIMITS, Rate, RateLimiter, Take, TokenBucket,
};
pub use outcome::{Outcome, Response, Times};
pub use request::{IntoBody, IntoRequest, MAX_REQUEST_LINE, encode};
pub use retry::{RetryBudget, RetryPolicy};
pub use room::Room;
#[cfg(feature = "redis")]
pub use shared::{
    Grant, HeldUp, HoldUp, SharedAcquireError, SharedError, SharedErrorKind, SharedProcess, SharedQuota,
    SharedQuotaBuilder, SharedState, SharedStatus,
};
pub use transport::MAX_HEAD;

/// The crate of the channel that [`fetch_each_received`](FanOutClient::fetch_each_received) takes.
pub use crossbeam_channel;
/// The crate of the requests, statuses and headers in this API.
pub use ureq::http;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
