//! The command line as clap sees it: names, defaults and help texts. Values are texts here;
//! [`options`](crate::options) checks them, so that every error reads alike.

mod output;
mod pace;
mod requests;
mod retries;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use output::{OutputArgs, ProgressWhen, TalkArgs};
pub(crate) use pace::{LimitArg, LimitArgs, PaceArgs};
pub(crate) use requests::{RequestArgs, ResponseArgs};
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

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) responses: ResponseArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) talk: TalkArgs,
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
