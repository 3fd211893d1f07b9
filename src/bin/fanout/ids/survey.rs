//! What a plan has to know of the ids: how many there are, and the first of them.

use std::io::BufReader;

use super::count::{Count, FIRST};
use super::lines::Lines;
use super::{Ids, Input, Source, meant};
use crate::exit::UsageError;

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
                let count = Count::of(lines, deduplicate, fetched.as_ref(), keep_going, enough)
                    .map_err(|error| UsageError::new(meant::with_hint(error)))?;
                Ok(survey(from, total.unwrap_or(count.total), count.first, true))
            }
        }
    }
}
