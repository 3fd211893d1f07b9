//! A level that falls when it is refused and climbs while it is not: CUBIC on a clock of requests.
//!
//! TCP has the same task: to find out how much is welcome by nothing but being refused. This is its way (RFC 9438),
//! with two changes. TCP may lose a packet each few seconds, while here a refusal is to cost at least 200 admissions.
//! And the clock is not time but admissions, as those are what refusals are weighed against; so the same numbers do
//! for one request a second and for a thousand.
//!
//! # Falling
//!
//! A refusal after `n` admissions says that one in `n + 1` is too many. It takes three times that share off the
//! level, at least 3 % and at most 20 %: what was refused once may be further off than it looks.
//!
//! One event is one cut. Whatever was sent before the cut and is refused after it belongs to it (as in TCP, RFC 6582:
//! "recovery"). And if nothing at all is admitted after a cut, then refusals say little about the level: a window of
//! the server's may be used up. The next cut then waits for 8 refusals in a row, the one after it for 16, and so on.
//!
//! # Climbing
//!
//! First back, to 3 % below where it was refused: quickly, then ever slower. It arrives when the refusal is paid for,
//! with 200 admissions, and as many for each refusal that came late. (The late ones are forgiven after 100 rounds:
//! they are a small part of what was in flight in one, and at a low rate the rest of a burst.) Then beyond, to where
//! nobody has been: slowly, then ever faster. 5 % are reached after 100 admissions and 20 rounds, and eight times as
//! much after twice as many. So the level stays for long where it is right, and is not long in finding a limit that
//! has been raised.
//!
//! A round ends when a request that was sent in it is admitted. As in TCP, it is what the level learns by; without
//! it, a level with many requests in flight would have doubled before the first of them is refused.
//!
//! Only such admissions count as are owed to the level: that of a request which the level held back (RFC 9438, section
//! 5.8). Who sends less than he may proves nothing.

/// So many admissions pay for a refusal. One in 100 is promised; half of that is left for what is never paid.
const PRICE: u64 = 200;

/// After so many rounds, late refusals are forgiven.
const FORGIVEN_AFTER: u64 = 100;

/// In percent of the level: the least and the most that a refusal takes off.
const CUT: (u64, u64) = (3, 20);

/// How many times the share that was refused is taken off.
const MARGIN: u64 = 3;

/// How many refusals in a row, with nothing admitted in between, are worth a second cut.
const PATIENCE: u64 = 8;

/// How far it climbs beyond what it knows, in percent, with so many admissions and so many rounds.
const PROBE: (u64, u64, u64) = (5, 100, 20);

/// Where fractions are needed, they are in 65,536ths.
const ONE: u64 = 1 << 16;

/// A number of parts, from a floor to a ceiling. What may be used of it is whole multiples of a quantum.
#[derive(Clone, Debug)]
pub(super) struct Level {
    ceiling: u64,
    floor: u64,
    quantum: u64,
    /// In force.
    level: u64,
    /// How many cuts there have been.
    epoch: u64,
    /// Since the last cut, or the beginning.
    round: u64,
    admitted: u64,
    refused_in_a_row: u64,
    patience: u64,
    /// None before the first cut.
    climb: Option<Climb>,
}

/// The way up from the last cut.
#[derive(Clone, Debug)]
struct Climb {
    from: u64,
    /// Just below where it was refused.
    to: u64,
    /// How far beyond it goes in the first stretch.
    probe: u64,
    /// How many admissions are owed for the cut, and how many refusals came late.
    owed: u64,
    late: u64,
    /// How many had been admitted, and which round it was, when all was paid.
    paid: Option<(u64, u64)>,
}

/// When a request was sent, by the clock of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    epoch: u64,
    round: u64,
}

impl Level {
    /// Begins at the ceiling. `floor` and `quantum` are at least 1.
    pub(super) fn new(ceiling: u64, floor: u64, quantum: u64) -> Level {
        Level {
            ceiling,
            floor: floor.min(ceiling),
            quantum: quantum.max(1),
            level: ceiling,
            epoch: 0,
            round: 0,
            admitted: 0,
            refused_in_a_row: 0,
            patience: 1,
            climb: None,
        }
    }

    /// Forgets all that it has learned. What was sent before says nothing any more.
    pub(super) fn begin_anew(&mut self) {
        let epoch = self.epoch + 1;
        *self = Level { epoch, ..Level::new(self.ceiling, self.floor, self.quantum) };
    }

