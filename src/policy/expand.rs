//! Our own `$(…)` variables: replaced before a document is compared, measured or sent.

use std::collections::BTreeMap;
use std::fmt;

use super::model::{Document, Element, Place, Scope};

/// A variable that manifests may write as `$(name)` in resources and condition values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// `$(tenant)`: the Tenant's name.
    Tenant,
    /// `$(user)`: the user; on AWS the caller binds it to `${aws:PrincipalTag/user}`.
    User,
    /// `$(account)`: the cloud account's id.
    Account,
    /// `$(region)`: the account's region.
    Region,
    /// `$(workspace)`: the id of the tenant's PAI workspace.
    Workspace,
    /// `$(cluster)`: the cluster's id.
    Cluster,
}

impl Variable {
    /// Every variable, in the order in which messages list them.
    pub const ALL: [Self; 6] = [Self::Tenant, Self::User, Self::Account, Self::Region, Self::Workspace, Self::Cluster];

    /// The name between the parentheses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Account => "account",
            Self::Region => "region",
            Self::Workspace => "workspace",
            Self::Cluster => "cluster",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name() == name)
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$({})", self.name())
    }
}

/// What the variables stand for in one account and tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// The value, or why there is none.
    bindings: BTreeMap<Variable, Result<String, String>>,
}

impl Variables {
    /// No variable has a value yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a variable its value, which is put in as it is: it is not expanded again, and a `*`, `?` or `${…}` in it
    /// has the cloud's meaning.
    #[must_use]
    pub fn with(mut self, variable: Variable, value: impl Into<String>) -> Self {
        self.bindings.insert(variable, Ok(value.into()));
        self
    }

    /// Says why a variable has no value, for now (a workspace that is still being made) or at all (an AWS account has
    /// none); the reason ends up in the user's condition.
    #[must_use]
    pub fn unavailable(mut self, variable: Variable, reason: impl Into<String>) -> Self {
        self.bindings.insert(variable, Err(reason.into()));
        self
    }

    /// Replaces every `$(…)` in one text.
    fn expand(&self, text: &str, place: &dyn Fn() -> Place) -> Result<String, ExpandError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            out.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let Some(end) = after.find(')') else {
                return Err(ExpandError::Unterminated { place: place(), value: text.to_owned() });
            };
            let name = &after[..end];
            let Some(variable) = Variable::named(name) else {
                return Err(ExpandError::Unknown { place: place(), value: text.to_owned(), name: name.to_owned() });
            };
            match self.bindings.get(&variable) {
                Some(Ok(value)) => out.push_str(value),
                Some(Err(reason)) => {
                    let reason = reason.clone();
                    return Err(ExpandError::Unavailable { place: place(), variable, reason });
                }
                None => {
                    let reason = "it has no value here".to_owned();
                    return Err(ExpandError::Unavailable { place: place(), variable, reason });
                }
            }
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn expand_all(&self, texts: &mut [String], place: &dyn Fn() -> Place) -> Result<(), ExpandError> {
        for text in texts.iter_mut().filter(|text| text.contains("$(")) {
            *text = self.expand(text, place)?;
        }
        Ok(())
    }
}

/// A `$(…)` that cannot be replaced. Only [`ExpandError::Unavailable`] may pass by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Not one of our variables.
    #[error("{place}: $({name}) in {value:?} is unknown; the variables are {}", listed())]
    Unknown {
        /// Where it stands.
        place: Place,
        /// The text that it stands in.
        value: String,
        /// The name between the parentheses.
        name: String,
    },
    /// `$(` without its `)`.
    #[error("{place}: {value:?} opens a variable with $( and does not close it")]
    Unterminated {
        /// Where it stands.
        place: Place,
        /// The text that it stands in.
        value: String,
    },
    /// A variable in actions or in a condition's operator or key.
    #[error("{place}: {value:?} has a variable; they are replaced in resources and condition values only")]
    Misplaced {
        /// Where it stands.
        place: Place,
        /// The text that it stands in.
        value: String,
    },
    /// A variable of ours that has no value in this account, or not yet.
    #[error("{place}: {variable} cannot be replaced: {reason}")]
    Unavailable {
        /// Where it stands.
        place: Place,
        /// The variable.
        variable: Variable,
        /// The reason that the caller gave.
        reason: String,
    },
}

fn listed() -> String {
    Variable::ALL.map(|variable| variable.to_string()).join(", ")
}

