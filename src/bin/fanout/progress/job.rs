//! A job of a shell, which may be stopped (Ctrl-Z), and go on in front (`fg`) or in the background (`bg`), or may share
//! its terminal with a pager.

use std::io;

use crate::screen::Screen;

/// Whether the terminal of standard error is ours to draw on: no other job has it, nor a pager behind our own pipe
/// (`| less`), which has every key brought to it at once and the whole screen to itself. Where there is no such thing
/// as a job, it is.
#[cfg(unix)]
pub(crate) fn is_in_front() -> bool {
    use rustix::process::getpgrp;
    use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};

    let is_ours = tcgetpgrp(io::stderr()).map_or(true, |group| group == getpgrp());
    is_ours && tcgetattr(io::stderr()).map_or(true, |modes| modes.local_modes.contains(LocalModes::ICANON))
}

#[cfg(not(unix))]
pub(crate) fn is_in_front() -> bool {
    true
}

/// From now on, the bar is taken away before the process stops, and drawn again when it goes on. Otherwise the shell's
/// next line would be written into it.
#[cfg(unix)]
pub(crate) fn stop_without_bar(screen: &Screen) -> io::Result<()> {
    use signal_hook::consts::SIGTSTP;
    use signal_hook::low_level::emulate_default_handler;

    // The group of the session's first process is no job of a shell: nobody would let it go on.
    if rustix::process::getsid(None).is_ok_and(|session| session == rustix::process::getpgrp()) {
        return Ok(());
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGTSTP])?;
    let screen = screen.clone();
    let stopper = move || {
        for signal in signals.forever() {
            // It fails only for a signal that it does not know.
            let _ = screen.without_bar(|| emulate_default_handler(signal));
        }
    };
    std::thread::Builder::new().name("stops".to_owned()).spawn(stopper).map(drop)
}

#[cfg(not(unix))]
pub(crate) fn stop_without_bar(_screen: &Screen) -> io::Result<()> {
    Ok(())
}
