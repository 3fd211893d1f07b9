//! ureq by somebody who has read its documentation to the end: a pool that is large enough, names remembered,
//! a timeout for each phase, so that no look-up needs a thread, and one flag, with the agent's shutdown, that
//! stops all.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::quota::limiter;
use super::threads::{fan_out, take_tokens, wait_for_token};
use crate::Result;
use crate::harvest::Harvest;
use crate::job::{Job, Question};

/// How long a stop may go unseen by who waits for a token.
const SLICE: Duration = Duration::from_millis(10);

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(2 * job.in_flight)
        .max_idle_connections_per_host(2 * job.in_flight)
        .timeout_connect(Some(job.timeout()))
        .timeout_send_request(Some(job.timeout()))
        .timeout_recv_response(Some(job.timeout()))
        .timeout_recv_body(Some(job.timeout()))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Remembering::default());
    let limiter = limiter(job.quota)?;
    let stopped = AtomicBool::new(false);
    if let (Question::Tokens, Some(limiter)) = (job.question, &limiter) {
        return take_tokens(job, || wait_for_token(limiter, SLICE, &stopped));
    }

    let get = |id| {
        if let Some(limiter) = &limiter {
            wait_for_token(limiter, SLICE, &stopped)?;
        }
        if stopped.load(Ordering::Relaxed) {
            return Err("stopped".into());
        }
        let mut response = agent.get(format!("{}/{id}", job.url)).call()?;
        if !response.status().is_success() {
            return Err(format!("id {id}: {}", response.status()).into());
        }
        Ok(response.body_mut().read_to_vec()?)
    };
    fan_out(job, get, || {
        stopped.store(true, Ordering::Relaxed);
        agent.clone().shutdown();
    })
}

/// Looks a name up once.
#[derive(Debug, Default)]
struct Remembering {
    asked: DefaultResolver,
    known: Mutex<HashMap<String, ResolvedSocketAddrs>>,
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let key = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(addresses) = known.get(key) {
            return Ok(addresses.clone());
        }
        let addresses = self.asked.resolve(uri, config, timeout)?;
        known.insert(key.to_owned(), addresses.clone());
        Ok(addresses)
    }
}
