//! The account in memory as RAM: lists that show no edges, no boundary, marks in place of paths, ten custom policies to
//! a user, deletions that what hangs on the object refuses, and inline policies that are policies of their own. What
//! takes the operator's client several calls takes as many here, and each may be the last.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::world::World;
use super::{MemoryCloud, operation_of};
use crate::model::{
    Class, CloudAction, Effect, Fault, Finding, Group, Inventory, ObjectId, ObjectKind, Policy, Role, RoleAction,
    Sweep, Tags, User, mark_of_tags,
};
use crate::names::{
    CloudName, TAG_CLUSTER, inline_description, inline_of_description, inline_policy, ram_arn, tenant_path,
};
use crate::policy::Document;

/// The ARNs of policies, and what stands for inline ones.
type Edges = (BTreeSet<String>, BTreeMap<String, Document>);

const CUSTOM: usize = 10;
const SYSTEM: usize = 20;

/// One act, call by call.
pub(super) async fn execute(
    cloud: &MemoryCloud,
    action: &CloudAction,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    match action {
        CloudAction::SetBoundary { .. } => {
            Err(Fault::new(Class::Invalid, "memory", action.object(), "RAM has no permissions boundaries"))
        }
        CloudAction::PutInline { of, name, document } => put_inline(cloud, action, of, name, document, inventory).await,
        CloudAction::DropLoose(name) => discard(cloud, name).await.map(|()| Effect::Done),
        CloudAction::DeleteInline { of, name } => drop_inline(cloud, action, of, name, None).await,
        CloudAction::DeleteUser(_)
        | CloudAction::DeleteGroup(_)
        | CloudAction::DeletePolicy(_)
        | CloudAction::Role(RoleAction::Delete(_)) => {
            if !delete(cloud, action).await? {
                drain(cloud, &action.object()).await?;
                if !delete(cloud, action).await? {
                    return Err(Fault::new(Class::Transient, "memory", action.object(), "DeleteConflict"));
                }
            }
            Ok(Effect::Done)
        }
        _ => {
            let account = inventory.lock().account.clone();
            let own = |name: &CloudName| Some(ram_arn(&account, "policy", name.as_str()));
            cloud
                .call(operation_of(action), |world| {
                    let hung = world.hangs(action);
                    let effect = world.execute(action, own)?;
                    Ok(if hung { Effect::CameOff } else { effect })
                })
                .await
        }
    }
}

/// Whether it is gone; what still hangs on it keeps it.
async fn delete(cloud: &MemoryCloud, action: &CloudAction) -> Result<bool, Fault> {
    cloud
        .call(operation_of(action), |world| {
            world.guard(action);
            Ok(world.delete_free(&action.object()))
        })
        .await
}

async fn drain(cloud: &MemoryCloud, object: &ObjectId) -> Result<(), Fault> {
    let name = &object.name;
    match object.kind {
        ObjectKind::User => {
            let user = cloud.call("ListAccessKeys", |world| Ok(world.users.get(name).cloned())).await?;
            for key in user.iter().flat_map(|user| user.keys.iter().flatten()) {
                let id = key.id.clone();
                act(cloud, &CloudAction::DeleteKey { user: name.clone(), id }).await?;
            }
            act(cloud, &CloudAction::DeleteLogin(name.clone())).await?;
            for group in user.iter().flat_map(|user| &user.groups) {
                act(cloud, &CloudAction::RemoveMember { group: group.clone(), user: name.clone() }).await?;
            }
        }
        ObjectKind::Group => {
            let members = cloud.call("ListUsersForGroup", |world| Ok(world.members(name))).await?;
            for user in members {
                act(cloud, &CloudAction::RemoveMember { group: name.clone(), user }).await?;
            }
        }
        ObjectKind::Policy => {
            let holders = cloud.call("ListEntitiesForPolicy", |world| Ok(world.holders(name))).await?;
            for from in holders {
                detach(cloud, &from, name).await?;
            }
            return Ok(());
        }
        ObjectKind::Role => {}
        // What hangs on a workspace goes with it.
        ObjectKind::MaxCompute | ObjectKind::Workspace | ObjectKind::Notebook => return Ok(()),
    }
    for arn in cloud.call("ListPoliciesForUser", |world| Ok(world.attached(object))).await? {
        act(cloud, &CloudAction::Detach { from: object.clone(), arn: arn.clone() }).await?;
        let stands_in =
            |world: &mut World| world.stand_ins().find(|(policy, _)| policy.arn == arn).map(|(it, _)| it.name.clone());
        if let Some(policy) = cloud.with(stands_in) {
            discard(cloud, &policy).await?;
        }
    }
    Ok(())
}

