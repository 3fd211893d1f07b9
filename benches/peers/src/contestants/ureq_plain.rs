//! ureq as its front page shows it: the default agent with one timeout for all, on threads.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ureq::Agent;

use super::quota::limiter;
use super::threads::{fan_out, wait_for_token};
use crate::Result;
use crate::harvest::Harvest;
use crate::job::Job;

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let agent: Agent = Agent::config_builder().timeout_global(Some(job.timeout())).build().into();
    let limiter = limiter(job.quota)?;
    let never = AtomicBool::new(false);
    let get = |id| {
        if let Some(limiter) = &limiter {
            wait_for_token(limiter, Duration::MAX, &never)?;
        }
        Ok(agent.get(format!("{}/{id}", job.url)).call()?.body_mut().read_to_vec()?)
    };
    fan_out(job, get, || {})
}
