//! The plan for a user whose manifest is refused: what it has stays, but it can be suspended, expire and come back.

use std::collections::BTreeMap;

use super::account::{Account, Standing};
use super::conduct::OWN_INLINE;
use super::{keys, logins};
use crate::model::{ObjectId, Read, WantedUser};
use crate::policy::Document;

impl Account<'_, '_, '_> {
    /// Only what takes access away, and what undoes that.
    pub(super) fn stand_still(&mut self, object: &ObjectId, wanted: &WantedUser) {
        if !matches!(self.standing(object, &wanted.owner), Standing::Ours) {
            return;
        }
        let Some(seen) = self.inventory.users.get(&object.name).cloned() else { return };
        let denies = |inline: &BTreeMap<String, Document>| -> BTreeMap<String, Document> {
            let ours = inline.iter().filter(|(name, document)| name.starts_with(OWN_INLINE) && document.only_denies());
            ours.map(|(name, document)| (name.clone(), document.clone())).collect()
        };
        // What was not read yet is asked for here whatever statuses say: a suspension must not wait.
        if self.inventory.is_unread(object) {
            self.draft.read(self.name, Read::Object(object.clone()));
        } else {
            self.inline(object, &wanted.owner, &denies(&seen.inline), &denies(&wanted.inline));
        }
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

#[cfg(test)]
mod tests;