async fn act(cloud: &MemoryCloud, action: &CloudAction) -> Result<(), Fault> {
    cloud.call(operation_of(action), |world| world.execute(action, |_| None)).await.map(drop)
}

async fn put_inline(
    cloud: &MemoryCloud,
    action: &CloudAction,
    of: &ObjectId,
    name: &str,
    document: &Document,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let (cluster, differs) = {
        let inventory = inventory.lock();
        let inline = match of.kind {
            ObjectKind::Group => inventory.groups.get(&of.name).map(|group| &group.inline),
            ObjectKind::Role => inventory.roles.get(&of.name).map(|role| &role.inline),
            _ => inventory.users.get(&of.name).map(|user| &user.inline),
        };
        (inventory.cluster.clone(), inline.is_some_and(|inline| inline.contains_key(name)))
    };
    let policy = inline_policy(&cluster, name, &document.to_json());
    if differs {
        make(cloud, &policy, name, document).await?;
        attach(cloud, of, &policy).await?;
        return drop_inline(cloud, action, of, name, Some(&policy)).await;
    }
    if !attach(cloud, of, &policy).await? {
        make(cloud, &policy, name, document).await?;
        attach(cloud, of, &policy).await?;
    }
    Ok(Effect::Done)
}

async fn make(cloud: &MemoryCloud, policy: &CloudName, name: &str, document: &Document) -> Result<(), Fault> {
    cloud
        .call("CreatePolicy", |world| {
            let (cluster, account) = (world.cluster.clone(), world.account.clone());
            world.policies.entry(policy.clone()).or_insert_with(|| Policy {
                name: policy.clone(),
                path: "/".to_owned(),
                arn: ram_arn(&account, "policy", policy.as_str()),
                description: inline_description(&cluster, name),
                tags: Some(Tags::from([(TAG_CLUSTER.to_owned(), cluster.to_string())])),
                default_version: "v1".to_owned(),
                old_versions: Vec::new(),
                document: Some(document.clone()),
            });
            Ok(())
        })
        .await
}

/// Whether there is such a policy.
async fn attach(cloud: &MemoryCloud, of: &ObjectId, policy: &CloudName) -> Result<bool, Fault> {
    cloud
        .call("AttachPolicy", |world| {
            let Some(arn) = world.policies.get(policy).map(|policy| policy.arn.clone()) else { return Ok(false) };
            world.hang(of, arn)?;
            Ok(true)
        })
        .await
}

async fn detach(cloud: &MemoryCloud, from: &ObjectId, policy: &CloudName) -> Result<(), Fault> {
    cloud
        .call("DetachPolicy", |world| {
            let arn = ram_arn(&world.account, "policy", policy.as_str());
            if let Some(attached) = world.attached_mut(from) {
                attached.remove(&arn);
            }
            Ok(())
        })
        .await
}

async fn drop_inline(
    cloud: &MemoryCloud,
    action: &CloudAction,
    of: &ObjectId,
    name: &str,
    kept: Option<&CloudName>,
) -> Result<Effect, Fault> {
    let listed = cloud
        .call("ListPoliciesForUser", |world| {
            world.guard(action);
            let attached = world.attached(of);
            let its = world.stand_ins().filter(|(policy, its)| attached.contains(&policy.arn) && *its == name);
            Ok(its.map(|(policy, _)| policy.name.clone()).collect::<Vec<_>>())
        })
        .await?;
    for policy in listed.iter().filter(|policy| kept != Some(policy)) {
        detach(cloud, of, policy).await?;
        discard(cloud, policy).await?;
    }
    Ok(Effect::Done)
}

