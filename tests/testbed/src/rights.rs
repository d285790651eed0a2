//! The policies that the operator runs with in tests: those of docs/aws/ and docs/alibaba/, filled in as these pages say.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::layout::root;

/// The boundary that the documented policy names.
pub const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundaries/tenant-boundary";
/// The cluster that the documented policy names.
const CLUSTER: &str = "c1a2b3c4";

/// A policy for the operator.
#[derive(Clone, Debug)]
pub struct OperatorPolicy(Value);

impl OperatorPolicy {
    /// The documented policy for a cluster: users have [`BOUNDARY`] or are not made.
    ///
    /// # Panics
    /// When docs/aws/ cannot be read.
    #[must_use]
    pub fn bounded(cluster: &str) -> Self {
        Self::read("aws/operator-policy.json", cluster)
    }

    /// The documented policy for an account without a boundary.
    ///
    /// # Panics
    /// When docs/aws/ cannot be read.
    #[must_use]
    pub fn unbounded(cluster: &str) -> Self {
        Self::read("aws/operator-policy-without-boundary.json", cluster)
    }

    /// The documented policy for an Alibaba Cloud account; RAM knows no paths, so it is the same for every cluster.
    ///
    /// # Panics
    /// When docs/alibaba/ cannot be read.
    #[must_use]
    pub fn alibaba() -> Self {
        Self::read("alibaba/operator-policy.json", CLUSTER)
    }

    fn read(file: &str, cluster: &str) -> Self {
        let text = fs::read_to_string(root().join("docs").join(file)).expect("the documented policy");
        Self(serde_json::from_str(&text.replace(CLUSTER, cluster)).expect("the documented policy is JSON"))
    }

    /// With another boundary in the place of [`BOUNDARY`].
    ///
    /// # Panics
    /// When the ARN makes it no JSON.
    #[must_use]
    pub fn with_boundary(self, arn: &str) -> Self {
        Self(serde_json::from_str(&self.text().replace(BOUNDARY, arn)).expect("an ARN"))
    }

    /// Without an action, in whichever statement allows it.
    #[must_use]
    pub fn without(mut self, action: &str) -> Self {
        for statement in self.allowing() {
            match &mut statement["Action"] {
                Value::Array(all) if all.len() > 1 => all.retain(|it| it != action),
                // A statement needs an action.
                only if named(only).eq([action]) => {
                    let service = action.split(':').next().unwrap_or_default();
                    *only = Value::from(format!("{service}:None"));
                }
                _ => {}
            }
        }
        self
    }

    fn allowing(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0["Statement"].as_array_mut().into_iter().flatten().filter(|it| it["Effect"] == "Allow")
    }

    /// Every action that it allows, with the statement that does.
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<(String, String)> {
        let statements = self.0["Statement"].as_array().into_iter().flatten().filter(|it| it["Effect"] == "Allow");
        let pairs = statements.flat_map(|it| {
            let sid = it["Sid"].as_str().unwrap_or_default();
            named(&it["Action"]).map(move |action| (sid.to_owned(), action.to_owned()))
        });
        pairs.collect()
    }

    /// Every action that it allows, with the number of the statement that does, counted from 1.
    #[must_use]
    pub fn numbered(&self) -> BTreeSet<(usize, String)> {
        let statements = self.0["Statement"].as_array().into_iter().flatten().enumerate();
        let allowing = statements.filter(|(_, it)| it["Effect"] == "Allow");
        allowing
            .flat_map(|(index, it)| named(&it["Action"]).map(move |action| (index + 1, action.to_owned())))
            .collect()
    }

    /// The document.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

fn named(actions: &Value) -> impl Iterator<Item = &str> {
    actions.as_array().into_iter().flatten().chain([actions]).filter_map(Value::as_str)
}
