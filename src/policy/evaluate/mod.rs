//! What documents allow: AWS's evaluation for a call within one account, and RAM's, which is a part of it.
//!
//! An explicit Deny in any layer wins. Otherwise identity documents, boundary and session policy must all allow (those
//! that are there), or the resource's policy must allow the caller itself. Source: IAM user guide, "Policy evaluation
//! logic". A statement that cannot be evaluated (an unknown operator, a value that is no date) never allows, and
//! denies as if its conditions held.

mod arn;
mod conditions;
mod pattern;
mod request;
mod statement;
mod values;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::request::Grant;
use self::statement::{Outcome, outcome, rules};
use super::model::{Document, Effect};

pub(super) use self::arn::{SEGMENTS, segments};
pub(super) use self::pattern::{Case, Pattern, Wildcards};
pub use self::request::{Context, ContextValue, Principal, Request};
pub use self::statement::Mismatch;
pub(super) use self::values::{Network, boolean, date, number};

/// A document and the name under which a decision refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Such as `TenantRole acme/algorithm-developer`.
    pub name: String,
    /// The document.
    pub document: Document,
}

/// The documents that have a say in a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// The caller's own policies and those of its groups.
    #[serde(default)]
    pub identity: Vec<Source>,
    /// The permissions boundary; left out: none.
    #[serde(default)]
    pub boundary: Option<Source>,
    /// The policy that a session was started with; left out: none.
    #[serde(default)]
    pub session: Option<Source>,
    /// The resource's policy, or a role's trust policy when the call is `sts:AssumeRole…`; left out: none.
    #[serde(default)]
    pub resource: Option<Source>,
}

/// One of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// The caller's policies.
    Identity,
    /// Its permissions boundary.
    Boundary,
    /// Its session's policy.
    Session,
    /// The resource's policy.
    Resource,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// The call is allowed.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

/// A statement of one of the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The layer of the document.
    pub layer: Layer,
    /// The name of the document.
    pub document: String,
    /// The statement, counted from 1.
    pub statement: usize,
}

/// A statement that would have allowed the call but for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closest {
    /// The statement.
    pub origin: Origin,
    /// The thing.
    pub mismatch: Mismatch,
}

/// A statement about the call's action and resource that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotEvaluable {
    /// The statement.
    pub origin: Origin,
    /// Why not.
    pub reason: String,
}

/// The answer to a request, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What is decided.
    pub effect: Verdict,
    /// The statement that decides; `None` when nothing allows.
    pub by: Option<Origin>,
    /// When nothing allows: the layers that would have to.
    pub lacking: Vec<Layer>,
    /// When nothing allows: the statement that came closest in the first of those layers that has a close one.
    pub closest: Option<Closest>,
    /// Statements that could not be evaluated; they allow nothing, and deny what they may deny.
    pub not_evaluable: Vec<NotEvaluable>,
}

impl Decision {
    /// Whether the call is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.effect == Verdict::Allowed
    }
}

/// Decides a request.
#[must_use]
pub fn evaluate(layers: &Layers, request: &Request) -> Decision {
    let mut not_evaluable = Vec::new();
    let mut ask = |layer, sources: &[Source]| Findings::gather(layer, sources, request, &mut not_evaluable);
    let identity = ask(Layer::Identity, &layers.identity);
    let boundary = layers.boundary.as_ref().map(|source| ask(Layer::Boundary, std::slice::from_ref(source)));
    let session = layers.session.as_ref().map(|source| ask(Layer::Session, std::slice::from_ref(source)));
    let resource = layers.resource.as_ref().map(|source| ask(Layer::Resource, std::slice::from_ref(source)));

    let mut decision =
        Decision { effect: Verdict::ImplicitDeny, by: None, lacking: Vec::new(), closest: None, not_evaluable };
    let present = [Some(&identity), boundary.as_ref(), session.as_ref(), resource.as_ref()];
    if let Some(denied) = present.into_iter().flatten().find_map(|findings| findings.deny.clone()) {
        decision.effect = Verdict::ExplicitDeny;
        decision.by = Some(denied);
        return decision;
    }

    let limits = || [(Layer::Boundary, boundary.as_ref()), (Layer::Session, session.as_ref())].into_iter();
    let limited = limits().any(|(_, findings)| findings.is_some_and(|findings| findings.allow.is_none()));
    let by_identity = identity.allow.as_ref().filter(|_| !limited);
    let by_resource = resource.as_ref().and_then(|findings| findings.allow.as_ref()).filter(|(grant, _)| match grant {
        Grant::Direct => true,
        Grant::Limited => !limited,
        Grant::Account => false,
    });
    if let Some((_, origin)) = by_identity.or(by_resource) {
        decision.effect = Verdict::Allowed;
        decision.by = Some(origin.clone());
        return decision;
    }

    let asked = [(Layer::Identity, Some(&identity))].into_iter().chain(limits());
    let lacking = asked.filter_map(|(layer, findings)| findings.filter(|f| f.allow.is_none()).map(|f| (layer, f)));
    for (layer, findings) in lacking {
        decision.lacking.push(layer);
        decision.closest = decision.closest.or_else(|| findings.closest.clone());
    }
    decision
}

/// What one layer says.
struct Findings {
    deny: Option<Origin>,
    /// The statement that grants furthest.
    allow: Option<(Grant, Origin)>,
    closest: Option<Closest>,
}

impl Findings {
    fn gather(layer: Layer, sources: &[Source], request: &Request, not_evaluable: &mut Vec<NotEvaluable>) -> Self {
        let mut findings = Self { deny: None, allow: None, closest: None };
        for source in sources {
            let rules = rules(&source.document);
            for (index, statement) in source.document.statements.iter().enumerate() {
                let origin = Origin { layer, document: source.name.clone(), statement: index + 1 };
                match (outcome(statement, layer, rules, request), statement.effect) {
                    (Outcome::Applies(_), Effect::Deny) => findings.denies(origin),
                    (Outcome::Applies(grant), Effect::Allow) => findings.allows(grant, origin),
                    (Outcome::Misses(mismatch), Effect::Allow) => findings.came_close(mismatch, origin),
                    (Outcome::Misses(_), Effect::Deny) => {}
                    (Outcome::NotEvaluable(reason), effect) => {
                        not_evaluable.push(NotEvaluable { origin: origin.clone(), reason });
                        if effect == Effect::Deny {
                            findings.denies(origin);
                        }
                    }
                }
            }
        }
        findings
    }

    fn denies(&mut self, origin: Origin) {
        self.deny.get_or_insert(origin);
    }

    fn allows(&mut self, grant: Grant, origin: Origin) {
        if self.allow.as_ref().is_none_or(|(furthest, _)| grant > *furthest) {
            self.allow = Some((grant, origin));
        }
    }

    fn came_close(&mut self, mismatch: Mismatch, origin: Origin) {
        let least = self.closest.as_ref().map_or(0, |closest| closest.mismatch.closeness());
        if mismatch.closeness() > least {
            self.closest = Some(Closest { origin, mismatch });
        }
    }
}
