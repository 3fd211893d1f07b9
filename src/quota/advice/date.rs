//! Dates, as the time since the epoch: the three of RFC 9110, section 5.6.7, and those of RFC 3339.
//!
//! Read by hand: the crates that know the former (httpdate) do not know the latter, which Anthropic, Atlassian and Yelp
//! send, and the calendar below is all that either needs. Read leniently: the day of the week may be wrong, the seconds
//! may be missing (as Atlassian's are), and a date of RFC 3339 without a zone is in UTC.

use std::time::Duration;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 24 * 60 * 60;
const MARCH_OF_YEAR_0_TO_EPOCH: i64 = 719_468;

/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`. `now` tells the
/// century of the second.
pub(super) fn http(text: &str, now: Duration) -> Option<Duration> {
    let mut words = [""; 6];
    for (place, word) in text.split_ascii_whitespace().enumerate() {
        *words.get_mut(place)? = word;
    }
    let (day, month, year, time) = match words {
        [_, day, month, year, time, "GMT" | "UTC"] => (day, month, number(year, 4)?, time),
        [_, date, time, "GMT" | "UTC", "", ""] => {
            let mut parts = date.splitn(3, '-');
            let (day, month) = (parts.next()?, parts.next()?);
            (day, month, year_of(parts.next()?, now)?, time)
        }
        [_, month, day, time, year, ""] => (day, month, number(year, 4)?, time),
        _ => return None,
    };
    let month = MONTHS.iter().zip(1..).find(|(name, _)| name.eq_ignore_ascii_case(month)).map(|(_, n)| n)?;
    let day = if day.len() == 1 { number(day, 1)? } else { number(day, 2)? };
    since_epoch(day_of(year, month, day)?, time_of_day(time)?, 0)
}

/// `2024-03-26T20:00:00Z`, with a fraction or an offset.
pub(super) fn rfc3339(text: &str) -> Option<Duration> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let day = day_of(year, month, day)?;
    let (time, offset) = match rest.split_at_checked(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()))? {
        (time, "" | "Z" | "z") => (time, 0),
        (time, zone) => (time, offset(zone)?),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let begun = i64::from(fraction.bytes().any(|digit| digit != b'0'));
    since_epoch(day, time_of_day(time)? + begun, offset)
}

/// A year of two digits is the latest one that does not lie more than 50 years ahead (RFC 9110).
fn year_of(text: &str, now: Duration) -> Option<i64> {
    const SECONDS_OF_A_YEAR: u64 = 31_556_952;
    let Some(year) = number(text, 2) else {
        return number(text, 4);
    };
    let latest = 1970 + i64::try_from(now.as_secs() / SECONDS_OF_A_YEAR).ok()? + 50;
    Some(latest - (latest - year).rem_euclid(100))
}

/// `08:49:37`, in seconds. A leap second is the one after, and without seconds it is the end of the minute.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(60), |second| number(second, 2))?;
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
}

/// `+01:00` or `-0100`, in seconds.
fn offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("+", text) => (1, text),
        (_, text) => (-1, text),
    };
    let (hours, minutes) = text.split_once(':').or_else(|| text.split_at_checked(2))?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// So many digits, and nothing else.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// The days from the epoch to that day. With a year that begins in March the leap day is the last one, and all months
/// but that have 30.6 days, rounded.
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - MARCH_OF_YEAR_0_TO_EPOCH)
}

/// What lies before the epoch is the epoch: it is past in either case.
fn since_epoch(day: i64, time: i64, offset: i64) -> Option<Duration> {
    u64::try_from((day * DAY + time - offset).max(0)).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000); // 2027

    fn since(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn the_three_dates_of_http_are_one() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 UTC",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Mon, 06 nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http(text, NOW), since(784_111_777), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_lies_at_most_fifty_years_ahead() {
        let year =
            |text: &str| http(&format!("Friday, 01-Jan-{text} 00:00:00 GMT"), NOW).map(|at| at.as_secs());
        assert_eq!(year("27"), Some(1_798_761_600));
        assert_eq!(year("77"), Some(3_376_684_800));
        assert_eq!(year("78"), Some(252_460_800));
    }

    #[test]
    fn the_dates_of_rfc_3339_have_offsets_and_fractions() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-03-26T20:00:00Z", 1_711_483_200),
            ("2024-03-26T21:00:00+01:00", 1_711_483_200),
            ("2024-03-26t19:30:00-0030", 1_711_483_200),
            ("2024-03-26 20:00:00", 1_711_483_200),
            ("2024-03-26T20:00:00.000Z", 1_711_483_200),
            ("2024-03-26T20:00:00.001Z", 1_711_483_201),
            ("2024-03-26T20:00Z", 1_711_483_260),
            ("2024-02-29T23:59:60Z", 1_709_251_200),
        ] {
            assert_eq!(rfc3339(text), since(seconds), "{text}");
        }
    }

    #[test]
    fn what_lies_before_the_epoch_is_past() {
        assert_eq!(http("Wed, 31 Dec 1969 23:59:59 GMT", NOW), since(0));
        assert_eq!(rfc3339("0000-01-01T00:00:00Z"), since(0));
        assert_eq!(rfc3339("9999-12-31T23:59:59Z"), since(253_402_300_799));
    }

    #[test]
    fn the_calendar_knows_each_day() {
        let mut day = 0;
        for year in 1970..2500 {
            for month in 1..=12 {
                for date in 1..=31 {
                    if let Some(found) = day_of(year, month, date) {
                        assert_eq!(found, day, "{year}-{month}-{date}");
                        day += 1;
                    }
                }
            }
        }
        assert_eq!(day, 193_579);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "tomorrow",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 2023 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sunday, 06-Nov 08:49:37 GMT",
            "Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)",
            "2024-03-26",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-03-26T20:00:00X",
            "2024-03-26T20:00:00+1",
            "2024-03-26T20:00:00.xZ",
            "2024-03-26T20Z",
        ] {
            assert_eq!((http(text, NOW), rfc3339(text)), (None, None), "{text:?}");
        }
    }
}
