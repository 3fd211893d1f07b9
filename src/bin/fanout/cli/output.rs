//! The options about what comes out: records, and what is said on standard error.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where the records go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write the records to FILE instead of standard output ('-'); one that is not empty is refused
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Empty the file of --output first, if it is not
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,

    /// At the end, write the ids without success to FILE: failed, cut off, never sent, or with a lost record
    ///
    /// One id a line, for the --input of the next run. FILE may be the --input of this one, too, and is empty when all
    /// went well. It is written beside, under another name, and renamed when it is whole, however the run ends. What
    /// is left of --ids or --input is in it; but more than 10,000,000 ids that are left of --ids are told as a range.
    /// Standard input is not read on: the summary says behind which line. A line that is no id is not in it.
    #[arg(long, value_name = "FILE")]
    pub(crate) failed: Option<PathBuf>,

    /// At the end, write the run's figures to FILE ('-' for standard output) as one JSON object
    ///
    /// Its members: version, started_at (RFC 3339), elapsed_ms; ids: total (null if nobody knows), fetched, failed,
    /// left, cut_off (on the wire when a signal came), unwritten (records that got lost), duplicates; retries; exit:
    /// code, signal, reason (done, failed, deadline, pause, signal, input, output, system); first_failure: null, or
    /// id, attempt, status, kind, sent, error; limits: of each text, rate, per_ms, burst; max_in_flight; output;
    /// failed: null, or what became of its file: path, ids, is_whole, ranges, unread_behind_line.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,

    /// Show the progress on standard error (auto: if it is a terminal without the records)
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: ProgressWhen,
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
