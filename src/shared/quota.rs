//! The handle: what a program holds of a shared quota.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::limiter::{Cost, InvalidLimit, Limit};

use super::connection::Server;
use super::denied::Denied;
use super::error::{SharedAcquireError, SharedError, SharedErrorKind};
use super::gate::{Gate, HeldUp};
use super::grant::Grant;
use super::journal::Journal;
use super::keeper::{Keeper, Link};
use super::keys::Keys;
use super::line::{Line, Want};
use super::news::{Bell, Listener};
use super::schedule::Schedule;
use super::script::Take;
use super::terms::Terms;

/// One quota for many processes, on one machine or many, kept in Redis (6.2 or later) or Valkey.
///
/// The quota of an API belongs to its key, and not to a process. All processes that name the same quota share its
/// limits and its cap on requests in flight:
///
/// ```no_run
/// use fanout::{CancelToken, FanOutClient, Limit, Rate, SharedQuota};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let quota = SharedQuota::builder("redis://127.0.0.1/", "example-key-7")
///     .limit(Limit::new(Rate::per_second(200), 20))
///     .max_in_flight(16)
///     .connect()?;
/// let client = FanOutClient::builder("https://api.example.com/users/{id}").shared(&quota).build()?;
/// let users = client.fetch_all(&CancelToken::new(), 1..=60)?;
/// # Ok(())
/// # }
/// ```
///
/// Clones are the same quota; when the last one is dropped, it says goodbye to Redis and its threads are joined, which
/// may take two seconds if Redis does not answer.
///
/// # What holds
///
/// * **The bound**, of each limit, exactly and at all times: in every window of length `w` at most `burst + rate · w`
///   are granted, by the clock of Redis's server, and at most as many are begun, by that of this machine: that is what
///   the margin is for.
/// * **In flight**: never more than the cap, as long as every process keeps its lease.
/// * **Fair**: processes that want more than there is stand in one line, and have equal shares of the rate, and of the
///   cap, however many threads they have. Within a process it is first come, first served.
/// * **Nothing is granted on a guess.** When Redis cannot be asked, nothing is sent, and after
///   [`redis_wait`](crate::SharedQuotaBuilder::redis_wait) those who wait are told what is wrong. What Redis has lost
///   is taken for used: a bucket that is not there is empty.
/// * **A process that dies** leaves nothing behind for longer than its lease: a token that was granted to it at most, a
///   place in a line for 50 ms, its permits for a lease.
/// * **A pause** that the API asks for in one process holds all of them, and those that begin later; then the buckets
///   begin empty. One of more than a year is taken for a year.
///
/// # The margin
///
/// A grant that comes back from Redis late is thrown away: it may be used for [`use_by`] after it was asked for. Since
/// it may be used as late as that, uses can come closer together than grants. So a burst of `burst - ⌈rate · use_by⌉`
/// is kept in Redis: with 200/s, a burst of 20 and 5 ms, one of 19. Where the burst is too small for that, it is a
/// burst of 1, of which one comes each `use_by + (2 - burst) / rate`, or each `1 / rate` if that is longer: with 10/s
/// and a burst of 1, one each 105 ms. A limit that this would slow down by more than a tenth is refused, with the burst
/// that it would need. No request may cost more than the burst that is left.
///
/// A process can get at most as many grants a second as it has threads that wait, by the time of a round trip; what
/// one call asks for, it asks for all of them together. At 1 ms and 8 threads that is less than 8,000 a second.
///
/// [`use_by`]: crate::SharedQuotaBuilder::use_by
///
/// # What does not hold
///
/// * A process that is stopped (by a signal, say) for longer than its lease, and had requests on the wire: these are
///   still under way when its permits are given to others. It notices by itself when it goes on, and uses no permit and
///   no grant of before; but what is on the wire is on the wire. If it was stopped with its machine, and the monotonic
///   clock with it (Linux stops it while a machine is suspended), it notices only by the next answer from Redis, and a
///   grant that was under way may be used.
/// * A fail-over: Redis replicates asynchronously, so a replica that takes over may not know the latest grants. Whoever
///   has to connect anew therefore begins with empty buckets, for all: that errs to the slow side. And whose latest
///   call is not known there says so, and nobody gets a permit for a lease, as after an eviction of the key or the loss
///   of all of it. But whoever is first to call the replica, and is known there, may be granted permits that others
///   hold: until one of those calls, which is at once if it waits, and after a third of a lease at the latest.
///   And a process that begins at that moment, and is the first to call, is granted what has gathered by what is known
///   there: so is one after a restart of Redis with a state that is older than the latest grants.
/// * The clock of the server: if it is set forward, up to a burst comes too early, a pause ends too early, and if it is
///   by more than a lease, so do the permits of all: until each is heard of again, which is at once if it waits, and
///   after a third of a lease at the latest; then nobody gets a permit for a lease.
/// * More than one server of Redis: this is for a single one, with replicas if need be. A cluster works as long as the
///   address is that of the node with the key.
///
/// # Bounds
///
/// | what | bound | setting |
/// | --- | --- | --- |
/// | connecting to an address, once its name is looked up; an answer | 500 ms each | |
/// | nothing from Redis | 10 s | [`redis_wait`](crate::SharedQuotaBuilder::redis_wait) |
/// | a process that is not heard of keeps its permits | 30 s | [`lease`](crate::SharedQuotaBuilder::lease) |
/// | a grant may be used | 5 ms | [`use_by`] |
/// | who is called back keeps its place | 50 ms | |
/// | who waits for a permit asks again, in case the message is lost | 250 ms | |
/// | who waits for tokens asks again, in case the limits have changed | 1 s | |
/// | who listens for messages and hears nothing makes sure that it is heard | 5 s | |
/// | a permit that came back is told, if there are others | with the next call; 50 ms | |
/// | what a cost turns out to be is told | with the next call; 50 ms | |
/// | waiters that one call asks for; different costs among them | 256; 32 | |
/// | the name of a quota, of a run | 128 bytes | |
/// | threads | 2 | |
/// | who has nothing to do calls all the same, so that the limits stay | in half of the time that the state is kept | |
/// | the state is kept after the last call, and with it the limits: then others may be given | twice the longest of a lease and the time that a bucket takes to fill, and a minute; for as long as a pause; a year at most | |
/// | that it is known at all | a day, or twice as long as the state | |
#[derive(Clone)]
pub struct SharedQuota {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    server: Arc<Server>,
    member: String,
    line: Arc<Line>,
    /// As they were at first.
    terms: Terms,
    has_run: bool,
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

/// What a quota is made of.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) server: Arc<Server>,
    pub(super) keys: Keys,
    pub(super) terms: Terms,
    pub(super) redis_wait: Duration,
    pub(super) has_run: bool,
    pub(super) is_idle: bool,
}

