//! What packages are made with: completions and manual pages.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::support::*;

fn output(args: &[&str]) -> String {
    let done = Running::start(&mut fanout(args)).done();
    assert_eq!(done.code(0).stderr, "");
    done.stdout
}

/// What bash offers for the last of these words.
fn offered_by_bash(words: &[&str]) -> Vec<String> {
    let script = r#"
        source /dev/stdin
        complete -p fanout >&2
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _fanout fanout "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "bash", "fanout"]).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    std::io::Write::write_all(
        &mut running.stdin.take().unwrap(),
        output(&["completions", "bash"]).as_bytes(),
    )
    .unwrap();
    let done = running.done();
    assert!(done.code(0).stderr.contains(" -F _fanout fanout"), "{}", done.stderr);
    done.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered_by_bash(&["se"]), ["serve"]);
    assert_eq!(offered_by_bash(&["get", "--max-i"]), ["--max-in-flight"]);
    assert_eq!(offered_by_bash(&["get", "--progress", "a"]), ["auto", "always"]);
    assert_eq!(offered_by_bash(&["completions", "p"]), ["powershell"]);
}

#[test]
fn every_shell_gets_a_script_with_every_command_and_option() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = output(&["completions", shell]);
        for word in COMMANDS.iter().chain(&["max-in-flight", "hidden-rate", "dry-run"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn there_is_a_manual_page_of_each_command_with_all_that_the_help_has() {
    for command in COMMANDS.iter().copied() {
        let page = output(&["man", command]);
        let title = format!(".TH FANOUT\\-{} 1 ", command.to_uppercase());
        assert!(page.lines().any(|line| line.starts_with(&title)), "{page}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "HELP", "SEE ALSO"] {
            assert!(
                page.contains(&format!("\n.SH \"{section}\"\n"))
                    || page.contains(&format!("\n.SH {section}\n"))
            );
        }
        let help = output(&[command, "--help"]);
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        for option in options.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
            let escaped = option.replace('-', "\\-");
            assert!(page.contains(&escaped), "{command}: {option}");
        }
    }
    let page = output(&["man", "get"]);
    for title in [
        "IDS",
        "PACE",
        "RETRIES",
        "REQUESTS",
        "OUTPUT",
        "VALUES",
        "RECORDS",
        "\"TEXTS OF IDS\"",
        "\"EXIT CODES\"",
    ] {
        assert!(page.contains(&format!("\n.SH {title}\n")), "{title}");
    }
    let whole = output(&["man"]);
    for command in COMMANDS {
        assert!(whole.contains(&format!("fanout\\-{command}(1)")), "{command}");
    }
    let done = Running::start(&mut fanout(["man", "fetch"])).done();
    assert_eq!(done.code(2).errors().len(), 1);
}

/// Where there is a groff.
#[test]
fn groff_finds_nothing_to_say_about_the_pages() {
    for command in [&["man"][..], &["man", "get"], &["man", "serve"], &["man", "demo"]] {
        let page = output(command);
        let mut groff = Command::new("groff");
        groff.args(["-man", "-ww", "-Tutf8"]);
        groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = groff.spawn() else { return };
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, page.as_bytes()));
        let done = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{command:?}");
    }
}

#[test]
fn whoever_has_seen_enough_hears_nothing() {
    for (args, code) in
        [(&["man", "get"][..], 1), (&["completions", "bash"], 1), (&["get", "--help"], 0), (&["-V"], 0)]
    {
        let (closed, ours) = UnixStream::pair().unwrap();
        drop(ours);
        let mut command = fanout(args);
        command.stdout(Stdio::from(OwnedFd::from(closed)));
        let done = Running::start(&mut command).done();
        assert_eq!((done.status.code(), done.stderr.as_str()), (Some(code), ""), "{args:?}");
    }
}
