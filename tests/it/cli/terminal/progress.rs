//! The bar: what it says at which width, what it leaves behind, and that it tears nothing.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::screen::{Picture, Terminal, command, get_command};
use crate::cli::support::{Api, HANG, TempPath};

const INT: i32 = 2;

/// Two ids that are answered, and one that is not.
fn input(name: &str) -> TempPath {
    TempPath::with(name, format!("1\n2\n{HANG}\n"))
}

/// A run that stands still with two of three ids done, on a terminal so wide.
fn standing(name: &str, columns: u16, more: &[&str]) -> (Api, TempPath, Terminal) {
    let (api, file) = (Api::new(), input(name));
    let args = ["--timeout", "1h", "--input", file.shown(), &api.url];
    let terminal = Terminal::start(columns, get_command(args.iter().chain(more)));
    (api, file, terminal)
}

fn stands(picture: &Picture) -> bool {
    picture.last().starts_with("2/3")
}

/// Summaries that say so, and nothing else.
#[track_caller]
fn only_a_summary(picture: &Picture, first: &str) {
    let [line, pace] = &picture.rows[..] else { panic!("two lines, and not {picture:#?}") };
    assert!(line.starts_with(first) && pace.starts_with("pace "), "{picture:#?}");
    assert_eq!(picture.cursor, (2, 0));
}

#[test]
fn the_bar_is_one_line_however_narrow_the_terminal_is() {
    for (columns, shown, not_shown) in [
        (5, "2/3", " "),
        (20, "2/3", "waiting"),
        (40, "waiting for answers", "in flight"),
        (80, "[======>   ] waiting for answers, ", "left"),
        (200, "1 of 8 in flight, 0 failed", "retry"),
    ] {
        let (_api, _file, terminal) = standing(&format!("bar-{columns}"), columns, &[]);
        let picture =
            terminal.shows(|picture| stands(picture) && picture.last().contains(shown) && at_start(picture));
        assert_eq!(picture.rows.len(), 1, "{picture:#?}");
        assert!(!picture.last().contains(not_shown), "{picture:#?}");
    }
}

/// From there on it is cleared, however many rows a narrower terminal has made of it.
fn at_start(picture: &Picture) -> bool {
    picture.cursor == (picture.rows.len() - 1, 0)
}

#[test]
fn the_bar_follows_the_width_of_the_terminal() {
    let (_api, _file, terminal) = standing("resized", 120, &[]);
    terminal.shows(|picture| picture.last().contains("in flight, 0 failed"));
    for (columns, shown, not_shown) in [
        (40, "waiting for answers", "in flight"),
        (20, "2/3", "answers"),
        (120, "in flight, 0 failed", "none"),
    ] {
        terminal.resize(columns);
        let is_shown = |picture: &Picture| {
            let bar = picture.last();
            stands(picture) && bar.contains(shown) && !bar.contains(not_shown) && at_start(picture)
        };
        assert_eq!(terminal.shows(is_shown).rows.len(), 1);
    }
}

#[test]
fn at_the_end_the_bar_is_gone_and_the_summary_stands() {
    let api = Api::new();
    let args = ["--ids", "1-12", "--rate", "20/s", "--burst", "1", &api.url];
    let terminal = Terminal::start(80, get_command(args));
    terminal
        .shows(|picture| picture.last().contains("/12 [") && picture.last().contains("waiting for quota"));
    let (status, picture, _) = terminal.ends();
    assert_eq!(status.code(), Some(0));
    only_a_summary(&picture, "fetched 12 of 12 ids");
}

#[test]
fn nothing_of_the_bar_is_left_on_a_narrow_terminal() {
    for columns in [20, 40] {
        let api = Api::new();
        let args = ["--ids", "1-12", "--rate", "20/s", "--burst", "1", &api.url];
        let terminal = Terminal::start(columns, get_command(args));
        terminal.shows(|picture| picture.last().contains("/12"));
        let text = terminal.ends().1.unfolded(columns.into());
        assert!(text.starts_with("fetched 12 of 12 ids in ") && !text.contains("/12"), "{text}");
    }
}

