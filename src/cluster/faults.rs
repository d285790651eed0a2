//! What the API server refused, as a fault: its class, and words that help.

use kube::core::Status;

use crate::model::{Class, Fault, ObjRef, SecretTarget};
use crate::names::ManifestRef;

/// Longest text of the API server's that goes into a message, in characters.
const MESSAGE_MAX: usize = 400;

/// One call as people and faults name it.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    verb: &'static str,
    resource: &'static str,
    namespace: Option<String>,
    object: String,
    /// Whether the request holds a secret: then no word of the answer is repeated, as webhooks may quote the request.
    secret: bool,
}

impl Deed {
    pub(super) fn on(verb: &'static str, at: &ObjRef) -> Self {
        let (resource, namespace) = (at.kind.plural(), at.namespace.clone());
        Self { verb, resource, namespace, object: at.to_string(), secret: false }
    }

    pub(super) fn on_secret(verb: &'static str, at: &SecretTarget) -> Self {
        let object = format!("Secret {}/{}", at.namespace, at.name);
        Self { verb, resource: "secrets", namespace: Some(at.namespace.clone()), object, secret: true }
    }

    pub(super) fn on_manifest(verb: &'static str, resource: &'static str, manifest: &ManifestRef) -> Self {
        Self { verb, resource, namespace: manifest.namespace.clone(), object: manifest.to_string(), secret: false }
    }

    /// A call that is about a whole kind.
    pub(super) fn on_all(verb: &'static str, resource: &'static str, namespace: Option<&str>) -> Self {
        let object = match namespace {
            Some(namespace) => format!("{resource} in namespace {namespace}"),
            None => resource.to_owned(),
        };
        Self { verb, resource, namespace: namespace.map(str::to_owned), object, secret: false }
    }

    pub(super) fn verb(&self) -> &'static str {
        self.verb
    }

    pub(super) fn resource(&self) -> &'static str {
        self.resource
    }

    pub(super) fn fault(&self, class: Class, message: impl Into<String>) -> Fault {
        Fault::new(class, format!("{} {}", self.verb, self.resource), &self.object, message)
    }

    /// The fault that an error of the client is.
    pub(super) fn failed(&self, error: &kube::Error) -> Fault {
        match error {
            kube::Error::Api(status) => self.refused(status),
            kube::Error::SerdeError(_) => self.fault(Class::Transient, "the Kubernetes API's answer cannot be read"),
            kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => {
                self.fault(Class::Invalid, "no request can be made of it")
            }
            _ => self.fault(Class::Transient, "the Kubernetes API does not answer"),
        }
    }

    fn refused(&self, status: &Status) -> Fault {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let cause = |reason: &str| status.details.iter().flat_map(|it| &it.causes).any(|cause| cause.reason == reason);
        match status.code {
            401 => self.fault(Class::AccessDenied, "the Kubernetes API does not accept the operator's credentials"),
            403 | 409 if cause("NamespaceTerminating") || status.message.contains("because it is being terminated") => {
                self.fault(Class::Waiting, format!("namespace {namespace} is being deleted"))
            }
            403 if status.message.contains("exceeded quota") => {
                self.fault(Class::QuotaExceeded, self.words(status, "a ResourceQuota of the namespace is used up"))
            }
            403 if is_rbac(status) => self.fault(Class::AccessDenied, self.missing_right(status)),
            403 => self.fault(Class::AccessDenied, self.words(status, "an admission policy forbids it")),
            404 if status.details.as_ref().is_some_and(|details| details.kind == "namespaces") => {
                self.fault(Class::Waiting, format!("namespace {namespace} does not exist yet"))
            }
            404 => self.fault(Class::Transient, "it does not exist (any more)"),
            409 | 410 => self.fault(Class::Transient, "it was changed by someone else at the same time"),
            422 if self.is_of_another_object(status) => {
                self.fault(Class::Transient, "it was deleted and made again by someone else")
            }
            400 | 413 | 415 | 422 => self.fault(Class::Invalid, self.words(status, "the Kubernetes API refuses it")),
            429 => self.fault(Class::Throttled, "the Kubernetes API asks for fewer calls"),
            _ => self.fault(Class::Transient, self.words(status, "the Kubernetes API has an error")),
        }
    }

    fn is_of_another_object(&self, status: &Status) -> bool {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        causes.into_iter().any(|cause| cause.field == "metadata.uid") || status.message.contains("metadata.uid")
    }

    fn missing_right(&self, status: &Status) -> String {
        let place = match &self.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        };
        if status.message.contains("attempting to grant RBAC permissions") {
            return format!(
                "the operator may not grant what it does not have{place}: allow it to `bind` the ClusterRole, or take the \
                 ClusterRole out of allowedClusterRoles"
            );
        }
        format!("the operator's ServiceAccount may not {} {}{place}: give it that right", self.verb, self.resource)
    }

    /// The API server's own words, or for a Secret the names of the fields that it complains of.
    fn words(&self, status: &Status, otherwise: &str) -> String {
        let text = if self.secret {
            let fields: Vec<&str> =
                status.details.iter().flat_map(|it| &it.causes).map(|cause| cause.field.as_str()).collect();
            if fields.is_empty() { otherwise.to_owned() } else { format!("{otherwise}: {}", fields.join(", ")) }
        } else if status.message.is_empty() {
            otherwise.to_owned()
        } else {
            status.message.clone()
        };
        text.chars().take(MESSAGE_MAX).collect()
    }
}

