//! What should exist in the cluster: namespaces with quota, limits, network policy and pod security, and who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use serde_json::{Value, json};

use super::credentials::{console_secret_name, secret_name};
use super::keyless::RRSA_INJECTION;
use super::{Compiler, manifest_ref};
use crate::api::{NetworkMode, Subject, SubjectKind, TenantNamespace, TenantNotebook, TenantRole, TenantUser};
use crate::model::{Class, KubeKind, KubeObject, ObjRef, WantedNamespace, label_of_tenant};
use crate::names::{
    APPLIED, AccountName, LABEL_DEFINITIONS, ManifestKind, ManifestRef, USER_PREFIX, operator_binding, short_hash,
};

/// The ClusterRole that the operator binds to itself where it keeps Secrets.
pub const SECRETS_ROLE: &str = "tenantry-secrets";
/// The ClusterRole of a tenant's owners.
pub const OWNER_ROLE: &str = "tenantry-owner";
/// The name of a ResourceQuota and a LimitRange.
const LIMITS_NAME: &str = "tenantry";
/// The name of the NetworkPolicy.
const NETWORK_POLICY: &str = "tenantry-isolation";
/// Namespaces that belong to the cluster or to the operator and are never a tenant's.
const RESERVED_PREFIX: &str = "kube-";

