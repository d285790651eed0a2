//! What the API server was asked, by whom, read from its audit log: for tests and benchmarks that count requests.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Everything that service accounts ask, and everyone's writes. No bodies.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
  - {level: None, users: ['system:apiserver', 'system:kube-controller-manager']}
  - {level: Metadata, userGroups: ['system:serviceaccounts']}
  - {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
  - {level: None}
";

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// For example `system:serviceaccount:tenantry-system:tenantry`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural, with the subresource behind a slash: `tenants/status`.
    pub resource: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

impl Request {
    /// Whether it could change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    user: User,
    object_ref: Option<Object>,
    response_status: Option<Status>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Status {
    code: Option<u16>,
}

pub(crate) fn read(log: &Path) -> Vec<Request> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()).map(Request::from).collect()
}

impl From<Event> for Request {
    fn from(event: Event) -> Self {
        let object = event.object_ref.unwrap_or_default();
        let slash = if object.subresource.is_empty() { "" } else { "/" };
        Self {
            user: event.user.username,
            verb: event.verb,
            resource: format!("{}{slash}{}", object.resource, object.subresource),
            namespace: object.namespace,
            name: object.name,
            code: event.response_status.and_then(|s| s.code).unwrap_or(0),
        }
    }
}
