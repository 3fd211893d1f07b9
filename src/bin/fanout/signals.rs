//! SIGINT, SIGTERM and SIGHUP: the first stops the run, the second ends the process on the spot. A signal that was
//! ignored when the process began (`nohup`, a job in the background of a script) stays ignored: whoever
//! started it wants it so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// After a signal the run has so long to end by itself, or to show that it goes on with its last work. It takes a few
/// milliseconds, a quarter of a second more where nobody reads its output, and with `--failed` as long as it takes to
/// write down what is left of a long input; this is for what nobody can interrupt, such as a disk that hangs.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// The same signal once more within so long is the same one: `timeout` passes on the Ctrl-C that the terminal has sent
/// to both already.
#[cfg(unix)]
const ECHO: std::time::Duration = std::time::Duration::from_millis(250);

/// Which signal has come, if one has.
#[derive(Clone, Default)]
pub(crate) struct Caught(Arc<State>);

#[derive(Default)]
struct State {
    signal: AtomicI32,
    /// Grows while there is work to be done after a signal, too.
    progress: AtomicU64,
}

impl Caught {
    /// The number of the first signal that came.
    pub(crate) fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// The last work of the run goes on: whoever is about to end the process has patience for once more.
    pub(crate) fn goes_on(&self) {
        // ORDERING: a number that changes; nothing else is read by it.
        self.0.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it went on.
    #[cfg(test)]
    pub(crate) fn progress(&self) -> u64 {
        self.0.progress.load(Ordering::Relaxed)
    }

    /// Returns when there has been no progress for so long.
    #[cfg(unix)]
    fn wait_for_a_standstill(&self, patience: std::time::Duration) {
        loop {
            let before = self.0.progress.load(Ordering::Relaxed);
            let _ = crossbeam_channel::after(patience).recv();
            if self.0.progress.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// Starts to listen. `stop` is called once, on a thread of its own, when the first signal comes.
#[cfg(unix)]
pub(crate) fn listen(stop: impl FnOnce() + Send + 'static) -> io::Result<Caught> {
    use std::thread;
    use std::time::Instant;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::low_level::emulate_default_handler;

    let caught = Caught::default();
    let mut wanted = vec![SIGHUP, SIGINT, SIGTERM];
    wanted.retain(|signal| !is_ignored(*signal));
    if wanted.is_empty() {
        return Ok(caught);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let first = caught.clone();
    let listener = move || {
        let mut arrivals = signals.forever();
        let Some(signal) = arrivals.next() else { return };
        let came_at = Instant::now();
        // ORDERING: whoever finds the run stopped finds the signal, too.
        first.0.signal.store(signal, Ordering::Release);
        // If no thread can be had, nothing is lost but this last resort.
        let last_resort = thread::Builder::new().name("last resort".to_owned()).spawn(move || {
            first.wait_for_a_standstill(PATIENCE);
            emulate_default_handler(signal)
        });
        drop(last_resort);
        stop();
        if let Some(second) = arrivals.find(|next| *next != signal || came_at.elapsed() > ECHO) {
            // It fails only for a signal that it does not know.
            let _ = emulate_default_handler(second);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listener)?;
    Ok(caught)
}

/// Whether the process ignores the signal. Only Linux tells without a call that is not safe.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    // The lowest bit is that of signal 1.
    signal > 0 && mask.checked_shr(signal.unsigned_abs() - 1).is_some_and(|mask| mask & 1 == 1)
}

/// Elsewhere Ctrl-C ends the process at once, as it does by default.
#[cfg(not(unix))]
pub(crate) fn listen(_stop: impl FnOnce() + Send + 'static) -> io::Result<Caught> {
    Ok(Caught::default())
}

/// `SIGINT`, for the summary.
pub(crate) fn name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}
