//! The infrastructure and the tools of companies, from Akamai to Zendesk.

use super::{Case, WRONG, check};

pub(super) const CASES: &[Case] = &[
    Case {
        source: "https://developer.zendesk.com/documentation/api-basics/best-practices/\
                 best-practices-for-avoiding-rate-limiting",
        status: 200,
        clock: WRONG,
        headers: "x-rate-limit: 700
            ratelimit-limit: 700
            x-rate-limit-remaining: 699
            ratelimit-remaining: 699
            ratelimit-reset: 41
            zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41",
        told: " |  | 699/700 in 41s | ",
    },
    Case {
        source: "https://developer.unipile.com/v2.0/reference/rate-limit",
        status: 200,
        clock: WRONG,
        headers: "x-ratelimit-limit: 50
            x-ratelimit-remaining: 12
            x-ratelimit-reset: 24",
        told: " |  | 12/50 in 24s | ",
    },
    Case {
        source: "https://help.perforce.com/helix-alm/helixalm/2019.2.1/restapi/Content/RESTAPI/\
                 RateLimits.htm",
        status: 200,
        clock: WRONG,
        headers: "X-RateLimit-Limit: 30
            X-RateLimit-Remaining: 25
            X-RateLimit-Reset: 17",
        told: " |  | 25/30 in 17s | ",
    },
    Case {
        source: "https://docs.withpersona.com/v2021-07-05/reference/rate-limiting",
        status: 200,
        clock: WRONG,
        headers: "ratelimit-limit: 300
            ratelimit-remaining: 280
            ratelimit-reset: 53",
        told: " |  | 280/300 in 53s | ",
    },
    Case {
        source: "https://developer.okta.com/docs/reference/rl-best-practices/",
        status: 200,
        clock: 1_609_459_140,
        headers: "X-Rate-Limit-Limit: 1200
            X-Rate-Limit-Remaining: 1199
            X-Rate-Limit-Reset: 1609459200",
        told: " |  | 1199/1200 in 60s | ",
    },
    Case {
        source: "https://github.com/okta/okta-developer-docs (packages/@okta/vuepress-site/docs/\
                 reference/api/authn)",
        status: 429,
        clock: 1_447_534_580,
        headers: "Content-Type: application/json
            X-Rate-Limit-Limit: 1
            X-Rate-Limit-Remaining: 0
            X-Rate-Limit-Reset: 1447534590",
        told: "rate | 10s x-rate-limit-reset | 0/1 in 10s | 10s x-rate-limit-reset",
    },
    Case {
        // Too many at once.
        source: "https://github.com/okta/okta-developer-docs (packages/@okta/vuepress-site/docs/\
                 release-notes/2017)",
        status: 429,
        clock: WRONG,
        headers: "Date: Tue, 26 Sep 2017 21:33:25 GMT
            X-Rate-Limit-Limit: 0
            X-Rate-Limit-Remaining: 0
            X-Rate-Limit-Reset: 1506461721",
        told: "concurrency | 116s x-rate-limit-reset | 0/0 in 116s | 116s x-rate-limit-reset",
    },
    Case {
        source: "https://github.com/digitalocean/openapi/blob/main/specification/description.yml",
        status: 200,
        clock: 1_402_425_399,
        headers: "ratelimit-limit: 1200
            ratelimit-remaining: 1193
            rateLimit-reset: 1402425459",
        told: " |  | 1193/1200 in 60s | ",
    },
    Case {
        // Its burst limit: the hour's window is not the one that is spent.
        source: "https://github.com/digitalocean/openapi/blob/main/specification/description.yml",
        status: 429,
        clock: 1_402_422_000,
        headers: "ratelimit-limit: 5000
            ratelimit-remaining: 0
            rateLimit-reset: 1402425459
            retry-after: 29",
        told: "rate | 29s retry-after | 0/5000 in 3459s | ",
    },
    Case {
        source: "https://learn.microsoft.com/answers/questions/1120043/\
                 sharepoint-online-sharepoint-rest-api.html",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 31
            RateLimit-Limit: 1200
            RateLimit-Remaining: 0
            RateLimit-Reset: 31",
        told: "rate | 31s retry-after | 0/1200 in 31s | ",
    },
    Case {
        source: "https://learn.microsoft.com/en-us/answers/questions/648796/\
                 retry-after-header-upper-limit-or-range",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 315",
        told: "unknown | 315s retry-after |  | ",
    },
    Case {
        source: "https://github.com/regulationsgov/developers/issues/28",
        status: 429,
        clock: WRONG,
        headers: "X-RateLimit-Limit: 1000
            X-RateLimit-Remaining: 321
            Connection: keep-alive
            Date: Fri, 30 Jan 2015 00:23:38 GMT
            Server: nginx",
        told: "unknown |  |  | ",
    },
    Case {
        source: "https://github.com/CrossRef/rest-api-doc",
        status: 200,
        clock: WRONG,
        headers: "X-Rate-Limit-Limit: 50
            X-Rate-Limit-Interval: 1s",
        told: " |  |  | ",
    },
    Case {
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/\
                 api-gateway-request-throttling.html",
        status: 429,
        clock: WRONG,
        headers: "Content-Type: application/json",
        told: "unknown |  |  | ",
    },
    Case {
        source: "names: https://github.com/aws/aws-sdk-go-v2/pull/3400",
        status: 503,
        clock: WRONG,
        headers: "x-amz-retry-after: 1500",
        told: "unknown | 1.5s x-amz-retry-after |  | ",
    },
    Case {
        source: "names: https://github.com/a8m/documentdb/pull/28",
        status: 429,
        clock: WRONG,
        headers: "x-ms-retry-after-ms: 43",
        told: "unknown | 43ms x-ms-retry-after-ms |  | ",
    },
    Case {
        source: "names: https://docs.rs/linear-api/0.1.0/linear_api/struct.RateLimitInfo.html",
        status: 200,
        clock: 1_700_000_000,
        headers: "X-RateLimit-Requests-Limit: 5000
            X-RateLimit-Requests-Remaining: 3
            X-RateLimit-Requests-Reset: 1700000060500
            X-RateLimit-Complexity-Limit: 250000
            X-RateLimit-Complexity-Remaining: 249000
            X-RateLimit-Complexity-Reset: 1700000090000",
        told: " |  | 3/5000 in 60.5s, 249000/250000 in 90s | 60.5s x-ratelimit-requests-reset",
    },
    Case {
        // A second is the length of a window, and so its end at the latest. A day would be too wild a guess.
        source: "names: https://developers.hubspot.com/changelog/\
                 2018-11-06-rate-limit-information-headers-will-be-included-in-http-responses",
        status: 200,
        clock: WRONG,
        headers: "X-HubSpot-RateLimit-Daily: 250000
            X-HubSpot-RateLimit-Daily-Remaining: 249000
            X-HubSpot-RateLimit-Secondly: 10
            X-HubSpot-RateLimit-Secondly-Remaining: 8",
        told: " |  | 8 in 1s | 1s x-hubspot-ratelimit-secondly-remaining",
    },
    Case {
        source: "names: https://techdocs.akamai.com/msl/reference/resource-limiting",
        status: 429,
        clock: 1_711_483_190,
        headers: "X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 0
            X-RateLimit-Next: 2024-03-26T20:00:00.000Z",
        told: "unknown | 10s x-ratelimit-next |  | ",
    },
    Case {
        source: "names: https://letsencrypt.org/docs/rate-limits/",
        status: 503,
        clock: 1_711_483_190,
        headers: "Retry-After: Tue, 26 Mar 2024 20:00:00 GMT",
        told: "unknown | 10s retry-after |  | ",
    },
];

#[test]
fn the_clouds() {
    check(CASES);
}
