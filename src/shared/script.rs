//! What is said to the script (`take.lua`) in one call, and what it answers: pure, but for the call itself.

use std::time::Duration;

use redis::{Connection, RedisResult, Script, ScriptInvocation, Value};

use super::gate::Gate;
use super::keys::Keys;
use super::settled::Settled;
use super::terms::Terms;
use super::wants::Run;

/// The one script, and the keys that it works on.
pub(super) struct Take {
    script: Script,
    keys: Keys,
    /// Of the run, if there is one: what has ended it.
    ends_with_a_run: bool,
}

/// What a process tells.
pub(super) struct Ask<'a> {
    /// Who asks, and its how manieth call this is. A call that comes later than the next one does nothing.
    pub(super) member: &'a str,
    pub(super) number: u64,
    /// The epoch that it knows; empty at first.
    pub(super) epoch: &'a str,
    /// Its latest call that was answered, if that was so short a time ago that it must be known; else 0.
    pub(super) known: u64,
    pub(super) generation: u64,
    pub(super) terms: &'a Terms,
    pub(super) first_terms: &'a str,
    /// Whether a quota that is not known has surely no request under way.
    pub(super) is_idle: bool,
    /// Whether this is the first call on a connection that is not the first.
    pub(super) is_cold: bool,
    /// It goes, and holds nothing.
    pub(super) leaves: bool,
    /// How many permits it holds.
    pub(super) held: u32,
    /// How much is left of the pause that it has been told, and in which words.
    pub(super) pause: Option<(Duration, &'a str)>,
    pub(super) settled: &'a Settled,
    /// What it wants, in order.
    pub(super) wants: &'a [Run],
}

/// What the script says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken(Taken),
    /// It has heard a later call of this process.
    Old,
    /// The terms have changed since: these, of this generation.
    Adopt(u64, String),
    /// The name is used with these other terms.
    Differs(String),
    /// The run has failed, and this is what was written about it.
    RunFailed(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) epoch: String,
    /// By the server's clock, in microseconds since 1970.
    pub(super) now: u64,
    /// The first so many have what they want.
    pub(super) granted: u32,
    /// When to call again for tokens, and when the first of them is there.
    pub(super) tokens_in: Option<(Duration, Duration)>,
    /// Permits are missing: the process is woken.
    pub(super) waits_for_permits: bool,
    /// Others wait for permits, or soon will: one that comes back is to be told at once.
    pub(super) permits_are_scarce: bool,
    /// Other processes stand in line for tokens.
    pub(super) others_wait: bool,
    /// Nobody is granted anything for so long.
    pub(super) gate: Option<(Duration, Gate)>,
}

impl Take {
    pub(super) fn new(keys: Keys) -> Take {
        let ends_with_a_run = keys.run.is_some();
        Take { script: Script::new(include_str!("take.lua")), keys, ends_with_a_run }
    }

    /// One round trip, and two more when the server does not know the script.
    pub(super) fn call(&self, ask: &Ask<'_>, connection: &mut Connection) -> RedisResult<Option<Answer>> {
        let mut call = self.script.key(&self.keys.state);
        call.key(&self.keys.epoch);
        if self.ends_with_a_run {
            call.key(&self.keys.run);
        }
        ask.write(&mut call);
        Ok(Answer::read(&call.invoke(connection)?))
    }

    /// Writes down what has ended the run, unless something has already, and tells the others.
    pub(super) fn fail(&self, text: &str, terms: &Terms, connection: &mut Connection) -> RedisResult<()> {
        let Some(run) = &self.keys.run else {
            return Ok(());
        };
        let kept_for = millis(epoch_is_kept_for(terms));
        let mut both = redis::pipe();
        both.cmd("SET").arg(run).arg(text).arg("NX").arg("PX").arg(kept_for).ignore();
        both.cmd("PUBLISH").arg(run).arg("failed").ignore();
        both.query(connection)
    }

    /// Wakes the one who listens for this process.
    pub(super) fn wake_listener(&self, member: &str, connection: &mut Connection) -> RedisResult<()> {
        redis::cmd("PUBLISH").arg(self.keys.channel(member)).arg("look").exec(connection)
    }
}

/// A day at least, and longer than the state: what tells a quota that has been idle from one that is lost.
pub(super) fn epoch_is_kept_for(terms: &Terms) -> Duration {
    terms.kept_for().saturating_mul(2).max(Duration::from_secs(86_400))
}

impl Ask<'_> {
    fn write(&self, call: &mut ScriptInvocation<'_>) {
        let terms = self.terms;
        let measures = terms.measures().unwrap_or_default();
        call.arg(self.member).arg(self.number).arg(self.epoch).arg(self.known);
        call.arg(self.generation).arg(terms.to_wire()).arg(self.first_terms);
        call.arg(u8::from(self.is_idle)).arg(u8::from(self.is_cold)).arg(u8::from(self.leaves));
        let (pause, words) = self.pause.unwrap_or_default();
        call.arg(self.held).arg(micros(pause)).arg(words);
        call.arg(terms.max_in_flight.unwrap_or(0)).arg(micros(terms.lease));
        call.arg(millis(terms.kept_for())).arg(millis(epoch_is_kept_for(terms)));
        call.arg(measures.len());
        let Settled { owed, back, .. } = self.settled;
        for (measure, (owed, back)) in measures.iter().zip(owed.iter().zip(back)) {
            call.arg(measure.gain).arg(measure.unit).arg(measure.most());
            call.arg(measure.countable(*owed)).arg(measure.countable(*back));
        }
        call.arg(self.wants.len());
        for run in self.wants {
            call.arg(run.count).arg(u8::from(run.permit));
            run.cost.tokens().take(measures.len()).for_each(|tokens| _ = call.arg(tokens));
        }
    }
}

impl Answer {
    /// Nothing if it is none that is known here.
    fn read(value: &Value) -> Option<Answer> {
        let Value::Array(parts) = value else {
            return None;
        };
        let text = |index: usize| match parts.get(index) {
            Some(Value::BulkString(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Some(Value::SimpleString(text)) => Some(text.clone()),
            _ => None,
        };
        let number = |index: usize| match parts.get(index) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let unsigned = |index| number(index).and_then(|number| u64::try_from(number).ok());
        let answer = match &*text(0)? {
            "old" => Answer::Old,
            "adopt" => Answer::Adopt(unsigned(1)?, text(2)?),
            "differs" => Answer::Differs(text(1)?),
            "failed" => Answer::RunFailed(text(1)?),
            "ok" => Answer::Taken(Taken {
                epoch: text(1)?,
                now: unsigned(2)?,
                granted: u32::try_from(unsigned(3)?).ok()?,
                tokens_in: unsigned(4)
                    .zip(unsigned(5))
                    .map(|(all, first)| (Duration::from_micros(all), Duration::from_micros(first))),
                waits_for_permits: number(6)? == 1,
                permits_are_scarce: number(7)? == 1,
                others_wait: number(11)? == 1,
                gate: match (unsigned(8)?, number(9)?) {
                    (0, _) => None,
                    (left, 1) => Some((Duration::from_micros(left), Gate::Pause(text(10)?))),
                    (left, _) => Some((Duration::from_micros(left), Gate::Lost)),
                },
            }),
            _ => return None,
        };
        Some(answer)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
