//! How long a document is, as the clouds count it, and how long it may be.

use super::model::{Dialect, Document};

// Source: IAM and AWS STS quotas, "IAM and STS character limits".
/// Characters that one version of an AWS managed policy may have.
pub const AWS_MANAGED_POLICY: usize = 6144;
/// Characters that all inline policies of one AWS user may have together.
pub const AWS_INLINE_USER: usize = 2048;
/// Characters that all inline policies of one AWS group may have together.
pub const AWS_INLINE_GROUP: usize = 5120;
/// Characters that all inline policies of one AWS role may have together.
pub const AWS_INLINE_ROLE: usize = 10240;
/// Characters that an AWS role's trust policy may have by default; an account's quota may raise it to 4096.
pub const AWS_TRUST_POLICY: usize = 2048;

// Source: RAM limits, "Policies".
/// Bytes that one version of a RAM custom policy may have.
pub const RAM_POLICY: usize = 6144;

/// The size of a document's text: on AWS its characters without white space (IAM quotas: "IAM doesn't count white
/// space"), on RAM its bytes.
#[must_use]
pub fn size(text: &str, dialect: Dialect) -> usize {
    match dialect {
        Dialect::Aws => text.chars().filter(|character| !character.is_whitespace()).count(),
        Dialect::Ram => text.len(),
    }
}

impl Document {
    /// The size of [`Document::to_json`], as its cloud counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        size(&self.to_json(), self.dialect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_counts_characters_without_white_space_and_ram_counts_bytes() {
        let text = "{ \"é\":\t\"a b\" }\n";
        assert_eq!(size(text, Dialect::Aws), 10);
        assert_eq!(size(text, Dialect::Ram), text.len());
        assert_eq!(Document::aws(vec![]).size(), r#"{"Version":"2012-10-17","Statement":[]}"#.len());
    }
}
