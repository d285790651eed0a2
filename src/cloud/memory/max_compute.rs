//! MaxCompute in the account that lives in memory: one tenant, whatever the region.

use std::collections::{BTreeMap, BTreeSet};

use super::world::World;
use crate::model::{
    Class, Effect, Fault, Finding, MaxComputeAction, MaxComputeDeed, MaxComputeFinding, MaxComputeFound,
    MaxComputeQuery, MaxComputeRead, MaxComputeRole,
};
use crate::names::{CloudName, ram_user_of_max_compute};
use crate::policy::Document;

/// What is there, open to tests.
#[derive(Clone, Debug, Default)]
pub(crate) struct MaxCompute {
    /// Projects, with the tenant's roles in each.
    pub(crate) projects: BTreeMap<String, BTreeSet<CloudName>>,
    /// The tenant's users.
    pub(crate) users: BTreeSet<CloudName>,
    /// The tenant's roles, with what they say.
    pub(crate) roles: BTreeMap<CloudName, Document>,
    /// Who has which role; grants of who is no user wait for it.
    pub(crate) grants: BTreeSet<(CloudName, CloudName)>,
}

fn refused<T>(class: Class, action: &MaxComputeAction, why: &str) -> Result<T, Fault> {
    Err(Fault::new(class, "memory", action.object(), why))
}

pub(super) fn operation_of(deed: &MaxComputeDeed) -> &'static str {
    match deed {
        MaxComputeDeed::CreateRole(_) => "CreateTenantRole",
        MaxComputeDeed::DropRole(_) => "DropTenantRole",
        MaxComputeDeed::SetPolicy { .. } => "PutTenantRolePolicy",
        MaxComputeDeed::AddUser(_) => "AddTenantUser",
        MaxComputeDeed::RemoveUser(_) => "RemoveTenantUser",
        MaxComputeDeed::Grant { .. } => "GrantTenantRole",
        MaxComputeDeed::Revoke { .. } => "RevokeTenantRole",
        MaxComputeDeed::AddToProject { .. } => "AddTenantRoleToProject",
        MaxComputeDeed::RemoveFromProject { .. } => "RemoveTenantRoleFromProject",
    }
}

impl World {
    pub(super) fn in_max_compute(&mut self, action: &MaxComputeAction) -> Result<Effect, Fault> {
        let there = |user: &CloudName| ram_user_of_max_compute(user).is_some_and(|it| self.users.contains_key(&it));
        let user_is_there = match &action.deed {
            MaxComputeDeed::AddUser(user) => there(user),
            _ => true,
        };
        let it = &mut self.max_compute;
        if !it.projects.contains_key(&action.place.project) {
            return refused(Class::Invalid, action, "no such project");
        }
        match &action.deed {
            MaxComputeDeed::CreateRole(role) => {
                it.roles.entry(role.clone()).or_insert_with(|| Document::ram(Vec::new()));
            }
            MaxComputeDeed::DropRole(role) => {
                let inside = it.projects.values().any(|roles| roles.contains(role));
                if inside || it.grants.iter().any(|(other, _)| other == role) {
                    return refused(Class::Transient, action, "it is in a project, or somebody has it");
                }
                it.roles.remove(role);
            }
            MaxComputeDeed::SetPolicy { role, document } => match it.roles.get_mut(role) {
                Some(policy) => policy.clone_from(document),
                None => return refused(Class::Transient, action, "no such role"),
            },
            MaxComputeDeed::AddUser(_) if !user_is_there => {
                return refused(Class::Transient, action, "no such user in RAM");
            }
            MaxComputeDeed::AddUser(user) => drop(it.users.insert(user.clone())),
            MaxComputeDeed::RemoveUser(user) => drop(it.users.remove(user)),
            MaxComputeDeed::Grant { role, user } => {
                if !it.roles.contains_key(role) || !it.users.contains(user) {
                    return refused(Class::Transient, action, "no such role or user");
                }
                it.grants.insert((role.clone(), user.clone()));
            }
            MaxComputeDeed::Revoke { role, user, .. } => drop(it.grants.remove(&(role.clone(), user.clone()))),
            MaxComputeDeed::AddToProject { role, project } => match it.projects.get_mut(project) {
                Some(roles) if it.roles.contains_key(role) => drop(roles.insert(role.clone())),
                _ => return refused(Class::Invalid, action, "no such project or role"),
            },
            MaxComputeDeed::RemoveFromProject { role, project } => {
                if let Some(roles) = it.projects.get_mut(project) {
                    roles.remove(role);
                }
            }
        }
        Ok(Effect::Done)
    }

    pub(super) fn see_max_compute(&self, asked: &MaxComputeRead) -> Finding {
        let it = &self.max_compute;
        let granted = |role: &CloudName, user: &CloudName| {
            it.users.contains(user) && it.grants.contains(&(role.clone(), user.clone()))
        };
        let found = match &asked.what {
            _ if !it.projects.contains_key(&asked.place.project) => MaxComputeFound::NoWay,
            MaxComputeQuery::Lists => {
                let roles = it.roles.keys().cloned().chain([CloudName::new("admin")]).collect();
                MaxComputeFound::Lists { users: it.users.clone(), roles }
            }
            MaxComputeQuery::Role(role) => match it.roles.get(role) {
                Some(policy) => MaxComputeFound::Role(MaxComputeRole {
                    document: Some(policy.clone()),
                    users: it.users.iter().filter(|user| granted(role, user)).cloned().collect(),
                }),
                None => MaxComputeFound::Absent,
            },
            MaxComputeQuery::Grants(user) if it.users.contains(user) => {
                let all = it.grants.iter().filter(|(_, of)| of == user);
                MaxComputeFound::Grants(all.map(|(role, _)| role.clone()).collect())
            }
            MaxComputeQuery::Grants(_) => MaxComputeFound::Absent,
            MaxComputeQuery::Project(project) => {
                it.projects.get(project).cloned().map_or(MaxComputeFound::Absent, MaxComputeFound::Project)
            }
        };
        Finding::MaxCompute(MaxComputeFinding { asked: asked.clone(), found })
    }
}
