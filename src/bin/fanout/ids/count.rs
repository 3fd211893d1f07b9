//! What lines hold, counted in one pass, before anything is sent.

use std::io::BufRead;

use super::fetched::Fetched;
use super::lines::{Lines, Trouble};
use super::seen::Seen;

/// So many of the first ids are kept.
pub(super) const FIRST: usize = 3;

/// What lines hold.
#[derive(Default)]
pub(super) struct Count {
    /// Ids to be fetched. If the run is to go on behind them, lines that are none count as well, since they will be
    /// failures.
    pub(super) total: u128,
    /// The first of these ids.
    pub(super) first: Vec<String>,
    pub(super) there_already: u64,
    pub(super) duplicates: u64,
}

impl Count {
    /// Reads to the end, or until so many of the first ids are there.
    pub(super) fn of(
        mut lines: Lines<impl BufRead>,
        deduplicate: bool,
        fetched: Option<&Fetched>,
        keep_going: bool,
        enough: usize,
    ) -> Result<Count, String> {
        let mut seen = deduplicate.then(Seen::new);
        let mut count = Count::default();
        while count.first.len() < enough {
            let id = if keep_going { lines.next_id() } else { lines.next_checked() };
            match id {
                Ok(Some(id)) if fetched.is_some_and(|fetched| fetched.contains(&id)) => {
                    count.there_already += 1;
                }
                Ok(Some(id)) if seen.as_mut().is_some_and(|seen| !seen.insert(&id)) => count.duplicates += 1,
                Ok(Some(id)) => {
                    count.total += 1;
                    if count.first.len() < FIRST {
                        count.first.push(id);
                    }
                }
                Ok(None) => break,
                Err(Trouble::Line(_)) if keep_going => count.total += 1,
                Err(Trouble::Line(error) | Trouble::Reader(error)) => return Err(error),
            }
        }
        Ok(count)
    }
}
