//! The end of a run: why it came, and what is told of it, to people (`summary`) and to machines (`figures`).

pub(crate) mod figures;
mod summary;

use fanout::{ErrorKind, GaveUp};

use crate::exit::Reason;
use crate::ledger::Left;
use crate::outbox::Delivery;
use crate::run::Ended;
use crate::screen::Screen;
use summary::what_is_left;

pub(crate) use figures::{Figures, Settings};
pub(crate) use summary::{Again, summary};

/// What became of the requests, of their records, and of the rest.
pub(crate) struct End<'a> {
    pub(crate) ended: &'a Ended,
    pub(crate) delivery: &'a Delivery,
    /// What --failed has written down.
    pub(crate) left: Option<&'a Left>,
    /// How people know the output: `standard output`.
    pub(crate) output: &'a str,
}

impl End<'_> {
    /// Why it came: of several reasons the one before the others.
    pub(crate) fn reason(&self) -> Reason {
        if let Some(signal) = self.ended.caught.signal() {
            return Reason::Signal(signal);
        }
        if !self.ended.has_begun {
            return Reason::Quota;
        }
        let Err(error) = &self.ended.result else { return self.reason_beside_requests() };
        match (error.kind(), error.gave_up()) {
            // Whoever cancelled it knows why: the input, or the output.
            (ErrorKind::Cancelled, _) => self.reason_beside_requests(),
            (ErrorKind::DeadlineExceeded, _) | (_, Some(GaveUp::Deadline)) => Reason::Deadline,
            (ErrorKind::LongPause, _) | (_, Some(GaveUp::LongPause)) => Reason::Pause,
            (ErrorKind::SharedQuota, _) => Reason::Quota,
            (ErrorKind::Thread, _) => Reason::System,
            _ => Reason::Failed,
        }
    }

    fn reason_beside_requests(&self) -> Reason {
        if self.ended.is_input_broken {
            Reason::Input
        } else if self.delivery.failure.is_some() {
            Reason::Output
        } else if !self.delivery.is_complete() {
            Reason::Deadline
        } else if self.left.is_some_and(|left| left.failure.is_some()) {
            Reason::Output
        } else if self.ended.failed() > 0 {
            Reason::Failed
        } else {
            Reason::Done
        }
    }

    /// The failure that ended the run is told already.
    pub(crate) fn tell(&self, again: Again, quiet: bool, screen: &Screen) {
        let End { ended, delivery, left, .. } = self;
        if let Some(Left { name, failure: Some(error), .. }) = left {
            screen.say(format_args!("error: --failed {name}: cannot write it: {error}"));
        }
        match &delivery.failure {
            // `| head -1`: whoever read the output has had enough, and does not want to hear about it.
            Some(failure) if failure.is_closed() => return,
            Some(failure) => screen.say(format_args!("error: {failure}")),
            None => {}
        }
        let lost = self.lost();
        let is_the_error = lost.is_some() && self.reason() == Reason::Deadline && ended.failure.is_none();
        let mut last: Vec<String> = lost.iter().filter(|_| !is_the_error).cloned().collect();
        if !quiet {
            summary(ended, ended.caught.signal()).into_iter().for_each(|line| screen.say(line));
            if self.reason() != Reason::Done {
                last.extend(what_is_left(*left, ended.fetched, again));
            }
        }
        if !last.is_empty() {
            screen.say(last.join("; "));
        }
        if let Some(lost) = lost.filter(|_| is_the_error) {
            screen.say(format_args!("error: {lost} before the deadline"));
        }
        if ended.result.is_ok() && ended.caught.signal().is_none() && ended.failed() > 0 {
            screen.say(format_args!("error: {}", failed_ids(ended)));
        }
    }

    /// The records that did not get out. That is the error itself if there is no other reason for the run's end.
    fn lost(&self) -> Option<String> {
        let unwritten = self.delivery.unwritten;
        let records = if unwritten == 1 { "record" } else { "records" };
        (unwritten > 0).then(|| format!("{unwritten} {records} did not get out to {}", self.output))
    }
}

/// `3 ids failed, among them id 7: the server answered …`: the first of them, but for lines that are no ids.
fn failed_ids(ended: &Ended) -> String {
    let ids = if ended.failed() == 1 { "id" } else { "ids" };
    let text = format!("{} {ids} failed", ended.failed());
    match (&ended.first_told, ended.failed()) {
        (None, _) => text,
        (Some(first), 1) => format!("{text}: {first}"),
        (Some(first), _) => format!("{text}, among them {first}"),
    }
}
