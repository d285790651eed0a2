//! ARNs, matched segment by segment as the `Arn…` operators do.

use super::pattern::{Case, Pattern, Unresolved, Wildcards, variable};
use super::request::Context;

/// Segments of a full AWS ARN: `arn:partition:service:region:account:resource`.
pub(in crate::policy) const SEGMENTS: usize = 6;

/// The segments of an ARN, at most [`SEGMENTS`]; colons in the last one and inside `${…}` separate nothing.
pub(in crate::policy) fn segments(arn: &str) -> Vec<&str> {
    let mut segments = Vec::with_capacity(SEGMENTS);
    let (mut start, mut at) = (0, 0);
    while let Some(character) = arn[at..].chars().next() {
        if segments.len() + 1 == SEGMENTS {
            break;
        }
        if let Some((_, after)) = variable(&arn[at..]) {
            at = arn.len() - after.len();
            continue;
        }
        if character == ':' {
            segments.push(&arn[start..at]);
            start = at + 1;
        }
        at += character.len_utf8();
    }
    segments.push(&arn[start..]);
    segments
}

/// Whether an ARN matches a pattern: six segments each, every one by itself, so that a `*` never crosses a colon
/// before the last segment. Source: IAM user guide, "Amazon Resource Name (ARN) condition operators".
pub(super) fn arn_like(pattern: &str, arn: &str, variables: Option<&Context>) -> Result<bool, Unresolved> {
    let patterns = segments(pattern);
    let values: Vec<&str> = arn.splitn(SEGMENTS, ':').collect();
    if patterns.len() != SEGMENTS || values.len() != SEGMENTS {
        return Ok(false);
    }
    for (pattern, value) in patterns.into_iter().zip(values) {
        if !Pattern::new(pattern, Wildcards::Work, variables)?.matches(value, Case::Counts) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_wildcard_stays_within_its_segment() {
        let like = |pattern, arn| arn_like(pattern, arn, None).unwrap();
        assert!(like("arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/a/b:c"));
        assert!(!like("arn:aws:*:role/a", "arn:aws:iam::123456789012:role/a"));
        assert!(!like("arn:aws:sns:*", "arn:aws:sns:eu-west-1:123456789012:topic"));
        assert!(!like("*", "arn:aws:iam::123456789012:role/a"));
        assert!(!like("arn:aws:iam::123456789012:Role/a", "arn:aws:iam::123456789012:role/a"));
        assert!(!like("arn:aws:iam::*:role/*", "role/a"));
    }

    #[test]
    fn variables_may_hold_colons_in_their_name() {
        let context = Context::new().with("aws:PrincipalAccount", "123456789012").with("aws:username", "a");
        let pattern = "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}";
        assert_eq!(segments(pattern).len(), 6);
        assert_eq!(arn_like(pattern, "arn:aws:iam::123456789012:user/a", Some(&context)), Ok(true));
        assert_eq!(arn_like(pattern, "arn:aws:iam::123456789012:user/b", Some(&context)), Ok(false));
        assert_eq!(arn_like("arn:aws:iam:::${x}", "arn:aws:iam:::y", Some(&context)), Err(Unresolved));
    }
}
