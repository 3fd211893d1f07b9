//! `fanout get`: a run whose outcomes become records, and whose end becomes an exit code.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fanout::{CancelToken, Outcome};

use crate::end::{End, Figures, Settings};
use crate::exit::Exit;
use crate::failure::Endpoint;
use crate::ids::Numbered;
use crate::ledger::Ledger;
use crate::options::GetOptions;
use crate::outbox::{AFTER_SIGNAL, Outbox, Patience, UnderWay};
use crate::output::Output;
use crate::progress::{Progress, Style};
use crate::record::{Format, Record};
use crate::report::Report;
use crate::run::{Ended, Surroundings};
use crate::screen::Screen;
use crate::shared::Joined;
use crate::signals::Caught;

/// Does what the options say, and tells how it went.
pub(crate) fn get(options: GetOptions, joined: Option<Joined>, output: Output, screen: &Screen) -> Exit {
    fetch(options, joined, output, screen).unwrap_or_else(|error| {
        screen.say(format_args!("error: cannot start a thread: {error}"));
        Exit::Failure
    })
}

/// Leaves what a run leaves however it ends: of one that could not begin, and has said why.
pub(crate) fn give_up(mut options: GetOptions, screen: &Screen) -> Exit {
    if options.failed.is_none() && options.figures.is_none() && options.report.is_none() {
        return Exit::Failure;
    }
    options.run.begins = false;
    get(options, None, Output::default(), screen)
}

fn fetch(options: GetOptions, joined: Option<Joined>, output: Output, screen: &Screen) -> io::Result<Exit> {
    let (name, is_regular, format) = (output.name.clone(), output.is_regular, output.format);
    if output.is_lost && !options.talk.quiet {
        screen
            .say("warning: standard output is closed (or /dev/null, open for reading too): records are lost");
    }
    let progress = Style::choose(options.progress, output.is_terminal);
    let cancel = token(options.deadline);
    let (in_flight, retries) = (options.run.max_in_flight, options.bounds.retries > 0);
    let outbox = Arc::new(match options.ordered {
        true => Outbox::in_order(UnderWay::in_order(in_flight, retries)),
        false => Outbox::new(UnderWay::new(in_flight, retries)),
    });
    let caught = Arc::new(OnceLock::<Caught>::new());
    let goes_on = {
        let caught = caught.clone();
        move || caught.get().into_iter().for_each(Caught::goes_on)
    };
    output.start(outbox.clone(), goes_on, {
        let cancel = cancel.clone();
        move || cancel.cancel()
    })?;
    let ledger = options.failed.map(|file| Arc::new(Ledger::new(file, options.ordered)));
    let surroundings = Surroundings {
        cancel: &cancel,
        outbox: &outbox,
        screen,
        progress,
        ledger: ledger.clone(),
        elsewhere: joined.as_ref().map(Joined::looker),
    };
    let watch = joined.map(|joined| joined.watch(options.talk.quiet, screen));
    let report = options.report;
    let (mut ended, feeder) = options.run.go(surroundings, recording(format, report.as_ref(), screen))?;
    // A disk that takes its time with the last records has it after a signal, too.
    caught.get_or_init(|| ended.caught.clone());
    watch.into_iter().for_each(drop);
    if !format.lines {
        ended.first_told = None; // it was told when it came
    }
    // Now, and not when the last record has found its reader.
    if let Some(failure) = &ended.failure {
        screen.say(format_args!("error: {failure}"));
    }
    // Before the records: of those, somebody may not read the last ones for long.
    let mut is_all_written = write_report(report, &ended, screen);
    let delivery = {
        let last = last_records(progress, screen, &outbox, is_regular);
        let delivery = outbox.finish(patience(is_regular, &ended, &cancel));
        last.into_iter().for_each(Progress::stop);
        delivery
    };
    let mut left = ledger.map(|ledger| ledger.close(feeder.walk(), delivery.unwritten, &ended.caught));
    if let Some(left) = left.as_mut().filter(|_| ended.is_input_broken) {
        left.unreadable.get_or_insert_with(|| "the input was changed, or could not be read on".to_owned());
    }
    let end = End { ended: &ended, delivery: &delivery, left: left.as_ref(), output: &name };
    end.tell(options.again, options.talk.quiet, screen);
    is_all_written &= write_figures(options.figures, &end, &options.settings, screen);
    screen.finish();
    let exit = end.reason().exit();
    Ok(if is_all_written { exit } else { exit.or_failure() })
}

/// Starts the report, if there is to be one, and makes records of outcomes.
fn recording(
    format: Format,
    report: Option<&Report>,
    screen: &Screen,
) -> impl Fn(Outcome<Numbered>, &Endpoint) -> Option<Record> {
    if let Some(report) = report {
        report.recorder.start();
    }
    move |outcome, endpoint| {
        if let (Err(error), false) = (&outcome.result, format.lines) {
            // Where there are no records, this is all that is told of it.
            screen.say(format_args!("error: {}", endpoint.told(error)));
        }
        if let Some(report) = report {
            report.outcome(&outcome, endpoint);
        }
        format.record(outcome, endpoint)
    }
}

/// Shows them, if it is a reader that they wait for.
fn last_records(style: Style, screen: &Screen, outbox: &Arc<Outbox>, is_regular: bool) -> Option<Progress> {
    let outbox = outbox.clone();
    let is_awaited = !is_regular && outbox.unwritten() > 0;
    is_awaited.then(|| Progress::last_records(style, screen, move || outbox.unwritten()))
}

fn patience(is_regular: bool, ended: &Ended, cancel: &CancelToken) -> Patience {
    match &ended.result {
        _ if is_regular => Patience::Endless,
        Ok(()) => Patience::UntilStopped(cancel.deadline().map(later)),
        Err(_) => Patience::WhileReading,
    }
}

/// Whether all went well. Nothing is said of a report that was written: whoever wanted it knows where it is.
fn write_report(report: Option<Report>, ended: &Ended, screen: &Screen) -> bool {
    let Some(report) = report else { return true };
    let name = report.name().to_owned();
    let written = report.write(ended);
    if let Err(error) = &written {
        screen.say(format_args!("error: --report {name}: cannot write it: {error}"));
    }
    written.is_ok()
}

/// Whether all went well.
fn write_figures(figures: Option<Figures>, end: &End<'_>, settings: &Settings, screen: &Screen) -> bool {
    let written = figures.map_or(Ok(()), |figures| figures.write(end, settings));
    if let Err(error) = &written {
        screen.say(format_args!("error: {error}"));
    }
    written.is_ok()
}

fn token(deadline: Option<Duration>) -> CancelToken {
    let token = CancelToken::new();
    match deadline {
        Some(deadline) => token.with_timeout(deadline),
        None => token,
    }
}

/// The deadline is the run's; what is done by then may still be written.
fn later(deadline: Instant) -> Instant {
    deadline.checked_add(AFTER_SIGNAL).unwrap_or(deadline)
}
