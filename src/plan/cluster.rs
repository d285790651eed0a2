//! The plan for the cluster: namespaces, what is in them, and what a Tenant leaves behind when it goes.

use std::collections::BTreeSet;

use serde_json::json;

use super::difference::differences;
use super::{Action, Draft, Observed, Rank};
use crate::model::{
    Class, ClusterAction, KubeKind, KubeObject, Life, NamespaceSeen, ObjRef, Refusal, SecretSeen, SecretTarget,
    WantedNamespace, covers,
};
use crate::names::{
    ADOPT, APPLIED, AccountName, MADE_FOR, ManifestKind, ManifestRef, TAG_TENANT, USER_PREFIX, operator_binding,
    short_hash,
};

pub(super) fn plan(draft: &mut Draft<'_>, observed: &Observed<'_>) {
    let wanted = draft.wanted;
    let tenant = wanted.tenant_ref();
    let mut usable: BTreeSet<String> = BTreeSet::new();
    for (name, namespace) in &wanted.cluster.namespaces {
        if keep_namespace(draft, observed, &tenant, name, namespace) {
            usable.insert(name.clone());
        }
    }
    for (name, labels) in &wanted.cluster.definitions {
        if let Some(seen) = observed.cluster.namespaces.get(name).filter(|seen| !seen.terminating) {
            usable.insert(name.clone());
            let body = json!({"metadata": {"labels": labels}});
            if !labels.iter().all(|(key, value)| seen.labels.get(key) == Some(value)) {
                let at = ObjRef::cluster_scoped(KubeKind::Namespace, name);
                let action = ClusterAction::Apply(KubeObject { at, body });
                let detail = labels.iter().map(|(key, value)| format!("label {key}={value}")).collect();
                draft.step(&tenant, Rank::Change, Action::Cluster(action), detail);
            }
        }
    }
    keep_objects(draft, observed, &usable);
    remove_objects(draft, observed);
    if wanted.life == Life::Deleting {
        remove_manifests(draft, observed, &tenant);
    }
    leave_namespaces(draft, observed, &tenant);
}

/// Whether the namespace can be used, after noting what it lacks.
fn keep_namespace(
    draft: &mut Draft<'_>,
    observed: &Observed<'_>,
    tenant: &ManifestRef,
    name: &str,
    wanted: &WantedNamespace,
) -> bool {
    let at = ObjRef::cluster_scoped(KubeKind::Namespace, name);
    let applied = short_hash(&json!(wanted.labels).to_string());
    let Some(seen) = observed.cluster.namespaces.get(name) else {
        let annotations = json!({MADE_FOR: draft.wanted.tenant.as_str(), APPLIED: applied});
        let body = json!({"metadata": {"labels": wanted.labels, "annotations": annotations}});
        draft.step(tenant, Rank::Change, Action::Cluster(ClusterAction::Create(KubeObject { at, body })), Vec::new());
        return true;
    };
    if let Some(problem) = not_ours(draft, name, seen) {
        draft.refusals.push(Refusal { subject: tenant.clone(), account: None, class: problem.0, message: problem.1 });
        return false;
    }
    let all_there = wanted.labels.iter().all(|(key, value)| seen.labels.get(key) == Some(value));
    if !all_there || seen.annotations.get(APPLIED) != Some(&applied) {
        let missing: Vec<String> = wanted
            .labels
            .iter()
            .filter(|(key, value)| seen.labels.get(*key) != Some(value))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        // Server-side apply takes away what we no longer state.
        let mut metadata = json!({"labels": wanted.labels, "annotations": {APPLIED: applied}});
        if seen.annotations.get(MADE_FOR).map(String::as_str) == Some(draft.wanted.tenant.as_str()) {
            metadata["annotations"][MADE_FOR] = json!(draft.wanted.tenant.as_str());
        }
        let body = json!({"metadata": metadata});
        draft.step(tenant, Rank::Change, Action::Cluster(ClusterAction::Apply(KubeObject { at, body })), missing);
    }
    true
}

fn not_ours(draft: &Draft<'_>, name: &str, seen: &NamespaceSeen) -> Option<(Class, String)> {
    let tenant = draft.wanted.tenant.as_str();
    if seen.terminating {
        return Some((Class::Waiting, format!("namespace {name} is being deleted; it is made again when it is gone")));
    }
    match seen.labels.get(TAG_TENANT) {
        Some(label) if label == tenant => None,
        Some(label) => Some((
            Class::NotOwned,
            format!("namespace {name} belongs to tenant {label}. Take it out of spec.namespaces of one of the two."),
        )),
        None if seen.annotations.get(ADOPT).map(String::as_str) == Some(tenant) => None,
        None => Some((
            Class::NotOwned,
            format!(
                "namespace {name} exists and was not made for this tenant. Nothing was changed. Give it to the tenant with: kubectl annotate namespace {name} {ADOPT}={tenant}"
            ),
        )),
    }
}

