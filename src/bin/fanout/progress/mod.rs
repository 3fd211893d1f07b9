//! How far a run has come: a bar at the bottom of a terminal, or a line a second.
//!
//! From the top: [`view`] is what it says, of what [`counts`] tells and [`pace`] makes of that; [`mod@line`] is where a
//! bar stands, and [`job`] what becomes of it when the run is stopped.

mod counts;
mod job;
mod line;
mod pace;
mod view;

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::ProgressWhen;
use crate::logging::is_dumb;
use crate::screen::Screen;
#[cfg(feature = "redis")]
pub(crate) use counts::Wait;
pub(crate) use counts::{Counts, Elsewhere};
use line::Line;
pub(crate) use view::Extent;
use view::View;

/// How long at most the end of a run waits for the last picture to be drawn, on a terminal that may be
/// stopped.
const LAST_DRAW: Duration = Duration::from_millis(250);

/// What the progress is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Off,
    Bar,
    Lines,
}

/// A thread that shows the progress until it is stopped.
pub(crate) struct Progress(Option<Shown>);

struct Shown {
    stop: Sender<()>,
    finished: Receiver<()>,
    screen: Screen,
}

impl Style {
    /// A bar needs a terminal that it has for itself: records on the same one would tear it.
    pub(crate) fn choose(when: ProgressWhen, records_on_terminal: bool) -> Style {
        let fits = io::stderr().is_terminal() && !records_on_terminal && !is_dumb();
        match when {
            ProgressWhen::Never => Style::Off,
            _ if fits => Style::Bar,
            ProgressWhen::Auto => Style::Off,
            ProgressWhen::Always => Style::Lines,
        }
    }

    /// However fast the run is, it is looked at no more often than this.
    fn interval(self) -> Duration {
        match self {
            Style::Bar => Duration::from_millis(100),
            Style::Lines | Style::Off => Duration::from_secs(1),
        }
    }
}

impl Progress {
    /// Starts to show what `counts` says.
    pub(crate) fn start(
        style: Style,
        screen: &Screen,
        extent: Extent,
        counts: impl Fn() -> Counts + Send + 'static,
    ) -> Progress {
        if style == Style::Bar {
            // Where it cannot be had, a stopped bar stays where it is.
            let _ = job::stop_without_bar(screen);
        }
        let mut view = View::new(extent, Instant::now());
        Progress::show(style, screen, move || {
            let (counts, now) = (counts(), Instant::now());
            match style {
                Style::Bar => view.bar(&counts, line::columns(), now),
                Style::Lines | Style::Off => view.line(&counts, now),
            }
        })
    }

    /// Shows how many records the reader of the output has not taken, once the run itself is over.
    pub(crate) fn last_records(
        style: Style,
        screen: &Screen,
        unwritten: impl Fn() -> usize + Send + 'static,
    ) -> Progress {
        Progress::show(style, screen, move || match unwritten() {
            1 => "1 record waits for the reader of the output".to_owned(),
            records => format!("{records} records wait for the reader of the output"),
        })
    }

    fn show(style: Style, screen: &Screen, mut text: impl FnMut() -> String + Send + 'static) -> Progress {
        if style == Style::Off {
            return Progress(None);
        }
        let (stop, stopped) = bounded::<()>(0);
        let (done, finished) = bounded::<()>(0);
        let (screen, shared) = (screen.clone(), screen.clone());
        let show = move || {
            let _done = done; // dropped at the end
            let bar = (style == Style::Bar).then(|| bar(&screen));
            while stopped.recv_timeout(style.interval()) == Err(RecvTimeoutError::Timeout) {
                match &bar {
                    Some(bar) => bar.set_message(text()),
                    None => screen.say(text()),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
                screen.keep(None);
            }
        };
        // A run can do without.
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(show);
        Progress(thread.is_ok().then(|| Shown { stop, finished, screen: shared }))
    }

    /// Takes the progress off the screen.
    pub(crate) fn stop(self) {
        if let Some(Shown { stop, finished, screen }) = self.0 {
            drop(stop);
            let end = Instant::now() + LAST_DRAW;
            let end = screen.patience_ends().map_or(end, |patience_ends| end.min(patience_ends));
            let _ = finished.recv_deadline(end);
        }
    }
}

/// Without colours, and so without a thought about them. All of it is the message; what a terminal that has become
/// narrower meanwhile has no room for is cut off.
fn bar(screen: &Screen) -> ProgressBar {
    let target = ProgressDrawTarget::term_like(Box::new(Line::of_standard_error()));
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        bar.set_style(style);
    }
    screen.keep(Some(bar.clone()));
    bar
}
