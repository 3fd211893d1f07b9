//! `fanout`: a list of ids, one URL, a quota; see `fanout --help`.
//!
//! From the top: [`cli`] is the command line, [`options`] makes checked values of it, [`get`], [`serve`] and
//! [`demo`] do what they say, and [`exit`] is how the process ends.

#![forbid(unsafe_code)]

mod cli;
mod options;
mod values;

mod demo;
mod get;
mod run;
mod serve;

mod beside;
mod failure;
mod ids;
mod ledger;
mod limits;
mod outbox;
mod output;
mod picture;
mod quota;
mod record;
mod streams;

mod end;
mod exit;
mod figures;
mod logging;
mod progress;
mod screen;
mod signals;
mod summary;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use exit::{Exit, UsageError};
use options::GetOptions;
use screen::Screen;

fn main() -> ExitCode {
    let screen = Screen::start();
    let exit = carry_out(Cli::parse().command, &screen).unwrap_or_else(|error| {
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
            Ok(get::get(GetOptions::check(*args)?, screen))
        }
        Command::Serve(args) => Ok(serve::serve(options::serve_settings(&args)?, screen)),
        Command::Demo(args) => {
            logging::start(args.talk, screen);
            demo::demo(&args, screen)
        }
    }
}
