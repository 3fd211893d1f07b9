//! What a plan has to know of the ids: how many there are, and the first of them.

use std::io::BufReader;

use super::lines::{Lines, Trouble};
use super::seen::Seen;
use super::{Ids, Input, Source, meant};
use crate::exit::UsageError;

/// So many of the first ids are kept.
pub(crate) const FIRST: usize = 3;

/// What there is to be fetched.
pub(crate) struct Survey {
    /// `--ids`, `--input ids.txt`, `standard input`.
    pub(crate) from: String,
    pub(crate) total: u128,
    pub(crate) first: Vec<String>,
    /// Whether each id that comes is remembered, to be dropped when it comes again.
    pub(crate) remembers: bool,
    /// Ids are lines, which may be long.
    pub(crate) are_lines: bool,
    /// What the ids that an earlier run has fetched take of the memory.
    pub(crate) fetched_bytes: usize,
}

impl Ids {
    /// Reads all that there is to read, standard input, too. A plan that did not know how many ids there are would say
    /// nothing of the time, and whoever writes them would meet a pipe that nobody reads.
    pub(crate) fn survey(self, keep_going: bool) -> Result<Survey, UsageError> {
        let Ids { source, deduplicate, fetched, total, .. } = self;
        let is_left = |id: &str| fetched.as_ref().is_none_or(|fetched| !fetched.contains(id));
        let fetched_bytes = fetched.as_ref().map_or(0, |fetched| fetched.bytes());
        let survey = |from: String, total, first, are_lines| Survey {
            from,
            total,
            first,
            remembers: are_lines && deduplicate,
            are_lines,
            fetched_bytes,
        };
        match source {
            Source::Ranges(ranges) => {
                let total = total.unwrap_or_else(|| ranges.count());
                let first = ranges.walk().filter(|id| is_left(id)).take(FIRST).collect();
                Ok(survey("--ids".to_owned(), total, first, false))
            }
            Source::Lines(Input { file, name, rereadable, .. }) => {
                let from = if rereadable { format!("--input {name}") } else { name.clone() };
                let lines = Lines::new(BufReader::new(file), name);
                // If it is counted already, the first ones are enough.
                let enough = if total.is_some() { FIRST } else { usize::MAX };
                let (counted, first) = count(lines, deduplicate, is_left, keep_going, enough)
                    .map_err(|error| UsageError::new(meant::with_hint(error)))?;
                Ok(survey(from, total.unwrap_or(counted), first, true))
            }
        }
    }
}

fn count(
    mut lines: Lines<impl std::io::BufRead>,
    deduplicate: bool,
    is_left: impl Fn(&str) -> bool,
    keep_going: bool,
    enough: usize,
) -> Result<(u128, Vec<String>), String> {
    let mut seen = deduplicate.then(Seen::new);
    let (mut count, mut first) = (0, Vec::new());
    while first.len() < enough {
        let id = if keep_going { lines.next_id() } else { lines.next_checked() };
        match id {
            Ok(Some(id)) if is_left(&id) && seen.as_mut().is_none_or(|seen| seen.insert(&id)) => {
                count += 1;
                if first.len() < FIRST {
                    first.push(id);
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(Trouble::Line(_)) if keep_going => count += 1,
            Err(Trouble::Line(error) | Trouble::Reader(error)) => return Err(error),
        }
    }
    Ok((count, first))
}
