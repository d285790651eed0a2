//! The plan for a user's access keys: one usable key whose secret half is in the Secret, and no other for long.
//!
//! A key whose secret half is not in our Secret is garbage, as the cloud shows it once. When it goes depends on where
//! it can have come from: a crash between making it and writing it (young, nobody ever had it: at once), a Secret that
//! was lost (the new key first, then the old one), a rotation or a Secret restored from a backup (it may still be in
//! use: inactive once it was not used for `overlap`, deleted after another), somebody's hand (inactive at once, deleted
//! after `overlap`).
//!
//! Nothing of this is remembered: the keys' ages and last uses tell how far each has come.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::{Action, KeyInUse, Rank, restarts, secrets};
use crate::model::{AccessKey, Class, CloudAction, KeyWish, Read, SecretSeen, User, WantedUser};
use crate::names::ManifestRef;

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
    let cluster = account.cluster;
    let secret = cluster.secrets.get(&wish.secret);
    if secrets::is_anothers(account, owner, &wish.secret) {
        return;
    }
    let ours = secret.filter(|secret| secret.owner_uid == wish.owner_uid);
    let in_secret = ours.and_then(|secret| Some((secret, secret.key_id.as_ref()?)));
    let Some(keys) = &user.keys else {
        // A key id on a whole Secret is trusted until the keys are read in turn.
        match in_secret {
            Some((secret, id)) if !moves(account, wish, secret) => restarts::plan(account, owner, wish, secret, id),
            _ => account.draft.read(account.name, Read::Keys(user.name.clone())),
        }
        return;
    };
    if !keys.is_empty() && secrets::unread(account, owner, &wish.secret) {
        return;
    }
    let held = in_secret.and_then(|(secret, id)| Some((secret, keys.iter().find(|key| key.id == *id)?)));
    let others: Vec<&AccessKey> = keys.iter().filter(|key| held.is_none_or(|(_, held)| held.id != key.id)).collect();
    match held {
        Some((secret, held)) => {
            if !held.active {
                set_active(account, user, owner, &held.id, true, &[]);
            }
            if !account.draft.is_paused(owner) {
                restarts::plan(account, owner, wish, secret, &held.id);
                retire(account, user, owner, wish, (secret, held), &others);
                if others.is_empty() {
                    rotate(account, user, owner, wish, held);
                }
            }
        }
        None => issue(account, user, owner, wish, &others, secret.is_some()),
    }
}

/// Whether a rotation is due or under way, so that more must be known than what the Secret tells.
fn moves(account: &mut Account<'_, '_, '_>, wish: &KeyWish, secret: &SecretSeen) -> bool {
    let Some(after) = wish.rotate_after_seconds else { return false };
    let Some(created) = secret.key_created else { return true };
    let due = later(created, after);
    let overlaps = later(created, wish.overlap_seconds.saturating_mul(3));
    let now = account.draft.now;
    if now >= due || now < overlaps {
        return true;
    }
    account.draft.due_at(due);
    false
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
    let mut first: Vec<usize> = Vec::new();
    let mut left: Vec<&AccessKey> = Vec::new();
    let reported = account.reports_extras();
    if reported {
        // Nothing tells a key that a crash left from one that somebody just made: both stay.
        tell(account, user, owner, others.iter().map(|key| key.id.clone()));
        if others.len() >= KEYS_MAX {
            let cloud = if account.inventory.is_ram() { "RAM" } else { "IAM" };
            let message = format!(
                "no key was made: {} has {KEYS_MAX} access keys that no manifest asks for, and {cloud} allows no more. Delete one of them.",
                user.name
            );
            return account.refuse(owner, Class::QuotaExceeded, message);
        }
    }
    for key in others.iter().filter(|_| !reported) {
        if is_young(key, now) {
            first.extend(delete(account, user, owner, &key.id, &[]));
        } else {
            left.push(key);
        }
    }
    // An inactive key is of no use to anyone: it makes room before one that may be.
    left.sort_by_key(|key| (key.active, key.created));
    while left.len() >= KEYS_MAX {
        let gone = left.remove(0);
        first.extend(delete(account, user, owner, &gone.id, &[]));
    }
    let Some(issued) = issue_after(account, &first, user, owner, wish, None) else { return };
    if !published {
        for key in left {
            let inactive = set_active(account, user, owner, &key.id, false, &[issued]);
            delete(account, user, owner, &key.id, inactive.as_slice());
        }
    }
}

fn issue_after(
    account: &mut Account<'_, '_, '_>,
    needs: &[usize],
    user: &User,
    owner: &ManifestRef,
    wish: &KeyWish,
    replaces: Option<&AccessKey>,
) -> Option<usize> {
    let detail = replaces.map(|key| format!("replaces {}", key.id)).into_iter().collect();
    let action = Action::IssueKey {
        account: account.name.clone(),
        user: user.name.clone(),
        wish: wish.clone(),
        replaces: replaces.map(|key| key.id.clone()),
    };
    account.draft.step_after(needs, owner, Rank::Change, action, detail)
}

