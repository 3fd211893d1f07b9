//! `fanout status`: a shared quota as it is at this moment, for people or as JSON.

use std::fmt::Write;
use std::time::Duration;

use fanout::{HoldUp, Limit, SharedProcess, SharedStatus};
use serde_json::{Value, json};

use crate::cli::StatusArgs;
use crate::end::figures;
use crate::exit::{Exit, UsageError};
use crate::options::{self, QuotaPlace};
use crate::print::print;
use crate::screen::Screen;
use crate::values::duration;

/// Asks once, and prints what there is.
pub(crate) fn status(args: &StatusArgs, screen: &Screen) -> Result<Exit, UsageError> {
    let (place, builder) = options::shared_status(args)?;
    let status = match builder.status() {
        Ok(status) => status,
        Err(error) => {
            let hint = place.hint(&error).map_or(String::new(), |hint| format!(" ({hint})"));
            screen.say(format_args!("error: --redis {}: {error}{hint}", place.redis));
            return Ok(Exit::Failure);
        }
    };
    let is_known = status != SharedStatus::Unknown;
    let exit = match args.json {
        true => print(format!("{}\n", machines(&place, &status)).as_bytes(), screen),
        false if is_known => print(peoples(&place, &status).as_bytes(), screen),
        false => {
            let QuotaPlace { name, redis, .. } = &place;
            screen.say(format_args!("error: --quota {name}: {redis} knows no such quota"));
            Exit::Failure
        }
    };
    Ok(if is_known { exit } else { exit.or_failure() })
}

fn peoples(place: &QuotaPlace, status: &SharedStatus) -> String {
    let mut text = String::new();
    let mut add = |word: &str, line: String| _ = writeln!(text, "{word:<12}{line}");
    add("quota", format!("{} in {}", place.name, place.redis));
    let SharedStatus::Known(state) = status else {
        add("use", "none for some minutes; it was in use within a day".to_owned());
        return text;
    };
    for (limit, tokens) in &state.limits {
        if !limit.parts().0.is_unlimited() {
            add("limit", format!("{limit}: {tokens} tokens left"));
        }
    }
    if state.limits.iter().all(|(limit, _)| limit.parts().0.is_unlimited()) {
        add("limit", "unlimited".to_owned());
    }
    match state.max_in_flight {
        Some(most) => add("in flight", format!("{} of {most}", state.in_flight)),
        None => add("in flight", "any number".to_owned()),
    }
    if let Some((left, why)) = &state.held_up {
        let left = duration::shown(*left);
        add(
            "waits",
            match why {
                HoldUp::Pause(words) => {
                    format!("{left}, since the API asks for it ({})", words.escape_debug())
                }
                _ => format!("{left}, since it is new or was lost: what may be under way must be over first"),
            },
        );
    }
    add("processes", state.processes.len().to_string());
    for SharedProcess { name, in_flight, is_waiting, heard, .. } in &state.processes {
        let waits = if *is_waiting { ", waiting" } else { "" };
        add("", format!("{name}  {in_flight} in flight{waits}, heard {} ago", duration::shown(*heard)));
    }
    text
}

/// Every member is always there: null where it is not known.
fn machines(place: &QuotaPlace, status: &SharedStatus) -> Value {
    let state = match status {
        SharedStatus::Known(state) => Some(state),
        _ => None,
    };
    json!({
        "quota": place.name,
        "redis": place.redis,
        "known": *status != SharedStatus::Unknown,
        "limits": state.map(|state| state.limits.iter().map(limit).collect::<Vec<_>>()),
        "max_in_flight": state.and_then(|state| state.max_in_flight),
        "in_flight": state.map(|state| state.in_flight),
        "lease_ms": state.map(|state| figures::millis(state.lease)),
        "held_up": state.and_then(|state| state.held_up.as_ref()).map(held_up),
        "processes": state.map(|state| state.processes.iter().map(process).collect::<Vec<_>>()),
    })
}

fn limit((limit, tokens): &(Limit, u32)) -> Value {
    let mut object = figures::limit((&limit.to_string(), *limit));
    object["tokens_left"] = json!(tokens);
    object
}

fn held_up((left, why): &(Duration, HoldUp)) -> Value {
    let (why, words) = match why {
        HoldUp::Pause(words) => ("pause", Some(words)),
        _ => ("unknown", None),
    };
    json!({ "why": why, "words": words, "left_ms": figures::millis(*left) })
}

fn process(process: &SharedProcess) -> Value {
    json!({
        "name": process.name,
        "in_flight": process.in_flight,
        "waiting": process.is_waiting,
        "heard_ms_ago": figures::millis(process.heard),
    })
}
