//! Whatever the headers are: no panic, no pause that is over before it begins, and none that is shorter than what was
//! asked for.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 34] = [
    "retry-after",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "x-amz-retry-after",
    "x-retry-in",
    "x-ratelimit-next",
    "x-ratelimit-retry-after",
    "date",
    "age",
    "server",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit-resettime",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-remaining-minute",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "x-hubspot-ratelimit-remaining",
    "x-hubspot-ratelimit-interval-milliseconds",
    "x-shopify-shop-api-call-limit",
    "stripe-rate-limited-reason",
    "x-github-request-id",
    "gh-limited-by",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        (0..100_u32).prop_map(|number| number.to_string().into_bytes()),
        any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        (1_500_000_000..2_000_000_000_u64).prop_map(|epoch| epoch.to_string().into_bytes()),
        "[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
            .prop_map(String::into_bytes),
        "(Mon|Sun)day, [0-9]{2}-Nov-[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-5][0-9] GMT"
            .prop_map(String::into_bytes),
        "[A-Z][a-z]{2} (Jan|Nov)  [0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9] [0-9]{4}"
            .prop_map(String::into_bytes),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}:[0-9]{2})?"
            .prop_map(String::into_bytes),
        "([0-9]{1,25}(\\.[0-9]{1,12})?(ms|s|m|h|d)){1,3}".prop_map(String::into_bytes),
        "[0-9]{1,4}/[0-9]{1,4}".prop_map(String::into_bytes),
        "(\"?[a-z]{0,3}\"?(;(r|t|q|w|qu|pk)=[0-9:\"]{0,5}){0,4},?){0,5}".prop_map(String::into_bytes),
        "(limit|remaining|reset)=[0-9]{0,3}(, (limit|remaining|reset)=[0-9]{0,3}){0,4}"
            .prop_map(String::into_bytes),
        vec(any::<u8>(), 0..40),
        "[ -~]{0,80}".prop_map(String::into_bytes),
    ]
}

fn soup() -> impl Strategy<Value = HeaderMap> {
    let line = (
        prop_oneof![8 => (0..NAMES.len()).prop_map(|at| NAMES[at].to_owned()),
                            1 => "x-[a-z]{0,4}limit-(remaining|reset)[a-z-]{0,6}"],
        value(),
    );
    vec(line, 0..16).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        headers
    })
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![Just(200), Just(301), Just(403), Just(429), Just(503), Just(529), 100..1000_u16]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn advice_never_panics_and_never_ends_before_it_begins(
        headers in soup(),
        status in status(),
        clock in 0..300_000_000_000_u64,
        body in vec(any::<u8>(), 0..50),
        in_flight in any::<u64>(),
    ) {
        let came_at = Instant::now();
        let advice = read(status, clock, &headers, &body, came_at);
        prop_assert!(advice.windows.len() <= MAX_WINDOWS);
        let pauses = advice.pause.iter().chain(advice.pause_before_refusal(in_flight).iter())
            .map(|pause| pause.until).collect::<Vec<Instant>>();
        let ends = advice.windows.iter().map(|window| window.reset_at);
        for until in pauses.into_iter().chain(ends) {
            prop_assert!(until > came_at);
        }
        prop_assert!(advice.throttled.is_none() || status >= 400);
    }

    #[test]
    fn a_wait_that_is_asked_for_is_never_cut_short(
        mut headers in soup(),
        status in prop_oneof![Just(301_u16), Just(403), Just(429), Just(503), Just(529)],
        seconds in 1..100_000_u64,
    ) {
        headers.append("retry-after", HeaderValue::from(seconds));
        let came_at = Instant::now();
        let pause = read(status, 1_700_000_000, &headers, b"", came_at).pause;
        prop_assert!(pause.is_some_and(|pause| pause.until >= came_at + Duration::from_secs(seconds)));
    }

    #[test]
    fn a_wait_for_a_date_is_never_cut_short(
        seconds in 1..100_000_u64,
        clock in 1_000_000_000..4_000_000_000_u64,
    ) {
        let came_at = Instant::now();
        let headers = parsed(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {}", clock + seconds));
        let pause = read(429, clock, &headers, b"", came_at).pause;
        prop_assert_eq!(pause.map(|pause| pause.until), Some(came_at + Duration::from_secs(seconds)));
    }
}
