//! The plan for a user's access keys: one usable key whose secret half is in the Secret, and no other.
//!
//! A key whose secret half is not in our Secret is garbage, as the cloud shows it once. When it goes depends on where
//! it can have come from: a crash between making it and writing it (young, nobody ever had it: at once), a Secret that
//! was lost (the new key first, then the old one), a Secret restored from a backup (it may still be in use: inactive
//! after `overlap`, deleted after another).

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::account::Account;
use super::{Action, Rank};
use crate::model::{
    AccessKey, Class, CloudAction, KeyWish, Life, Read, SecretSeen, SecretTarget, User, WantedAccount, WantedUser,
};
use crate::names::{ManifestKind, ManifestRef};

/// IAM allows two access keys a user, active or not (IAM user guide, quotas).
const KEYS_MAX: usize = 2;
/// A key that is younger and not in the Secret was left by a crash: nobody ever saw its secret half.
const CRASH_LEFT: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn plan(account: &mut Account<'_, '_, '_>, user: &User, wanted: &WantedUser) {
    let owner = &wanted.owner;
    match &wanted.key {
        Some(wish) => keep_one(account, user, owner, wish),
        None => remove_all(account, user, owner),
    }
}

fn keep_one(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, wish: &KeyWish) {
    if wish.inactive {
        let active = user.keys.iter().flatten().filter(|key| key.active);
        for id in active.map(|key| key.id.clone()).collect::<Vec<_>>() {
            set_active(account, user, owner, &id, false, &[]);
        }
        if user.keys.is_none() {
            account.draft.read(account.name, Read::Keys(user.name.clone()));
        }
        return;
    }
    let secret = account.cluster.secrets.get(&wish.secret);
    let in_secret = secret.filter(|secret| secret.owner_uid == wish.owner_uid).and_then(|secret| secret.key_id.clone());
    let Some(keys) = &user.keys else {
        // A key id on a whole Secret is trusted until the keys are read in turn.
        if in_secret.is_none() {
            account.draft.read(account.name, Read::Keys(user.name.clone()));
        }
        return;
    };
    let known = account.cluster.secrets_known.contains(&wish.secret.namespace);
    if secret.is_none() && !known && !keys.is_empty() {
        let message = format!("the Secrets of namespace {} were not read yet", wish.secret.namespace);
        account.refuse(owner, Class::Waiting, message);
        return;
    }
    let held = in_secret.and_then(|id| keys.iter().find(|key| key.id == id));
    let others: Vec<&AccessKey> = keys.iter().filter(|key| held.is_none_or(|held| held.id != key.id)).collect();
    match held {
        Some(held) => {
            if !held.active {
                set_active(account, user, owner, &held.id, true, &[]);
            }
            retire(account, user, owner, wish, held, &others);
        }
        None => issue(account, user, owner, wish, &others, secret.is_some()),
    }
}

/// A new key, with room made for it; `published` says whether a Secret is there, which may be in use.
fn issue(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    wish: &KeyWish,
    others: &[&AccessKey],
    published: bool,
) {
    let now = account.draft.now;
    let young = |key: &AccessKey| now.duration_since(key.created) < CRASH_LEFT;
    let mut first: Vec<usize> = Vec::new();
    let mut left: Vec<&AccessKey> = Vec::new();
    let reported = account.reports_extras();
    if reported {
        // Nothing tells a key that a crash left from one that somebody just made: both stay.
        tell(account, user, owner, others.iter().map(|key| key.id.clone()));
        if others.len() >= KEYS_MAX {
            let message = format!(
                "no key was made: {} has {KEYS_MAX} access keys that no manifest asks for, and IAM allows no more. Delete one of them.",
                user.name
            );
            return account.refuse(owner, Class::QuotaExceeded, message);
        }
    }
    for key in others.iter().filter(|_| !reported) {
        if young(key) {
            first.push(delete(account, user, owner, &key.id, &[]));
        } else {
            left.push(key);
        }
    }
    // An inactive key is of no use to anyone: it makes room before one that may be.
    left.sort_by_key(|key| (key.active, key.created));
    while left.len() >= KEYS_MAX {
        let gone = left.remove(0);
        first.push(delete(account, user, owner, &gone.id, &[]));
    }
    let index = account.draft.steps.len();
    let action = Action::IssueKey { account: account.name.clone(), user: user.name.clone(), wish: wish.clone() };
    account.draft.step(owner, Rank::Change, action, Vec::new());
    let Some(step) = account.draft.steps.get_mut(index) else { return };
    step.needs.extend(first);
    if !published {
        for key in left {
            let inactive = set_active(account, user, owner, &key.id, false, &[index]);
            delete(account, user, owner, &key.id, &[inactive]);
        }
    }
}

