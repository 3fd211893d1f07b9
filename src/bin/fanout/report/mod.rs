//! `--report FILE.html`: one page that shows a run, and needs nothing else.
//!
//! From the top: [`record`] takes down what happens, in bounded memory; [`charts`] draw it, on a [`plot`] with its
//! [`scale`]s; [`page`] puts all of it together. All but the first are pure.
//!
//! # Why the charts are set by hand
//!
//! | | weighed | why not |
//! | --- | --- | --- |
//! | plotters 0.3 | 5 crates with only its SVG | texts, colours and sizes are baked into attributes: one scheme for light and dark, no class to style, no title or description, no bar that knows its request |
//! | charming 0.6 | 45 crates | is ECharts: a page of its charts is a script of a megabyte, from a network or embedded, and our page runs none |
//! | poloto 19 | 3 crates | styled by CSS, and so light and dark; but lines, scatters, bars and histograms on axes of its own: no lanes, nothing stacked, nothing that stretches while its texts do not |
//!
//! What is left is rectangles and lines in percent of a width, which SVG has; what all of them need is in [`plot`].
//! The markup, of page and charts alike, is set by `maud` 0.27 (3 crates that others of ours do not bring; askama: 18
//! in all, and files of templates beside the code): checked by the compiler, and everything escaped unless it says
//! otherwise. The percentiles are `hdrhistogram`'s.

mod charts;
mod page;
mod plot;
mod record;
mod scale;
#[cfg(test)]
mod tests;
mod words;

use std::io::{self, Write};
use std::sync::Arc;

use fanout::Outcome;

use crate::atomic_file::AtomicFile;
use crate::failure::Endpoint;
use crate::ids::Numbered;
use crate::run::Ended;
use crate::signals;

pub(crate) use page::About;
pub(crate) use record::Recorder;

/// A report that will be written.
pub(crate) struct Report {
    pub(crate) file: AtomicFile,
    pub(crate) about: About,
    pub(crate) recorder: Arc<Recorder>,
}

impl Report {
    /// What its requests do not tell: why an id failed for good.
    pub(crate) fn outcome(&self, outcome: &Outcome<Numbered>, endpoint: &Endpoint) {
        if let Err(error) = &outcome.result {
            self.recorder.lose(&outcome.id, endpoint.cause(error));
        }
    }

    /// Writes it, when the run has ended. After a signal nobody waits for the disk.
    pub(crate) fn write(mut self, ended: &Ended) -> io::Result<()> {
        let page = page::page(&self.about, &self.recorder.finish(), &end(ended));
        self.file.write_all(page.as_bytes())?;
        self.file.keep(ended.caught.signal().is_none())
    }

    /// How people know its file.
    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }
}

fn end(ended: &Ended) -> page::End {
    let broken_off = match (ended.caught.signal(), &ended.failure) {
        (Some(signal), _) => Some(format!("Stopped by {}.", signals::name(signal))),
        (None, Some(failure)) => Some(format!("It ended with a failure: {failure}.")),
        // Whoever reads the records has gone, or they could not be written.
        (None, None) if ended.result.is_err() => Some("It was stopped.".to_owned()),
        (None, None) => None,
    };
    page::End {
        fetched: ended.fetched,
        failed: ended.failed(),
        retries: ended.retries(),
        total: ended.total,
        elapsed: ended.elapsed,
        broken_off,
    }
}
