//! Tries beyond the first: which, how many, and what is told of them.

use std::collections::HashMap;
use std::sync::Mutex;

use super::serve::serve;
use super::support::*;

/// Answers the first tries of each id with these statuses, in turn, and then with 200.
fn failing(statuses: &'static [u16]) -> Api {
    let tries: Mutex<HashMap<String, usize>> = Mutex::default();
    Api::answering(move |id| {
        let mut tries = tries.lock().unwrap();
        let tries = tries.entry(id.to_owned()).or_default();
        *tries += 1;
        (statuses.get(*tries - 1).copied().unwrap_or(200), Vec::new())
    })
}

/// The failure's text of `GET url`, with the tail behind it.
fn told(api: &Api, text: &str) -> String {
    text.replace("URL", &api.url.replace("{id}", "7"))
}

#[test]
fn nothing_is_tried_again_unless_it_is_asked_for() {
    let api = failing(&[503]);
    let done = get(["--ids", "7", &api.url]);
    let expected = told(
        &api,
        "id 7: the server answered 503 Service Unavailable (GET URL; --retries would try it again)",
    );
    assert_eq!((done.code(1).errors(), api.ids_so_far().len()), (vec![expected.as_str()], 1));
    assert!(!done.stderr.contains(" retr"), "{}", done.stderr);
}

#[test]
fn a_record_says_which_try_it_was_and_the_summary_how_many_there_were() {
    let api = failing(&[503, 502]);
    let done = get(["--ids", "7", "--retries", "2", &api.url]);
    assert_eq!(done.code(0).records()["7"]["attempt"], 3);
    assert!(done.stderr.contains(", 0 failed, 2 retries\n"), "{}", done.stderr);
    let api = failing(&[503]);
    let done = get(["--ids", "7-8", "--retries", "1", "--rate", "none", &api.url]);
    assert_eq!(done.code(0).ids(), ["7", "8"]);
    assert!(done.stderr.contains(", 0 failed, 2 retries\n"), "{}", done.stderr);
    let done = get(["--ids", "9", "--retries", "1", &api.url]);
    assert!(done.code(0).stderr.contains(", 0 failed, 1 retry\n"), "{}", done.stderr);
}

#[test]
fn a_failure_that_stays_says_how_many_tries_there_were() {
    let api = failing(&[503; 9]);
    let expected = told(&api, "the server answered 503 Service Unavailable, after 2 tries (GET URL)");
    let done = get(["--ids", "7", "--retries", "1", &api.url]);
    assert_eq!(done.code(1).errors(), [format!("id 7: {expected}")]);
    assert!(done.stderr.contains("fetched 0 of 1 id in ") && done.stderr.contains(", 1 failed, 1 retry\n"));
    let api = failing(&[503; 9]);
    let done = get(["--ids", "7", "--retries", "1", "--keep-going", &api.url]);
    let record = &done.code(1).records()["7"];
    let expected = told(&api, "the server answered 503 Service Unavailable, after 2 tries (GET URL)");
    assert_eq!((record["attempt"].as_u64(), record["error"].as_str()), (Some(2), Some(expected.as_str())));
}

#[test]
fn the_causes_come_before_the_tries() {
    let free = crate::support::refusing();
    let done = get(["--ids", "7", "--retries", "1", &format!("http://{free}/{{id}}")]);
    let error = done.code(1).errors()[0];
    assert!(
        error.contains("refused") && error.contains("), after 2 tries (is the server running, "),
        "{error}"
    );
}

#[test]
fn a_500_is_tried_again_only_if_that_is_asked_for() {
    let api = failing(&[500]);
    let done = get(["--ids", "7", "--retries", "3", &api.url]);
    let expected = told(
        &api,
        "id 7: the server answered 500 Internal Server Error (GET URL; --retry-500 would try it again)",
    );
    assert_eq!((done.code(1).errors(), api.ids_so_far().len()), (vec![expected.as_str()], 1));
    let api = failing(&[500]);
    get(["--ids", "7", "--retries", "3", "--retry-500", &api.url]).code(0);
    assert_eq!(api.ids_so_far().len(), 2);
}

#[test]
fn what_must_not_be_done_twice_is_tried_again_only_with_a_key_or_if_that_is_asked_for() {
    let api = failing(&[503]);
    let done = get(["--ids", "7", "--retries", "3", "-X", "POST", &api.url]);
    let expected = told(
        &api,
        "id 7: the server answered 503 Service Unavailable, and is not tried again, since the server may \
         have acted on it (POST URL; an Idempotency-Key header or --retry-unsafe would allow it)",
    );
    assert_eq!((done.code(1).errors(), api.ids_so_far().len()), (vec![expected.as_str()], 1));
    for more in [&["--retry-unsafe"][..], &["-H", "Idempotency-Key: job-{id}"]] {
        let api = failing(&[503]);
        get(["--ids", "7", "--retries", "3", "-X", "POST", "-d", "x", &api.url].iter().chain(more)).code(0);
        let [first, second] = [api.request(), api.request()];
        assert_eq!(first, second);
    }
}

#[test]
fn a_spent_budget_ends_the_run_and_says_so() {
    // 100 retries, and not one for each of the 101 ids.
    let api = failing(&[503]);
    let args = ["--ids", "1-101", "--retries", "1", "--retry-budget", "0%", "--rate", "none", &api.url];
    let done = get(args);
    let error = done.code(1).errors()[0];
    assert!(error.contains("503 Service Unavailable, and the run's retry budget is spent (GET "), "{error}");
    assert!(error.ends_with("; --retry-budget sets it)"), "{error}");

    let api = failing(&[503]);
    let done = get(args.iter().filter(|arg| **arg != args[8]).chain(&["--keep-going", api.url.as_str()]));
    let errors = done.code(1).errors();
    assert!(errors.len() == 1 && errors[0].starts_with("1 id failed: id "), "{errors:?}");
    assert_eq!(done.records().len(), 101);
    assert!(done.stderr.contains("fetched 100 of 101 ids in "), "{}", done.stderr);
    assert!(done.stderr.contains(", 1 failed, 100 retries\n"), "{}", done.stderr);

    let api = failing(&[503]);
    let args = ["--ids", "1-101", "--retries", "1", "--retry-budget", "1%", "--rate", "none", &api.url];
    get(args).code(0);
}

/// As many ids as may be in flight or next in line wait for their next try; one more is fetched meanwhile.
#[test]
fn ids_that_wait_to_be_tried_again_hold_no_other_up() {
    let seen = Mutex::new(false);
    let api = Api::answering(move |id| {
        let mut seen = seen.lock().unwrap();
        *seen |= id == "3";
        (if *seen { 200 } else { 503 }, Vec::new())
    });
    let done = get(["--ids", "1-3", "--max-in-flight", "1", "--retries", "9", "--rate", "none", &api.url]);
    assert_eq!(done.code(0).ids(), ["1", "2", "3"]);
}

#[test]
fn the_faults_of_the_built_in_server_are_got_over() {
    // For this seed the first tries of 37 and 44 are faults, whatever comes of the others.
    let (_running, url) = serve(&["--rate", "none", "--fault-percent", "5", "--fault-seed", "0"]);
    let done = get(["--ids", "1-60", "--rate", "none", "--retries", "9", &url]);
    let records = done.code(0).records();
    assert_eq!(records.len(), 60);
    for id in ["37", "44"] {
        assert!(records[id]["attempt"].as_u64() > Some(1), "{}", records[id]);
    }
    assert!(done.stderr.contains(" retries\n"), "{}", done.stderr);
}
