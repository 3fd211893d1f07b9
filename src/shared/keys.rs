//! The names in Redis. All of a quota's have one hash tag, and so live in one place of a cluster.
//!
//! | key | what |
//! | --- | --- |
//! | `{fanout:NAME}` | a hash, in plain text: the terms, the buckets, the lines, and `m:…` for each process |
//! | `{fanout:NAME}:epoch` | since when the quota is known; outlives the hash |
//! | `{fanout:NAME}:run:RUN` | what has ended the run, if something has |
//! | `{fanout:NAME}:MEMBER` | a channel: a permit is there for this process |
//! | `{fanout:NAME}:run:RUN` | a channel of that name, too: the run has failed |

use super::error::SharedError;

/// The longest name of a quota or a run, in bytes: 128.
pub(super) const LONGEST_NAME: usize = 128;

pub(super) struct Keys {
    pub(super) state: String,
    pub(super) epoch: String,
    pub(super) run: Option<String>,
}

impl Keys {
    pub(super) fn new(quota: &str, run: Option<&str>) -> Result<Keys, SharedError> {
        check("quota", quota)?;
        run.map_or(Ok(()), |run| check("run", run))?;
        let state = format!("{{fanout:{quota}}}");
        let run = run.map(|run| format!("{state}:run:{run}"));
        Ok(Keys { epoch: format!("{state}:epoch"), run, state })
    }

    /// Where a process hears of its permits.
    pub(super) fn channel(&self, member: &str) -> String {
        format!("{}:{member}", self.state)
    }
}

fn check(setting: &str, name: &str) -> Result<(), SharedError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let right = "a name has from 1 to 128 letters, digits and characters of -_.:/@";
        return Err(SharedError::setting(setting, format!("{name:?}"), right));
    }
    Ok(())
}
