//! The quota thread: the only one that asks Redis for grants, for all threads of the process together.
//!
//! It belongs to the quota and not to a call: who is cancelled while it waits for an answer leaves the line and is
//! gone. Mostly it sleeps: until somebody joins a line and nothing has been asked for yet; until the instant that Redis
//! has named; until it is woken because a permit is there. See `schedule`.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Connection;

use crate::cancel::CancelToken;

use super::connection::{REPLY_TIMEOUT, Server};
use super::error::{SharedError, SharedErrorKind};
use super::journal::Journal;
use super::line::{Given, Line, State};
use super::schedule::{Schedule, after};
use super::script::{Answer, Ask, Take, Taken};
use super::settled::Settled;
use super::terms::{LONGEST_KEPT, Terms};
use super::todo::ToDo;
use super::wants::{Wanted, runs};

/// How many waiters one call asks for: 256.
const MOST_WANTED: usize = 256;

/// How often the first call of all is made, and the last, while others set other limits: 3 times.
const MOST_TRIES: usize = 3;

/// See the module's documentation.
pub(super) struct Keeper {
    pub(super) line: Arc<Line>,
    pub(super) server: Arc<Server>,
    pub(super) take: Take,
    pub(super) member: String,
    /// With which limits this process has begun, and which are in force.
    pub(super) first_terms: String,
    pub(super) terms: Terms,
    pub(super) is_idle: bool,
    pub(super) redis_wait: Duration,
    pub(super) link: Link,
    pub(super) schedule: Schedule,
    pub(super) journal: Journal,
}

/// What is known of the state in Redis.
#[derive(Default)]
pub(super) struct Link {
    connection: Option<Connection>,
    /// There was another connection before this one: what the server knows may be older than what it knew then.
    is_cold: bool,
    had_one: bool,
    number: u64,
    epoch: String,
    generation: u64,
    /// Changes of limits that are not in force yet.
    changes: BTreeMap<usize, crate::limiter::Limit>,
    /// When the latest call that was answered was made, and its number.
    heard_at: Option<Instant>,
    heard: u64,
    /// Since when every call has failed.
    failing_since: Option<Instant>,
    tries: u32,
}

/// What one call is made for.
struct Task {
    asked_at: Instant,
    wants: Vec<Wanted>,
    held: u32,
    /// Since when Redis may know of permits that nobody holds: of those that this call is granted, should its answer be
    /// lost, or else of those that came back.
    untold: Option<Instant>,
    pause: Option<(Instant, String)>,
    failure: Option<String>,
    settled: Settled,
    end: bool,
    /// How many permits were held when the lease ended, if it has.
    permits_lost: u32,
}

impl Keeper {
    /// The thread.
    pub(super) fn run(mut self) {
        loop {
            let task = self.next();
            self.journal.lease_lost(task.permits_lost);
            if task.end {
                return self.say_goodbye(&task);
            }
            let answered = self.ask(&task);
            self.done(task, answered);
        }
    }

    /// The last call, once more if other limits were set since the latest one, or the connection is gone. What cannot
    /// be said any more is found out when the lease ends.
    fn say_goodbye(&mut self, task: &Task) {
        let mut failures = 0;
        for _ in 0..MOST_TRIES {
            match self.ask(task) {
                Ok(adopt @ Answer::Adopt(..)) => _ = self.take_in(task, adopt),
                Ok(_) => {
                    let _ = self.try_to_publish();
                    return;
                }
                Err(_) if failures == 0 => (self.link.connection, failures) = (None, 1),
                Err(_) => return,
            }
        }
    }

    /// Whether this user may; and who listens for this process looks whether it is to end.
    pub(super) fn try_to_publish(&mut self) -> Result<(), SharedError> {
        let Some(connection) = &mut self.link.connection else { return Ok(()) };
        let woken = self.take.wake_listener(&self.member, connection);
        woken.map_err(|error| self.server.failed("a message", error))
    }

