//! Whether one statement is about a call.

use serde::Serialize;

use super::Layer;
use super::conditions::{Rules, Truth, holds};
use super::pattern::{Case, Pattern, Unresolved, Wildcards};
use super::request::{Context, Grant, Request};
use crate::policy::model::{AWS_OLD_VERSION, Dialect, Document, Scope, Statement};

/// What a statement says about a call.
pub(super) enum Outcome {
    /// It is about the call; in a resource policy, how far it grants by itself.
    Applies(Grant),
    /// It is not.
    Misses(Mismatch),
    /// It cannot be told, and why.
    NotEvaluable(String),
}

/// The first thing in which a statement is not about a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "element", rename_all = "camelCase")]
pub enum Mismatch {
    /// Someone else is meant.
    Principal,
    /// Another action is meant.
    Action {
        /// Whether the resource is the one that is meant.
        resource: bool,
    },
    /// The action is meant, on another resource.
    Resource,
    /// Action and resource are meant, but this condition does not hold.
    Condition {
        /// The operator as written.
        operator: String,
        /// The context key as written.
        key: String,
    },
}

impl Mismatch {
    /// How close the statement is; 0: it is about something else.
    pub(super) fn closeness(&self) -> u8 {
        match self {
            Self::Principal | Self::Action { resource: false } => 0,
            Self::Action { resource: true } => 1,
            Self::Resource => 2,
            Self::Condition { .. } => 3,
        }
    }
}

/// How a document's version reads its statements.
pub(super) fn rules(document: &Document) -> Rules {
    let dialect = document.dialect();
    Rules { dialect, variables: dialect == Dialect::Aws && document.version != AWS_OLD_VERSION }
}

/// What the statement, found in this layer, says about the call.
pub(super) fn outcome(statement: &Statement, layer: Layer, rules: Rules, request: &Request) -> Outcome {
    let grant = match (layer, &statement.principals) {
        (Layer::Resource, Some(principals)) => match request.principal.covered_by(principals) {
            Some(grant) => grant,
            None => return Outcome::Misses(Mismatch::Principal),
        },
        _ => Grant::Direct,
    };
    let variables = rules.variables.then_some(&request.context);
    let resource = match &statement.resources {
        Some(resources) => covers(resources, &request.resource, Case::Counts, variables),
        None => true,
    };
    // Actions know no variables: one written there has no value.
    let nothing = Context::new();
    if !covers(&statement.actions, &request.action, Case::Ignored, rules.variables.then_some(&nothing)) {
        return Outcome::Misses(Mismatch::Action { resource });
    }
    if !resource {
        return Outcome::Misses(Mismatch::Resource);
    }
    match (layer, &statement.principals, &statement.resources) {
        (Layer::Resource, None, _) => return Outcome::NotEvaluable("it names no principals".to_owned()),
        (Layer::Identity | Layer::Boundary | Layer::Session, _, None) => {
            return Outcome::NotEvaluable("it names no resources".to_owned());
        }
        _ => {}
    }
    let mut unknown = None;
    for (operator, keys) in &statement.conditions {
        for (key, values) in keys {
            match holds(operator, key, values, &request.context, rules) {
                Truth::True => {}
                Truth::False => {
                    return Outcome::Misses(Mismatch::Condition { operator: operator.clone(), key: key.clone() });
                }
                Truth::Unknown(reason) => unknown = Some(format!("condition {operator} {key}: {reason}")),
            }
        }
    }
    unknown.map_or(Outcome::Applies(grant), Outcome::NotEvaluable)
}

/// Whether the scope covers the value. A pattern whose `${…}` has no value matches nothing; where nothing else
/// matches, `NotAction` and `NotResource` then do not cover the value either.
fn covers(scope: &Scope, value: &str, case: Case, variables: Option<&Context>) -> bool {
    let mut unresolved = false;
    let listed = scope.patterns().iter().any(|pattern| match Pattern::new(pattern, Wildcards::Work, variables) {
        Ok(pattern) => pattern.matches(value, case),
        Err(Unresolved) => {
            unresolved = true;
            false
        }
    });
    match scope {
        Scope::These(_) => listed,
        Scope::AllBut(_) => !listed && !unresolved,
    }
}
