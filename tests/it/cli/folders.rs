//! `--output-dir`: a file for each body, what it is called, and what is refused.

use std::fs;

use super::support::*;

#[track_caller]
fn fetch(api: &Api, folder: &TempFolder, args: &[&str], input: &str) -> Done {
    get_with_input([&["--rate", "none", "--output-dir", folder.shown(), &api.url], args].concat(), input)
}

/// An API whose ids are in the query, where they may be anything.
fn anything() -> Api {
    let mut api = Api::answering(|_| (200, b"body".to_vec()));
    api.url = api.url.replace("{id}", "?id={id}");
    api
}

#[test]
fn each_body_is_a_file_and_there_are_no_records() {
    let (api, folder) = (Api::new(), TempFolder::new("bodies"));
    let done = fetch(&api, &folder, &[], "1\n2\n");
    assert_eq!(done.code(0).stdout, "");
    assert_eq!(folder.names(), ["1", "2"]);
    assert_eq!(folder.text("2"), "body of 2");
}

#[test]
fn names_are_safe_whatever_the_ids_are() {
    let (api, folder) = (anything(), TempFolder::new("names"));
    // A longer one has no place in a URL.
    let long = "x".repeat(8_000);
    let ids = ["../../etc/passwd", "a/b", "😀", &long, "CON", "..", "."];
    let done = fetch(&api, &folder, &[], &(ids.join("\n") + "\n"));
    assert!(done.code(0).stderr.starts_with("fetched 7 ids"), "{}", done.stderr);
    let names = folder.names();
    let long = names.iter().position(|name| name.starts_with("xxx")).unwrap();
    assert!(names[long].len() == 255 && names[long][..223] == format!("{}=", "x".repeat(222)));
    let others: Vec<&String> = names.iter().filter(|name| !name.starts_with('x')).collect();
    assert_eq!(others, ["%2E", "%2E%2E", "%2E.%2F..%2Fetc%2Fpasswd", "%43ON", "%F0%9F%98%80", "a%2Fb"]);
    // They are found again, too.
    let done = fetch(&api, &folder, &["--resume"], &(ids.join("\n") + "\nnew\n"));
    assert!(done.code(0).stderr.starts_with("fetched 1 id in"), "{}", done.stderr);
    assert!(done.stderr.contains(", 7 there already"), "{}", done.stderr);
    assert_eq!(folder.names().len(), 8);
}

#[test]
fn a_failure_has_no_file_and_is_told_and_fetched_again() {
    let folder = TempFolder::new("failures");
    let api = Api::answering(|id| (if id == "2" { 404 } else { 200 }, id.as_bytes().to_vec()));
    let done = fetch(&api, &folder, &["--keep-going"], "1\n2\n3\n");
    assert_eq!(done.code(1).stdout, "");
    let errors = done.errors();
    assert!(errors[0].starts_with("id 2: the server answered 404"), "{errors:?}");
    assert_eq!(errors[1..], ["1 id failed"]);
    assert_eq!(folder.names(), ["1", "3"]);
    let api = Api::new();
    fetch(&api, &folder, &["--resume"], "1\n2\n3\n").code(0);
    assert_eq!(api.ids_so_far(), ["2"]);
}

#[test]
fn with_an_output_there_are_records_that_name_the_files() {
    let (api, folder) = (anything(), TempFolder::new("both"));
    let done = fetch(&api, &folder, &["--output", "-", "--include-headers"], "a/b\n7\n");
    let records = done.code(0).records();
    assert_eq!((&records["a/b"]["file"], &records["7"]["file"]), (&"a%2Fb".into(), &"7".into()));
    assert_eq!(records["7"]["headers"]["content-length"][0], "4");
    assert!(records["7"].get("body").is_none());
    assert_eq!(folder.text("a%2Fb"), "body");
}

