//! `RateLimit` and `RateLimit-Policy` of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10 and -11), lists of
//! RFC 9651:
//!
//! ```text
//! RateLimit-Policy: "burst";q=100;w=60,"daily";q=1000;w=86400
//! RateLimit: "burst";r=50;t=30
//! ```
//!
//! `r` is what is left, `t` the seconds until there is more, `q` the quota, `w` the window's length, and `qu` its unit.
//! Draft 7 had a dictionary instead (`limit=100, remaining=50, reset=30`), which express-rate-limit still sends; the
//! fields of the drafts before that are read in `counts`, by their names.
//!
//! A malformed field must be ignored, the draft says. Here that goes item by item: the draft's own examples hold names
//! that are no strings, and an item that is well formed does not become less true by what follows it.

use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName};

use super::counts::{LONGEST_GUESS, count};
use super::moment::Moment;
use super::{MAX_WINDOWS, Source, Window, duration, values};

const NAME: HeaderName = HeaderName::from_static("ratelimit");

#[derive(Debug)]
pub(super) struct Limits {
    pub(super) windows: Vec<Window>,
    /// A limit on concurrent requests has no slot left. It has no window, and no end.
    pub(super) slots_spent: bool,
}

/// An item of a list: its name, and the parameters behind it.
#[derive(Clone, Copy)]
struct Item<'a> {
    name: &'a str,
    text: &'a str,
}

pub(super) fn read(headers: &HeaderMap, moment: &Moment) -> Limits {
    let mut limits = Limits { windows: Vec::new(), slots_spent: false };
    let mut dictionary = Dictionary::default();
    // Once, and no more than that: else a server could have each of a thousand items sought among a thousand.
    let policies = values(headers, "ratelimit-policy").flat_map(|value| items(value, ','));
    let policies: Vec<Item<'_>> = policies.take(MAX_WINDOWS).collect();
    for item in values(headers, NAME.as_str()).flat_map(|value| items(value, ',')) {
        if limits.windows.len() >= MAX_WINDOWS {
            break;
        }
        if let Some((key, value)) = item.name.split_once('=') {
            limits.windows.extend(dictionary.take(key, value, moment));
            continue;
        }
        let Some(remaining) = item.number("r") else {
            continue;
        };
        let policy = policies.iter().find(|policy| policy.name == item.name);
        if policy.and_then(|policy| policy.parameter("qu")) == Some("\"concurrent-requests\"") {
            limits.slots_spent |= remaining == 0;
            continue;
        }
        let told = item.parameter("t").and_then(duration::seconds);
        let guessed = || policy.and_then(|policy| policy.parameter("w")).and_then(duration::seconds);
        let wait = told.or_else(|| guessed().filter(|length| *length <= LONGEST_GUESS));
        let limit = policy.and_then(|policy| policy.number("q"));
        limits.windows.extend(wait.and_then(|wait| window(remaining, limit, wait, item.text, moment)));
    }
    limits
}

/// A window that is not over.
fn window(remaining: u64, limit: Option<u64>, wait: Duration, text: &str, moment: &Moment) -> Option<Window> {
    let told_by = Source::header(&NAME, text);
    (!wait.is_zero()).then(|| Window { remaining, limit, reset_at: moment.after(wait), told_by })
}

/// The form of draft 7, member by member. Several limiters may have written one behind the other, each with its limit
/// first.
#[derive(Default)]
struct Dictionary {
    limit: Option<u64>,
    remaining: Option<u64>,
}

impl Dictionary {
    fn take(&mut self, key: &str, value: &str, moment: &Moment) -> Option<Window> {
        match key {
            "limit" => *self = Dictionary { limit: count(value), remaining: None },
            "remaining" => self.remaining = count(value),
            "reset" => {
                let (remaining, wait) = (self.remaining.take()?, duration::seconds(value)?);
                let text = format!("remaining={remaining}, reset={value}");
                return window(remaining, self.limit.take(), wait, &text, moment);
            }
            _ => {}
        }
        None
    }
}

impl<'a> Item<'a> {
    fn parameter(self, key: &str) -> Option<&'a str> {
        let parameters = split(self.text, ';').skip(1).filter_map(|parameter| parameter.split_once('='));
        // Of several with the same key the last counts (RFC 9651).
        parameters.filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    fn number(self, key: &str) -> Option<u64> {
        count(self.parameter(key)?)
    }
}

fn items(text: &str, separator: char) -> impl Iterator<Item = Item<'_>> {
    let items = split(text, separator).map(|text| Item { name: split(text, ';').next().unwrap_or(""), text });
    items.filter(|item| is_whole(item.name))
}

/// A name is a token or a string, and a string has an end.
fn is_whole(name: &str) -> bool {
    match name.strip_prefix('"') {
        Some(rest) => rest.ends_with('"'),
        None => !name.is_empty() && !name.contains(char::is_whitespace),
    }
}

/// Splits at a separator outside of strings. A string without an end goes to the end of the text.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut in_string = false;
    let mut escaped = false;
    let parts = text.split(move |character| {
        let quotes = character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
        in_string ^= quotes;
        character == separator && !in_string
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_within_a_string_separate_nothing() {
        let parts: Vec<&str> = split(r#""a,\",b" ; x=1, c , "d,"#, ',').collect();
        assert_eq!(parts, [r#""a,\",b" ; x=1"#, "c", r#""d,"#]);
    }

    #[test]
    fn parameters_are_found_by_name_and_the_last_one_counts() {
        let item = items(r#""peruser"; r=1;t=5 ;pk=:a=b:;r=7;x"#, ',').next().unwrap();
        assert_eq!((item.name, item.number("r"), item.number("t")), ("\"peruser\"", Some(7), Some(5)));
        assert_eq!((item.parameter("pk"), item.parameter("x")), (Some(":a=b:"), None));
    }

    #[test]
    fn an_item_without_a_whole_name_is_none() {
        assert_eq!(items(r#""burst;r=0;t=5"#, ',').count(), 0);
        assert_eq!(items(";r=0;t=5,a b;r=0", ',').count(), 0);
    }
}
