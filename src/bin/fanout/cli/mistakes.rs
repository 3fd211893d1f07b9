//! What clap finds wrong with a command line, in our words: one line that names what is wrong, and what would be right.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, CommandFactory, Error, Parser};

use super::{Cli, Command};
use crate::exit::UsageError;

/// Options of other tools that people have in their fingers, and what they are called here, or what there is instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("--body", "--data"),
    ("--concurrency", "--max-in-flight"),
    ("--connections", "--max-in-flight"),
    ("--data-raw", "--data"),
    ("--file", "--input"),
    ("--follow", "redirects are followed: --max-redirects"),
    ("--force", "--overwrite"),
    (
        "--insecure",
        "certificates are always checked: name that of the CA that made the server's with --cacert",
    ),
    ("--jobs", "--max-in-flight"),
    ("--json", "--data, and -H 'Content-Type: application/json'"),
    ("--limit", "--at-most"),
    ("--location", "redirects are followed: --max-redirects"),
    ("--max-time", "--timeout"),
    ("--parallel", "--max-in-flight"),
    ("--parallel-max", "--max-in-flight"),
    #[cfg(not(feature = "redis"))]
    ("--quota", NO_REDIS),
    #[cfg(not(feature = "redis"))]
    ("--redis", NO_REDIS),
    #[cfg(not(feature = "redis"))]
    ("--redis-wait", NO_REDIS),
    ("--request", "--method"),
    ("--retry", "--retries"),
    ("--retry-max", "--retries"),
    ("--silent", "--quiet"),
    ("--threads", "--max-in-flight"),
    ("--url", "the URL needs no option"),
    ("--workers", "--max-in-flight"),
    ("-L", "redirects are followed: --max-redirects"),
    ("-P", "--max-in-flight"),
    ("-j", "--max-in-flight"),
    ("-k", "certificates are always checked: name that of the CA that made the server's with --cacert"),
];

#[cfg(not(feature = "redis"))]
const NO_REDIS: &str = "this fanout was built without Redis: build it with the features cli and redis";

/// Commands that somebody may look for.
const OTHER_COMMANDS: [(&str, &str); 8] = [
    ("completion", "completions"),
    ("download", "get"),
    ("fetch", "get"),
    ("gte", "get"),
    ("manual", "man"),
    ("run", "get"),
    ("server", "serve"),
    ("test", "demo"),
];

/// The command line of this process. One that asks for help or the version ends it here.
pub(crate) fn parse() -> Result<Command, UsageError> {
    match Cli::try_parse() {
        Ok(cli) => Ok(cli.command),
        Err(error) if is_a_wish(error.kind()) => error.exit(),
        Err(error) => Err(UsageError::new(told(&error))),
    }
}

/// No mistake, but what was asked for; or the help, for whoever gave no arguments at all.
fn is_a_wish(kind: ErrorKind) -> bool {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    matches!(kind, DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion)
}

fn told(error: &Error) -> String {
    let arg = text(error, ContextKind::InvalidArg);
    let value = text(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(error, &arg),
        ErrorKind::InvalidSubcommand => unknown_command(error),
        ErrorKind::MissingRequiredArgument => missing(&arg),
        ErrorKind::ArgumentConflict => {
            let (arg, other) = (name(&arg), text(error, ContextKind::PriorArg));
            match name(&other) {
                other if other == arg => format!("{arg}: given twice (leave one out)"),
                other => format!("{arg}: not together with {other} (leave one out)"),
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{}: no value (use {arg})", name(&arg)),
        ErrorKind::InvalidValue => {
            let known = list(error, ContextKind::ValidValue);
            format!("{} {}: use {}", name(&arg), value.escape_debug(), any_of(&known))
        }
        ErrorKind::TooManyValues => {
            let (arg, value) = (name(&arg), value.escape_debug());
            format!("{arg}={value}: {arg} takes no value (leave ={value} out)")
        }
        ErrorKind::InvalidUtf8 => {
            "an argument is not valid UTF-8 (only the name of a file may be)".to_owned()
        }
        _ => first_line(error),
    }
}

fn unknown(error: &Error, arg: &str) -> String {
    // A URL may hold a password, and a header whose -H was forgotten a key.
    let shown = match () {
        () if arg.contains("://") => "a URL".to_owned(),
        () if arg.contains(':') && !arg.starts_with('-') => "a header without -H".to_owned(),
        () => arg.escape_debug().to_string(),
    };
    let is_get = is_about(error, "fanout get");
    match arg.starts_with('-') {
        true => format!("{shown}: {}", unknown_option(error, arg, is_get)),
        false if is_get => {
            format!("{shown}: one argument too many (one URL is all; ids come by --ids, --input or a pipe)")
        }
        false => format!("{shown}: one argument too many (leave it out)"),
    }
}

fn unknown_option(error: &Error, arg: &str, is_get: bool) -> String {
    let commands = Cli::command();
    let get = commands.find_subcommand("get");
    let is_gets = get.is_some_and(|get| get.get_arguments().any(|option| is_called(option, arg)));
    let known_elsewhere = ELSEWHERE.iter().find(|(theirs, _)| is_get && *theirs == arg);
    let similar = text(error, ContextKind::SuggestedArg);
    match known_elsewhere {
        _ if is_gets && is_get => "behind -- there are no options (put it before)".to_owned(),
        _ if is_gets && is_about(error, "fanout <COMMAND>") => {
            format!("an option of get (use fanout get {arg} …)")
        }
        Some((_, ours)) if ours.starts_with('-') => format!("unknown option (here it is {ours})"),
        Some((_, instead)) => format!("unknown option ({instead})"),
        None if !similar.is_empty() => format!("unknown option (did you mean {similar}?)"),
        None => "unknown option (-h lists them)".to_owned(),
    }
}

fn is_called(option: &Arg, name: &str) -> bool {
    option.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long))
}

