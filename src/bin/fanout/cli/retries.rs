//! The options about retries.

use clap::Args;

/// What is tried again, how often, and how much of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryArgs {
    /// Try a failed id up to N more times, 0 to 100
    ///
    /// What is tried again: no connection, a timeout, a connection that broke, a body that was cut short, and the
    /// statuses 408, 425, 429, 502, 503 and 504, and a 403 that speaks of a limit. Each try costs a token. It waits
    /// as long as the server asks for; or else a random time up to 200ms (where the server wants less: up to 1s),
    /// which doubles with each try, up to 30s. Other ids go on meanwhile.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "0")]
    pub(crate) retries: String,

    /// Try again after a 500, too
    #[arg(long, requires = "retries")]
    pub(crate) retry_500: bool,

    /// Try again even if the server may have acted on a request that must not be made twice, such as a POST
    ///
    /// GET, HEAD, OPTIONS, TRACE, PUT and DELETE may be made twice, and so may any request with a header
    /// Idempotency-Key, as in 'Idempotency-Key: job-{id}'.
    #[arg(long, requires = "retries")]
    pub(crate) retry_unsafe: bool,

    /// Find out what the server allows where that is less than --rate and --max-in-flight
    ///
    /// For a server that refuses without telling for how long: its refusals lower the rate, or the number of requests
    /// at a time, and its acceptance raises them again. Goes well with --retries.
    #[arg(long)]
    pub(crate) adaptive: bool,

    /// Leave so many requests of a limit that the server counts to others with the same key
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "0")]
    pub(crate) reserve: String,

    /// Make no more retries in all than 100 and N% of the ids begun
    ///
    /// So a server that has begun to fail sees a little more load, and not several times as much. When it is spent,
    /// the run fails; with --keep-going there are no more retries.
    #[arg(long, allow_hyphen_values = true, requires = "retries", value_name = "N%", default_value = "10%")]
    pub(crate) retry_budget: String,
}
