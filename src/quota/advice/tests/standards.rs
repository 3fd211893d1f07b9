//! The RFCs, the drafts of the IETF from 6 to 10, and software that follows them.

use super::{Case, WRONG, check};

const RFC_9110: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3";
const DRAFT_10: &str = "https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.txt";
const DRAFT_7: &str = "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-07";
const DRAFT_6: &str = "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06";
const EXPRESS: &str =
    "https://github.com/express-rate-limit/express-rate-limit/blob/main/test/library/headers-test.ts";

pub(super) const CASES: &[Case] = &[
    Case {
        source: RFC_9110,
        status: 503,
        clock: WRONG,
        headers: "Retry-After: 120",
        told: "unknown | 120s retry-after |  | ",
    },
    Case {
        source: RFC_9110,
        status: 503,
        clock: 946_684_739,
        headers: "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",
        told: "unknown | 60s retry-after |  | ",
    },
    Case {
        source: "https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Retry-After",
        status: 503,
        clock: 1_445_412_420,
        headers: "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT",
        told: "unknown | 60s retry-after |  | ",
    },
    Case {
        source: "https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Retry-After",
        status: 301,
        clock: WRONG,
        headers: "Retry-After: 120",
        told: " | 120s retry-after |  | ",
    },
    Case {
        source: "https://www.rfc-editor.org/rfc/rfc6585.html#section-4",
        status: 429,
        clock: WRONG,
        headers: "Content-Type: text/html
            Retry-After: 3600",
        told: "unknown | 3600s retry-after |  | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "default";r=50;t=30"#,
        told: " |  | 50 in 30s | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "default";r=999;pk=:dHJpYWwxMjEzMjM=:"#,
        told: " |  |  | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "default";r=300000000;t=60;pk=:QXBwLTk5OQ==:"#,
        told: " |  | 300000000 in 60s | ",
    },
    Case {
        source: DRAFT_10,
        status: 301,
        clock: WRONG,
        headers: r#"Location: /foo/123
            RateLimit: "problemPolicy";r=0;t=10"#,
        told: " |  | 0 in 10s | 10s ratelimit",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"Date: Tue, 15 Nov 1994 18:00:00 GMT
            RateLimit: "daily";r=1;t=36400"#,
        told: " |  | 1 in 36400s | 36400s ratelimit",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "default";r=0;t=50"#,
        told: " |  | 0 in 50s | 50s ratelimit",
    },
    Case {
        source: DRAFT_10,
        status: 429,
        clock: WRONG,
        headers: r#"Content-Type: application/problem+json
            Date: Mon, 05 Aug 2019 09:27:00 GMT
            Retry-After: Mon, 05 Aug 2019 09:27:05 GMT
            RateLimit: "default";r=0;t=5"#,
        told: "rate | 5s retry-after | 0 in 5s | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "fixedwindow";r=99;t=50
            RateLimit-Policy: "fixedwindow";q=100;w=60"#,
        told: " |  | 99/100 in 50s | ",
    },
    Case {
        source: DRAFT_10,
        status: 429,
        clock: WRONG,
        headers: r#"RateLimit-Policy: "dynamic";q=15;w=20
            RateLimit: "dynamic";r=0;t=20"#,
        told: "rate | 20s ratelimit | 0/15 in 20s | 20s ratelimit",
    },
    Case {
        source: DRAFT_10,
        status: 429,
        clock: WRONG,
        headers: r#"Retry-After: 20
            RateLimit-Policy: "dynamic";q=100;w=60
            RateLimit: "dynamic";r=15;t=40"#,
        told: "unknown | 20s retry-after | 15/100 in 40s | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: "RateLimit-Policy: quota;q=100;w=1
            RateLimit: quota;t=1",
        told: " |  |  | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit-Policy: "hour";q=1000;w=3600, "day";q=5000;w=86400
            RateLimit: "day";r=100;t=36000"#,
        told: " |  | 100/5000 in 36000s | ",
    },
    Case {
        source: DRAFT_10,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit-Policy: "sliding";q=100;w=60;burst=1000
            RateLimit-Policy: "fixed";q=5000;w=3600;burst=0
            RateLimit: "sliding";r=50;t=44"#,
        told: " |  | 50/100 in 44s | ",
    },
    Case {
        source: DRAFT_7,
        status: 200,
        clock: WRONG,
        headers: "RateLimit: limit=10, remaining=1, reset=7",
        told: " |  | 1/10 in 7s | 7s ratelimit",
    },
    Case {
        source: DRAFT_6,
        status: 200,
        clock: WRONG,
        headers: "RateLimit-Limit: 10
            RateLimit-Remaining: 1
            RateLimit-Reset: 7",
        told: " |  | 1/10 in 7s | 7s ratelimit-reset",
    },
    Case {
        source: DRAFT_6,
        status: 200,
        clock: WRONG,
        headers: "RateLimit-Limit: 5000
            RateLimit-Policy: 1000;w=3600, 5000;w=86400
            RateLimit-Remaining: 100
            RateLimit-Reset: 36000",
        told: " |  | 100/5000 in 36000s | ",
    },
    Case {
        source: DRAFT_6,
        status: 429,
        clock: WRONG,
        headers: "Date: Mon, 05 Aug 2019 09:27:00 GMT
            Retry-After: Mon, 05 Aug 2019 09:27:05 GMT
            RateLimit-Reset: 5
            RateLimit-Limit: 100
            Ratelimit-Remaining: 0",
        told: "rate | 5s retry-after | 0/100 in 5s | ",
    },
    Case {
        source: DRAFT_6,
        status: 429,
        clock: WRONG,
        headers: "RateLimit-Limit: 0
            RateLimit-Policy: 15;w=20
            Ratelimit-Remaining: 0
            Ratelimit-Reset: 20",
        told: "rate | 20s ratelimit-reset | 0/0 in 20s | 20s ratelimit-reset",
    },
    Case {
        source: DRAFT_6,
        status: 200,
        clock: WRONG,
        headers: "RateLimit-Limit: 12
            RateLimit-Policy: 12;w=1
            RateLimit-Remaining: 6          ; using 50% of throughput, that is 6 units/s
            RateLimit-Reset: 1",
        told: " |  | 6/12 in 1s | 1s ratelimit-reset",
    },
    Case {
        source: EXPRESS,
        status: 200,
        clock: WRONG,
        headers: "RateLimit: limit=5, remaining=4, reset=60",
        told: " |  | 4/5 in 60s | 60s ratelimit",
    },
    Case {
        source: EXPRESS,
        status: 200,
        clock: WRONG,
        headers: r#"RateLimit: "keep-kalm"; r=4; t=7200"#,
        told: " |  | 4 in 7200s | 7200s ratelimit",
    },
    Case {
        source: "https://developers.cloudflare.com/fundamentals/api/reference/limits",
        status: 200,
        clock: WRONG,
        headers: r#"Ratelimit: "default";r=50;t=30
            Ratelimit-Policy: "burst";q=100;w=60"#,
        told: " |  | 50 in 30s | ",
    },
    Case {
        source: "https://developers.cloudflare.com/changelog/post/\
                 2026-03-12-retry-after-header-for-1xxx-errors",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 30",
        told: "unknown | 30s retry-after |  | ",
    },
    Case {
        source: "https://github.com/throttled/throttled/issues/55",
        status: 429,
        clock: WRONG,
        headers: "Content-Type: text/plain; charset=utf-8
            Retry-After: 1
            X-Ratelimit-Limit: 6
            X-Ratelimit-Remaining: 0
            X-Ratelimit-Reset: 6
            Date: Tue, 16 Apr 2019 09:17:33 GMT",
        told: "rate | 1s retry-after | 0/6 in 6s | ",
    },
    Case {
        source: "names: https://github.com/traefik/traefik/blob/master/\
                 pkg/middlewares/ratelimiter/rate_limiter.go",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 2
            X-Retry-In: 1.85s",
        told: "unknown | 2s retry-after |  | ",
    },
    Case {
        // Its default, `limit_req_status 503`: nothing tells it from a fault.
        source: "https://nginx.org/en/docs/http/ngx_http_limit_req_module.html",
        status: 503,
        clock: WRONG,
        headers: "Server: nginx
            Content-Type: text/html",
        told: " |  |  | ",
    },
    Case {
        source: "https://github.com/apiaxle/apiaxle/issues/78",
        status: 429,
        clock: WRONG,
        headers: "Content-Type: application/json
            Date: Tue, 13 Oct 2015 12:52:32 GMT
            Server: nginx/1.4.6 (Ubuntu)
            Content-Length: 159
            Connection: keep-alive",
        told: "unknown |  |  | ",
    },
];

#[test]
fn the_standards_and_what_follows_them() {
    check(CASES);
}
