//! Permission documents, from what a manifest says to what a cloud decides.
//!
//! Data flows through this room as: [`Statement`]s → [`Document::expand`] (our `$(…)` variables) → [`validate`] →
//! [`split`] (the cloud's size limit) → [`Document::to_json`], and back from the cloud as [`Document::parse`] →
//! [`Document::same_meaning`] and [`diff`] for the plan. [`evaluate`] answers what documents allow, and
//! [`Meanings`] what a change of them gives and takes.
//! Everything here is pure: no clock, no network, no cluster.

mod canonical;
mod diff;
pub mod evaluate;
mod expand;
mod json;
mod meaning;
mod model;
mod operator;
mod pai;
#[cfg(test)]
mod properties;
mod size;
mod split;
mod validate;

pub use diff::diff;
pub use expand::{ExpandError, Variable, Variables};
pub use json::ParseError;
pub use meaning::{Carried, Meaning, Meanings, Right};
pub use model::{
    AWS_VERSION, Conditions, Dialect, Document, Effect, Element, Place, PrincipalSet, Principals, RAM_VERSION, Scope,
    Statement,
};
pub use size::{
    AWS_INLINE_GROUP, AWS_INLINE_ROLE, AWS_INLINE_USER, AWS_MANAGED_POLICY, AWS_TRUST_POLICY, RAM_POLICY, size,
};
pub use split::{TooLong, split};
pub use validate::{Problem, validate};
