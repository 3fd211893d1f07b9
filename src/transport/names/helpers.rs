//! The threads that look names up: at most [`MAX_HELPERS`] in the whole process.
//!
//! A look-up that hangs cannot be ended, so its thread is left to it. Were there a thread for each, a dead name
//! server would leave one behind for every host and every run; so there are few, and what comes when all are busy
//! waits in line. That wait needs no limit of its own: whoever waits has a deadline.
//!
//! A helper takes one question after the other, and goes when there is none. It is counted, and the queue looked at,
//! under one lock: a question is either seen by a helper that is about to go, or finds that one gone.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;

use parking_lot::Mutex;

use super::Question;

/// How many look-ups run at a time, in the whole process.
pub(super) const MAX_HELPERS: usize = 4;

static HELPERS: Mutex<Helpers> = Mutex::new(Helpers { running: 0, queue: VecDeque::new() });

struct Helpers {
    running: usize,
    queue: VecDeque<Weak<Question>>,
}

/// Has `question` answered, as soon as a helper is free.
pub(super) fn ask(question: &Arc<Question>) {
    let mut helpers = HELPERS.lock();
    if helpers.running == MAX_HELPERS {
        helpers.queue.retain(|waiting| waiting.strong_count() > 0);
        helpers.queue.push_back(Arc::downgrade(question));
        return;
    }
    helpers.running += 1;
    drop(helpers);
    let first = question.clone();
    let spawned = thread::Builder::new().name("fanout-look-up".to_owned()).spawn(move || help(first));
    if let Err(refused) = spawned {
        answer_without_thread(question, &refused);
    }
}

fn help(mut question: Arc<Question>) {
    loop {
        let found = catch_unwind(AssertUnwindSafe(|| question.find_out()));
        question
            .answer(found.unwrap_or_else(|_| Err((io::ErrorKind::Other, "the look-up panicked".to_owned()))));
        // It holds the caller's closure: not while the lock is held; and its drop may panic, as its call may.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(question)));
        match next() {
            Some(next) => question = next,
            None => return,
        }
    }
}

/// The next question that somebody still waits for. Nothing: the helper has been taken off the count, and goes.
fn next() -> Option<Arc<Question>> {
    let mut helpers = HELPERS.lock();
    while let Some(waiting) = helpers.queue.pop_front() {
        if let Some(question) = waiting.upgrade() {
            return Some(question);
        }
    }
    helpers.running -= 1;
    None
}

/// The system refused a thread. What has come to wait for the one that was counted goes on without it, too, unless
/// there is another.
fn answer_without_thread(question: &Question, refused: &io::Error) {
    let refuse =
        |question: &Question| question.answer(Err((refused.kind(), format!("no thread: {refused}"))));
    refuse(question);
    let mut helpers = HELPERS.lock();
    helpers.running -= 1;
    let stranded = if helpers.running == 0 { std::mem::take(&mut helpers.queue) } else { VecDeque::new() };
    drop(helpers);
    stranded.iter().filter_map(Weak::upgrade).for_each(|question| refuse(&question));
}
