//! `fanout`: the crate that all this is about.

use std::io::{self, Write};
use std::sync::Once;
use std::time::Duration;

use env_logger::Target;
use fanout::{CancelToken, FanOutClient, Outcome, Rate, RateLimiter};

use super::threads::take_tokens;
use crate::Result;
use crate::harvest::Harvest;
use crate::job::{Job, Question, Quota};

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let cancel = CancelToken::new();
    if let (Question::Tokens, Some(quota)) = (job.question, job.quota) {
        let limiter = RateLimiter::new(rate(quota), quota.burst)?;
        return take_tokens(job, || {
            limiter.acquire(&cancel)?;
            Ok(())
        });
    }
    if job.log {
        log_into_memory();
    }
    let client = FanOutClient::builder(format!("{}/{{id}}", job.url))
        .max_in_flight(job.in_flight)
        .timeout(job.timeout());
    let client = match job.quota {
        None => client.rate(Rate::UNLIMITED),
        Some(quota) => client.rate(rate(quota)).burst(quota.burst),
    }
    .build()?;

    if job.keep {
        return Ok(Harvest::Kept(client.fetch_all(&cancel, 0..job.ids)?));
    }
    let mut harvest = Harvest::new(job);
    client.fetch_each(&cancel, 0..job.ids, |outcome: Outcome<u32>| {
        harvest.take(outcome.id, outcome.result?.body)
    })?;
    Ok(harvest)
}

fn rate(quota: Quota) -> Rate {
    Rate::new(quota.requests, Duration::from_secs(quota.seconds))
}

/// As a program logs that wants its lines cheap: formatted in full, written to a file 64 KiB at a time;
/// without the file.
fn log_into_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .target(Target::Pipe(Box::new(Forgetful(Vec::with_capacity(64 << 10)))))
            .init();
    });
}

/// A buffer that starts anew when it is full.
struct Forgetful(Vec<u8>);

impl Write for Forgetful {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > self.0.capacity() {
            self.0.clear();
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
