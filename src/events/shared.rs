//! What happens to a quota that many processes share. No address of Redis's is a field, and no password is in one: a
//! cause names the server as its error does.

use std::fmt::Display;
use std::time::Duration;

use log::Level;
use log::kv::Value;

use super::{is_on, log, millis};

/// Something that happened to the quota of a name.
pub(crate) enum QuotaEvent<'a> {
    /// Redis knows nothing of it: nobody is granted anything for so long.
    Unknown { wait: Duration },
    /// Redis has lost what it knew: all begins empty, and with permits nobody is granted anything for so long.
    Lost { wait: Duration },
    /// Another process was told to pause, and so all do.
    PausedElsewhere { pause: Duration, told_by: &'a str },
    /// Redis cannot be asked, and was asked more than once.
    OutOfReach { cause: &'a dyn Display },
    /// After so long it can be asked again.
    Reached { gone: Duration },
    /// The process was stopped, or cut off, for longer than its lease, and held so many permits.
    LeaseLost { permits: u32 },
    /// Grants came by so much too late to be used.
    ThrownAway { grants: u32, late: Duration },
    /// Other limits are in force from now on.
    LimitsAdopted { generation: u64, limits: &'a dyn Display },
    /// Another process of the run has failed.
    RunFailedElsewhere { error: &'a str },
}

impl QuotaEvent<'_> {
    fn level(&self) -> Level {
        match self {
            QuotaEvent::Lost { .. } | QuotaEvent::OutOfReach { .. } | QuotaEvent::LeaseLost { .. } => {
                Level::Warn
            }
            _ => Level::Info,
        }
    }

    /// Logs it, of the quota of this name.
    pub(crate) fn emit(&self, quota: &str) {
        let level = self.level();
        if is_on(level) {
            self.write(quota, level);
        }
    }

    #[cold]
    fn write(&self, quota: &str, level: Level) {
        type Field<'a> = (&'a str, Value<'a>);
        let log = |message: &str, [one, another]: [Option<Field<'_>>; 2]| {
            log(level, message, &[Some(("quota", quota.into())), one, another]);
        };
        match *self {
            QuotaEvent::Unknown { wait } => {
                log("quota unknown", [Some(("wait_ms", millis(wait).into())), None]);
            }
            QuotaEvent::Lost { wait } => log("quota lost", [Some(("wait_ms", millis(wait).into())), None]),
            QuotaEvent::PausedElsewhere { pause, told_by } => log(
                "paused elsewhere",
                [Some(("pause_ms", millis(pause).into())), Some(("told_by", told_by.into()))],
            ),
            QuotaEvent::OutOfReach { cause } => {
                log("quota out of reach", [Some(("cause", Value::from_dyn_display(&cause))), None]);
            }
            QuotaEvent::Reached { gone } => {
                log("quota reached again", [Some(("gone_ms", millis(gone).into())), None]);
            }
            QuotaEvent::LeaseLost { permits } => {
                log("lease lost", [Some(("permits", permits.into())), None]);
            }
            QuotaEvent::ThrownAway { grants, late } => log(
                "late grants thrown away",
                [Some(("grants", grants.into())), Some(("late_ms", millis(late).into()))],
            ),
            QuotaEvent::LimitsAdopted { generation, limits } => log(
                "limits adopted",
                [Some(("generation", generation.into())), Some(("limits", Value::from_dyn_display(&limits)))],
            ),
            QuotaEvent::RunFailedElsewhere { error } => {
                log("run failed elsewhere", [Some(("error", error.into())), None]);
            }
        }
    }
}