#[test]
fn on_a_narrow_terminal_long_log_lines_stay_whole() {
    let api = Api::new();
    let args = ["-v", "--ids", "1-20", "--rate", "20/s", "--burst", "1", &api.url];
    let terminal = Terminal::start(40, get_command(args));
    terminal.shows(|picture| picture.rows.len() > 5 && picture.last().contains("/20 "));
    let text = terminal.ends().1.unfolded(40);
    for id in 1..=20 {
        let line = format!("request done user_id={id} attempt=1 status=200 latency_ms=");
        assert_eq!(text.matches(&line).count(), 1, "{id} in {text}");
    }
    assert!(!text.contains("/20 "), "{text}");
}

#[test]
fn without_input_a_terminal_is_told_what_to_do() {
    let api = Api::new();
    let (status, picture, written) =
        Terminal::start(100, command(env!("CARGO_BIN_EXE_fanout"), ["get", &api.url])).ends();
    assert_eq!(status.code(), Some(2));
    let [line] = &picture.rows[..] else { panic!("one line, and not {picture:#?}") };
    assert!(line.starts_with("error: no ids: standard input is a terminal (use --ids 1-60, "), "{line}");
    assert!(!written.contains('\u{1b}'), "{written:?}");
}

#[test]
fn log_lines_and_the_bar_do_not_tear_each_other() {
    let api = Api::new();
    let args = ["-v", "--ids", "1-60", "--rate", "60/s", "--burst", "1", &api.url];
    let terminal = Terminal::start(160, get_command(args));
    // The bar is the last line, below what has been logged.
    let seen = terminal.shows(|picture| picture.rows.len() > 5 && picture.last().contains("/60 ["));
    let (bar, above) = seen.rows.split_last().unwrap();
    assert!(above.iter().all(|row| row.contains("request done")), "{bar} below {above:#?}");
    let (_, picture, _) = terminal.ends();
    let (logged, summary) = picture.rows.split_at(60);
    for id in 1..=60 {
        let field = format!(" user_id={id} ");
        assert!(logged.iter().any(|row| row.contains("request done") && row.contains(&field)), "{id}");
    }
    assert!(logged.iter().all(|row| row.starts_with('[') && !row.contains("in flight")), "{picture:#?}");
    assert_eq!(summary.len(), 2, "{summary:#?}");
}

#[test]
fn ctrl_c_leaves_a_clean_line() {
    for columns in [20, 80] {
        let (_api, _file, terminal) = standing(&format!("ctrl-c-{columns}"), columns, &[]);
        terminal.shows(stands);
        terminal.types("\u{3}");
        let (status, picture, _) = terminal.ends();
        assert_eq!(status.signal(), Some(INT));
        if columns == 80 {
            only_a_summary(&picture, "fetched 2 of 3 ids");
        }
        assert!(picture.rows[0].starts_with("fetched 2 of 3 ids"), "{picture:#?}");
        assert!(picture.rows.iter().all(|row| !row.contains("^C") && !row.contains("2/3")), "{picture:#?}");
    }
}

#[test]
fn a_silent_input_is_told_and_no_time_is_promised() {
    let api = Api::new();
    let mut terminal = Terminal::start(80, get_command([&api.url]));
    let mut stdin = terminal.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n").unwrap();
    let picture = terminal.shows(|picture| picture.last().starts_with("2 done, waiting for input, "));
    assert!(!picture.last().contains("left"), "{picture:#?}");
    drop(stdin);
    only_a_summary(&terminal.ends().1, "fetched 2 ids");
}

#[test]
fn a_pause_is_told_with_the_time_that_is_left() {
    let api = Api::answering(|id| (if id == "1" { 429 } else { 200 }, Vec::new()));
    let args = ["--ids", "1-9", "--retries", "3", "--max-in-flight", "1", &api.url];
    let terminal = Terminal::start(80, get_command(args));
    terminal.shows(|picture| picture.last().contains("paused by server for 1s"));
}

#[test]
fn slots_are_told_when_all_of_them_are_with_the_server() {
    let (_api, _file, terminal) = standing("slots", 80, &["--max-in-flight", "1"]);
    terminal.shows(|picture| stands(picture) && picture.last().contains("waiting for slots"));
}

