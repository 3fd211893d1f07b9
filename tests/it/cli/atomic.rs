//! Files that come into being whole, and outputs of which none is touched before all are open: whatever goes wrong,
//! and whoever else is at work, nobody loses a file.

use std::fs;

use super::support::*;

/// The options that name a file of this kind.
const OPTIONS: [&str; 3] = ["--failed", "--summary-json", "--report"];

/// A run that goes on until it is killed, and has opened its files.
#[track_caller]
fn hanging(api: &Api, args: &[&str]) -> Running {
    let running = Running::start(get_command(["--timeout", "1h", &api.url]).args(args));
    assert_eq!(api.id(), HANG);
    running
}

fn hanging_ids(name: &str) -> TempPath {
    TempPath::with(&format!("{name}-ids"), format!("{HANG}\n"))
}

#[cfg(unix)]
#[test]
fn what_a_killed_run_has_left_is_taken_away_by_the_next_with_the_same_file() {
    let (api, folder, ids) = (Api::new(), TempFolder::new("atomic-killed"), hanging_ids("atomic-killed"));
    fs::create_dir(&folder.0).unwrap();
    for option in OPTIONS {
        let file = folder.0.join("file");
        let args = ["--input", ids.shown(), option, file.to_str().unwrap()];
        let mut running = hanging(&api, &args);
        running.kill(&["KILL"]);
        running.status();
        let left = folder.names();
        assert!(left.len() == 1 && left[0].starts_with(".file."), "{option}: {left:?}");
        get(["--ids", "1", option, file.to_str().unwrap(), &api.url]).code(0);
        assert_eq!((folder.names(), api.id()), (vec!["file".to_owned()], "1".to_owned()), "{option}");
        fs::remove_file(&file).unwrap();
    }
}

