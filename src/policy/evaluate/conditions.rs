//! Whether one condition of a statement holds for a call.

use std::net::IpAddr;

use super::arn::arn_like;
use super::pattern::{Case, Pattern, Wildcards};
use super::request::Context;
use super::values::{Network, boolean, compare_numbers, date};
use crate::policy::model::Dialect;
use crate::policy::operator::{Comparison, Operator, Quantifier, Relation};

/// The outcome of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// It cannot be told, and why.
    Unknown(String),
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// Why a value of the policy cannot be compared with one of the request.
struct Unreadable(String);

/// Whether the condition `operator` on `key` holds. Values are ORed, for a negated operator none may match. An absent
/// key makes a condition false, unless the operator is negated, `…IfExists` or `ForAllValues:…`. `ForAnyValue:…` asks
/// each value that is there, so that with none it is false whatever the operator. A value with a `${…}` that has no value
/// equals nothing and is like nothing, which a negated operator takes for a difference. Sources: IAM user guide,
/// "Policy variables with no value", "IfExists" and "Multivalued context keys".
pub(super) fn holds(operator: &str, key: &str, values: &[String], context: &Context, rules: Rules) -> Truth {
    let Some(parsed) = Operator::parse(operator, rules.dialect) else {
        return Truth::Unknown(format!("{operator} is not a condition operator"));
    };
    let present = context.values(key);
    if parsed.comparison == Comparison::Null {
        return null(values, present.is_none());
    }
    let Some(actual) = present else {
        return match parsed.quantifier {
            Some(Quantifier::All) => Truth::True,
            Some(Quantifier::Any) => Truth::False,
            None => (parsed.if_exists || parsed.negated).into(),
        };
    };
    let variables = rules.variables.then_some(context);
    let mut each = actual.iter().map(|actual| meets(parsed, values, actual, variables));
    match parsed.quantifier {
        // A key with several values under an operator for one: the first counts.
        None => each.next().unwrap_or(Truth::False),
        Some(Quantifier::All) => decisive(each, &Truth::False),
        Some(Quantifier::Any) => decisive(each, &Truth::True),
    }
}

/// How a document's language reads conditions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) dialect: Dialect,
    /// Whether `${…}` is a variable.
    pub(super) variables: bool,
}

/// The decisive outcome when it is among them, else one that is unknown, else the opposite.
fn decisive(outcomes: impl Iterator<Item = Truth>, decisive: &Truth) -> Truth {
    let mut result = if *decisive == Truth::True { Truth::False } else { Truth::True };
    for outcome in outcomes {
        if outcome == *decisive {
            return outcome;
        }
        if matches!(outcome, Truth::Unknown(_)) {
            result = outcome;
        }
    }
    result
}

fn null(values: &[String], absent: bool) -> Truth {
    let each = values.iter().map(|value| match boolean(value) {
        Some(wanted) => (wanted == absent).into(),
        None => Truth::Unknown(format!("{value:?} is neither true nor false")),
    });
    decisive(each, &Truth::True)
}

fn meets(operator: Operator, values: &[String], actual: &str, variables: Option<&Context>) -> Truth {
    let mut unreadable = None;
    for value in values {
        match matches(operator.comparison, value, actual, variables) {
            Ok(true) => return (!operator.negated).into(),
            Ok(false) => {}
            Err(Unreadable(reason)) => unreadable = Some(reason),
        }
    }
    unreadable.map_or(operator.negated.into(), Truth::Unknown)
}

fn matches(
    comparison: Comparison,
    policy: &str,
    actual: &str,
    variables: Option<&Context>,
) -> Result<bool, Unreadable> {
    let text =
        |wildcards, case| Ok(Pattern::new(policy, wildcards, variables).is_ok_and(|it| it.matches(actual, case)));
    match comparison {
        Comparison::StringEquals => text(Wildcards::AreText, Case::Counts),
        Comparison::StringEqualsIgnoreCase => text(Wildcards::AreText, Case::Ignored),
        Comparison::StringLike => text(Wildcards::Work, Case::Counts),
        Comparison::Arn => Ok(arn_like(policy, actual, variables).unwrap_or(false)),
        Comparison::Bool => {
            let wanted = boolean(policy).ok_or_else(|| unreadable(policy, "neither true nor false"))?;
            Ok(boolean(actual) == Some(wanted))
        }
        Comparison::Numeric(relation) => {
            let order = compare_numbers(actual, policy)
                .ok_or_else(|| Unreadable(format!("{actual:?} or {policy:?} is not a number")))?;
            Ok(relation.holds(order))
        }
        Comparison::Date(relation) => {
            let read = |text| date(text).ok_or_else(|| unreadable(text, "not a date"));
            Ok(relation.holds(read(actual)?.cmp(&read(policy)?)))
        }
        // Base64 of the same bytes differs in its padding only.
        Comparison::Binary => Ok(policy.trim_end_matches('=') == actual.trim_end_matches('=')),
        Comparison::Ip => {
            let network = Network::parse(policy).ok_or_else(|| unreadable(policy, "not an address or a CIDR block"))?;
            // A service that calls on someone's behalf has its name for an address, which is in no network.
            Ok(actual.parse::<IpAddr>().is_ok_and(|address| network.contains(address)))
        }
        Comparison::Null => Ok(false),
    }
}

fn unreadable(text: &str, what: &str) -> Unreadable {
    Unreadable(format!("{text:?} is {what}"))
}

impl Relation {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests;
