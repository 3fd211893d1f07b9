//! `fanout man`: the manual pages, made of the same definitions as the help, for those who make packages.
//!
//! One page a command, as for git and cargo: `fanout man > fanout.1`, `fanout man get > fanout-get.1`; then both
//! `man fanout-get` and `man fanout get` find it.
//!
//! What `clap_mangen` would make of the examples and of what stands below the options is one paragraph of fill text. So
//! those are set here, as the sections that they are: `Exit codes:` in the help is EXIT CODES in the manual.

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::cli::{Cli, ManArgs, commands};
use crate::exit::{Exit, UsageError};
use crate::print::print;
use crate::screen::Screen;

/// Prints the page of the tool, or that of one of its commands.
pub(crate) fn man(args: &ManArgs, screen: &Screen) -> Result<Exit, UsageError> {
    // The page of `fanout help` would be empty.
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let command = match &args.command {
        None => &root,
        Some(name) => root.find_subcommand(name).ok_or_else(|| {
            let (name, known) = (name.escape_debug(), commands());
            UsageError::new(format!("man {name}: no such command (use {known})"))
        })?,
    };
    Ok(match page(command, &root) {
        Ok(page) => print(page.as_bytes(), screen),
        Err(error) => {
            screen.say(format_args!("error: cannot write the page: {error}"));
            Exit::Failure
        }
    })
}

fn page(command: &Command, root: &Command) -> std::io::Result<String> {
    let version = root.get_version().unwrap_or_default();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    // By hand: an empty date, which is a build's own, would be left out.
    page.extend(format!(".TH {} 1 \"\" \"fanout {version}\" \"fanout manual\"\n", title(command)).bytes());
    man.render_name_section(&mut page)?;
    synopsis(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    sections(command.get_before_help()).to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    sections(command.get_after_long_help().or(command.get_after_help())).to_writer(&mut page)?;
    see_also(command, root).to_writer(&mut page)?;
    Ok(tidy(&String::from_utf8_lossy(&page)))
}

/// `FANOUT-GET`, escaped as in the text.
fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_uppercase().replace('-', "\\-")
}

/// Without the list of all options, which follows anyway.
fn synopsis(command: &Command) -> Roff {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_else(|| command.get_name()))];
    if command.has_subcommands() {
        line.extend([roman(" "), italic("command")]);
    } else {
        line.push(roman(" [options]"));
    }
    for argument in command.get_positionals() {
        let name = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
        let (open, close) = if argument.is_required_set() { (" ", "") } else { (" [", "]") };
        line.extend([roman(open), italic(name), roman(close)]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    roff
}

/// `Title:` and the lines below it, as they are; text without a title is fill text, and a note.
fn sections(text: Option<&StyledStr>) -> Roff {
    let mut roff = Roff::new();
    let text = text.map(StyledStr::to_string).unwrap_or_default();
    for block in text.split("\n\n") {
        match block.split_once(":\n") {
            Some((title, lines)) if !title.contains('\n') => {
                roff.control("SH", [title.to_uppercase().as_str()]).control("nf", []);
                roff.text(lines_as_they_are(lines)).control("fi", []);
            }
            // It goes on below a blank line.
            _ if block.starts_with("  ") => {
                roff.control("sp", []).control("nf", []).text(lines_as_they_are(block)).control("fi", []);
            }
            _ if block.trim().is_empty() => {}
            _ => {
                roff.control("SH", ["NOTES"]).text([roman(block)]);
            }
        }
    }
    roff
}

fn lines_as_they_are(lines: &str) -> Vec<Inline> {
    let lines: Vec<&str> = lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    vec![roman(lines.join("\n"))]
}

fn see_also(command: &Command, root: &Command) -> Roff {
    let (name, mut pages) = (command.get_name(), Vec::new());
    if name != root.get_name() {
        pages.push(root.get_name().to_owned());
    }
    let others = root.get_subcommands().map(Command::get_name).filter(|other| *other != name);
    pages.extend(others.map(|other| format!("{}-{other}", root.get_name())));
    let mut line = Vec::new();
    for page in pages {
        line.extend([roman(if line.is_empty() { "" } else { ", " }), bold(page), roman("(1)")]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text(line);
    roff
}

/// One preamble is enough, and a blank line between paragraphs is `.sp`.
fn tidy(page: &str) -> String {
    const PREAMBLE: [&str; 2] = [r".ie \n(.g .ds Aq \(aq", ".el .ds Aq '"];
    let kept = page.lines().filter(|line| !PREAMBLE.contains(line));
    let kept = kept.map(|line| if line.trim().is_empty() { ".sp" } else { line });
    PREAMBLE.into_iter().chain(kept).flat_map(|line| [line, "\n"]).collect()
}
