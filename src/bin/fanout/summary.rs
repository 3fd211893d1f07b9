//! At most two lines that say how a run went; a third is for records that did not get out.

use std::time::Duration;

use fanout::{Error, ErrorKind};

use crate::run::Ended;
use crate::signals;

/// `fetched 59 of 60 ids in 4.02 s, 1 failed` and the pace, against what the quota admits.
pub(crate) fn summary(ended: &Ended, signal: Option<i32>) -> Vec<String> {
    let Ended { fetched, elapsed, limits, .. } = ended;
    // The failure that ended the run is no outcome.
    let last = ended.result.as_ref().err().filter(|error| is_failure(error));
    let failed = ended.failed + u64::from(last.is_some());
    let retries = ended.retries + last.map_or(0, |error| u64::from(error.attempt().saturating_sub(1)));
    let of = ended.total.map_or(String::new(), |total| format!(" of {total}"));
    let ids = if ended.total.unwrap_or(u128::from(*fetched)) == 1 { "id" } else { "ids" };
    let mut first = format!("fetched {fetched}{of} {ids} in {}, {failed} failed", seconds(*elapsed));
    match retries {
        0 => {}
        1 => first += ", 1 retry",
        retries => first += &format!(", {retries} retries"),
    }
    if ended.there_already > 0 {
        first += &format!(", {} there already", ended.there_already);
    }
    if ended.cut_off > 0 {
        first += &format!(", {} cut off", ended.cut_off);
    }
    if let Some(signal) = signal {
        first += &format!(", stopped by {}", signals::name(signal));
    }
    if *fetched == 0 {
        return vec![first];
    }
    let pace = (fetched + failed) as f64 / elapsed.as_secs_f64().max(1e-9);
    let mut second = format!("pace {pace:.1} ids/s; ");
    second += &if limits.is_unlimited() { limits.to_string() } else { format!("quota {limits}") };
    if let Some(most) = limits.admits(*elapsed).map(f64::floor) {
        second += &format!(": at most {most} requests in that time");
    }
    vec![first, second]
}

/// An id that failed, and was not cut off by the end of the run.
fn is_failure(error: &Error) -> bool {
    let is_cut_off =
        matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::DeadlineExceeded | ErrorKind::LongPause);
    error.id().is_some() && !is_cut_off
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
