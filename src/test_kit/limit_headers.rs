//! The headers that a dialect adds to an answer.
//!
//! They are made when the answer goes out: a script is written before, and some servers say the time of the reset as
//! an instant.

use std::time::{Duration, SystemTime};

use super::date::{date_at, epoch_seconds, http_date};
use super::dialect::{Dialect, Standing};

/// A header.
type Header = (&'static str, String);

/// What a dialect adds to an answer when it goes out.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitHeaders {
    pub(super) dialect: Dialect,
    pub(super) standing: Standing,
    pub(super) case: Case,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Answered,
    /// Refused because of the rate.
    Refused,
    /// Refused because too many are under way; when to come again.
    Crowded(Duration),
}

impl LimitHeaders {
    /// The headers, for an answer that goes out `now`.
    pub(super) fn headers(&self, now: SystemTime) -> Vec<Header> {
        let mut headers = match self.dialect {
            Dialect::Plain => return self.plain(),
            Dialect::GitHub => self.github(now),
            Dialect::GitLab => self.gitlab(now),
            Dialect::Stripe => self.stripe(),
            Dialect::OpenAi => self.openai(),
            Dialect::Nginx => self.nginx(),
        };
        headers.push(("Date", http_date(now)));
        headers
    }

    fn is_refusal(&self) -> bool {
        self.case != Case::Answered
    }

    fn plain(&self) -> Vec<Header> {
        let seconds = whole_seconds(self.standing.reset_in).to_string();
        if self.is_refusal() { vec![("Retry-After", seconds)] } else { Vec::new() }
    }

    fn github(&self, now: SystemTime) -> Vec<Header> {
        let Standing { limit, remaining, reset_in } = self.standing;
        let mut headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("x-ratelimit-used", limit.saturating_sub(remaining).to_string()),
            ("x-ratelimit-reset", epoch_after(now, reset_in).to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ];
        if self.is_refusal() {
            headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
        }
        if let Case::Crowded(retry_in) = self.case {
            headers.push(("retry-after", whole_seconds(retry_in).to_string()));
        }
        headers
    }

    fn gitlab(&self, now: SystemTime) -> Vec<Header> {
        let Standing { limit, remaining, reset_in } = self.standing;
        let reset = epoch_after(now, reset_in);
        let mut headers = vec![
            ("RateLimit-Limit", limit.to_string()),
            ("RateLimit-Name", "throttle_authenticated_api".to_owned()),
            ("RateLimit-Observed", limit.saturating_sub(remaining).to_string()),
            ("RateLimit-Remaining", remaining.to_string()),
            ("RateLimit-Reset", reset.to_string()),
        ];
        if self.is_refusal() {
            headers.push(("Content-Type", "text/plain".to_owned()));
            headers.push(("RateLimit-ResetTime", date_at(reset)));
            headers.push(("Retry-After", whole_seconds(reset_in).to_string()));
        }
        headers
    }

    fn stripe(&self) -> Vec<Header> {
        let reason = match self.case {
            Case::Answered => return Vec::new(),
            Case::Refused => "global-rate",
            Case::Crowded(_) => "global-concurrency",
        };
        vec![
            ("Content-Type", "application/json".to_owned()),
            ("Stripe-Rate-Limited-Reason", reason.to_owned()),
        ]
    }

    fn openai(&self) -> Vec<Header> {
        let Standing { limit, remaining, reset_in } = self.standing;
        let mut headers = vec![
            ("x-ratelimit-limit-requests", limit.to_string()),
            ("x-ratelimit-remaining-requests", remaining.to_string()),
            ("x-ratelimit-reset-requests", in_units(reset_in)),
            // As in the example of the documentation.
            ("x-ratelimit-limit-tokens", "150000".to_owned()),
            ("x-ratelimit-remaining-tokens", "149984".to_owned()),
            ("x-ratelimit-reset-tokens", "6m0s".to_owned()),
        ];
        if self.is_refusal() {
            headers.push(("content-type", "application/json".to_owned()));
            headers.push(("retry-after", whole_seconds(reset_in).to_string()));
        }
        headers
    }

    fn nginx(&self) -> Vec<Header> {
        let mut headers = vec![("Server", "nginx".to_owned())];
        if self.is_refusal() {
            headers.push(("Content-Type", "text/html".to_owned()));
        }
        headers
    }
}

/// Rounded up.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// The first whole second since 1970 that is not before the end of `time`.
fn epoch_after(now: SystemTime, time: Duration) -> u64 {
    match now.checked_add(time) {
        Some(end) => {
            let seconds = epoch_seconds(end);
            let is_whole = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) == Some(end);
            seconds.saturating_add(u64::from(!is_whole))
        }
        None => u64::MAX,
    }
}

/// `12ms`, `1s`, `1.5s`, `6m0s`, `1h0m0s`; rounded up to milliseconds.
pub(super) fn in_units(time: Duration) -> String {
    let millis = time.as_nanos().div_ceil(1_000_000);
    let (whole, rest) = (millis / 1_000, millis % 1_000);
    if whole == 0 && rest > 0 {
        return format!("{rest}ms");
    }
    let fraction =
        if rest == 0 { String::new() } else { format!(".{rest:03}").trim_end_matches('0').to_owned() };
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_units_and_rounded_up() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ms"),
            (12_000_000, "12ms"),
            (999_000_001, "1s"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (360_000_000_000, "6m0s"),
            (3_661_050_000_000, "1h1m1.05s"),
        ] {
            assert_eq!(in_units(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(in_units(Duration::MAX), "5124095576030431h0m16s");
    }

    #[test]
    fn an_epoch_is_never_too_early() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for (now, wait, epoch) in [(0, 0, 0), (1_000, 2_000, 3), (1_001, 2_000, 4), (999, 1, 1)] {
            assert_eq!(epoch_after(at(now), Duration::from_millis(wait)), epoch);
        }
        assert_eq!(epoch_after(at(0), Duration::MAX), u64::MAX);
    }
}
