//! What the synchronous peers share: threads that take ids from a channel and send bodies back by another.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use governor::DefaultDirectRateLimiter;
use governor::clock::{Clock, DefaultClock};

use crate::Result;
use crate::harvest::{Harvest, Tally};
use crate::job::Job;

/// Calls `get` for all ids, on as many threads as there may be requests in flight. On the first error, `stop`
/// is called, and the error returned when all threads have ended.
pub(crate) fn fan_out(
    job: &Job,
    get: impl Fn(u32) -> Result<Vec<u8>> + Sync,
    stop: impl FnOnce(),
) -> Result<Harvest> {
    let (ids_in, ids) = bounded(job.in_flight);
    let (bodies_in, bodies) = bounded(job.in_flight);
    let get = &get;
    thread::scope(|scope| {
        for _ in 0..job.in_flight {
            let (ids, bodies_in) = (ids.clone(), bodies_in.clone());
            scope.spawn(move || {
                for id in ids {
                    if bodies_in.send((id, get(id))).is_err() {
                        break;
                    }
                }
            });
        }
        drop((ids, bodies_in));
        scope.spawn(move || (0..job.ids).try_for_each(|id| ids_in.send(id)));

        let mut harvest = Harvest::new(job);
        for (id, fetched) in &bodies {
            let taken = fetched.and_then(|body| harvest.take(id, body));
            if let Err(error) = taken {
                // Its end is what tells the threads that nobody wants more.
                drop(bodies);
                stop();
                return Err(error);
            }
        }
        Ok(harvest)
    })
}

/// Waits for a token for each id, on as many threads as there may be requests in flight.
pub(crate) fn take_tokens(job: &Job, wait: impl Fn() -> Result<()> + Sync) -> Result<Harvest> {
    let (next, wait) = (&AtomicU32::new(0), &wait);
    let one_thread = move || {
        let mut tally = Tally::new(job);
        loop {
            let id = next.fetch_add(1, Ordering::Relaxed);
            if id >= job.ids {
                return Result::Ok(tally);
            }
            wait()?;
            tally.count(id);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..job.in_flight).map(|_| scope.spawn(one_thread)).collect();
        let mut all = Tally::new(job);
        for thread in threads {
            all.add(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(Harvest::Dropped(all))
    })
}

/// Waits for a token. governor has no wait for threads: one asks, sleeps, and asks again. To see a stop, this
/// sleeps at most `slice` at a time.
pub(crate) fn wait_for_token(
    limiter: &DefaultDirectRateLimiter,
    slice: Duration,
    stopped: &AtomicBool,
) -> Result<()> {
    while let Err(not_until) = limiter.check() {
        if stopped.load(Ordering::Relaxed) {
            return Err("stopped".into());
        }
        thread::sleep(not_until.wait_time_from(DefaultClock::default().now()).min(slice));
    }
    Ok(())
}
