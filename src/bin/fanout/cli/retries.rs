//! The options about retries.

use clap::Args;

/// What is tried again, how often, and how much of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryArgs {
    /// Try a failed id up to N more times [default: 0]
    ///
    /// From 0 to 100. What is tried again: no connection, a timeout, a connection that broke, a body that was cut
    /// short, and the statuses 408, 425, 429, 502, 503 and 504, and a 403 that speaks of a limit. Each try costs a
    /// token. It waits as long as the server asks for; or else a random time up to 200ms (where the server wants less:
    /// up to 1s), which doubles with each try, up to 30s. Other ids go on meanwhile.
    #[arg(long, allow_hyphen_values = true, value_name = "N")]
    pub(crate) retries: Option<String>,

    /// Try again after a 500, too
    #[arg(long)]
    pub(crate) retry_500: bool,

    /// Try again even what must not be done twice (POST)
    ///
    /// That is, even if the server may have acted on the request. GET, HEAD, OPTIONS, TRACE, PUT and DELETE may be made
    /// twice, and so may any request with a header Idempotency-Key, as in 'Idempotency-Key: job-{id}'.
    #[arg(long)]
    pub(crate) retry_unsafe: bool,

    /// Find out what the server allows, and keep to it
    ///
    /// Where that is less than --rate and --max-in-flight, and the server refuses without telling for how long. Its
    /// refusals lower the rate, or the number of requests at a time, and its acceptance raises them again. Goes well
    /// with --retries.
    #[arg(long)]
    pub(crate) adaptive: bool,

    /// Leave N of the server's count to others
    ///
    /// Others with the same key, where the server tells how many requests remain.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "0")]
    pub(crate) reserve: String,

    /// Retry at most 100 and N% of the ids [default: 10%]
    ///
    /// Of the ids begun, in the whole run. So a server that has begun to fail sees a little more load, and not several
    /// times as much. When it is spent, the run fails; with --keep-going there are no more retries.
    #[arg(long, allow_hyphen_values = true, value_name = "N%")]
    pub(crate) retry_budget: Option<String>,
}
