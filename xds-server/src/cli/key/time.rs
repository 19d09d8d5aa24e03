//! Times and periods as people write them.

use std::{
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

const DAY: i64 = 86_400;

/// A time in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(i64);

impl Time {
    pub(super) fn seconds(self) -> i64 {
        self.0
    }
}

/// A length of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period(i64);

impl Period {
    pub(super) fn after_now(self) -> Time {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Time(i64::try_from(now).unwrap_or(i64::MAX).saturating_add(self.0))
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REFUSAL: &str = "must be a whole number from 1 and s, m, h, d or w, as in 90d";
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(REFUSAL)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return Err(REFUSAL),
        };
        let number = number.parse::<u32>().ok().filter(|number| *number > 0).ok_or(REFUSAL)?;
        Ok(Self(i64::from(number) * unit))
    }
}

/// RFC 3339 section 5.6, in whole seconds, of which none is a leap second.
impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REFUSAL: &str =
            "must be a time with its zone, as 2027-01-31T12:00:00Z or 2027-01-31T13:00:00+01:00";
        parse(text.as_bytes()).map(Self).ok_or(REFUSAL)
    }
}

fn parse(text: &[u8]) -> Option<i64> {
    let (local, zone) = text.split_at_checked(19)?;
    let number = |from: usize, digits: usize| number(local.get(from..from + digits)?);
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !separators.iter().all(|(place, byte)| local.get(*place) == Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(zone)?)
}

/// How far a zone is ahead of UTC, in seconds.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match zone {
        b"Z" => return Some(0),
        [b'+', h, i, b':', m, n] => (1, number(&[*h, *i])?, number(&[*m, *n])?),
        [b'-', h, i, b':', m, n] => (-1, number(&[*h, *i])?, number(&[*m, *n])?),
        _ => return None,
    };
    (hour <= 23 && minute <= 59).then_some(sign * (hour * 3600 + minute * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    digits.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let before_year = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let before_month: i64 = (1..month).map(|month| days_of(year, month)).sum();
    before_year + before_month + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:45Z", 951_827_445),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2027-01-31T13:00:00+01:00", 1_801_396_800),
            ("2027-01-31T11:30:00-00:30", 1_801_396_800),
            ("2106-02-07T06:28:14Z", 4_294_967_294),
        ] {
            assert_eq!(text.parse(), Ok(Time(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2027-01-31",
            "2027-01-31T12:00:00",
            "2027-01-31 12:00:00Z",
            "2027-02-29T12:00:00Z",
            "2100-02-29T12:00:00Z",
            "2027-13-01T12:00:00Z",
            "2027-00-01T12:00:00Z",
            "2027-01-00T12:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T12:60:00Z",
            "2027-01-31T12:00:60Z",
            "2027-01-31T12:00:00+24:00",
            "2027-01-31T12:00:00.5Z",
            "+027-01-31T12:00:00Z",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_is_a_number_and_a_unit() {
        assert_eq!("90d".parse(), Ok(Period(90 * 86_400)));
        assert_eq!("2w".parse(), Ok(Period(14 * 86_400)));
        assert_eq!("4294967295s".parse(), Ok(Period(4_294_967_295)));
        for text in ["", "d", "0d", "-1d", "1.5h", "1", "1y", "1é", "4294967296s"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
