//! What stands in for Secrets that the caller may not list: what the statuses of TenantUsers say of them.

use std::collections::BTreeSet;

use kube::ResourceExt as _;

use crate::api::{TenantUser, TenantUserStatus, annotations};
use crate::cluster::{Overlay, Snapshot};
use crate::model::{LoginNote, SecretSeen, SecretTarget};
use crate::names::{ManifestKind, short_hash};

/// Notes the Secrets of users in namespaces whose Secrets were not listed, and says which namespaces these are.
pub fn assume(snapshot: &mut Snapshot, overlay: &Overlay) -> BTreeSet<String> {
    let of_users = snapshot.users.iter().filter_map(|user| user.namespace());
    let unlisted: BTreeSet<String> = of_users.filter(|it| !snapshot.cluster.secrets_known.contains(it)).collect();
    for user in &snapshot.users {
        let namespace = user.namespace().unwrap_or_default();
        if let Some(status) = user.status.as_ref().filter(|_| unlisted.contains(&namespace)) {
            let secrets = secrets(user, status, had_console(user, overlay));
            let at = |name| SecretTarget { namespace: namespace.clone(), name };
            snapshot.cluster.secrets.extend(secrets.into_iter().map(|(name, seen)| (at(name), seen)));
        }
    }
    snapshot.cluster.secrets_known.extend(unlisted.clone());
    unlisted
}

/// Whether the live manifest asks for a console login, whatever a file says.
fn had_console(user: &TenantUser, overlay: &Overlay) -> bool {
    let is_this = |manifest: &crate::names::ManifestRef| {
        manifest.kind == ManifestKind::TenantUser
            && manifest.namespace == user.namespace()
            && manifest.name == user.name_any()
    };
    match overlay.replaced.iter().find(|change| is_this(&change.manifest)) {
        Some(change) => !change.before["console"].is_null(),
        None => user.spec.console.is_some(),
    }
}

fn secrets(user: &TenantUser, status: &TenantUserStatus, console: bool) -> Vec<(String, SecretSeen)> {
    let mut found = Vec::new();
    for account in &status.accounts {
        let name = account.secret_name.clone().unwrap_or_else(|| format!("{}-{}", user.name_any(), account.name));
        let seen = SecretSeen {
            owner_uid: user.uid().unwrap_or_default(),
            owner_name: user.name_any(),
            account: account.name.clone(),
            ..SecretSeen::default()
        };
        if console {
            let reset = user.annotations().get(annotations::RESET_PASSWORD).map(|value| short_hash(value));
            let login = Some(LoginNote { in_force: true, reset });
            found.push((format!("{name}-console"), SecretSeen { login, ..seen.clone() }));
        }
        if let Some(key) = account.access_keys.iter().max_by_key(|key| key.created_at.as_ref().map(|it| it.0)) {
            let key_created = key.created_at.as_ref().map(|it| it.0);
            found.push((name, SecretSeen { key_id: Some(key.id.clone()), key_created, ..seen }));
        }
    }
    found
}
