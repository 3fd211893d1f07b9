//! Those who sell the work of language models: OpenAI, Azure, Anthropic.

use super::{Case, WRONG, check};

pub(super) const CASES: &[Case] = &[
    Case {
        // Two ends without a count: the latest.
        source: "https://thoughtbot.com/blog/openai-rate-limits",
        status: 429,
        clock: WRONG,
        headers: "x-ratelimit-reset-requests: 1s
            x-ratelimit-reset-tokens: 6m0s",
        told: "unknown | 360s x-ratelimit-reset-tokens |  | ",
    },
    Case {
        source: "https://community.openai.com/t/how-to-get-rate-limit-reset-time-for-response-api/1268905",
        status: 200,
        clock: WRONG,
        headers: "x-ratelimit-limit-requests: 5000
            x-ratelimit-limit-tokens: 160000
            x-ratelimit-limit-tokens_usage_based: 160000
            x-ratelimit-remaining-requests: 4999
            x-ratelimit-remaining-tokens: 159976
            x-ratelimit-remaining-tokens_usage_based: 159976
            x-ratelimit-reset-requests: 12ms
            x-ratelimit-reset-tokens: 9ms
            x-ratelimit-reset-tokens_usage_based: 9ms",
        told: " |  | 4999/5000 in 12ms, 159976/160000 in 9ms, 159976/160000 in 9ms | ",
    },
    Case {
        source: "https://github.com/open-webui/open-webui/issues/3743",
        status: 429,
        clock: WRONG,
        headers: "x-ratelimit-limit-requests: 500
            x-ratelimit-limit-tokens: 30000
            x-ratelimit-remaining-requests: 499
            x-ratelimit-remaining-tokens: 29996
            x-ratelimit-reset-requests: 120ms
            x-ratelimit-reset-tokens: 8ms",
        told: "unknown |  | 499/500 in 120ms, 29996/30000 in 8ms | ",
    },
    Case {
        source: "https://github.com/openai/openai-node/issues/1477",
        status: 429,
        clock: WRONG,
        headers: r#"alt-svc: h3=":443"; ma=86400
            cf-cache-status: DYNAMIC
            connection: keep-alive
            content-type: application/json
            date: Mon, 21 Apr 2025 19:13:46 GMT
            openai-processing-ms: 5977
            server: cloudflare"#,
        told: "unknown |  |  | ",
    },
    Case {
        source: "names: https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py",
        status: 429,
        clock: WRONG,
        headers: "retry-after-ms: 1275
            retry-after: 1",
        told: "unknown | 1.275s retry-after-ms |  | ",
    },
    Case {
        source: "https://github.com/openai/openai-dotnet/issues/838",
        status: 429,
        clock: WRONG,
        headers: "x-ratelimit-limit-tokens: -1
            x-ratelimit-remaining-tokens: -1
            x-ratelimit-reset-tokens: 0",
        told: "unknown |  |  | ",
    },
    Case {
        // Its count has another name, and so the end stands alone.
        source: "https://github.com/openai/openai-python/issues/937",
        status: 429,
        clock: WRONG,
        headers: "Content-Length: 329
            Content-Type: application/json
            x-rate-limit-reset-tokens: 55
            policy-id: DeploymentRatelimit-Token
            x-ms-region: West US",
        told: "unknown | 55s x-rate-limit-reset-tokens |  | ",
    },
    Case {
        source: "https://github.com/anthropics/anthropic-sdk-typescript/issues/357",
        status: 429,
        clock: WRONG,
        headers: "anthropic-ratelimit-requests-limit: 5
            anthropic-ratelimit-requests-remaining: 0
            anthropic-ratelimit-requests-reset: 2024-03-26T20:00:00Z
            anthropic-ratelimit-tokens-limit: 25000
            anthropic-ratelimit-tokens-remaining: 16000
            anthropic-ratelimit-tokens-reset: 2024-03-26T20:00:00Z
            cf-cache-status: DYNAMIC
            date: Tue, 26 Mar 2024 19:59:59 GMT
            x-should-retry: true",
        told: "rate | 1s anthropic-ratelimit-requests-reset | 0/5 in 1s, 16000/25000 in 1s | \
               1s anthropic-ratelimit-requests-reset",
    },
    Case {
        source: "https://github.com/link-assistant/hive-mind/pull/1447",
        status: 429,
        clock: WRONG,
        headers: "retry-after: 0",
        told: "unknown |  |  | ",
    },
];

#[test]
fn the_sellers_of_models() {
    check(CASES);
}
