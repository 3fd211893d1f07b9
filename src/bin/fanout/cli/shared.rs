//! The options about a quota that many processes share, and the command that looks at one.

use std::path::PathBuf;

use clap::Args;

use super::{HelpArgs, TEMPLATE};

/// Which quota is shared, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "More than one machine")]
pub(crate) struct SharedArgs {
    /// Share the quota in the Redis or Valkey at URL
    ///
    /// As in redis://127.0.0.1:6379, or rediss:// for TLS. --rate, --burst, --at-most and --max-in-flight are then
    /// those of --quota: they hold over all processes that name it, on any machine, and all must give the same. The
    /// ids are this process's own, and so is what --adaptive finds out. A password may come from
    /// FANOUT_REDIS_PASSWORD, if the URL has none. While Redis cannot be asked, nothing is sent. A quota that Redis
    /// knows nothing of begins empty: nothing is sent for 30s, or for twice the --timeout if that is longer, until
    /// what may be under way is over, unless --quota-idle says that nothing is.
    #[arg(long, allow_hyphen_values = true, value_name = "URL")]
    pub(crate) redis: Option<String>,

    /// The name of the quota, best after the API's key
    #[arg(long, allow_hyphen_values = true, value_name = "NAME")]
    pub(crate) quota: Option<String>,

    /// Fail when Redis cannot be asked for DUR
    ///
    /// From 1ms to 1d; up to a second later, for the last try. Of what had its permit before, all is done.
    ///
    /// [default: 10s]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) redis_wait: Option<String>,

    /// Trust the CA certificates in FILE only, for --redis
    ///
    /// In the format PEM; for rediss://. Built in are the roots that Mozilla trusts. The system's store is not read,
    /// and --cacert is for the API.
    #[arg(long, value_name = "FILE")]
    pub(crate) redis_cacert: Option<PathBuf>,

    /// Begin at once if Redis knows nothing of --quota
    ///
    /// Says that nobody has a request under way, as before the first run of all: that the quota is new, and not lost.
    /// Redis cannot tell one from the other, and so nothing is sent for a --quota-lease otherwise. The limits begin
    /// empty all the same. Makes no difference once the quota is known, and none to a run that is under way when Redis
    /// loses it; but one that begins just then would be wrong to say so. Not for every run, then.
    #[arg(long)]
    pub(crate) quota_idle: bool,

    /// Throw away what Redis granted longer than DUR ago
    ///
    /// From 1ms to 1s, counted from when Redis was asked: so a round trip to it must be shorter. All must give the
    /// same. The longer it is, the less of each --burst is left, by the rate times DUR: for no more than that may
    /// gather that the limit holds even if some of it is used late.
    ///
    /// [default: 5ms]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) use_by: Option<String>,

    /// Keep the permits of a lost process for DUR
    ///
    /// So long a process that is not heard of may have requests under way, and so long nothing is sent when Redis
    /// knows nothing of --quota. At least twice the --timeout, and from 1s to 1h. All must give the same.
    ///
    /// [default: 30s, or twice the --timeout if that is longer]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) quota_lease: Option<String>,
}

/// Show a quota that processes share: its use, and who uses it
///
/// Its limits with the tokens that are there, the requests in flight, and the processes with how long ago each was
/// heard of. Changes nothing, and needs no limits. Ends with 0, or with 1 if Redis knows no such quota, or cannot be
/// asked.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout status --redis redis://127.0.0.1:6379 --quota key-7
  watch fanout status --redis redis://127.0.0.1:6379 --quota key-7
  fanout status --redis redis://127.0.0.1:6379 --quota key-7 --json | jq"
)]
pub(crate) struct StatusArgs {
    /// Ask the Redis or Valkey at URL
    ///
    /// As in redis://127.0.0.1:6379, or rediss:// for TLS. A password may come from FANOUT_REDIS_PASSWORD, if the
    /// URL has none.
    #[arg(long, allow_hyphen_values = true, value_name = "URL", help_heading = "Quota")]
    pub(crate) redis: Option<String>,

    /// The name of the quota
    #[arg(long, allow_hyphen_values = true, value_name = "NAME", help_heading = "Quota")]
    pub(crate) quota: Option<String>,

    /// Trust the CA certificates in FILE only
    ///
    /// In the format PEM; for rediss://. Built in are the roots that Mozilla trusts. The system's store is not read.
    #[arg(long, value_name = "FILE", help_heading = "Quota")]
    pub(crate) redis_cacert: Option<PathBuf>,

    /// Print it for a machine: one JSON object on one line
    ///
    /// Its members, all of which are always there: quota, redis, known (false if Redis knows no such quota); limits:
    /// of each text, rate, per_ms, burst, tokens_left; max_in_flight, in_flight, lease_ms; held_up: null, or why
    /// (pause, unknown), words (of the API, with a pause), left_ms; processes: of each name, in_flight, waiting,
    /// heard_ms_ago. From limits on all are null if the quota is not known, or nobody has used it for some minutes.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    #[command(flatten)]
    help: HelpArgs,
}
