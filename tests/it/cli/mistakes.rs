//! What is said of mistakes: a table of command lines, as people type them, and what they get to read. Nothing is sent
//! for any of them.
//!
//! `mistakes.txt` has a paragraph for each: the command line, for a shell, behind `$ `, and standard error below it.
//! All of them end with code 2 and write nothing to standard output. After a change:
//! `UPDATE_GOLDEN=1 cargo test --all-features --test it mistakes`, and read the difference.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::*;

/// A folder with what the command lines name.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("fanout-{}-mistakes", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("folder")).unwrap();
        for (name, bytes) in [
            ("ids.txt", &b"1\n2\n"[..]),
            (
                "records.ndjson",
                b"{\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":1.0,\"body\":\"\"}\n",
            ),
            ("notes.txt", b"do not lose me\n"),
            ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("utf16.txt", b"\xff\xfe1\0\n\0"),
            ("newline.txt", b"1\na\x0bb\n"),
            ("nul.txt", b"1\n2\0\n"),
            ("long.txt", &[b'x'; 70_000]),
            ("certificate.pem", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            ("folder/1", b"body"),
        ] {
            fs::write(path.join(name), bytes).unwrap();
        }
        // One line of 3 GB, which takes no room on the disk.
        File::create(path.join("line.txt")).unwrap().set_len(3_000_000_000).unwrap();
        Folder(path)
    }

    /// What a shell says to this line, and with which code it ends.
    fn run(&self, line: &str, url: &str) -> Done {
        let tool = Path::new(env!("CARGO_BIN_EXE_fanout")).parent().unwrap();
        let path = std::env::join_paths(
            [tool.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.0).env_remove("RUST_LOG");
        command.env("PATH", path.unwrap()).env("URL", url).env("COLUMNS", "80");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut command).done()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_mistake_is_told_as_the_table_has_it_and_nothing_is_sent() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/mistakes.txt");
    let mut expected = fs::read_to_string(file).unwrap();
    if cfg!(not(feature = "redis")) {
        expected = expected.replace("serve, status, demo", "serve, demo");
    }
    let (api, folder) = (Api::new(), Folder::new());
    let mut told = String::new();
    for paragraph in expected.trim_end().split("\n\n") {
        let mut lines = paragraph.lines().peekable();
        while let Some(comment) = lines.next_if(|line| !line.starts_with("$ ")) {
            told += &format!("{comment}\n");
        }
        let Some(line) = lines.next() else {
            told += "\n";
            continue;
        };
        let done = folder.run(&line[2..], &api.url);
        assert_eq!((done.status.code(), done.stdout.as_str()), (Some(2), ""), "{line}: {}", done.stderr);
        assert_eq!(done.errors().len(), 1, "{line}: {}", done.stderr);
        told += &format!("{line}\n{}\n", done.stderr.replace(&api.url, "$URL"));
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
    assert!(
        !told.lines().any(|line| line.starts_with("error: ") && line.contains("secret")),
        "a secret is told"
    );
    assert_eq!(fs::read(folder.0.join("notes.txt")).unwrap(), b"do not lose me\n");
    let told = told.trim_end().to_owned() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(file, told).unwrap();
    } else {
        assert_eq!(told, expected, "UPDATE_GOLDEN=1 writes it");
    }
}
