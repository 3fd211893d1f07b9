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
