//! The caller's thread: feeds, delivers, and says how it ended.

use std::fmt::Display;

use crossbeam_channel::{Receiver, Sender};

use crate::cancel::Stopped;
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;

use super::call::{Call, Message};
use super::crew::Crew;
use super::plan::Fellows;
use super::source::{Pull, Source};
use super::work::Work;

/// Feeds the workers and hands their outcomes to the closure.
pub(super) struct Caller<'a, I, E, F> {
    call: &'a Call<'a>,
    messages: Receiver<Message<I>>,
    each: F,
    fed: u64,
    delivered: u64,
    refused: Option<E>,
}

/// Whether the source had no more ids.
#[derive(PartialEq, Eq)]
enum Fed {
    All,
    NotAll,
}

impl<'a, I, E, F> Caller<'a, I, E, F>
where
    I: Display + Send,
    E: From<Error>,
    F: FnMut(Outcome<I>) -> Result<(), E>,
{
    pub(super) fn new(call: &'a Call<'a>, messages: Receiver<Message<I>>, each: F) -> Self {
        Caller { call, messages, each, fed: 0, delivered: 0, refused: None }
    }

    /// The whole call. Everything it is given is let go of in time for the workers to leave.
    pub(super) fn run<'scope, S, W>(
        mut self,
        source: S,
        ids_in: Sender<I>,
        mut crew: Crew<'scope, '_, I, W>,
    ) -> (u64, Result<(), E>)
    where
        I: 'scope,
        S: Source<I>,
        W: Work<I, Tries: 'scope>,
    {
        let fed = self.feed(source, ids_in, &mut crew);
        crew.fed(fed == Fed::All);
        // Disconnected when the last worker has gone.
        while let Ok(message) = self.messages.recv() {
            self.deliver(message);
        }
        (self.delivered, self.conclude(&fed))
    }

    fn feed<'scope, S, W>(
        &mut self,
        mut source: S,
        ids_in: Sender<I>,
        crew: &mut Crew<'scope, '_, I, W>,
    ) -> Fed
    where
        I: 'scope,
        S: Source<I>,
        W: Work<I, Tries: 'scope>,
    {
        loop {
            while let Ok(message) = self.messages.try_recv() {
                self.deliver(message);
            }
            if self.is_to_stop() {
                return Fed::NotAll;
            }
            if ids_in.is_full() {
                // The one place where the caller sleeps, unless the ids come from a channel.
                if let Ok(message) = self.messages.recv() {
                    self.deliver(message);
                }
                continue;
            }
            match source.pull(&self.messages, self.call.cancel.deadline()) {
                Pull::Look => {}
                Pull::Exhausted => return Fed::All,
                Pull::Id(id) => {
                    if let Err(error) = crew.grow() {
                        self.call.fail(error);
                        return Fed::NotAll;
                    }
                    crew.begun();
                    // There is room, and the crew holds the other end.
                    self.fed += u64::from(ids_in.try_send(id).is_ok());
                }
            }
        }
    }

    fn is_to_stop(&self) -> bool {
        if self.call.is_ending() {
            return true;
        }
        let over = self.call.cancel.check();
        if let Err(stopped) = over {
            self.call.fail(error_of(stopped));
        }
        over.is_err()
    }

    fn deliver(&mut self, message: Message<I>) {
        let Message::Outcome(outcome) = message else {
            return;
        };
        if self.refused.is_some() {
            return;
        }
        self.delivered += 1;
        let room = outcome.room.clone();
        let delivered = (self.each)(outcome);
        room.give_back();
        if let Err(refused) = delivered {
            self.refused = Some(refused);
            self.call.cancel.cancel();
        }
    }

    /// What was first, as far as it can be told: a failure is recorded before anything is cancelled for it, and after
    /// the closure has refused nothing is recorded any more.
    fn conclude(self, fed: &Fed) -> Result<(), E> {
        if let Some(error) = self.call.verdict.take_error() {
            return Err(E::from(error));
        }
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if *fed == Fed::All && self.delivered == self.fed {
            return Ok(());
        }
        if let Some(error) = self.call.fellows.and_then(Fellows::failure) {
            return Err(E::from(error));
        }
        Err(E::from(error_of(self.call.cancel.check().err().unwrap_or(Stopped::Cancelled))))
    }
}

fn error_of(stopped: Stopped) -> Error {
    match stopped {
        Stopped::Cancelled => Error::new(ErrorKind::Cancelled, "the run was cancelled"),
        Stopped::DeadlineExceeded => Error::new(ErrorKind::DeadlineExceeded, "the run's deadline has passed"),
    }
}
