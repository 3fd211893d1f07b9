//! Hears what Redis has to say by itself: that a permit is there for this process, or that the run has failed.
//!
//! A message only wakes the quota thread, which asks: what is lost on the way is found out by the next call. So after
//! each time that it had to subscribe, it wakes it as well.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use redis::RedisResult;

use super::connection::{REPLY_TIMEOUT, Server};
use super::line::Line;

/// How often it looks whether it is to end, should the message that tells it be lost; and how long it waits before it
/// subscribes again: 250 ms.
const TICK: Duration = Duration::from_millis(250);

/// Ends a [`Listener`].
#[derive(Default)]
pub(super) struct Bell {
    has_rung: Mutex<bool>,
    rings: Condvar,
}

/// After so long in silence it asks whether it is still heard: a connection may be gone without a word. 5 s.
const SILENCE: Duration = Duration::from_secs(5);

pub(super) struct Listener {
    pub(super) server: Arc<Server>,
    pub(super) line: Arc<Line>,
    pub(super) channels: Vec<String>,
    pub(super) bell: Arc<Bell>,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.has_rung.lock() = true;
        self.rings.notify_all();
    }

    fn has_rung(&self) -> bool {
        *self.has_rung.lock()
    }

    fn wait(&self, time: Duration) {
        let mut has_rung = self.has_rung.lock();
        if !*has_rung {
            self.rings.wait_for(&mut has_rung, time);
        }
    }
}

impl Listener {
    /// The thread.
    pub(super) fn run(self) {
        while !self.bell.has_rung() {
            // Whatever it is that has gone wrong, the quota thread meets it as well, and tells those who wait.
            let _ = self.listen();
            self.bell.wait(TICK);
        }
    }

    fn listen(&self) -> RedisResult<()> {
        let Ok(mut connection) = self.server.connect() else {
            return Ok(());
        };
        let mut channels = connection.as_pubsub();
        channels.subscribe(&self.channels)?;
        channels.set_read_timeout(Some(TICK))?;
        self.wake();
        let mut heard_at = Instant::now();
        while !self.bell.has_rung() {
            match channels.get_message() {
                Ok(_) => self.wake(),
                Err(error) if !error.is_timeout() => return Err(error),
                Err(_) if heard_at.elapsed() < SILENCE => continue,
                Err(_) => {
                    channels.set_read_timeout(Some(REPLY_TIMEOUT))?;
                    channels.ping::<()>()?;
                    channels.set_read_timeout(Some(TICK))?;
                }
            }
            heard_at = Instant::now();
        }
        Ok(())
    }

    fn wake(&self) {
        self.line.tell(|state| state.todo.is_woken = true);
    }
}