#[test]
fn a_failed_id_is_told_at_once_and_its_next_try_is_waited_for() {
    let api = Api::answering(|id| (if id == "1" { 503 } else { 200 }, Vec::new()));
    let args = ["--ids", "1-2", "--retries", "10", &api.url];
    let terminal = Terminal::start(120, get_command(args));
    terminal.shows(|picture| {
        let bar = picture.last();
        bar.contains("waiting for retry") && bar.contains("1 to retry")
    });

    let failing = Api::answering(|id| (if id == "1" { 404 } else { 200 }, Vec::new()));
    let args = ["--keep-going", "--ids", "1-12", "--rate", "4/s", "--burst", "1", &failing.url];
    let terminal = Terminal::start(40, get_command(args));
    terminal.shows(|picture| picture.last().contains(" left, 1 failed"));
}

#[test]
fn an_output_that_nobody_reads_is_waited_for() {
    let api = Api::answering(|_| (200, vec![b'x'; 64 * 1024]));
    let command = get_command(["--ids", "1-1000", "--rate", "none", &api.url]).stdout(Stdio::piped());
    let mut terminal = Terminal::start(80, command);
    let picture = terminal.shows(|picture| picture.last().contains("waiting for reader"));
    assert!(!picture.last().contains("left"), "{picture:#?}");
    let mut records = Vec::new();
    terminal.stdout.take().unwrap().read_to_end(&mut records).unwrap();
    only_a_summary(&terminal.ends().1, "fetched 1000 of 1000 ids");
}

#[test]
fn the_last_records_are_waited_for_with_their_number() {
    let api = Api::answering(|_| (200, vec![b'x'; 64 * 1024]));
    let command = get_command(["--ids", "1-4", "--rate", "none", &api.url]).stdout(Stdio::piped());
    let mut terminal = Terminal::start(80, command);
    terminal.shows(|picture| picture.last().ends_with(" wait for the reader of the output"));
    let mut records = Vec::new();
    terminal.stdout.take().unwrap().read_to_end(&mut records).unwrap();
    only_a_summary(&terminal.ends().1, "fetched 4 of 4 ids");
}

#[test]
fn a_dumb_terminal_and_one_with_records_on_it_get_no_bar() {
    let api = Api::new();
    let args = ["--ids", "1-6", "--rate", "4/s", "--burst", "1", &api.url];
    let (_, picture, written) = Terminal::start(80, get_command(args).env("TERM", "dumb")).ends();
    only_a_summary(&picture, "fetched 6 of 6 ids");
    assert!(!written.contains('\u{1b}'), "{written}");

    let records = command(env!("CARGO_BIN_EXE_fanout"), ["get"]).args(args);
    let (_, picture, written) = Terminal::start(80, records).ends();
    let (records, summary) = picture.rows.split_at(6);
    assert!(records.iter().all(|row| row.starts_with("{\"id\":\"") && row.ends_with("\"}")), "{picture:#?}");
    assert!(summary.len() == 2 && !written.contains('\u{1b}'), "{picture:#?}");

    let asked = get_command(args.iter().chain(&["--progress", "always"])).env("TERM", "dumb");
    let (_, picture, written) = Terminal::start(80, asked).ends();
    assert!(picture.rows[0].contains("/6 done, "), "{picture:#?}");
    assert!(!written.contains('\u{1b}'), "{written}");
}

#[test]
fn no_color_takes_the_colours_and_not_the_bar() {
    let (_api, _file, terminal) = standing("no-color", 120, &["-v"]);
    terminal.shows(|picture| stands(picture) && picture.rows.len() > 2);
    terminal.types("\u{3}");
    assert!(terminal.ends().2.contains("\u{1b}[32m"), "colours without it");

    let (api, file) = (Api::new(), input("no-color-set"));
    let args = ["-v", "--timeout", "1h", "--input", file.shown(), &api.url];
    let terminal = Terminal::start(120, get_command(args).env("NO_COLOR", "1"));
    terminal.shows(|picture| stands(picture) && picture.rows.len() > 2);
    terminal.types("\u{3}");
    let written = terminal.ends().2;
    let colours = written
        .split("\u{1b}[")
        .skip(1)
        .filter(|code| code[1..].trim_start_matches(char::is_numeric).starts_with('m'));
    assert_eq!(colours.collect::<Vec<_>>(), [] as [&str; 0]);
}
