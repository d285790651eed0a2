//! The plan for a user whose manifest is refused: what it has stays, but it can be suspended, expire and come back.

use super::account::{Account, Standing};
use super::conduct::OWN_INLINE;
use super::{Rank, keys, logins};
use crate::model::{CloudAction, ObjectId, WantedUser};
use crate::policy::{Document, Effect};

impl Account<'_, '_, '_> {
    /// Only what takes access away, and what undoes that.
    pub(super) fn stand_still(&mut self, object: &ObjectId, wanted: &WantedUser) {
        if !matches!(self.standing(object, &wanted.owner), Standing::Ours) {
            return;
        }
        let Some(seen) = self.inventory.users.get(&object.name).cloned() else { return };
        for (name, document) in wanted.inline.iter().filter(|(_, document)| only_denies(document)) {
            if !seen.inline.get(name).is_some_and(|seen| seen.same_meaning(document)) {
                let action =
                    CloudAction::PutInline { of: object.clone(), name: name.clone(), document: document.clone() };
                self.step(&wanted.owner, Rank::Revoke, action, Vec::new());
            }
        }
        let over =
            seen.inline.iter().filter(|(name, document)| only_denies(document) && !wanted.inline.contains_key(*name));
        let over = over.filter(|(name, _)| name.starts_with(OWN_INLINE));
        let over: Vec<String> = over.map(|(name, _)| name.clone()).collect();
        self.drop_inline(object, &wanted.owner, over);
        // A key or a login that is not there yet is not made.
        let is_there = |secret| self.cluster.secrets.contains_key(secret);
        let key = wanted.key.as_ref().is_some_and(|wish| wish.inactive || is_there(&wish.secret));
        let login = wanted.login.as_ref().is_some_and(|wish| wish.inactive || is_there(&wish.secret));
        if key {
            keys::plan(self, &seen, wanted);
        }
        if login {
            logins::plan(self, &seen, wanted);
        }
    }
}

fn only_denies(document: &Document) -> bool {
    document.statements.iter().all(|statement| statement.effect == Effect::Deny)
}
