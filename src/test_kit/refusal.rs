//! How real servers refuse: the status and the body, as the [`Dialect`] of each says.

use std::time::Duration;

use super::answer::Answer;
use super::dialect::{Dialect, Standing};
use super::limit_headers::{Case, LimitHeaders, in_units};

/// Refusals.
impl Answer {
    /// How such a server refuses a request that is beyond its rate: "come again in so long". See [`Dialect`] for what
    /// each of them says, and where; not all of them say when.
    #[must_use]
    pub fn refusal(dialect: Dialect, retry_in: Duration) -> Answer {
        dialect.refusal(dialect.used_up(retry_in))
    }

    /// How such a server refuses a request because too many are under way: GitHub's secondary limit, Stripe's
    /// `global-concurrency`. The others do not tell it apart from a [`refusal`](Answer::refusal).
    #[must_use]
    pub fn too_many_at_once(dialect: Dialect, retry_in: Duration) -> Answer {
        dialect.too_many_at_once(dialect.usual(), retry_in)
    }
}

impl Dialect {
    /// A refusal because of the rate: come again when the quota is reset.
    pub(super) fn refusal(self, standing: Standing) -> Answer {
        let (status, body) = match self {
            Dialect::Plain => (429, String::new()),
            Dialect::GitHub => (403, github("API rate limit exceeded for user ID 1.", "")),
            Dialect::GitLab => (429, "Retry later".to_owned()),
            Dialect::Stripe => (429, STRIPE_BODY.to_owned()),
            Dialect::OpenAi => (429, openai(standing)),
            Dialect::Nginx => (503, NGINX_PAGE.to_owned()),
        };
        let told = LimitHeaders { dialect: self, standing, case: Case::Refused };
        Answer { told: Some(told), ..Answer::status(status).body(body) }
    }

    /// A refusal because too many are under way.
    pub(super) fn too_many_at_once(self, standing: Standing, retry_in: Duration) -> Answer {
        let told = Some(LimitHeaders { dialect: self, standing, case: Case::Crowded(retry_in) });
        match self {
            Dialect::GitHub => {
                let body = github(GITHUB_SECONDARY, "#about-secondary-rate-limits");
                Answer { told, ..Answer::status(403).body(body) }
            }
            Dialect::Stripe => Answer { told, ..self.refusal(standing) },
            _ => self.refusal(Standing { remaining: 0, reset_in: retry_in, ..standing }),
        }
    }
}

/// Clients know a secondary limit by these words.
const GITHUB_SECONDARY: &str =
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

fn github(message: &str, section: &str) -> String {
    let page = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
    format!(r#"{{"message":"{message}","documentation_url":"{page}{section}"}}"#)
}

/// Without a code, which it had before
/// <https://docs.stripe.com/changelog/2015-09-08/rate-limited-requests-return-429-no-rate-limit>.
const STRIPE_BODY: &str =
    r#"{"error":{"message":"Request rate limit exceeded.","type":"invalid_request_error"}}"#;

fn openai(standing: Standing) -> String {
    let Standing { limit, reset_in, .. } = standing;
    let wait = in_units(reset_in);
    let message = format!(
        "Rate limit reached for requests per min (RPM): Limit {limit}, Used {limit}, Requested 1. \
         Please try again in {wait}."
    );
    format!(
        r#"{{"error":{{"message":"{message}","type":"requests","param":null,"code":"rate_limit_exceeded"}}}}"#
    )
}

/// What nginx has for a 503, with `server_tokens off`.
const NGINX_PAGE: &str = "<html>\r\n\
    <head><title>503 Service Temporarily Unavailable</title></head>\r\n\
    <body>\r\n\
    <center><h1>503 Service Temporarily Unavailable</h1></center>\r\n\
    <hr><center>nginx</center>\r\n\
    </body>\r\n\
    </html>\r\n";