    /// The first call of all, on the caller's thread: so that what is wrong is known before anything begins.
    pub(super) fn introduce(&mut self) -> Result<(), SharedError> {
        for _ in 0..MOST_TRIES {
            // Nobody has wanted anything yet.
            let line = self.line.clone();
            let task = self.task(&mut line.lock(), Instant::now());
            let answer = self.ask(&task)?;
            let is_done = matches!(answer, Answer::Taken(_));
            self.take_in(&task, answer)?;
            if is_done {
                return Ok(());
            }
        }
        Err(SharedError::new(SharedErrorKind::Unreachable, "the limits of the quota change all the time"))
    }

    /// Sleeps until there is something to do.
    fn next(&mut self) -> Task {
        let line = self.line.clone();
        let mut state = line.lock();
        loop {
            let now = Instant::now();
            let due = self.schedule.due(&state, now);
            if due.is_some_and(|due| due <= now) {
                return self.task(&mut state, now);
            }
            state.heeds = self.schedule.heeds(&state, due, now);
            line.wait(&mut state, due);
            state.heeds = Default::default();
        }
    }

    fn task(&mut self, state: &mut State, now: Instant) -> Task {
        // Counted from before the call that renewed them, and so over before Redis takes it so.
        let heard_at = self.link.heard_at;
        let is_over = heard_at.is_some_and(|heard| now.saturating_duration_since(heard) >= self.terms.lease);
        let permits_lost = if is_over { state.void_leases() } else { 0 };
        let todo = &mut state.todo;
        let released = todo.released.take();
        todo.is_woken = false;
        self.link.changes.append(&mut todo.limits);
        let (pause, failure, end) = (todo.pause.clone(), todo.failure.take(), todo.end);
        let settled = mem::take(&mut todo.settled);
        let wants: Vec<Wanted> = state.wants().take(if end { 0 } else { MOST_WANTED }).collect();
        let untold = wants.iter().any(|wanted| wanted.permit).then_some(now).or(released);
        let held = if end { 0 } else { state.held };
        Task { asked_at: now, wants, held, untold, pause, failure, settled, end, permits_lost }
    }

    /// One round trip.
    fn ask(&mut self, task: &Task) -> Result<Answer, SharedError> {
        let link = &mut self.link;
        if link.connection.is_none() {
            link.connection = Some(self.server.connect()?);
            link.is_cold = link.had_one;
            link.had_one = true;
        }
        let Some(connection) = &mut link.connection else {
            return Err(SharedError::new(SharedErrorKind::Unreachable, "not connected"));
        };
        if let Some(failure) = &task.failure {
            self.take
                .fail(failure, &self.terms, connection)
                .map_err(|error| self.server.failed("telling", error))?;
        }
        link.number += 1;
        let changed = self.terms.with(&link.changes);
        let (terms, generation) = match &changed {
            Some(changed) => (changed, link.generation + 1),
            None => (&self.terms, link.generation),
        };
        let pause = task.pause.as_ref();
        let mut settled = task.settled;
        if link.is_cold && task.end {
            // It may have been told already; and what room there was is as unknown as to all who come anew.
            settled.back = Default::default();
        }
        let is_known =
            link.heard_at.is_some_and(|heard| task.asked_at.saturating_duration_since(heard) < terms.lease);
        let ask = Ask {
            member: &self.member,
            number: link.number,
            epoch: &link.epoch,
            known: if is_known { link.heard } else { 0 },
            generation,
            terms,
            first_terms: &self.first_terms,
            is_idle: self.is_idle,
            is_cold: link.is_cold && !task.end, // who goes takes nothing
            leaves: task.end,
            held: task.held,
            pause: pause
                .map(|(until, words)| (until.saturating_duration_since(task.asked_at), words.as_str()))
                .map(|(left, words)| (left.min(LONGEST_KEPT), words)),
            settled: &settled,
            wants: &runs(&task.wants),
        };
        match self.take.call(&ask, connection) {
            Ok(Some(answer)) => {
                if let (Some(changed), Answer::Taken(_)) = (changed, &answer) {
                    link.changes.clear();
                    link.generation = generation;
                    self.terms = changed;
                    self.journal.adopted(generation, &self.terms);
                }
                Ok(answer)
            }
            Ok(None) => {
                let text = format!("Redis at {} answers with what is not understood here", self.server.name);
                Err(SharedError::new(SharedErrorKind::Refused, text))
            }
            Err(error) => Err(self.server.failed("a call", error)),
        }
    }

