//! `fanout`: a list of ids, one URL, a quota; see `fanout --help`.
//!
//! From the top: [`cli`] is the command line, [`options`] makes checked values of it, [`get`], [`plan`], [`serve`],
//! `status`, [`demo`], [`completions`] and [`man`] do what they say, and [`exit`] is how the process ends.
//!
//! A run ([`run`]) has one direction: [`ids`] come, the [`ledger`] puts them down, the client fetches them, a
//! [`record`] is made of each outcome, waits in the [`outbox`], and goes to the [`output`]. What goes on meanwhile is
//! shown by [`traffic`], [`progress`] and the [`report`]; what is told when it is over is its [`end`].

#![forbid(unsafe_code)]

// The command line.
mod cli;
mod options;
mod values;

// The commands.
mod completions;
mod demo;
mod get;
mod man;
mod plan;
mod serve;
#[cfg(feature = "redis")]
mod status;

// A run, from its ids to its end.
mod ids;
mod ledger;
mod outbox;
mod output;
mod record;
mod resume;
mod run;

mod end;
mod failure;
mod progress;
mod report;
mod template;
mod traffic;

// The measures.
mod fullest;
mod limits;
mod quota;
#[cfg_attr(not(feature = "redis"), path = "not_shared.rs")]
mod shared;

// The process and its surroundings.
mod atomic_file;
mod exit;
mod lock;
mod logging;
mod on_panic;
mod paths;
mod print;
mod screen;
mod signals;
mod streams;

use std::process::ExitCode;

use cli::Command;
use exit::{Exit, UsageError};
use options::GetOptions;
use screen::Screen;

fn main() -> ExitCode {
    let screen = Screen::start();
    let exit = cli::parse().and_then(|command| carry_out(command, &screen)).unwrap_or_else(|error| {
        screen.say(format_args!("error: {error}"));
        Exit::Usage
    });
    screen.finish();
    exit.into_code()
}

fn carry_out(command: Command, screen: &Screen) -> Result<Exit, UsageError> {
    match command {
        Command::Get(args) => {
            logging::start(args.talk, screen);
            let is_dry = args.dry_run;
            let (mut options, output) = GetOptions::check(*args)?;
            logging::tell_urls(&options.run.endpoint);
            if is_dry {
                return plan::plan(options, &output, screen);
            }
            // Before the output is opened, and perhaps emptied.
            match shared::join(&mut options, screen) {
                Ok(joined) => Ok(get::get(options, joined, output.open()?, screen)),
                Err(Exit::Failure) => Ok(get::give_up(options, screen)),
                Err(exit) => Ok(exit),
            }
        }
        Command::Serve(args) => Ok(serve::serve(options::serve_settings(&args)?, screen)),
        #[cfg(feature = "redis")]
        Command::Status(args) => status::status(&args, screen),
        Command::Demo(args) => {
            logging::start(args.talk, screen);
            demo::demo(&args, screen)
        }
        Command::Completions(args) => Ok(completions::completions(&args, screen)),
        Command::Man(args) => man::man(&args, screen),
    }
}