impl SharedQuota {
    pub(super) fn start(parts: Parts) -> Result<SharedQuota, SharedError> {
        let Parts { name, server, keys, terms, redis_wait, has_run, is_idle } = parts;
        let member = format!("{:016x}", crate::retry::Random::new().draw());
        let line = Line::new(&terms);
        let listens = has_run || terms.max_in_flight.is_some();
        let channels = [keys.channel(&member)].into_iter().chain(keys.run.clone()).collect();
        let mut keeper = Keeper {
            line: line.clone(),
            server: server.clone(),
            take: Take::new(keys),
            member: member.clone(),
            first_terms: terms.to_wire(),
            terms: terms.clone(),
            is_idle,
            redis_wait,
            link: Link::default(),
            schedule: Schedule::default(),
            journal: Journal::new(name.clone()),
        };
        keeper.introduce()?;
        if listens {
            keeper.try_to_publish()?;
        }
        let mut inner = Inner {
            name,
            server: server.clone(),
            member,
            line: line.clone(),
            terms,
            has_run,
            bell: Arc::default(),
            threads: Vec::new(),
        };
        // Dropped with `inner`, should the second be refused.
        inner.threads.push(spawn("fanout-quota", move || keeper.run())?);
        if listens {
            let listener = Listener { server, line, channels, bell: inner.bell.clone() };
            inner.threads.push(spawn("fanout-quota-news", move || listener.run())?);
        }
        Ok(SharedQuota { inner: Arc::new(inner) })
    }

