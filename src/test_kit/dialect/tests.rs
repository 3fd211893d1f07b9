//! What each server says, against what its documentation says.

use std::time::{Duration, SystemTime};

use crate::test_kit::{Answer, Dialect, Standing};
use ureq::http::Method;

/// Half a second past 2021-01-05 10:59:30: the next whole second is 10:59:31.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_609_844_370_500)
}

/// The whole answer, but for its length, and for its `Date`, which must be there or not.
#[track_caller]
fn said(answer: &Answer, dated: bool) -> String {
    let text = String::from_utf8(answer.wire(&Method::GET, false, now()).bytes).unwrap();
    let date = "Date: Tue, 05 Jan 2021 10:59:30 GMT\r\n";
    assert_eq!(text.contains("Date: "), dated, "{text}");
    let lines =
        text.split_inclusive("\r\n").filter(|line| *line != date && !line.starts_with("Content-Length"));
    lines.collect::<String>().replace("\r\n", "\n")
}

const THIRTY: Duration = Duration::from_millis(29_500);

/// With the pages that they were read from, see the variants.
#[test]
fn a_refusal_is_as_documented() {
    for (dialect, dated, text) in [
        // RFC 6585, section 4, and RFC 9110, section 10.2.3.
        (Dialect::Plain, false, "HTTP/1.1 429 Too Many Requests\nRetry-After: 30\n\n"),
        // docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        (
            Dialect::GitHub,
            true,
            "HTTP/1.1 403 Forbidden\nx-ratelimit-limit: 5000\nx-ratelimit-remaining: 0\n\
             x-ratelimit-used: 5000\nx-ratelimit-reset: 1609844400\nx-ratelimit-resource: core\n\
             content-type: application/json; charset=utf-8\n\n\
             {\"message\":\"API rate limit exceeded for user ID 1.\",\"documentation_url\":\
             \"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api\"}",
        ),
        // docs.gitlab.com/administration/settings/user_and_ip_rate_limits, whose instants these are.
        (
            Dialect::GitLab,
            true,
            "HTTP/1.1 429 Too Many Requests\nRateLimit-Limit: 60\n\
             RateLimit-Name: throttle_authenticated_api\nRateLimit-Observed: 60\n\
             RateLimit-Remaining: 0\nRateLimit-Reset: 1609844400\n\
             Content-Type: text/plain\nRateLimit-ResetTime: Tue, 05 Jan 2021 11:00:00 GMT\nRetry-After: 30\n\
             \nRetry later",
        ),
        // docs.stripe.com/rate-limits and /api/errors
        (
            Dialect::Stripe,
            true,
            "HTTP/1.1 429 Too Many Requests\nContent-Type: application/json\n\
             Stripe-Rate-Limited-Reason: global-rate\n\n\
             {\"error\":{\"message\":\"Request rate limit exceeded.\",\"type\":\"invalid_request_error\"}}",
        ),
        // developers.openai.com/api/docs/guides/rate-limits#rate-limits-in-headers
        (
            Dialect::OpenAi,
            true,
            "HTTP/1.1 429 Too Many Requests\nx-ratelimit-limit-requests: 60\n\
             x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 29.5s\n\
             x-ratelimit-limit-tokens: 150000\nx-ratelimit-remaining-tokens: 149984\n\
             x-ratelimit-reset-tokens: 6m0s\ncontent-type: application/json\nretry-after: 30\n\n\
             {\"error\":{\"message\":\"Rate limit reached for requests per min (RPM): Limit 60, Used 60, \
             Requested 1. Please try again in 29.5s.\",\"type\":\"requests\",\"param\":null,\
             \"code\":\"rate_limit_exceeded\"}}",
        ),
        // nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_status
        (
            Dialect::Nginx,
            true,
            "HTTP/1.1 503 Service Unavailable\nServer: nginx\nContent-Type: text/html\n\n\
             <html>\n<head><title>503 Service Temporarily Unavailable</title></head>\n<body>\n\
             <center><h1>503 Service Temporarily Unavailable</h1></center>\n<hr><center>nginx</center>\n\
             </body>\n</html>\n",
        ),
    ] {
        assert_eq!(said(&Answer::refusal(dialect, THIRTY), dated), text, "{dialect:?}");
    }
}

