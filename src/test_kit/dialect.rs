//! How real servers talk about their quotas: what a refusal looks like, and what stands in each other answer.
//!
//! Nothing here is guessed: each status, header and body has been read where the variant says. Statuses and bodies are
//! in `refusal`, the headers in `limit_headers`.

use std::time::Duration;

/// A server whose way to speak of its quota is known.
///
/// With [`Script::dialect`](super::Script::dialect) all answers of a server speak so, its own refusals included;
/// [`Answer::refusal`] and [`Answer::standing`] make single ones. Each of them has a `Date`, but [`Plain`].
///
/// | | a refusal | when to come again | how much is left, in each answer |
/// | --- | --- | --- | --- |
/// | [`Plain`] | 429 | `Retry-After` | |
/// | [`GitHub`] | 403, JSON | `x-ratelimit-reset`, as an epoch; secondary limit: `retry-after` | `x-ratelimit-limit`, `-remaining`, `-used`, `-reset`, `-resource` |
/// | [`GitLab`] | 429, text | `Retry-After`, `RateLimit-Reset` as an epoch, `RateLimit-ResetTime` as a date | `RateLimit-Limit`, `-Name`, `-Observed`, `-Remaining`, `-Reset` |
/// | [`Stripe`] | 429, JSON, `Stripe-Rate-Limited-Reason` | | |
/// | [`OpenAi`] | 429, JSON | `retry-after`, `x-ratelimit-reset-requests` as `1s` or `6m0s` | `x-ratelimit-limit-`, `-remaining-`, `-reset-`, each of `requests` and `tokens` |
/// | [`Nginx`] | 503, HTML | | |
///
/// Seconds are rounded up, so that nobody who obeys comes too early.
///
/// ```
/// use std::time::Duration;
/// use fanout::test_kit::{Answer, Dialect, Server};
/// use fanout::{CancelToken, FanOutClient, http::StatusCode};
///
/// let slow_down = Answer::refusal(Dialect::GitLab, Duration::from_secs(30));
/// let server = Server::start(|script| script.otherwise(slow_down));
/// let client = FanOutClient::builder(server.url()).build()?;
/// let error = client.fetch_all(&CancelToken::new(), ["7"]).unwrap_err();
/// assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
/// assert_eq!(error.headers().unwrap()["retry-after"], "30");
/// # Ok::<(), fanout::BuildError>(())
/// ```
///
/// [`Answer::refusal`]: super::Answer::refusal
/// [`Answer::standing`]: super::Answer::standing
/// [`Plain`]: Dialect::Plain
/// [`GitHub`]: Dialect::GitHub
/// [`GitLab`]: Dialect::GitLab
/// [`Stripe`]: Dialect::Stripe
/// [`OpenAi`]: Dialect::OpenAi
/// [`Nginx`]: Dialect::Nginx
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// What the standard says, and no more:
    /// [RFC 6585, section 4](https://www.rfc-editor.org/rfc/rfc6585#section-4), and
    /// [RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
    Plain,
    /// GitHub's REST API:
    /// [rate limits](https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api). Its primary
    /// limit answers 403 or 429 with nothing left, its secondary one 403 or 429 with a message that says so and, at
    /// times, `retry-after`; here it is 403 for both. The bodies are as users have seen them, the second one
    /// [here](https://github.com/app-sre/github-mirror/pull/62).
    GitHub,
    /// GitLab: [rate limits](https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/).
    GitLab,
    /// Stripe: [rate limits](https://docs.stripe.com/rate-limits), which name the reasons and no time, and
    /// [errors](https://docs.stripe.com/api/errors) for the form of the body.
    Stripe,
    /// OpenAI: [headers](https://developers.openai.com/api/docs/guides/rate-limits#rate-limits-in-headers); and for
    /// the status, its code and `retry-after` Microsoft's
    /// [summary](https://learn.microsoft.com/en-us/microsoft-cloud/dev/dev-proxy/concepts/openai-rate-limit-reached).
    OpenAi,
    /// nginx with [`limit_req`](https://nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_status) as it
    /// comes: 503, with the page that it has for that and without a time.
    Nginx,
}

/// How much of a quota is left, as a server says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many requests there may be.
    pub limit: u32,
    /// How many there still may be.
    pub remaining: u32,
    /// When that will be as many as the limit again.
    pub reset_in: Duration,
}

impl Dialect {
    /// What it says where nothing is known: the example of its documentation, with one request made.
    pub(super) fn usual(self) -> Standing {
        let (limit, window) = match self {
            Dialect::GitHub => (5_000, 3_600),
            Dialect::GitLab | Dialect::OpenAi => (60, 60),
            // They say none of it.
            Dialect::Plain | Dialect::Stripe | Dialect::Nginx => (0, 0),
        };
        Standing { limit, remaining: limit.saturating_sub(1), reset_in: Duration::from_secs(window) }
    }

    /// The same with nothing left.
    pub(super) fn used_up(self, reset_in: Duration) -> Standing {
        Standing { remaining: 0, reset_in, ..self.usual() }
    }
}

#[cfg(test)]
mod tests;
