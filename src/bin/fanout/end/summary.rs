//! Lines that say how a run went, at most three: what was done, how fast, and what is left to do.

use std::time::Duration;

use crate::ledger::Left;
use crate::run::Ended;
use crate::signals;
use crate::values::duration;

/// What to say to whoever wants the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Again {
    /// The file of --failed is the one of --input.
    pub(crate) failed_is_input: bool,
    /// The records go to a file, which a next run can go on with.
    pub(crate) output_is_file: bool,
}

/// `fetched 59 of 60 ids in 4.02 s, 1 failed` and the pace, against what the quota admits.
pub(crate) fn summary(ended: &Ended, signal: Option<i32>) -> Vec<String> {
    let Ended { fetched, elapsed, limits, .. } = ended;
    let (failed, retries) = (ended.failed(), ended.retries());
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
    match ended.duplicates {
        0 => {}
        1 => first += ", 1 duplicate left out",
        duplicates => first += &format!(", {duplicates} duplicates left out"),
    }
    match ended.traffic.pauses {
        // A run that ends at the word has not been paused.
        _ if ended.traffic.paused < Duration::from_millis(500) => {}
        1 => first += &format!(", paused for {}", whole_seconds(ended.traffic.paused)),
        times => {
            first += &format!(", paused {times} times, {} in all", whole_seconds(ended.traffic.paused));
        }
    }
    if ended.traffic.cut_off > 0 {
        first += &format!(", {} cut off", ended.traffic.cut_off);
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

/// `8 ids are left in todo.txt; standard input was not read on behind line 17; run again with --input todo.txt`: for a
/// run that is not complete, which `fetched` so many ids.
pub(crate) fn what_is_left(left: Option<&Left>, fetched: u64, again: Again) -> Option<String> {
    let mut parts = Vec::new();
    let mut with = Vec::new();
    if let Some(left) = left.filter(|left| left.failure.is_none()) {
        let name = shell_word(&left.name);
        match left.ids {
            0 => {}
            1 => parts.push(format!("1 id is left in {name}")),
            ids => parts.push(format!("{ids} ids are left in {name}")),
        }
        parts.extend(what_is_missing(left));
        if left.ids > 0 && !again.failed_is_input {
            with.push(format!("--input {name}"));
        }
        if left.ids > 0 && with.is_empty() && !again.output_is_file {
            parts.push("run again".to_owned());
        }
    }
    if again.output_is_file && fetched > 0 {
        with.push("--resume".to_owned());
    }
    if !with.is_empty() {
        parts.push(format!("run again with {}", with.join(" ")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What should be in the file of --failed, and is not.
fn what_is_missing(left: &Left) -> impl Iterator<Item = String> {
    let ranges =
        left.ranges.as_ref().map(|ranges| format!("{} more are --ids {}", ranges.count, ranges.spec));
    let unread = left.unread_behind.map(|line| match line {
        0 => "the input was not read".to_owned(),
        line => format!("the input was not read on behind line {line}"),
    });
    let not_ids = match left.not_ids {
        0 => None,
        1 => Some("1 line that is no id is not there".to_owned()),
        lines => Some(format!("{lines} lines that are no ids are not there")),
    };
    let unreadable = left.unreadable.as_ref().map(|error| format!("the rest is not there: {error}"));
    [ranges, unread, not_ids, unreadable].into_iter().flatten()
}

/// As a shell takes it for one word.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./+=:@%,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The nearest.
fn whole_seconds(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_millis() >= 500));
    duration::shown(Duration::from_secs(seconds))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
