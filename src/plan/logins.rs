//! The plan for a user's console login: a password that the Secret held first, and no login that no manifest asks for.
//!
//! No bulk call shows logins. Until one is read in its turn, a Secret that says that its password is in force is
//! believed. The Secret is written first and says so last, so a crash in between is seen and put right.

use super::account::Account;
use super::{Action, Rank, secrets};
use crate::model::{CloudAction, ClusterAction, Login, LoginWish, Read, SecretSeen, User, WantedUser};
use crate::names::ManifestRef;

pub(super) fn plan(account: &mut Account<'_, '_, '_>, user: &User, wanted: &WantedUser) {
    let owner = &wanted.owner;
    match &wanted.login {
        Some(wish) if wish.inactive => switch_off(account, user, owner, wish),
        Some(wish) => keep(account, user, owner, wish),
        None if account.draft.is_paused(owner) => {}
        None => {
            if may_be_there(account, user, owner) {
                let theirs = !told_of(account, owner);
                account.take_away(owner, CloudAction::DeleteLogin(user.name.clone()), theirs);
            }
        }
    }
}

/// Whether a login is there, as far as is known without a call: read, or told of by a Secret of ours.
pub(super) fn may_be_there(account: &Account<'_, '_, '_>, user: &User, owner: &ManifestRef) -> bool {
    user.login.map_or_else(|| told_of(account, owner), |login| login == Login::On)
}

/// Whether a Secret of ours tells of a login; one that none tells of was made by hand.
fn told_of(account: &Account<'_, '_, '_>, owner: &ManifestRef) -> bool {
    secrets::of(account, owner).any(|(_, secret)| secret.login.is_some())
}

fn keep(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, wish: &LoginWish) {
    if user.login != Some(Login::Off) && secrets::unread(account, owner, &wish.secret) {
        return;
    }
    if secrets::is_anothers(account, owner, &wish.secret) {
        return;
    }
    let cluster = account.cluster;
    // One without an owner was let go while the account was only observed, and holds the password all the same.
    let owned = |secret: &&SecretSeen| secret.owner_uid == wish.owner_uid || secret.owner_uid.is_empty();
    let secret = cluster.secrets.get(&wish.secret).filter(owned);
    let note = secret.and_then(|secret| secret.login.as_ref());
    let asked = wish.reset.is_some() && note.and_then(|note| note.reset.as_ref()) != wish.reset.as_ref();
    match (note, user.login) {
        (Some(_), _) | (None, Some(_)) if asked => issue(account, user, owner, wish, true),
        (Some(note), login) if !note.in_force || login == Some(Login::Off) => issue(account, user, owner, wish, false),
        (Some(_), _) => {}
        (None, Some(Login::Off)) => issue(account, user, owner, wish, true),
        // Its Secret was deleted: whoever did so has the password, and perhaps another one by now.
        (None, Some(Login::On)) => {}
        (None, None) => account.draft.read(account.name, Read::Login(user.name.clone())),
    }
}

fn issue(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, wish: &LoginWish, fresh: bool) {
    let (name, user, wish) = (account.name.clone(), user.name.clone(), wish.clone());
    let action = Action::IssueLogin { account: name, user, wish, fresh };
    account.draft.step(owner, Rank::Change, action, Vec::new());
}

/// The login goes, and the Secret says so: undone, the same password is put in force again.
fn switch_off(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef, wish: &LoginWish) {
    let cluster = account.cluster;
    let secret = cluster.secrets.get(&wish.secret);
    let in_force = secret.filter(|secret| secret.login.as_ref().is_some_and(|note| note.in_force));
    let deleted = match (user.login, secret) {
        (Some(Login::On), _) => delete(account, user, owner),
        (None, Some(_)) if in_force.is_some() => delete(account, user, owner),
        (None, None) => {
            account.draft.read(account.name, Read::Login(user.name.clone()));
            None
        }
        _ => None,
    };
    if let Some(seen) = in_force {
        let (secret, uid) = (wish.secret.clone(), seen.uid.clone());
        let action = Action::Cluster(ClusterAction::NoteLogin { secret, uid, in_force: false });
        account.draft.step_after(deleted.as_slice(), owner, Rank::Revoke, action, Vec::new());
    }
}

fn delete(account: &mut Account<'_, '_, '_>, user: &User, owner: &ManifestRef) -> Option<usize> {
    account.step(owner, Rank::Revoke, CloudAction::DeleteLogin(user.name.clone()), Vec::new())
}

#[cfg(test)]
mod tests;
