//! The command line of `fanout serve`.

use clap::Args;

use super::{HelpArgs, TEMPLATE};
use crate::serve::Dialect;

/// Run the built-in API that enforces a quota, to try a job against
///
/// It answers /users/{id}/widgets with a little JSON, and with 429 and Retry-After what goes beyond its quota.
/// POST and other methods get the same, with what they sent: a body may be 64 KiB long. The first line on
/// standard output says where it listens. SIGINT and SIGTERM end it; then it says what it saw.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Quota",
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout serve --port 8080
  fanout serve --rate 5/s --burst 3 --latency 200ms
  fanout serve --dialect github --rate 60/m
  fanout serve --fail-id 7 --hang-id 8 --status-id 9=404
  fanout serve --rate 200/s --hidden-rate 140/s --fault-percent 5",
    after_help = "'fanout serve --help' tells more of each option.",
    after_long_help = "\
Bursts:
  The quota is counted as requests arrive. A network does not keep the distances
  at which they were sent, so a client that keeps a quota exactly can still be
  refused by a server that counts the same one exactly. Give the server a burst
  of one more than the client's, as the default does. At the end it says how
  many more requests came in the fullest window than the rate brings in it: the
  quota was kept if these are no more than the burst."
)]
pub(crate) struct ServeArgs {
    /// Listen on this port; 0: a free one
    ///
    /// Of 127.0.0.1, and of no other address.
    #[arg(long, allow_hyphen_values = true, value_name = "PORT", default_value = "0")]
    pub(crate) port: String,

    /// Admit N per s, m, h or d
    ///
    /// As in 10/s, 0.5/s, 5000/h; none for no limit.
    #[arg(long, allow_hyphen_values = true, value_name = "N[/UNIT]", default_value = "10/s")]
    pub(crate) rate: String,

    /// Admit N at once, when it was quiet before
    ///
    /// [default: what two seconds bring, from 1 to 20, and one more]
    #[arg(long, allow_hyphen_values = true, value_name = "N")]
    pub(crate) burst: Option<String>,

    /// Work on N requests at a time
    ///
    /// What goes beyond is refused. From 1 to 1024.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "8")]
    pub(crate) max_in_flight: String,

    /// Speak like plain or github
    ///
    /// As plain: nothing is told in advance, and beyond the quota there is 429 with Retry-After. As github:
    /// x-ratelimit-* with each answer, and 403 beyond the quota. As GitHub counts, --rate 60/m is 60 requests in each
    /// fixed window of a minute, which begins with the second of its first request and ends when x-ratelimit-reset
    /// says; there is no --burst.
    #[arg(long, value_name = "KIND", default_value = "plain", hide_possible_values = true)]
    pub(crate) dialect: Dialect,

    /// Admit no more than this, and do not tell
    ///
    /// What goes beyond is refused with 429 without Retry-After, as nginx does it with limit_req_status 429;
    /// with --dialect github by a secondary limit, 403 with Retry-After. It costs no token of --rate.
    ///
    /// [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "N[/UNIT]")]
    pub(crate) hidden_rate: Option<String>,

    /// Admit N at once by --hidden-rate
    ///
    /// [default: what two seconds bring, from 1 to 20]
    #[arg(long, allow_hyphen_values = true, value_name = "N")]
    pub(crate) hidden_burst: Option<String>,

    /// Take this long over each answer
    ///
    /// [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) latency: Option<String>,

    /// Answer 500 for this id; repeatable
    #[arg(long, value_name = "ID", help_heading = "Faults")]
    pub(crate) fail_id: Vec<String>,

    /// Never answer for this id; repeatable
    #[arg(long, value_name = "ID", help_heading = "Faults")]
    pub(crate) hang_id: Vec<String>,

    /// Answer this status for this id; repeatable
    ///
    /// As in 9=404.
    #[arg(long, value_name = "ID=CODE", help_heading = "Faults")]
    pub(crate) status_id: Vec<String>,

    /// Answer N% of the others by a fault
    ///
    /// As in 5 or 0.5: of all other ids' admitted requests. A fifth each: 503 without Retry-After, 502, the connection
    /// closed before the answer, closed in the middle of it, and reset in the middle of it. Which request meets which
    /// follows from its id and how often that was admitted before: it is the same in every run, and each try of an id
    /// has a new chance.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "0", help_heading = "Faults")]
    pub(crate) fault_percent: String,

    /// Have other requests meet the faults
    ///
    /// Those of --fault-percent.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "0", help_heading = "Faults")]
    pub(crate) fault_seed: String,

    #[command(flatten)]
    help: HelpArgs,
}
