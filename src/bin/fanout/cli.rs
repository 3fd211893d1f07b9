//! The command line as clap sees it: names, defaults and help texts. Values are texts here;
//! [`options`](crate::options) checks them, so that every error reads alike.

mod pace;
mod retries;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use pace::{LimitArg, LimitArgs, PaceArgs};
pub(crate) use retries::RetryArgs;
pub(crate) use serve::ServeArgs;

/// What to do first, then how, then everything else.
const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// Fetches every id of a list from one HTTP API: as fast as its quota allows, never faster, all stopped at
/// the first failure.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout demo
  fanout get --ids 1-60 'https://api.example.com/users/{id}/widgets'
  cut -d, -f1 users.csv | fanout get --at-most 5000/h 'https://api.example.com/{id}'",
    after_help = "'fanout <COMMAND> --help' tells more about a command."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(Box<GetArgs>),
    Serve(Box<ServeArgs>),
    Demo(DemoArgs),
}

/// Fetch one URL for each id; write one line of JSON for each
#[derive(Debug, Args)]
#[command(
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout get --ids 1-60,75 'https://api.example.com/users/{id}/widgets'
  fanout get --input ids.txt --at-most 5000/h --retries 4 'https://api.example.com/{id}'
  fanout get --ids 1-60 -X POST --data '{\"id\":{id}}' -H 'Content-Type: application/json' \\
    -H 'Idempotency-Key: job-{id}' --retries 4 'https://api.example.com/users/{id}/mails'
  find-ids | fanout get --keep-going --ok 200-299,404 'http://localhost/?id={id}' | jq",
    after_help = "\
Ids:
  Any text of one line, percent-encoded into the URL. '.' and '..' are refused in a path, since
  servers resolve them. One that begins with '-' needs nothing special: ids are no arguments.

Values:
  DUR   numbers with units, from long to short: 500ms, 10s, 1.5s, 2m, 1h30m, 1d
  SIZE  bytes, or K, M, G, T and KiB, MiB, GiB, TiB: powers of 1024

