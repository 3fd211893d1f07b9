//! reqwest's blocking client, shared by threads. There is no way to stop a request: the timeout has to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::blocking::Client;

use super::quota::limiter;
use super::threads::{fan_out, wait_for_token};
use crate::Result;
use crate::harvest::Harvest;
use crate::job::Job;

/// How long a stop may go unseen by who waits for a token.
const SLICE: Duration = Duration::from_millis(10);

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let client = Client::builder().timeout(job.timeout()).pool_max_idle_per_host(job.in_flight).build()?;
    let limiter = limiter(job.quota)?;
    let stopped = AtomicBool::new(false);
    let get = |id| {
        if let Some(limiter) = &limiter {
            wait_for_token(limiter, SLICE, &stopped)?;
        }
        let response = client.get(format!("{}/{id}", job.url)).send()?.error_for_status()?;
        Ok(response.bytes()?.to_vec())
    };
    fan_out(job, get, || stopped.store(true, Ordering::Relaxed))
}
