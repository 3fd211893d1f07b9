//! Cancellation: who stops whom, and how what is blocked comes back.
//!
//! | file | what it is |
//! | --- | --- |
//! | `token` | a tree of tokens: a flag, a deadline, and who is to be interrupted |
//! | `tether` | a worker, and the socket or look-up that it is blocked in |
//! | `watchdog` | the thread of a call that cuts its requests at their deadlines |

mod tether;
mod token;
mod watchdog;

pub use token::{CancelToken, Stopped};

pub(crate) use tether::{Cut, Line, Tether};
pub(crate) use token::{Interrupt, Registration};
pub(crate) use watchdog::Watchdog;
