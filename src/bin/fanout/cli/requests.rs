//! The options about requests and their responses.

use std::path::PathBuf;

use clap::Args;

/// What is sent, and how long it may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestArgs {
    /// Let one request take this long at most: name, connect, TLS, answer, body to the last byte
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", default_value = "10s")]
    pub(crate) timeout: String,

    /// Let looking up the name and connecting take this long at most
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", default_value = "5s")]
    pub(crate) connect_timeout: String,

    /// End a request when no byte has come for this long [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) stall_timeout: Option<String>,

    /// Send this method [default: GET]
    ///
    /// In capitals, as servers know it. A redirect may make a GET of a POST, as everywhere.
    #[arg(short = 'X', long, allow_hyphen_values = true, value_name = "M")]
    pub(crate) method: Option<String>,

    /// Send this body with each request, {id} filled in; @FILE for the bytes of a file [default: none]
    ///
    /// Wants a --method. {id} is filled in as it is: what an id must not hold there (a quote, in JSON) is for you
    /// to know. Up to 1 MiB, and not from standard input, which is for the ids. No Content-Type goes with it
    /// unless --header names one.
    #[arg(short, long, allow_hyphen_values = true, value_name = "S|@FILE")]
    pub(crate) data: Option<String>,

    /// Send this header with each request, {id} filled in, but not to another origin; repeatable
    ///
    /// 'User-Agent: NAME' replaces fanout's own.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Follow this many redirects for an id; each costs a token
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "5")]
    pub(crate) max_redirects: String,

    /// Connect to ADDR instead of looking HOST up, as in curl; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<String>,

    /// Trust the certificates in FILE (PEM) instead of the built-in ones
    ///
    /// Built in are the roots that Mozilla trusts. The system's store is not read, and no proxy is used,
    /// whatever HTTPS_PROXY says.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
}

/// What counts as a success.
#[derive(Debug, Args)]
#[command(next_help_heading = "Responses")]
pub(crate) struct ResponseArgs {
    /// Take these statuses for success, as in 200-299,404
    #[arg(long, allow_hyphen_values = true, value_name = "LIST", default_value = "200-299")]
    pub(crate) ok: String,

    /// Go on when an id fails: write a record that says why, and exit with 1 at the end
    ///
    /// A line that is no id (not UTF-8, or longer than 64 KiB) has no record: standard error names it. A --deadline
    /// and a pause beyond --max-wait end the run all the same; ids that were not sent by then have no record either.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Take a larger body, once decoded, for a failure
    #[arg(long, allow_hyphen_values = true, value_name = "SIZE", default_value = "10MiB")]
    pub(crate) max_body: String,
}