    /// Waits for a token of each limit and, where permits are counted, for a permit. For programs that send their
    /// requests themselves; a [`FanOutClient`](crate::FanOutClient) that is given the quota does all this.
    ///
    /// # Errors
    ///
    /// As [`SharedAcquireError`] has them. Nothing was used.
    ///
    /// # Cancellation
    ///
    /// The grant, a cancel of `cancel`, and its deadline end the wait; so does the failure of the quota. None of them
    /// has to wait for Redis.
    pub fn acquire(&self, cancel: &CancelToken) -> Result<Grant, SharedAcquireError> {
        self.acquire_cost(cancel, Cost::ONE)
    }

    /// Waits for so many tokens of each limit, and takes all of them at once; with a permit, as
    /// [`acquire`](SharedQuota::acquire).
    ///
    /// # Errors
    ///
    /// As [`SharedAcquireError`] has them. Nothing was used.
    pub fn acquire_cost(&self, cancel: &CancelToken, cost: Cost) -> Result<Grant, SharedAcquireError> {
        Ok(self.take(&Want { cost, lease: None, max_pause: None }, cancel)?)
    }

    pub(crate) fn take(&self, want: &Want<'_>, cancel: &CancelToken) -> Result<Grant, Denied> {
        let (given, lease) = self.inner.line.acquire(want, cancel)?;
        Ok(Grant { given, lease })
    }

    pub(crate) fn has_run(&self) -> bool {
        self.inner.has_run
    }

    /// Has this token cancelled when the run fails, and now if it has. Returns its number.
    pub(crate) fn add_part(&self, cancel: &CancelToken) -> u64 {
        let mut state = self.inner.line.lock();
        let number = state.parts.last().map_or(0, |(number, _)| number + 1);
        state.parts.push((number, cancel.clone()));
        let has_failed = state.failed.is_some();
        drop(state);
        if has_failed {
            cancel.cancel();
        }
        number
    }

    pub(crate) fn remove_part(&self, number: u64) {
        let mut state = self.inner.line.lock();
        let found = state.parts.iter().position(|(of, _)| *of == number);
        let removed = found.map(|index| state.parts.remove(index));
        drop(state);
        drop(removed); // foreign code may run in it: outside the lock
    }

    /// What has ended the run, if something has.
    pub(crate) fn failure(&self) -> Option<SharedError> {
        self.inner.line.lock().failed.clone()
    }

    pub(crate) fn counts_permits(&self) -> bool {
        self.inner.terms.max_in_flight.is_some()
    }

    pub(crate) fn lease(&self) -> Duration {
        self.inner.terms.lease
    }

    pub(crate) fn first_limit(&self) -> Option<Limit> {
        self.inner.line.lock().limits.first().copied()
    }

    /// Changes the limit of this number, for all processes: each adopts it with its next call, which is within a
    /// second where somebody waits. What has gathered stays, in whole tokens and as far as the new burst holds it.
    /// Behind a limit that was none nothing has gathered. Returns at once; it is in force when Redis has been told.
    ///
    /// # Errors
    ///
    /// A limit that never grants anything or cannot be counted, and a number that no limit has; then nothing has
    /// changed.
    pub fn set_limit(&self, number: usize, limit: Limit) -> Result<(), InvalidLimit> {
        limit.checked()?;
        let one = Terms { limits: vec![limit], ..self.inner.terms.clone() };
        if one.measures().is_none() || one.too_tight().is_some() {
            return Err(InvalidLimit::CannotBeShared);
        }
        if number >= self.inner.terms.limits.len() {
            return Err(InvalidLimit::NoSuchLimit);
        }
        self.inner.line.tell(|state| _ = state.todo.limits.insert(number, limit));
        Ok(())
    }

