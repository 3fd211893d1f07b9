//! The value of an option: read, or refused by the name of the option.

use crate::exit::UsageError;
use crate::quota::Quota;
use crate::values::{rate, whole};

/// `--rate 10/x: unknown unit 'x' (use s, m, h or d)`
pub(super) fn value<T>(
    option: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, UsageError> {
    let shown = if text.is_empty() { "''".to_owned() } else { text.escape_debug().to_string() };
    parse(text).map_err(|error| UsageError::new(format!("--{option} {shown}: {error}")))
}

/// The same, if it is given.
pub(super) fn optional<T>(
    option: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, UsageError> {
    text.map(|text| value(option, text, parse)).transpose()
}

/// A rate and its burst, which are the values of these two options.
pub(super) fn quota(options: [&str; 2], rate: &str, burst: Option<&str>) -> Result<Quota, UsageError> {
    let [rate_option, burst_option] = options;
    let rate = value(rate_option, rate, rate::parse)?;
    let burst = optional(burst_option, burst, |text| match whole(text, 1..=u32::MAX) {
        Ok(_) if rate.is_unlimited() => {
            Err(format!("there is no burst without a rate (leave it out, or name a --{rate_option})"))
        }
        burst => burst,
    })?;
    Ok(Quota::new(rate, burst))
}
