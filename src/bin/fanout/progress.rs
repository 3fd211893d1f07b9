//! How far a run has come: a bar at the bottom of a terminal, or a line a second.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::ProgressWhen;
use crate::limits::Limits;
use crate::logging::is_dumb;
use crate::screen::Screen;
use crate::values::duration;

/// How long at most the end of a run waits for the last picture to be drawn, on a terminal that may be
/// stopped.
const LAST_DRAW: Duration = Duration::from_millis(250);

/// The columns of the bar itself.
const BAR: usize = 10;

/// The rate "now" is that of the last two seconds.
const RECENT: Duration = Duration::from_secs(2);

/// What the progress is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Off,
    Bar,
    Lines,
}

/// What there is to show at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// Fetched and failed ids.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    /// Requests on the wire.
    pub(crate) in_flight: usize,
    /// Requests that wait for their token.
    pub(crate) waiting: usize,
    /// What is left of a pause that the server has asked for.
    pub(crate) paused: Option<Duration>,
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

    fn interval(self) -> Duration {
        match self {
            Style::Bar => Duration::from_millis(100),
            Style::Lines | Style::Off => Duration::from_secs(1),
        }
    }
}

impl Progress {
    /// Starts to show what `counts` says, for `total` ids if that is known.
    pub(crate) fn start(
        style: Style,
        screen: &Screen,
        total: Option<u64>,
        limits: &Limits,
        counts: impl Fn() -> Counts + Send + 'static,
    ) -> Progress {
        if style == Style::Off {
            return Progress(None);
        }
        let (stop, stopped) = bounded::<()>(0);
        let (done, finished) = bounded::<()>(0);
        let mut view = View::new(total, limits.per_second(), Instant::now());
        let (screen, shared) = (screen.clone(), screen.clone());
        let show = move || {
            let _done = done; // dropped at the end
            let bar = (style == Style::Bar).then(|| bar(total));
            screen.keep(bar.clone());
            while stopped.recv_timeout(style.interval()) == Err(RecvTimeoutError::Timeout) {
                let counts = counts();
                match &bar {
                    Some(bar) => bar.set_message(view.bar(counts, Instant::now())),
                    None => screen.say(view.text(counts, Instant::now())),
                }
            }
            screen.keep(None);
            if let Some(bar) = bar {
                bar.finish_and_clear();
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

/// Without colours, and so without a thought about them. All of it is the message, which is cut to the width of
/// the terminal. Three columns stay free, and the cursor goes back to before them: there a terminal shows `^C`,
/// which would otherwise go to a line of its own, and the bar above it would stay for good.
fn bar(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = if total.is_some() { "{wide_msg}   \x1b[3D" } else { "{spinner} {wide_msg}   \x1b[3D" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.tick_chars("-\\|/ "));
    }
    bar
}

struct View {
    total: Option<u64>,
    /// The rate that can be kept up, if there is a limit.
    lasting: Option<f64>,
    /// How many ids were done at which moment.
    recent: VecDeque<(Instant, u64)>,
}

impl View {
    fn new(total: Option<u64>, lasting: Option<f64>, start: Instant) -> View {
        View { total, lasting, recent: VecDeque::from([(start, 0)]) }
    }

    /// `12/60 done, 10.0/s, 3 in flight, 5 waiting for quota, 0 failed, paused for 7s, 5s left`
    fn text(&mut self, counts: Counts, now: Instant) -> String {
        let Counts { done, failed, in_flight, waiting, paused } = counts;
        let rate = self.rate(done, now);
        let of = self.total.map_or(String::new(), |total| format!("/{total}"));
        let mut text = format!(
            "{done}{of} done, {rate:.1}/s, {in_flight} in flight, {waiting} waiting for quota, \
             {failed} failed"
        );
        if let Some(pause) = paused {
            text += &format!(", {}", shown(pause));
        }
        if let Some(left) = self.left(done, rate) {
            text += &format!(", {} left", duration::shown(left));
        }
        text
    }

    /// `12/60 [==>       ] 5s left, 10.0/s, 0 failed, 3 in flight, 5 waiting for quota`: what matters most comes
    /// first, for a narrow terminal.
    fn bar(&mut self, counts: Counts, now: Instant) -> String {
        let Some(total) = self.total.filter(|total| *total > 0) else {
            return self.text(counts, now);
        };
        let Counts { done, failed, in_flight, waiting, paused } = counts;
        let rate = self.rate(done, now);
        let filled =
            usize::try_from(u128::from(done.min(total)) * BAR as u128 / u128::from(total)).unwrap_or(BAR);
        let head = if filled < BAR { ">" } else { "" };
        let left = self.left(done, rate).map(|left| format!("{} left, ", duration::shown(left)));
        let pause = paused.map(|pause| shown(pause) + ", ").unwrap_or_default();
        format!(
            "{done}/{total} [{bar:<BAR$}] {pause}{left}{rate:.1}/s, {failed} failed, {in_flight} in flight, \
             {waiting} waiting for quota",
            bar = "=".repeat(filled) + head,
            left = left.unwrap_or_default(),
        )
    }

    fn rate(&mut self, done: u64, now: Instant) -> f64 {
        self.recent.push_back((now, done));
        while self.recent.len() > 2 && now.duration_since(self.recent[1].0) >= RECENT {
            self.recent.pop_front();
        }
        match self.recent.front() {
            Some((then, before)) if *then < now => {
                done.saturating_sub(*before) as f64 / now.duration_since(*then).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// At the rate of now, but not at that of a burst, which does not last. To the second.
    fn left(&self, done: u64, rate: f64) -> Option<Duration> {
        let rate = self.lasting.map_or(rate, |lasting| rate.min(lasting));
        let left = self.total?.saturating_sub(done);
        let seconds = (rate > 0.0 && left > 0).then(|| (left as f64 / rate).ceil())?;
        // What does not fit is not worth showing.
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// `paused for 7s`, to the second.
fn shown(pause: Duration) -> String {
    let seconds = pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0));
    format!("paused for {}", duration::shown(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_how_far_and_how_fast_and_for_how_long() {
        let start = Instant::now();
        let mut view = View::new(Some(60), Some(10.0), start);
        let mut at = |millis, done| {
            let counts = Counts { done, failed: 1, in_flight: 3, waiting: 5, paused: None };
            view.text(counts, start + Duration::from_millis(millis))
        };
        assert_eq!(at(0, 0), "0/60 done, 0.0/s, 3 in flight, 5 waiting for quota, 1 failed");
        assert_eq!(at(500, 20), "20/60 done, 40.0/s, 3 in flight, 5 waiting for quota, 1 failed, 4s left");
        assert_eq!(at(2_500, 40), "40/60 done, 10.0/s, 3 in flight, 5 waiting for quota, 1 failed, 2s left");
    }

    #[test]
    fn the_bar_comes_before_what_a_narrow_terminal_cuts_off() {
        let start = Instant::now();
        let mut view = View::new(Some(60), Some(10.0), start);
        let mut at = |millis, done| {
            let counts = Counts { done, failed: 1, in_flight: 3, waiting: 5, paused: None };
            view.bar(counts, start + Duration::from_millis(millis))
        };
        let rest = "1 failed, 3 in flight, 5 waiting for quota";
        assert_eq!(at(0, 0), format!("0/60 [>         ] 0.0/s, {rest}"));
        assert_eq!(at(500, 20), format!("20/60 [===>      ] 4s left, 40.0/s, {rest}"));
        assert_eq!(at(2_500, 60), format!("60/60 [==========] 20.0/s, {rest}"));
    }

    #[test]
    fn without_a_total_nothing_is_left() {
        let start = Instant::now();
        let mut view = View::new(None, None, start);
        let counts = Counts { done: 7, failed: 0, in_flight: 0, waiting: 0, paused: None };
        let text = view.text(counts, start + RECENT);
        assert_eq!(text, "7 done, 3.5/s, 0 in flight, 0 waiting for quota, 0 failed");
    }

    #[test]
    fn a_pause_is_shown_with_what_is_left_of_it() {
        let start = Instant::now();
        let paused = Some(Duration::from_millis(61_001));
        let counts = Counts { done: 7, failed: 0, in_flight: 0, waiting: 3, paused };
        let text = View::new(Some(10), None, start).text(counts, start);
        assert_eq!(text, "7/10 done, 0.0/s, 0 in flight, 3 waiting for quota, 0 failed, paused for 1m 2s");
        let bar = View::new(Some(10), None, start).bar(counts, start);
        let rest = "0.0/s, 0 failed, 0 in flight, 3 waiting for quota";
        assert_eq!(bar, format!("7/10 [=======>  ] paused for 1m 2s, {rest}"));
    }
}