    /// Tells what something that was granted has cost beyond what was taken for it: so many tokens `extra` of the limit
    /// of this number, or fewer if it is negative. As [`RateLimiter::settle`](crate::RateLimiter::settle), for all
    /// processes. Returns at once; Redis is told with the next call, after 50 ms at most.
    ///
    /// What is not there of them is a debt: that limit grants nothing before it is paid back, at the rate. In every
    /// window of length `w`, what was used is then at most `burst + rate · w` and the debt at the end of the window.
    ///
    /// What is given back can be had at once, as far as the bucket has had room for it for a
    /// [lease](crate::SharedQuotaBuilder::lease) or two. So the bound holds exactly by what is really used, if each is
    /// settled within a lease of its grant. A bucket that is drained all the time, whose limit is what slows everybody
    /// down, takes all of it back; one that was full a moment ago takes nothing. And nothing is taken back for a lease
    /// or two after the first time; after Redis has lost what it knew, or had to be connected to anew; after a pause;
    /// after other limits were set.
    ///
    /// If Redis does not answer, what was given back in that call is lost, and what was owed may count twice.
    ///
    /// # Errors
    ///
    /// There is no limit of this number.
    pub fn settle(&self, limit: usize, extra: i64) -> Result<(), InvalidLimit> {
        if limit >= self.inner.terms.limits.len() {
            return Err(InvalidLimit::NoSuchLimit);
        }
        self.inner.line.settle(|settled| settled.add(limit, extra, Instant::now()));
        Ok(())
    }

    /// Grants nothing before `resume`, in any process. Then the limits begin with empty buckets. A pause is only ever
    /// extended. `words` say why, up to 64 characters.
    pub fn pause_until(&self, resume: Instant, words: &str) {
        let words: String = words.chars().take(64).collect();
        self.inner.line.tell(|state| state.pause(resume, words));
    }

    /// Ends the [run](crate::SharedQuotaBuilder::run) for all processes, unless it has been ended already: whoever
    /// waits, there or here, and whoever comes, gets an error with this text. Does nothing if no run was named.
    pub fn fail(&self, text: &str) {
        let text: String = text.chars().take(1_000).collect();
        self.inner.line.tell(|state| {
            state.todo.failure.get_or_insert(text);
        });
    }

    /// The limits in force, as this process knows them.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        self.inner.line.lock().limits.clone()
    }

    /// How many threads of this process are waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.line.waiting()
    }

    /// What holds up all who wait, as this process has heard of it by its latest call. Nothing while tokens and permits
    /// come as they do.
    #[must_use]
    pub fn held_up(&self) -> Option<HeldUp> {
        let state = self.inner.line.lock();
        if let Some((since, error)) = &state.trouble {
            return Some(HeldUp::Unreachable(*since, error.clone()));
        }
        let (until, why) = state.gate.as_ref().filter(|(until, _)| *until > Instant::now())?;
        Some(match why {
            Gate::Lost => HeldUp::Unknown(*until),
            Gate::Pause(words) => HeldUp::Paused(*until, words.clone()),
        })
    }

    /// Whether somebody here waits because no permit is free, as this process has heard by its latest call. There may
    /// be tokens, but other processes hold the permits, or this one does. A process that was killed holds its own for
    /// a [lease](crate::SharedQuotaBuilder::lease).
    #[must_use]
    pub fn waits_for_permits(&self) -> bool {
        self.inner.line.lock().waits_for_permits()
    }

    /// How many permits this process holds.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.inner.line.lock().held
    }

    /// How many calls to Redis this process has had answered.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.line.lock().calls
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.bell.ring();
        self.line.tell(|state| state.todo.end = true);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, SharedError> {
    Builder::new().name(name.to_owned()).spawn(run).map_err(|refused| {
        let text = format!("the operating system refused to start a thread: {refused}");
        SharedError::new(SharedErrorKind::Thread, text)
    })
}

/// No code of the caller's runs under its locks, so no panic leaves anything half done.
impl UnwindSafe for SharedQuota {}
impl RefUnwindSafe for SharedQuota {}

impl fmt::Debug for SharedQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedQuota")
            .field("name", &self.inner.name)
            .field("redis", &self.inner.server.name)
            .field("member", &self.inner.member)
            .field("limits", &self.limits())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
