//! `fanout completions`: what a shell needs to complete our command line, made of the same definitions as the help.

use clap::{Arg, ArgAction, CommandFactory, ValueHint};

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::print::print;
use crate::screen::Screen;

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs, screen: &Screen) -> Exit {
    let mut command = Cli::command().mut_subcommands(|command| command.mut_args(without_files));
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "fanout", &mut script);
    print(&script, screen)
}

/// Where no file is meant, none is offered.
fn without_files(arg: Arg) -> Arg {
    let takes_a_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    match arg.get_value_hint() {
        ValueHint::Unknown if takes_a_value && arg.get_possible_values().is_empty() => {
            arg.value_hint(ValueHint::Other)
        }
        _ => arg,
    }
}
