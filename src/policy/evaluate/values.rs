//! Numbers, dates, networks and truth values as condition operators read them; `None` is not one of them.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// How two decimal numbers stand to each other; `None` when either is no finite number.
pub(super) fn compare_numbers(left: &str, right: &str) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    number(left)?.partial_cmp(&number(right)?)
}

pub(in crate::policy) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// ISO 8601 with a time zone, a day (which starts in UTC), or seconds since 1970.
pub(in crate::policy) fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    // A civil date is also the start of a date and time; without a zone that names no instant.
    let day: Date = (text.len() == "2026-01-31".len()).then(|| text.parse().ok())??;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

pub(in crate::policy) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// An address or a CIDR block; the bits after the prefix do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    pub(in crate::policy) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim().parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(bits), |prefix| prefix.trim().parse().ok().filter(|prefix| *prefix <= bits))?;
        Some(Self { address, prefix })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(compare_numbers("10", "9.5"), Some(Ordering::Greater));
        assert_eq!(compare_numbers("1.0", "1"), Some(Ordering::Equal));
        assert_eq!(compare_numbers("9007199254740993", "9007199254740992"), Some(Ordering::Greater));
        for text in ["", "ten", "inf", "NaN", "1_0", "0x1"] {
            assert_eq!(compare_numbers(text, "1"), None, "{text}");
        }
    }

    #[test]
    fn dates() {
        let noon = date("2026-12-01T12:00:00Z").unwrap();
        assert_eq!(date("2026-12-01T13:00:00+01:00").unwrap(), noon);
        assert_eq!(date("1796126400").unwrap(), noon);
        assert_eq!(date("2026-12-01").unwrap(), date("2026-12-01T00:00:00Z").unwrap());
        assert!(date("2026-12-01T12:00:00.5Z").unwrap() > noon);
        for text in ["", "soon", "2026-13-01", "2026-12-01T12:00:00", "-5"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn networks() {
        let inside = |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(inside("203.0.113.7/24", "203.0.113.200") && !inside("203.0.113.0/24", "203.0.114.1"));
        assert!(inside("203.0.113.7", "203.0.113.7") && !inside("203.0.113.7", "203.0.113.8"));
        assert!(inside("0.0.0.0/0", "198.51.100.1") && !inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("2001:db8::/32", "2001:db8:1::1") && inside("::/0", "::1") && !inside("2001:db8::/32", "::1"));
        for text in ["", "10.0.0.0/33", "10.0.0", "::/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