fn is_about(error: &Error, command: &str) -> bool {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string().contains(command),
        _ => false,
    }
}

fn unknown_command(error: &Error) -> String {
    let command = text(error, ContextKind::InvalidSubcommand);
    let similar = list(error, ContextKind::SuggestedSubcommand);
    if command.contains("://") || command.contains("{id}") {
        return "a URL, but no command before it (use fanout get URL)".to_owned();
    }
    #[cfg(not(feature = "redis"))]
    if command == "status" {
        return format!("status: unknown command ({NO_REDIS})");
    }
    let lower = command.to_lowercase();
    let known = OTHER_COMMANDS.iter().find(|(theirs, _)| *theirs == lower).map(|(_, ours)| *ours);
    let all = Cli::command();
    let known = known.or(all.find_subcommand(&lower).map(clap::Command::get_name));
    let command = command.escape_debug();
    match known.or(similar.first().map(String::as_str)) {
        Some(similar) => format!("{command}: unknown command (did you mean {similar}?)"),
        None => format!("{command}: unknown command (use {})", commands()),
    }
}

/// `get, serve, demo, completions or man`
pub(crate) fn commands() -> String {
    any_of(&Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>())
}

/// `<URL>` is what may be missing; options are asked for by [`options`](crate::options).
fn missing(arg: &str) -> String {
    match arg {
        "<URL>" => "no URL (use for instance 'https://api.example.com/users/{id}')".to_owned(),
        "<SHELL>" => "no shell (use bash, elvish, fish, powershell or zsh)".to_owned(),
        other => format!("{} is missing (use {other})", name(other)),
    }
}

/// `--ids` of `--ids <SPEC>`, `--verbose` of `--verbose...`, `shell` of `<SHELL>`.
fn name(arg: &str) -> String {
    match arg.strip_prefix('<').and_then(|arg| arg.strip_suffix('>')) {
        Some(value) => value.to_lowercase(),
        None => arg.split([' ', '=']).next().unwrap_or_default().trim_end_matches('.').to_owned(),
    }
}

fn text(error: &Error, kind: ContextKind) -> String {
    list(error, kind).join(", ")
}

fn list(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// `auto, always or never`
fn any_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// Whatever else clap may find.
fn first_line(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_options_name_is_what_stands_before_its_value() {
        for (arg, expected) in
            [("--ids <SPEC>", "--ids"), ("--verbose...", "--verbose"), ("-X", "-X"), ("<SHELL>", "shell")]
        {
            assert_eq!(name(arg), expected);
        }
    }

    #[test]
    fn words_are_listed_as_people_do() {
        let words = |words: &[&str]| any_of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!([words(&[]), words(&["a"])], ["", "a"]);
        assert_eq!([words(&["a", "b"]), words(&["a", "b", "c"])], ["a or b", "a, b or c"]);
    }

    /// What is known elsewhere is no option of ours, and what it stands for is one.
    #[test]
    fn options_from_elsewhere_lead_to_ours() {
        let mut command = Cli::command();
        command.build();
        let get = command.find_subcommand("get").unwrap();
        let names: Vec<String> = get
            .get_arguments()
            .flat_map(|arg| {
                arg.get_long()
                    .map(|long| format!("--{long}"))
                    .into_iter()
                    .chain(arg.get_short().map(|short| format!("-{short}")))
            })
            .collect();
        for (theirs, ours) in ELSEWHERE {
            assert!(!names.iter().any(|name| name == theirs), "{theirs}");
            let ours: Vec<&str> = ours.split([' ', ',']).filter(|word| word.starts_with('-')).collect();
            assert!(ours.iter().all(|ours| names.iter().any(|name| name == ours)), "{ours:?}");
        }
        for (theirs, ours) in OTHER_COMMANDS {
            assert!(command.find_subcommand(theirs).is_none() && command.find_subcommand(ours).is_some());
        }
    }
}
