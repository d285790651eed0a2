//! Lists that come in pages: where the next one begins, and what is no list.

/// The marker of the page after this one. A list that says that it goes on and does not say where, or says the same
/// again, is no list: the rest would be taken for deleted.
pub(super) fn following(
    previous: Option<&str>,
    truncated: bool,
    marker: Option<String>,
) -> Result<Option<String>, &'static str> {
    match marker.filter(|marker| !marker.is_empty()) {
        Some(marker) if previous == Some(marker.as_str()) => Err("the cloud's list goes round in a circle"),
        Some(marker) => Ok(Some(marker)),
        None if truncated => Err("the cloud's list breaks off without saying where it goes on"),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_only_where_it_says_so() {
        let marker = |text: &str| Some(text.to_owned());
        assert_eq!(following(None, false, None), Ok(None));
        assert_eq!(following(None, false, marker("")), Ok(None));
        assert_eq!(following(None, true, marker("a")), Ok(marker("a")));
        assert_eq!(following(Some("a"), false, marker("b")), Ok(marker("b")));
        assert!(following(Some("a"), true, marker("a")).is_err());
        assert!(following(None, true, None).is_err());
        assert!(following(None, true, marker("")).is_err());
    }
}