fn keep_objects(draft: &mut Draft<'_>, observed: &Observed<'_>, usable: &BTreeSet<String>) {
    let wanted = draft.wanted;
    for (at, (subject, object)) in &wanted.cluster.objects {
        if at.namespace.as_ref().is_some_and(|namespace| !usable.contains(namespace)) {
            continue;
        }
        let Some((object, needs)) = with_own_secrets(draft, observed, at, subject, object) else { continue };
        match observed.cluster.objects.get(at) {
            None => {
                let action = Action::Cluster(ClusterAction::Create(object.clone()));
                draft.step_after(&needs, subject, Rank::Change, action, Vec::new());
            }
            Some(seen) if !covers(&object.body, seen) => {
                let action = Action::Cluster(ClusterAction::Apply(object.clone()));
                draft.step_after(&needs, subject, Rank::Repair, action, differences(&object.body, seen));
            }
            Some(_) => {}
        }
    }
}

/// A Role for a user's own Secrets names those that are seen to be the user's, or that this plan makes for it: what a
/// manifest calls its Secret may be another's. Comes with the steps that must succeed before; none where there is nothing
/// to give, or nothing is known, yet.
fn with_own_secrets(
    draft: &mut Draft<'_>,
    observed: &Observed<'_>,
    at: &ObjRef,
    subject: &ManifestRef,
    object: &KubeObject,
) -> Option<(KubeObject, Vec<usize>)> {
    if !at.name.starts_with(USER_PREFIX) {
        return Some((object.clone(), Vec::new()));
    }
    let namespace = at.namespace.clone().unwrap_or_default();
    let is_there = observed.cluster.objects.contains_key(at);
    if is_there && !observed.cluster.secrets_known.contains(&namespace) {
        return None;
    }
    let role = ObjRef { kind: KubeKind::Role, ..at.clone() };
    let uid = &draft.wanted.manifests.get(subject)?.uid;
    let mut body = draft.wanted.cluster.objects.get(&role)?.1.body.clone();
    let names = body.pointer_mut("/rules/0/resourceNames")?.as_array_mut()?;
    let mut needs = Vec::new();
    names.retain(|name| {
        let secret = SecretTarget { namespace: namespace.clone(), name: name.as_str().unwrap_or_default().to_owned() };
        let making = draft.steps.iter().position(|step| match &step.action {
            Action::IssueKey { wish, .. } => wish.secret == secret && wish.owner == *subject,
            Action::IssueLogin { wish, .. } => wish.secret == secret && wish.owner == *subject,
            _ => false,
        });
        needs.extend(making);
        making.is_some() || observed.cluster.secrets.get(&secret).is_some_and(|seen| seen.owner_uid == *uid)
    });
    if names.is_empty() {
        if is_there {
            draft.step(subject, Rank::Revoke, Action::Cluster(ClusterAction::Delete(at.clone())), Vec::new());
        }
        return None;
    }
    Some((if at.kind == KubeKind::Role { KubeObject { at: role, body } } else { object.clone() }, needs))
}

fn remove_objects(draft: &mut Draft<'_>, observed: &Observed<'_>) {
    let wanted = draft.wanted;
    let tenant = wanted.tenant_ref();
    if wanted.life == Life::Absent {
        return;
    }
    let going: BTreeSet<&str> = namespaces_to_delete(draft, observed).into_iter().collect();
    let stays = |at: &&ObjRef| wanted.cluster.objects.contains_key(*at) || wanted.cluster.kept.contains(*at);
    for at in observed.cluster.objects.keys().filter(|at| !stays(at)) {
        let namespace = at.namespace.as_deref();
        // What is in a namespace that is deleted goes with it, and our right to its Secrets is needed until then.
        let goes_anyway = namespace.is_some_and(|name| {
            going.contains(name) || observed.cluster.namespaces.get(name).is_none_or(|seen| seen.terminating)
        });
        let still_needed = at.name == operator_binding(&wanted.tenant)
            && holds_secrets(draft, observed, namespace.unwrap_or_default());
        if !goes_anyway && !still_needed {
            draft.step(&tenant, Rank::Revoke, Action::Cluster(ClusterAction::Delete(at.clone())), Vec::new());
        }
    }
}

