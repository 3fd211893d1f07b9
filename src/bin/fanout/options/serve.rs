//! The command line of `fanout serve`, as checked values.

use fanout::MAX_IN_FLIGHT;

use super::value::{optional, quota, value};
use crate::cli::ServeArgs;
use crate::exit::UsageError;
use crate::quota::Quota;
use crate::serve::{ByChance, Dialect, Settings};
use crate::values::{duration, share, whole};

/// What `fanout serve` is to do.
pub(crate) fn serve_settings(args: &ServeArgs) -> Result<Settings, UsageError> {
    let mut settings = Settings {
        port: value("port", &args.port, |text| whole(text, 0..=u16::MAX))?,
        dialect: args.dialect,
        hidden: hidden(args)?,
        max_in_flight: value("max-in-flight", &args.max_in_flight, |text| whole(text, 1..=MAX_IN_FLIGHT))?,
        latency: optional("latency", args.latency.as_deref(), duration::parse)?.unwrap_or_default(),
        hanging: args.hang_id.iter().cloned().collect(),
        faults: ByChance {
            share: value("fault-percent", &args.fault_percent, share::parse)?,
            seed: value("fault-seed", &args.fault_seed, |text| whole(text, 0..=u64::MAX))?,
        },
        ..Settings::new(told(args)?)
    };
    settings.statuses.extend(args.fail_id.iter().map(|id| (id.clone(), 500)));
    for text in &args.status_id {
        settings.statuses.extend([value("status-id", text, id_and_status)?]);
    }
    Ok(settings)
}

fn told(args: &ServeArgs) -> Result<Quota, UsageError> {
    let burst = args.burst.as_deref();
    if args.dialect == Dialect::GitHub {
        const NONE: &str = "GitHub counts in fixed windows, without a burst (leave it out)";
        optional("burst", burst, |_| Err::<(), _>(NONE.to_owned()))?;
    }
    let quota = quota(["rate", "burst"], &args.rate, burst)?;
    Ok(if burst.is_none() { quota.forgiving_one() } else { quota })
}

fn hidden(args: &ServeArgs) -> Result<Option<Quota>, UsageError> {
    let hidden = |rate| quota(["hidden-rate", "hidden-burst"], rate, args.hidden_burst.as_deref());
    if let (None, Some(burst)) = (&args.hidden_rate, args.hidden_burst.as_deref()) {
        const NONE: &str = "there is no hidden burst without a --hidden-rate (add one, or leave it out)";
        return value("hidden-burst", burst, |_| Err(NONE.to_owned()));
    }
    args.hidden_rate.as_deref().map(hidden).transpose()
}

fn id_and_status(text: &str) -> Result<(String, u16), String> {
    let (id, status) = text.rsplit_once('=').ok_or("no '=' (use ID=CODE, as in 9=404)")?;
    Ok((id.to_owned(), whole(status, 200..=599)?))
}
