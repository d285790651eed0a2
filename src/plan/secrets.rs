//! The plan for the Secrets of an account: which are a user's, which cannot be judged yet, and which go.

use std::collections::BTreeSet;

use super::Action;
use super::account::Account;
use crate::model::{Class, CloudAction, Life, SecretSeen, SecretTarget, WantedAccount};
use crate::names::{ManifestKind, ManifestRef};

/// The Secrets of a TenantUser for this account.
pub(super) fn of<'s>(
    account: &'s Account<'_, '_, '_>,
    owner: &'s ManifestRef,
) -> impl Iterator<Item = (&'s SecretTarget, &'s SecretSeen)> {
    account.cluster.secrets.iter().filter(move |(at, secret)| {
        owner.kind == ManifestKind::TenantUser
            && owner.namespace.as_deref() == Some(at.namespace.as_str())
            && secret.owner_name == owner.name
            && secret.account == account.name.as_str()
    })
}

/// Whether a Secret that is not seen may yet be there, which is then waited for.
pub(super) fn unread(account: &mut Account<'_, '_, '_>, owner: &ManifestRef, at: &SecretTarget) -> bool {
    let known = account.cluster.secrets.contains_key(at) || account.cluster.secrets_known.contains(&at.namespace);
    if !known {
        let message = format!("the Secrets of namespace {} were not read yet", at.namespace);
        account.refuse(owner, Class::Waiting, message);
    }
    !known
}

/// A Secret for this account that no wish names goes: what it holds was taken out, moved to another name, or its user
/// went.
pub(super) fn remove_unwanted(account: &mut Account<'_, '_, '_>, target: &WantedAccount) {
    let users = || target.users.values().flatten();
    let mut wishes: BTreeSet<&SecretTarget> = users().filter_map(|user| Some(&user.key.as_ref()?.secret)).collect();
    wishes.extend(users().filter_map(|user| Some(&user.login.as_ref()?.secret)));
    let unwanted: Vec<_> = account
        .cluster
        .secrets
        .iter()
        .filter(|(at, secret)| secret.account == account.name.as_str() && !wishes.contains(at))
        .map(|(at, secret)| (at.clone(), secret.clone()))
        .collect();
    for (secret, seen) in unwanted {
        let user = ManifestRef::namespaced(ManifestKind::TenantUser, &secret.namespace, &seen.owner_name);
        let life = account.draft.wanted.manifests.get(&user);
        if life.is_some_and(|life| life.held && !life.deleting) {
            continue;
        }
        // Let go while the account was only observed: its user is an orphan, and this is the only copy of its key.
        if life.is_none() && seen.owner_uid.is_empty() && account.draft.wanted.life != Life::Deleting {
            continue;
        }
        let subject = account.draft.subject_of_secret(&secret, &seen);
        // The Secret tells of the key or the login: it goes last, so that a crash between the two forgets nothing.
        let credentials: Vec<usize> = account
            .draft
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.subject == subject && is_end_of_credential(&step.action))
            .map(|(index, _)| index)
            .collect();
        account.draft.end_of_secret(&credentials, account.name, &subject, &secret, &seen);
    }
}

fn is_end_of_credential(action: &Action) -> bool {
    let Action::Cloud { action, .. } = action else { return false };
    matches!(action, CloudAction::DeleteKey { .. } | CloudAction::DeleteLogin(_))
}

/// Whether the Secret is another user's of the same tenant; it is said then, and nothing is written over it.
pub(super) fn is_anothers(account: &mut Account<'_, '_, '_>, owner: &ManifestRef, secret: &SecretTarget) -> bool {
    let seen = account.cluster.secrets.get(secret);
    let Some(other) = seen.map(|seen| seen.owner_name.clone()).filter(|name| *name != owner.name) else { return false };
    let message = format!(
        "Secret {}/{} is that of TenantUser {other}. Nothing was changed. Give one of the two another accessKey.secretName.",
        secret.namespace, secret.name
    );
    account.refuse(owner, Class::NotOwned, message);
    true
}
