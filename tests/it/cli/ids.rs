//! Where ids come from: ranges, files, and standard input as it comes.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use super::support::*;

#[test]
fn ranges_keep_their_zeros_and_give_each_id_once() {
    let api = Api::new();
    let done = get(["--ids", "1-3,2,008-010,9,10", &api.url]);
    assert_eq!(done.code(0).ids(), ["008", "009", "010", "1", "10", "2", "3", "9"]);
    assert_eq!(api.ids_so_far().len(), 8);
}

#[test]
fn lines_are_cleaned_and_given_once() {
    let api = Api::new();
    let text = "\u{feff}1\r\n\r\n  2 \n1\n\t\n3";
    let file = TempPath::with("lines", text);
    let ways: [&dyn Fn() -> Done; 3] =
        [&|| get_with_input([&api.url], text), &|| get_with_input(["--input", "-", &api.url], text), &|| {
            get(["--input", file.shown(), &api.url])
        }];
    for way in ways {
        assert_eq!(way().code(0).ids(), ["1", "2", "3"]);
        assert_eq!(api.ids_so_far(), ["1", "2", "3"]);
    }
}

#[test]
fn no_dedup_fetches_as_often_as_asked() {
    let api = Api::new();
    let done = get_with_input(["--no-dedup", &api.url], "1\n1\n2\n");
    assert_eq!(
        (done.code(0).stdout.lines().count(), api.ids_so_far()),
        (3, vec!["1".into(), "1".into(), "2".into()])
    );
    let done = get(["--no-dedup", "--ids", "1-2,1", &api.url]);
    assert_eq!(done.code(0).stdout.lines().count(), 3);
}

#[test]
fn no_ids_send_nothing_and_are_no_failure() {
    let api = Api::new();
    get_with_input([&api.url], "\n\n").code(0);
    get(["--input", TempPath::with("none", "").shown(), &api.url]).code(0);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn an_id_of_any_text_is_one_segment() {
    let api = Api::new();
    let done = get_with_input([&api.url], "a/b ü\n");
    assert_eq!((done.code(0).ids(), api.id()), (vec!["a/b ü".into()], "a%2Fb%20%C3%BC".into()));
}

#[test]
fn an_id_is_fetched_as_soon_as_its_line_has_come() {
    let api = Api::new();
    let mut running = Running::start(get_command([&api.url]).stdin(Stdio::piped()));
    let mut stdin = running.stdin.take().unwrap();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    for id in ["1", "2", "3"] {
        writeln!(stdin, "{id}").unwrap();
        assert_eq!(api.id(), id);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(records(&line).into_keys().next().as_deref(), Some(id));
    }
    drop(stdin);
    running.done().code(0);
}

#[test]
fn a_bad_line_in_a_file_is_refused_before_anything_is_sent() {
    let api = Api::new();
    for (name, text, error) in [
        ("control", &b"1\n2\nb\x01d\n"[..], "line 3: holds a control character (use "),
        ("utf8", b"1\n\xff\n", "line 2: is not valid UTF-8 (use "),
        ("long", &[b'x'; 70_000], "line 1: is longer than 65536 bytes (use "),
    ] {
        let file = TempPath::with(name, text);
        let done = get(["--input", file.shown(), &api.url]);
        let start = format!("--input {}, {error}", file.shown());
        let errors = done.code(2).errors();
        assert!(errors.len() == 1 && errors[0].starts_with(&start), "{errors:?}");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn a_large_file_is_no_different() {
    let api = Api::new();
    // Two lines and a bad one behind 65 MiB of blank lines.
    let blank = [&[b' '; 1023][..], b"\n"].concat();
    let text = [b"1\n2\n".to_vec(), blank.repeat(65 * 1024), b"\xff\n".to_vec()].concat();
    let file = TempPath::with("large", text);
    let done = get(["--input", file.shown(), &api.url]);
    assert!(done.code(2).errors()[0].contains(", line 66563: is not valid UTF-8 (use "), "{}", done.stderr);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn a_bad_line_in_a_stream_is_an_error_when_it_comes() {
    let api = Api::new();
    for (text, error) in [
        (&b"b\x01d\n"[..], "control character"),
        (b"\xff\n", "standard input, line 1: is not valid UTF-8"),
        (&[b'x'; 70_000], "standard input, line 1: is longer than 65536 bytes"),
    ] {
        let done = get_with_input([&api.url], text);
        let errors = done.code(1).errors();
        assert!(errors.len() == 1 && errors[0].contains(error), "{}", done.stderr);
    }
}

#[test]
fn with_keep_going_a_bad_line_is_a_failure_and_the_next_ones_are_fetched() {
    let api = Api::new();
    let text = [b"1\n\xff\n".to_vec(), vec![b'x'; 70_000], b"\nc\x01d\n2\n".to_vec()].concat();
    let file = TempPath::with("keep-going", &text);
    for (done, name) in [
        (get_with_input(["--keep-going", &api.url], &text), "standard input"),
        (get(["--keep-going", "--input", file.shown(), &api.url]), file.shown()),
    ] {
        assert_eq!(done.code(1).ids(), ["1", "2", "c\u{1}d"]);
        let told = [
            format!("{name}, line 2: is not valid UTF-8"),
            format!("{name}, line 3: is longer than 65536 bytes"),
            "3 ids failed, among them id c\\u{1}d: it cannot be fetched: an id may not hold a control \
             character ('\\u{1}')"
                .to_owned(),
        ];
        assert_eq!(done.errors(), told);
    }
    let done = get(["--keep-going", "--input", file.shown(), &api.url]);
    assert!(done.stderr.contains("fetched 2 of 5 ids"), "{}", done.stderr);
}

#[test]
fn a_range_of_any_length_is_walked() {
    let api = Api::answering(|id| if id.len() > 2 { (500, Vec::new()) } else { (200, Vec::new()) });
    let done = get(["--ids", "1-18446744073709551615", "--rate", "none", "--max-in-flight", "1", &api.url]);
    assert_eq!(done.code(1).ids().len(), 99);
    assert!(done.stderr.contains("fetched 99 of 18446744073709551615 ids"), "{}", done.stderr);
}

#[test]
fn a_range_with_more_digits_than_can_be_written_is_refused() {
    let api = Api::new();
    let done = get(["--ids", &format!("{}-2", "0".repeat(70_000) + "1"), &api.url]);
    let said = "'00000000000000000000…' has 70001 digits (use at most 255)";
    assert!(done.code(2).errors()[0].ends_with(said), "{}", done.stderr);
}
