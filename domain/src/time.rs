//! Times as the contract writes them: ISO-8601 in UTC with milliseconds.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment, as text of ISO-8601.
///
/// What Crier writes itself is `2026-01-31T09:30:00.000Z`. What a backend publishes is kept as it
/// stands where it is in UTC (`Z`), with whatever fraction it has, and moved to UTC otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp(Box<str>);

impl Timestamp {
    /// The present, by the system's clock.
    pub fn now() -> Self {
        Self::from_unix_ms(unix_ms())
    }

    /// Milliseconds since 1970 as a moment; what lies after the year 9999 becomes its last moment.
    pub fn from_unix_ms(ms: u64) -> Self {
        let ms = ms.min(MAX_MS);
        let (days, of_day) = (ms / DAY_MS, ms % DAY_MS);
        let (year, month, day) = civil_from_days(days);
        let (h, m) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (s, milli) = (of_day / 1_000 % 60, of_day % 1_000);
        let text = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{milli:03}Z");
        Self(text.into())
    }

    /// Reads an ISO-8601 date and time with its zone (`Z` or `+hh:mm`), from 1970 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, utc) = parse(text)?;
        Some(if utc { Self(text.into()) } else { Self::from_unix_ms(ms) })
    }

    /// In milliseconds since 1970.
    pub fn to_unix_ms(&self) -> u64 {
        // What cannot be read was never made.
        parse(self.as_str()).map_or(0, |(ms, _)| ms)
    }

    /// The moment as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Milliseconds since 1970 by the system's clock; 0 where that clock stands before it.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(MAX_MS))
}

/// Seconds since 1970 by the system's clock.
pub fn unix_seconds() -> u64 {
    unix_ms() / 1_000
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom("expected an ISO-8601 time such as 2026-01-31T09:30:00.000Z")
        })
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999: four digits are all that the format has.
const MAX_MS: u64 = 253_402_300_799_999;

/// Milliseconds since 1970, and whether the text says `Z`.
fn parse(text: &str) -> Option<(u64, bool)> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [h, m, s] = numbers(clock, ':', [2, 2, 2])?;
    let (milli, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, zone) = rest.split_at_checked(digits)?;
            if !(1..=9).contains(&digits) {
                return None;
            }
            let digit = |c: char| u64::from(c.to_digit(10).unwrap_or(0));
            let digits = fraction.chars().chain("000".chars()).take(3);
            (digits.fold(0, |ms, c| ms * 10 + digit(c)), zone)
        }
    };
    let utc = zone == "Z";
    let east_minutes = if utc {
        0
    } else {
        let sign = if zone.starts_with('-') { -1 } else { 1 };
        let [h, m] = numbers(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
        if h > 23 || m > 59 {
            return None;
        }
        sign * i64::try_from(h * 60 + m).ok()?
    };
    // 60: a leap second, which is the next minute's first.
    let legal = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && h <= 23
        && m <= 59
        && s <= 60;
    if !legal {
        return None;
    }
    let day_ms = ((h * 60 + m) * 60 + s) * 1_000 + milli;
    let ms = i64::try_from(days_from_civil(year, month, day) * DAY_MS + day_ms).ok()?;
    let ms = u64::try_from(ms - east_minutes * 60_000).ok()?;
    (ms <= MAX_MS).then_some((ms, utc))
}

/// Splits into exactly `N` numbers of exactly these many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut out = [0; N];
    for (out, digits) in out.iter_mut().zip(digits) {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        *out = plain.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(out)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Leap days are counted up to the year before.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let leaps = |y: u64| y / 4 - y / 100 + y / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: u64 = (1..month).map(|m| days_in(year, m)).sum();
    years + months + day - 1
}

/// The date that lies so many days after 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // At most one year too early: 365.2425 days a year on average.
    let mut year = 1970 + days / 366;
    while days_from_civil(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut left = days - days_from_civil(year, 1, 1);
    let mut month = 1;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (MAX_MS, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(ms).as_str(), text);
        }
    }

    #[test]
    fn utc_is_kept_as_given_and_other_zones_are_moved_to_it() {
        for (given, kept) in [
            ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z"),
            ("2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00.123456Z"),
            ("2026-01-01T01:00:00.5+02:00", "2025-12-31T23:00:00.500Z"),
            ("2026-01-01T01:00:00-00:30", "2026-01-01T01:30:00.000Z"),
        ] {
            let time = Timestamp::parse(given);
            assert_eq!(time.as_ref().map(Timestamp::as_str), Some(kept));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+25:00",
            "+026-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00Zjunk",
            "1970-01-01T00:00:00+01:00",
            "2026-01-0éT00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(ms in 0..=MAX_MS) {
            let time = Timestamp::from_unix_ms(ms);
            prop_assert_eq!(parse(time.as_str()), Some((ms, true)));
        }
    }
}
