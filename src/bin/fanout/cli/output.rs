//! The options about what comes out: records, and what is said on standard error.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// Where the records go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write the records to FILE
    ///
    /// One that is not empty is refused, unless --resume or --overwrite say otherwise. '-': standard output.
    ///
    /// Each record is appended whole. When the disk is full, the last one is cut off again, and the run ends. No other
    /// fanout can write to FILE meanwhile. What was written outlives the process, however that ends, but not always a
    /// power failure: nothing waits for the disk.
    ///
    /// [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write each body to a file of its own in DIR
    ///
    /// A folder that is not empty is refused, unless --resume or --overwrite say otherwise. The name of a file is its
    /// id, percent-encoded but for letters, digits, '-', '.', '_' and '~'. A dot at the beginning or the end is encoded
    /// as well, and so is the first letter of a name that Windows keeps for a device (CON). A name of more than 255
    /// bytes ends with '=' and a hash. Where a file system takes 'a' and 'A' for the same, two such ids have one file,
    /// which holds what came last. A file is written under another name and renamed: one that has its name is whole.
    /// DIR is made if it is not there, but none above it.
    ///
    /// There are no records then, and an id that failed is told on standard error. With --output as well, there are
    /// some, with "file" in the place of "body".
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// Fetch only what an earlier run has not fetched
    ///
    /// What was fetched is read from FILE of --output, or from the names in DIR of --output-dir; of both, from FILE.
    /// Ids that failed are fetched again, and their old records stay. What a crash has left of a last record is cut
    /// off. The ids may come in another order, and with others among them. A FILE that holds anything else is refused.
    /// It takes up to 32 bytes of memory for each id that was fetched.
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,

    /// Empty the file of --output first
    ///
    /// Or replace files in the folder of --output-dir.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Write the records in the order of the ids
    ///
    /// A record waits in memory for those before it. Until the first id that is missing has come to its end, retries
    /// and all, no id is begun that lies 10,000 ids behind it, nor any while 4 MiB of records wait. When the run ends
    /// early, what is there is written in order, without the ids that are missing.
    #[arg(long)]
    pub(crate) ordered: bool,

    /// Put the response's headers into the record
    ///
    /// Into that of a success, before the body.
    /// As in "headers":{"content-type":["text/html"],"set-cookie":["a=1","b=2"]}: names in lower case, and a list of
    /// values for each, since a header may come again. A value that is not UTF-8 is read as ISO 8859-1.
    #[arg(long)]
    pub(crate) include_headers: bool,

    /// Write the ids without success to FILE
    ///
    /// At the end, those that failed, were cut off or never sent, or whose record got lost: one id a line, for the
    /// --input of the next run. FILE may be the --input of this one, too, and is empty when all went well. It is
    /// written beside, under another name, and renamed when it is whole, however the run ends. What is left of --ids or
    /// --input is in it; but more than 10,000,000 ids that are left of --ids are told as a range. Standard input is not
    /// read on: the summary says behind which line. A line that is no id is not in it.
    #[arg(long, value_name = "FILE")]
    pub(crate) failed: Option<PathBuf>,

    /// Write the run's figures to FILE, as JSON
    ///
    /// At the end, as one object; '-' for standard output. Its members: version, started_at (RFC 3339), elapsed_ms;
    /// ids: total (null if nobody knows), fetched, failed, left (the others of total: not begun, or cut off), cut_off
    /// (on the wire when the run ended), unwritten (records that got lost), there_already (by --resume), duplicates;
    /// requests, retries; pauses (that the server asked for): count, total_ms; exit: code, signal, reason (done,
    /// failed, deadline, pause, quota, signal, input, output, system); first_failure: null, or id, attempt, status,
    /// kind, sent, error; limits: of each text, rate, per_ms, burst; max_in_flight; shared_quota; output; failed:
    /// null, or what became of its file: path, ids (how many are in it: all without success, so those that failed,
    /// those that are left, and those whose record got lost), is_whole, ranges, unread_behind_line.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,

    /// Write a page that shows the run to FILE
    ///
    /// Requests over time, against the quota, latencies, failures: one HTML page that needs nothing else, written at
    /// the end of the run however it ends. One that is there already is replaced. It holds the URL without userinfo
    /// and query, the names of headers, and ids.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Progress: auto, always, never
    ///
    /// On standard error; auto: if that is a terminal, and the records do not go to one.
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) progress: ProgressWhen,
}

impl OutputArgs {
    /// The file of the records, if it is not standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Where an earlier run has left what --resume reads, if it is not standard output: that file, or the folder.
    pub(crate) fn place(&self) -> Option<&Path> {
        self.file().or(self.output_dir.as_deref())
    }
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct TalkArgs {
    /// Log each request on standard error (-vv: more)
    ///
    /// RUST_LOG says it in detail.
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    pub(crate) verbose: u8,

    /// Print no summary and no warnings, only errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressWhen {
    Auto,
    Always,
    Never,
}
