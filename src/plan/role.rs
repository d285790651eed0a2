//! The plan for a cloud role: who may assume it, what it carries, and the Deny that a suspension puts on it.

use std::collections::{BTreeMap, BTreeSet};

use super::Rank;
use super::account::{Account, Standing, last_part};
use super::conduct::OWN_INLINE;
use crate::model::{CloudAction, ObjectId, ObjectKind, Role, RoleAction, SESSION_SECONDS, Tags, WantedRole};
use crate::names::{CloudName, ManifestRef};
use crate::policy::{self, Document};

impl Account<'_, '_, '_> {
    pub(super) fn role(&mut self, name: &CloudName, claims: &[WantedRole]) {
        let object = ObjectId::role(name);
        self.claimed.insert(object.clone());
        let Some(wanted) = self.choose(&object, claims, |claim| &claim.owner) else { return };
        if wanted.only_still {
            return self.role_stands_still(&object, wanted);
        }
        match self.standing(&object, &wanted.owner) {
            Standing::Other => {}
            Standing::Adoptable => self.tags(&object, &wanted.owner, &Tags::new(), &wanted.tags),
            Standing::Absent => {
                if !self.has_room(&wanted.owner, "Roles", &object)
                    || !self.has_boundary(&wanted.owner, wanted.boundary.as_deref())
                {
                    return;
                }
                let role = Role {
                    name: name.clone(),
                    path: wanted.path.clone(),
                    arn: self.inventory.arn(ObjectKind::Role, &wanted.path, name),
                    tags: wanted.tags.clone(),
                    trust: Some(wanted.trust.clone()),
                    session_seconds: Some(SESSION_SECONDS),
                    boundary: wanted.boundary.clone(),
                    attached: BTreeSet::new(),
                    inline: BTreeMap::new(),
                };
                let mut detail = Vec::new();
                if !self.inventory.is_ram() {
                    detail.push(format!("path {}", wanted.path));
                }
                detail.extend(wanted.boundary.iter().map(|arn| format!("boundary {}", last_part(arn))));
                let action = CloudAction::Role(RoleAction::Create(role.clone()));
                self.step(&wanted.owner, Rank::Change, action, detail);
                self.role_hangings(&role, wanted);
            }
            Standing::Ours => {
                let Some(seen) = self.inventory.roles.get(name).cloned() else { return };
                self.tags(&object, &wanted.owner, &seen.tags, &wanted.tags);
                if seen.boundary != wanted.boundary && self.has_boundary(&wanted.owner, wanted.boundary.as_deref()) {
                    let boundary = wanted.boundary.clone();
                    let detail = vec![format!("boundary {}", boundary.as_deref().map_or("none", last_part))];
                    let action = CloudAction::SetBoundary { of: object.clone(), boundary };
                    self.step(&wanted.owner, Rank::Repair, action, detail);
                }
                if seen.session_seconds.is_some_and(|seconds| seconds != SESSION_SECONDS) {
                    let action = RoleAction::SetSession { role: name.clone(), seconds: SESSION_SECONDS };
                    let detail = vec![format!("sessions of {SESSION_SECONDS} s")];
                    self.step(&wanted.owner, Rank::Repair, CloudAction::Role(action), detail);
                }
                if self.is_known(&object) {
                    self.trust(&seen, wanted);
                    self.role_hangings(&seen, wanted);
                }
            }
        }
    }

    /// Who trusts whom is a right like any other: what no manifest says goes at once.
    fn trust(&mut self, seen: &Role, wanted: &WantedRole) {
        if seen.trust.as_ref().is_some_and(|trust| trust.same_meaning(&wanted.trust)) {
            return;
        }
        let detail = seen.trust.iter().flat_map(|seen| policy::diff(seen, &wanted.trust)).collect();
        let action = RoleAction::SetTrust { role: seen.name.clone(), trust: wanted.trust.clone() };
        self.step(&wanted.owner, Rank::Revoke, CloudAction::Role(action), detail);
    }

    fn role_hangings(&mut self, seen: &Role, wanted: &WantedRole) {
        let object = ObjectId::role(&seen.name);
        self.inline(&object, &wanted.owner, &seen.inline, &wanted.inline);
        self.attachments(&object, &wanted.owner, &seen.attached, &wanted.attached);
    }

    /// What it should be is not known: only what takes access away, and what undoes that.
    fn role_stands_still(&mut self, object: &ObjectId, wanted: &WantedRole) {
        if !matches!(self.standing(object, &wanted.owner), Standing::Ours) {
            return;
        }
        let Some(seen) = self.inventory.roles.get(&object.name).cloned() else { return };
        let denies = |inline: &BTreeMap<String, Document>| -> BTreeMap<String, Document> {
            let ours = inline.iter().filter(|(name, document)| name.starts_with(OWN_INLINE) && document.only_denies());
            ours.map(|(name, document)| (name.clone(), document.clone())).collect()
        };
        self.inline(object, &wanted.owner, &denies(&seen.inline), &denies(&wanted.inline));
    }

    pub(super) fn remove_role(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(role) = self.inventory.roles.get(name) else { return };
        let object = ObjectId::role(name);
        for arn in &role.attached {
            let action = CloudAction::Detach { from: object.clone(), arn: arn.clone() };
            self.step(subject, Rank::Revoke, action, Vec::new());
        }
        self.drop_inline(&object, subject, role.inline.keys().cloned().collect());
        self.step(subject, Rank::Revoke, CloudAction::Role(RoleAction::Delete(name.clone())), Vec::new());
    }
}
