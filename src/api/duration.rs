//! Durations as users write them (`90d`, `1h30m`), parsed once when a manifest is read.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time: numbers with the units `d`, `h`, `m` or `s`, added up, such as `90d`, `24h` or `1h30m`. At least one
/// second, at most ten years, at most 12 characters.
///
/// Keeps what the user wrote, so that it is shown and serialized unchanged; equality is that of the length.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    text: String,
    value: time::Duration,
}

/// Why a text is not a [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not numbers with units.
    #[error("{0:?} is not a duration: write numbers with the units d, h, m or s, such as 90d or 1h30m")]
    Malformed(String),
    /// Zero, or longer than [`Duration::MAX`].
    #[error("{0:?} is out of range: a duration is at least 1s and at most 3650d")]
    OutOfRange(String),
}

impl Duration {
    /// The longest duration, ten years of 365 days.
    pub const MAX: time::Duration = time::Duration::from_secs(3650 * 86_400);
    /// The longest text that is accepted, in characters.
    pub const MAX_LENGTH: usize = 12;

    /// So many minutes.
    #[must_use]
    pub fn minutes(number: u16) -> Self {
        Self { text: format!("{number}m"), value: time::Duration::from_secs(u64::from(number) * 60) }
    }

    /// So many hours.
    #[must_use]
    pub fn hours(number: u16) -> Self {
        Self { text: format!("{number}h"), value: time::Duration::from_secs(u64::from(number) * 3_600) }
    }

    /// The length of time.
    #[must_use]
    pub const fn get(&self) -> time::Duration {
        self.value
    }

    /// What the user wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || DurationError::Malformed(text.to_owned());
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(malformed());
        }
        let (mut seconds, mut number) = (0_u64, None::<u64>);
        for c in text.chars() {
            match (c.to_digit(10), c, number) {
                (Some(digit), ..) => number = Some(number.unwrap_or(0) * 10 + u64::from(digit)),
                (None, 'd', Some(n)) => (seconds, number) = (seconds + n * 86_400, None),
                (None, 'h', Some(n)) => (seconds, number) = (seconds + n * 3_600, None),
                (None, 'm', Some(n)) => (seconds, number) = (seconds + n * 60, None),
                (None, 's', Some(n)) => (seconds, number) = (seconds + n, None),
                _ => return Err(malformed()),
            }
        }
        if number.is_some() {
            return Err(malformed());
        }
        let value = time::Duration::from_secs(seconds);
        if value.is_zero() || value > Self::MAX {
            return Err(DurationError::OutOfRange(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), value })
    }
}

impl TryFrom<String> for Duration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.text
    }
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Duration {}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A CEL expression for the seconds of the duration that the expression `text` names.
pub(super) fn cel_seconds(text: &str) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let terms = units.map(|(unit, seconds)| {
        format!("{seconds} * {text}.findAll('[0-9]+{unit}').map(n, int(n.replace('{unit}', ''))).sum()")
    });
    terms.join(" + ")
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let seconds = cel_seconds("self");
        json_schema!({
            "type": "string",
            "maxLength": Self::MAX_LENGTH,
            "pattern": "^([0-9]+[dhms])+$",
            "x-kubernetes-validations": [{
                "rule": format!("[{seconds}].all(s, s >= 1 && s <= {})", Self::MAX.as_secs()),
                "message": "a duration is at least 1s and at most 3650d",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn seconds(text: &str) -> Result<u64, DurationError> {
        text.parse::<Duration>().map(|d| d.get().as_secs())
    }

    #[test]
    fn units_add_up_in_any_order() {
        assert_eq!(seconds("90d"), Ok(7_776_000));
        assert_eq!(seconds("24h"), Ok(86_400));
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("30m1h"), Ok(5_400));
        assert_eq!(seconds("1s1s1m"), Ok(62));
        assert_eq!(seconds("00005m"), Ok(300));
    }

    #[test]
    fn what_is_not_a_duration_is_malformed() {
        for text in ["", "5", "m", "5m3", "-5m", "5 m", "1.5h", "5w", "5M", "1d٣h", "1111111111111s"] {
            assert!(matches!(seconds(text), Err(DurationError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn nothing_and_more_than_ten_years_are_out_of_range() {
        assert_eq!(seconds("3650d"), Ok(Duration::MAX.as_secs()));
        for text in ["0s", "0d0h", "3650d1s", "3651d", "99999999999d"] {
            assert!(matches!(seconds(text), Err(DurationError::OutOfRange(_))), "{text:?}");
        }
    }

    #[test]
    fn the_users_text_is_kept_and_the_length_is_compared() {
        let duration: Duration = serde_json::from_str("\"90m\"").unwrap();
        assert_eq!(serde_json::to_string(&duration).unwrap(), "\"90m\"");
        assert_eq!(duration, "1h30m".parse().unwrap());
        assert!(serde_json::from_str::<Duration>("\"soon\"").is_err());
    }
}
