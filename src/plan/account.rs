//! The plan for one account: groups, policies, users and what hangs between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Draft, Rank, claims, keys, logins, max_compute, secrets, workspace};
use crate::model::{
    Class, CloudAction, ClusterState, Group, Inventory, Login, ManifestLife, ObjectId, ObjectKind, Policy, PolicyRef,
    Read, Refusal, Tags, User, WantedAccount, WantedGroup, WantedPolicy, WantedUser,
};
use crate::names::{AccountName, CloudName, ManifestRef, Mark};
use crate::policy::{self, Document};

/// Where a wanted object stands.
pub(super) enum Standing {
    /// There is none.
    Absent,
    /// It is there and ours.
    Ours,
    /// It is there and not ours to touch, or it must be read first; both were noted.
    Other,
    /// It is there, carries no mark, and the manifest may take it over.
    Adoptable,
}

pub(super) struct Account<'d, 'a, 'w> {
    pub(super) draft: &'d mut Draft<'w>,
    pub(super) name: &'a AccountName,
    pub(super) inventory: &'a Inventory,
    pub(super) cluster: &'a ClusterState,
    /// Objects that a manifest wants, whether they are there or not.
    pub(super) claimed: BTreeSet<ObjectId>,
}

pub(super) fn plan(draft: &mut Draft<'_>, name: &AccountName, inventory: &Inventory, cluster: &ClusterState) {
    let wanted = draft.wanted;
    let nothing = WantedAccount::default();
    let target = wanted.accounts.get(name).unwrap_or(&nothing);
    let (target, waiting) = workspace::with_workspace(target, inventory);
    let target = claims::with_one_claim_each(target, inventory, &wanted.tenant);
    let mut account = Account { draft, name, inventory, cluster, claimed: BTreeSet::new() };
    account.look_for_workspace();
    target.workspace.iter().for_each(|workspace| account.workspace(workspace));
    for (subject, policy) in waiting {
        account.wait_for_workspace(&subject, target.workspace.as_ref());
        account.claimed.insert(ObjectId::policy(&policy));
    }
    for (name, claims) in &target.policies {
        account.policy(name, claims);
    }
    for (name, claims) in &target.groups {
        account.group(name, claims);
    }
    for (name, claims) in &target.users {
        account.user(name, claims);
    }
    account.list_notebooks();
    for (name, claims) in &target.notebooks {
        account.notebook(name, claims, target.workspace.as_ref());
    }
    for (name, claims) in &target.roles {
        account.role(name, claims);
    }
    max_compute::plan(&mut account, &target);
    target.workspace.iter().for_each(|workspace| account.members(workspace));
    account.remove_unwanted();
    secrets::remove_unwanted(&mut account, &target);
}

