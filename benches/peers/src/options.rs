//! The command line, read once into checked values.

use std::path::PathBuf;

use crate::Result;
use crate::contestants::{self, REFERENCE};
use crate::scenarios;

const USAGE: &str = "\
usage: peers [--rounds N] [--quick] [--only NAME,…] [--scenarios NAME,…] [--markdown FILE] [--figures FOLDER]

  --rounds N          how often each contestant runs (9); a scenario that needs fewer says so itself
  --quick             tiny counts, once: checks what was fetched, not how fast
  --only NAME,…       these contestants, beside bare sockets
  --scenarios NAME,…  these scenarios
  --markdown FILE     writes the tables there, too
  --figures FOLDER    draws the charts there";

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) figures: Option<PathBuf>,
    only: Vec<String>,
    scenarios: Vec<String>,
    /// What of the command line decides about the figures, for the report.
    pub(crate) command_line: String,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Options> {
        let mut options = Options {
            rounds: 9,
            quick: false,
            markdown: None,
            figures: None,
            only: Vec::new(),
            scenarios: Vec::new(),
            command_line: String::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{USAGE}"));
            match *argument {
                "--quick" => (options.quick, options.rounds) = (true, 1),
                "--rounds" => options.rounds = value()?.parse()?,
                "--only" => options.only = names(value()?),
                "--scenarios" => options.scenarios = names(value()?),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--figures" => options.figures = Some(value()?.into()),
                _ => return Err(format!("{argument:?} is no option\n\n{USAGE}").into()),
            }
        }
        options.command_line = options.to_command_line();
        let contestants: Vec<_> = contestants::ALL.iter().map(|contestant| contestant.name).collect();
        known("contestant", &options.only, &contestants)?;
        let scenarios: Vec<_> = scenarios::all(true).iter().map(|scenario| scenario.name).collect();
        known("scenario", &options.scenarios, &scenarios)?;
        if options.rounds == 0 {
            return Err("--rounds is 0: nothing would be run".into());
        }
        Ok(options)
    }

    fn to_command_line(&self) -> String {
        let mut line = format!("--rounds {}", self.rounds);
        for (option, names) in [(" --only ", &self.only), (" --scenarios ", &self.scenarios)] {
            if !names.is_empty() {
                line = line + option + &names.join(",");
            }
        }
        line
    }

    pub(crate) fn wants_contestant(&self, name: &str) -> bool {
        name == REFERENCE || self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }

    pub(crate) fn wants_scenario(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|wanted| wanted == name)
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn known(what: &str, wanted: &[String], all: &[&str]) -> Result<()> {
    match wanted.iter().find(|name| !all.contains(&name.as_str())) {
        Some(name) => Err(format!("no {what} is called {name:?}; there are {}", all.join(", ")).into()),
        None => Ok(()),
    }
}
