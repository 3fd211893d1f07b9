//! What `-h` and `--help` say: everything, the same everywhere, and the short one at a glance.

use super::support::*;

/// An option as `--help` explains it.
#[derive(Debug)]
struct Explained {
    /// `-o, --output <FILE>`
    usage: String,
    /// All paragraphs, each on one line.
    text: Vec<String>,
    default: Option<String>,
}

impl Explained {
    fn name(&self) -> &str {
        let (_, name) = self.usage.split_once("--").unwrap();
        name.split([' ', '.']).next().unwrap()
    }
}

fn help(command: &str, option: &str) -> String {
    let done = Running::start(fanout([command, option]).env("COLUMNS", "80")).done();
    assert_eq!(done.code(0).stderr, "");
    done.stdout
}

fn is_option(line: &str) -> bool {
    line.starts_with("  -") || line.starts_with("      --")
}

/// The options of a command, in the order of its help.
fn explained(command: &str) -> Vec<Explained> {
    let help = help(command, "--help");
    let mut options: Vec<Explained> = Vec::new();
    let mut is_inside = false;
    for line in help.lines() {
        if is_option(line) {
            is_inside = true;
            let usage = line.trim().to_owned();
            options.push(Explained { usage, text: vec![String::new()], default: None });
        } else if line.starts_with(|c: char| !c.is_whitespace()) {
            is_inside = false;
        } else if let (true, Some(option)) = (is_inside, options.last_mut()) {
            match line.trim() {
                "" => option.text.push(String::new()),
                words => option.text.last_mut().unwrap().push_str(&format!("{words} ")),
            }
        }
    }
    for option in &mut options {
        option.text.retain(|paragraph| !paragraph.is_empty());
        let all = option.text.join(" ");
        let default = all.split_once("[default: ").map(|(_, rest)| rest.split(']').next().unwrap());
        option.default = default.map(str::to_owned);
    }
    options
}

#[test]
fn in_the_short_help_an_option_is_one_line_of_eighty_columns() {
    for command in COMMANDS.iter().copied() {
        let short = help(command, "-h");
        for line in short.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        let lines: Vec<&str> = short.lines().filter(|line| is_option(line)).collect();
        for line in &lines {
            let (_, text) = line.trim().split_once("  ").unwrap_or_else(|| panic!("{command}: {line}"));
            assert!(text.trim().starts_with(char::is_uppercase), "{command}: {line}");
        }
        // No text went over to a line of its own.
        let listed = short.split("\n\n").filter(|part| part.lines().skip(1).any(is_option));
        for part in listed {
            assert!(part.lines().skip(1).all(is_option), "{command}: {part}");
        }
        assert_eq!(lines.len(), explained(command).len(), "{command}");
    }
}

/// What stands there as it is, examples and records, is not wrapped.
#[test]
fn eighty_columns_are_enough_for_all_that_is_set_by_hand() {
    for (command, option) in COMMANDS.iter().flat_map(|command| [(command, "-h"), (command, "--help")]) {
        let by_hand = |columns: &str| {
            let done = Running::start(fanout([command, option]).env("COLUMNS", columns)).done();
            let (_, examples) = done.stdout.split_once("Examples:").unwrap();
            let (examples, rest) = examples.split_once("Usage:").unwrap();
            let (_, behind) = rest.split_once("\nHelp:\n").unwrap();
            format!("{examples}{behind}")
        };
        assert_eq!(by_hand("80"), by_hand("100"), "{command} {option}");
    }
}

#[test]
fn the_short_help_begins_what_the_long_one_goes_on_with() {
    for command in COMMANDS.iter().copied() {
        let short = help(command, "-h");
        for option in explained(command) {
            let first = option.text[0].trim();
            let line = short.lines().find(|line| line.trim().starts_with(&option.usage)).unwrap();
            assert!(line.contains(first.split(" [").next().unwrap()), "{command}: {line}: {first}");
        }
    }
}

