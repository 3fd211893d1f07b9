//! A run as the job of a shell, which is stopped and goes on.

use super::screen::{Terminal, command};
use crate::cli::support::{Api, HANG, TempPath};

const TOOL: &str = env!("CARGO_BIN_EXE_fanout");

/// A shell with job control that runs the tool, waits for a line when it has been stopped, and then does the rest.
fn shell(args: &[&str], rest: &str) -> Terminal {
    let script = format!("\"$0\" get \"$@\" >/dev/null; echo stopped; read line; {rest}");
    Terminal::start(80, command("sh", ["-mc", &script, TOOL]).args(args))
}

#[test]
fn ctrl_z_takes_the_bar_away_and_fg_brings_it_back() {
    let (api, file) = (Api::new(), TempPath::with("ctrl-z", format!("1\n{HANG}\n")));
    let terminal = shell(&["--timeout", "1h", "--input", file.shown(), &api.url], "fg >/dev/null");
    terminal.shows(|picture| picture.last().starts_with("1/2 ["));
    terminal.types("\u{1a}");
    let picture = terminal.shows(|picture| picture.rows.iter().any(|row| row == "stopped"));
    assert!(picture.rows.iter().all(|row| !row.contains("1/2") && !row.contains("^Z")), "{picture:#?}");
    terminal.types("\n");
    terminal.shows(|picture| picture.last().starts_with("1/2 ["));
    terminal.types("\u{3}");
    let (_, picture, _) = terminal.ends();
    assert!(picture.rows.iter().all(|row| !row.contains("1/2")), "{picture:#?}");
    assert!(picture.rows.iter().any(|row| row.starts_with("fetched 1 of 2 ids")), "{picture:#?}");
}

#[test]
fn in_the_background_nothing_is_drawn() {
    let api = Api::new();
    let args = ["--ids", "1-12", "--rate", "10/s", "--burst", "1", &api.url];
    let terminal = shell(&args, "bg >/dev/null; wait");
    terminal.shows(|picture| picture.last().contains("/12 ["));
    terminal.types("\u{1a}");
    terminal.shows(|picture| picture.rows.iter().any(|row| row == "stopped"));
    terminal.types("\n");
    let (_, picture, written) = terminal.ends();
    let (_, since) = written.split_once("stopped").unwrap();
    assert!(!since.contains("/12 ["), "{since:?}");
    assert!(picture.rows.iter().any(|row| row.starts_with("fetched 12 of 12 ids")), "{picture:#?}");
}

/// What `less` does: it takes single keys, and draws on the whole screen.
#[test]
fn a_pager_has_the_screen_to_itself() {
    let api = Api::new();
    let script = "stty -icanon; \"$0\" get --ids 1-12 --rate 10/s --burst 1 \"$1\" >/dev/null";
    let terminal = Terminal::start(80, command("sh", ["-c", script, TOOL, &api.url]));
    let (_, picture, written) = terminal.ends();
    assert!(picture.rows[0].starts_with("fetched 12 of 12 ids"), "{picture:#?}");
    assert!(!written.contains("/12 ["), "{written:?}");
}
