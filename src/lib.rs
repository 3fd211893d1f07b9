//! Fetches every id of a list from one HTTP API: as fast as its quota allows, never faster.

#![forbid(unsafe_code)]

mod bucket;
mod rate;

pub use bucket::{ExceedsBurst, Take, TokenBucket};
pub use rate::{InvalidLimit, Rate};
