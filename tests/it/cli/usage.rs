//! What people do with a command line that is right, or nearly so. Mistakes have a table of their own.

use super::support::*;

#[test]
fn the_least_time_is_that_of_the_ids_without_duplicates() {
    let api = Api::new();
    get(["--ids", "1-3,1-3,1-3,1-3,1-3,1-3,1-3,1-3", "--deadline", "1s", &api.url]).code(0);
    let input = TempPath::with("least-time", "1\n2\n".repeat(100));
    get(["--input", input.shown(), "--deadline", "1s", &api.url]).code(0);
    get(["--input", input.shown(), "--deadline", "1s", "--no-dedup", &api.url]).code(2);
}

#[test]
fn options_may_stand_behind_the_url_and_none_behind_two_dashes() {
    let api = Api::new();
    assert_eq!(get([&api.url, "--ids", "1", "-q"]).code(0).ids(), ["1"]);
    assert_eq!(get(["--ids=1", "-q", "--", &api.url]).code(0).ids(), ["1"]);
}

#[test]
fn the_same_id_a_thousand_times_is_one_request() {
    let api = Api::new();
    assert_eq!(get_with_input(["--rate", "none", &api.url], "7\n".repeat(1_000)).code(0).ids(), ["7"]);
    assert_eq!(get(["--ids", &["7"; 1_000].join(","), &api.url]).code(0).ids(), ["7"]);
    assert_eq!(api.ids_so_far(), ["7", "7"]);
}

#[test]
fn an_id_may_be_a_picture_but_not_a_book() {
    let api = Api::new();
    assert_eq!(get_with_input([&api.url], "\u{1f980}\n").code(0).ids(), ["\u{1f980}"]);
    assert_eq!(api.id(), "%F0%9F%A6%80");
    let done = get_with_input([&api.url], "x".repeat(10_000) + "\n");
    let errors = done.code(1).errors();
    assert!(errors.len() == 1 && errors[0].contains("8128 is the most"), "{errors:?}");
    assert!(errors[0].len() < 300, "nobody wants to read it all: {errors:?}");
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}