/// Deletes what stands for an inline policy, unless somebody else has it.
async fn discard(cloud: &MemoryCloud, policy: &CloudName) -> Result<(), Fault> {
    cloud.call("DeletePolicy", |world| Ok(world.delete_free(&ObjectId::policy(policy)))).await.map(|_: bool| ())
}

impl World {
    /// The policies that stand for inline ones, with those ones' names.
    pub(crate) fn stand_ins(&self) -> impl Iterator<Item = (&Policy, &str)> {
        let is_ram = self.is_ram;
        let all = self.policies.values().filter(move |_| is_ram);
        all.filter_map(|policy| Some((policy, inline_of_description(&self.cluster, &policy.description)?)))
    }

    /// An object as RAM shows it: it lies where its marks say, and has what stands for inline policies as such.
    pub(super) fn as_ram_shows(&self, found: Finding) -> Finding {
        match found {
            Finding::User(user) => {
                let (attached, inline) = self.told_apart(&user.attached);
                let (path, arn) = (path(&user.tags), ram_arn(&self.account, "user", user.name.as_str()));
                Finding::User(User { path, arn, attached, inline, ..user })
            }
            Finding::Group(group) => {
                let (attached, inline) = self.told_apart(&group.attached);
                Finding::Group(Group { attached, inline, ..group })
            }
            Finding::Policy(policy) => {
                let path = policy.tags.as_ref().map_or_else(|| "/".to_owned(), path);
                Finding::Policy(Policy { path, old_versions: Vec::new(), ..policy })
            }
            Finding::Role(role) => {
                let (attached, inline) = self.told_apart(&role.attached);
                Finding::Role(Role { path: path(&role.tags), attached, inline, ..role })
            }
            other => other,
        }
    }

    /// What hangs on a role: policies, and inline ones or what stands for them.
    pub(crate) fn edges(&self, role: &Role) -> Edges {
        if self.is_ram { self.told_apart(&role.attached) } else { (role.attached.clone(), role.inline.clone()) }
    }

    fn told_apart(&self, all: &BTreeSet<String>) -> Edges {
        let mut attached = all.clone();
        let mut inline = BTreeMap::new();
        for (policy, name) in self.stand_ins().filter(|(policy, _)| all.contains(&policy.arn)) {
            attached.remove(&policy.arn);
            inline.insert(name.to_owned(), policy.document.clone().unwrap_or_else(|| Document::ram(Vec::new())));
        }
        (attached, inline)
    }

    /// As lists show the account: without what hangs between objects, and without what policies say.
    pub(super) fn lists(&self) -> Sweep {
        let bare = |found: Finding| match self.as_ram_shows(found) {
            Finding::User(user) => Finding::User(User {
                groups: Default::default(),
                attached: Default::default(),
                inline: Default::default(),
                keys: None,
                ..user
            }),
            Finding::Group(group) => {
                Finding::Group(Group { attached: Default::default(), inline: Default::default(), ..group })
            }
            Finding::Role(role) => {
                Finding::Role(Role { trust: None, attached: Default::default(), inline: Default::default(), ..role })
            }
            Finding::Policy(policy) => Finding::Policy(Policy { document: None, ..policy }),
            other => other,
        };
        let users = self.users.values().cloned().map(Finding::User);
        let groups = self.groups.values().cloned().map(Finding::Group);
        let roles = self.roles.values().cloned().map(Finding::Role);
        let own = self.policies.values().filter(|it| inline_of_description(&self.cluster, &it.description).is_none());
        let found = users.chain(groups).chain(roles).chain(own.cloned().map(Finding::Policy)).map(bare).collect();
        let count = |name: &CloudName| i64::try_from(self.holders(name).len()).unwrap_or(i64::MAX);
        let loose = self.stand_ins().filter(|(policy, _)| self.holders(&policy.name).is_empty());
        let loose = loose.map(|(policy, _)| (policy.name.clone(), policy.description.clone())).collect();
        let attachments = self.policies.keys().map(|name| (name.clone(), count(name))).collect();
        Sweep { found, bare: true, attachments, loose }
    }

