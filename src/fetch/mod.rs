//! One id, from its text to its outcome: as many tries as the policy allows, and for each of them permit, token,
//! request, and again for each redirect.
//!
//! What belongs to the client is in a [`Fetcher`], what belongs to a call in its [`Run`], and what is remembered of an
//! id from one try to the next in its [`Tries`]. An id that is to be tried again goes back to the engine.

mod attempt;
mod failure;
mod logged;
mod observed;

use std::fmt::Display;
use std::time::Instant;

use crate::error::{Error, ErrorKind, GaveUp};
use crate::exchange::{Exchange, Then};
use crate::fan_out::{Job, Step, Work, Worker};
use crate::outcome::Outcome;
use crate::quota::{Answered, Quota, RequestedPause};
use crate::request::{Prepared, RequestSource};
use crate::retry::{self, Decision, Failed, Random, RetryBudget, RetryPolicy, RunBudget, is_repeatable};
use crate::room::Lent;
use crate::transport::HttpClient;

use attempt::Attempt;
use logged::Logged;

/// Is shown each request: see [`Builder::observe`](crate::Builder::observe).
pub(crate) type Observer = dyn Fn(&Exchange<'_>) + Send + Sync;

/// Everything that it takes to fetch an id, whichever.
pub(crate) struct Fetcher {
    pub(crate) source: RequestSource,
    pub(crate) accept_status: Box<dyn Fn(u16) -> bool + Send + Sync>,
    pub(crate) max_redirects: u32,
    pub(crate) retry: RetryPolicy,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) observer: Option<Box<Observer>>,
    pub(crate) quota: Quota,
    pub(crate) http: HttpClient,
}

/// One call: its share of the retries.
pub(crate) struct Run<'a> {
    fetcher: &'a Fetcher,
    budget: RunBudget,
    random: Random,
}

/// What is remembered of an id from one try to the next.
#[derive(Default)]
pub(crate) struct Tries<'a> {
    /// Which one is under way: 1 for the first.
    number: u32,
    /// Made once, so that it is the same each time, whatever the closure puts into it.
    request: Option<Prepared<'a>>,
    /// How the others ended.
    earlier: Vec<Error>,
}

impl Fetcher {
    /// Begins a call.
    pub(crate) fn run(&self) -> Run<'_> {
        Run { fetcher: self, budget: RunBudget::new(self.retry_budget), random: Random::new() }
    }
}

impl<'a, I: Display> Work<I> for Run<'a> {
    type Tries = Tries<'a>;

    /// Makes one try. Blocks the worker; whatever it waits for ends when the call is cancelled.
    fn work(
        &self,
        Job { id, mut tries }: Job<I, Tries<'a>>,
        worker: &Worker<'_>,
    ) -> (Step<I, Tries<'a>>, impl FnOnce()) {
        let _busy = self.fetcher.quota.clock().busy();
        let text = id.to_string();
        if tries.number == 0 {
            self.budget.start_id();
        }
        tries.number += 1;
        let mut attempt = Attempt::new(self.fetcher, &text, tries.number, worker);
        let (result, in_flight) = attempt.run(&mut tries.request);
        let Attempt { times, sent, answered, observed, .. } = attempt;
        let number = tries.number;
        let result = result.map_err(|error| error.about(&text, number).sent_at_least(sent));
        let (step, logged) = match result.map_err(|error| self.retry(error, &tries, &answered, worker)) {
            Err((error, Some(due))) => {
                let retry_in = due.saturating_duration_since(self.fetcher.quota.clock().now());
                let logged = Logged::retried(&error, retry_in);
                tries.earlier.push(error);
                (Step::Again(Job { id, tries }, due), logged)
            }
            settled => {
                let result = settled.map_err(|(error, _)| error);
                let logged = Logged::settled(&result);
                let (earlier, room) = (tries.earlier, Lent::default());
                (Step::Settled(Outcome { id, attempt: number, result, times, earlier, room }), logged)
            }
        };
        let observed = observed.zip(self.fetcher.observer.as_deref());
        let then = match &step {
            Step::Again(_, due) => Then::Retry(*due),
            Step::Settled(_) => Then::End,
        };
        let afterwards = move || {
            drop(in_flight);
            if let Some((observed, observer)) = observed {
                observed.show(observer, &text, then);
            }
            logged.emit(&text, number, times);
        };
        (step, afterwards)
    }
}

impl<'a> Run<'a> {
    /// How many tries were made beyond the first of each id.
    pub(crate) fn retries(&self) -> u64 {
        self.budget.spent()
    }

    /// Whether a failed try is made again, and when; if not, the error knows why.
    fn retry(
        &self,
        error: Error,
        tries: &Tries<'a>,
        answered: &Answered,
        worker: &Worker<'_>,
    ) -> (Error, Option<Instant>) {
        let is_for_all =
            matches!(error.kind(), ErrorKind::LongPause | ErrorKind::SharedQuota | ErrorKind::RunFailed);
        if is_for_all || matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::DeadlineExceeded) {
            return (error, None);
        }
        let repeatable =
            tries.request.as_ref().is_some_and(|request| is_repeatable(&request.method, &request.headers));
        let now = self.fetcher.quota.clock().now();
        let attempt = retry::Attempt {
            number: tries.number,
            now,
            told: answered.told.as_ref().map(|told| told.until),
            random: self.random.draw(),
        };
        let error = match &answered.told {
            Some(told) if error.kind() == ErrorKind::Status => {
                error.adding(&format!(", which asks for {}", told.in_words(now)))
            }
            _ => error,
        };
        let failed = Failed { throttled: answered.throttled, ..Failed::of(&error, repeatable) };
        let allow = |due| {
            let is_too_long = |told: &RequestedPause| {
                told.until.saturating_duration_since(now) > self.fetcher.quota.max_wait()
            };
            if answered.told.as_ref().is_some_and(is_too_long) {
                Err(GaveUp::LongPause)
            } else if worker.cancel.deadline().is_some_and(|deadline| deadline < due) {
                Err(GaveUp::Deadline)
            } else if self.budget.try_spend() {
                Ok(())
            } else {
                Err(GaveUp::Budget)
            }
        };
        match self.fetcher.retry.decide(failed, attempt, allow) {
            Decision::RetryAt(due) => (error, Some(due)),
            Decision::GiveUp(why) => (error.giving_up(why), None),
        }
    }
}
