//! Manifests from files, laid over what was read of the cluster as if they had been applied: for `tenantry plan -f`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use kube::core::object::HasSpec;
use serde::Serialize;
use serde_json::Value;

use super::tables::Watched;
use crate::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::names::{ManifestKind, ManifestRef};

/// Which manifests of the cluster count as deleted because they are not in the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prune {
    /// None.
    #[default]
    Nothing,
    /// TenantRoles, TenantUsers and TenantNotebooks of the Tenants that are in the files.
    OfTenants,
    /// All, Tenants and CloudAccounts too.
    All,
}

/// A manifest that is in a file and in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// Which.
    pub manifest: ManifestRef,
    /// Its `spec` in the cluster.
    pub before: Value,
    /// Its `spec` in the file.
    pub after: Value,
    /// Whether it is being deleted in the cluster, which a file does not stop.
    pub deleting: bool,
}

/// What files say, and what came of laying it over the cluster.
#[derive(Debug, Default)]
pub struct Overlay {
    /// CloudAccounts in files.
    pub accounts: Vec<CloudAccount>,
    /// Tenants in files.
    pub tenants: Vec<Tenant>,
    /// TenantRoles in files.
    pub roles: Vec<TenantRole>,
    /// TenantUsers in files.
    pub users: Vec<TenantUser>,
    /// TenantNotebooks in files.
    pub notebooks: Vec<TenantNotebook>,
    /// Namespaces in files: name, labels and annotations.
    pub namespaces: Vec<ObjectMeta>,
    /// What counts as deleted.
    pub prune: Prune,
    /// Labels that a manifest must carry to count as deleted.
    pub selector: BTreeMap<String, String>,
    /// Manifests in both.
    pub replaced: Vec<Replaced>,
    /// Manifests that count as deleted.
    pub pruned: Vec<ManifestRef>,
    /// Manifests that would count as deleted if their Tenant were not protected.
    pub protected: Vec<ManifestRef>,
    /// Tenants that any of it is about.
    pub concerned: BTreeSet<String>,
    /// Tenants that are protected once the files are applied.
    guarded: BTreeSet<String>,
}

/// A kind that files may hold.
pub(super) trait Laid: Watched + HasSpec<Spec: Serialize + Clone> {
    fn of(overlay: &Overlay) -> &Vec<Self>;
}

macro_rules! laid {
    ($($kind:ident: $field:ident),+) => {$(
        impl Laid for $kind {
            fn of(overlay: &Overlay) -> &Vec<Self> {
                &overlay.$field
            }
        }
    )+};
}

laid!(CloudAccount: accounts, Tenant: tenants, TenantRole: roles, TenantUser: users, TenantNotebook: notebooks);

impl Overlay {
    /// Lays the files' manifests of one kind over those that were found. Tenants come before what is in them.
    pub(super) fn lay<K: Laid>(&mut self, found: &mut Vec<K>, now: Timestamp) {
        let files = K::of(self).clone();
        let in_files: BTreeSet<ManifestRef> = files.iter().map(K::manifest_ref).collect();
        for live in found.iter_mut().filter(|live| !in_files.contains(&live.manifest_ref())) {
            if self.goes(live) {
                let manifest = live.manifest_ref();
                self.concerned.extend(live.tenant().map(|tenant| tenant.to_string()));
                if live.tenant().is_some_and(|tenant| self.guarded.contains(tenant.as_str()))
                    || K::KIND == ManifestKind::Tenant && is_guarded(&spec(live))
                {
                    self.protected.push(manifest);
                } else if live.meta().deletion_timestamp.is_none() {
                    live.meta_mut().deletion_timestamp = Some(Time(now));
                    self.pruned.push(manifest);
                }
            }
        }
        for mut file in files {
            self.concerned.extend(file.tenant().map(|tenant| tenant.to_string()));
            let manifest = file.manifest_ref();
            if K::KIND == ManifestKind::Tenant && is_guarded(&spec(&file)) {
                self.guarded.insert(manifest.name.clone());
            }
            match found.iter_mut().find(|live| live.manifest_ref() == manifest) {
                Some(live) => {
                    self.concerned.extend(live.tenant().map(|tenant| tenant.to_string()));
                    let deleting = live.meta().deletion_timestamp.is_some();
                    self.replaced.push(Replaced { manifest, before: spec(live), after: spec(&file), deleting });
                    live.spec_mut().clone_from(file.spec());
                    lay_meta(live.meta_mut(), file.meta());
                }
                None => {
                    file.meta_mut().creation_timestamp = Some(Time(now));
                    found.push(file);
                }
            }
        }
        if K::KIND == ManifestKind::Tenant {
            let guarded = found.iter().filter(|it| is_guarded(&spec(*it))).map(K::name_any);
            self.guarded = guarded.collect();
        }
    }

