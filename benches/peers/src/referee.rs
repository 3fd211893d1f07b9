//! Runs everybody, in turn, and believes nobody without proof.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Result;
use crate::contest::Report;
use crate::contestants;
use crate::harvest::Tally;
use crate::job::{Job, Question};
use crate::options::Options;
use crate::results::{Outcome, Results, Round};
use crate::scenarios::{self, Entry, Scenario};
use crate::server::Server;

/// The longest that any contestant may take for one job; then it is killed, and the bench has failed.
const LONGEST: Duration = Duration::from_secs(300);

/// A contestant's name, and the command that runs it.
type Commands = BTreeMap<&'static str, Vec<String>>;

pub(crate) fn run(options: &Options) -> Result<Results> {
    allow_many_sockets()?;
    let mut results = Results::default();
    let mut commands = Commands::new();
    for contestant in contestants::ALL.iter().filter(|contestant| options.wants_contestant(contestant.name)) {
        match contestant.command() {
            Ok(command) => _ = commands.insert(contestant.name, command),
            Err(why) => results.left_out.push(format!("{}: {why}", contestant.name)),
        }
    }
    for scenario in scenarios::all(options.quick) {
        if options.wants_scenario(scenario.name) {
            let rounds = play(&scenario, options.rounds.min(scenario.enough_rounds), &commands)?;
            results.add(scenario.name, rounds);
        }
    }
    Ok(results)
}

/// A thousand connections and what else is open are more than the usual limit of 1,024.
fn allow_many_sockets() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard.min(16_384), hard)?)
}

fn play(scenario: &Scenario, rounds: usize, commands: &Commands) -> Result<Vec<Round>> {
    let server = Server::start(scenario.manner)?;
    let mut played = Vec::new();
    for number in 1..=rounds {
        eprintln!("{}: round {number} of {rounds}", scenario.name);
        let mut round = Round::new();
        for entry in &scenario.entries {
            if let Some(command) = commands.get(entry.contestant) {
                let outcome = run_one(scenario, *entry, command, &server)
                    .map_err(|error| format!("{}, {entry:?}: {error}", scenario.name))?;
                round.insert(*entry, outcome);
            }
        }
        played.push(round);
    }
    Ok(played)
}

fn run_one(scenario: &Scenario, entry: Entry, command: &[String], server: &Server) -> Result<Outcome> {
    let job = scenario.job(entry, &server.url);
    let report: Report = serde_json::from_str(&output(command, &job)?)?;
    let mut after_error_ms = Vec::new();
    match job.question {
        Question::Speed | Question::Tokens => {
            let all = Tally::of_all(&job);
            if (report.fetched, report.checksum) != (all.fetched, all.checksum) {
                return Err(
                    format!("fetched {} ids, or not those that it was asked for", report.fetched).into()
                );
            }
            if let (Question::Tokens, Some(quota)) = (job.question, job.quota) {
                // One more than the burst is forgiven: who reserves ahead may be that much too early.
                let waited_for = job.ids.saturating_sub(quota.burst + 1);
                if report.seconds < (quota.interval() * waited_for).as_secs_f64() {
                    return Err(format!("took {} tokens in {} s", job.ids, report.seconds).into());
                }
            }
        }
        Question::Stop => {
            for returned_at in &report.returned_at {
                let nanos =
                    returned_at.checked_sub(server.failed_at()?).ok_or("returned before the error")?;
                after_error_ms.push(nanos as f64 / 1e6);
            }
            if after_error_ms.is_empty() || !server.is_quiet() {
                return Err("the server failed another number of requests than there were runs".into());
            }
        }
        Question::Lateness if report.late_ms.is_empty() => return Err("never ran".into()),
        Question::Lateness => {}
    }
    Ok(Outcome { ids: job.ids, body: job.body, report, after_error_ms })
}

/// What the command prints, if it ends well and in time.
fn output(command: &[String], job: &Job) -> Result<String> {
    let [program, arguments @ ..] = command else {
        return Err("an empty command".into());
    };
    let mut process = Command::new(program)
        .args(arguments)
        .arg(serde_json::to_string(job)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = process.stdout.take().ok_or("no output")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        sender.send(stdout.read_to_string(&mut text).map(|_| text))
    });
    let Ok(text) = receiver.recv_timeout(LONGEST) else {
        process.kill()?;
        process.wait()?;
        return Err(format!("has not ended after {LONGEST:?}").into());
    };
    let status = process.wait()?;
    if status.success() { Ok(text?) } else { Err(format!("ended with {status}").into()) }
}
