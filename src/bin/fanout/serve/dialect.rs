//! How servers of different kinds tell of their limits, and how they refuse.
//!
//! | | what is told in advance | beyond the quota | beyond what is in flight | beyond the hidden limit |
//! | --- | --- | --- | --- | --- |
//! | `plain` | nothing | 429, `Retry-After`: when the next token is there | 429, `Retry-After: 1` | 429, and nothing else |
//! | `github` | `x-ratelimit-*`, `Date` | 403, `x-ratelimit-remaining: 0` | 403 of a secondary limit, `Retry-After: 1` | the same, `Retry-After`: when its next token is there |
//!
//! GitHub's headers, statuses and what a client should make of them:
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>. Its quota is so many requests in
//! a fixed window, not a token bucket, and so it is here: `--rate 5000/h` says 5,000 of each hour, and there is no
//! burst. Each answer has the headers but a fault: that comes, as it were, from a proxy that knows nothing of quotas.
//!
//! A hidden limit is that of a server in front. nginx's `limit_req` tells nothing before and nothing after, and refuses
//! with 503 unless `limit_req_status` says 429 (<https://nginx.org/en/docs/http/ngx_http_limit_req_module.html>), as it
//! mostly does: a 503 would not be told from a fault. At GitHub there is "not a way to check the status of your
//! secondary rate limit" either, but most refusals say when to come again.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use super::answer::Answer;
use super::clock::{Epoch, http_date};
use super::gate::Refusal;
use super::window::Account;

/// The least that `Retry-After` can say, in seconds.
const SOON: u64 = 1;

/// Where GitHub's own refusals point to.
const DOCUMENTATION: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";

/// A kind of server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// nothing is told in advance; 429 with Retry-After beyond the quota
    #[default]
    Plain,
    /// x-ratelimit-* with each answer; 403 beyond the quota, which is N in each fixed window of UNIT
    #[value(name = "github")]
    GitHub,
}

impl Dialect {
    /// The status of each refusal.
    pub(crate) fn refusal_status(self) -> u16 {
        match self {
            Dialect::Plain => 429,
            Dialect::GitHub => 403,
        }
    }

    /// The answer to what is not let in.
    pub(super) fn refusal(self, refusal: Refusal) -> Answer {
        let status = self.refusal_status();
        match (self, refusal) {
            (Dialect::Plain, Refusal::Quota { wait }) => Answer::new(status, r#"{"error":"over the quota"}"#)
                .header("retry-after", whole_seconds(wait)),
            (Dialect::Plain, Refusal::InFlight) => {
                Answer::new(status, r#"{"error":"too many at once"}"#).header("retry-after", SOON)
            }
            (Dialect::Plain, Refusal::Hidden { .. }) => Answer::new(status, r#"{"error":"over a limit"}"#),
            (Dialect::GitHub, Refusal::Quota { .. }) => Answer::new(
                status,
                json!({
                    "message": "API rate limit exceeded for 127.0.0.1.",
                    "documentation_url": DOCUMENTATION,
                })
                .to_string(),
            ),
            (Dialect::GitHub, Refusal::InFlight) => secondary(status, Duration::ZERO),
            (Dialect::GitHub, Refusal::Hidden { wait }) => secondary(status, wait),
        }
    }

    /// Adds what each answer tells, at the second `now`. `account` is how the quota stands, if there is one.
    pub(super) fn tell(self, answer: Answer, account: Option<Account>, now: Epoch) -> Answer {
        if self == Dialect::Plain {
            return answer;
        }
        let answer = match http_date(now) {
            Some(date) => answer.header("date", date),
            None => answer,
        };
        let Some(account) = account else {
            return answer;
        };
        answer
            .header("x-ratelimit-limit", account.limit)
            .header("x-ratelimit-remaining", account.remaining())
            .header("x-ratelimit-used", account.used)
            .header("x-ratelimit-reset", account.reset)
            .header("x-ratelimit-resource", "core")
    }
}

/// Clients know it by these words, or by the end of this URL.
fn secondary(status: u16, wait: Duration) -> Answer {
    let body = json!({
        "message": "You have exceeded a secondary rate limit. \
                    Please wait a few minutes before you try again.",
        "documentation_url": format!("{DOCUMENTATION}#about-secondary-rate-limits"),
    });
    Answer::new(status, body.to_string()).header("retry-after", whole_seconds(wait))
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(SOON)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Epoch = 784_111_777;
    const WAIT: Duration = Duration::from_millis(2_001);

    fn refused(dialect: Dialect, refusal: Refusal) -> String {
        let account = Account { limit: 60, used: 60, reset: NOW + 9 };
        dialect.tell(dialect.refusal(refusal), Some(account), NOW).shown()
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis}");
        }
    }

    #[test]
    fn a_plain_server_says_when_to_come_again_but_for_the_hidden_limit() {
        for (refusal, retry_after) in [
            (Refusal::Quota { wait: WAIT }, Some("3")),
            (Refusal::InFlight, Some("1")),
            (Refusal::Hidden { wait: WAIT }, None),
        ] {
            let answer = refused(Dialect::Plain, refusal);
            assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
            let told = answer.split("\r\nretry-after: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            assert_eq!(told, retry_after, "{answer}");
            assert!(!answer.contains("ratelimit") && !answer.contains("date"), "{answer}");
        }
    }

    #[test]
    fn every_answer_of_github_has_its_account() {
        let account = Account { limit: 60, used: 1, reset: NOW + 9 };
        let answer = Dialect::GitHub.tell(Answer::new(200, "{}"), Some(account), NOW).shown();
        let end = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-ratelimit-limit: 60\r\n\
                   x-ratelimit-remaining: 59\r\nx-ratelimit-used: 1\r\n\
                   x-ratelimit-reset: 784111786\r\nx-ratelimit-resource: core\r\n\r\n{}";
        assert!(answer.ends_with(end), "{answer}");
        let unlimited = Dialect::GitHub.tell(Answer::new(200, "{}"), None, NOW).shown();
        assert!(unlimited.contains("date: ") && !unlimited.contains("ratelimit"), "{unlimited}");
    }

    #[test]
    fn the_quota_of_github_refuses_by_its_account_and_a_secondary_limit_by_retry_after() {
        let primary = refused(Dialect::GitHub, Refusal::Quota { wait: WAIT });
        assert!(primary.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{primary}");
        assert!(primary.contains("\r\nx-ratelimit-remaining: 0\r\n"), "{primary}");
        assert!(primary.contains(r#""message":"API rate limit exceeded for "#), "{primary}");
        assert!(!primary.contains("retry-after"), "{primary}");
        for (refusal, seconds) in [(Refusal::InFlight, 1), (Refusal::Hidden { wait: WAIT }, 3)] {
            let secondary = refused(Dialect::GitHub, refusal);
            assert!(secondary.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{secondary}");
            assert!(secondary.contains(&format!("\r\nretry-after: {seconds}\r\n")), "{secondary}");
            assert!(secondary.contains("You have exceeded a secondary rate limit"), "{secondary}");
            assert!(secondary.contains("secondary-rate-limits\""), "{secondary}");
        }
    }
}
