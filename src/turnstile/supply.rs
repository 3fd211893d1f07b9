//! What is handed out to those in line: pure, with the time passed in.
//!
//! The in-flight cap is a supply of permits, the rate limiter one of tokens; the line before it is a
//! [`Turnstile`](crate::turnstile::Turnstile). What would become of a line can be told by serving it from a copy: that
//! is a [`Forecast`].

use std::time::{Duration, Instant};

/// Something that is handed out in the order of arrival, each demand as a whole.
pub(crate) trait Supply: Clone + Send + 'static {
    /// How much one asks for.
    type Demand: Copy + Send + Sync + 'static;

    /// Why it is hopeless to wait for a demand.
    type Hopeless: Copy + Send + Sync + 'static;

    /// Whether there is any hope for it: whether so much could ever be had at once, for one.
    fn check(&self, demand: &Self::Demand, now: Instant) -> Result<(), Self::Hopeless>;

    /// Hands it out if it is there, or says when it will be. Nothing if no time can be told: it comes when someone
    /// gives something back. What can never be had is never there.
    fn take(&mut self, demand: &Self::Demand, now: Instant) -> Result<(), Option<Due>>;

    /// By when so many more demands, each as large as can be met, will certainly have been met; nothing if that cannot
    /// be told. It may be far too late, but must be told at once, however many there are.
    fn surely_by(&self, demands: usize, now: Instant) -> Option<Instant>;

    /// Somebody has arrived and found nobody in line. Told before it takes anything.
    fn find_nobody_in_line(&mut self, _now: Instant) {}
}

/// When something comes that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    /// How long after that it may still be taken before the supply has lost something by it.
    pub(crate) spare: Duration,
}

/// What will become of a line, if nobody leaves it and nobody is late.
pub(crate) struct Forecast<S> {
    supply: S,
    /// When the latest was served; nothing if that cannot be told.
    served: Option<Instant>,
}

impl<S: Supply> Forecast<S> {
    pub(crate) fn new(supply: &S, now: Instant) -> Forecast<S> {
        Forecast { supply: supply.clone(), served: Some(now) }
    }

    /// Whether the next in line is certain to be served after its deadline. If so, it takes nothing, and those behind
    /// it move up.
    pub(crate) fn is_too_late(&mut self, demand: &S::Demand, deadline: Option<Instant>) -> bool {
        let Some(now) = self.served else {
            return false;
        };
        let is_over = |at| deadline.is_some_and(|deadline| deadline < at);
        if is_over(now) {
            return true;
        }
        self.served = match self.supply.take(demand, now) {
            Ok(()) => Some(now),
            Err(None) => None,
            Err(Some(due)) if is_over(due.at) => return true,
            Err(Some(due)) => self.supply.take(demand, due.at).is_ok().then_some(due.at),
        };
        false
    }
}