/// Keys beside the one in the Secret.
fn retire(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    wish: &KeyWish,
    held: &AccessKey,
    others: &[&AccessKey],
) {
    if account.reports_extras() {
        return tell(account, user, owner, others.iter().map(|key| key.id.clone()));
    }
    let now = account.draft.now;
    let overlap = SignedDuration::from_secs(wish.overlap_seconds);
    let since_published = now.duration_since(held.created);
    for key in others {
        let left_by_crash = key.created >= held.created && now.duration_since(key.created) < CRASH_LEFT;
        if left_by_crash || (!key.active && since_published >= overlap * 2) {
            delete(account, user, owner, &key.id, &[]);
        } else if key.active && since_published >= overlap {
            set_active(account, user, owner, &key.id, false, &[]);
        }
    }
}

fn remove_all(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef) {
    let ours: BTreeSet<String> = secrets_of(account, owner).filter_map(|(_, secret)| secret.key_id.clone()).collect();
    let known = known_ids(account, user, owner);
    let (ours, theirs): (Vec<String>, Vec<String>) =
        known.into_iter().partition(|id| !account.reports_extras() || ours.contains(id));
    for id in ours {
        delete(account, user, owner, &id, &[]);
    }
    tell(account, user, owner, theirs.into_iter());
}

/// Keys that are in no Secret of ours and that the account's `extras: Report` leaves alone.
fn tell(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, ids: impl Iterator<Item = String>) {
    for id in ids {
        account.take_away(owner, CloudAction::DeleteKey { user: user.name.clone(), id }, true);
    }
}

fn set_active(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    id: &str,
    active: bool,
    needs: &[usize],
) -> usize {
    let rank = if active { Rank::Repair } else { Rank::Revoke };
    let action = CloudAction::SetKeyActive { user: user.name.clone(), id: id.to_owned(), active };
    push(account, owner, rank, action, needs)
}

fn delete(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, id: &str, needs: &[usize]) -> usize {
    let action = CloudAction::DeleteKey { user: user.name.clone(), id: id.to_owned() };
    push(account, owner, Rank::Revoke, action, needs)
}

fn push(
    account: &mut Account<'_, '_, '_>,
    owner: &ManifestRef,
    rank: Rank,
    action: CloudAction,
    needs: &[usize],
) -> usize {
    let index = account.draft.steps.len();
    account.step(owner, rank, action, Vec::new());
    if let Some(step) = account.draft.steps.get_mut(index) {
        step.needs.extend(needs);
    }
    index
}

/// The ids of a user's keys as far as they are known without a call: read, or noted on a Secret of ours.
pub(super) fn known_ids(account: &Account<'_, '_, '_>, user: &User, owner: &ManifestRef) -> BTreeSet<String> {
    match &user.keys {
        Some(keys) => keys.iter().map(|key| key.id.clone()).collect(),
        None => secrets_of(account, owner).filter_map(|(_, secret)| secret.key_id.clone()).collect(),
    }
}

fn secrets_of<'s>(
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

/// A Secret for this account that no wish names goes: the key was taken out, moved to another name, or its user went.
pub(super) fn remove_unwanted_secrets(account: &mut Account<'_, '_, '_>, target: &WantedAccount) {
    let wishes: BTreeSet<&SecretTarget> =
        target.users.values().flatten().filter_map(|user| user.key.as_ref()).map(|wish| &wish.secret).collect();
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
        // The Secret notes the key's id: it goes last, so that a crash between the two forgets no key.
        let keys: Vec<usize> = account
            .draft
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| {
                step.subject == subject
                    && matches!(&step.action, Action::Cloud { action: CloudAction::DeleteKey { .. }, .. })
            })
            .map(|(index, _)| index)
            .collect();
        let (name, draft) = (account.name, &mut *account.draft);
        let index = draft.end_of_secret(name, &subject, &secret, &seen);
        if let Some(step) = index.and_then(|index| draft.steps.get_mut(index)) {
            step.needs.extend(keys);
        }
    }
}