    fn done(&mut self, task: Task, answered: Result<Answer, SharedError>) {
        match &answered {
            Ok(_) => self.journal.reached(Instant::now()),
            Err(error) => self.journal.failed(task.asked_at, error),
        }
        // A connection whose answer was late, and no worse, is as good as before.
        let is_heard = matches!(answered, Ok(Answer::Taken(_)));
        // Who has other limits takes nothing, however often it is told.
        if !matches!(answered, Ok(Answer::Taken(_) | Answer::RunFailed(_) | Answer::Differs(_))) {
            self.line.lock().todo.settled.owe_again(&task.settled, Instant::now());
        }
        let taken = answered.and_then(|answer| self.take_in(&task, answer));
        let Err(error) = taken else {
            self.link.failing_since = None;
            self.link.tries = 0;
            return;
        };
        let now = Instant::now();
        let link = &mut self.link;
        // What it took beyond its timeouts, the process was stopped, and that is no time in which Redis was asked.
        let took = now.saturating_duration_since(task.asked_at);
        let stopped = took.saturating_sub(2 * REPLY_TIMEOUT);
        let since = link.failing_since.unwrap_or(task.asked_at) + stopped;
        link.failing_since = Some(since);
        let mut state = self.line.lock();
        state.trouble = Some((since, error.clone()));
        if !is_heard {
            link.connection = None;
        }
        match error.kind() {
            SharedErrorKind::Differs | SharedErrorKind::RunFailed => {
                state.dismiss_all(&error);
                state.failed = Some(error);
                // There is nothing to tell any more but what is held.
                let ToDo { pause, limits, failure, .. } = &mut state.todo;
                (*pause, *failure) = (None, None);
                limits.clear();
                link.changes.clear();
                self.schedule.fails(link.tries, now + self.redis_wait, now);
                link.tries = link.tries.saturating_add(1);
                let parts: Vec<CancelToken> = state.parts.iter().map(|(_, cancel)| cancel.clone()).collect();
                drop(state);
                parts.iter().for_each(CancelToken::cancel);
            }
            SharedErrorKind::Unreachable if now.saturating_duration_since(since) < self.redis_wait => {
                state.tell_again(task, self.terms.lease, now);
                self.schedule.fails(link.tries, since + self.redis_wait, now);
                link.tries = link.tries.saturating_add(1);
            }
            _ => {
                state.tell_again(task, self.terms.lease, now);
                link.failing_since = None;
                state.dismiss_all(&SharedError::after(now.saturating_duration_since(since), &error));
                self.schedule.fails(link.tries, now + self.redis_wait, now);
                link.tries = link.tries.saturating_add(1);
            }
        }
    }

    /// Does what the answer says.
    fn take_in(&mut self, task: &Task, answer: Answer) -> Result<(), SharedError> {
        let link = &mut self.link;
        match answer {
            Answer::Taken(taken) => {
                link.is_cold = false;
                (link.heard_at, link.heard) = (Some(task.asked_at), link.number);
                link.epoch.clone_from(&taken.epoch);
                self.hand_out(task, taken)
            }
            Answer::Old => {
                let text = "Redis has heard a later call of this process than its latest";
                Err(SharedError::new(SharedErrorKind::Unreachable, text))
            }
            Answer::Adopt(generation, wire) => {
                let Some(terms) = Terms::from_wire(&wire) else {
                    return Err(self.differs(&wire));
                };
                (link.generation, self.terms) = (generation, terms);
                self.journal.adopted(generation, &self.terms);
                self.line.tell(|state| {
                    state.adopt(&self.terms);
                    state.dismiss_the_hopeless(None, task.asked_at);
                    // On top of what others have set, and below what was set here since.
                    let before = std::mem::take(&mut link.changes);
                    for (number, limit) in before {
                        state.todo.limits.entry(number).or_insert(limit);
                    }
                    state.todo.released = state.todo.released.or(task.untold);
                });
                self.schedule.again();
                Ok(())
            }
            Answer::Differs(wire) => Err(self.differs(&wire)),
            Answer::RunFailed(text) => {
                (link.heard_at, link.heard) = (Some(task.asked_at), link.number);
                self.journal.run_failed(&text, task.failure.as_ref() == Some(&text));
                let text = format!("another process of the run has failed: {text}");
                Err(SharedError::new(SharedErrorKind::RunFailed, text))
            }
        }
    }

