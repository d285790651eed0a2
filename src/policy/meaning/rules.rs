//! Documents as one caller meets them: variables replaced, conditions on the caller itself decided.

use jiff::Timestamp;

use super::Carried;
use crate::policy::canonical::canonical_names;
use crate::policy::evaluate::{Context, Layers, Pattern, Request, Source, Verdict, Wildcards, evaluate};
use crate::policy::model::{AWS_OLD_VERSION, Conditions, Dialect, Document, Effect, Scope, Statement};
use crate::policy::operator::{Comparison, Operator, Relation};

/// The key of the current time, on which roles for a time and expiries hang.
pub(super) const CURRENT_TIME: &str = "aws:currenttime";

/// A statement, without what this caller decides by being who it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    pub(super) actions: Scope,
    pub(super) resources: Scope,
    /// What is left to be decided by the call.
    pub(super) conditions: Conditions,
}

/// What a caller carries, as rules.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rules {
    pub(super) identity: Vec<Rule>,
    pub(super) boundary: Option<Vec<Rule>>,
}

impl Rules {
    pub(super) fn of(carried: &Carried, who: &Context, now: Timestamp) -> Self {
        let rules = |documents: &[Document]| {
            let all = documents.iter().flat_map(|document| {
                document.statements.iter().filter_map(|statement| rule(document, statement, who, now))
            });
            let mut all: Vec<Rule> = all.collect();
            all.sort();
            all.dedup();
            all
        };
        let boundary = carried.boundary.as_ref().map(|document| rules(std::slice::from_ref(document)));
        Self { identity: rules(&carried.documents), boundary }
    }
}

/// None where the statement can never be about this caller's calls.
fn rule(document: &Document, statement: &Statement, who: &Context, now: Timestamp) -> Option<Rule> {
    let variables = (document.version != AWS_OLD_VERSION).then_some(who);
    let resources = match statement.resources.as_ref()? {
        Scope::These(patterns) => {
            let these: Vec<String> = patterns.iter().filter_map(|text| resolved(text, variables)).collect();
            (!these.is_empty()).then_some(Scope::These(these))?
        }
        Scope::AllBut(patterns) => {
            Scope::AllBut(patterns.iter().map(|text| resolved(text, variables)).collect::<Option<_>>()?)
        }
    };
    let mut conditions = Conditions::new();
    for (operator, keys) in &statement.conditions {
        for (key, values) in keys {
            let Some(left) = left(operator, key, values, variables, who, now)? else { continue };
            let (operator, _) = canonical_names(operator, key, Dialect::Aws);
            conditions.entry(operator).or_default().insert(key.clone(), left);
        }
    }
    Some(Rule { effect: statement.effect, actions: statement.actions.clone(), resources, conditions })
}

fn resolved(text: &str, variables: Option<&Context>) -> Option<String> {
    Some(Pattern::new(text, Wildcards::Work, variables).ok()?.written())
}

/// What is left of a condition: nothing where it holds for this caller anyway, its values where the call decides. None:
/// it never holds.
#[allow(clippy::option_option, reason = "never, always and it depends are three answers")]
fn left(
    operator: &str,
    key: &str,
    values: &[String],
    variables: Option<&Context>,
    who: &Context,
    now: Timestamp,
) -> Option<Option<Vec<String>>> {
    let Some(parsed) = Operator::parse(operator, Dialect::Aws) else { return Some(Some(values.to_vec())) };
    if is_of_caller(key) {
        return holds(operator, key, values, who)?.then_some(None);
    }
    if key.eq_ignore_ascii_case(CURRENT_TIME)
        && let Comparison::Date(relation) = parsed.comparison
    {
        let today = Context::new().with(key, now.to_string());
        return match (relation, holds(operator, key, values, &today)?) {
            (Relation::Less | Relation::LessOrEqual, false) => None,
            (Relation::Greater | Relation::GreaterOrEqual, true) => Some(None),
            _ => Some(Some(values.to_vec())),
        };
    }
    if !takes_variables(parsed) {
        return Some(Some(values.to_vec()));
    }
    let left: Vec<String> = values.iter().filter_map(|value| resolved(value, variables)).collect();
    match (left.is_empty(), parsed.negated) {
        (true, true) => Some(None),
        (true, false) => None,
        (false, _) => Some(Some(left)),
    }
}

fn takes_variables(operator: Operator) -> bool {
    use Comparison::{Arn, StringEquals, StringEqualsIgnoreCase, StringLike};
    matches!(operator.comparison, StringEquals | StringEqualsIgnoreCase | StringLike | Arn)
}

/// Keys that a user has, or has not, in every call.
fn is_of_caller(key: &str) -> bool {
    const KNOWN: [&str; 4] = ["aws:username", "aws:principalarn", "aws:principalaccount", "aws:principaltype"];
    let key = key.to_ascii_lowercase();
    key.starts_with("aws:principaltag/") || KNOWN.contains(&key.as_str())
}

/// Whether a condition holds in a context; none where that cannot be told.
fn holds(operator: &str, key: &str, values: &[String], context: &Context) -> Option<bool> {
    let anything = || Scope::These(vec!["*".to_owned()]);
    let mut statement = Statement::new(Effect::Allow, anything(), anything());
    statement.conditions.entry(operator.to_owned()).or_default().insert(key.to_owned(), values.to_vec());
    let source = Source { name: String::new(), document: Document::aws(vec![statement]) };
    let request = Request {
        action: "any:Action".to_owned(),
        resource: "*".to_owned(),
        context: context.clone(),
        ..Request::default()
    };
    let decision = evaluate(&Layers { identity: vec![source], ..Layers::default() }, &request);
    decision.not_evaluable.is_empty().then_some(decision.effect == Verdict::Allowed)
}

/// Whether what `given` says of a call makes all of `required` hold.
pub(super) fn implied(required: &Conditions, given: &Conditions) -> bool {
    required.iter().all(|(operator, keys)| {
        let negated = Operator::parse(operator, Dialect::Aws).is_some_and(|operator| operator.negated);
        keys.iter().all(|(key, values)| {
            let said = given.get(operator).into_iter().flatten().filter(|(other, _)| other.eq_ignore_ascii_case(key));
            said.into_iter().any(|(_, said)| match negated {
                true => values.iter().all(|value| said.contains(value)),
                false => said.iter().all(|value| values.contains(value)),
            })
        })
    })
}

/// The conditions, one value each where any of several would do: at most [`SPLIT_MAX`] sets, else as they are.
pub(super) fn one_by_one(conditions: &Conditions) -> Vec<Conditions> {
    let mut sets = vec![Conditions::new()];
    for (operator, keys) in conditions {
        let negated = Operator::parse(operator, Dialect::Aws).is_none_or(|operator| operator.negated);
        for (key, values) in keys {
            let choices: Vec<Vec<String>> = match negated || values.len() < 2 {
                true => vec![values.clone()],
                false => values.iter().map(|value| vec![value.clone()]).collect(),
            };
            if sets.len() * choices.len() > SPLIT_MAX {
                return vec![conditions.clone()];
            }
            let with = |set: &Conditions, choice: &Vec<String>| {
                let mut set = set.clone();
                set.entry(operator.clone()).or_default().insert(key.clone(), choice.clone());
                set
            };
            sets = sets.iter().flat_map(|set| choices.iter().map(move |choice| with(set, choice))).collect();
        }
    }
    sets
}

const SPLIT_MAX: usize = 16;
