//! The command line of `fanout serve`.

use clap::Args;

use super::TEMPLATE;

/// Run the built-in API that enforces a quota, to try a job against
///
/// It answers /users/{id}/widgets with a little JSON, and with 429 and Retry-After what goes beyond its quota.
/// POST and other methods get the same, with what they sent: a body may be 64 KiB long. The first line on
/// standard output says where it listens. SIGINT and SIGTERM end it; then it says what it saw.
#[derive(Debug, Args)]
#[command(
    help_template = TEMPLATE,
    before_help = "\
Examples:
  fanout serve --port 8080
  fanout serve --rate 5/s --burst 3 --latency 200ms
  fanout serve --fail-id 7 --hang-id 8 --status-id 9=404",
    after_help = "\
The quota is counted as requests arrive. A network does not keep the distances at which \
they were sent, so a client that keeps a quota exactly can still be refused by a server \
that counts the same one exactly. Give the server a burst of one more than the client's, \
as the default does."
)]
pub(crate) struct ServeArgs {
    /// Listen on this port of 127.0.0.1; 0 for a free one
    #[arg(long, allow_hyphen_values = true, value_name = "PORT", default_value = "0")]
    pub(crate) port: String,

    /// Admit this many requests per second, minute, hour or day; none for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "N[/UNIT]", default_value = "10/s")]
    pub(crate) rate: String,

    /// Admit this many at once [default: what two seconds bring, from 1 to 20, and one more]
    #[arg(long, allow_hyphen_values = true, value_name = "N")]
    pub(crate) burst: Option<String>,

    /// Work on this many requests at the same time; more are refused
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "8")]
    pub(crate) max_in_flight: String,

    /// Take this long over each answer [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) latency: Option<String>,

    /// Answer 500 for this id; repeatable
    #[arg(long, value_name = "ID", help_heading = "Faults")]
    pub(crate) fail_id: Vec<String>,

    /// Never answer for this id; repeatable
    #[arg(long, value_name = "ID", help_heading = "Faults")]
    pub(crate) hang_id: Vec<String>,

    /// Answer this status for this id, as in 9=404; repeatable
    #[arg(long, value_name = "ID=CODE", help_heading = "Faults")]
    pub(crate) status_id: Vec<String>,
}
