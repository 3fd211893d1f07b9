//! What fits no rule: the words of single servers.

use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName};

use super::moment::Moment;
use super::{Answer, Source, Throttled, Window, values};

/// So much of a body is searched.
const MAX_SEARCHED: usize = 4096;

/// What the other readers found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    pub(super) asked: bool,
    pub(super) spent: bool,
    pub(super) slots_spent: bool,
}

/// Whether the answer refuses for a limit, and for which kind.
///
/// A 429 always does. A 503 says "later", and a 403 may mean what it says: they do if they ask for a wait or show a
/// spent window. (529 is Anthropic's 503.)
pub(super) fn throttled(answer: &Answer<'_>, evidence: Evidence) -> Option<Throttled> {
    let shown = evidence.asked || evidence.spent;
    let refused = match answer.status.as_u16() {
        429 => true,
        503 | 529 => shown,
        403 => shown || is_github_secondary(answer),
        _ => false,
    };
    refused.then(|| named(answer.headers).unwrap_or_else(|| shown_by(answer.headers, evidence)))
}

/// The kind that a server names.
fn named(headers: &HeaderMap) -> Option<Throttled> {
    let word = |name: &str| values(headers, name).next();
    // Stripe: `global-rate`, `endpoint-concurrency`, `resource-specific` …
    if let Some(reason) = word("stripe-rate-limited-reason") {
        return Some(match reason.rsplit('-').next() {
            Some("concurrency") => Throttled::Concurrency,
            Some("rate") => Throttled::Rate,
            _ => Throttled::Unknown,
        });
    }
    // Atlassian: `jira-burst-based`, `jira-quota-tenant-based` …; Discord: `user`, `global`, `shared`.
    word("ratelimit-reason").or_else(|| word("x-ratelimit-scope")).map(|_| Throttled::Rate)
}

/// The kind that follows from the counts. Okta writes that none of 0 are left if there were too many at once, and calls
/// the end a suggestion.
fn shown_by(headers: &HeaderMap, evidence: Evidence) -> Throttled {
    let is_zero = |name: &str| values(headers, name).any(|value| value == "0");
    if evidence.slots_spent || (is_zero("x-rate-limit-limit") && is_zero("x-rate-limit-remaining")) {
        Throttled::Concurrency
    } else if evidence.spent {
        Throttled::Rate
    } else {
        Throttled::Unknown
    }
}

/// GitHub's secondary limit, which may be known by its words only. On a 403 without them it may as well be a right that
/// is lacking; on a 429 there is nothing else that it could be, if no window is spent.
pub(super) fn is_github_secondary(answer: &Answer<'_>) -> bool {
    const WORDS: [&[u8]; 2] = [b"secondary rate limit", b"abuse detection mechanism"];
    let serves = |value: &str| value.eq_ignore_ascii_case("github.com");
    if !answer.headers.contains_key("x-github-request-id") && !values(answer.headers, "server").any(serves) {
        return false;
    }
    let body = answer.body.get(..MAX_SEARCHED).unwrap_or(answer.body);
    let says = |words: &[u8]| body.windows(words.len()).any(|part| part.eq_ignore_ascii_case(words));
    match answer.status.as_u16() {
        429 => true,
        403 => answer.headers.contains_key("gh-limited-by") || WORDS.iter().any(|words| says(words)),
        _ => false,
    }
}

/// `X-Shopify-Shop-Api-Call-Limit: 32/40`: a leaky bucket. Its documentation lets a twentieth of it leak each second
/// (40 deep and 2/s, 80 and 4/s, 400 and 20/s), and so there is more a second later.
pub(super) fn shopify(headers: &HeaderMap, moment: &Moment) -> Option<Window> {
    const NAME: HeaderName = HeaderName::from_static("x-shopify-shop-api-call-limit");
    let value = values(headers, NAME.as_str()).next()?;
    let (used, limit) = value.split_once('/')?;
    let (used, limit): (u64, u64) = (used.parse().ok()?, limit.parse().ok()?);
    Some(Window {
        remaining: limit.saturating_sub(used),
        limit: Some(limit),
        reset_at: moment.after(Duration::from_secs(1)),
        told_by: Source::header(&NAME, value),
    })
}
