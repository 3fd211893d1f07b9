//! What a quota looks like from outside: for people, and for whoever watches it. Reading it changes nothing.
//!
//! The hash holds what `take.lua` has written in the latest call of any process. What has come since is added here as
//! there: credit up to now, and processes whose leases are over are gone.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use redis::{Connection, RedisResult, Script};

use crate::limiter::Limit;

use super::gate::Gate;
use super::keys::Keys;
use super::terms::{Measure, Terms};

/// What Redis knows of a quota: see [`SharedQuotaBuilder::status`](crate::SharedQuotaBuilder::status).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedStatus {
    /// Nothing: it was never used, not for long, or it is lost.
    Unknown,
    /// That it was used within a day or more, and no more than that: nobody has called for some minutes.
    Idle,
    /// All of it.
    Known(SharedState),
}

/// A quota at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedState {
    /// The limits in force, each with how many tokens are there. It may be fewer than the burst even when nobody has
    /// asked for long: see [the margin](crate::SharedQuota#the-margin).
    pub limits: Vec<(Limit, u32)>,
    /// The cap on requests in flight, if they are counted.
    pub max_in_flight: Option<u32>,
    /// How many permits are held, as far as their holders have told.
    pub in_flight: u32,
    /// For how long a process that is not heard of keeps its permits.
    pub lease: Duration,
    /// Nobody is granted anything for so long, and why.
    pub held_up: Option<(Duration, HoldUp)>,
    /// The processes whose leases are not over, by their names.
    pub processes: Vec<SharedProcess>,
}

/// Why nobody is granted anything for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldUp {
    /// Redis knew nothing of the quota, which may be new or lost: requests that it does not know of may be under way,
    /// and must be over first.
    Unknown,
    /// The API has asked for a pause, in these words.
    Pause(String),
}

/// One of the processes that use a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedProcess {
    /// Drawn at random when it began.
    pub name: String,
    /// How many permits it holds.
    pub in_flight: u32,
    /// Whether it stands in a line, for tokens or for permits.
    pub is_waiting: bool,
    /// How long ago it has called. One that has nothing to ask for calls each third of a lease while it holds permits,
    /// and not at all while it holds none.
    pub heard: Duration,
}

type Read = ((u64, u64), HashMap<String, String>, bool);

/// One call of a script that writes nothing. Nothing in it if what is there is of a version that is not known here.
pub(super) fn read(keys: &Keys, connection: &mut Connection) -> RedisResult<Option<SharedStatus>> {
    let script = Script::new(include_str!("status.lua"));
    let ((seconds, micros), hash, has_epoch): Read =
        script.key(&keys.state).key(&keys.epoch).invoke(connection)?;
    if hash.is_empty() {
        return Ok(Some(if has_epoch { SharedStatus::Idle } else { SharedStatus::Unknown }));
    }
    let now = seconds.saturating_mul(1_000_000).saturating_add(micros);
    Ok(state(&hash, now).map(SharedStatus::Known))
}

/// Pure: what the hash says at this instant of the server's clock.
fn state(hash: &HashMap<String, String>, now: u64) -> Option<SharedState> {
    let terms = Terms::from_wire(hash.get("terms")?)?;
    let [seen, not_before, paused_to, ..] = numbers::<u64>(hash.get("clock")?)[..] else { return None };
    // A clock that was set back takes the instants with it.
    let back = seen.saturating_sub(now);
    let [not_before, paused_to] = [not_before, paused_to].map(|at| at.saturating_sub(back));
    let since = seen.min(now).max(paused_to.min(now));
    let buckets: Vec<i64> = numbers(hash.get("buckets").map_or("", String::as_str));
    let tokens = terms.measures()?.into_iter().enumerate().map(|(index, measure)| {
        let bucket = [buckets.get(2 * index), buckets.get(2 * index + 1)];
        let credit = match bucket {
            [Some(credit), Some(unit)] if *unit > 0 => {
                let now = i64::try_from(measure.unit).unwrap_or(i64::MAX);
                credit.div_euclid(*unit).saturating_mul(now).saturating_add(credit.rem_euclid(*unit))
            }
            _ => 0,
        };
        if now < paused_to { 0 } else { tokens(measure, credit, now - since) }
    });
    let mut processes: Vec<SharedProcess> = hash
        .iter()
        .filter_map(|(field, value)| Some((field.strip_prefix("m:")?, numbers::<u64>(value))))
        .filter_map(|(name, member)| {
            let [_, lease, held, place, _, permit_place, ..] = member[..] else { return None };
            let left = lease.saturating_sub(back).checked_sub(now).filter(|left| *left > 0)?;
            Some(SharedProcess {
                name: name.to_owned(),
                in_flight: u32::try_from(held).unwrap_or(u32::MAX),
                is_waiting: place > 0 || permit_place > 0,
                heard: terms.lease.saturating_sub(Duration::from_micros(left)),
            })
        })
        .collect();
    processes.sort_by(|a, b| a.name.cmp(&b.name));
    let gate = not_before.max(paused_to).saturating_sub(now);
    let why = match hash.get("words") {
        Some(words) if paused_to > now && paused_to >= not_before => Gate::Pause(words.clone()),
        _ => Gate::Lost,
    };
    Some(SharedState {
        limits: terms.limits.iter().copied().zip(tokens).collect(),
        max_in_flight: terms.max_in_flight,
        in_flight: processes.iter().fold(0, |sum, process| sum.saturating_add(process.in_flight)),
        lease: terms.lease,
        held_up: (gate > 0).then(|| (Duration::from_micros(gate), HoldUp::from(why))),
        processes,
    })
}

