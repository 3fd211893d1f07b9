//! Windows that are told in a header for each of their parts, under hundreds of names: `RateLimit-Remaining` of the old
//! IETF drafts, `X-RateLimit-Remaining`, `x-ratelimit-remaining-tokens`, `anthropic-ratelimit-requests-remaining` …
//!
//! One rule reads them. A header whose name holds `limit` and `remaining` is a count of what is left. The same name
//! with another word in the place of `remaining` tells the rest:
//!
//! | word | meaning |
//! | --- | --- |
//! | `reset-after`, `reset`, `resettime` | when there will be more: as seconds, span, epoch or date; of several the latest |
//! | `limit` | how many there are in a whole window |
//! | `interval-ms`, `interval-milliseconds`, `interval-seconds` | how long a window is |
//!
//! If no header tells an end, a window ends after its length at the latest. A length is also told by `w=60` behind a
//! number, and by `second` or `minute` as a part of the name. It is taken up to [`LONGEST_GUESS`].
//!
//! Where the header is repeated (a gateway and the service behind it may both count) or holds a list, counts and ends
//! belong together in their order, if there are as many. If not, each count is given the latest end.

use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName};

use super::duration::{self, BILLION};
use super::moment::Moment;
use super::{MAX_WINDOWS, Source, Wait, Window, told, values};

/// What is left of a window whose end is not told, but its length, is taken to end when a whole window has passed. For
/// one that is longer than this, that would be too wild a guess, and no end is known.
pub(super) const LONGEST_GUESS: Duration = Duration::from_secs(60);

const ENDS: [&str; 3] = ["reset-after", "reset", "resettime"];

/// The windows of all headers, in their order.
pub(super) fn windows(headers: &HeaderMap, moment: &Moment) -> Vec<Window> {
    let families: Vec<Family<'_>> =
        headers.keys().filter_map(|name| Family::of(name, "remaining")).take(MAX_WINDOWS).collect();
    let read = |ends: Ends| {
        let windows = families.iter().flat_map(|family| family.windows(headers, moment, ends));
        windows.take(MAX_WINDOWS).collect::<Vec<Window>>()
    };
    let told = read(Ends::Told);
    if told.is_empty() { read(Ends::Guessed) } else { told }
}

/// Where the end of a window comes from. Kong counts by the minute, and tells the end under another name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Told,
    Guessed,
}

/// The latest end that comes without a count that could be read.
pub(super) fn end_without_count(headers: &HeaderMap, moment: &Moment) -> Option<Wait> {
    let families = headers.keys().filter_map(|name| Family::of(name, "reset"));
    let lonely = families.filter(|family| {
        let behind = family.behind.trim_start_matches("-after").trim_start_matches("time");
        let counts = format!("{}remaining{behind}", family.before);
        !values(headers, &counts).any(|text| count(text).is_some())
    });
    lonely.flat_map(|family| ends(headers, family.name, moment)).max_by_key(|told| told.length)
}

/// The headers that differ in one word only.
struct Family<'a> {
    name: &'a HeaderName,
    before: &'a str,
    behind: &'a str,
}

impl<'a> Family<'a> {
    /// Those of a header that holds this word.
    fn of(name: &'a HeaderName, word: &str) -> Option<Family<'a>> {
        let (before, behind) = name.as_str().split_once(word)?;
        // What counts concurrent requests has no window.
        let is_one = name.as_str().contains("limit") && !name.as_str().contains("concurren");
        is_one.then_some(Family { name, before, behind })
    }

    fn named(&self, word: &str) -> Option<HeaderName> {
        format!("{}{word}{}", self.before, self.behind).parse().ok()
    }

    fn windows(&self, headers: &HeaderMap, moment: &Moment, from: Ends) -> Vec<Window> {
        let counts: Vec<u64> = list(headers, self.name).filter_map(count).collect();
        let names = ENDS.iter().filter_map(|word| self.named(word));
        let told: Vec<Vec<Wait>> = names.map(|name| ends(headers, &name, moment)).collect();
        let latest: Vec<Option<&Wait>> =
            told.iter().map(|told| told.iter().max_by_key(|end| end.length)).collect();
        let guessed = if from == Ends::Guessed { self.guess(headers) } else { None };
        let limit = self.named("limit").and_then(|name| list(headers, &name).find_map(count));
        let window = |number: usize, remaining: u64| {
            let of_each = told.iter().zip(&latest).filter_map(|(told, latest)| match told.get(number) {
                Some(end) if told.len() == counts.len() => Some(end),
                _ => *latest,
            });
            let end = match from {
                Ends::Told => of_each.max_by_key(|end| end.length).cloned()?,
                Ends::Guessed => guessed.clone()?,
            };
            let reset_at = moment.after(end.length);
            (!end.length.is_zero()).then_some(Window { remaining, limit, reset_at, told_by: end.by })
        };
        let windows = counts.iter().enumerate().filter_map(|(number, remaining)| window(number, *remaining));
        windows.take(MAX_WINDOWS).collect()
    }

    /// The end of a window of which only the length is known.
    fn guess(&self, headers: &HeaderMap) -> Option<Wait> {
        let interval = |word: &str, read: fn(&str) -> Option<Duration>| {
            values(headers, self.named(word)?.as_str()).find_map(read)
        };
        let length = interval("interval-ms", duration::milliseconds)
            .or_else(|| interval("interval-milliseconds", duration::milliseconds))
            .or_else(|| interval("interval-seconds", duration::seconds))
            .or_else(|| length_in_values(headers, self.name))
            .or_else(|| length_in_values(headers, &self.named("limit")?))
            .or_else(|| length_in_name(self.name))?;
        let by = Source::header(self.name, values(headers, self.name.as_str()).next()?);
        (length <= LONGEST_GUESS).then_some(Wait { length, by })
    }
}

/// `10;w=1`, or `10, 10;window=1, 50;window=60`: the longest.
fn length_in_values(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    let parameters = list(headers, name).flat_map(|text| text.split(';').skip(1));
    let lengths = parameters.filter_map(|parameter| match parameter.trim().split_once('=')? {
        ("w" | "window", length) => duration::seconds(length),
        _ => None,
    });
    lengths.max()
}

fn length_in_name(name: &HeaderName) -> Option<Duration> {
    name.as_str().split('-').find_map(|word| match word {
        "second" | "secondly" => Some(Duration::from_secs(1)),
        "minute" | "minutely" => Some(Duration::from_secs(60)),
        _ => None,
    })
}

fn ends(headers: &HeaderMap, name: &HeaderName, moment: &Moment) -> Vec<Wait> {
    told(headers, name, |text| moment.wait_or_epoch(text))
}

fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    values(headers, name.as_str()).flat_map(|value| value.split(',')).map(str::trim)
}

/// A count: a number, of which a fraction does not make one more, and what may stand behind a semicolon.
pub(super) fn count(text: &str) -> Option<u64> {
    let number = text.split(';').next()?.trim();
    duration::billionths(number).map(|number| u64::try_from(number / BILLION).unwrap_or(u64::MAX))
}
