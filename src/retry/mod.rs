//! Whether a failed try is made again, and when. Pure: no clock, no lock, no I/O, and chance is handed in as a number.
//!
//! Whoever asks has a try that has [`Failed`], and is told to try again at an instant, or to give up, and why
//! ([`Decision`]). Waiting, and sending, is the asker's business.
//!
//! | file | what it is |
//! | --- | --- |
//! | `policy` | what a user sets, and the tables of what is tried again and when |
//! | `decision` | from the end of a try to what comes next |
//! | `backoff` | how long to wait, as arithmetic |
//! | `random` | chance, for the jitter |
//! | `budget` | how many retries a run has |

mod backoff;
mod budget;
mod decision;
mod policy;
mod random;
#[cfg(test)]
mod tests;

pub use budget::RetryBudget;
pub use policy::RetryPolicy;

pub(crate) use budget::RunBudget;
pub(crate) use decision::{Attempt, Decision, Failed, is_repeatable};
pub(crate) use random::Random;
