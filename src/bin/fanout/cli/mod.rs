//! The command line as clap sees it: names, defaults and help texts. Values are texts here;
//! [`options`](crate::options) checks them, so that every error reads alike, and so do clap's own
//! ([`mistakes`]).
//!
//! The first line of an option's text is all that `-h` shows of it, on one line of 80 columns; what follows is for
//! `--help` and the manual. There, `[default: …]` stands in a paragraph of its own, as clap writes it.

mod mistakes;
mod output;
mod pace;
mod requests;
mod retries;
mod serve;
#[cfg(feature = "redis")]
mod shared;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use mistakes::{commands, parse};
pub(crate) use output::{OutputArgs, ProgressWhen, TalkArgs};
pub(crate) use pace::{LimitArg, LimitArgs, PaceArgs};
pub(crate) use requests::{RequestArgs, ResponseArgs};
pub(crate) use retries::RetryArgs;
pub(crate) use serve::ServeArgs;
#[cfg(feature = "redis")]
pub(crate) use shared::{SharedArgs, StatusArgs};

/// What to do first, then how, then everything else.
const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// Fetches every id of a list from one HTTP API, at its quota
///
/// As fast as the quota allows, never faster, and all stopped at the first failure.
#[derive(Debug, Parser)]
#[command(
    name = "fanout",
    version,
    propagate_version = true,
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout demo
  fanout get --ids 1-60 'https://api.example.com/users/{id}/widgets'
  cut -d, -f1 users.csv | fanout get 'https://api.example.com/users/{id}'",
    after_help = "'fanout <COMMAND> -h' lists the options of a command; '--help' explains them."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    help: HelpArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(Box<GetArgs>),
    Serve(Box<ServeArgs>),
    #[cfg(feature = "redis")]
    Status(StatusArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Behind all other options, of every command. Clap does what they ask for, and never comes back from it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Help")]
pub(crate) struct HelpArgs {
    /// Print the help; -h: a line an option, --help: all of it
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Fetch one URL for each id; write one line of JSON for each
///
/// As fast as --rate, --burst, --at-most and the server allow, never faster; everything stops at the first failure,
/// unless --keep-going or --retries say otherwise. The ids come from --ids, from --input or from standard input.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout get --ids 1-60,75 'https://api.example.com/users/{id}/widgets'
  fanout get --input ids.txt --rate 5/s --retries 4 'https://h.example/{id}'
  find-ids | fanout get --keep-going --ok 200-299,404 'http://h.example/?q={id}'
  fanout get --input ids.txt -X POST --data '{\"id\":{id}}' --retries 4 \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: job-{id}' \\
    'https://api.example.com/users/{id}/mails'
  fanout get --input ids.txt --at-most 5000/h --dry-run 'https://h.example/{id}'",
    after_help = "'fanout get --help' tells more, of values, records and exit codes, too.",
    after_long_help = "\
Texts of ids:
  Any text of one line, percent-encoded into the URL. '.' and '..' are refused
  in a path, since servers resolve them. One that begins with '-' needs nothing
  special: ids are no arguments.

Values:
  DUR   numbers with units, from long to short: 500ms, 10s, 1.5s, 1h30m, 1d
  SIZE  bytes, or K, M, G, T and KiB, MiB, GiB, TiB: powers of 1024

Records:
  One a line, in the order of completion, unless --ordered says otherwise:

  {\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":12.3,\"body\":\"...\"}
  {\"id\":\"8\",\"status\":503,\"attempt\":4,\"latency_ms\":4.5,\"sent\":\"yes\",\"error\":\"...\"}

  The second kind comes with --keep-going. \"attempt\" counts the tries of an id.
  A body that is not UTF-8 stands as \"body_base64\". \"latency_ms\" does not count
  waits for the quota. With --output-dir there is \"file\", its name in DIR, in
  the place of \"body\"; with --include-headers, \"headers\" before it.

Exit codes:
  0  every id was fetched (or there was none)
  1  a request failed, the output could not be written, or the deadline passed
  2  the command line cannot be carried out; nothing was sent

  SIGINT, SIGTERM and SIGHUP stop the run at once; then it ends by that signal
  (130, 143 and 129 in a shell). What nobody reads of its standard output and
  standard error within 250 ms is lost. A second one ends it on the spot."
)]
pub(crate) struct GetArgs {
    /// Fetch this URL for each id, which {id} stands for
    ///
    /// {id} may stand in the path and in the query, more than once if need be.
    #[arg(value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub(crate) url: String,

    /// Fetch these ids: numbers and ranges, as in 1-60,75
    ///
    /// Leading zeros keep their width: 001-100 is 001, 002 and so on.
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "SPEC",
        help_heading = "Ids",
        conflicts_with = "input"
    )]
    pub(crate) ids: Option<String>,

    /// Fetch the ids of FILE, one a line; '-': standard input
    ///
    /// Without --ids and --input, ids are read from standard input, and each is fetched as soon as its line
    /// has come. A file is read through before anything is sent, however large it is: its ids are counted, and
    /// a bad line is refused. A line may be 64 KiB long. Blank lines, CRLF, a byte order mark and blanks round
    /// an id are taken off.
    ///
    /// [default: standard input]
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

    #[cfg(feature = "redis")]
    #[command(flatten)]
    pub(crate) shared: SharedArgs,

    #[command(flatten)]
    pub(crate) retry: RetryArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) responses: ResponseArgs,

    /// Say what would be done, and send nothing
    ///
    /// How many ids there are, how long they take at least, the most memory that is needed, where the output would go,
    /// and the first requests. Nothing is sent; no file is made, emptied or written to. What a run would refuse is
    /// refused. Standard input is read to its end.
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) talk: TalkArgs,

    #[command(flatten)]
    help: HelpArgs,
}

/// See it work: 60 requests to a built-in server, in four seconds
///
/// Starts 'fanout serve' on a free port and fetches 60 ids from it at 10 requests a second, with a burst of
/// 20 and at most 8 in flight, as 'fanout get' would. Then it shows what the server saw. Needs no network.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "Examples:\n  fanout demo\n  fanout demo -v"
)]
pub(crate) struct DemoArgs {
    /// Progress: auto, always, never
    ///
    /// On standard error; auto: if that is a terminal.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub(crate) progress: ProgressWhen,

    #[command(flatten)]
    pub(crate) talk: TalkArgs,

    #[command(flatten)]
    help: HelpArgs,
}

/// Print what a shell needs to complete a command line of fanout
///
/// Made of the same definitions as the help.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout completions bash > /usr/share/bash-completion/completions/fanout
  fanout completions zsh > /usr/share/zsh/site-functions/_fanout
  fanout completions fish > ~/.config/fish/completions/fanout.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub(crate) shell: Shell,

    #[command(flatten)]
    help: HelpArgs,
}

/// Print the manual page of fanout, or that of one of its commands
///
/// Made of the same definitions as the help.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout man get | man -l -
  fanout man > fanout.1; fanout man get > fanout-get.1"
)]
pub(crate) struct ManArgs {
    /// The command: get, for instance
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,

    #[command(flatten)]
    help: HelpArgs,
}
