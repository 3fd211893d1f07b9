//! The report: what was compared, where and how, and all tables.

use std::fmt::Write;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::options::Options;
use crate::results::Results;
use crate::tables;

pub(crate) fn report(results: &Results, options: &Options) -> String {
    let mut text = String::from("# fanout beside its peers\n\n");
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    // Writing to a string cannot fail.
    _ = writeln!(
        text,
        "{}, {cores} cores, shared by client and server, over loopback; interleaved rounds, {} or as many as \
         say enough; each contestant in a process of its own; medians. \"Of bare\": over bare sockets in the \
         same round.\n\n```sh\ncargo run --release --manifest-path benches/peers/Cargo.toml -- {}\n```",
        today(),
        options.rounds,
        options.command_line,
    );
    for left_out in &results.left_out {
        _ = writeln!(text, "\nLeft out: {left_out}.");
    }
    for table in tables::all(results) {
        _ = write!(text, "{table}");
    }
    text
}

fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// The date so many days after 1970-01-01. Years begin in March here, so that the odd day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        let cases =
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (11_017, (2000, 3, 1)), (20_453, (2025, 12, 31))];
        for (days, date) in cases {
            assert_eq!(civil(days), date);
        }
    }
}