/// Whether a refusal comes from RBAC rather than from an admission plugin: both answer 403.
fn is_rbac(status: &Status) -> bool {
    status.message.contains(" cannot ") || status.message.contains("attempting to grant RBAC permissions")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::model::KubeKind;
    use kube::core::response::{StatusCause, StatusDetails};

    fn fault(code: u16, message: &str, change: impl FnOnce(&mut Status)) -> Fault {
        let mut status = Status::failure(message, "").with_code(code);
        change(&mut status);
        let at = ObjRef::namespaced(KubeKind::RoleBinding, "acme", "tenantry:owners");
        Deed::on("patch", &at).failed(&kube::Error::Api(status.boxed()))
    }

    fn details(kind: &str, cause: (&str, &str)) -> StatusDetails {
        StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: kind.to_owned(),
            uid: String::new(),
            causes: vec![StatusCause {
                reason: cause.0.to_owned(),
                message: "AKIA-SECRET".to_owned(),
                field: cause.1.to_owned(),
            }],
            retry_after_seconds: 0,
        }
    }

    #[test]
    fn a_missing_right_names_verb_resource_and_namespace() {
        let text =
            r#"rolebindings is forbidden: User "x" cannot patch resource "rolebindings" in the namespace "acme""#;
        let fault = fault(403, text, |_| {});
        assert_eq!(fault.class, Class::AccessDenied);
        assert_eq!(fault.action, "patch rolebindings");
        assert!(fault.message.contains("may not patch rolebindings in namespace acme"), "{}", fault.message);
    }

    #[test]
    fn classes_follow_from_what_the_server_says() {
        let none = |_: &mut Status| {};
        let terminating =
            "x is forbidden: unable to create new content in namespace acme because it is being terminated";
        assert_eq!(fault(403, terminating, none).class, Class::Waiting);
        assert_eq!(fault(403, "x is forbidden: exceeded quota: tenantry", none).class, Class::QuotaExceeded);
        assert_eq!(
            fault(404, "", |status| status.details = Some(details("namespaces", ("", "")))).class,
            Class::Waiting
        );
        assert_eq!(fault(409, "", none).class, Class::Transient);
        assert_eq!(fault(422, "", none).class, Class::Invalid);
        let other = |status: &mut Status| status.details = Some(details("", ("FieldValueInvalid", "metadata.uid")));
        assert_eq!(fault(422, "", other).class, Class::Transient);
        assert_eq!(fault(429, "", none).class, Class::Throttled);
        assert_eq!(fault(503, "", none).class, Class::Transient);
    }

    #[test]
    fn of_a_secret_no_word_of_the_answer_is_repeated() {
        let mut status = Status::failure("the request said AKIA-SECRET", "").with_code(422);
        status.details = Some(details("", ("FieldValueForbidden", "data")));
        let at = SecretTarget { namespace: "acme".to_owned(), name: "alice".to_owned() };
        let fault = Deed::on_secret("patch", &at).failed(&kube::Error::Api(status.boxed()));
        assert!(!fault.to_string().contains("AKIA-SECRET"), "{fault}");
        assert!(fault.message.contains("data"));
    }
}
