//! `1-60,75,001-100`: ids as ranges of numbers, walked and never built.
//!
//! Leading zeros keep their width, so `001` and `1` are two ids. A range is cut in two where its numbers
//! outgrow the width (`001-100` is `001-099` and `100`): then two ids are the same text if and only if they
//! have the same width and the same number, and duplicates can be taken out by intervals, however long they
//! are.

use std::collections::{BTreeMap, HashMap};
use std::vec;

use super::{LONGEST_NUMBER, meant};
use crate::values::meant::or_hint;

/// A number of a range may have so many digits, zeros before it among them: as many as the name of a file.
const MOST_DIGITS: usize = 255;

/// Ranges in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Interval>);

/// The numbers from `first` to `last`. A `width` of 0: as they are; otherwise every one of them is shorter
/// than that and filled up with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    width: usize,
    first: u64,
    last: u64,
}

impl Ranges {
    /// Numbers and ranges of them, with commas between.
    pub(crate) fn parse(text: &str) -> Result<Ranges, String> {
        Ranges::strict(text).map_err(|error| or_hint(text, error, meant::guess, Ranges::strict))
    }

    fn strict(text: &str) -> Result<Ranges, String> {
        let mut intervals = Vec::new();
        for item in text.split(',') {
            parse_item(item.trim(), &mut intervals)?;
        }
        Ok(Ranges(intervals))
    }

    /// The same without what came before: each id where it stands first.
    pub(crate) fn without_duplicates(self) -> Ranges {
        let mut seen: HashMap<usize, BTreeMap<u64, u64>> = HashMap::new();
        let mut kept = Vec::new();
        for Interval { width, first, last } in self.0 {
            let seen = seen.entry(width).or_default();
            for (first, last) in unseen(seen, first, last) {
                seen.insert(first, last);
                kept.push(Interval { width, first, last });
            }
        }
        Ranges(kept)
    }

    /// How many ids there are.
    pub(crate) fn count(&self) -> u128 {
        self.0.iter().copied().map(Interval::count).sum()
    }

    /// The ids, made one by one.
    pub(crate) fn walk(self) -> RangeWalk {
        let mut intervals = self.0.into_iter();
        RangeWalk { next: intervals.next(), intervals }
    }
}

/// A walk through ranges, which knows what is left of them.
pub(crate) struct RangeWalk {
    /// Where it goes on; nothing at the end.
    next: Option<Interval>,
    /// What comes behind that.
    intervals: vec::IntoIter<Interval>,
}

impl RangeWalk {
    /// How many ids are left.
    pub(crate) fn left(&self) -> u128 {
        self.intervals_left().map(Interval::count).sum()
    }

    /// What is left, as [`Ranges::parse`] takes it.
    pub(crate) fn spec(&self) -> String {
        self.intervals_left().map(Interval::spec).collect::<Vec<_>>().join(",")
    }

    fn intervals_left(&self) -> impl Iterator<Item = Interval> {
        self.next.into_iter().chain(self.intervals.as_slice().iter().copied())
    }
}

impl Iterator for RangeWalk {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let Interval { width, first, last } = self.next?;
        self.next = match first.checked_add(1).filter(|first| *first <= last) {
            Some(first) => Some(Interval { width, first, last }),
            None => self.intervals.next(),
        };
        Some(format!("{first:0width$}"))
    }
}

impl Interval {
    fn count(self) -> u128 {
        u128::from(self.last - self.first) + 1
    }

    fn spec(self) -> String {
        let Interval { width, first, last } = self;
        if first == last { format!("{first:0width$}") } else { format!("{first:0width$}-{last:0width$}") }
    }
}

/// To look up how often an id stands in some ranges, which may overlap: by width, the first numbers of all ranges in
/// order, and so the last ones.
pub(crate) struct Index(HashMap<usize, [Vec<u64>; 2]>);

impl Index {
    pub(super) fn new(ranges: &Ranges) -> Index {
        let mut index: HashMap<usize, [Vec<u64>; 2]> = HashMap::new();
        for Interval { width, first, last } in &ranges.0 {
            let [firsts, lasts] = index.entry(*width).or_default();
            firsts.push(*first);
            lasts.push(*last);
        }
        index.values_mut().flatten().for_each(|bounds| bounds.sort_unstable());
        Index(index)
    }

