//! What comes before what, rule by rule.

use super::{Advice, Duration, Instant, WRONG, parsed, read, told};

const CLOCK: u64 = 1_711_483_190;

#[track_caller]
fn is(status: u16, headers: &str, expected: &str) {
    assert_eq!(told(status, CLOCK, headers, ""), expected, "{status}\n{headers}");
}

#[test]
fn of_several_waits_that_are_asked_for_the_longest_counts() {
    is(429, "retry-after: 2\nretry-after-ms: 2500", "unknown | 2.5s retry-after-ms |  | ");
    is(429, "retry-after: 3\nretry-after-ms: 2500", "unknown | 3s retry-after |  | ");
    is(429, "retry-after: 0\nx-ms-retry-after-ms: 500", "unknown | 500ms x-ms-retry-after-ms |  | ");
    is(429, "retry-after: 2\nx-retry-in: 2s", "unknown | 2s retry-after |  | ");
    is(429, "retry-after: 1\nretry-after: Tue, 26 Mar 2024 20:00:00 GMT", "unknown | 10s retry-after |  | ");
}

#[test]
fn a_wait_that_is_asked_for_comes_before_the_windows() {
    let windows = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 60\nratelimit: \"a\";r=0;t=90";
    is(429, windows, "rate | 90s ratelimit | 0 in 90s, 0 in 60s | 90s ratelimit");
    let asked = format!("retry-after: 5\n{windows}");
    is(429, &asked, "rate | 5s retry-after | 0 in 90s, 0 in 60s | ");
    // Also when it says that none is needed.
    let asked = format!("retry-after: 0\n{windows}");
    is(429, &asked, "rate |  | 0 in 90s, 0 in 60s | ");
    // But not when it says nothing that can be read.
    let asked = format!("retry-after: later\n{windows}");
    is(429, &asked, "rate | 90s ratelimit | 0 in 90s, 0 in 60s | 90s ratelimit");
}

#[test]
fn a_wait_counts_on_refusals_and_redirects_only() {
    for status in [301, 302, 303, 307, 308, 408, 413, 425, 500, 502, 504] {
        is(status, "retry-after: 5", " | 5s retry-after |  | ");
    }
    for status in [403, 429, 503, 529] {
        is(status, "retry-after: 5", "unknown | 5s retry-after |  | ");
    }
    for status in [200, 201, 202, 206, 300, 304, 400, 401, 404, 409, 423] {
        is(status, "retry-after: 5", " |  |  | ");
    }
    // There the windows count.
    is(202, "retry-after: 5\nratelimit: \"a\";r=0;t=9", " |  | 0 in 9s | 9s ratelimit");
}

#[test]
fn of_several_windows_that_are_spent_the_latest_end_counts() {
    let headers = "x-ratelimit-remaining-requests: 0
        x-ratelimit-reset-requests: 1s
        x-ratelimit-remaining-tokens: 0
        x-ratelimit-reset-tokens: 6m0s
        x-ratelimit-remaining-images: 100
        x-ratelimit-reset-images: 1h";
    is(
        429,
        headers,
        "rate | 360s x-ratelimit-reset-tokens | 0 in 1s, 0 in 360s, 100 in 3600s | \
         360s x-ratelimit-reset-tokens",
    );
}

#[test]
fn a_window_that_is_not_spent_does_not_explain_a_refusal() {
    // 429 with much left, and the end of an hour far away: to wait for it would be far too long.
    is(429, "x-ratelimit-remaining: 800\nx-ratelimit-reset: 3000", "unknown |  | 800 in 3000s | ");
    // Few left: they may be gone by now.
    is(
        429,
        "x-ratelimit-remaining: 3\nx-ratelimit-reset: 30",
        "unknown |  | 3 in 30s | 30s x-ratelimit-reset",
    );
}

