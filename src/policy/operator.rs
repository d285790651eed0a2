//! The condition operators of both clouds, read once into what they compare and how.

use super::model::Dialect;

/// What an operator compares, without its negation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Arn,
    Bool,
    Null,
    Numeric(Relation),
    Date(Relation),
    Binary,
    Ip,
}

/// How two numbers or dates must stand: the request's first, the policy's second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How an operator treats a context key with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// `ForAllValues:`; also true when the key is absent.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// A condition operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Option<Quantifier>,
    pub(super) comparison: Comparison,
    /// `…Not…`: none of the policy's values may match.
    pub(super) negated: bool,
    /// `…IfExists`: true when the key is absent.
    pub(super) if_exists: bool,
    name: &'static str,
}

const OPERATORS: [(&str, Comparison, bool); 27] = [
    ("StringEquals", Comparison::StringEquals, false),
    ("StringNotEquals", Comparison::StringEquals, true),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, true),
    ("StringLike", Comparison::StringLike, false),
    ("StringNotLike", Comparison::StringLike, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
    ("Bool", Comparison::Bool, false),
    ("Null", Comparison::Null, false),
    ("NumericEquals", Comparison::Numeric(Relation::Equal), false),
    ("NumericNotEquals", Comparison::Numeric(Relation::Equal), true),
    ("NumericLessThan", Comparison::Numeric(Relation::Less), false),
    ("NumericLessThanEquals", Comparison::Numeric(Relation::LessOrEqual), false),
    ("NumericGreaterThan", Comparison::Numeric(Relation::Greater), false),
    ("NumericGreaterThanEquals", Comparison::Numeric(Relation::GreaterOrEqual), false),
    ("DateEquals", Comparison::Date(Relation::Equal), false),
    ("DateNotEquals", Comparison::Date(Relation::Equal), true),
    ("DateLessThan", Comparison::Date(Relation::Less), false),
    ("DateLessThanEquals", Comparison::Date(Relation::LessOrEqual), false),
    ("DateGreaterThan", Comparison::Date(Relation::Greater), false),
    ("DateGreaterThanEquals", Comparison::Date(Relation::GreaterOrEqual), false),
    ("BinaryEquals", Comparison::Binary, false),
    ("IpAddress", Comparison::Ip, false),
    ("NotIpAddress", Comparison::Ip, true),
];

impl Operator {
    /// Reads an operator's name, whatever its case; `None` for one that the dialect does not have.
    /// RAM has no `Arn…`, `Null`, `Binary…`, `…IfExists`, `ForAllValues:` and `ForAnyValue:`.
    pub(super) fn parse(text: &str, dialect: Dialect) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (quantifier, rest) = if let Some(rest) = lower.strip_prefix("forallvalues:") {
            (Some(Quantifier::All), rest)
        } else if let Some(rest) = lower.strip_prefix("foranyvalue:") {
            (Some(Quantifier::Any), rest)
        } else {
            (None, lower.as_str())
        };
        let (rest, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |rest| (rest, true));
        let &(name, comparison, negated) = OPERATORS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(rest))?;
        if if_exists && comparison == Comparison::Null {
            return None;
        }
        let aws_only = matches!(comparison, Comparison::Arn | Comparison::Null | Comparison::Binary);
        if dialect == Dialect::Ram && (aws_only || if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self { quantifier, comparison, negated, if_exists, name })
    }

    /// The name as the clouds' documentation writes it.
    pub(super) fn canonical_name(self) -> String {
        let prefix = match self.quantifier {
            Some(Quantifier::All) => "ForAllValues:",
            Some(Quantifier::Any) => "ForAnyValue:",
            None => "",
        };
        format!("{prefix}{}{}", self.name, if self.if_exists { "IfExists" } else { "" })
    }

    /// The known operator that is spelled most like this, if one is close enough to be what was meant.
    pub(super) fn closest(text: &str, dialect: Dialect) -> Option<&'static str> {
        let lower = text.to_ascii_lowercase();
        OPERATORS
            .iter()
            .filter(|(name, ..)| Self::parse(name, dialect).is_some())
            .map(|(name, ..)| (distance(&lower, &name.to_ascii_lowercase()), *name))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, name)| name)
    }
}

/// Levenshtein's distance, in bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_written_in_one() {
        let operator = Operator::parse("forANYvalue:stringNOTlikeIFexists", Dialect::Aws).unwrap();
        assert_eq!(operator.canonical_name(), "ForAnyValue:StringNotLikeIfExists");
        assert!(operator.negated && operator.if_exists);
        assert_eq!(Operator::parse("ipaddress", Dialect::Ram).unwrap().canonical_name(), "IpAddress");
    }

    #[test]
    fn what_a_cloud_does_not_have_is_no_operator() {
        for name in ["StringMatches", "NullIfExists", "", "ForAllValues:", "BinaryNotEquals", "SomeValues:Bool"] {
            assert_eq!(Operator::parse(name, Dialect::Aws), None, "{name}");
        }
        for name in ["ArnLike", "Null", "BoolIfExists", "ForAllValues:StringLike", "BinaryEquals"] {
            assert!(Operator::parse(name, Dialect::Aws).is_some(), "{name}");
            assert_eq!(Operator::parse(name, Dialect::Ram), None, "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_finds_what_was_meant() {
        assert_eq!(Operator::closest("StringEqual", Dialect::Aws), Some("StringEquals"));
        assert_eq!(Operator::closest("IPAdress", Dialect::Aws), Some("IpAddress"));
        assert_eq!(Operator::closest("Matches", Dialect::Aws), None);
    }
}
