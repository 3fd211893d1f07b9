//! What the tests share: a scripted server, threads whose end is awaited behind a guard, and a few short
//! cuts.

mod alone;
mod answer;
mod call;
mod conn;
mod nowhere;
mod server;
mod tls;
mod tunnels;

pub(crate) use alone::{alone, memory_kib, threads};
pub(crate) use answer::Answer;
pub(crate) use call::{Call, spawn, until};
pub(crate) use nowhere::{Deaf, FullQueue, refusing};
pub(crate) use server::{Request, Server};
pub(crate) use tls::Tls;
pub(crate) use tunnels::Tunnels;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use fanout::{Builder, CancelToken, Error, FanOutClient, Outcome, Rate, Response, RetryPolicy};

/// How long the tests wait for what should come at once. Only a broken client ever makes them wait so long.
pub(crate) const GUARD: Duration = Duration::from_secs(20);

/// The timeout of the clients: longer than the guard, so that no timeout passes for an interruption.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// What "at once" means on a busy machine. Whatever is being interrupted would last for [`TIMEOUT`].
pub(crate) const AT_ONCE: Duration = Duration::from_secs(2);

/// A rate at which, once the burst is gone, no test lives to see a token.
pub(crate) const HARDLY_EVER: Rate = Rate::new(1, Duration::from_secs(1_000_000));

/// A client of `url` without a limit and with timeouts that never pass in a test.
pub(crate) fn builder(url: impl Into<String>) -> Builder {
    patient(FanOutClient::builder(url))
}

/// The same settings for any builder.
pub(crate) fn patient(builder: Builder) -> Builder {
    builder.rate(Rate::UNLIMITED).timeout(TIMEOUT).connect_timeout(TIMEOUT)
}

/// Retries that come soon enough for a test, unless the server tells otherwise.
pub(crate) fn soon(retries: u32) -> RetryPolicy {
    let ms = Duration::from_millis(1);
    RetryPolicy::new(retries).fault_base(ms).throttling_base(ms).max_backoff(ms)
}

/// Starts `fetch_all` with text ids on a thread of its own; the bodies come as text, in the order of the ids.
pub(crate) fn fetch(
    client: &FanOutClient,
    cancel: &CancelToken,
    ids: &[&str],
) -> Call<Result<Bodies, Error>> {
    let (client, cancel, ids) = (client.clone(), cancel.clone(), owned(ids));
    spawn(move || {
        let bodies = client.fetch_all(&cancel, ids)?;
        Ok(bodies.into_iter().map(|(id, body)| (id, text(body))).collect())
    })
}

/// The bodies of a `fetch_all`, by id.
pub(crate) type Bodies = BTreeMap<String, String>;

/// Fetches one id.
#[track_caller]
pub(crate) fn fetch_one(client: &FanOutClient, id: &str) -> Result<String, Error> {
    let mut bodies = fetch(client, &CancelToken::new(), &[id]).wait()?;
    Ok(bodies.remove(id).unwrap())
}

/// Starts `fetch_each` on a thread of its own, and collects the outcomes.
pub(crate) fn fetch_each(client: &FanOutClient, cancel: &CancelToken, ids: &[&str]) -> Call<Run> {
    let (client, cancel, ids) = (client.clone(), cancel.clone(), owned(ids));
    spawn(move || {
        let mut outcomes = Vec::new();
        let end = client.fetch_each(&cancel, ids, |outcome| -> Result<(), Error> {
            outcomes.push(outcome);
            Ok(())
        });
        Run { outcomes, end }
    })
}

/// What a `fetch_each` handed out, and how it ended.
pub(crate) struct Run {
    pub(crate) outcomes: Vec<Outcome<String>>,
    pub(crate) end: Result<(), Error>,
}

impl Run {
    /// The outcome of an id.
    #[track_caller]
    pub(crate) fn of(&self, id: &str) -> &Result<Response, Error> {
        &self.outcomes.iter().find(|outcome| outcome.id == id).expect("an outcome").result
    }
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub(crate) fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

/// How many tokens the client's limiter has left. Takes them.
pub(crate) fn tokens_left(client: &FanOutClient) -> usize {
    std::iter::repeat_with(|| client.limiter().try_acquire()).take_while(|taken| *taken).take(10_000).count()
}

/// The bound, exactly, over every window that begins and ends with a grant of one token.
#[track_caller]
pub(crate) fn check_every_window(mut grants: Vec<Instant>, rate: Rate, burst: u32) {
    let (tokens, per) = rate.parts().unwrap();
    grants.sort();
    for (first, from) in grants.iter().enumerate() {
        for (granted, to) in (1_u128..).zip(&grants[first..]) {
            let excess = granted.saturating_sub(burst.into());
            let window = to.duration_since(*from).as_nanos();
            assert!(
                excess * per.as_nanos() <= u128::from(tokens) * window,
                "{granted} tokens in {window} ns, at {rate} with a burst of {burst}"
            );
        }
    }
}

/// A channel whose receiver does not wait for ever: [`Gate::pass`].
pub(crate) fn gate() -> (Sender<()>, Gate) {
    let (sender, receiver) = bounded(1_000);
    (sender, Gate(receiver))
}

/// What a test opens, once for each that may pass, or for all by dropping the sender.
#[derive(Clone)]
pub(crate) struct Gate(Receiver<()>);

impl Gate {
    /// Blocks until the gate is opened. Fails the test if it is not.
    #[track_caller]
    pub(crate) fn pass(&self) {
        let passed = self.0.recv_timeout(GUARD);
        assert_ne!(passed, Err(RecvTimeoutError::Timeout), "it should have come here long ago");
    }
}
