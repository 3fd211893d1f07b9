//! One run, from the first id to the last outcome: what `get` and `demo` have in common.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use fanout::{CancelToken, Error, ErrorKind, FanOutClient, Outcome};

use crate::failure::{Endpoint, FirstFailure};
use crate::ids::{Feeder, Ids, Numbered, Silence, Trouble};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::progress::{Counts, Extent, Progress, Style};
use crate::record::Record;
use crate::screen::Screen;
use crate::signals::{self, Caught};
use crate::wire::{Counted, Wire};

/// What is to be done.
pub(crate) struct Run {
    pub(crate) client: FanOutClient,
    /// What goes over the wire of this client.
    pub(crate) wire: Arc<Wire>,
    pub(crate) ids: Ids,
    pub(crate) limits: Limits,
    pub(crate) max_in_flight: usize,
    pub(crate) keep_going: bool,
    pub(crate) endpoint: Endpoint,
    pub(crate) progress: Style,
    /// Where it is kept account of the ids without success, if it is.
    pub(crate) ledger: Option<Arc<Ledger>>,
}

/// How it went, as far as the requests go.
pub(crate) struct Ended {
    pub(crate) result: Result<(), Error>,
    /// What the run failed of, if it did. That it was cancelled is nobody's failure: whoever did it knows why.
    pub(crate) failure: Option<String>,
    pub(crate) caught: Caught,
    /// Nothing more could be read, or not as ids.
    pub(crate) is_input_broken: bool,
    pub(crate) first_failure: Option<FirstFailure>,
    /// The first failure, if the run went on, as it is told.
    pub(crate) first_told: Option<String>,
    pub(crate) fetched: u64,
    /// Without the failure that ended the run: see [`Ended::failed`].
    failed: u64,
    /// Tries beyond the first, of those that were fetched or failed: see [`Ended::retries`].
    retries: u64,
    pub(crate) wire: Counted,
    pub(crate) total: Option<u128>,
    /// Ids that an earlier run had fetched.
    pub(crate) there_already: u64,
    /// Ids that were given again, of those that were read.
    pub(crate) duplicates: u64,
    pub(crate) started_at: SystemTime,
    pub(crate) limits: Limits,
    pub(crate) elapsed: Duration,
}

#[derive(Default)]
struct Tally {
    fetched: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
}

