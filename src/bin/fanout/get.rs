//! `fanout get`: a run whose outcomes become records, and whose end becomes an exit code.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanout::CancelToken;

use crate::exit::Exit;
use crate::options::GetOptions;
use crate::outbox::{AFTER_SIGNAL, Delivery, Outbox, Patience, UnderWay};
use crate::output::Output;
use crate::progress::Style;
use crate::run::{Ended, Run};
use crate::screen::Screen;
use crate::summary::summary;

/// Does what the options say, and tells how it went.
pub(crate) fn get(options: GetOptions, output: Output, screen: &Screen) -> Exit {
    fetch(options, output, screen).unwrap_or_else(|error| {
        screen.say(format_args!("error: cannot start a thread: {error}"));
        Exit::Failure
    })
}

fn fetch(options: GetOptions, output: Output, screen: &Screen) -> io::Result<Exit> {
    let (name, is_regular, form) = (output.name.clone(), output.is_regular, output.form);
    if output.is_lost && !options.talk.quiet {
        screen
            .say("warning: standard output is closed (or /dev/null, open for reading too): records are lost");
    }
    let progress = Style::choose(options.progress, output.is_terminal);
    let cancel = token(options.deadline);
    let under_way = UnderWay::new(options.max_in_flight, options.retries);
    let outbox = Arc::new(if options.ordered { Outbox::in_order(under_way) } else { Outbox::new(under_way) });
    output.start(outbox.clone(), {
        let cancel = cancel.clone();
        move || cancel.cancel()
    })?;
    let run = Run {
        client: options.client,
        ids: options.ids,
        limits: options.limits,
        max_in_flight: options.max_in_flight,
        keep_going: options.keep_going,
        place: options.place,
        progress,
    };
    let ended = run.go(&cancel, &outbox, screen, |outcome, place| {
        if let (Err(error), false) = (&outcome.result, form.lines) {
            // Where there are no records, this is all that is told of it.
            screen.say(format_args!("error: {}", place.told(error)));
        }
        form.record(outcome, place)
    })?;
    // Now, and not when the last record has found its reader.
    if let Some(failure) = &ended.failure {
        screen.say(format_args!("error: {failure}"));
    }
    let patience = match &ended.result {
        _ if is_regular => Patience::Endless,
        Ok(()) => Patience::UntilStopped(cancel.deadline().map(later)),
        Err(_) => Patience::WhileReading,
    };
    let delivery = outbox.finish(patience);
    Ok(sum_up(&ended, &delivery, &name, options.talk.quiet, screen))
}

/// Tells what became of the records and of the run, and what follows.
fn sum_up(ended: &Ended, delivery: &Delivery, output: &str, quiet: bool, screen: &Screen) -> Exit {
    // `| head -1`: whoever read the output has had enough, and does not want to hear about it.
    let is_closed = matches!(&delivery.failure, Some(failure) if failure.is_closed());
    let signal = ended.caught.signal();
    if !is_closed {
        if let Some(failure) = &delivery.failure {
            screen.say(format_args!("error: {failure}"));
        }
        if !quiet {
            for line in summary(ended, signal) {
                screen.say(line);
            }
        }
        if let Some(lost) = lost(ended, delivery, output) {
            screen.say(lost);
        }
        if ended.result.is_ok() && signal.is_none() && ended.failed > 0 {
            let ids = if ended.failed == 1 { "id" } else { "ids" };
            screen.say(format_args!("error: {} {ids} failed", ended.failed));
        }
    }
    screen.finish();
    let is_complete = ended.failure.is_none() && ended.result.is_ok() && ended.failed == 0;
    match ended.caught.signal() {
        Some(signal) => Exit::Signal(signal),
        None if is_complete && delivery.is_complete() => Exit::Success,
        None => Exit::Failure,
    }
}

/// The records that did not get out. That is the error itself if there is no other reason for the run's end.
fn lost(ended: &Ended, delivery: &Delivery, output: &str) -> Option<String> {
    let unwritten = delivery.unwritten;
    let records = if unwritten == 1 { "record" } else { "records" };
    let text = format!("{unwritten} {records} did not get out to {output}");
    let is_told = ended.caught.signal().is_some() || ended.failure.is_some() || delivery.failure.is_some();
    match unwritten {
        0 => None,
        _ if is_told => Some(text),
        _ => Some(format!("error: {text} before the deadline")),
    }
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
