//! tokio, reqwest, governor: what one writes in a program that is async already. The first error drops all
//! that is under way, and so cancels it.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use governor::DefaultDirectRateLimiter;
use reqwest::Client;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::quota::limiter;
use crate::Result;
use crate::harvest::Harvest;
use crate::job::{Job, Question};

/// As many tasks as requests may be in flight, on all cores. Of the shapes tried (a task for each id, all ids
/// in one stream), this is the fastest.
pub(crate) fn multi_thread(job: &Job) -> Result<Harvest> {
    run(Builder::new_multi_thread().enable_all().build()?, tasks(job))
}

/// One task, with so many requests under way in it.
pub(crate) fn single_thread(job: &Job) -> Result<Harvest> {
    run(Builder::new_current_thread().enable_all().build()?, buffered(job))
}

fn run(runtime: Runtime, batch: impl Future<Output = Result<Harvest>>) -> Result<Harvest> {
    runtime.block_on(batch)
}

struct Api {
    client: Client,
    limiter: Option<DefaultDirectRateLimiter>,
    url: String,
    /// Whether it ends with the token.
    sends_nothing: bool,
}

impl Api {
    fn new(job: &Job) -> Result<Api> {
        let client =
            Client::builder().timeout(job.timeout()).pool_max_idle_per_host(job.in_flight).build()?;
        let sends_nothing = job.question == Question::Tokens;
        Ok(Api { client, limiter: limiter(job.quota)?, url: job.url.clone(), sends_nothing })
    }

    async fn get(&self, id: u32) -> Result<(u32, Vec<u8>)> {
        if let Some(limiter) = &self.limiter {
            limiter.until_ready().await;
        }
        if self.sends_nothing {
            return Ok((id, Vec::new()));
        }
        let response = self.client.get(format!("{}/{id}", self.url)).send().await?.error_for_status()?;
        // Not `into()`: for a body of 200 bytes, that keeps a buffer of 4 KiB. For 64 KiB, the copy costs
        // some 5 %.
        Ok((id, response.bytes().await?.to_vec()))
    }
}

async fn tasks(job: &Job) -> Result<Harvest> {
    let api = Arc::new(Api::new(job)?);
    let ids = Arc::new(Mutex::new(0..job.ids));
    let harvest = Arc::new(Mutex::new(Harvest::new(job)));
    let mut tasks = JoinSet::new();
    for _ in 0..job.in_flight {
        let (api, ids, harvest) = (api.clone(), ids.clone(), harvest.clone());
        tasks.spawn(async move {
            while let Some(id) = next(&ids) {
                let (id, body) = api.get(id).await?;
                harvest.lock().map_err(|_| PANICKED)?.take(id, body)?;
            }
            Result::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        let () = ended??;
    }
    let harvest = Arc::into_inner(harvest).ok_or("a task has not ended")?;
    harvest.into_inner().map_err(|_| PANICKED.into())
}

fn next(ids: &Mutex<Range<u32>>) -> Option<u32> {
    ids.lock().ok()?.next()
}

const PANICKED: &str = "a task panicked";

async fn buffered(job: &Job) -> Result<Harvest> {
    let api = Api::new(job)?;
    let mut responses = stream::iter(0..job.ids).map(|id| api.get(id)).buffer_unordered(job.in_flight);
    let mut harvest = Harvest::new(job);
    while let Some(fetched) = responses.next().await {
        let (id, body) = fetched?;
        harvest.take(id, body)?;
    }
    Ok(harvest)
}
