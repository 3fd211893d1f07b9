//! `fanout get`: a run whose outcomes become records, and whose end becomes an exit code.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanout::CancelToken;

use crate::end::End;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::options::GetOptions;
use crate::outbox::{AFTER_SIGNAL, Outbox, Patience, under_way};
use crate::progress::Style;
use crate::record::record;
use crate::run::Run;
use crate::screen::Screen;

/// Does what the options say, and tells how it went.
pub(crate) fn get(options: GetOptions, screen: &Screen) -> Exit {
    fetch(options, screen).unwrap_or_else(|error| {
        screen.say(format_args!("error: cannot start a thread: {error}"));
        Exit::Failure
    })
}

fn fetch(options: GetOptions, screen: &Screen) -> io::Result<Exit> {
    let (name, is_regular) = (options.output.name.clone(), options.output.is_regular);
    if options.output.is_lost && !options.talk.quiet {
        screen
            .say("warning: standard output is closed (or /dev/null, open for reading too): records are lost");
    }
    let progress = Style::choose(options.progress, options.output.is_terminal);
    let cancel = token(options.deadline);
    let outbox = Arc::new(Outbox::new(under_way(options.max_in_flight, options.retries)));
    options.output.start(outbox.clone(), {
        let cancel = cancel.clone();
        move || cancel.cancel()
    })?;
    let ledger = options.failed.map(|file| Arc::new(Ledger::new(file, false)));
    let run = Run {
        client: options.client,
        ids: options.ids,
        limits: options.limits,
        max_in_flight: options.max_in_flight,
        keep_going: options.keep_going,
        place: options.place,
        progress,
        ledger: ledger.clone(),
    };
    let (ended, feeder) = run.go(&cancel, &outbox, screen, |outcome, place| Some(record(outcome, place)))?;
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
    let left = ledger.map(|ledger| ledger.close(feeder, delivery.unwritten, &ended.caught));
    let end = End { ended: &ended, delivery: &delivery, left: left.as_ref(), output: &name };
    end.tell(options.again, options.talk.quiet, screen);
    let mut exit = end.reason().exit();
    if let Some(figures) = options.figures {
        if let Err(error) = figures.write(&end, &options.settings) {
            screen.say(format_args!("error: {error}"));
            exit = exit.or_failure();
        }
    }
    screen.finish();
    Ok(exit)
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
