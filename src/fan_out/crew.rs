//! The threads of a call: started one by one as ids come, never one for each id.

use std::fmt::Display;
use std::io;
use std::thread::{Builder, Scope};

use crossbeam_channel::{Receiver, Sender};

use crate::error::{Error, ErrorKind};
use crate::events::{Event, emit};

use super::call::{Call, Message};
use super::parking::Parking;
use super::plan::{Plan, Spawner};
use super::work::{Job, Work};
use super::worker::Desk;

/// The workers there are, and what it takes to start one more.
pub(super) struct Crew<'scope, 'env, I, W: Work<I>> {
    scope: &'scope Scope<'scope, 'env>,
    call: &'scope Call<'scope>,
    work: &'scope W,
    ids: Receiver<I>,
    messages_in: Sender<Message<I>>,
    parking: Option<&'scope Parking<Job<I, W::Tries>>>,
    spawner: Spawner,
    workers: usize,
    wanted: usize,
}

impl<'scope, 'env, I, W> Crew<'scope, 'env, I, W>
where
    I: Display + Send + 'scope,
    W: Work<I, Tries: 'scope>,
{
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        call: &'scope Call<'scope>,
        work: &'scope W,
        ids: Receiver<I>,
        messages_in: Sender<Message<I>>,
        parking: Option<&'scope Parking<Job<I, W::Tries>>>,
        plan: &Plan<'_>,
    ) -> Self {
        Crew {
            scope,
            call,
            work,
            ids,
            messages_in,
            parking,
            spawner: plan.spawner,
            workers: 0,
            wanted: plan.workers,
        }
    }

    /// An id is about to be fed.
    pub(super) fn begun(&self) {
        self.parking.inspect(|parking| parking.begun());
    }

    /// No more ids will be fed: all have been, or the run is to stop.
    pub(super) fn fed(self, all: bool) {
        match self.parking {
            Some(parking) if all => parking.settled(),
            Some(parking) => parking.close(),
            None => {}
        }
    }

    /// One more worker, unless there are enough; before the first, the watchdog and the keeper. If the system refuses,
    /// those who are there go on alone; only if there is nobody is it an error.
    pub(super) fn grow(&mut self) -> Result<(), Error> {
        if self.workers >= self.wanted {
            return Ok(());
        }
        match self.start_one() {
            Ok(()) => self.workers += 1,
            Err(refused) if self.workers == 0 => {
                let text = "the operating system refused to start a thread";
                return Err(Error::new(ErrorKind::Thread, text).caused_by(Some(Box::new(refused))));
            }
            Err(_) => {
                emit(&Event::FewerWorkers { workers: self.workers, wanted: self.wanted });
                self.wanted = self.workers;
            }
        }
        Ok(())
    }

    fn start_one(&self) -> io::Result<()> {
        let call = self.call;
        if self.workers == 0 {
            self.start("fanout-watchdog".to_owned(), || call.watchdog.run())?;
            if let Some(parking) = self.parking {
                self.start("fanout-keeper".to_owned(), || parking.keep())?;
            }
        }
        let desk = Desk {
            number: self.workers,
            call,
            ids: self.ids.clone(),
            messages: self.messages_in.clone(),
            work: self.work,
            parking: self.parking,
        };
        self.start(format!("fanout-{}", self.workers), move || desk.run())
    }

    fn start(&self, name: String, run: impl FnOnce() + Send + 'scope) -> io::Result<()> {
        (self.spawner.0)(&name)?;
        Builder::new().name(name).spawn_scoped(self.scope, run)?;
        Ok(())
    }
}
