//! The rules of the house, held against the sources.

use std::fs;
use std::path::{Path, PathBuf};

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines, with their places.
    fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let name = |number| format!("{}:{}", self.path, number + 1);
        self.text.lines().enumerate().map(move |(number, line)| (name(number), line))
    }

    /// What comes before its unit tests.
    fn without_tests(&self) -> Source {
        let end = self.text.find("mod tests {").unwrap_or(self.text.len());
        Source { path: self.path.clone(), text: self.text[..end].to_owned() }
    }

    fn is_a_file_of_tests(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }
}

/// Every Rust file below a folder of this package.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                // What a build leaves in a crate of its own.
                folders.extend((!path.ends_with("target")).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source { path: path.strip_prefix(root).unwrap().display().to_string(), text });
            }
        }
    }
    assert!(!sources.is_empty());
    sources
}

fn everything() -> Vec<Source> {
    ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder)).collect()
}

/// No line may hold `what`, which is written here in two halves so that this file may be searched as well.
#[track_caller]
fn nowhere(sources: &[Source], halves: [&str; 2]) {
    let what = halves.concat();
    for source in sources {
        for (place, line) in source.lines() {
            assert!(!line.contains(&what), "{place}: no {what} here:\n{line}");
        }
    }
}

/// But the peers, who do not know better.
#[test]
fn nothing_sleeps() {
    let mut ours = everything();
    ours.retain(|source| !source.path.starts_with("benches/peers/"));
    nowhere(&ours, ["thread::", "sleep"]);
}

#[test]
fn nothing_is_left_to_do() {
    let everything = everything();
    for halves in
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["dbg", "!"], ["todo", "!"], ["unimplemented", "!"]]
    {
        nowhere(&everything, halves);
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["src/lib.rs", "src/bin/fanout/main.rs"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{file}");
    }
}

#[test]
fn a_file_is_read_at_one_sitting() {
    const MOST_LINES: usize = 450;
    for source in sources("src") {
        let lines = source.text.lines().count();
        assert!(lines <= MOST_LINES, "{}: {lines} lines, and {MOST_LINES} at most", source.path);
    }
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for source in everything() {
        assert!(source.text.starts_with("//! "), "{} has no module documentation", source.path);
    }
}

#[test]
fn lines_are_short_and_have_no_tabs() {
    const MOST_OF_CODE: usize = 110;
    const MOST_OF_COMMENT: usize = 120;
    for source in everything() {
        for (place, line) in source.lines() {
            let text = line.trim_start();
            let is_table = text.starts_with("//! |") || text.starts_with("/// |");
            let most = if text.starts_with("//") { MOST_OF_COMMENT } else { MOST_OF_CODE };
            assert!(is_table || line.chars().count() <= most, "{place}: more than {most} columns");
            assert!(!line.contains('\t'), "{place}: a tab");
            assert_eq!(line, line.trim_end(), "{place}: white space at the end");
        }
    }
}

#[test]
fn nothing_is_unwrapped_outside_of_tests() {
    for source in sources("src") {
        if source.is_a_file_of_tests() {
            continue;
        }
        let source = source.without_tests();
        for (place, line) in source.lines() {
            let code = !line.trim_start().starts_with("//");
            assert!(!(code && line.contains(".unwrap()")), "{place}: unwrapped");
        }
    }
}

#[test]
fn what_may_change_in_ureq_is_named_in_one_folder() {
    const FOLDER: &str = "src/transport/";
    let elsewhere: Vec<Source> =
        sources("src").into_iter().filter(|source| !source.path.starts_with(FOLDER)).collect();
    nowhere(&elsewhere, ["unver", "sioned"]);
}

#[test]
fn nothing_but_the_events_logs() {
    let others: Vec<Source> =
        sources("src").into_iter().filter(|source| source.path != "src/events.rs").collect();
    for halves in
        [["log::", "info!"], ["log::", "debug!"], ["log::", "warn!"], ["log::", "error!"], ["log::", "log!"]]
    {
        nowhere(&others, halves);
    }
}