    fn hand_out(&mut self, task: &Task, taken: Taken) -> Result<(), SharedError> {
        let (asked_at, now) = (task.asked_at, Instant::now());
        let use_by = asked_at + self.terms.use_by;
        let given = Given { at: now, use_by, server_micros: taken.now, lease: 0 };
        let is_late = taken.granted > 0 && now > use_by;
        self.schedule.answered(asked_at, &taken, &self.terms);
        self.journal.heard(asked_at, task.pause.as_ref().map(|(until, _)| *until), &taken);
        let mut state = self.line.lock();
        let given = Given { lease: state.lease, ..given };
        state.trouble = None;
        state.lacks_permits = taken.waits_for_permits;
        state.calls += 1;
        if state.todo.pause == task.pause {
            state.todo.pause = None;
        }
        let is_held_up = is_late || state.todo.pause.is_some();
        let granted = if is_held_up { 0 } else { (taken.granted as usize).min(task.wants.len()) };
        state.adopt(&self.terms);
        state.set_gate(taken.gate.map(|(left, why)| (after(asked_at, left), why)));
        let handed_out = state.hand_out(&task.wants[..granted], given);
        if state.counts_permits && handed_out < taken.granted as usize {
            state.todo.released.get_or_insert(now);
        }
        let first = taken.tokens_in.map(|(_, first)| after(asked_at, first));
        let first = first.zip(task.wants.get(taken.granted as usize).map(|wanted| wanted.cost));
        state.dismiss_the_hopeless(first, now);
        drop(state);
        if is_late {
            self.journal.thrown_away(taken.granted, now.saturating_duration_since(use_by));
            let text = format!(
                "Redis at {} answers after {:?}, and a grant may be used for {:?}",
                self.server.name,
                now.saturating_duration_since(asked_at),
                self.terms.use_by,
            );
            return Err(SharedError::new(SharedErrorKind::Unreachable, text));
        }
        Ok(())
    }

    fn differs(&self, theirs: &str) -> SharedError {
        let theirs = Terms::from_wire(theirs).map_or_else(|| theirs.to_owned(), |terms| terms.to_string());
        let ours = Terms::from_wire(&self.first_terms).map_or_else(String::new, |terms| terms.to_string());
        let name = &self.server.name;
        let text =
            format!("the quota has other limits in Redis at {name}: there {theirs:?}, and here {ours:?}");
        SharedError::new(SharedErrorKind::Differs, text)
    }
}

impl State {
    /// What could not be told; what was held, only until a lease is over that may have begun with that call.
    fn tell_again(&mut self, task: Task, lease: Duration, now: Instant) {
        let todo = &mut self.todo;
        todo.failure = todo.failure.take().or(task.failure);
        let untold = task.untold.filter(|since| now.saturating_duration_since(*since) < lease);
        todo.released = todo.released.into_iter().chain(untold).max();
    }
}

/// Nobody is left to wait for a thread that has ended, however it did.
impl Drop for Keeper {
    fn drop(&mut self) {
        let error = SharedError::new(SharedErrorKind::Thread, "the thread of the shared quota has ended");
        self.line.tell(|state| {
            state.dismiss_all(&error);
            state.failed.get_or_insert(error);
        });
    }
}