/// A key that is old enough is replaced, once there is no other beside it.
fn rotate(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, wish: &KeyWish, held: &AccessKey) {
    let Some(after) = wish.rotate_after_seconds else { return };
    let due = later(held.created, after);
    if account.draft.now < due {
        account.draft.due_at(due);
    } else {
        issue_after(account, &[], user, owner, wish, Some(held));
    }
}

/// Keys beside the one in the Secret.
fn retire(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    wish: &KeyWish,
    (secret, held): (&SecretSeen, &AccessKey),
    others: &[&AccessKey],
) {
    let now = account.draft.now;
    let replaced = |key: &AccessKey| secret.replaces.as_ref() == Some(&key.id);
    let (theirs, others): (Vec<&AccessKey>, Vec<&AccessKey>) =
        others.iter().partition(|key| account.reports_extras() && !replaced(key));
    tell(account, user, owner, theirs.into_iter().map(|key| key.id.clone()));
    for key in others {
        // No rotation leaves an older key in the Secret: this one was left by a crash, or made by hand.
        let unasked = key.created >= held.created;
        if unasked && is_young(key, now) {
            delete(account, user, owner, &key.id, &[]);
        } else if unasked && key.active {
            set_active(account, user, owner, &key.id, false, &[]);
        } else if key.active {
            await_disuse(account, user, owner, wish, held, key);
        } else {
            let (since, overlaps) = if unasked { (key.created, 1) } else { (held.created, 2) };
            let gone = later(last_use(key).max(since), wish.overlap_seconds.saturating_mul(overlaps));
            if now < gone {
                account.draft.due_at(gone);
            } else if key.last_use.is_none() {
                ask_last_use(account, user, key);
            } else {
                delete(account, user, owner, &key.id, &[]);
            }
        }
    }
}

/// A key that was replaced is made inactive when it was not used for `overlap`, counted from when the new one was
/// published at the earliest.
fn await_disuse(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    wish: &KeyWish,
    held: &AccessKey,
    key: &AccessKey,
) {
    let now = account.draft.now;
    let unused = later(last_use(key).max(held.created), wish.overlap_seconds);
    if now < unused {
        account.draft.due_at(unused);
        if now >= later(held.created, wish.overlap_seconds) {
            let service = key.last_use.as_ref().and_then(|told| told.service.clone());
            let (subject, id) = (owner.clone(), key.id.clone());
            account.draft.in_use.insert(KeyInUse { subject, account: account.name.clone(), id, service });
        }
    } else if key.last_use.as_ref().is_some_and(|told| told.asked >= unused) {
        set_active(account, user, owner, &key.id, false, &[]);
    } else {
        ask_last_use(account, user, key);
    }
}

fn ask_last_use(account: &mut Account<'_, '_, '_>, user: &User, key: &AccessKey) {
    account.draft.read(account.name, Read::LastUse { user: user.name.clone(), id: key.id.clone() });
}

/// When it was last used as far as is known; the beginning of time where it never was.
fn last_use(key: &AccessKey) -> Timestamp {
    key.last_use.as_ref().and_then(|told| told.at).unwrap_or(Timestamp::MIN)
}

fn is_young(key: &AccessKey, now: Timestamp) -> bool {
    now.duration_since(key.created) < CRASH_LEFT
}

/// A moment so many seconds later, or the end of time.
fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

fn remove_all(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef) {
    let ours: BTreeSet<String> = secrets::of(account, owner).filter_map(|(_, secret)| secret.key_id.clone()).collect();
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
) -> Option<usize> {
    let rank = if active { Rank::Repair } else { Rank::Revoke };
    let action = CloudAction::SetKeyActive { user: user.name.clone(), id: id.to_owned(), active };
    let action = Action::Cloud { account: account.name.clone(), action };
    account.draft.step_after(needs, owner, rank, action, Vec::new())
}

fn delete(
    account: &mut Account<'_, '_, '_>,
    user: &User,
    owner: &ManifestRef,
    id: &str,
    needs: &[usize],
) -> Option<usize> {
    let action = CloudAction::DeleteKey { user: user.name.clone(), id: id.to_owned() };
    let action = Action::Cloud { account: account.name.clone(), action };
    account.draft.step_after(needs, owner, Rank::Revoke, action, Vec::new())
}

/// The ids of a user's keys as far as they are known without a call: read, or noted on a Secret of ours.
pub(super) fn known_ids(account: &Account<'_, '_, '_>, user: &User, owner: &ManifestRef) -> BTreeSet<String> {
    match &user.keys {
        Some(keys) => keys.iter().map(|key| key.id.clone()).collect(),
        None => secrets::of(account, owner).filter_map(|(_, secret)| secret.key_id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