    pub(super) fn get(&self) -> u64 {
        self.level
    }

    /// To be kept with a request that is sent now.
    pub(super) fn mark(&self) -> Mark {
        Mark { epoch: self.epoch, round: self.round }
    }

    /// A request was admitted; `held_back` by this level, or not. Tells whether the level has changed.
    pub(super) fn admit(&mut self, sent: Mark, held_back: bool) -> bool {
        if sent.epoch != self.epoch {
            return false;
        }
        self.refused_in_a_row = 0;
        self.patience = 1;
        if sent.round == self.round {
            self.round = self.round.saturating_add(1);
        }
        if !held_back {
            return false;
        }
        self.admitted = self.admitted.saturating_add(1);
        let Some(climb) = &mut self.climb else {
            return false;
        };
        climb.settle(self.admitted, self.round);
        let height = climb.height(self.admitted, self.round).min(self.ceiling);
        let height = height / self.quantum * self.quantum;
        // Not with each admission: a change is work for others, and a line in the log.
        let worth_it = (self.level / 100).max(self.quantum);
        let there = height == self.ceiling && self.level != self.ceiling;
        if height < self.level.saturating_add(worth_it) && !there {
            return false;
        }
        self.level = height;
        true
    }

    /// A request was refused. Tells whether the level has changed.
    pub(super) fn refuse(&mut self, sent: Mark) -> bool {
        if sent.epoch == self.epoch {
            self.refused_in_a_row += 1;
            if self.refused_in_a_row >= self.patience {
                return self.cut();
            }
        }
        if let Some(climb) = &mut self.climb {
            climb.late = climb.late.saturating_add(1);
        }
        false
    }

    fn cut(&mut self) -> bool {
        let refused_at = self.level;
        let percent = |share: u64| refused_at * share / 100;
        let share = MARGIN * refused_at / self.admitted.saturating_add(1);
        let off = share.clamp(percent(CUT.0), percent(CUT.1));
        let to = (refused_at - percent(CUT.0)).min(refused_at.saturating_sub(self.quantum)).max(self.floor);
        let from = refused_at.saturating_sub(off).min(to).max(self.floor);
        // What was not paid yet is still owed, but no more than for one: a server that refuses often, whatever the
        // level, would otherwise never be asked for more again.
        let unpaid = self.climb.as_ref().map_or(0, |climb| climb.owed.saturating_sub(self.admitted));
        let owed = unpaid.min(PRICE) + PRICE;
        self.climb = Some(Climb { from, to, probe: percent(PROBE.0), owed, late: 0, paid: None });
        self.level = from / self.quantum * self.quantum;
        self.epoch += 1;
        self.round = 0;
        self.admitted = 0;
        self.refused_in_a_row = 0;
        self.patience = if self.patience == 1 { PATIENCE } else { self.patience.saturating_mul(2) };
        self.level != refused_at
    }
}

impl Climb {
    /// How many admissions are owed in all.
    fn price(&self) -> u64 {
        self.owed.saturating_add(self.late.saturating_mul(PRICE))
    }

    fn settle(&mut self, admitted: u64, round: u64) {
        let forgiven = round >= FORGIVEN_AFTER && admitted >= self.owed;
        if self.paid.is_none() && (forgiven || admitted >= self.price()) {
            self.paid = Some((admitted, round));
        }
    }

    fn height(&self, admitted: u64, round: u64) -> u64 {
        match self.paid {
            None => {
                let left = share(self.price().saturating_sub(admitted), self.price());
                self.to - scale(self.to - self.from, cube(left))
            }
            Some((since, round_then)) => {
                let (_, admissions, rounds) = PROBE;
                let gone = share(admitted.saturating_sub(since), admissions);
                self.to.saturating_add(scale(self.probe, cube(gone.min(share(round - round_then, rounds)))))
            }
        }
    }
}

/// `part / whole`, up to a thousand.
fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * u128::from(ONE) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).min(1_000 * ONE)
}

fn cube(share: u64) -> u64 {
    let cube = u128::from(share).pow(3) / u128::from(ONE).pow(2);
    u64::try_from(cube).unwrap_or(u64::MAX)
}

fn scale(parts: u64, share: u64) -> u64 {
    u64::try_from(u128::from(parts) * u128::from(share) / u128::from(ONE)).unwrap_or(u64::MAX)
}
