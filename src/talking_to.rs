//! Talking to … GitHub, GitLab, Stripe, OpenAI, Anthropic, a plain nginx: settings to copy, and what happens at the
//! limits.
//!
//! There is no code here. Each example compiles, and each sentence on what happens has a test, in
//! `tests/it/talking_to.rs` or in a file beside it. The numbers are those of the servers' own pages, as they stood when
//! this was written; they change, so look. Where a server says what is left, the client hears of a change by itself.
//!
//! # The same for all
//!
//! * **A pause is the client's**, and not one request's: nothing is sent before its end, by no thread of any call. What
//!   is in flight goes on. It is asked for (`Retry-After`), or follows from a count: when as few are left as are in
//!   flight, or as [`reserve`](crate::Builder::reserve) leaves to others, the client waits for the end of the window
//!   *before* it is refused.
//! * **A pause longer than [`max_wait`](crate::Builder::max_wait)** (2 min) ends the run at once. The error of an id
//!   that was refused has the server's [headers](crate::Error::headers); that of an id in line tells the header in its
//!   text. A limit by the hour wants a `max_wait` of more than an hour.
//! * **A refusal without a word** is backed off from, with jitter: see [`RetryPolicy`](crate::RetryPolicy). Other ids
//!   go on meanwhile; [`adaptive`](crate::Builder::adaptive) slows them down.
//! * **Epochs and dates** are compared with the `Date` of the answer. The local clock may be wrong.
//! * **A retry costs** a token of each limit, as a first try does, and there are only so many: see
//!   [`RetryBudget`](crate::RetryBudget).
//! * **[`obey_server(false)`](crate::Builder::obey_server)** is for a server whose headers are wrong: what it tells is
//!   not done, and refusals are backed off from.
//!
//! # GitHub
//!
//! [5,000 requests an hour][github] for a user, 60 without a token, 1,000 for the `GITHUB_TOKEN` of a repository.
//! Beside it the secondary limits: 100 requests at a time, and 900 points a minute, of which a GET costs one. It asks
//! to send requests [one after the other][github-best], and a second between those that write: for these, set
//! `.max_in_flight(1)` and `.rate(Rate::per_second(1)).burst(1)`.
//!
//! ```
//! use std::time::Duration;
//! use fanout::{FanOutClient, Limit, Rate, RetryPolicy};
//!
//! let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
//! # let token = "secret";
//! let client = FanOutClient::builder("https://api.github.com/repos/rust-lang/{id}")
//!     .header("Authorization", format!("Bearer {token}"))
//!     .rate(Rate::per_second(10)).burst(20)       // 620 a minute at most
//!     .limit(Limit::at_most(5_000, hour))
//!     .reserve(100)                               // for your browser, your editor, your other jobs
//!     .max_in_flight(4)
//!     .retries(RetryPolicy::new(4).throttling_base(minute).max_backoff(10 * minute))
//!     .max_wait(hour + minute)
//!     .build()?;
//! # Ok::<(), fanout::BuildError>(())
//! ```
//!
//! **At its limits.** Each answer counts (`x-ratelimit-remaining`), and tells when the hour ends
//! (`x-ratelimit-reset`, an epoch). When 100 are left the client pauses until then. If others have used those up, the
//! answer is a 403 or 429 with 0 left: the client pauses until the end, and then tries again. With the default
//! `max_wait` the run would fail in both cases.
//!
//! The secondary limits answer with 403 or 429. `Retry-After` is obeyed, whatever is left of the hour. Without it, a
//! 429, a 403 with `gh-limited-by`, and a 403 that says so in its body mean a minute, as GitHub asks for. If it goes
//! on, the waits grow, to up to 10 min, and after five tries the run fails. A 403 for want of a right is not tried
//! again.
//!
//! # GitLab
//!
//! [2,000 requests a minute][gitlab] for a user of GitLab.com's API, and less for many paths: 400 for `/projects/:id`,
//! 300 in *ten* minutes for `/users/:id`. Limits by the hour and by plan are announced there. On an instance of your
//! own the administrator [sets them][gitlab-own].
//!
//! ```
//! use std::time::Duration;
//! use fanout::{FanOutClient, Limit, Rate};
//!
//! # let token = "secret";
//! let client = FanOutClient::builder("https://gitlab.com/api/v4/projects/{id}")
//!     .header("PRIVATE-TOKEN", token)
//!     .rate(Rate::per_second(10)).burst(20)
//!     .limit(Limit::at_most(400, Duration::from_secs(60)))
//!     .retries(5)
//!     .build()?;
//! # Ok::<(), fanout::BuildError>(())
//! ```
//!
//! **At its limits.** A 429. `Retry-After` is obeyed; without it, `RateLimit-Reset`, which is an epoch here, although
//! the name is that of the IETF's old drafts, where it means seconds. [Some][gitlab-bare] of its 429s have neither, and
//! are backed off from. On GitLab.com the count [comes][gitlab-count] with the refusal only, so that there is nothing
//! to pause for beforehand; where an instance tells it earlier, it is used.
//!
//! # Stripe
//!
//! [100 requests a second][stripe], 25 in a sandbox, 25 for most single endpoints, 20 for files; and limits on requests
//! at a time.
//!
//! ```
//! use fanout::{FanOutClient, Rate, RetryPolicy, http::Method};
//!
//! # let key = "secret";
//! let client = FanOutClient::builder("https://api.stripe.com/v1/customers/{id}")
//!     .method(Method::POST)
//!     .header("Authorization", format!("Bearer {key}"))
//!     .header("Content-Type", "application/x-www-form-urlencoded")
//!     .header("Idempotency-Key", "job-{id}")      // a new name for each job, up to 255 characters in all
//!     .body("metadata[seen]=yes")
//!     .rate(Rate::per_second(20)).burst(5)        // 25 in any second
//!     .max_in_flight(8)
//!     .retries(RetryPolicy::new(5))
//!     .adaptive(true)
//!     .build()?;
//! # Ok::<(), fanout::BuildError>(())
//! ```
//!
//! **At its limits.** A 429 with `Stripe-Rate-Limited-Reason`, and no word of when to come back. It is tried again
//! after a wait of up to 1 s, 2 s, 4 s …, with the same key. With `adaptive`, `global-rate` and `endpoint-rate` lower
//! the rate, and so does a 429 without a reason; `global-concurrency` and `endpoint-concurrency` lower the number in
//! flight, and leave the rate.
//!
//! Without the key, a POST is not tried again, be it for a 429. Leave [`on_500`](crate::RetryPolicy::on_500) as it is:
//! Stripe [keeps][stripe-key] the answer to a key, also if it was a 500, and would give it again.
//!
//! # OpenAI
//!
//! Requests and tokens a minute, by [model and account][openai]; your own are on its limits page. Say it is 500
//! requests and 30,000 tokens. A minute's limit [may be kept][openai-429] by the second (60 a minute as one a second),
//! and so the bursts are small. What a request costs in tokens is known afterwards: declare an estimate, and settle.
//!
//! ```no_run
//! use std::time::Duration;
//! use fanout::{CancelToken, Cost, FanOutClient, Limit, Rate, RetryPolicy, http};
//!
//! const ESTIMATE: u32 = 1_000;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let minute = Duration::from_secs(60);
//! # let key = "secret";
//! let client = FanOutClient::from_requests(|id| {
//!         http::Request::post("https://api.openai.com/v1/responses")
//!             .header("Content-Type", "application/json")
//!             .body(format!(r#"{{"model": "gpt-4o-mini", "input": "Say a word on the number {id}."}}"#))
//!     })
//!     .header("Authorization", format!("Bearer {key}"))
//!     .rate(Rate::new(492, minute)).burst(8)                  // limit 0: requests
//!     .limit(Limit::at_most(30_000, minute).burst(4_000))     // limit 1: tokens
//!     .cost(|_id| Cost::ONE.with(1, ESTIMATE))
//!     .retries(RetryPolicy::new(5).even_unsafe(true))         // to ask twice costs money, and does no harm
//!     .timeout(Duration::from_secs(120))
//!     .max_wait(10 * minute)
//!     .build()?;
//!
//! client.fetch_each(&CancelToken::new(), 1..=1_000, |outcome| {
//!     let answer: serde_json::Value = serde_json::from_slice(&outcome.result?.body)?;
//!     let used = answer["usage"]["total_tokens"].as_i64().unwrap_or(i64::from(ESTIMATE));
//!     client.limiter().settle(1, used - i64::from(ESTIMATE))?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! **At its limits.** Each answer counts both (`x-ratelimit-remaining-requests`, `-tokens`) and tells when each is full
//! again, as a span: `x-ratelimit-reset-requests: 6m0s`. When none is left of either, the client pauses for that long
//! before the refusal. After a 429 it pauses for the longest of the spans of what is spent; `Retry-After` and
//! `retry-after-ms` go before them. What a request has cost above its estimate is a debt, and delays the next ones.
//!
//! `reserve` is held against every count, of tokens as of requests: leave it at 0 here. A 429 for want of money looks
//! like one without a word: it is tried as often as you allow, and then the run fails. Refused requests
//! [count][openai-429] with OpenAI as they do here.
//!
//! # Anthropic
//!
//! Requests, input tokens and output tokens a minute, by [account and model][anthropic]. Say it is 1,000, 80,000 and
//! 16,000. In place of OpenAI's lines:
//!
//! ```
//! # use std::time::Duration;
//! # use fanout::{Cost, FanOutClient, Limit, Rate, RetryPolicy};
//! # let minute = Duration::from_secs(60);
//! # let client = FanOutClient::builder("https://api.anthropic.com/{id}")
//!     .rate(Rate::new(980, minute)).burst(20)                 // limit 0: requests
//!     .limit(Limit::at_most(80_000, minute))                  // limit 1: input, and as many as are in the prompt
//!     .limit(Limit::at_most(16_000, minute))                  // limit 2: output, up to `max_tokens`
//!     .cost(|_id| Cost::ONE.with(1, 2_000).with(2, 1_000))
//!     .retries(RetryPolicy::new(5).even_unsafe(true))
//! #   .build()?;
//! # Ok::<(), fanout::BuildError>(())
//! ```
//!
//! and then `settle(1, …)` with `usage.input_tokens`, `settle(2, …)` with `usage.output_tokens`.
//!
//! **At its limits.** Each answer [counts][anthropic-headers] each of them
//! (`anthropic-ratelimit-output-tokens-remaining`), and tells the end as a date of RFC 3339; when none is left of one,
//! the client pauses before the refusal. `Retry-After` is obeyed, on a 429 and on a 529 ("overloaded"); a 529 without
//! it is not tried again.
//!
//! # A plain nginx
//!
//! Its [`limit_req`][nginx] has a rate and a burst, as here, and tells nothing. If it is yours, let it say 429, for its
//! default is a 503:
//!
//! ```text
//! limit_req_zone $binary_remote_addr zone=api:10m rate=10r/s;
//! limit_req zone=api burst=20 nodelay;
//! limit_req_status 429;
//! ```
//!
//! ```
//! use fanout::{FanOutClient, Rate};
//!
//! let client = FanOutClient::builder("https://api.example.com/users/{id}")
//!     .rate(Rate::per_second(10)).burst(20)       // nginx admits one more than its burst
//!     .max_in_flight(8)                           // no more than its `limit_conn`
//!     .retries(5)
//!     .adaptive(true)
//!     .build()?;
//! # Ok::<(), fanout::BuildError>(())
//! ```
//!
//! **At its limits.** A bare 429 is throttling: it is tried again after up to 1 s, 2 s, 4 s …, and lowers the rate,
//! which climbs again later. A bare 503 cannot be told from a fault: it is tried again after up to 200 ms, 400 ms,
//! 800 ms …, and the rate stays. A 503 with `Retry-After` is obeyed, as a pause of the client.
//!
//! # Others that do this
//!
//! What each does when the server says slow down. Read in its documentation or source, not measured; "?" is what was
//! not checked.
//!
//! | | fanout | [got] | [octokit's throttling][octokit] | [AWS SDKs][aws] | [backon] + [governor] | [curl `--retry`][curl] | [tower] |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | obeys `Retry-After` | yes, and its kin | yes | yes, and GitHub's reset | AWS's own, in ms | by your `adjust` | yes | by your policy |
//! | counts what is left | yes | no | when it is refused | no | no | [no][curl-todo] | no |
//! | one pause for all | yes | no | no | adaptive mode delays all | no | no | no |
//! | a longest wait | fails at once | fails at once, if set | asks your handler | cuts it, to 5 s above the backoff | yours | stops (`--retry-max-time`) | yours |
//! | a retry costs a token | yes | has no limiter | [no][octokit-wrap] | in adaptive mode: ? | if you ask in the closure | has `--rate`; [no][curl-rate] | by the order of layers |
//! | a retry budget | yes, by ids | no | no | yes, refilled by success | no | no | [yes][tower-budget] |
//! | jitter | full | up to 100 ms | none | yes | if set, added | none | [if set][tower-backoff], added |
//!
//! What they do better. got has a hook for every step (`calculateDelay` sees the whole error), HTTP/2 and a cache.
//! octokit knows GitHub's ways, where this crate knows its headers: a second between writes, two between searches,
//! three where people are notified; it reads the words of a secondary limit in the body, and GraphQL's; several
//! processes can share a limit over Redis. The AWS SDKs know the error codes of each service, and not only the status;
//! what succeeds pays back into the budget. backon and governor are async as well as blocking, do without `std`, keep a
//! limit for each key, and leave everything else to you. curl is there already, and speaks every protocol. tower puts
//! its layers around any service, with hedging, load shedding and balancing beside them. All of them have had years of
//! use; this crate is new.
//!
//! [github]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
//! [github-best]: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
//! [gitlab]: https://docs.gitlab.com/user/gitlab_com/rate_limits/
//! [gitlab-own]: https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits
//! [gitlab-bare]: https://gitlab.com/gitlab-org/gitlab/-/issues/365728
//! [gitlab-count]: https://gitlab.com/gitlab-com/gl-infra/production-engineering/-/issues/25372
//! [stripe]: https://docs.stripe.com/rate-limits
//! [stripe-key]: https://docs.stripe.com/api/idempotent_requests
//! [openai]: https://developers.openai.com/api/docs/guides/rate-limits
//! [openai-429]: https://help.openai.com/en/articles/5955604-how-can-i-so
//! [anthropic]: https://platform.claude.com/docs/en/api/rate-limits
//! [anthropic-headers]: https://docs.aws.amazon.com/claude-platform/latest/userguide/rate-limits.html
//! [nginx]: https://nginx.org/en/docs/http/ngx_http_limit_req_module.html
//! [got]: https://github.com/sindresorhus/got/blob/main/documentation/7-retry.md
//! [octokit]: https://github.com/octokit/plugin-throttling.js/blob/main/src/index.ts
//! [octokit-wrap]: https://github.com/octokit/plugin-throttling.js/blob/main/src/wrap-request.ts
//! [aws]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
//! [backon]: https://docs.rs/backon/latest/backon/struct.Retry.html
//! [governor]: https://docs.rs/governor
//! [curl]: https://curl.se/docs/manpage.html#--retry
//! [curl-rate]: https://curl.se/docs/manpage.html#--rate
//! [curl-todo]: https://github.com/curl/curl/issues/5406
//! [tower]: https://docs.rs/tower/latest/tower/retry/index.html
//! [tower-budget]: https://docs.rs/tower/latest/tower/retry/budget/struct.TpsBudget.html
//! [tower-backoff]: https://docs.rs/tower/latest/tower/retry/backoff/struct.ExponentialBackoffMaker.html
