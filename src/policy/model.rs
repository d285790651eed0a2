//! A permission document as a value: what `desired` builds and what is read back from a cloud.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The version of AWS's policy language that has variables; every document made here carries it.
pub const AWS_VERSION: &str = "2012-10-17";

/// AWS's older version, meant when a document names none; in it `${…}` is plain text.
pub(super) const AWS_OLD_VERSION: &str = "2008-10-17";

/// The only version of RAM's policy language.
pub const RAM_VERSION: &str = "1";

/// Whose language a document is written in. RAM's is a subset of AWS's with other ARNs and no variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// AWS IAM.
    Aws,
    /// Alibaba Cloud RAM, and MaxCompute, which borrows its language.
    Ram,
}

/// Conditions of a statement: operator → context key → values. Operators and keys are ANDed, values are ORed.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A policy document: permissions, a trust policy or a resource's policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// The language's version, which also names its dialect: [`AWS_VERSION`] or [`RAM_VERSION`].
    pub version: String,
    /// An optional name that some resource policies carry; it means nothing.
    pub id: Option<String>,
    /// The statements; their order has no meaning but is kept when printed.
    pub statements: Vec<Statement>,
}

impl Document {
    /// A document in AWS's current language.
    #[must_use]
    pub fn aws(statements: Vec<Statement>) -> Self {
        Self { version: AWS_VERSION.to_owned(), id: None, statements }
    }

    /// A document in RAM's language.
    #[must_use]
    pub fn ram(statements: Vec<Statement>) -> Self {
        Self { version: RAM_VERSION.to_owned(), id: None, statements }
    }

    /// Whether it grants nothing: every statement refuses.
    #[must_use]
    pub fn only_denies(&self) -> bool {
        self.statements.iter().all(|statement| statement.effect == Effect::Deny)
    }

    /// Whose language this is, by its version.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        if self.version == RAM_VERSION { Dialect::Ram } else { Dialect::Aws }
    }
}

/// Whether a statement grants or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Effect {
    /// Grants, unless something denies.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

impl Effect {
    /// The word as the clouds write it (its case matters to them).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// Which actions or resources a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `Action`, `Resource`: what matches any of these patterns.
    These(Vec<String>),
    /// `NotAction`, `NotResource`: what matches none of these patterns.
    AllBut(Vec<String>),
}

impl Scope {
    /// The patterns, whichever way they are meant.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        match self {
            Self::These(patterns) | Self::AllBut(patterns) => patterns,
        }
    }

    /// The same way of meaning with other patterns.
    pub(super) fn with(&self, patterns: Vec<String>) -> Self {
        match self {
            Self::These(_) => Self::These(patterns),
            Self::AllBut(_) => Self::AllBut(patterns),
        }
    }

    /// The element that says this about actions, in the words of manifests.
    pub(super) fn actions_element(&self) -> Element {
        match self {
            Self::These(_) => Element::Actions,
            Self::AllBut(_) => Element::NotActions,
        }
    }

    /// The element that says this about resources, in the words of manifests.
    pub(super) fn resources_element(&self) -> Element {
        match self {
            Self::These(_) => Element::Resources,
            Self::AllBut(_) => Element::NotResources,
        }
    }
}

/// One statement of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// A label without meaning; unique within a document where it is given.
    pub sid: Option<String>,
    /// Grants or refuses.
    pub effect: Effect,
    /// Only in trust and resource policies: whom the statement is about.
    pub principals: Option<Principals>,
    /// What may be done: `service:Name`, with `*` and `?`.
    pub actions: Scope,
    /// To what: ARNs with `*` and `?`. Trust policies have none.
    pub resources: Option<Scope>,
    /// When; empty: always.
    pub conditions: Conditions,
}

impl Statement {
    /// A statement of an identity's permissions without conditions.
    #[must_use]
    pub fn new(effect: Effect, actions: Scope, resources: Scope) -> Self {
        Self { sid: None, effect, principals: None, actions, resources: Some(resources), conditions: Conditions::new() }
    }

    /// The same with one more condition; a condition on the same operator and key is replaced.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.conditions.entry(operator.to_owned()).or_default().insert(key.to_owned(), values);
        self
    }
}

/// Whom a statement of a trust or resource policy is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principals {
    /// `Principal`.
    These(PrincipalSet),
    /// `NotPrincipal`.
    AllBut(PrincipalSet),
}

impl Principals {
    /// The principals, whichever way they are meant.
    #[must_use]
    pub fn set(&self) -> &PrincipalSet {
        match self {
            Self::These(set) | Self::AllBut(set) => set,
        }
    }
}

/// A set of principals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalSet {
    /// `"*"`.
    Anyone,
    /// By type (`AWS`, `Service`, `Federated`, `CanonicalUser`; RAM's `RAM`).
    Of(BTreeMap<String, Vec<String>>),
}

/// Where in a document something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The statement, counted from 1.
    pub statement: usize,
    /// The element of the statement.
    pub element: Element,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}, {}", self.statement, self.element)
    }
}

/// An element of a statement; shown in the words of manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// `Action`.
    Actions,
    /// `NotAction`.
    NotActions,
    /// `Resource`.
    Resources,
    /// `NotResource`.
    NotResources,
    /// One key of one operator of `Condition`.
    Condition {
        /// The operator as written.
        operator: String,
        /// The context key as written.
        key: String,
    },
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actions => f.write_str("actions"),
            Self::NotActions => f.write_str("notActions"),
            Self::Resources => f.write_str("resources"),
            Self::NotResources => f.write_str("notResources"),
            Self::Condition { operator, key } => write!(f, "conditions {operator} {key}"),
        }
    }
}
