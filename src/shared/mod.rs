//! One quota for many processes, kept in Redis: the other way to what `quota` hands out.
//!
//! # From the top
//!
//! A [`SharedQuota`] is what a program holds (`quota`, `builder`). Its threads wait at a `line` for a `grant`, or are
//! `denied` one, and the one quota thread (`keeper`) asks for all of them, when `schedule` says so or something is
//! `todo`: one round trip, in which the `script` takes tokens and permits for as many as wait (`wants`), and gives
//! back what has come back. `news` hears when a permit is there, or the run has failed. `journal` logs what is worth
//! it.
//!
//! Below that is what only says or computes something: `terms` what the limits are in whole numbers, `settled` what
//! costs have turned out to be, `gate` what holds up all, `keys` the names, `error` why not; `connection` (with `tls`)
//! is the way to the server, and `status` what it all looks like from outside.
//!
//! # The script
//!
//! `take.lua` reads the state, decides, and writes it in one command. What it is told is not what has happened since
//! the last call, but what *is*: how many permits are held, how many wait. So nothing is wrong for long when an answer
//! is lost: a grant whose answer was lost is held by nobody, and the next call says so, which is made for that if for
//! nothing else. A call carries a number, and one that comes later than the one behind it (a timed-out call may still
//! be executed) does nothing.
//!
//! * *Time* is the server's, read inside the script; what it answers are durations. If its clock steps back, every
//!   instant that is kept steps back with it.
//! * *Tokens* are integer credit, as in [`limiter`](crate::limiter), in microseconds. A bucket that is missing is
//!   empty. What a cost has turned out to be is told afterwards; what is given back must have had room all the while.
//! * *The line.* Who is refused gets a place, and is told when as many tokens as it wants are there after those that
//!   the processes ahead of it want: a process is called back once for each batch, and nobody polls. Nothing is taken
//!   before it is used, so whoever dies costs the others nothing but the time in which it would have had to call back
//!   (50 ms). A batch is as many as wait, and no more than come in 2 ms, while others stand in the line; who gets its
//!   batch and wants more goes to the end of the line, in the same call.
//! * *Permits* are counted for each process, whose lease is renewed by every call. While others wait for some, a
//!   process takes no more than its share (the cap, divided by the processes that hold or want some), and so mostly
//!   takes what it has just given back, in the same call. What is free goes to those in line, who are woken by a
//!   message and must come within 50 ms. In a cap that is used to the full no process is woken for each request; to
//!   hand each permit to the head of a line costs another round trip, which was measured as 2.01 a request.
//! * *A loss* is noticed by the epoch: a key that outlives the state by far, and has another value when the state has
//!   been made anew. A process that knows an epoch that is not there, or whose latest call of a moment ago is not known
//!   there, starts the wait for a lease; a process that is new cannot tell a loss from a beginning, and waits as well
//!   unless it is told otherwise. Then all who are alive have said what they hold, and the others' requests are over.
//!
//! # Why a request never outlives its lease
//!
//! A lease lasts twice as long as any request may take, and is renewed by each call that grants something. So what is
//! begun by a grant that is in time has ended (the watchdog sees to that) long before the lease does, even if Redis is
//! never heard of again: nobody need be stopped in the middle of a request. What is left to look at is whether the
//! lease is still good when a token is wanted for a redirect: it is void when its time has passed by the process's own
//! monotonic clock, counted from before the call that renewed it.
//!
//! # Sources
//!
//! Brandur's redis-cell and go-redis/redis_rate (GCRA in the server); Stripe's rate limiters (a concurrency limit of
//! leases); Doorman (capacity leases, and a learning mode after a loss of state); Redisson #2045 (permits of dead
//! machines); spring-cloud-gateway #2412 (the clients' clocks in a script); Kleppmann, "How to do distributed
//! locking" (2016), for what no lease can promise; Redis's documentation of `EVAL`, `TIME` and publish/subscribe.

mod builder;
mod connection;
mod denied;
mod error;
mod gate;
mod grant;
mod journal;
mod keeper;
mod keys;
mod line;
mod news;
mod quota;
mod schedule;
mod script;
mod settled;
mod status;
mod terms;
#[cfg(feature = "redis-tls")]
mod tls;
mod todo;
mod wants;

pub use builder::SharedQuotaBuilder;
pub use error::{SharedAcquireError, SharedError, SharedErrorKind};
pub use gate::HeldUp;
pub use grant::Grant;
pub use quota::SharedQuota;
pub use status::{HoldUp, SharedProcess, SharedState, SharedStatus};

pub(crate) use denied::Denied;
pub(crate) use line::{Lease, Want};