    fn attached(&self, of: &ObjectId) -> Vec<String> {
        let attached = match of.kind {
            ObjectKind::User => self.users.get(&of.name).map(|user| &user.attached),
            ObjectKind::Group => self.groups.get(&of.name).map(|group| &group.attached),
            ObjectKind::Role => self.roles.get(&of.name).map(|role| &role.attached),
            ObjectKind::Policy | ObjectKind::Notebook | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
        };
        attached.into_iter().flatten().cloned().collect()
    }

    /// Whether what an act takes off is there.
    fn hangs(&self, action: &CloudAction) -> bool {
        let user = self.users.get(&action.object().name);
        match action {
            CloudAction::RemoveMember { group, .. } => user.is_some_and(|user| user.groups.contains(group)),
            CloudAction::Detach { from, arn } => self.attached(from).contains(arn),
            CloudAction::DeleteKey { id, .. } => {
                user.is_some_and(|user| user.keys.iter().flatten().any(|key| key.id == *id))
            }
            _ => false,
        }
    }

    fn members(&self, group: &CloudName) -> Vec<CloudName> {
        self.users.values().filter(|user| user.groups.contains(group)).map(|user| user.name.clone()).collect()
    }

    fn holders(&self, policy: &CloudName) -> Vec<ObjectId> {
        let arn = ram_arn(&self.account, "policy", policy.as_str());
        let users = self.users.values().filter(|it| it.attached.contains(&arn)).map(|it| ObjectId::user(&it.name));
        let groups = self.groups.values().filter(|it| it.attached.contains(&arn)).map(|it| ObjectId::group(&it.name));
        let roles = self.roles.values().filter(|it| it.attached.contains(&arn)).map(|it| ObjectId::role(&it.name));
        users.chain(groups).chain(roles).collect()
    }

    /// Deletes an object on which nothing hangs; says whether it is gone.
    fn delete_free(&mut self, object: &ObjectId) -> bool {
        let name = &object.name;
        let free = match object.kind {
            ObjectKind::User => self.users.get(name).is_none_or(|user| {
                let keys = user.keys.as_ref().is_some_and(|keys| !keys.is_empty());
                !keys && user.groups.is_empty() && user.attached.is_empty() && !self.logins.contains_key(name)
            }),
            ObjectKind::Group => self.members(name).is_empty() && self.attached(object).is_empty(),
            ObjectKind::Policy => self.holders(name).is_empty(),
            ObjectKind::Role => self.attached(object).is_empty(),
            ObjectKind::MaxCompute | ObjectKind::Workspace | ObjectKind::Notebook => false,
        };
        if free {
            match object.kind {
                ObjectKind::User => drop(self.users.remove(name)),
                ObjectKind::Group => drop(self.groups.remove(name)),
                ObjectKind::Policy => drop(self.policies.remove(name)),
                ObjectKind::Role => drop(self.roles.remove(name)),
                ObjectKind::MaxCompute | ObjectKind::Workspace | ObjectKind::Notebook => {}
            }
        }
        free
    }

    /// Attaches a policy, within RAM's limits.
    pub(super) fn hang(&mut self, to: &ObjectId, arn: String) -> Result<(), Fault> {
        let Some(attached) = self.attached_mut(to) else {
            return Err(Fault::new(Class::Transient, "memory", to, "EntityNotExist"));
        };
        let is_system = |arn: &String| arn.contains(":system:");
        let (system, most) = if is_system(&arn) { (true, SYSTEM) } else { (false, CUSTOM) };
        let like = attached.iter().filter(|other| is_system(other) == system).count();
        if like >= most && !attached.contains(&arn) {
            return Err(Fault::new(Class::QuotaExceeded, "memory", to, "LimitExceeded"));
        }
        attached.insert(arn);
        Ok(())
    }
}

fn path(tags: &Tags) -> String {
    mark_of_tags(tags).map_or_else(|| "/".to_owned(), |mark| tenant_path(&mark.cluster, &mark.tenant))
}