    /// Lays the files' Namespaces over those that were found.
    pub(super) fn lay_namespaces(&self, found: &mut Vec<PartialObjectMeta<Namespace>>) {
        for file in &self.namespaces {
            match found.iter_mut().find(|live| live.metadata.name == file.name) {
                Some(live) => lay_meta(&mut live.metadata, file),
                None => found.push(PartialObjectMeta { metadata: file.clone(), ..PartialObjectMeta::default() }),
            }
        }
    }

    fn goes<K: Laid>(&self, live: &K) -> bool {
        let chosen = match self.prune {
            Prune::Nothing => false,
            Prune::All => true,
            Prune::OfTenants => {
                let tenant = live.tenant().map(|tenant| tenant.to_string());
                K::KIND != ManifestKind::Tenant && self.tenants.iter().any(|it| Some(it.name_any()) == tenant)
            }
        };
        chosen && self.selector.iter().all(|(key, value)| live.labels().get(key) == Some(value))
    }
}

fn spec<K: HasSpec<Spec: Serialize>>(object: &K) -> Value {
    serde_json::to_value(object.spec()).unwrap_or_default()
}

fn is_guarded(spec: &Value) -> bool {
    spec["deletionProtection"] == true
}

/// Labels and annotations of the file over the live ones; everything else is the API server's.
fn lay_meta(live: &mut ObjectMeta, file: &ObjectMeta) {
    if let Some(labels) = &file.labels {
        live.labels.get_or_insert_default().extend(labels.clone());
    }
    if let Some(annotations) = &file.annotations {
        live.annotations.get_or_insert_default().extend(annotations.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    fn user(name: &str, tenant: &str, metadata: Value) -> TenantUser {
        let mut value = json!({"metadata": {"name": name, "namespace": "ns"}, "spec": {"tenant": tenant}});
        value["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn tenant(name: &str, protected: bool) -> Tenant {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"deletionProtection": protected}})).unwrap()
    }

    fn names<K: kube::ResourceExt>(found: &[K], going: bool) -> Vec<String> {
        found.iter().filter(|it| it.meta().deletion_timestamp.is_some() == going).map(K::name_any).collect()
    }

    #[test]
    fn a_file_replaces_the_spec_and_leaves_what_is_the_api_servers() {
        let annotations = json!({"uid": "u1", "annotations": {"tenantry.dev/paused": "true"}});
        let mut found = vec![user("alice", "acme", annotations), user("bob", "acme", json!({}))];
        let mut file = user("alice", "acme", json!({"annotations": {"note": "x"}}));
        file.spec.suspended = true;
        let users = vec![file, user("carol", "acme", json!({}))];
        let mut overlay = Overlay { users, ..Overlay::default() };
        overlay.lay(&mut found, Timestamp::UNIX_EPOCH);
        assert_eq!(found.len(), 3);
        assert!(found[0].spec.suspended && found[0].metadata.uid.as_deref() == Some("u1"));
        assert_eq!(found[0].annotations().len(), 2);
        assert!(found[2].metadata.creation_timestamp.is_some(), "a new manifest is the youngest");
        assert_eq!(overlay.replaced.len(), 1);
        assert!(overlay.pruned.is_empty());
    }

    #[test]
    fn what_is_not_in_the_files_goes_where_that_was_asked_for() {
        let live = || vec![user("alice", "acme", json!({"labels": {"by": "git"}})), user("eve", "beta", json!({}))];
        let tenants = || vec![tenant("acme", false), tenant("beta", false)];
        let run = |prune, selector: &[(&str, &str)]| {
            let selector = selector.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let mut overlay = Overlay { tenants: vec![tenant("acme", false)], prune, selector, ..Overlay::default() };
            let (mut found, mut of_tenants) = (live(), tenants());
            overlay.lay(&mut of_tenants, Timestamp::UNIX_EPOCH);
            overlay.lay(&mut found, Timestamp::UNIX_EPOCH);
            (names(&of_tenants, true), names(&found, true))
        };
        assert_eq!(run(Prune::Nothing, &[]), (vec![], vec![]));
        assert_eq!(run(Prune::OfTenants, &[]), (vec![], vec!["alice".to_owned()]));
        assert_eq!(run(Prune::All, &[]), (vec!["beta".to_owned()], vec!["alice".to_owned(), "eve".to_owned()]));
        assert_eq!(run(Prune::All, &[("by", "git")]), (vec![], vec!["alice".to_owned()]));
    }

    #[test]
    fn what_is_protected_stays() {
        let mut overlay = Overlay { prune: Prune::All, ..Overlay::default() };
        let (mut tenants, mut users) = (vec![tenant("acme", true)], vec![user("alice", "acme", json!({}))]);
        overlay.lay(&mut tenants, Timestamp::UNIX_EPOCH);
        overlay.lay(&mut users, Timestamp::UNIX_EPOCH);
        assert!(names(&tenants, true).is_empty() && names(&users, true).is_empty());
        assert_eq!(overlay.protected.len(), 2);
    }
}
