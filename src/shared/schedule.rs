//! When the quota thread makes its next call: pure, with the time passed in.
//!
//! | what | when |
//! | --- | --- |
//! | somebody waits, and Redis does not know it | at once; while other processes stand in line, in which it will have to wait anyway, 200 µs ([`GATHER`]) later, with those who come meanwhile |
//! | Redis has said when tokens are there | then, and each second ([`TOKEN_TICK`]): other limits may be in force |
//! | Redis has said when a gate opens | then |
//! | it waits for permits | when it is woken; every 250 ms ([`PERMIT_TICK`]), should the message be lost |
//! | permits came back | with the next call; 50 ms ([`RELEASE_WITHIN`]) later at most, and where they are scarce 100 µs, or at once if somebody here waits for one |
//! | a cost has turned out to be another | with the next call; 50 ms later at most |
//! | it holds permits | each third of a lease |
//! | else | in half of the time that the state outlives a call, so that it is never forgotten while somebody lives |
//! | all have left the line in which Redis has it | at once |
//! | a call has failed | at once, then after 10 ms, and twice as long each time, up to 500 ms |

use std::time::{Duration, Instant};

use crate::clock::later;

use super::line::{HOLDERS, NEWCOMERS, State};
use super::script::Taken;
use super::terms::Terms;
use super::todo::Heeds;

/// Who waits for tokens asks again after 1 s: the limits may have been changed, or those ahead be gone.
pub(super) const TOKEN_TICK: Duration = Duration::from_secs(1);

/// Messages of Redis are delivered once at most: who waits for a permit asks again after 250 ms.
pub(super) const PERMIT_TICK: Duration = Duration::from_millis(250);

/// How long a permit that came back may wait for the next call when there are others: 50 ms.
pub(super) const RELEASE_WITHIN: Duration = Duration::from_millis(50);

/// And when there are none: 100 µs, in which its owner mostly comes back for another one.
const SCARCE_WITHIN: Duration = Duration::from_micros(100);

/// Those who were granted something together mostly come back together: within 200 µs.
pub(super) const GATHER: Duration = Duration::from_micros(200);

/// When nobody waits, a call that has failed is made again after 10 s.
const IDLE_BACKOFF: Duration = Duration::from_secs(10);

const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Schedule {
    tokens_at: Option<Instant>,
    permits_at: Option<Instant>,
    gate_at: Option<Instant>,
    beat_at: Option<Instant>,
    alive_at: Option<Instant>,
    not_before: Option<Instant>,
    permits_are_scarce: bool,
    others_wait: bool,
    /// Since when somebody waits of whom Redis does not know.
    new_since: Option<Instant>,
}

/// So long after; where the platform cannot name that instant, the furthest it can.
pub(super) fn after(start: Instant, time: Duration) -> Instant {
    later(start, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

impl Schedule {
    /// What an answer to a call of this instant says.
    pub(super) fn answered(&mut self, asked_at: Instant, taken: &Taken, terms: &Terms) {
        *self = Schedule {
            tokens_at: taken.tokens_in.map(|(all, _)| asked_at + all.min(TOKEN_TICK)),
            permits_at: taken.waits_for_permits.then(|| asked_at + PERMIT_TICK),
            gate_at: taken.gate.as_ref().map(|(left, _)| after(asked_at, *left)),
            beat_at: Some(asked_at + terms.lease / 3),
            alive_at: Some(after(asked_at, terms.kept_for() / 2)),
            not_before: None,
            permits_are_scarce: taken.permits_are_scarce,
            others_wait: taken.others_wait,
            new_since: None,
        };
    }

    /// The call is to be made once more, with what has been learned.
    pub(super) fn again(&mut self) {
        self.forget();
        self.not_before = None;
    }

    /// A call has failed, and so have so many before it.
    pub(super) fn fails(&mut self, tries: u32, gives_up_at: Instant, now: Instant) {
        self.forget();
        let backoff = match tries.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_BACKOFF.saturating_mul(1 << doublings.min(16)).min(LONGEST_BACKOFF),
        };
        self.not_before = Some((now + backoff).min(gives_up_at));
        self.alive_at = self.alive_at.map(|at| at.max(now + IDLE_BACKOFF));
    }

    fn forget(&mut self) {
        (self.tokens_at, self.permits_at, self.gate_at, self.others_wait) = (None, None, None, false);
    }

    /// Whether Redis knows that the process waits.
    fn is_in_line(&self) -> bool {
        self.tokens_at.is_some() || self.permits_at.is_some()
    }

    /// When the next call is due; nothing if nothing is to be done before somebody comes.
    pub(super) fn due(&mut self, state: &State, now: Instant) -> Option<Instant> {
        let todo = &state.todo;
        if todo.end {
            return Some(now);
        }
        let holders_wait = !state.lines[HOLDERS].is_empty();
        let somebody_waits = holders_wait || !state.lines[NEWCOMERS].is_empty();
        let is_told = todo.pause.is_some() || todo.failure.is_some() || !todo.limits.is_empty();
        let is_new = self.gate_at.is_none()
            && match holders_wait {
                true => self.tokens_at.is_none(),
                false => somebody_waits && !self.is_in_line(),
            };
        let has_left = !somebody_waits && self.is_in_line();
        let at_once = is_told || todo.is_woken || has_left;
        let gather = if self.others_wait { GATHER } else { Duration::ZERO };
        let new = is_new.then(|| *self.new_since.get_or_insert(now) + gather);
        let waits = [self.tokens_at, self.permits_at, self.gate_at].into_iter().flatten();
        let waits = waits.filter(|_| somebody_waits);
        let release = todo.released.map(|since| since + self.release_within(state));
        let settled = todo.settled.since.map(|since| since + RELEASE_WITHIN);
        let beat = self.beat_at.filter(|_| state.held > 0);
        let due = waits.chain(at_once.then_some(now)).chain(new).chain(release).chain(settled);
        let due = due.chain(beat).chain(self.alive_at).min()?;
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// What could make it earlier.
    pub(super) fn heeds(&self, state: &State, due: Option<Instant>, now: Instant) -> Heeds {
        let is_open = self.gate_at.is_none();
        let mut joins = [state.nobody_waits(); 2];
        joins[HOLDERS] |= is_open && self.tokens_at.is_none();
        joins[NEWCOMERS] |= is_open && !self.is_in_line();
        let releases = due.is_none_or(|due| due > now + self.release_within(state));
        Heeds { joins, leaves: self.is_in_line(), releases }
    }

    fn release_within(&self, state: &State) -> Duration {
        match self.permits_are_scarce {
            false => RELEASE_WITHIN,
            true if state.lines[NEWCOMERS].is_empty() => SCARCE_WITHIN,
            true => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::line::Line;

    /// Else a process that waits for its ids would find other limits in force when they come.
    #[test]
    fn who_has_nothing_to_do_calls_before_it_is_forgotten() {
        let lease = Duration::from_secs(30);
        let terms =
            Terms { limits: Vec::new(), max_in_flight: Some(4), lease, use_by: Duration::from_millis(5) };
        let (now, line) = (Instant::now(), Line::new(&terms));
        let state = line.lock();
        let mut schedule = Schedule::default();
        assert_eq!(schedule.due(&state, now), None);
        schedule.answered(now, &Taken::default(), &terms);
        let due = schedule.due(&state, now).unwrap();
        assert_eq!(due, now + Duration::from_secs(60));
        assert!(due < now + terms.kept_for());
        // Not over and over where nobody answers.
        schedule.fails(3, due, due);
        assert_eq!(schedule.due(&state, due), Some(due + IDLE_BACKOFF));
    }
}
