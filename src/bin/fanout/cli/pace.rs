//! The options about the pace, of which a few depend on their order.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The quota and its bounds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    /// Have N requests under way at a time
    ///
    /// From 1 to 1024.
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "8")]
    pub(crate) max_in_flight: String,

    /// Wait at most DUR when the server asks
    ///
    /// When it asks for a longer pause, the run fails at once. It asks by Retry-After, or by telling when it will admit
    /// more requests (RateLimit, X-RateLimit-Reset and the like). Then nothing more is sent before the end of the
    /// pause, with or without --retries; but what was refused is sent again with --retries only.
    #[arg(long, allow_hyphen_values = true, value_name = "DUR", default_value = "2m")]
    pub(crate) max_wait: String,

    /// End the run after DUR; refused if that is too short
    ///
    /// Where the number of ids is known and the quota does not admit them in time, nothing is sent, and the error says
    /// how long it takes at least. That of standard input is not known.
    ///
    /// [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "DUR")]
    pub(crate) deadline: Option<String>,
}

/// What --rate, --burst and --at-most say, in the order of the command line: a burst belongs to the rate before it.
#[derive(Clone, Debug)]
pub(crate) struct LimitArgs(pub(crate) Vec<LimitArg>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LimitArg {
    Rate(String),
    Burst(String),
    AtMost(String),
}

/// The same as clap reads them: each option for itself.
#[derive(Debug, Args)]
#[group(skip)]
struct Unordered {
    /// Send N requests per s, m, h or d
    ///
    /// As in 10/s, 0.5/s, 5000/h; none for no limit. Repeatable: all of them hold at once.
    #[arg(long, allow_hyphen_values = true, value_name = "N[/UNIT]", default_value = "10/s")]
    rate: Vec<String>,

    /// Send up to N at once, when it was quiet before
    ///
    /// So many tokens of the --rate before it may gather. In every window of length w, at most burst + rate * w
    /// requests are sent. So 5000/h with a burst of 5000 admits 10,000 in an hour: where that is too much, use
    /// --at-most.
    ///
    /// [default: what two seconds bring, from 1 to 20]
    #[arg(long, allow_hyphen_values = true, value_name = "N")]
    burst: Vec<String>,

    /// Send no more than N in any DUR, as in 5000/h
    ///
    /// Or 100/10s: in any window of that length, wherever it begins. Repeatable, and beside --rate. A tenth of N may be
    /// sent at once, and what is left of N is spread over the window. The default of --rate holds as well, unless there
    /// is a '--rate none'.
    ///
    /// [default: none]
    #[arg(long, allow_hyphen_values = true, value_name = "N/DUR")]
    at_most: Vec<String>,
}

impl FromArgMatches for LimitArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LimitArgs, Error> {
        let Unordered { rate, burst, at_most } = Unordered::from_arg_matches(matches)?;
        // A default comes last for clap, and first for us.
        let is_default = |name| matches.value_source(name) == Some(ValueSource::DefaultValue);
        let place = |name| {
            let places = matches.indices_of(name).into_iter().flatten();
            places.map(move |place| if is_default(name) { 0 } else { place })
        };
        let mut placed: Vec<(usize, LimitArg)> =
            place("rate").zip(rate.into_iter().map(LimitArg::Rate)).collect();
        placed.extend(place("burst").zip(burst.into_iter().map(LimitArg::Burst)));
        placed.extend(place("at_most").zip(at_most.into_iter().map(LimitArg::AtMost)));
        placed.sort_by_key(|(place, _)| *place);
        Ok(LimitArgs(placed.into_iter().map(|(_, arg)| arg).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = LimitArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for LimitArgs {
    fn augment_args(command: Command) -> Command {
        Unordered::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Unordered::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        pace: PaceArgs,
    }

    /// As `rate 10/s, burst 5`.
    fn ordered(line: &str) -> String {
        let args = std::iter::once("fanout").chain(line.split_whitespace());
        let LimitArgs(args) = Line::try_parse_from(args).unwrap().pace.limits;
        let shown = args.iter().map(|arg| match arg {
            LimitArg::Rate(text) => format!("rate {text}"),
            LimitArg::Burst(text) => format!("burst {text}"),
            LimitArg::AtMost(text) => format!("at most {text}"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn limits_keep_the_order_of_the_command_line() {
        let cases = [
            ("", "rate 10/s"),
            ("--burst 5", "rate 10/s, burst 5"),
            ("--at-most 9/h --burst 5", "rate 10/s, at most 9/h, burst 5"),
            ("--burst 5 --rate 1/s", "burst 5, rate 1/s"),
            (
                "--rate 1/s --burst 2 --at-most=9/h --rate=3/m --max-wait 1s --burst=4",
                "rate 1/s, burst 2, at most 9/h, rate 3/m, burst 4",
            ),
            ("--rate 1/s --rate 3/m --burst -4", "rate 1/s, rate 3/m, burst -4"),
        ];
        for (line, order) in cases {
            assert_eq!(ordered(line), order, "{line}");
        }
    }
}