impl Document {
    /// The document with every `$(…)` in resources and condition values replaced. The clouds' own `${…}` pass through.
    ///
    /// # Errors
    /// The first [`ExpandError`] met, statement by statement.
    pub fn expand(&self, variables: &Variables) -> Result<Self, ExpandError> {
        let mut expanded = self.clone();
        for (index, statement) in expanded.statements.iter_mut().enumerate() {
            let number = index + 1;
            let at = |element: Element| Place { statement: number, element };
            if let Some(value) = statement.actions.patterns().iter().find(|text| text.contains("$(")) {
                let place = at(statement.actions.actions_element());
                return Err(ExpandError::Misplaced { place, value: value.clone() });
            }
            if let Some(resources) = &mut statement.resources {
                let element = resources.resources_element();
                let (Scope::These(patterns) | Scope::AllBut(patterns)) = resources;
                variables.expand_all(patterns, &|| at(element.clone()))?;
            }
            for (operator, keys) in &mut statement.conditions {
                for (key, values) in keys {
                    let place = || at(Element::Condition { operator: operator.clone(), key: key.clone() });
                    if let Some(value) = [operator, key].into_iter().find(|text| text.contains("$(")) {
                        return Err(ExpandError::Misplaced { place: place(), value: value.clone() });
                    }
                    variables.expand_all(values, &place)?;
                }
            }
        }
        Ok(expanded)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::model::{Effect, Statement};
    use super::*;

    fn variables() -> Variables {
        Variables::new()
            .with(Variable::Tenant, "acme")
            .with(Variable::User, "${aws:PrincipalTag/user}")
            .with(Variable::Account, "123456789012")
            .unavailable(Variable::Workspace, "the workspace of tenant acme is not there yet")
    }

    fn reading(resource: &str) -> Document {
        let actions = Scope::These(vec!["s3:GetObject".into()]);
        let fixed = Statement::new(Effect::Allow, actions.clone(), Scope::These(vec!["*".into()]));
        Document::aws(vec![fixed, Statement::new(Effect::Allow, actions, Scope::These(vec![resource.into()]))])
    }

    fn message(document: &Document) -> String {
        document.expand(&variables()).unwrap_err().to_string()
    }

    #[test]
    fn our_variables_are_replaced_and_the_clouds_own_pass() {
        let mut document = reading("arn:aws:s3:::$(account)-$(tenant)/$(user)/${aws:username}/$x/*");
        document.statements[1] =
            document.statements[1].clone().when("StringLike", "s3:prefix", &["$(tenant)/*", "$(tenant)$(tenant)", "$"]);
        let expanded = document.expand(&variables()).unwrap();
        let statement = &expanded.statements[1];
        assert_eq!(
            statement.resources.as_ref().unwrap().patterns(),
            ["arn:aws:s3:::123456789012-acme/${aws:PrincipalTag/user}/${aws:username}/$x/*"]
        );
        assert_eq!(statement.conditions["StringLike"]["s3:prefix"], ["acme/*", "acmeacme", "$"]);
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        let variables = Variables::new().with(Variable::Tenant, "$(user)");
        let expanded = reading("$(tenant)").expand(&variables).unwrap();
        assert_eq!(expanded.statements[1].resources.as_ref().unwrap().patterns(), ["$(user)"]);
    }

    #[test]
    fn what_cannot_be_replaced_says_where_and_what_may_be_written() {
        assert_eq!(
            message(&reading("arn:aws:s3:::$(team)/*")),
            "statement 2, resources: $(team) in \"arn:aws:s3:::$(team)/*\" is unknown; the variables are $(tenant), \
             $(user), $(account), $(region), $(workspace), $(cluster)"
        );
        assert!(message(&reading("a/$(tenant/*")).starts_with("statement 2, resources: \"a/$(tenant/*\" opens"));
        assert!(message(&reading("a/$()")).contains("$() in \"a/$()\" is unknown"));
        assert!(message(&reading("a/$(Tenant)")).contains("$(Tenant) in"));
        assert_eq!(
            message(&reading("a/$(workspace)")),
            "statement 2, resources: $(workspace) cannot be replaced: the workspace of tenant acme is not there yet"
        );
        assert!(message(&reading("a/$(cluster)")).ends_with("$(cluster) cannot be replaced: it has no value here"));

        let mut document = reading("*");
        document.statements[1] = document.statements[1].clone().when("StringLike", "s3:prefix", &["ok", "$(x)"]);
        assert!(message(&document).starts_with("statement 2, conditions StringLike s3:prefix: $(x) in \"$(x)\""));
    }

    #[test]
    fn variables_outside_resources_and_values_are_refused_rather_than_sent() {
        let mut document = reading("*");
        document.statements[0].actions = Scope::AllBut(vec!["$(tenant):Get".into()]);
        assert!(message(&document).starts_with("statement 1, notActions: \"$(tenant):Get\" has a variable"));

        let mut document = reading("*");
        document.statements[0] = document.statements[0].clone().when("Null", "aws:PrincipalTag/$(tenant)", &["true"]);
        assert!(message(&document).contains("\"aws:PrincipalTag/$(tenant)\" has a variable"));
    }
}