#[test]
fn a_window_that_is_spent_comes_before_an_end_without_a_count() {
    let alone = "x-rate-limit-reset-tokens: 55\nx-rate-limit-reset-bytes: 99";
    is(429, alone, "unknown | 99s x-rate-limit-reset-bytes |  | ");
    let spent = format!("{alone}\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 7");
    is(429, &spent, "rate | 7s x-ratelimit-reset | 0 in 7s | 7s x-ratelimit-reset");
    // Only a 429 is explained by it.
    is(503, alone, " |  |  | ");
    is(403, alone, " |  |  | ");
    is(200, alone, " |  |  | ");
}

#[test]
fn an_end_whose_count_can_be_read_does_not_stand_alone() {
    is(429, "x-ratelimit-remaining: 70\nx-ratelimit-reset-after: 9", "unknown |  | 70 in 9s | ");
    is(
        429,
        "ratelimit-remaining: 70\nratelimit-resettime: Tue, 26 Mar 2024 20:00:00 GMT",
        "unknown |  | 70 in 10s | ",
    );
    is(429, "x-ratelimit-remaining: -1\nx-ratelimit-reset: 9", "unknown | 9s x-ratelimit-reset |  | ");
}

#[test]
fn githubs_minute_comes_after_what_is_asked_for_and_what_is_spent() {
    const GITHUB: &str = "x-github-request-id: 1";
    is(429, GITHUB, "unknown | 60s github |  | ");
    is(403, &format!("{GITHUB}\ngh-limited-by: x"), "unknown | 60s github |  | ");
    is(429, &format!("{GITHUB}\nretry-after: 3"), "unknown | 3s retry-after |  | ");
    is(429, &format!("{GITHUB}\nx-ratelimit-reset: 3"), "unknown | 60s github |  | ");
    is(
        403,
        &format!("{GITHUB}\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 3"),
        "rate | 3s x-ratelimit-reset | 0 in 3s | 3s x-ratelimit-reset",
    );
    // Octokit knows answers whose Retry-After is blank.
    is(403, &format!("{GITHUB}\ngh-limited-by: x\nretry-after:"), "unknown | 60s github |  | ");
    is(200, GITHUB, " |  |  | ");
    is(503, GITHUB, " |  |  | ");
}

#[test]
fn the_servers_date_comes_before_the_local_clock() {
    let retry = "retry-after: Tue, 26 Mar 2024 20:00:00 GMT";
    let reset = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1711483200";
    for clock in [0, WRONG, CLOCK, 4_000_000_000] {
        let date = "date: Tuesday, 26-Mar-24 19:59:45 GMT";
        // A year of two digits needs a clock that is not wrong by half a century.
        if clock == WRONG || clock == CLOCK {
            let expected = "unknown | 15s retry-after |  | ";
            assert_eq!(told(429, clock, &format!("{date}\n{retry}"), ""), expected, "{clock}");
        }
        let date = "date: Tue, 26 Mar 2024 19:59:45 GMT";
        let expected = "unknown | 15s retry-after |  | ";
        assert_eq!(told(429, clock, &format!("{date}\n{retry}"), ""), expected, "{clock}");
        let expected = "rate | 15s x-ratelimit-reset | 0 in 15s | 15s x-ratelimit-reset";
        assert_eq!(told(429, clock, &format!("{date}\n{reset}"), ""), expected, "{clock}");
    }
    is(429, retry, "unknown | 10s retry-after |  | ");
    // The earliest of two, and none that cannot be read.
    let two = "date: Tue, 26 Mar 2024 19:59:45 GMT\ndate: Tue, 26 Mar 2024 19:59:15 GMT\ndate: now";
    is(429, &format!("{two}\n{retry}"), "unknown | 45s retry-after |  | ");
}

