//! tokio, reqwest, governor: what one writes in a program that is async already. The first error drops all that is
//! under way, and so cancels it.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use governor::DefaultDirectRateLimiter;
use reqwest::Client;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::quota::limiter;
use crate::Result;
use crate::harvest::Harvest;
use crate::job::Job;

/// A task for each request, as many as may be in flight.
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
}

impl Api {
    fn new(job: &Job) -> Result<Api> {
        let client =
            Client::builder().timeout(job.timeout()).pool_max_idle_per_host(job.in_flight).build()?;
        Ok(Api { client, limiter: limiter(job.quota)?, url: job.url.clone() })
    }

    async fn get(&self, id: u32) -> Result<(u32, Vec<u8>)> {
        if let Some(limiter) = &self.limiter {
            limiter.until_ready().await;
        }
        let response = self.client.get(format!("{}/{id}", self.url)).send().await?.error_for_status()?;
        Ok((id, response.bytes().await?.into()))
    }
}

async fn tasks(job: &Job) -> Result<Harvest> {
    let api = Arc::new(Api::new(job)?);
    let mut requests = JoinSet::new();
    let mut harvest = Harvest::new(job);
    for id in 0..job.ids {
        if requests.len() == job.in_flight {
            take_next(&mut requests, &mut harvest).await?;
        }
        let api = api.clone();
        requests.spawn(async move { api.get(id).await });
    }
    while !requests.is_empty() {
        take_next(&mut requests, &mut harvest).await?;
    }
    Ok(harvest)
}

async fn take_next(requests: &mut JoinSet<Result<(u32, Vec<u8>)>>, harvest: &mut Harvest) -> Result<()> {
    if let Some(fetched) = requests.join_next().await {
        let (id, body) = fetched??;
        harvest.take(id, body)?;
    }
    Ok(())
}

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
