//! `200-299,404`: which statuses count as success.

use std::ops::RangeInclusive;

use super::{meant, whole};

/// A set of statuses, as the ranges it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Statuses and ranges of them, with commas between.
    pub(crate) fn parse(text: &str) -> Result<Statuses, String> {
        Statuses::strict(text).map_err(|error| meant::or_hint(text, error, guess, Statuses::strict))
    }

    fn strict(text: &str) -> Result<Statuses, String> {
        text.split(',').map(|item| range(item.trim())).collect::<Result<_, _>>().map(Statuses)
    }

    /// Whether `status` is among them.
    pub(crate) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

fn range(item: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let [first, last] = [first, last].map(|status| whole(status, 100..=999_u16));
    let (Ok(first), Ok(last)) = (first, last) else {
        let item = item.escape_debug();
        return Err(format!("'{item}' is no status (use 100 to 999, as in 200-299,404)"));
    };
    if first > last {
        return Err(format!("'{item}' goes down (use {last}-{first})"));
    }
    Ok(first..=last)
}

/// `2xx` as `200-299`, `all` as `100-999`.
fn guess(text: &str) -> String {
    let item = |item: &str| match item.trim().to_lowercase().as_str() {
        "all" | "any" | "*" => "100-999".to_owned(),
        class if class.len() == 3 && class.ends_with("xx") => {
            format!("{first}00-{first}99", first = class.trim_end_matches('x'))
        }
        other => other.to_owned(),
    };
    text.split([',', ' ']).filter(|text| !text.is_empty()).map(item).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_in_if_one_of_the_ranges_holds_it() {
        let statuses = Statuses::parse("200-299, 404").unwrap();
        for (status, expected) in
            [(199, false), (200, true), (299, true), (300, false), (404, true), (405, false)]
        {
            assert_eq!(statuses.contains(status), expected, "{status}");
        }
    }

    #[test]
    fn what_is_no_status_is_named() {
        let cases = [
            ("", "'' is no status"),
            ("200,", "'' is no status (did you mean 200?)"),
            ("99", "'99' is no status (use 100 to 999, as in 200-299,404)"),
            ("1000", "'1000' is no status"),
            ("2xx", "'2xx' is no status (did you mean 200-299?)"),
            ("200 404", "'200 404' is no status (did you mean 200,404?)"),
            ("all", "'all' is no status (did you mean 100-999?)"),
            ("200-", "'200-' is no status"),
            ("200-299-300", "'200-299-300' is no status"),
            ("299-200", "'299-200' goes down (use 200-299)"),
        ];
        for (text, start) in cases {
            let error = Statuses::parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