#[test]
fn a_folder_that_is_not_empty_is_refused_without_a_word_about_it() {
    let (api, folder) = (Api::new(), TempFolder::new("full"));
    fs::create_dir(&folder.0).unwrap();
    fetch(&api, &folder, &[], "1\n").code(0);
    let done = fetch(&api, &folder, &[], "1\n2\n");
    let error =
        format!("--output-dir {}: is not empty (use --resume, --overwrite, or another one)", folder.shown());
    assert_eq!(done.code(2).errors(), [error]);
    fs::write(folder.0.join("1"), "old").unwrap();
    fs::write(folder.0.join("other"), "old").unwrap();
    fs::create_dir(folder.0.join("2")).unwrap();
    fetch(&api, &folder, &["--resume"], "1\n").code(0);
    assert_eq!(folder.text("1"), "old");
    fetch(&api, &folder, &["--overwrite"], "1\n").code(0);
    assert_eq!((folder.text("1"), folder.text("other")), ("body of 1".to_owned(), "old".to_owned()));
    // What is no file is no body, either.
    let done = fetch(&api, &folder, &["--resume"], "2\n");
    let error = format!("cannot write to {}/2: ", folder.shown());
    assert!(done.code(1).errors()[0].starts_with(&error), "{}", done.stderr);
    assert_eq!(folder.names(), ["1", "2", "other"]);
}

#[test]
fn what_an_earlier_run_left_of_a_file_is_cleaned_up() {
    let (api, folder) = (Api::new(), TempFolder::new("parts"));
    fs::create_dir(&folder.0).unwrap();
    for more in [&[][..], &["--resume"], &["--overwrite"]] {
        for number in 1..10 {
            fs::write(folder.0.join(format!(".fanout-{number}.part")), "half a bo").unwrap();
            if !more.is_empty() {
                // Bodies are among them, in whatever order a folder is listed.
                fs::write(folder.0.join(format!("body-{number}")), "body").unwrap();
            }
        }
        fetch(&api, &folder, more, "1\n").code(0);
        assert!(!folder.names().iter().any(|name| name.starts_with('.')), "{more:?}");
    }
    assert_eq!(api.ids_so_far(), ["1", "1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_had_is_refused_before_anything_is_sent() {
    let (api, file) = (Api::new(), TempPath::with("no-folder", "text"));
    let below = format!("{}-nowhere/below", file.shown());
    for (path, more, error) in [
        (file.shown(), &[][..], "is no directory"),
        (&below, &[], "there is no folder "),
        ("/proc/self/fd", &["--overwrite"], "cannot write to it: "),
    ] {
        let done = get([&["--ids", "1", "--output-dir", path, &api.url], more].concat());
        let error = format!("--output-dir {path}: {error}");
        assert!(done.code(2).errors()[0].starts_with(&error), "{}", done.stderr);
    }
    let folder = TempFolder::new("file-inside");
    fs::create_dir(&folder.0).unwrap();
    let inside = format!("{}/records", folder.shown());
    let done = fetch(&api, &folder, &["--output", &inside], "1\n");
    assert!(done.code(2).errors()[0].contains("lies in the folder of --output-dir"), "{}", done.stderr);
    let done = fetch(&api, &folder, &["--include-headers"], "1\n");
    assert!(done.code(2).errors()[0].starts_with("--include-headers: there are no records"));
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
    assert_eq!(folder.names(), [] as [&str; 0]);
}

#[test]
fn a_file_beside_the_bodies_that_could_have_the_name_of_one_is_refused() {
    let (api, folder) = (Api::new(), TempFolder::new("beside"));
    fs::create_dir(&folder.0).unwrap();
    let file = folder.0.join("7");
    for option in ["--failed", "--summary-json", "--report"] {
        let done = fetch(&api, &folder, &[option, file.to_str().unwrap()], "7\n");
        let said = format!("{option} {}: lies in the folder of --output-dir", file.display());
        assert!(done.code(2).errors()[0].starts_with(&said), "{}", done.stderr);
    }
    assert_eq!((folder.names(), api.ids_so_far()), (vec![], vec![]));
}