    /// How often `id` stands in them.
    pub(crate) fn times(&self, id: &str) -> u128 {
        let width = if id.len() > 1 && id.starts_with('0') { id.len() } else { 0 };
        let (Some([firsts, lasts]), true) = (self.0.get(&width), crate::values::digits(id)) else { return 0 };
        let Ok(number) = id.parse::<u64>() else { return 0 };
        // Those that have begun, without those that have ended.
        let begun = firsts.partition_point(|first| *first <= number);
        let ended = lasts.partition_point(|last| *last < number);
        (begun - ended) as u128
    }
}

fn parse_item(item: &str, intervals: &mut Vec<Interval>) -> Result<(), String> {
    let (low, high) = item.split_once('-').unwrap_or((item, item));
    let first = number(low, item)?;
    let last = number(high, item)?;
    if first > last {
        return Err(format!("'{item}' goes down (use {high}-{low})"));
    }
    let padded = [low, high].iter().any(|bound| bound.len() > 1 && bound.starts_with('0'));
    let width = if padded { low.len().max(high.len()) } else { 0 };
    // The first number that is as long as the width, and so needs no zeros.
    let outgrown = match u32::try_from(width).ok().map(|width| 10_u64.checked_pow(width.saturating_sub(1))) {
        _ if width == 0 => Some(0),
        Some(Some(power)) => Some(power),
        _ => None,
    };
    match outgrown {
        Some(outgrown) if first >= outgrown => intervals.push(Interval { width: 0, first, last }),
        Some(outgrown) if last >= outgrown => {
            intervals.push(Interval { width, first, last: outgrown - 1 });
            intervals.push(Interval { width: 0, first: outgrown, last });
        }
        _ => intervals.push(Interval { width, first, last }),
    }
    Ok(())
}

fn number(text: &str, item: &str) -> Result<u64, String> {
    let shown = item.escape_debug();
    if !crate::values::digits(text) {
        return Err(format!("'{shown}' is no number and no range ({})", meant::instead(item)));
    }
    if text.len() > MOST_DIGITS {
        let (start, digits) = (&text[..LONGEST_NUMBER], text.len());
        return Err(format!("'{start}…' has {digits} digits (use at most {MOST_DIGITS})"));
    }
    text.parse().map_err(|_| format!("'{shown}' is too large (use at most {})", u64::MAX))
}

