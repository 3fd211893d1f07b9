//! What people use: shops, payments, music and chat.

use super::{Case, WRONG, check};

pub(super) const CASES: &[Case] = &[
    Case {
        source: "https://docs.discord.com/developers/topics/rate-limits",
        status: 200,
        clock: 1_470_173_022,
        headers: "X-RateLimit-Limit: 5
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1470173023
            X-RateLimit-Reset-After: 1
            X-RateLimit-Bucket: abcd1234",
        told: " |  | 0/5 in 1s | 1s x-ratelimit-reset",
    },
    Case {
        source: "https://docs.discord.com/developers/topics/rate-limits",
        status: 429,
        clock: 1_470_172_959,
        headers: "Retry-After: 65
            X-RateLimit-Limit: 10
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1470173023.123
            X-RateLimit-Reset-After: 64.57
            X-RateLimit-Bucket: abcd1234
            X-RateLimit-Scope: user",
        told: "rate | 65s retry-after | 0/10 in 64.57s | ",
    },
    Case {
        source: "https://docs.discord.com/developers/topics/rate-limits",
        status: 429,
        clock: 1_470_172_959,
        headers: "Retry-After: 1337
            X-RateLimit-Limit: 10
            X-RateLimit-Remaining: 9
            X-RateLimit-Reset: 1470173023.123
            X-RateLimit-Reset-After: 64.57
            X-RateLimit-Bucket: abcd1234
            X-RateLimit-Scope: shared",
        told: "rate | 1337s retry-after | 9/10 in 64.57s | ",
    },
    Case {
        source: "https://docs.discord.com/developers/topics/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 65
            X-RateLimit-Global: true
            X-RateLimit-Scope: global",
        told: "rate | 65s retry-after |  | ",
    },
    Case {
        source: "names: https://docs.stripe.com/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Stripe-Rate-Limited-Reason: global-rate",
        told: "rate |  |  | ",
    },
    Case {
        source: "names: https://docs.stripe.com/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Stripe-Rate-Limited-Reason: endpoint-concurrency",
        told: "concurrency |  |  | ",
    },
    Case {
        source: "names: https://docs.stripe.com/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Stripe-Rate-Limited-Reason: resource-specific",
        told: "unknown |  |  | ",
    },
    Case {
        source: "https://zenn.dev/frog/scraps/d08e016761a4e2",
        status: 200,
        clock: WRONG,
        headers: "X-Shopify-Shop-Api-Call-Limit: 32/40",
        told: " |  | 8/40 in 1s | 1s x-shopify-shop-api-call-limit",
    },
    Case {
        source: "https://zenn.dev/frog/scraps/d08e016761a4e2",
        status: 429,
        clock: WRONG,
        headers: "X-Shopify-Shop-Api-Call-Limit: 40/40
            Retry-After: 2.0",
        told: "rate | 2s retry-after | 0/40 in 1s | ",
    },
    Case {
        source: "https://github.com/MONEI/Shopify-api-node/issues/135",
        status: 429,
        clock: WRONG,
        headers: "x-shopid: 19567057
            x-shardid: 3
            retry-after: 2.0",
        told: "unknown | 2s retry-after |  | ",
    },
    Case {
        // A limit of one resource, which the bucket does not show.
        source: "https://github.com/MONEI/Shopify-api-node/issues/441",
        status: 429,
        clock: WRONG,
        headers: "content-type: application/json; charset=utf-8
            http_x_shopify_shop_api_call_limit: 1/40
            x-shopify-shop-api-call-limit: 1/40
            x-shopify-api-version: 2020-10",
        told: "unknown |  | 39/40 in 1s | ",
    },
    Case {
        source: "https://github.com/reddit-archive/reddit/issues/1458",
        status: 200,
        clock: WRONG,
        headers: "date: Fri, 06 Nov 2015 23:31:39 GMT
            x-ratelimit-remaining: 298
            x-ratelimit-reset: 502
            x-ratelimit-used: 2",
        told: " |  | 298 in 502s | ",
    },
    Case {
        source: "https://developer.whoop.com/docs/developing/rate-limiting",
        status: 200,
        clock: WRONG,
        headers: "X-RateLimit-Limit: 100, 100;window=60, 10000;window=86400
            X-RateLimit-Remaining: 98
            X-RateLimit-Reset: 3",
        told: " |  | 98/100 in 3s | ",
    },
    Case {
        // Milliseconds from now, read as seconds: too long, and never too short.
        source: "https://developer.prisjakt.nu/docs/sections/rate-limit",
        status: 429,
        clock: WRONG,
        headers: "X-Rate-Limit-Limit: 10000
            X-Rate-Limit-Remaining: 0
            X-Rate-Limit-Reset: 600000",
        told: "rate | 600000s x-rate-limit-reset | 0/10000 in 600000s | 600000s x-rate-limit-reset",
    },
    Case {
        source: "https://developer.lemlist.com/api-reference/getting-started/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 2
            X-RateLimit-Limit: 20
            X-RateLimit-Remaining: 7
            X-RateLimit-Reset: Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)",
        told: "unknown | 2s retry-after |  | ",
    },
    Case {
        source: "https://github.com/appdotnet/api-spec/issues/185",
        status: 200,
        clock: WRONG,
        headers: "X-RateLimit-Remaining: 4992
            X-RateLimit-Limit: 5000
            X-RateLimit-Reset: 2615",
        told: " |  | 4992/5000 in 2615s | ",
    },
    Case {
        source: "https://discuss.dev.twitch.tv/t/helix-rate-limit-for-streams-endpoint/12955",
        status: 200,
        clock: 1_511_282_680,
        headers: "Ratelimit-Remaining: 29
            Ratelimit-Reset: 1511282710
            Ratelimit-Limit: 30",
        told: " |  | 29/30 in 30s | ",
    },
    Case {
        source: "https://github.com/akeneo/pim-api-docs/pull/512",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 15",
        told: "unknown | 15s retry-after |  | ",
    },
    Case {
        source: "https://github.com/spotify/web-api/issues/542",
        status: 429,
        clock: WRONG,
        headers: "Keep-Alive: timeout=600
            Retry-After: 0
            Date: Sun, 21 May 2017 14:09:37 GMT
            Server: nginx",
        told: "unknown |  |  | ",
    },
    Case {
        source: "names: https://developers-classic.mailerlite.com/docs/api-rate-limits",
        status: 429,
        clock: 1_711_483_190,
        headers: "X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 2024-03-26 20:00:00
            X-RateLimit-Retry-After: 10",
        told: "rate | 10s x-ratelimit-retry-after | 0/60 in 10s | ",
    },
    Case {
        source: "names: https://api.slack.com/docs/rate-limits",
        status: 429,
        clock: WRONG,
        headers: "Retry-After: 30",
        told: "unknown | 30s retry-after |  | ",
    },
    Case {
        source: "names: https://developers.notion.com/reference/request-limits",
        status: 429,
        clock: WRONG,
        headers: "x-notion-request-id: 84f42356
            retry-after: 1",
        told: "unknown | 1s retry-after |  | ",
    },
    Case {
        source: "names: https://github.com/plhery/node-twitter-api-v2/issues/495",
        status: 429,
        clock: 1_700_000_000,
        headers: "x-rate-limit-limit: 900
            x-rate-limit-remaining: 899
            x-rate-limit-reset: 1700000900
            x-app-limit-24hour-limit: 50
            x-app-limit-24hour-remaining: 0
            x-app-limit-24hour-reset: 1700086400",
        told: "rate | 86400s x-app-limit-24hour-reset | 899/900 in 900s, 0/50 in 86400s | \
               86400s x-app-limit-24hour-reset",
    },
    Case {
        source: "names: https://github.com/ryanmcgrath/twython/pull/313",
        status: 429,
        clock: 1_700_000_000,
        headers: "x-rate-limit-limit: 15
            x-rate-limit-remaining: 0
            x-rate-limit-reset: 1700000900",
        told: "rate | 900s x-rate-limit-reset | 0/15 in 900s | 900s x-rate-limit-reset",
    },
    Case {
        source: "names: https://developers.brevo.com/docs/limit-headers",
        status: 429,
        clock: WRONG,
        headers: "x-sib-ratelimit-limit: 1000
            x-sib-ratelimit-remaining: 0
            x-sib-ratelimit-reset: 45",
        told: "rate | 45s x-sib-ratelimit-reset | 0/1000 in 45s | 45s x-sib-ratelimit-reset",
    },
    Case {
        source: "names: https://docs.pyannote.ai/ratelimits",
        status: 429,
        clock: 1_700_000_000,
        headers: "X-RateLimit-Limit: 100
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1700000030
            Retry-After: 30",
        told: "rate | 30s retry-after | 0/100 in 30s | ",
    },
];

#[test]
fn the_services() {
    check(CASES);
}