/// Whole tokens of a bucket that had this credit so many microseconds ago.
fn tokens(measure: Measure, credit: i64, micros: u64) -> u32 {
    let gained = micros.saturating_mul(measure.gain);
    let owed_or_more = gained.saturating_sub(credit.min(0).unsigned_abs());
    let credit = owed_or_more.saturating_add(credit.max(0).unsigned_abs()).min(measure.most());
    u32::try_from(credit.checked_div(measure.unit).unwrap_or(0)).unwrap_or(u32::MAX)
}

/// What is none, or below what may be, is nothing.
fn numbers<N: FromStr + Default>(text: &str) -> Vec<N> {
    text.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect()
}

impl From<Gate> for HoldUp {
    fn from(gate: Gate) -> HoldUp {
        match gate {
            Gate::Lost => HoldUp::Unknown,
            Gate::Pause(words) => HoldUp::Pause(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::Rate;

    fn hash(fields: &[(&str, &str)]) -> HashMap<String, String> {
        let of = |(field, value): &(&str, &str)| ((*field).to_owned(), (*value).to_owned());
        fields.iter().map(of).collect()
    }

    /// 200/s, burst 20, use by 5 ms: a token is 5,000 credit, of which one comes each microsecond; 19 are kept.
    const TERMS: (&str, &str) = ("terms", "1 16 30000000 5000 200/1000000000/20");

    #[test]
    fn what_has_come_since_the_latest_call_is_added() {
        let fields = [
            TERMS,
            ("clock", "1000000 0 0 3"),
            ("buckets", "7500 5000"),
            ("m:b", "9 31000000 3 0 0 0 0 0 0"),
            ("m:a", "9 25000000 2 1 1000000 0 0 0 0 1"),
            ("m:dead", "9 1009000 9 0 0 0 0 0 0"),
        ];
        let at = |now| state(&hash(&fields), now).unwrap();
        assert_eq!(at(1_000_000).limits, [(Limit::new(Rate::per_second(200), 20), 1)]);
        let state = at(1_010_000);
        assert_eq!((state.limits[0].1, state.in_flight, state.max_in_flight), (3, 5, Some(16)));
        assert_eq!(at(2_000_000).limits[0].1, 19);
        let owing = [TERMS, ("clock", "1000000 0 0 3"), ("buckets", "-7500 5000")];
        let owing = |now| self::state(&hash(&owing), now).unwrap().limits[0].1;
        assert_eq!([1_000_000, 1_012_499, 1_012_500].map(owing), [0, 0, 1]);
        let of = |process: &SharedProcess| (process.name.clone(), process.is_waiting, process.heard);
        let told: Vec<_> = state.processes.iter().map(of).collect();
        let [heard_a, heard_b] = [6_010, 10].map(Duration::from_millis);
        assert_eq!(told, [("a".to_owned(), true, heard_a), ("b".to_owned(), false, heard_b)]);
        assert_eq!(state.held_up, None);
    }

    #[test]
    fn a_gate_says_why_and_nothing_gathers_in_a_pause() {
        let at = |clock, words: &[(&str, &str)]| {
            let fields = [&[TERMS, ("clock", clock), ("buckets", "50000 5000")], words].concat();
            state(&hash(&fields), 1_000_000).unwrap()
        };
        let paused = at("900000 0 3000000 0", &[("words", "retry-after: 3")]);
        let words = HoldUp::Pause("retry-after: 3".to_owned());
        assert_eq!(paused.held_up, Some((Duration::from_secs(2), words)));
        assert_eq!(paused.limits[0].1, 0);
        let lost = at("900000 4000000 0 0", &[]);
        assert_eq!(lost.held_up, Some((Duration::from_secs(3), HoldUp::Unknown)));
    }

    #[test]
    fn what_is_not_understood_is_no_state() {
        assert_eq!(state(&hash(&[("terms", "2 16"), ("clock", "1 0 0 0")]), 1), None);
        assert_eq!(state(&hash(&[TERMS]), 1), None);
    }
}
