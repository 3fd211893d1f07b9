//! GitHub, GitLab, Docker Hub and Atlassian.

use super::{Case, WRONG, check, told};

const GITHUB_REST: &str = "https://docs.github.com/en/rest/overview/resources-in-the-rest-api";
/// Recorded, but for most of the dates: AbuseLimitHandlerTest and RepositoryTrafficTest.
const HUB4J: &str = "https://github.com/hub4j/github-api/tree/main/src/test/resources/org/kohsuke/github";

pub(super) const CASES: &[Case] = &[
    Case {
        source: GITHUB_REST,
        status: 200,
        clock: WRONG,
        headers: "Date: Mon, 01 Jul 2013 17:27:06 GMT
            Status: 200 OK
            X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 56
            X-RateLimit-Reset: 1372700873",
        told: " |  | 56/60 in 1247s | ",
    },
    Case {
        // The primary limit.
        source: GITHUB_REST,
        status: 403,
        clock: WRONG,
        headers: "Date: Tue, 20 Aug 2013 14:50:41 GMT
            Status: 403 Forbidden
            X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1377013266",
        told: "rate | 3025s x-ratelimit-reset | 0/60 in 3025s | 3025s x-ratelimit-reset",
    },
    Case {
        source: "https://github.com/kubeshop/kusk-gateway/issues/593",
        status: 200,
        clock: 1_660_001_404,
        headers: "X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 55
            X-RateLimit-Reset: 1660001464
            X-RateLimit-Used: 5",
        told: " |  | 55/60 in 60s | ",
    },
    Case {
        source: "https://github.com/pksunkara/octonode/issues/52",
        status: 200,
        clock: 1_424_977_000,
        headers: "x-ratelimit-limit: 5000
            x-ratelimit-remaining: 4949
            x-ratelimit-reset: 1424977658",
        told: " |  | 4949/5000 in 658s | ",
    },
    Case {
        // A secondary limit that says so in its body only. See the test below.
        source: "https://github.com/KnpLabs/php-github-api/pull/1072",
        status: 403,
        clock: WRONG,
        headers: "Server: GitHub.com
            Date: Mon, 13 Jun 2022 11:48:53 GMT
            Content-Type: application/json; charset=utf-8
            X-GitHub-Media-Type: github.v3; format=json
            X-RateLimit-Limit: 30
            X-RateLimit-Remaining: 14
            X-RateLimit-Reset: 1655120964
            X-RateLimit-Used: 16
            X-RateLimit-Resource: search",
        told: " |  | 14/30 in 31s | ",
    },
    Case {
        source: HUB4J,
        status: 403,
        clock: 1_580_000_000,
        headers: "Server: GitHub.com
            Status: 403 Forbidden
            gh-limited-by: search-elapsed-time-shared-grouped
            X-RateLimit-Limit: 5000
            X-RateLimit-Remaining: 4000
            X-RateLimit-Reset: 1580000003
            X-GitHub-Request-Id: CC37:2605:3F982:4E949:5E3C5BFC",
        told: "unknown | 60s github | 4000/5000 in 3s | ",
    },
    Case {
        source: HUB4J,
        status: 429,
        clock: WRONG,
        headers: "Server: GitHub.com
            Status: 429 Too Many Requests
            Retry-After: 8
            X-GitHub-Request-Id: CC37:2605:3F982:4E949:5E3C5BFC",
        told: "unknown | 8s retry-after |  | ",
    },
    Case {
        source: HUB4J,
        status: 429,
        clock: WRONG,
        headers: "Server: GitHub.com
            Status: 429 Too Many Requests
            gh-limited-by: search-elapsed-time-shared-grouped
            X-GitHub-Request-Id: CC37:2605:3F982:4E949:5E3C5BFC",
        told: "unknown | 60s github |  | ",
    },
    Case {
        source: HUB4J,
        status: 403,
        clock: 1_580_000_000,
        headers: "Server: GitHub.com
            Status: 403 Forbidden
            Retry-After: 2
            X-RateLimit-Limit: 5000
            X-RateLimit-Remaining: 4000
            X-RateLimit-Reset: 1580000003
            X-GitHub-Request-Id: CC37:2605:3F982:4E949:5E3C5BFC",
        told: "unknown | 2s retry-after | 4000/5000 in 3s | ",
    },
    Case {
        // "Must have push access to repository": a right that is lacking, and no limit.
        source: HUB4J,
        status: 403,
        clock: WRONG,
        headers: "Date: Wed, 04 Dec 2019 16:24:59 GMT
            Server: GitHub.com
            Status: 403 Forbidden
            X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 53
            X-RateLimit-Reset: 1575480297
            X-GitHub-Request-Id: A5B8:1E5E0:8522B43:9F46BC3:5DE7DDDB",
        told: " |  | 53/60 in 3598s | ",
    },
    Case {
        source: "names: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        status: 429,
        clock: 1_580_000_000,
        headers: "x-github-request-id: CC37:2605:3F982:4E949:5E3C5BFC
            x-ratelimit-remaining: 0
            x-ratelimit-reset: 1580000100",
        told: "rate | 100s x-ratelimit-reset | 0 in 100s | 100s x-ratelimit-reset",
    },
    Case {
        source: "https://gitlab.com/gitlab-org/gitlab/-/issues/217312",
        status: 200,
        clock: 1_563_325_077,
        headers: "RateLimit-Limit: 600
            RateLimit-Observed: 6
            RateLimit-Remaining: 594
            RateLimit-Reset: 1563325137
            RateLimit-ResetTime: Wed, 17 Jul 2019 00:58:57 GMT",
        told: " |  | 594/600 in 60s | ",
    },
    Case {
        source: "https://gitlab.com/gitlab-org/gitlab/-/commit/f5968db559f36653b00b919d6b74a3b3950f164f",
        status: 429,
        clock: 1_609_844_370,
        headers: "RateLimit-Limit: 60
            RateLimit-Name: throttle_authenticated_web
            RateLimit-Observed: 67
            RateLimit-Remaining: 0
            RateLimit-Reset: 1609844400
            RateLimit-ResetTime: Tue, 05 Jan 2021 11:00:00 GMT
            Retry-After: 30",
        told: "rate | 30s retry-after | 0/60 in 30s | ",
    },
    Case {
        source: "https://docs.gitlab.com/12.10/runner/configuration/rate_limiting.html",
        status: 429,
        clock: 1_445_412_420,
        headers: "RateLimit-ResetTime: Wed, 21 Oct 2015 07:28:00 GMT",
        told: "unknown | 60s ratelimit-resettime |  | ",
    },
    Case {
        source: "https://gitlab.com/gitlab-org/gitlab/-/issues/365728",
        status: 429,
        clock: WRONG,
        headers: "Content-Type: text/plain",
        told: "unknown |  |  | ",
    },
    Case {
        source: "https://github.com/docker/docs/blob/main/content/manuals/docker-hub/usage/pulls.md",
        status: 200,
        clock: WRONG,
        headers: "ratelimit-limit: 100;w=21600
            ratelimit-remaining: 20;w=21600
            docker-ratelimit-source: 192.0.2.1",
        told: " |  |  | ",
    },
    Case {
        source: "https://hub.docker.com/r/fabianonunes/hub-ratelimit",
        status: 200,
        clock: WRONG,
        headers: "RateLimit-Limit: 100;w=21600
            RateLimit-Remaining: 89;w=21600",
        told: " |  |  | ",
    },
    Case {
        // Jira Data Center: a bucket of 5 that is filled each second.
        source: "https://github.com/ahungry/org-jira/issues/365",
        status: 429,
        clock: WRONG,
        headers: "x-seraph-loginreason: OK
            x-ratelimit-limit: 5
            x-ratelimit-remaining: 1
            x-ratelimit-fillrate: 5
            x-ratelimit-interval-seconds: 1",
        told: "unknown |  | 1/5 in 1s | 1s x-ratelimit-remaining",
    },
    Case {
        // Without seconds: the end of the minute. The format is given there.
        source: "names: https://jira.atlassian.com/browse/JRACLOUD-69262",
        status: 429,
        clock: 1_711_483_185,
        headers: "X-RateLimit-Limit: 100
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 2024-03-26T20:00Z",
        told: "rate | 75s x-ratelimit-reset | 0/100 in 75s | 75s x-ratelimit-reset",
    },
    Case {
        source: "names: https://developer.atlassian.com/cloud/jira/platform/\
                 build-an-app-that-respects-rate-limits/",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 5
            RateLimit-Reason: jira-burst-based",
        told: "rate | 5s retry-after |  | ",
    },
];

#[test]
fn the_forges() {
    check(CASES);
}

#[test]
fn githubs_secondary_limit_is_known_by_the_body_as_well() {
    // https://github.com/hub4j/github-api, AbuseLimitHandlerTest: Secondary_Limits_Body_Marker_Only.
    const HEADERS: &str = "Server: GitHub.com
        X-RateLimit-Limit: 30
        X-RateLimit-Remaining: 21
        X-RateLimit-Reset: 1580000003
        X-RateLimit-Resource: search
        X-RateLimit-Used: 9
        X-GitHub-Request-Id: CC37:2605:3F982:4E949:5E3C5BFD";
    const BODY: &str = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes"}"#;
    assert_eq!(told(403, 1_580_000_000, HEADERS, BODY), "unknown | 60s github | 21/30 in 3s | ");
    assert_eq!(told(403, 1_580_000_000, HEADERS, "{}"), " |  | 21/30 in 3s | ");
    // On another server these are just words.
    assert_eq!(told(403, 1_580_000_000, "Server: nginx", BODY), " |  |  | ");
}