impl Compiler<'_> {
    pub(super) fn cluster(
        &mut self,
        roles: &[Arc<TenantRole>],
        users: &[Arc<TenantUser>],
        notebooks: &[Arc<TenantNotebook>],
    ) {
        let tenant = self.tenant;
        for namespace in tenant.namespaces().iter() {
            if self.is_reserved(&namespace.name) {
                continue;
            }
            self.namespace(namespace);
            self.owners(&namespace.name);
            for role in roles {
                self.role_binding(&namespace.name, role, users);
            }
        }
        self.definitions();
        for user in users {
            self.own_objects(user, notebooks);
        }
        self.own_tenant();
    }

    fn is_reserved(&mut self, name: &str) -> bool {
        let reserved =
            name.starts_with(RESERVED_PREFIX) || name == "default" || name == self.context.operator_namespace;
        if reserved {
            let subject = self.tenant_ref.clone();
            let message = format!("namespace {name} belongs to the cluster or to the operator. Name another one.");
            self.refuse(&subject, None, Class::Invalid, message);
        }
        reserved
    }

    /// `body` may hold annotations of its own, and no other metadata.
    pub(super) fn put(&mut self, subject: &ManifestRef, at: ObjRef, mut body: Value) {
        let (key, value) = label_of_tenant(self.tenant_name);
        let applied = short_hash(&body.to_string());
        body["metadata"]["labels"] = json!({key: value});
        body["metadata"]["annotations"][APPLIED] = applied.into();
        self.cluster.objects.insert(at.clone(), (subject.clone(), KubeObject { at, body }));
    }

    fn put_for_tenant(&mut self, at: ObjRef, body: Value) {
        let subject = self.tenant_ref.clone();
        self.put(&subject, at, body);
    }

    fn namespace(&mut self, namespace: &TenantNamespace) {
        let mut labels: BTreeMap<String, String> = namespace.labels.clone();
        labels.extend([label_of_tenant(self.tenant_name)]);
        for mode in ["enforce", "warn", "audit"] {
            labels.insert(format!("pod-security.kubernetes.io/{mode}"), namespace.pod_security.as_str().to_owned());
        }
        if self.wants_rrsa(&namespace.service_accounts) {
            let (key, value) = RRSA_INJECTION;
            labels.insert(key.to_owned(), value.to_owned());
        }
        self.cluster.namespaces.insert(namespace.name.clone(), WantedNamespace { labels });

        let name = &namespace.name;
        self.operator_right(name);
        if !namespace.quota.is_empty() {
            let at = ObjRef::namespaced(KubeKind::ResourceQuota, name, LIMITS_NAME);
            self.put_for_tenant(at, json!({"spec": {"hard": namespace.quota}}));
        }
        if let Some(defaults) = &namespace.container_defaults {
            let mut limit = json!({"type": "Container"});
            if !defaults.requests.is_empty() {
                limit["defaultRequest"] = json!(defaults.requests);
            }
            if !defaults.limits.is_empty() {
                limit["default"] = json!(defaults.limits);
            }
            let at = ObjRef::namespaced(KubeKind::LimitRange, name, LIMITS_NAME);
            self.put_for_tenant(at, json!({"spec": {"limits": [limit]}}));
        }
        if namespace.network == NetworkMode::Isolated {
            let at = ObjRef::namespaced(KubeKind::NetworkPolicy, name, NETWORK_POLICY);
            let body = self.isolation();
            self.put_for_tenant(at, body);
        }
    }

    /// Default deny both ways, but for DNS and the tenant's own namespaces. Namespaces are told by the label that the API
    /// server sets to their name, which nobody can forge.
    fn isolation(&self) -> Value {
        let mut names = self.tenant.namespace_names();
        names.sort();
        let named = |names: &[&str]| {
            let expression = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": names});
            json!({"namespaceSelector": {"matchExpressions": [expression]}})
        };
        let own = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let dns = json!({
            "to": [named(&["kube-system"])],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        });
        json!({"spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [own]}],
            "egress": [dns, {"to": [own]}],
        }})
    }

    /// The operator has no right to Secrets but where it takes one: here.
    fn operator_right(&mut self, namespace: &str) {
        let at = ObjRef::namespaced(KubeKind::RoleBinding, namespace, operator_binding(self.tenant_name));
        let operator = json!({
            "kind": "ServiceAccount",
            "name": self.context.operator_account,
            "namespace": self.context.operator_namespace,
        });
        self.put_for_tenant(at, binding(SECRETS_ROLE, &[operator]));
    }

    fn owners(&mut self, namespace: &str) {
        let owners: Vec<Value> = self.tenant.spec.owners.iter().map(subject_json).collect();
        if !owners.is_empty() {
            let at = ObjRef::namespaced(KubeKind::RoleBinding, namespace, "tenantry:owners");
            self.put_for_tenant(at, binding(OWNER_ROLE, &owners));
        }
    }

    /// A role's ClusterRole for the subjects of the users who have it.
    fn role_binding(&mut self, namespace: &str, role: &TenantRole, users: &[Arc<TenantUser>]) {
        let Some(wanted) = &role.spec.kubernetes else { return };
        let subject = manifest_ref(ManifestKind::TenantRole, role);
        if !self.tenant.spec.allowed_cluster_roles.contains(&wanted.cluster_role) {
            let message = format!(
                "ClusterRole {} may not be bound in tenant {}. Add it to spec.allowedClusterRoles of the Tenant, or choose one of: {}.",
                wanted.cluster_role,
                self.tenant_name,
                self.tenant.spec.allowed_cluster_roles.join(", ")
            );
            self.refuse(&subject, None, Class::NotAllowed, message);
            return;
        }
        let name = role.name_any();
        let has = |user: &TenantUser| {
            let for_a_time = user.spec.temporary_roles.iter();
            let for_a_time = for_a_time.filter(|it| it.until.0 > self.context.now).any(|it| it.name == name);
            role.spec.default || user.spec.roles.contains(&name) || for_a_time
        };
        let mut subjects: Vec<&Subject> = users
            .iter()
            .filter(|user| has(user) && !self.stands_still(user))
            .filter_map(|user| user.spec.kubernetes.as_ref())
            .collect();
        subjects.sort();
        subjects.dedup();
        if !subjects.is_empty() {
            let subjects: Vec<Value> = subjects.into_iter().map(subject_json).collect();
            let name = format!("tenantry:role:{name}:{}", wanted.cluster_role);
            let at = ObjRef::namespaced(KubeKind::RoleBinding, namespace, name);
            self.put(&subject, at, binding(&wanted.cluster_role, &subjects));
        }
    }

    fn definitions(&mut self) {
        let own = self.tenant.namespace_names();
        for namespace in self.tenant.spec.definition_namespaces.clone() {
            if own.contains(&namespace) || self.is_reserved(&namespace) {
                continue;
            }
            self.operator_right(&namespace);
            let labels = BTreeMap::from([(LABEL_DEFINITIONS.to_owned(), "true".to_owned())]);
            self.cluster.definitions.insert(namespace, labels);
        }
    }

    /// A user's own Kubernetes subject may get exactly its own Secrets; and who has a notebook that and itself, which
    /// `tenantry notebook open` asks for.
    fn own_objects(&mut self, user: &TenantUser, notebooks: &[Arc<TenantNotebook>]) {
        let Some(subject) = &user.spec.kubernetes else { return };
        let owner = manifest_ref(ManifestKind::TenantUser, user);
        let accounts = user.spec.accounts.clone();
        let listed = self.tenant.spec.accounts.iter().map(|it| &it.name);
        let named = |name: &&String| accounts.as_ref().is_none_or(|accounts| accounts.contains(name));
        let accounts: Vec<AccountName> = listed.filter(named).map(AccountName::new).collect();
        let mut secrets: Vec<String> = Vec::new();
        if user.spec.access_key.is_some() {
            secrets.extend(accounts.iter().map(|account| secret_name(user, account)));
        }
        if user.spec.console.is_some() {
            secrets.extend(accounts.iter().map(|account| console_secret_name(user, account)));
        }
        let namespace = user.namespace().unwrap_or_default();
        let theirs = notebooks.iter().filter(|it| it.spec.user == user.name_any());
        let theirs = theirs.filter(|it| it.namespace().as_deref() == Some(namespace.as_str()));
        let labs: BTreeSet<String> = theirs.map(|it| it.name_any()).collect();
        if secrets.is_empty() && labs.is_empty() {
            return;
        }
        let name = format!("{USER_PREFIX}{}", user.name_any());
        let get = |group: &str, resource: &str, names: Vec<String>| json!({"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": ["get"]});
        let mut rules = Vec::new();
        if !secrets.is_empty() {
            rules.push(get("", "secrets", secrets));
        }
        if !labs.is_empty() {
            rules.push(get("tenantry.dev", "tenantnotebooks", labs.into_iter().collect()));
            rules.push(get("tenantry.dev", "tenantusers", vec![user.name_any()]));
        }
        let at = ObjRef::namespaced(KubeKind::Role, &namespace, &name);
        self.put(&owner, at, json!({"rules": rules}));
        let role_ref = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        let body = json!({"roleRef": role_ref, "subjects": [subject_json(subject)]});
        self.put(&owner, ObjRef::namespaced(KubeKind::RoleBinding, &namespace, &name), body);
    }

    /// Owners may get, and by name list and watch, their own Tenant and no other.
    fn own_tenant(&mut self) {
        let owners: Vec<Value> = self.tenant.spec.owners.iter().map(subject_json).collect();
        if owners.is_empty() {
            return;
        }
        let name = format!("tenantry:tenant:{}", self.tenant_name);
        let rule = json!({
            "apiGroups": ["tenantry.dev"],
            "resources": ["tenants"],
            "resourceNames": [self.tenant_name.as_str()],
            "verbs": ["get", "list", "watch"],
        });
        self.put_for_tenant(ObjRef::cluster_scoped(KubeKind::ClusterRole, &name), json!({"rules": [rule]}));
        let at = ObjRef::cluster_scoped(KubeKind::ClusterRoleBinding, &name);
        self.put_for_tenant(at, binding(&name, &owners));
    }
}

fn binding(cluster_role: &str, subjects: &[Value]) -> Value {
    let role_ref = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role});
    json!({"roleRef": role_ref, "subjects": subjects})
}

fn subject_json(subject: &Subject) -> Value {
    match subject.kind {
        SubjectKind::ServiceAccount => {
            json!({"kind": subject.kind.as_str(), "name": subject.name, "namespace": subject.namespace})
        }
        SubjectKind::User | SubjectKind::Group => {
            json!({"kind": subject.kind.as_str(), "name": subject.name, "apiGroup": "rbac.authorization.k8s.io"})
        }
    }
}