#[test]
fn help_says_what_it_does_first_and_how_by_example() {
    for (args, starts, contains) in [
        (&["--help"][..], "Fetches every id", &["get", "serve", "demo"][..]),
        (
            &["get", "--help"],
            "Fetch one URL",
            &[
                "--rate",
                "[default: 10/s]",
                "Exit codes:",
                "{id}",
                "body_base64",
                "order of completion, unless --ordered",
                "HTTPS_PROXY",
                "User-Agent",
                "64 KiB",
                "1h30m",
            ],
        ),
        (&["serve", "--help"], "Run the built-in API", &["--hang-id", "429"]),
        (&["demo", "--help"], "See it work", &["no network"]),
    ] {
        let done = Running::start(&mut fanout(args)).done();
        assert!(done.code(0).stdout.starts_with(starts), "{}", done.stdout);
        assert!(done.stdout.contains("Examples:\n  fanout "), "{}", done.stdout);
        for word in contains {
            assert!(done.stdout.contains(word), "{word} in {}", done.stdout);
        }
    }
    for args in [&["--version"][..], &["get", "--version"]] {
        let done = Running::start(&mut fanout(args)).done();
        assert!(done.code(0).stdout.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{}", done.stdout);
    }
    Running::start(&mut fanout::<&str>([])).done().code(2);
}

#[test]
fn without_a_command_there_is_the_help_and_with_help_that_of_a_command() {
    let done = Running::start(&mut fanout::<&str>([])).done();
    assert!(done.code(2).stderr.contains("Examples:\n  fanout demo\n"), "{}", done.stderr);
    let done = Running::start(&mut fanout(["help", "get"])).done();
    assert_eq!(done.code(0).stdout, Running::start(&mut fanout(["get", "--help"])).done().stdout);
}

/// What the library says of a setter: the sentence that begins with `Defaults to`.
fn default_in_the_library(setter: &str) -> String {
    let files = [
        include_str!("../../../src/builder/mod.rs"),
        include_str!("../../../src/builder/quota.rs"),
        include_str!("../../../src/builder/requests.rs"),
        include_str!("../../../src/builder/http.rs"),
    ];
    let (before, _) = files.iter().find_map(|file| file.split_once(&format!("pub fn {setter}("))).unwrap();
    let docs: Vec<&str> =
        before.lines().rev().skip(1).map_while(|line| line.trim().strip_prefix("///")).collect();
    let docs = docs.into_iter().rev().map(str::trim).collect::<Vec<_>>().join(" ");
    let (_, default) = docs.split_once("Defaults to ").unwrap_or_else(|| panic!("{setter}: {docs}"));
    default.split_once(". ").map_or(default, |(sentence, _)| sentence).trim_end_matches('.').to_owned()
}

#[test]
fn every_default_in_the_help_is_the_librarys() {
    // As the help has it; the setter, and as the library has it.
    let cases = [
        ("rate", "10/s", "rate", "10 a second"),
        (
            "burst",
            "what two seconds bring, from 1 to 20",
            "burst",
            "[`Rate::default_burst`]: what two seconds bring, from 1 to 20",
        ),
        ("max-in-flight", "8", "max_in_flight", "8"),
        ("max-wait", "2m", "max_wait", "2 min"),
        ("retries", "0", "retries", "none"),
        ("reserve", "0", "reserve", "0"),
        ("retry-budget", "10%", "retry_budget", "100 and a tenth of the ids started"),
        ("timeout", "10s", "timeout", "10 s"),
        ("connect-timeout", "5s", "connect_timeout", "5 s"),
        ("stall-timeout", "none", "stall_timeout", "none"),
        ("method", "GET", "method", "GET"),
        ("data", "none", "body", "none"),
        ("max-redirects", "5", "max_redirects", "5"),
        ("ok", "200-299", "accept_status", "200 to 299"),
        ("max-body", "10MiB", "max_body", "10 MiB"),
    ];
    // These are the tool's own, or nothing is the default of both.
    let others: &[(&str, &str)] = &[
        #[cfg(feature = "redis")]
        ("redis-wait", "10s"),
        #[cfg(feature = "redis")]
        ("quota-lease", "30s, or twice the --timeout if that is longer"),
        #[cfg(feature = "redis")]
        ("use-by", "5ms"),
        ("input", "standard input"),
        ("at-most", "none"),
        ("deadline", "none"),
        ("output", "standard output"),
        ("progress", "auto"),
    ];
    let explained = explained("get");
    let shown = explained.iter().filter_map(|option| Some((option.name(), option.default.as_deref()?)));
    let mut shown: Vec<(&str, &str)> = shown.collect();
    let mut expected: Vec<(&str, &str)> = cases.iter().map(|(option, shown, ..)| (*option, *shown)).collect();
    expected.extend(others.iter().copied());
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    for (option, _, setter, default) in cases {
        assert_eq!(default_in_the_library(setter), default, "--{option}");
    }
}

/// The options of `get`, as the README has them.
fn table() -> String {
    let mut rows = "| option | does | default |\n| --- | --- | --- |\n".to_owned();
    for option in explained("get").iter().filter(|option| !["help", "version"].contains(&option.name())) {
        let takes_a_value = option.usage.contains('<');
        let default = match &option.default {
            Some(default) if default.contains(' ') || default == "none" => default.clone(),
            Some(default) => format!("`{default}`"),
            None if takes_a_value => String::new(),
            None => "off".to_owned(),
        };
        let usage = option.usage.replace(['<', '>'], "").replace("...", "").replace('|', "\\|");
        let text = option.text[0].split(" [").next().unwrap().trim().to_owned();
        rows += &format!("| `{usage}` | {} | {default} |\n", text.replace("{id}", "`{id}`"));
    }
    rows
}

/// After a change of the options: `UPDATE_GOLDEN=1 cargo test --all-features --test it help`.
#[test]
fn the_readme_has_every_option_with_its_default() {
    const MARKS: [&str; 2] = ["<!-- fanout get -h -->\n\n", "\n<!-- -->\n"];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(MARKS[0]).unwrap();
    let (shown, after) = rest.split_once(MARKS[1]).unwrap();
    let table = table();
    // The README has them all.
    let lacks = ["redis", "quota", "redis-wait", "quota-idle", "quota-lease", "use-by", "redis-cacert"]
        .map(|option| format!("| `--{option} "));
    let is_had =
        |line: &&str| cfg!(feature = "redis") || !lacks.iter().any(|option| line.starts_with(option));
    let shown: String = shown.split_inclusive('\n').filter(is_had).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() && cfg!(feature = "redis") {
        std::fs::write(path, [before, MARKS[0], &table, MARKS[1], after].concat()).unwrap();
    } else {
        assert_eq!(shown, table, "UPDATE_GOLDEN=1 writes it");
    }
}
