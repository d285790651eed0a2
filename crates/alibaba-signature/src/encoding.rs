//! How Alibaba Cloud writes and reads what stands in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// RFC 3986's unreserved characters stay; a space is `%20` and `*` is `%2A`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a text as it stands in a canonical query, and as a segment of a path.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The query as it is signed: sorted by name, an empty value keeping its `=`.
#[must_use]
pub fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = query.iter().map(|(name, value)| (percent_encode(name), percent_encode(value))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The pairs of a query or a form, in their order. A `+` is a space; what is no UTF-8 becomes U+FFFD.
#[must_use]
pub fn parse_query(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// A text from a path, decoded; `+` stays what it is.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_parsed_is_written_in_one_way() {
        let raw = "b=%7E+x&Empty&a=%E5%BC%A0%2A&Tag.1.Key=k&Tag=t";
        assert_eq!(canonical_query(&parse_query(raw)), "Empty=&Tag=t&Tag.1.Key=k&a=%E5%BC%A0%2A&b=~%20x");
        assert_eq!(parse_query(""), Vec::new());
    }
}
