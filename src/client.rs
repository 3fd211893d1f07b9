//! The face of the crate: a client, and what can be done with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::events::{Event, emit};
use crate::fan_out::{self, FromChannel, FromIterator, Plan, Source, Spawner};
use crate::fetch::Fetcher;
use crate::limiter::RateLimiter;
use crate::outcome::Outcome;

/// Fetches every id as fast as its quota allows, and never faster.
///
/// Clones are the same client: they share one quota, one pool of connections and one memory of names. So are calls
/// from several threads; each call has worker threads of its own, at most [`max_in_flight`], which end with it.
///
/// See the [crate's documentation](crate) for the story, and [`Builder`](crate::Builder) for the settings.
///
/// [`max_in_flight`]: crate::Builder::max_in_flight
#[derive(Clone)]
pub struct FanOutClient {
    inner: Arc<Inner>,
}

struct Inner {
    fetcher: Fetcher,
    max_in_flight: usize,
    keep_going: bool,
    /// Ids that wait to be tried again.
    parked: Arc<AtomicUsize>,
}

impl FanOutClient {
    pub(crate) fn new(fetcher: Fetcher, max_in_flight: usize, keep_going: bool) -> FanOutClient {
        let parked = Arc::default();
        FanOutClient { inner: Arc::new(Inner { fetcher, max_in_flight, keep_going, parked }) }
    }