impl Run {
    /// Fetches the ids and puts a record of each outcome into `outbox`; a signal or `cancel` ends it. Ids are taken
    /// only while `outbox` has room. Also gives back who brought the ids, and may know of more.
    pub(crate) fn go(
        self,
        cancel: &CancelToken,
        outbox: &Arc<Outbox>,
        screen: &Screen,
        record: impl Fn(Outcome<Numbered>, &Endpoint) -> Option<Record>,
    ) -> io::Result<(Ended, Feeder)> {
        let Run { client, wire, ids, limits, max_in_flight, keep_going, endpoint, progress, ledger } = self;
        let caught = signals::listen({
            let (cancel, outbox, screen) = (cancel.clone(), outbox.clone(), screen.clone());
            move || {
                cancel.cancel();
                outbox.signalled();
                screen.signalled();
            }
        })?;
        let tally = Arc::new(Tally::default());
        let broken_input = Arc::new(OnceLock::new());
        let silence = ids.silence();
        let input = ids.file().map(|(_, name)| name.to_owned());
        let (total, there_already, duplicates) =
            (ids.total, ids.there_already.clone(), ids.duplicates.clone());
        let (ids, feeder) = ids.feed(max_in_flight, outbox.clone(), ledger.clone(), {
            let (cancel, broken_input) = (cancel.clone(), broken_input.clone());
            let (tally, screen, ledger) = (tally.clone(), screen.clone(), ledger.clone());
            move |trouble| match trouble {
                Trouble::Line(error) if keep_going => {
                    // A record needs an id: this is all that is told of the line.
                    screen.say(format_args!("error: {error}"));
                    tally.failed.fetch_add(1, Ordering::Relaxed);
                    if let Some(ledger) = &ledger {
                        ledger.take_no_id();
                    }
                    true
                }
                Trouble::Line(error) | Trouble::Reader(error) => {
                    // Set only here and once, so that it cannot be set already.
                    let _ = broken_input.set(error);
                    if !keep_going {
                        cancel.cancel();
                    }
                    false
                }
            }
        })?;
        let shown = total.map(|total| u64::try_from(total).unwrap_or(u64::MAX));
        let extent = Extent { total: shown, limits: limits.clone(), max_in_flight };
        let counts = counts(&client, &tally, &wire, outbox, silence);
        let progress = Progress::start(progress, screen, extent, counts);
        let (started_at, started) = (SystemTime::now(), Instant::now());
        let (mut first_failure, mut first_told) = (None, None);
        let result: Result<(), Error> = client.fetch_each_received(cancel, &ids, |outcome| {
            tally.count(&outcome);
            if let (Err(error), None) = (&outcome.result, &first_failure) {
                first_failure = Some(FirstFailure::of(error, &endpoint));
                first_told = Some(endpoint.told(error));
            }
            let number = outcome.id.number;
            let account =
                ledger.as_ref().map(|ledger| (ledger, outcome.id.id.clone(), outcome.result.is_ok()));
            let record = record(outcome, &endpoint);
            let has_record = record.is_some();
            outbox.settle(number, record);
            if let Some((ledger, id, is_success)) = account {
                ledger.settle(&id, is_success, has_record, || outbox.unwritten());
            }
            Ok(())
        });
        let elapsed = started.elapsed();
        let wire = wire.at_the_end(Instant::now());
        progress.stop();
        let settled = tally.fetched.load(Ordering::Relaxed) + tally.failed.load(Ordering::Relaxed);
        let changed = total.filter(|total| result.is_ok() && *total != u128::from(settled));
        if let Some((total, input)) = changed.zip(input) {
            // Not set again if the input was broken in another way.
            let _ = broken_input.set(format!(
                "--input {input}: held {total} ids when they were counted, and {settled} when they were fetched: it \
                 was changed meanwhile (run again)"
            ));
        }
        let failure = match &result {
            Err(error) if error.kind() != ErrorKind::Cancelled => Some(endpoint.told(error)),
            _ => broken_input.get().cloned(),
        };
        let last = result.as_ref().err().filter(|error| is_failure(error));
        let ended = Ended {
            first_failure: first_failure.or_else(|| last.map(|error| FirstFailure::of(error, &endpoint))),
            first_told,
            result,
            failure,
            caught,
            is_input_broken: broken_input.get().is_some(),
            fetched: tally.fetched.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
            retries: tally.retries.load(Ordering::Relaxed),
            wire,
            total,
            there_already: there_already.load(Ordering::Relaxed),
            duplicates: duplicates.load(Ordering::Relaxed),
            started_at,
            limits,
            elapsed,
        };
        Ok((ended, feeder))
    }
}

impl Ended {
    /// How many ids failed. The failure that ended the run is no outcome, but counts.
    pub(crate) fn failed(&self) -> u64 {
        self.failed + u64::from(self.last_failure().is_some())
    }

    /// How many tries there were beyond the first of each id, of those that were fetched or failed.
    pub(crate) fn retries(&self) -> u64 {
        self.retries + self.last_failure().map_or(0, |error| u64::from(error.attempt().saturating_sub(1)))
    }

    fn last_failure(&self) -> Option<&Error> {
        self.result.as_ref().err().filter(|error| is_failure(error))
    }
}

impl Tally {
    fn count(&self, outcome: &Outcome<Numbered>) {
        let counter = if outcome.result.is_ok() { &self.fetched } else { &self.failed };
        // ORDERING: numbers to show; nothing else is read by them.
        counter.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(outcome.attempt.saturating_sub(1)), Ordering::Relaxed);
    }
}

/// An id that failed, and was not cut off by the end of the run.
fn is_failure(error: &Error) -> bool {
    let is_cut_off =
        matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::DeadlineExceeded | ErrorKind::LongPause);
    error.id().is_some() && !is_cut_off
}

fn on_the_wire(client: &FanOutClient) -> usize {
    // Who waits for a token holds a place in flight already.
    client.in_flight().saturating_sub(client.limiter().waiting())
}

fn counts(
    client: &FanOutClient,
    tally: &Arc<Tally>,
    wire: &Arc<Wire>,
    outbox: &Arc<Outbox>,
    silence: Silence,
) -> impl Fn() -> Counts + Send + 'static {
    let (client, tally, wire, outbox) = (client.clone(), tally.clone(), wire.clone(), outbox.clone());
    move || {
        let (now, failed) = (Instant::now(), tally.failed.load(Ordering::Relaxed));
        Counts {
            done: tally.fetched.load(Ordering::Relaxed) + failed,
            failed,
            requests: wire.at_the_end(now).requests,
            in_flight: on_the_wire(&client),
            waiting: client.limiter().waiting(),
            to_retry: client.awaiting_retry(),
            paused: client.limiter().paused_until().map(|end| end.saturating_duration_since(now)),
            is_output_full: outbox.is_full(),
            input_silent: silence.lasts(),
        }
    }
}