/// Whether there are Secrets in the namespace that we must still do something about, or may be: those that are to be
/// kept must be seen before their owners go.
fn holds_secrets(draft: &Draft<'_>, observed: &Observed<'_>, namespace: &str) -> bool {
    let wanted = draft.wanted;
    let secrets = observed.cluster.secrets.iter().filter(|(at, _)| at.namespace == namespace);
    let mut ours = secrets.map(|(_, seen)| seen);
    let held = |seen: &SecretSeen| !(seen.owner_uid.is_empty() && wanted.observes(&AccountName::new(&seen.account)));
    let of_users = |manifest: &ManifestRef| {
        manifest.kind == ManifestKind::TenantUser && manifest.namespace.as_deref() == Some(namespace)
    };
    let unseen = wanted.keeps_secrets() && !observed.cluster.secrets_known.contains(namespace);
    ours.any(held) || (unseen && wanted.manifests.keys().any(of_users))
}

/// The namespaces that we made for a Tenant that is being deleted, but for those that hold what is to be kept: with
/// `Retain`, or while an account of the Tenant is only observed, all; else one with a Secret of such an account.
fn namespaces_to_delete<'o>(draft: &Draft<'_>, observed: &'o Observed<'_>) -> Vec<&'o str> {
    let tenant = draft.wanted.tenant.as_str();
    let made = |seen: &NamespaceSeen| {
        seen.labels.get(TAG_TENANT).map(String::as_str) == Some(tenant)
            && seen.annotations.get(MADE_FOR).map(String::as_str) == Some(tenant)
    };
    let wanted = draft.wanted;
    if wanted.life != Life::Deleting || wanted.keeps_secrets() {
        return Vec::new();
    }
    let is_kept = |seen: &SecretSeen| wanted.observes(&AccountName::new(&seen.account));
    let kept: BTreeSet<&str> = observed
        .cluster
        .secrets
        .iter()
        .filter(|(_, seen)| is_kept(seen))
        .map(|(at, _)| at.namespace.as_str())
        .collect();
    let all = observed.cluster.namespaces.iter().filter(|(name, seen)| made(seen) && !kept.contains(name.as_str()));
    all.map(|(name, _)| name.as_str()).collect()
}

/// Manifests in the Tenant's own namespaces are deleted with it; those elsewhere are somebody's to keep.
fn remove_manifests(draft: &mut Draft<'_>, observed: &Observed<'_>, tenant: &ManifestRef) {
    let wanted = draft.wanted;
    for (manifest, life) in &wanted.manifests {
        let own = manifest
            .namespace
            .as_ref()
            .and_then(|name| observed.cluster.namespaces.get(name))
            .is_some_and(|seen| seen.labels.get(TAG_TENANT).map(String::as_str) == Some(wanted.tenant.as_str()));
        if own && !life.deleting && manifest.kind != ManifestKind::Tenant {
            let action = Action::Cluster(ClusterAction::DeleteManifest(manifest.clone()));
            draft.step(tenant, Rank::Revoke, action, Vec::new());
        }
    }
}

/// Releases namespaces that are no longer the tenant's, and deletes those that we made once nothing needs them.
fn leave_namespaces(draft: &mut Draft<'_>, observed: &Observed<'_>, tenant: &ManifestRef) {
    let wanted = draft.wanted;
    if wanted.life == Life::Absent {
        return;
    }
    let to_delete: BTreeSet<String> = namespaces_to_delete(draft, observed).into_iter().map(str::to_owned).collect();
    for (name, seen) in &observed.cluster.namespaces {
        let labelled = seen.labels.get(TAG_TENANT).map(String::as_str) == Some(wanted.tenant.as_str());
        if !labelled || seen.terminating || wanted.cluster.namespaces.contains_key(name) {
            continue;
        }
        if to_delete.contains(name) {
            let cloud_left = draft.steps.iter().any(|step| !matches!(step.action, Action::Cluster(_)));
            let manifests_left =
                wanted.manifests.keys().any(|manifest| manifest.namespace.as_deref() == Some(name.as_str()));
            if !cloud_left && !manifests_left {
                let at = ObjRef::cluster_scoped(KubeKind::Namespace, name);
                draft.step(tenant, Rank::Revoke, Action::Cluster(ClusterAction::Delete(at)), Vec::new());
            }
        } else if !holds_secrets(draft, observed, name) {
            draft.step(tenant, Rank::Revoke, Action::Cluster(ClusterAction::Release(name.clone())), Vec::new());
        }
    }
}