/// Whoever has lost a run looks for what there is of its ids.
#[test]
fn what_a_killed_run_has_left_stays_if_the_ids_come_from_it() {
    let (api, folder) = (Api::new(), TempFolder::new("atomic-left"));
    fs::create_dir(&folder.0).unwrap();
    let (file, left) = (folder.0.join("file"), folder.0.join(".file.fanout.part"));
    fs::write(&left, "1\n").unwrap();
    for option in OPTIONS {
        let done = get(["--input", left.to_str().unwrap(), option, file.to_str().unwrap(), &api.url]);
        let said = format!("{option} {}: an earlier run has left ", file.display());
        assert!(done.code(2).errors()[0].starts_with(&said), "{}", done.stderr);
        assert_eq!(fs::read_to_string(&left).unwrap(), "1\n");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_another_run_is_to_leave_is_refused_and_the_other_keeps_it() {
    let (api, folder, ids) = (Api::new(), TempFolder::new("atomic-twice"), hanging_ids("atomic-twice"));
    fs::create_dir(&folder.0).unwrap();
    for option in OPTIONS {
        for was_there in [false, true] {
            let file = folder.0.join("file");
            let path = file.to_str().unwrap();
            if was_there {
                fs::write(&file, "old\n").unwrap();
            }
            let running = hanging(&api, &["--input", ids.shown(), option, path]);
            // As another file of this kind, too; and records must not go where they would be replaced.
            for other in OPTIONS {
                let done = get(["--ids", "1", other, path, &api.url]);
                let said = format!("{other} {path}: another fanout is writing to it");
                assert!(done.code(2).errors()[0].starts_with(&said), "{option}: {}", done.stderr);
            }
            if was_there {
                let done = get(["--ids", "1", "--overwrite", "--output", path, &api.url]);
                let said = format!("--output {path}: another fanout is writing to it");
                assert!(done.code(2).errors()[0].starts_with(&said), "{option}: {}", done.stderr);
                assert_eq!(fs::read_to_string(&file).unwrap(), "old\n");
            }
            running.kill(&["TERM"]);
            running.done();
            assert_ne!(fs::read_to_string(&file).unwrap(), "old\n", "{option}");
            assert_eq!(folder.names(), ["file"], "{option}");
            fs::remove_file(&file).unwrap();
        }
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

/// One that came to be there when the run had begun.
#[cfg(unix)]
#[test]
fn records_that_another_run_is_writing_are_not_replaced() {
    let (api, folder, ids) = (Api::new(), TempFolder::new("atomic-records"), hanging_ids("atomic-records"));
    fs::create_dir(&folder.0).unwrap();
    let file = folder.0.join("file");
    let (path, input) = (file.to_str().unwrap(), ids.shown());
    let first = hanging(&api, &["--input", input, "--failed", path]);
    let second = hanging(&api, &["--input", input, "--output", path]);
    first.kill(&["TERM"]);
    let done = first.done();
    let said = format!("--failed {path}: cannot write it: another fanout is writing to it");
    assert!(done.errors()[0].starts_with(&said), "{}", done.stderr);
    second.kill(&["TERM"]);
    second.done();
    assert_eq!((folder.names(), folder.text("file")), (vec!["file".to_owned()], String::new()));
}

#[test]
fn a_folder_is_no_file_whether_it_is_there_or_not() {
    let (api, folder) = (Api::new(), TempFolder::new("atomic-folder"));
    fs::create_dir(&folder.0).unwrap();
    for end in ["", "/", "/."] {
        let there = format!("{}{end}", folder.shown());
        let missing = format!("{}/sub{end}", folder.shown());
        for option in OPTIONS.iter().chain(&["--output"]) {
            for more in [&["--dry-run"][..], &[]] {
                let ends_with = |path: &str, what: &str| {
                    let done = get(["--ids", "1", option, path, &api.url].iter().chain(more));
                    let said = format!("{option} {path}: {what}");
                    assert_eq!(done.code(2).errors(), [said]);
                };
                ends_with(&there, "is a directory (name a file in it)");
                if !end.is_empty() {
                    ends_with(&missing, "there is no such folder (name a file)");
                }
            }
        }
    }
    assert_eq!((folder.names(), api.ids_so_far()), (vec![], vec![]));
}

#[test]
fn a_file_of_records_that_is_the_folder_of_the_bodies_is_refused_and_neither_is_made() {
    let (api, folder) = (Api::new(), TempFolder::new("atomic-same"));
    fs::create_dir(&folder.0).unwrap();
    let both = folder.0.join("x");
    let both = both.to_str().unwrap();
    for more in [&["--dry-run"][..], &[]] {
        let done = get(["--ids", "1", "-o", both, "--output-dir", both, &api.url].iter().chain(more));
        let said = format!("--output {both}: is to be the folder of --output-dir, too (use another name)");
        assert_eq!(done.code(2).errors(), [said]);
    }
    for option in OPTIONS {
        let done = get(["--ids", "1", option, both, "--output-dir", both, &api.url]);
        let said = format!("{option} {both}: is the folder of --output-dir (use another name)");
        assert_eq!(done.code(2).errors(), [said]);
    }
    assert_eq!((folder.names(), api.ids_so_far()), (vec![], vec![]));
}

/// A folder in which no file can be made, even by root: its file system has none.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_empties_no_file_and_leaves_no_new_one() {
    let (api, file, new) = (Api::new(), TempPath::with("atomic-old", "old\n"), TempPath::new("atomic-new"));
    let fetch = |path: &TempPath, more: &[&str]| {
        let args = ["--ids", "1", "-o", path.shown(), "--output-dir", "/proc/self/fdinfo", &api.url];
        let done = get(args.iter().chain(more));
        assert!(done.code(2).errors()[0].starts_with("--output-dir /proc/self/fdinfo: "), "{}", done.stderr);
    };
    fetch(&file, &["--overwrite"]);
    fetch(&new, &["--overwrite"]);
    assert_eq!((file.text().as_str(), new.0.exists()), ("old\n", false));
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}