#[test]
fn seconds_and_epochs_are_told_apart_by_size() {
    let year = 366 * 86_400;
    for (reset, wait) in [
        (format!("{}", year - 1), Some(f64::from(year - 1))),
        (format!("{year}"), None), // In 1971.
        ("1711483200".to_owned(), Some(10.0)),
        ("1711483200.25".to_owned(), Some(10.25)),
        ("1711483200250".to_owned(), Some(10.25)),
        ("1711483200250000".to_owned(), Some(10.25)),
        ("1711483200250000000".to_owned(), Some(10.25)),
        ("99999999999".to_owned(), Some(18_446_744_073.709_553)), // All of 2⁶⁴ nanoseconds.
        ("100000000000".to_owned(), None),                        // In 1973, in milliseconds.
    ] {
        let came_at = Instant::now();
        let headers = parsed(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {reset}"));
        let pause = read(429, CLOCK, &headers, b"", came_at).pause;
        assert_eq!(pause.map(|pause| (pause.until - came_at).as_secs_f64()), wait, "{reset}");
    }
    // What is a wait by its name is never an epoch.
    let came_at = Instant::now();
    let advice = read(429, CLOCK, &parsed("retry-after: 1711483200"), b"", came_at);
    assert_eq!(advice.pause.unwrap().until - came_at, Duration::from_secs(1_711_483_200));
}

#[test]
fn of_several_ends_of_one_window_the_latest_counts() {
    is(
        200,
        "ratelimit-remaining: 1\nratelimit-reset: 5\nratelimit-resettime: Tue, 26 Mar 2024 20:00:00 GMT",
        " |  | 1 in 10s | 10s ratelimit-resettime",
    );
    is(
        200,
        "x-ratelimit-remaining: 1\nx-ratelimit-reset: 1711483191\nx-ratelimit-reset-after: 1.5",
        " |  | 1 in 1.5s | 1.5s x-ratelimit-reset-after",
    );
}

#[test]
fn repeated_counts_and_ends_belong_together_in_their_order() {
    let gateway = "x-ratelimit-remaining: 1\nx-ratelimit-reset: 1";
    let service = "x-ratelimit-remaining: 4000\nx-ratelimit-reset: 3000";
    is(200, &format!("{gateway}\n{service}"), " |  | 1 in 1s, 4000 in 3000s | 1s x-ratelimit-reset");
    is(
        200,
        "x-ratelimit-remaining: 1, 4000\nx-ratelimit-reset: 1, 3000",
        " |  | 1 in 1s, 4000 in 3000s | 1s x-ratelimit-reset",
    );
    // If there are not as many, nobody knows which: the latest.
    is(
        200,
        "x-ratelimit-remaining: 1\nx-ratelimit-reset: 1, 3000",
        " |  | 1 in 3000s | 3000s x-ratelimit-reset",
    );
}

#[test]
fn an_end_that_is_told_comes_before_one_that_is_guessed() {
    // Kong: the count of the minute, and the end under another name.
    let minute = "x-ratelimit-limit-minute: 60\nx-ratelimit-remaining-minute: 0";
    is(
        429,
        minute,
        "rate | 60s x-ratelimit-remaining-minute | 0/60 in 60s | 60s x-ratelimit-remaining-minute",
    );
    is(
        429,
        &format!("{minute}\nratelimit-limit: 60\nratelimit-remaining: 0\nratelimit-reset: 47"),
        "rate | 47s ratelimit-reset | 0/60 in 47s | 47s ratelimit-reset",
    );
}

#[test]
fn a_window_of_known_length_ends_after_it_at_the_latest() {
    for (headers, expected) in [
        ("x-ratelimit-remaining: 1;w=60", " |  | 1 in 60s | 60s x-ratelimit-remaining"),
        ("x-ratelimit-remaining: 1;w=61", " |  |  | "),
        (
            "x-ratelimit-remaining: 1\nx-ratelimit-limit: 9, 9;window=2",
            " |  | 1/9 in 2s | 2s x-ratelimit-remaining",
        ),
        (
            "x-ratelimit-remaining: 1\nx-ratelimit-limit: 9;w=1, 99;w=60",
            " |  | 1/9 in 60s | 60s x-ratelimit-remaining",
        ),
        (
            "x-hubspot-ratelimit-remaining: 1\nx-hubspot-ratelimit-interval-milliseconds: 10000",
            " |  | 1 in 10s | 10s x-hubspot-ratelimit-remaining",
        ),
        (
            "x-rate-limit-api-key-remaining: 1\nx-rate-limit-api-key-interval-ms: 10000",
            " |  | 1 in 10s | 10s x-rate-limit-api-key-remaining",
        ),
        ("x-ratelimit-remaining-second: 1", " |  | 1 in 1s | 1s x-ratelimit-remaining-second"),
        ("x-ratelimit-remaining-hour: 1", " |  |  | "),
        ("x-ratelimit-remaining-secondary: 1", " |  |  | "),
        ("ratelimit: \"a\";r=1\nratelimit-policy: \"a\";q=9;w=60", " |  | 1/9 in 60s | 60s ratelimit"),
        ("ratelimit: \"a\";r=1\nratelimit-policy: \"a\";q=9;w=61", " |  |  | "),
        ("ratelimit: \"a\";r=1\nratelimit-policy: \"b\";q=9;w=60", " |  |  | "),
    ] {
        is(200, headers, expected);
    }
}

#[test]
fn what_comes_out_of_a_cache_counts_nothing() {
    let windows = "ratelimit: \"a\";r=0;t=5\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 9";
    is(200, &format!("age: 0\n{windows}"), " |  | 0 in 5s, 0 in 9s | 9s x-ratelimit-reset");
    is(200, &format!("age: 17\n{windows}"), " |  |  | ");
    // A wait that is asked for counts all the same.
    is(503, &format!("age: 17\nretry-after: 5\n{windows}"), "unknown | 5s retry-after |  | ");
}

#[test]
fn a_403_and_a_503_are_throttling_only_if_something_shows_it() {
    for status in [403, 503, 529] {
        is(status, "server: nginx", " |  |  | ");
        is(status, "retry-after: 5", "unknown | 5s retry-after |  | ");
        let spent = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 5";
        is(status, spent, "rate | 5s x-ratelimit-reset | 0 in 5s | 5s x-ratelimit-reset");
        is(status, "x-ratelimit-remaining: 50\nx-ratelimit-reset: 5", " |  | 50 in 5s | ");
    }
    is(404, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 5", " |  | 0 in 5s | 5s x-ratelimit-reset");
}

#[test]
fn a_limit_on_concurrent_requests_has_no_window() {
    let policy = "ratelimit-policy: \"slots\";q=8;qu=\"concurrent-requests\";w=60";
    is(429, &format!("{policy}\nratelimit: \"slots\";r=0;t=9"), "concurrency |  |  | ");
    is(429, &format!("{policy}\nratelimit: \"slots\";r=3;t=9"), "unknown |  |  | ");
    is(200, &format!("{policy}\nratelimit: \"slots\";r=0;t=9"), " |  |  | ");
    is(200, "x-rate-limit-concurrent-remaining: 0\nx-rate-limit-concurrent-reset: 9", " |  |  | ");
}

#[test]
fn what_a_server_calls_its_limit_comes_before_what_it_counts() {
    let spent = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 5";
    is(
        429,
        &format!("stripe-rate-limited-reason: global-concurrency\n{spent}"),
        "concurrency | 5s x-ratelimit-reset | 0 in 5s | 5s x-ratelimit-reset",
    );
}

#[test]
fn the_pause_before_a_refusal_depends_on_what_is_in_flight_or_reserved() {
    let came_at = Instant::now();
    let headers = parsed("ratelimit: \"second\";r=3;t=1, \"hour\";r=20;t=1800, \"day\";r=900;t=40000");
    let advice = read(200, CLOCK, &headers, b"", came_at);
    let pause = |advice: &Advice, at_most| {
        advice.pause_before_refusal(at_most).map(|pause| (pause.until - came_at).as_secs())
    };
    for (at_most, expected) in [
        (0, None),
        (2, None),
        (3, Some(1)),
        (19, Some(1)),
        (20, Some(1_800)),
        (899, Some(1_800)),
        (900, Some(40_000)),
        (u64::MAX, Some(40_000)),
    ] {
        assert_eq!(pause(&advice, at_most), expected, "{at_most}");
    }
    let nothing = read(200, CLOCK, &parsed(""), b"", came_at);
    assert_eq!(pause(&nothing, u64::MAX), None);
}
