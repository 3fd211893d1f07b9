//! One run, from the first id to the last outcome: what `get` and `demo` have in common.

mod counts;
mod ended;
mod intake;
mod tally;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use fanout::{CancelToken, Error, ErrorKind, FanOutClient, Outcome};

use crate::failure::{Endpoint, FirstFailure};
use crate::ids::{Feeder, Ids, Numbered};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::progress::{Elsewhere, Extent, Progress, Style};
use crate::record::Record;
use crate::screen::Screen;
use crate::signals;
use crate::traffic::Traffic;
use ended::is_failure;
use intake::Intake;
use tally::Tally;

pub(crate) use ended::Ended;

/// What is to be done.
pub(crate) struct Run {
    pub(crate) client: FanOutClient,
    /// What goes over the wire of this client.
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) ids: Ids,
    pub(crate) limits: Limits,
    pub(crate) max_in_flight: usize,
    pub(crate) keep_going: bool,
    pub(crate) endpoint: Endpoint,
    /// Whether anything is to be fetched at all, or only what a run leaves is to be left.
    pub(crate) begins: bool,
}

/// Where it is done: who may end it, who takes what comes of it, and who is shown how it goes.
pub(crate) struct Surroundings<'a> {
    pub(crate) cancel: &'a CancelToken,
    /// Takes the records. Ids are taken only while there is room in it.
    pub(crate) outbox: &'a Arc<Outbox>,
    pub(crate) screen: &'a Screen,
    pub(crate) progress: Style,
    /// Where it is kept account of the ids without success, if it is.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Looks at the quota that is shared with other processes, if one is.
    pub(crate) elsewhere: Option<Arc<LookElsewhere>>,
}

pub(crate) type LookElsewhere = dyn Fn() -> Elsewhere + Send + Sync;

impl Run {
    /// Fetches the ids and puts a record of each outcome into the outbox. What cancels it, or a signal, ends it. Also
    /// gives back who brought the ids, and may know of more.
    pub(crate) fn go(
        self,
        surroundings: Surroundings<'_>,
        record: impl Fn(Outcome<Numbered>, &Endpoint) -> Option<Record>,
    ) -> io::Result<(Ended, Feeder)> {
        let Run { client, traffic, ids, limits, max_in_flight, keep_going, endpoint, begins } = self;
        let Surroundings { cancel, outbox, screen, progress, ledger, elsewhere } = surroundings;
        let caught = signals::listen(stop(cancel, outbox, screen))?;
        let (tally, broken_input) = (Arc::new(Tally::default()), Arc::new(OnceLock::new()));
        let silence = ids.silence();
        let input = ids.file().map(|(_, name)| name.to_owned());
        let (total, there_already, duplicates) =
            (ids.total, ids.there_already.clone(), ids.duplicates.clone());
        let intake = Intake {
            outbox: outbox.clone(),
            ledger: ledger.clone(),
            tally: tally.clone(),
            screen: screen.clone(),
            cancel: cancel.clone(),
            keep_going,
            broken: broken_input.clone(),
        };
        let (ids, feeder) = ids.feed(outbox.most_under_way(), intake, caught.clone())?;
        let shown = total.map(|total| u64::try_from(total).unwrap_or(u64::MAX));
        let extent = Extent { total: shown, limits: limits.clone(), max_in_flight };
        let counts = counts::counts(&client, &tally, &traffic, outbox, silence, elsewhere);
        let progress = Progress::start(progress, screen, extent, counts);
        let (started_at, started) = (SystemTime::now(), Instant::now());
        let mut first = None;
        if !begins {
            cancel.cancel();
        }
        let result: Result<(), Error> = client.fetch_each_received(cancel, &ids, |outcome| {
            tally.count(&outcome);
            if let (Err(error), None) = (&outcome.result, &first) {
                first = Some((FirstFailure::of(error, &endpoint), endpoint.told(error)));
            }
            settle(outcome, outbox, ledger.as_deref(), |outcome| record(outcome, &endpoint));
            Ok(())
        });
        let elapsed = started.elapsed();
        let traffic = traffic.at_the_end(Instant::now());
        progress.stop();
        if let (Ok(()), Some(changed)) = (&result, input.and_then(|input| changed(&input, total, &tally))) {
            // Not if the input was broken in another way.
            let _ = broken_input.set(changed);
        }
        let failure = match &result {
            Err(error) if error.kind() != ErrorKind::Cancelled => Some(endpoint.told(error)),
            _ => broken_input.get().cloned(),
        };
        let (first_failure, first_told) = first.unzip();
        let last = result.as_ref().err().filter(|error| is_failure(error));
        let ended = Ended {
            first_failure: first_failure.or_else(|| last.map(|error| FirstFailure::of(error, &endpoint))),
            first_told,
            result,
            has_begun: begins,
            failure,
            caught,
            is_input_broken: broken_input.get().is_some(),
            fetched: tally.fetched(),
            failed: tally.failed(),
            retries: tally.retries(),
            traffic,
            total,
            there_already: there_already.load(Ordering::Relaxed),
            duplicates: duplicates.load(Ordering::Relaxed),
            started_at,
            limits,
            max_in_flight,
            elapsed,
        };
        Ok((ended, feeder))
    }
}

/// What a signal does.
fn stop(cancel: &CancelToken, outbox: &Arc<Outbox>, screen: &Screen) -> impl FnOnce() + Send + 'static {
    let (cancel, outbox, screen) = (cancel.clone(), outbox.clone(), screen.clone());
    move || {
        cancel.cancel();
        outbox.signalled();
        screen.signalled();
    }
}

/// What is wrong with an input that was read to its end, and did not bring as many ids as were counted before.
fn changed(input: &str, total: Option<u128>, tally: &Tally) -> Option<String> {
    let came = u128::from(tally.fetched()) + u128::from(tally.failed());
    let total = total.filter(|total| *total != came)?;
    Some(format!(
        "--input {input}: held {total} ids when they were counted, and {came} when they were fetched: it was \
         changed meanwhile (run again)"
    ))
}

/// An id has come to its end: its record, if it leaves one, goes out, and the account is told.
fn settle(
    outcome: Outcome<Numbered>,
    outbox: &Outbox,
    ledger: Option<&Ledger>,
    record: impl FnOnce(Outcome<Numbered>) -> Option<Record>,
) {
    let number = outcome.id.number;
    let is_success = outcome.result.is_ok();
    let record = record(outcome);
    let has_record = record.is_some();
    outbox.settle(number, record);
    if let Some(ledger) = ledger {
        ledger.settle(number, is_success, has_record, || outbox.unwritten());
    }
}
