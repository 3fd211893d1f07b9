//! The options about requests and their responses.

use std::path::PathBuf;

use clap::Args;

/// What is sent, and how long it may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestArgs {
    /// Send this method [default: GET]
    ///
    /// In capitals, as servers know it. A redirect may make a GET of a POST, as everywhere.
    #[arg(short = 'X', long, allow_hyphen_values = true, value_name = "M")]
    pub(crate) method: Option<String>,

    /// Send this body; {id} is filled in
    ///
    /// @FILE for the bytes of a file. Wants a --method. {id} is filled in as it is: what an id must not hold there (a
    /// quote, in JSON) is for you to know. Up to 1 MiB, and not from standard input, which is for the ids. No
    /// Content-Type goes with it unless --header names one.
    ///
    /// [default: none]
    #[arg(short, long, allow_hyphen_values = true, value_name = "S|@FILE")]
    pub(crate) data: Option<String>,

    /// Send this header; {id} is filled in
    ///
    /// Repeatable. A redirect to another origin takes none of them along. 'User-Agent: NAME' replaces fanout's own.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Give a request up after DUR
    ///
    /// All of it: name, connect, TLS, answer, body to the last byte. The wait for the quota does not count.
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", default_value = "10s")]
    pub(crate) timeout: String,

    /// Connect within DUR
    ///
    /// Looking the name up counts. Every address of a name is tried, and a silent one gets its share of the time only.
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", default_value = "5s")]
    pub(crate) connect_timeout: String,

    /// Give a request up when DUR brings no byte
    ///
    /// However much of its --timeout is left.
    ///
    /// [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) stall_timeout: Option<String>,

    /// Follow N redirects an id
    ///
    /// At most; one more is a failure. Each costs a token.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "5")]
    pub(crate) max_redirects: String,

    /// Connect to ADDR for HOST:PORT, as in curl
    ///
    /// Instead of looking HOST up. Repeatable.
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<String>,

    /// Trust the CA certificates in FILE only
    ///
    /// In the format PEM. Built in are the roots that Mozilla trusts. The system's store is not read.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Send requests through this proxy
    ///
    /// http://[USER:PASSWORD@]HOST[:PORT], port 80 unless it is named; '' for none, whatever the environment says.
    /// Without this, HTTP_PROXY and HTTPS_PROXY say which for http and https URLs, or else ALL_PROXY; the same in
    /// lower case goes before. The proxy looks names up: --resolve is for its own. To an https URL it opens a tunnel
    /// and sees nothing of the request; an http request it is handed whole. In an environment with REQUEST_METHOD
    /// (CGI) HTTP_PROXY is not looked at.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Reach these hosts without the proxy
    ///
    /// As in example.com,10.0.0.0/8,h:8080 or '*'. Without this, NO_PROXY says which. A host stands for all below it
    /// as well. Not even localhost is exempt unless it is named.
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
}

/// What counts as a success.
#[derive(Debug, Args)]
#[command(next_help_heading = "Responses")]
pub(crate) struct ResponseArgs {
    /// Take these statuses for success
    ///
    /// As in 200-299,404. The record tells which it was.
    #[arg(long, allow_hyphen_values = true, value_name = "LIST", default_value = "200-299")]
    pub(crate) ok: String,

    /// Go on when an id fails; exit with 1 at the end
    ///
    /// Its record says why. A line that is no id (not UTF-8, or longer than 64 KiB) has no record: standard error names
    /// it. A --deadline and a pause beyond --max-wait end the run all the same; ids that were not sent by then have no
    /// record either.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Take a larger body for a failure
    ///
    /// Larger once it is decoded.
    #[arg(long, allow_hyphen_values = true, value_name = "SIZE", default_value = "10MiB")]
    pub(crate) max_body: String,
}