#[test]
fn two_servers_tell_a_crowd_from_a_rate() {
    let github = said(&Answer::too_many_at_once(Dialect::GitHub, THIRTY), true);
    for part in [
        "HTTP/1.1 403 Forbidden\n",
        "x-ratelimit-remaining: 4999\n",
        "x-ratelimit-reset: 1609847971\n",
        "retry-after: 30\n",
        "You have exceeded a secondary rate limit.",
    ] {
        assert!(github.contains(part), "{part} in {github}");
    }
    let stripe = said(&Answer::too_many_at_once(Dialect::Stripe, THIRTY), true);
    assert!(stripe.contains("\nStripe-Rate-Limited-Reason: global-concurrency\n"), "{stripe}");
    for dialect in [Dialect::Plain, Dialect::GitLab, Dialect::OpenAi, Dialect::Nginx] {
        let dated = dialect != Dialect::Plain;
        let crowded = said(&Answer::too_many_at_once(dialect, THIRTY), dated);
        assert_eq!(crowded, said(&Answer::refusal(dialect, THIRTY), dated), "{dialect:?}");
    }
}

#[test]
fn every_other_answer_says_how_much_is_left() {
    let standing = Standing { limit: 100, remaining: 7, reset_in: Duration::from_millis(90_001) };
    for (dialect, headers) in [
        (Dialect::Plain, ""),
        (
            Dialect::GitHub,
            "x-ratelimit-limit: 100\nx-ratelimit-remaining: 7\nx-ratelimit-used: 93\n\
             x-ratelimit-reset: 1609844461\nx-ratelimit-resource: core\n",
        ),
        (
            Dialect::GitLab,
            "RateLimit-Limit: 100\nRateLimit-Name: throttle_authenticated_api\nRateLimit-Observed: 93\n\
             RateLimit-Remaining: 7\nRateLimit-Reset: 1609844461\n",
        ),
        (Dialect::Stripe, ""),
        (
            Dialect::OpenAi,
            "x-ratelimit-limit-requests: 100\nx-ratelimit-remaining-requests: 7\n\
             x-ratelimit-reset-requests: 1m30.001s\nx-ratelimit-limit-tokens: 150000\n\
             x-ratelimit-remaining-tokens: 149984\nx-ratelimit-reset-tokens: 6m0s\n",
        ),
        (Dialect::Nginx, "Server: nginx\n"),
    ] {
        let answer = Answer::ok("hi").standing(dialect, standing);
        let text = format!("HTTP/1.1 200 OK\n{headers}\nhi");
        assert_eq!(said(&answer, dialect != Dialect::Plain), text, "{dialect:?}");
    }
}

#[test]
fn what_the_script_says_itself_stands_in_place_of_what_the_dialect_says() {
    let answer = Answer::refusal(Dialect::Plain, THIRTY).header("retry-after", "soon").header("X", "y");
    let text = "HTTP/1.1 429 Too Many Requests\nretry-after: soon\nX: y\n\n";
    assert_eq!(said(&answer, false), text);
    let answer = Answer::refusal(Dialect::Nginx, THIRTY).header("DATE", "yesterday").body("");
    assert!(!said(&answer, false).contains("2021"), "{answer:?}");
}

#[test]
fn the_extremes_are_said_as_well() {
    for dialect in [Dialect::Plain, Dialect::GitHub, Dialect::GitLab, Dialect::OpenAi] {
        for time in [Duration::ZERO, Duration::MAX] {
            let dated = dialect != Dialect::Plain;
            let text = said(&Answer::refusal(dialect, time), dated);
            assert!(text.starts_with("HTTP/1.1 4"), "{text}");
        }
    }
}