    /// Fetches all ids, and returns the body of each; or the first error, and nothing else. An id that comes more
    /// than once is fetched once.
    ///
    /// All or nothing, as its type says, even with [`keep_going`](crate::Builder::keep_going). To keep what came
    /// before an error, use [`fetch_each`](FanOutClient::fetch_each).
    ///
    /// # Errors
    ///
    /// The first failure. By the time it is returned, everything has stopped: no request is under way, and the call's
    /// threads have been joined.
    ///
    /// # Cancellation
    ///
    /// Ends at once when `cancel` is cancelled or its deadline passes, whatever it is waiting for.
    ///
    /// # Panics
    ///
    /// A panic of the iterator, of the `Display` of an id, or of a closure that the [`Builder`](crate::Builder) was
    /// given is passed on when everything has stopped.
    pub fn fetch_all<I>(
        &self,
        cancel: &CancelToken,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<HashMap<I, Vec<u8>>, Error>
    where
        I: Clone + Eq + Hash + Display + Send,
    {
        // One map serves as the set of ids seen and as the result. Both closures run on this thread, in turn.
        let bodies: RefCell<HashMap<I, Vec<u8>>> = RefCell::default();
        let unseen = ids.into_iter().filter(|id| match bodies.borrow_mut().entry(id.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Vec::new());
                true
            }
        });
        self.fetch_each(cancel, unseen, |outcome| {
            let response = outcome.result?;
            bodies.borrow_mut().insert(outcome.id, response.body);
            Ok::<(), Error>(())
        })?;
        Ok(bodies.into_inner())
    }

    /// Fetches all ids, and hands each [`Outcome`] to `each` as it comes, on this thread.
    ///
    /// Ids are pulled when there is room for them, at most a small number ahead, and never while an outcome waits.
    /// The memory used depends on [`max_in_flight`], not on how many ids there are, in which order they are done, or
    /// how slow `each` is. Outcomes come in the order in which they are done. An id that comes twice is fetched
    /// twice.
    ///
    /// [`max_in_flight`]: crate::Builder::max_in_flight
    /// [`keep_going`]: crate::Builder::keep_going
    ///
    /// The error type is the closure's: any that can be made from an [`Error`]. Where nothing else says which, the
    /// last line of the closure does:
    ///
    /// ```no_run
    /// # use std::io::Write;
    /// # fn run(client: fanout::FanOutClient, cancel: fanout::CancelToken) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = std::fs::File::create("widgets.txt")?;
    /// client.fetch_each(&cancel, 1..=60, |outcome| {
    ///     let response = outcome.result?; // an Error
    ///     writeln!(file, "{}: {} bytes", outcome.id, response.body.len())?; // an io::Error
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first failure; what had been fetched before it still reaches `each`. With [`keep_going`], failures are
    /// handed to `each` instead. An error that `each` returns ends the run as well, and is returned as it is. By the
    /// time an error is returned, everything has stopped: no request is under way, and the call's threads have been
    /// joined.
    ///
    /// # Cancellation
    ///
    /// Ends at once when `cancel` is cancelled or its deadline passes, whatever it is waiting for; but not before
    /// `each` or the iterator's `next()` return, if they are running. Nothing is sent meanwhile.
    ///
    /// # Panics
    ///
    /// A panic of `each`, of the iterator, of the `Display` of an id, or of a closure that the
    /// [`Builder`](crate::Builder) was given is passed on when everything has stopped.
    pub fn fetch_each<I, E, F>(
        &self,
        cancel: &CancelToken,
        ids: impl IntoIterator<Item = I>,
        each: F,
    ) -> Result<(), E>
    where
        I: Clone + Eq + Hash + Display + Send,
        E: From<Error>,
        F: FnMut(Outcome<I>) -> Result<(), E>,
    {
        self.run(cancel, |_| FromIterator(ids.into_iter()), each)
    }

    /// As [`fetch_each`](FanOutClient::fetch_each), for ids that come from elsewhere, in their own time: from a
    /// reader of standard input, say. While the channel is empty, outcomes go on reaching `each`, and a cancel ends
    /// the wait. The run ends when the channel is disconnected and all that came has been fetched.
    ///
    /// # Errors
    ///
    /// As [`fetch_each`](FanOutClient::fetch_each).
    ///
    /// # Cancellation
    ///
    /// Ends at once when `cancel` is cancelled or its deadline passes, also while the channel is empty; but not
    /// before
    /// `each` returns, if it is running. Ids that are still in the channel stay there; a few that were taken out of it
    /// may not have been begun.
    ///
    /// # Panics
    ///
    /// As [`fetch_each`](FanOutClient::fetch_each).
    pub fn fetch_each_received<I, E, F>(
        &self,
        cancel: &CancelToken,
        ids: &Receiver<I>,
        each: F,
    ) -> Result<(), E>
    where
        I: Clone + Eq + Hash + Display + Send,
        E: From<Error>,
        F: FnMut(Outcome<I>) -> Result<(), E>,
    {
        self.run(cancel, |cancel| FromChannel::new(ids, cancel), each)
    }

    /// The limiter of all calls on this client, to look at or to change while they run.
    ///
    /// With a [shared](crate::Builder) quota (feature `redis`) it is what this client keeps by itself, before it stands
    /// in line for the shared limits: unlimited, but for a pause and for what [`adaptive`](crate::Builder::adaptive)
    /// has found out. What is set or settled here counts for this client alone; the shared limits are those of the
    /// quota, and are set and settled there.
    #[must_use]
    pub fn limiter(&self) -> &RateLimiter {
        self.inner.fetcher.quota.limiter()
    }

    /// How many in-flight permits are held at this moment, by all calls on this client: requests that are under way
    /// or about to be.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.inner.fetcher.quota.in_flight() as usize
    }

    /// The proxy on the way to this URL, as `proxy.example:3128`: by [`proxy`](crate::Builder::proxy),
    /// [`no_proxy`](crate::Builder::no_proxy) and, if it is asked, the environment as it was when the client was
    /// built. User and password are not shown. None: the way is direct, or this is no http or https URL.
    #[must_use]
    pub fn proxy_for(&self, url: &str) -> Option<String> {
        self.inner.fetcher.http.proxy_for(&url.parse().ok()?)
    }

    /// How many ids of the calls under way wait to be tried again at this moment: they have failed, and no worker has
    /// taken them up anew yet. They hold no permit. None without [`retries`](crate::Builder::retries).
    #[must_use]
    pub fn awaiting_retry(&self) -> usize {
        self.inner.parked.load(Ordering::Relaxed)
    }

    fn run<I, E, S, F>(
        &self,
        cancel: &CancelToken,
        source: impl FnOnce(&CancelToken) -> S,
        each: F,
    ) -> Result<(), E>
    where
        I: Display + Send,
        E: From<Error>,
        S: Source<I>,
        F: FnMut(Outcome<I>) -> Result<(), E>,
    {
        let Inner { fetcher, max_in_flight, keep_going, parked } = &*self.inner;
        let started = Instant::now();
        emit(&Event::RunStarted { max_in_flight: *max_in_flight });
        #[cfg(feature = "redis")]
        let part = fetcher.quota.take_part(cancel);
        #[cfg(feature = "redis")]
        let (cancel, fellows) = match &part {
            Some(part) => (part.cancel(), Some(part as &dyn fan_out::Fellows)),
            None => (cancel, None),
        };
        #[cfg(not(feature = "redis"))]
        let fellows = None;
        let plan = Plan {
            cancel,
            workers: *max_in_flight,
            keep_going: *keep_going,
            retries: fetcher.retry.retries() > 0,
            clock: fetcher.quota.clock().clone(),
            fellows,
            parked: parked.clone(),
            spawner: Spawner::default(),
        };
        let run = fetcher.run();
        let (delivered, ended) = fan_out::run(&plan, source(cancel), &run, each);
        let (retries, elapsed) = (run.retries(), started.elapsed());
        emit(&Event::RunEnded { delivered, retries, ok: ended.is_ok(), elapsed });
        ended
    }
}

/// What a panic of the caller's code can leave half done belongs to its call, which ends with it.
impl UnwindSafe for FanOutClient {}
impl RefUnwindSafe for FanOutClient {}

impl fmt::Debug for FanOutClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOutClient")
            .field("limiter", self.limiter())
            .field("max_in_flight", &self.inner.max_in_flight)
            .field("in_flight", &self.in_flight())
            .field("awaiting_retry", &self.awaiting_retry())
            .field("keep_going", &self.inner.keep_going)
            .finish_non_exhaustive()
    }
}