Records, one a line, in the order of completion, which need not be that of the ids:
  {\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":12.3,\"body\":\"...\"}
  {\"id\":\"8\",\"status\":503,\"attempt\":4,\"latency_ms\":4.5,\"sent\":\"yes\",\"error\":\"...\"}
  The second kind comes with --keep-going. \"attempt\" counts the tries of an id.
  A body that is not UTF-8 stands as \"body_base64\". \"latency_ms\" does not count waits for the quota.

Exit codes:
  0  every id was fetched (or there was none)
  1  a request failed, the output could not be written, or the deadline passed
  2  the command line cannot be carried out; nothing was sent
  SIGINT and SIGTERM stop the run at once; then it ends by that signal (130, 143 in a shell).
  What nobody reads of its standard output and standard error within 250 ms is lost.
  A second one ends it on the spot."
)]
pub(crate) struct GetArgs {
    /// The URL to fetch for each id; {id} stands for the id, in the path or the query, more than once if need
    /// be
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Take the ids from here: numbers and ranges, as in 1-60,75,001-100 (leading zeros keep their width)
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "SPEC",
        help_heading = "Ids",
        conflicts_with = "input"
    )]
    pub(crate) ids: Option<String>,

    /// Take the ids from FILE, one a line ('-' for standard input)
    ///
    /// Without --ids and --input, ids are read from standard input, and each is fetched as soon as its line
    /// has come. A file is read through before anything is sent, however large it is: its ids are counted, and
    /// a bad line is refused. A line may be 64 KiB long. Blank lines, CRLF, a byte order mark and blanks round
    /// an id are taken off.
    #[arg(long, value_name = "FILE", help_heading = "Ids")]
    pub(crate) input: Option<PathBuf>,

    /// Fetch an id as often as it is given, instead of once
    ///
    /// Without this, ids that have come before are dropped. That takes up to 32 bytes of memory for each id
    /// from a file or standard input, and nothing for --ids.
    #[arg(long, help_heading = "Ids")]
    pub(crate) no_dedup: bool,

    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    #[command(flatten)]
    pub(crate) retry: RetryArgs,

    /// Let one request take this long at most: name, connect, TLS, answer, body to the last byte
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "DUR",
        default_value = "10s",
        help_heading = "Requests"
    )]
    pub(crate) timeout: String,

    /// Let looking up the name and connecting take this long at most
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "DUR",
        default_value = "5s",
        help_heading = "Requests"
    )]
    pub(crate) connect_timeout: String,

    /// End a request when no byte has come for this long [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", help_heading = "Requests")]
    pub(crate) stall_timeout: Option<String>,

    /// Send this method [default: GET]
    ///
    /// In capitals, as servers know it. A redirect may make a GET of a POST, as everywhere.
    #[arg(short = 'X', long, allow_hyphen_values = true, value_name = "M", help_heading = "Requests")]
    pub(crate) method: Option<String>,

    /// Send this body with each request, {id} filled in; @FILE for the bytes of a file [default: none]
    ///
    /// Wants a --method. {id} is filled in as it is: what an id must not hold there (a quote, in JSON) is for you
    /// to know. Up to 1 MiB, and not from standard input, which is for the ids. No Content-Type goes with it
    /// unless --header names one.
    #[arg(short, long, allow_hyphen_values = true, value_name = "S|@FILE", help_heading = "Requests")]
    pub(crate) data: Option<String>,

    /// Send this header with each request, {id} filled in, but not to another origin; repeatable
    ///
    /// 'User-Agent: NAME' replaces fanout's own.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", help_heading = "Requests")]
    pub(crate) header: Vec<String>,

    /// Follow this many redirects for an id; each costs a token
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "N",
        default_value = "5",
        help_heading = "Requests"
    )]
    pub(crate) max_redirects: String,

    /// Connect to ADDR instead of looking HOST up, as in curl; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Requests")]
    pub(crate) resolve: Vec<String>,

    /// Trust the certificates in FILE (PEM) instead of the built-in ones
    ///
    /// Built in are the roots that Mozilla trusts. The system's store is not read, and no proxy is used,
    /// whatever HTTPS_PROXY says.
    #[arg(long, value_name = "FILE", help_heading = "Requests")]
    pub(crate) cacert: Option<PathBuf>,

    /// Take these statuses for success, as in 200-299,404
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "LIST",
        default_value = "200-299",
        help_heading = "Responses"
    )]
    pub(crate) ok: String,

    /// Go on when an id fails: write a record that says why, and exit with 1 at the end
    ///
    /// A line that is no id (not UTF-8, or longer than 64 KiB) has no record: standard error names it. A --deadline
    /// and a pause beyond --max-wait end the run all the same; ids that were not sent by then have no record either.
    #[arg(long, help_heading = "Responses")]
    pub(crate) keep_going: bool,

    /// Take a larger body, once decoded, for a failure
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "SIZE",
        default_value = "10MiB",
        help_heading = "Responses"
    )]
    pub(crate) max_body: String,

    /// Write the records to FILE instead of standard output ('-'); one that is not empty is refused
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Empty the file of --output first, if it is not
    #[arg(long, requires = "output", help_heading = "Output")]
    pub(crate) overwrite: bool,

    /// Show the progress on standard error (auto: if it is a terminal without the records)
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) progress: ProgressWhen,

    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct TalkArgs {
    /// Log each request on standard error (-vv: more); RUST_LOG says it in detail
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    pub(crate) verbose: u8,

    /// Print no summary and no warnings; errors are still told
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressWhen {
    Auto,
    Always,
    Never,
}

/// See it work: 60 requests to a built-in server, in a little over four seconds
///
/// Starts 'fanout serve' on a free port and fetches 60 ids from it at 10 requests a second, with a burst of
/// 20 and at most 8 in flight, as 'fanout get' would. Then it shows what the server saw. Needs no network.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = "Examples:\n  fanout demo\n  fanout demo -v")]
pub(crate) struct DemoArgs {
    /// Show the progress on standard error (auto: if it is a terminal)
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) progress: ProgressWhen,

    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}