/// What is left of `first..=last` when the intervals of `seen`, which do not overlap, are taken out of it.
fn unseen(seen: &BTreeMap<u64, u64>, first: u64, last: u64) -> Vec<(u64, u64)> {
    let mut left = Vec::new();
    // An interval that begins earlier may reach in.
    let reaches_in = seen.range(..=first).next_back().filter(|(_, end)| **end >= first);
    let from = reaches_in.map_or(first, |(start, _)| *start);
    let mut next = Some(first);
    for (&start, &end) in seen.range(from..=last) {
        let Some(at) = next else { break };
        if start > at {
            left.push((at, start - 1));
        }
        next = end.checked_add(1);
    }
    if let Some(at) = next.filter(|at| *at <= last) {
        left.push((at, last));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        Ranges::parse(text).unwrap().walk().collect()
    }

    fn unique(text: &str) -> Vec<String> {
        Ranges::parse(text).unwrap().without_duplicates().walk().collect()
    }

    #[test]
    fn ranges_are_walked_in_the_order_given() {
        let cases: [(&str, &[&str]); 9] = [
            ("7", &["7"]),
            ("1-3,75", &["1", "2", "3", "75"]),
            ("5, 1-2", &["5", "1", "2"]),
            ("0-2", &["0", "1", "2"]),
            ("3-3", &["3"]),
            ("08-11", &["08", "09", "10", "11"]),
            ("098-101", &["098", "099", "100", "101"]),
            ("1-003", &["001", "002", "003"]),
            ("007", &["007"]),
        ];
        for (text, expected) in cases {
            assert_eq!(ids(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_as_long_as_numbers_allow_is_not_built() {
        let ranges = Ranges::parse("0-18446744073709551615").unwrap().without_duplicates();
        assert_eq!(ranges.count(), 1 << 64);
        assert_eq!(ranges.walk().nth(2).as_deref(), Some("2"));
        let last = "18446744073709551614-18446744073709551615";
        assert_eq!(ids(last), ["18446744073709551614", "18446744073709551615"]);
    }

    #[test]
    fn what_is_left_can_be_given_again() {
        for text in
            ["1-5", "5, 1-2", "098-101,7", "18446744073709551613-18446744073709551615,0-1", "1,1,0001"]
        {
            let all = ids(text);
            for taken in 0..=all.len() {
                let mut walk = Ranges::parse(text).unwrap().walk();
                assert_eq!(walk.by_ref().take(taken).count(), taken);
                assert_eq!(walk.left(), (all.len() - taken) as u128, "{text}, {taken}");
                let left = walk.spec();
                assert_eq!(if left.is_empty() { vec![] } else { ids(&left) }, all[taken..], "{text}: {left}");
            }
        }
    }

    #[test]
    fn duplicates_go_and_the_first_of_each_stays_where_it_is() {
        let cases: [(&str, &[&str]); 9] = [
            ("1,1,1", &["1"]),
            ("3-5,1-7", &["3", "4", "5", "1", "2", "6", "7"]),
            ("1-3,2-4,1-5", &["1", "2", "3", "4", "5"]),
            ("2,4,1-5", &["2", "4", "1", "3", "5"]),
            ("1-5,2-3", &["1", "2", "3", "4", "5"]),
            ("9-10,09-10", &["9", "10", "09"]),
            ("1,01,001,1", &["1", "01", "001"]),
            ("098-100,99-101", &["098", "099", "100", "99", "101"]),
            (
                "18446744073709551615,18446744073709551614-18446744073709551615",
                &["18446744073709551615", "18446744073709551614"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(unique(text), expected, "{text}");
        }
    }

    /// Against the obvious way: walk everything and remember what was seen.
    #[test]
    fn intervals_agree_with_a_set_of_texts() {
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..300 {
            let items = (0..6).map(|_| {
                let (low, width) = (random(120), random(4) as usize);
                format!("{low:0width$}-{high:0width$}", high = low + random(40))
            });
            let text = items.collect::<Vec<_>>().join(",");
            let mut seen = std::collections::HashSet::new();
            let expected: Vec<_> = ids(&text).into_iter().filter(|id| seen.insert(id.clone())).collect();
            assert_eq!(unique(&text), expected, "{text}");
            let count = Ranges::parse(&text).unwrap().without_duplicates().count();
            assert_eq!(count, expected.len() as u128, "{text}");
        }
    }

    #[test]
    fn an_index_knows_how_often_an_id_is_given() {
        let text = "1-5,3-4,4,007-012,0-2,18446744073709551615";
        let index = Index::new(&Ranges::parse(text).unwrap());
        let texts =
            ["0", "1", "4", "7", "007", "009", "010", "012", "10", "18446744073709551615", "x", "", "+4"];
        for id in texts {
            let given = if id.starts_with("184") {
                1
            } else {
                ids("1-5,3-4,4,007-012,0-2").iter().filter(|given| *given == id).count()
            };
            assert_eq!(index.times(id), given as u128, "{id}");
        }
    }

    #[test]
    fn no_id_is_longer_than_can_be_written() {
        let longest = "0".repeat(MOST_DIGITS - 1) + "7";
        assert_eq!(ids(&longest), [longest.as_str()]);
        for text in ["0".repeat(MOST_DIGITS) + "7", format!("1-{}2", "0".repeat(70_000))] {
            let error = Ranges::parse(&text).unwrap_err();
            assert!(error.starts_with("'00000000000000000000…' has "), "{error}");
            assert!(error.ends_with(" digits (use at most 255)"), "{error}");
        }
    }

    #[test]
    fn what_is_no_range_is_named() {
        let cases = [
            ("", "'' is no number and no range"),
            ("1,,2", "'' is no number and no range"),
            ("1-", "'1-' is no number and no range"),
            ("-1", "'-1' is no number and no range"),
            ("a-b", "'a-b' is no number and no range (use for instance 1-60,75; other ids go in a file"),
            ("1-2-3", "'1-2-3' is no number and no range"),
            ("1 - 2", "'1 - 2' is no number and no range"),
            ("1\u{7}", "'1\\u{7}' is no number and no range"),
            ("60-1", "'60-1' goes down (use 1-60)"),
            (
                "18446744073709551616",
                "'18446744073709551616' is too large (use at most 18446744073709551615)",
            ),
        ];
        for (text, start) in cases {
            let error = Ranges::parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
