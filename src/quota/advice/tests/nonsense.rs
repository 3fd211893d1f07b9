//! What no server should send, and some do: it is as if it were not there, or it is read towards the longer pause.

use super::*;

/// A date in the clock of these tests is 2024-03-26T19:59:50Z.
const CLOCK: u64 = 1_711_483_190;

#[track_caller]
fn is(headers: &str, expected: &str) {
    assert_eq!(told(429, CLOCK, headers, ""), expected, "{headers}");
}

#[test]
fn a_wait_that_cannot_be_read_is_none() {
    for value in [
        "",
        "-1",
        "-3.5",
        "+5",
        "NaN",
        "inf",
        "1e3",
        "0x10",
        "soon",
        "in 5 seconds",
        "5 s",
        ".",
        "Sun, 31 Feb 2030 00:00:00 GMT",
        "Fri, 31 Dec 2999",
        "2030-01-01",
        "٥",
        "ünf",
        "\"5\"",
    ] {
        is(&format!("retry-after: {value}"), "unknown |  |  | ");
        is(&format!("retry-after-ms: {value}"), "unknown |  |  | ");
        is(&format!("x-ratelimit-reset: {value}"), "unknown |  |  | ");
        is(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {value}"), "unknown |  |  | ");
    }
}

#[test]
fn a_count_that_cannot_be_read_is_none() {
    for value in ["", "-1", "NaN", "many", "-0", "1e9", "0x0", "\"0\"", ";w=60"] {
        let headers = format!("x-ratelimit-remaining: {value}\nx-ratelimit-limit: {value}");
        assert_eq!(
            told(200, CLOCK, &format!("{headers}\nx-ratelimit-reset: 5"), ""),
            " |  |  | ",
            "{headers}"
        );
        let ietf = format!("ratelimit: \"a\";r={value};t=5");
        assert_eq!(told(200, CLOCK, &ietf, ""), " |  |  | ", "{ietf}");
    }
}

#[test]
fn what_is_past_is_no_pause() {
    for reset in [
        "0",
        "1711483190",
        "1711483189000",
        "1000000000",
        "31622400",
        "Tue, 26 Mar 2024 19:59:50 GMT",
        "Wednesday, 31-Dec-75 23:59:59 GMT",
        "Thu Jan  1 00:00:00 1970",
        "0001-01-01T00:00:00Z",
        "0s",
    ] {
        is(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {reset}"), "unknown |  |  | ");
    }
    is("retry-after: Tue, 26 Mar 2024 19:59:49 GMT", "unknown |  |  | ");
}

#[test]
fn what_lies_far_ahead_is_a_long_pause_and_never_a_panic() {
    let nines = "9".repeat(8_000);
    for value in [
        nines.as_str(),
        "18446744073709551615",
        "18446744073709551616",
        "31536000000",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "9999-12-31T23:59:59Z",
        "99999999999999999999h",
        &format!("0.{nines}d{nines}d"),
    ] {
        for name in ["retry-after", "x-ratelimit-reset", "retry-after-ms"] {
            let came_at = Instant::now();
            let headers = parsed(&format!("{name}: {value}\nx-ratelimit-remaining: 0"));
            let advice = read(429, CLOCK, &headers, b"", came_at);
            let too_long = Duration::from_secs(120);
            let read_as = advice.pause.map(|pause| pause.until - came_at > too_long);
            // Not every form is one of each name.
            assert_ne!(read_as, Some(false), "{name}: {}", &value[..value.len().min(40)]);
        }
    }
    let came_at = Instant::now();
    let advice = read(429, CLOCK, &parsed(&format!("retry-after: {nines}")), b"", came_at);
    assert!(advice.pause.unwrap().until - came_at > Duration::from_secs(100 * 365 * 86_400));
}

#[test]
fn what_is_not_ascii_is_not_read() {
    let mut headers = HeaderMap::new();
    headers.append("retry-after", HeaderValue::from_bytes(b"12\xff").unwrap());
    headers.append("x-ratelimit-remaining", HeaderValue::from_bytes(b"\xc3\xa40").unwrap());
    headers.append("ratelimit", HeaderValue::from_bytes(b"\"\xf0\x9f\x98\x80\";r=0;t=5").unwrap());
    headers.append("date", HeaderValue::from_bytes(b"\x80").unwrap());
    let advice = read(429, CLOCK, &headers, b"", Instant::now());
    assert_eq!((advice.pause, advice.windows), (None, Vec::new()));
}

#[test]
fn a_malformed_item_takes_nothing_else_with_it() {
    let cases = [
        (r#"ratelimit: "a";r=0;t=5, "b"#, " |  | 0 in 5s | 5s ratelimit"),
        (r#"ratelimit: ,;,"#, " |  |  | "),
        (r#"ratelimit: "over";r=0;t=0"#, " |  |  | "),
        (r#"ratelimit: "a";r;t=5"#, " |  |  | "),
        (r#"ratelimit: "a";r=1;t=-5"#, " |  |  | "),
        (r#"ratelimit: "a";r=1;t"#, " |  |  | "),
        (r#"ratelimit: "a,b;c\"d";r=1;t=5"#, " |  | 1 in 5s | 5s ratelimit"),
        (r#"ratelimit: "a;r=1;t=5"#, " |  |  | "),
        (r#"ratelimit: a;r=0, t=10"#, " |  |  | "),
        (r#"ratelimit: limit=5, reset=7"#, " |  |  | "),
        (r#"ratelimit: remaining=5, reset=x"#, " |  |  | "),
        (
            r#"ratelimit: limit=9, remaining=1, reset=7, limit=5, remaining=2, reset=3"#,
            " |  | 1/9 in 7s, 2/5 in 3s | 7s ratelimit",
        ),
        // Of two parameters with one key the last counts.
        (r#"ratelimit: "a";r=9;r=1;t=5"#, " |  | 1 in 5s | 5s ratelimit"),
        (
            r#"ratelimit: "a";r=1;t=5
            ratelimit: "b";r=2;t=6"#,
            " |  | 1 in 5s, 2 in 6s | 6s ratelimit",
        ),
    ];
    for (headers, expected) in cases {
        assert_eq!(told(200, CLOCK, headers, ""), expected, "{headers}");
    }
}

#[test]
fn lists_where_one_value_belongs_are_read_one_by_one() {
    is("retry-after: 5, 10", "unknown | 10s retry-after |  | ");
    is("retry-after: 5\nretry-after: never\nretry-after: 7", "unknown | 7s retry-after |  | ");
    // A comma for a point: towards the longer pause.
    is("retry-after: 1,5", "unknown | 5s retry-after |  | ");
}

#[test]
fn an_answer_full_of_windows_is_read_within_bounds() {
    let items: Vec<String> = (0..500).map(|number| format!("\"{number}\";r=9;t=9")).collect();
    let mut headers = parsed(&format!("ratelimit: {}", items.join(",")));
    for number in 0..100 {
        let name: HeaderName = format!("x-limit-{number}-remaining").parse().unwrap();
        headers.append(name, HeaderValue::from_static("1, 2, 3, 4, 5"));
        let name: HeaderName = format!("x-limit-{number}-reset").parse().unwrap();
        headers.append(name, HeaderValue::from_static("1"));
    }
    assert_eq!(read(200, CLOCK, &headers, b"", Instant::now()).windows.len(), MAX_WINDOWS);
    headers.remove("ratelimit");
    assert_eq!(read(200, CLOCK, &headers, b"", Instant::now()).windows.len(), MAX_WINDOWS);
}

#[test]
fn a_value_is_shown_as_far_as_a_message_can_bear() {
    let told_by = |value: &str| {
        let headers = parsed(&format!("retry-after: {value}"));
        read(429, CLOCK, &headers, b"", Instant::now()).pause.unwrap().told_by.to_string()
    };
    assert_eq!(told_by("2"), "retry-after: 2");
    let long = told_by(&format!("2.{}", "0".repeat(1_000)));
    assert_eq!(long.chars().count(), "retry-after: ".len() + MAX_SHOWN);
    assert!(long.ends_with("0…"), "{long}");
    assert!(Source::GitHub.to_string().contains("GitHub"));
}

/// A head of 16 KiB must not cost more than to read it a few times. (It did: a tenth of a second and more each.)
#[test]
fn heads_that_are_made_to_be_dear_are_read_quickly() {
    let list = |item: &str, count: usize| vec![item; count].join(",");
    let heads = [
        format!("x-ratelimit-remaining: {}\nx-ratelimit-reset: {}", list("9", 4_000), list("9", 3_999)),
        format!("ratelimit: {}\nratelimit-policy: {}", list("a;r=1", 1_300), list("b", 4_000)),
        format!("x-ratelimit-remaining: {}", list("9", 8_000)),
        format!("retry-after: {}", list("9", 8_000)),
    ];
    let start = Instant::now();
    for head in &heads {
        let headers = parsed(head);
        (0..5).for_each(|_| _ = read(429, CLOCK, &headers, b"", start));
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
