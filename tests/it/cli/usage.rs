//! What cannot be carried out is refused with code 2, before anything is sent, by an error that helps.

use super::support::*;

#[test]
fn mistakes_are_named_and_nothing_is_sent() {
    let api = Api::new();
    let url = api.url.as_str();
    let cases: &[(&[&str], &str)] = &[
        (&["--ids", "1", "--rate", "10/x", url], "--rate 10/x: unknown unit 'x' (use s, m, h or d)"),
        (&["--ids", "1", "--rate", "0", url], "--rate 0: "),
        (&["--ids", "1", "--rate", "-1", url], "--rate -1: not a number of requests"),
        (&["--ids", "1", "--rate", "10/", url], "--rate 10/: no unit behind the /"),
        (
            &["--ids", "1", "--rate", "none", "--burst", "5", url],
            "--burst 5: there is no burst without a rate",
        ),
        (
            &["--ids", "1", "--burst", "5", "--rate", "1/s", "--rate", "9/m", url],
            "--burst 5: before the first of several --rate (put it behind the one it is for)",
        ),
        (
            &["--ids", "1", "--burst", "5", "--burst", "6", url],
            "--burst 6: --rate 10/s has a burst already (one behind each --rate)",
        ),
        (
            &["--ids", "1", "--at-most", "5000", url],
            "--at-most 5000: no window behind it (use N/DUR, as in 5000/h or 100/10s)",
        ),
        (&["--ids", "1", "--at-most", "0/h", url], "--at-most 0/h: at most 0 never sends anything"),
        (&["--ids", "1", "--at-most", "-1/h", url], "--at-most -1/h: not a number of requests"),
        (&["--ids", "1", "--at-most", "9/x", url], "--at-most 9/x: unknown unit 'x' (use ms, s, m, h or d)"),
        (&["--ids", "1", "--max-wait", "120", url], "--max-wait 120: '120' has no unit"),
        (&["--ids", "1", "--max-wait", "0s", url], "--max-wait 0s: no time at all"),
        (&["--ids", "-5", url], "--ids -5: '-5' is no number and no range"),
        (&["--ids", "1", "--max-redirects", "-1", url], "--max-redirects -1: use a whole number from 0 to "),
        (&["--ids", "1", "--timeout", "0", url], "--timeout 0: no time at all (use more than 0, with a unit"),
        (&["--ids", "1", "--resolve", "*:80:127.0.0.1", url], "--resolve *:80:127.0.0.1: '*' for every host"),
        (&["--ids", "1", "--cacert", "/dev/null", url], "--cacert /dev/null: it holds no certificate"),
        (
            &["--ids", "1", "http://h/{id}/{ID}"],
            "URL \"http://h/{id}/{ID}\": only {id} is filled in; a brace that is meant",
        ),
        (&["--ids", "1", "--burst", "0", url], "--burst 0: use a whole number from 1 to "),
        (
            &["--ids", "1", "--max-in-flight", "0", url],
            "--max-in-flight 0: use a whole number from 1 to 1024",
        ),
        (&["--ids", "1", "--max-in-flight", "1025", url], "--max-in-flight 1025: "),
        (&["--ids", "1", "--timeout", "10", url], "--timeout 10: '10' has no unit"),
        (&["--ids", "1", "--timeout", "0s", url], "--timeout 0s: "),
        (&["--ids", "1", "--connect-timeout", "x", url], "--connect-timeout x: "),
        (&["--ids", "1", "--stall-timeout", "", url], "--stall-timeout '': no span of time"),
        (&["--ids", "1", "--deadline", "soon", url], "--deadline soon: "),
        (
            &["--ids", "1-100", "--deadline", "1s", url],
            "--deadline 1s: 100 ids at this quota (10/s, burst 20) take at least 8s",
        ),
        (
            &["--ids", "1-100", "--rate", "1/d", "--deadline", "90m", url],
            "--deadline 1h 30m: 100 ids at this quota (1/d, burst 1) take at least 99d (nothing was sent)",
        ),
        (
            &["--ids", "1-18446744073709551615", "--deadline", "1s", url],
            "--deadline 1s: 18446744073709551615 ids at this quota (10/s, burst 20) take more than 584 years",
        ),
        (&["--ids", "1", "--max-body", "10KB", url], "--max-body 10KB: unknown unit 'KB'"),
        (&["--ids", "1", "--max-redirects", "many", url], "--max-redirects many: "),
        (&["--ids", "1", "--ok", "2xx", url], "--ok 2xx: '2xx' is no status"),
        (&["--ids", "1", "--header", "Accept", url], "--header: no colon"),
        (&["--ids", "1", "--retries", "101", url], "--retries 101: use a whole number from 0 to 100"),
        (&["--ids", "1", "--retries", "-1", url], "--retries -1: use a whole number from 0 to 100"),
        (
            &["--ids", "1", "--retries", "1", "--retry-budget", "10", url],
            "--retry-budget 10: no % behind it (use for instance 10%)",
        ),
        (
            &["--ids", "1", "--retries", "1", "--retry-budget", "2.5%", url],
            "--retry-budget 2.5%: not a whole number of percent (use for instance 10%)",
        ),
        (&["--ids", "1", "--retry-500", url], "--retry-500: there are no retries without --retries"),
        (&["--ids", "1", "--retry-unsafe", url], "--retry-unsafe: there are no retries without --retries"),
        (&["--ids", "1", "--retry-budget", "5%", url], "--retry-budget: there are no retries"),
        (&["--ids", "1", "-X", "post", url], "--method post: methods are written in capitals (use POST)"),
        (
            &["--ids", "1", "-X", "", url],
            "--method '': not a method (use for instance GET, POST, PUT or DELETE)",
        ),
        (
            &["--ids", "1", "--method", "CONNECT", url],
            "--method CONNECT: CONNECT is not a request for a payload",
        ),
        (
            &["--ids", "1", "--data", "x", url],
            "--data: a body, but no method (say which: -X POST, for instance)",
        ),
        (
            &["--ids", "1", "-X", "POST", "--data", "@-", url],
            "--data @-: standard input is for the ids (use @FILE)",
        ),
        (&["--ids", "1", "-X", "POST", "--data", "@", url], "--data @: no file behind the @ (use @FILE)"),
        (
            &["--ids", "1", "-X", "POST", "--data", "@/nonexistent", url],
            "--data @/nonexistent: cannot read it: No such file",
        ),
        (&["--ids", "1", "-X", "POST", "--data", "@/", url], "--data @/: cannot read it: "),
        (&["--ids", "1", "--resolve", "a:b", url], "--resolve a:b: not of three parts"),
        (&["--ids", "1", "--cacert", "/nonexistent", url], "--cacert /nonexistent: cannot read it"),
        (&["--ids", "5-1", url], "--ids 5-1: '5-1' goes down (use 1-5)"),
        (&["--ids", "1\u{7}", url], "--ids 1\\u{7}: "),
        (&["--input", "/nonexistent", url], "--input /nonexistent: cannot read it"),
        (&["--input", "/", url], "--input /: is a directory"),
        (
            &["--ids", "1", "--output", "/nonexistent/file", url],
            "--output /nonexistent/file: there is no folder /nonexistent (make it first)",
        ),
        (&["--ids", "1", "http://127.0.0.1/none"], "URL \"http://127.0.0.1/none\": it must hold {id}"),
        (&["--ids", "1", "ftp://127.0.0.1/{id}"], "URL \"ftp://127.0.0.1/{id}\": the scheme ftp"),
        (&["--ids", "1", "--input", "x", url], "--ids: not together with --input (leave one out)"),
        (&["--ids", "1", "--overwrite", url], "--overwrite: wants --output FILE or --output-dir DIR"),
        (&["--ids", "1", "--nonsense", url], "--nonsense: unknown option"),
        (&["--ids", "1"], "no URL (use for instance "),
        (&["-q", "-v", "--ids", "1", url], "--quiet: not together with --verbose"),
    ];
    for (args, start) in cases {
        let done = get(*args);
        assert_eq!(done.status.code(), Some(2), "{args:?}: {done:#?}");
        assert!(
            done.errors().first().is_some_and(|error| error.starts_with(start)),
            "{args:?}: {}",
            done.stderr
        );
        assert_eq!(done.stdout, "");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn the_least_time_is_that_of_the_ids_without_duplicates() {
    let api = Api::new();
    get(["--ids", "1-3,1-3,1-3,1-3,1-3,1-3,1-3,1-3", "--deadline", "1s", &api.url]).code(0);
    let input = TempPath::with("least-time", "1\n2\n".repeat(100));
    get(["--input", input.shown(), "--deadline", "1s", &api.url]).code(0);
    get(["--input", input.shown(), "--deadline", "1s", "--no-dedup", &api.url]).code(2);
}