impl Account<'_, '_, '_> {
    pub(super) fn step(
        &mut self,
        subject: &ManifestRef,
        rank: Rank,
        action: CloudAction,
        detail: Vec<String>,
    ) -> Option<usize> {
        self.draft.step(subject, rank, Action::Cloud { account: self.name.clone(), action }, detail)
    }

    pub(super) fn refuse(&mut self, subject: &ManifestRef, class: Class, message: String) {
        let account = Some(self.name.clone());
        self.draft.refusals.push(Refusal { subject: subject.clone(), account, class, message });
    }

    pub(super) fn life(&self, manifest: &ManifestRef) -> Option<&ManifestLife> {
        self.draft.wanted.manifests.get(manifest)
    }

    pub(super) fn standing(&mut self, object: &ObjectId, owner: &ManifestRef) -> Standing {
        let adopt = self.life(owner).is_some_and(|life| life.adopt);
        let known = match object.kind {
            ObjectKind::User => self.inventory.users.get(&object.name).map(|it| it.path.clone()),
            ObjectKind::Group => self.inventory.groups.get(&object.name).map(|it| it.path.clone()),
            ObjectKind::Policy => self.inventory.policies.get(&object.name).map(|it| it.path.clone()),
            ObjectKind::Notebook => None,
            ObjectKind::Role => self.inventory.roles.get(&object.name).map(|it| it.path.clone()),
            ObjectKind::MaxCompute => None,
            ObjectKind::Workspace => None,
        };
        if let Some(path) = known {
            let mark = self.inventory.mark(object);
            // Its description says whose it was made for, and only its tags whether it still is.
            let told = self.life(owner).is_some_and(|life| life.told);
            if self.is_unread(object) && (mark.is_none() || !told) {
                self.draft.read(self.name, Read::Tags(object.name.clone()));
                return Standing::Other;
            }
            let on_our_path = crate::names::tenant_of_path(&self.inventory.cluster, &path).is_some();
            return match mark {
                // Our mark on another path is ours only if the manifest says that it took the object over.
                Some(mark) if self.is_mark_of(&mark, owner) && (on_our_path || adopt) => Standing::Ours,
                None if adopt && self.is_anothers(&path) => self.beneath_another(object, owner, &path),
                None if adopt => Standing::Adoptable,
                mark => self.foreign(object, owner, mark.as_ref()),
            };
        }
        match self.inventory.others.get(object).cloned() {
            None => Standing::Absent,
            Some(stub) if !stub.mark_read && adopt => {
                self.draft.read(self.name, Read::Object(object.clone()));
                Standing::Other
            }
            Some(stub) if stub.mark.is_none() && adopt => {
                let path = path_of_arn(&stub.arn);
                if self.is_anothers(path) {
                    return self.beneath_another(object, owner, path);
                }
                Standing::Adoptable
            }
            Some(stub) => self.foreign(object, owner, stub.mark.as_ref()),
        }
    }

    /// Whether whose the object is was not looked for yet: a policy whose description says nothing may say it by its tags.
    pub(super) fn is_unread(&self, object: &ObjectId) -> bool {
        object.kind == ObjectKind::Policy
            && self.inventory.policies.get(&object.name).is_some_and(|policy| policy.tags.is_none())
    }

    /// Whether it is known what the object says and what hangs on it. Where it is not, it is read now, or in its turn if
    /// the statuses say that all was well.
    pub(super) fn is_known(&mut self, object: &ObjectId) -> bool {
        let unread = self.inventory.is_unread(object);
        if unread && (!self.draft.wanted.settled || self.inventory.has_moved(object)) {
            self.draft.read(self.name, Read::Object(object.clone()));
        }
        !unread
    }

    /// Whether a path is another tenant's, or another cluster's: what lies there without a mark was let go by them, and is
    /// theirs to have again.
    fn is_anothers(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix("/tenants/") else { return false };
        let mut parts = rest.split('/');
        let (cluster, tenant) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        cluster != self.inventory.cluster.as_str() || tenant != self.draft.wanted.tenant.as_str()
    }

    fn beneath_another(&mut self, object: &ObjectId, owner: &ManifestRef, path: &str) -> Standing {
        let message = format!(
            "{object} lies under {path}, which is not this tenant's: it cannot be taken over. Nothing was changed. Choose another name."
        );
        self.refuse(owner, Class::NotOwned, message);
        Standing::Other
    }

    pub(super) fn foreign(&mut self, object: &ObjectId, owner: &ManifestRef, mark: Option<&Mark>) -> Standing {
        let message = object.not_owned(mark, &self.inventory.cluster);
        self.refuse(owner, Class::NotOwned, message);
        Standing::Other
    }

    fn policy(&mut self, name: &CloudName, claims: &[WantedPolicy]) {
        let object = ObjectId::policy(name);
        self.claimed.insert(object.clone());
        let Some(wanted) = self.choose(&object, claims, |claim| &claim.owner) else { return };
        match self.standing(&object, &wanted.owner) {
            Standing::Other => {}
            Standing::Absent => {
                if self.has_room(&wanted.owner, "Policies", &object) {
                    let policy = Policy {
                        name: name.clone(),
                        path: wanted.path.clone(),
                        arn: self.inventory.arn(ObjectKind::Policy, &wanted.path, name),
                        description: wanted.description.clone(),
                        tags: Some(wanted.tags.clone()),
                        default_version: "v1".to_owned(),
                        old_versions: Vec::new(),
                        document: Some(wanted.document.clone()),
                    };
                    self.step(&wanted.owner, Rank::Change, CloudAction::CreatePolicy(policy), Vec::new());
                }
            }
            Standing::Adoptable => self.tags(&object, &wanted.owner, &Tags::new(), &wanted.tags),
            Standing::Ours => {
                let Some(seen) = self.inventory.policies.get(name) else { return };
                let same = seen.document.as_ref().is_some_and(|seen| seen.same_meaning(&wanted.document));
                if !same && self.is_known(&object) {
                    let mut detail = vec![format!("version {} → next", seen.default_version)];
                    detail.extend(seen.document.iter().flat_map(|seen| policy::diff(seen, &wanted.document)));
                    let document = wanted.document.clone();
                    let action = CloudAction::SetDocument { policy: name.clone(), document };
                    self.step(&wanted.owner, Rank::Change, action, detail);
                }
                if let Some(tags) = &seen.tags {
                    self.tags(&object, &wanted.owner, tags, &wanted.tags);
                }
            }
        }
    }

    fn group(&mut self, name: &CloudName, claims: &[WantedGroup]) {
        let object = ObjectId::group(name);
        self.claimed.insert(object.clone());
        let Some(wanted) = self.choose(&object, claims, |claim| &claim.owner) else { return };
        let attached = match self.standing(&object, &wanted.owner) {
            Standing::Other => return,
            Standing::Adoptable => {
                let action = CloudAction::MoveGroup { group: name.clone(), path: wanted.path.clone() };
                self.step(&wanted.owner, Rank::Change, action, Vec::new());
                return;
            }
            Standing::Absent => {
                if !self.has_room(&wanted.owner, "Groups", &object) {
                    return;
                }
                let group = Group {
                    name: name.clone(),
                    path: wanted.path.clone(),
                    attached: BTreeSet::new(),
                    inline: Default::default(),
                };
                self.step(&wanted.owner, Rank::Change, CloudAction::CreateGroup(group), Vec::new());
                BTreeSet::new()
            }
            Standing::Ours => {
                let Some(seen) = self.inventory.groups.get(name) else { return };
                let seen = seen.clone();
                if !self.is_known(&object) {
                    return;
                }
                self.inline(&object, &wanted.owner, &seen.inline, &BTreeMap::new());
                seen.attached
            }
        };
        self.attachments(&object, &wanted.owner, &attached, &wanted.attached);
    }

    fn user(&mut self, name: &CloudName, claims: &[WantedUser]) {
        let object = ObjectId::user(name);
        self.claimed.insert(object.clone());
        let Some(wanted) = self.choose(&object, claims, |claim| &claim.owner) else { return };
        if wanted.only_still {
            return self.stand_still(&object, wanted);
        }
        match self.standing(&object, &wanted.owner) {
            Standing::Other => {}
            Standing::Adoptable => self.tags(&object, &wanted.owner, &Tags::new(), &wanted.tags),
            Standing::Absent => {
                if !self.has_room(&wanted.owner, "Users", &object)
                    || !self.has_boundary(&wanted.owner, wanted.boundary.as_deref())
                {
                    return;
                }
                let user = User {
                    name: name.clone(),
                    path: wanted.path.clone(),
                    arn: self.inventory.arn(ObjectKind::User, &wanted.path, name),
                    id: None,
                    tags: wanted.tags.clone(),
                    profile: wanted.profile.clone(),
                    boundary: wanted.boundary.clone(),
                    groups: BTreeSet::new(),
                    attached: BTreeSet::new(),
                    inline: Default::default(),
                    keys: Some(Vec::new()),
                    login: Some(Login::Off),
                };
                let mut detail = Vec::new();
                if !self.inventory.is_ram() {
                    detail.push(format!("path {}", wanted.path));
                }
                detail.extend(wanted.boundary.iter().map(|arn| format!("boundary {}", last_part(arn))));
                self.step(&wanted.owner, Rank::Change, CloudAction::CreateUser(user.clone()), detail);
                self.user_edges(&user, wanted);
            }
            Standing::Ours => {
                let Some(seen) = self.inventory.users.get(name) else { return };
                let seen = seen.clone();
                self.tags(&object, &wanted.owner, &seen.tags, &wanted.tags);
                self.profile(&seen, wanted);
                if seen.boundary != wanted.boundary && self.has_boundary(&wanted.owner, wanted.boundary.as_deref()) {
                    let boundary = wanted.boundary.clone();
                    let detail = vec![format!("boundary {}", boundary.as_deref().map_or("none", last_part))];
                    let action = CloudAction::SetBoundary { of: object.clone(), boundary };
                    self.step(&wanted.owner, Rank::Repair, action, detail);
                }
                self.user_edges(&seen, wanted);
            }
        }
    }

    fn user_edges(&mut self, seen: &User, wanted: &WantedUser) {
        if self.is_known(&ObjectId::user(&seen.name)) {
            self.hangings(seen, wanted);
        }
        keys::plan(self, seen, wanted);
        logins::plan(self, seen, wanted);
    }

    fn hangings(&mut self, seen: &User, wanted: &WantedUser) {
        for group in wanted.groups.iter().filter(|group| !seen.groups.contains(*group)) {
            if self.will_exist(&ObjectId::group(group)) {
                let action = CloudAction::AddMember { group: group.clone(), user: seen.name.clone() };
                self.step(&wanted.owner, Rank::Change, action, Vec::new());
            }
        }
        for group in seen.groups.difference(&wanted.groups) {
            let action = CloudAction::RemoveMember { group: group.clone(), user: seen.name.clone() };
            self.take_away(&wanted.owner, action, self.is_foreign_group(group));
        }
        let object = ObjectId::user(&seen.name);
        let seen_inline = seen.inline.iter().filter(|(name, _)| !wanted.kept_inline.contains(*name));
        let seen_inline = seen_inline.map(|(name, document)| (name.clone(), document.clone())).collect();
        self.inline(&object, &wanted.owner, &seen_inline, &wanted.inline);
        self.attachments(&object, &wanted.owner, &seen.attached, &wanted.attached);
    }

    pub(super) fn attachments(
        &mut self,
        of: &ObjectId,
        subject: &ManifestRef,
        seen: &BTreeSet<String>,
        wanted: &BTreeSet<PolicyRef>,
    ) {
        let stays =
            |policy: &&PolicyRef| !matches!(policy, PolicyRef::Own(name) if self.is_leaving(&ObjectId::policy(name)));
        let wanted: Vec<&PolicyRef> = wanted.iter().filter(stays).collect();
        for policy in wanted.iter().filter(|policy| !seen.iter().any(|arn| self.inventory.is(arn, policy))) {
            let there = match policy {
                PolicyRef::Own(name) => self.will_exist(&ObjectId::policy(name)),
                PolicyRef::Vendor(_) | PolicyRef::Arn(_) => true,
            };
            if there {
                let action = CloudAction::Attach { to: of.clone(), policy: PolicyRef::clone(policy) };
                self.step(subject, Rank::Change, action, Vec::new());
            }
        }
        for arn in seen.iter().filter(|arn| !wanted.iter().any(|policy| self.inventory.is(arn, policy))) {
            let action = CloudAction::Detach { from: of.clone(), arn: arn.clone() };
            self.take_away(subject, action, self.is_foreign_policy(arn));
        }
    }

    pub(super) fn inline(
        &mut self,
        of: &ObjectId,
        subject: &ManifestRef,
        seen: &BTreeMap<String, Document>,
        wanted: &BTreeMap<String, Document>,
    ) {
        for (name, document) in wanted {
            if !seen.get(name).is_some_and(|seen| seen.same_meaning(document)) {
                let action = CloudAction::PutInline { of: of.clone(), name: name.clone(), document: document.clone() };
                // Our own inline policies only ever take rights away, or give them for a time.
                self.step(subject, Rank::Revoke, action, Vec::new());
            }
        }
        self.drop_inline(of, subject, seen.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect());
    }

    /// Whether the object is ours, or this plan makes it; where it is neither, its own manifest says why.
    fn will_exist(&self, object: &ObjectId) -> bool {
        self.inventory.mark(object).is_some_and(|mark| mark.tenant == self.draft.wanted.tenant)
            || self.draft.steps.iter().any(|step| match &step.action {
                Action::Cloud { account, action } if account == self.name => {
                    matches!(action, CloudAction::CreateGroup(_) | CloudAction::CreatePolicy(_))
                        && action.object() == *object
                }
                _ => false,
            })
    }
}

/// The path in the ARN of a user, group, role or policy.
fn path_of_arn(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let from = resource.find('/').unwrap_or(resource.len());
    let to = resource.rfind('/').map_or(resource.len(), |at| at + 1);
    resource.get(from..to).unwrap_or_default()
}

/// The part of an ARN that people know it by.
pub(super) fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
