//! How long an exchange is in each of its phases, for those who want to know.
//!
//! The clock is read when a phase ends, and not at all where nobody asked: then there is no stopwatch.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::exchange::Phases;

use super::progress::{Phase, Progress};

/// What was measured of an exchange, for whoever asked for it by [`Wire::measured`](super::Wire::measured).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) phases: Phases,
    /// Whether the connection was one that had been used before.
    pub(crate) is_kept_alive: bool,
}

/// Runs from one phase to the next, and may come back to one.
#[derive(Debug)]
pub(super) struct Stopwatch {
    phase: Phase,
    since: Instant,
    phases: Phases,
}

impl Stopwatch {
    pub(super) fn start(phase: Phase, now: Instant) -> Stopwatch {
        Stopwatch { phase, since: now, phases: Phases::default() }
    }

    /// Goes on to this phase, if it is another one.
    pub(super) fn enter(&mut self, phase: Phase) {
        if phase != self.phase {
            self.go_on(phase, Instant::now());
        }
    }

    /// Ends the last phase, and tells what was measured.
    pub(super) fn stop(mut self, progress: Progress, measured: &Cell<Measured>) {
        self.go_on(self.phase, Instant::now());
        measured.set(Measured { phases: self.phases, is_kept_alive: progress.reused });
    }

    fn go_on(&mut self, phase: Phase, now: Instant) {
        let phases = &mut self.phases;
        let spent: &mut Duration = match self.phase {
            Phase::LookingUp => &mut phases.look_up,
            Phase::Connecting | Phase::Tunnelling => &mut phases.connect,
            Phase::ShakingHands => &mut phases.handshake,
            Phase::Sending => &mut phases.send,
            Phase::Waiting => &mut phases.wait,
            Phase::Reading => &mut phases.read,
        };
        *spent = spent.saturating_add(now.saturating_duration_since(self.since));
        (self.phase, self.since) = (phase, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_time_also_if_it_comes_twice_and_nothing_is_lost_between_them() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut watch = Stopwatch::start(Phase::LookingUp, start);
        let mut now = start;
        for (took, next) in [
            (1, Phase::Connecting),
            (2, Phase::ShakingHands),
            (4, Phase::Sending),
            (8, Phase::Waiting),
            (16, Phase::Sending),
            (32, Phase::Waiting),
            (64, Phase::Reading),
            (128, Phase::Reading),
        ] {
            now += ms(took);
            watch.go_on(next, now);
        }
        let Phases { look_up, connect, handshake, send, wait, read } = watch.phases;
        assert_eq!([look_up, connect, handshake], [1, 2, 4].map(ms));
        assert_eq!([send, wait, read], [8 + 32, 16 + 64, 128].map(ms));
        assert_eq!(watch.phases.total(), now - start);
        assert_eq!(watch.phases.setup(), ms(7));
    }
}
