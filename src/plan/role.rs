//! The plan for a cloud role: who may assume it, what it carries, and the Deny that a suspension puts on it.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Account, Standing, last_part};
use super::conduct::OWN_INLINE;
use super::{Action, Draft, Rank};
use crate::model::{
    Class, CloudAction, ClusterAction, ObjRef, ObjectId, ObjectKind, Read, Role, RoleAction, SESSION_SECONDS, Tags,
    WantedRole,
};
use crate::names::{ADOPT, CloudName, ManifestRef, TAG_TENANT};
use crate::policy::{self, Document};

impl Account<'_, '_, '_> {
    pub(super) fn role(&mut self, name: &CloudName, claims: &[WantedRole]) {
        let object = ObjectId::role(name);
        let away = |claim: &WantedRole| claim.pod.as_ref().is_some_and(|pod| !self.is_own_namespace(pod));
        if claims.iter().all(away) {
            // Whoever has that namespace could make the ServiceAccount that opens it.
            return;
        }
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

    /// Whether a ServiceAccount's namespace is the tenant's, or is to be made for it.
    fn is_own_namespace(&self, pod: &ObjRef) -> bool {
        let tenant = self.draft.wanted.tenant.as_str();
        let seen = pod.namespace.as_ref().and_then(|name| self.cluster.namespaces.get(name));
        seen.is_none_or(|seen| match seen.labels.get(TAG_TENANT) {
            Some(label) => label == tenant,
            None => seen.annotations.get(ADOPT).is_some_and(|adopt| adopt == tenant),
        })
    }

    /// Whether the boundary can be set. One that we keep ourselves must be there first: nobody is ever without it.
    pub(super) fn has_boundary(&mut self, subject: &ManifestRef, boundary: Option<&str>) -> bool {
        let Some(arn) = boundary else { return true };
        let cluster = &self.inventory.cluster;
        let ours = arn.contains(&format!(":policy{}", crate::names::cluster_path(cluster)));
        let there = self.inventory.policies.values().any(|policy| policy.arn == arn);
        if ours && !there {
            let message = format!("waits for the boundary {}, which its CloudAccount makes", last_part(arn));
            self.refuse(subject, Class::Waiting, message);
        }
        !ours || there
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
        // What was not read yet is asked for whatever statuses say: a suspension must not wait.
        if self.inventory.is_unread(object) {
            self.draft.read(self.name, Read::Object(object.clone()));
            return;
        }
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

/// Has the roles of ServiceAccounts made after these: where one of that name is somebody else's, its role is not made.
pub(super) fn behind_their_pods(draft: &mut Draft<'_>) {
    let wanted = draft.wanted;
    let pod_of = |action: &Action| match action {
        Action::Cloud { account, action: CloudAction::Role(RoleAction::Create(role)) } => {
            let claims = wanted.accounts.get(account)?.roles.get(&role.name)?;
            claims.iter().find_map(|claim| claim.pod.clone())
        }
        _ => None,
    };
    let makes = |action: &Action, pod: &ObjRef| matches!(action, Action::Cluster(ClusterAction::Create(object)) if object.at == *pod);
    let mut needs: Vec<(usize, usize)> = Vec::new();
    for (index, step) in draft.steps.iter().enumerate() {
        let Some(pod) = pod_of(&step.action) else { continue };
        needs.extend(draft.steps.iter().position(|step| makes(&step.action, &pod)).map(|at| (index, at)));
    }
    for (index, at) in needs {
        draft.steps[index].needs.insert(at);
    }
}
