//! Tenant → its PAI workspace in each account that it asks for one, with everyone who is in it; what roles say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use super::grants::Grants;
use crate::api::{TenantRole, TenantUser, WorkspaceEnv};
use crate::model::{Class, Provider, WantedMember, WantedWorkspace};
use crate::names::{AccountName, CloudName, ManifestRef, WORKSPACE_DESCRIPTION_MAX, workspace_mark};

/// The roles of a workspace that a member can be given (PAI, "Workspace roles and permissions").
const ROLES: [&str; 6] = [
    "PAI.AlgoDeveloper",
    "PAI.AlgoOperator",
    "PAI.LabelManager",
    "PAI.MaxComputeDeveloper",
    "PAI.WorkspaceAdmin",
    "PAI.WorkspaceGuest",
];
/// The role that PAI itself gives, to who made the workspace.
const OWNER: &str = "PAI.WorkspaceOwner";

/// What a role gives in workspaces.
#[derive(Clone, Debug, Default)]
pub(super) struct InWorkspaces {
    /// The roles that its users have there.
    pub(super) roles: BTreeSet<String>,
    /// Whether it asks for one that there is not: what its users have stays beside.
    pub(super) is_unknown: bool,
}

impl Compiler<'_> {
    /// The workspaces that the Tenant asks for.
    pub(super) fn workspaces(&mut self) {
        for (name, facts) in self.tenant_accounts() {
            let listed = self.tenant.spec.accounts.iter().find(|it| it.name == name.as_str());
            let Some(asked) = listed.and_then(|it| it.workspace.clone()) else { continue };
            let tenant = self.tenant_ref.clone();
            if facts.provider() == Provider::Aws {
                let message =
                    "spec.accounts[].workspace is for Alibaba Cloud, and this is an AWS account. Take it out.";
                self.refuse(&tenant, Some(&name), Class::Invalid, message.to_owned());
                continue;
            }
            let description = workspace_mark(&self.context.cluster, self.tenant_name);
            if description.len() > WORKSPACE_DESCRIPTION_MAX {
                let message = format!(
                    "the workspace cannot be marked as the tenant's: its description would have {} characters, and PAI allows {WORKSPACE_DESCRIPTION_MAX}. Use a shorter name for the tenant.",
                    description.len()
                );
                self.refuse(&tenant, Some(&name), Class::Invalid, message);
                self.hold(&tenant);
                continue;
            }
            let env = asked.env.iter().map(|env| match env {
                WorkspaceEnv::Dev => "dev".to_owned(),
                WorkspaceEnv::Prod => "prod".to_owned(),
            });
            let env: BTreeSet<String> = env.collect();
            if !env.is_empty() && !env.contains("prod") {
                let message =
                    "a workspace has the environment prod, or dev and prod. Add prod to spec.accounts[].workspace.env.";
                self.refuse(&tenant, Some(&name), Class::Invalid, message.to_owned());
                // What is there stays, with all that is in it.
                self.hold(&tenant);
                continue;
            }
            let workspace = WantedWorkspace {
                owner: tenant,
                name: self.naming(&facts).workspace(facts.region(), &asked.name),
                description,
                display_name: asked.display_name.filter(|text| !text.is_empty()),
                env,
                members: BTreeMap::new(),
            };
            self.accounts.entry(name).or_default().workspace = Some(workspace);
        }
    }

    /// Whether the tenant has a workspace in an account, or asks for one there.
    pub(super) fn has_workspace(&self, account: &AccountName) -> bool {
        let listed = self.tenant.spec.accounts.iter().find(|it| it.name == account.as_str());
        listed.is_some_and(|it| it.workspace.is_some())
    }

    /// What a role gives in workspaces, as far as there is such a thing.
    pub(super) fn workspace_roles(&mut self, subject: &ManifestRef, role: &TenantRole) -> InWorkspaces {
        let asked = role.spec.alibaba.as_ref().map(|alibaba| alibaba.workspace_roles.clone()).unwrap_or_default();
        let (known, unknown): (Vec<String>, Vec<String>) =
            asked.into_iter().partition(|role| ROLES.contains(&role.as_str()));
        for role in &unknown {
            let message = if role == OWNER {
                format!(
                    "{OWNER} is the role of who made the workspace; nobody else can have it. PAI.WorkspaceAdmin may do as much."
                )
            } else {
                format!("there is no workspace role {role}. There are {}.", ROLES.join(", "))
            };
            self.refuse(subject, None, Class::Invalid, message);
        }
        if !known.is_empty() {
            for (name, facts) in self.tenant_accounts() {
                if facts.provider() == Provider::Alibaba && !self.has_workspace(&name) {
                    let message = "the role has spec.alibaba.workspaceRoles, and the tenant has no workspace in this account. Add spec.accounts[].workspace to the Tenant, or take workspaceRoles out.";
                    self.refuse(subject, Some(&name), Class::Invalid, message.to_owned());
                }
            }
        }
        InWorkspaces { roles: known.into_iter().collect(), is_unknown: !unknown.is_empty() }
    }

    /// Puts a user into the workspace of an account where its roles say so. `only_still`: what it has there stays.
    pub(super) fn member(
        &mut self,
        subject: &ManifestRef,
        user: &TenantUser,
        account: &AccountName,
        name: &CloudName,
        grants: &Grants,
        only_still: bool,
    ) {
        let named = user.spec.roles.iter().filter_map(|role| grants.get(role));
        let all: Vec<&InWorkspaces> = named.chain(grants.defaults()).map(|grant| &grant.in_workspaces).collect();
        let keeps = only_still || all.iter().any(|it| it.is_unknown);
        let roles = all.iter().flat_map(|it| it.roles.clone());
        let roles: BTreeSet<String> = if only_still { BTreeSet::new() } else { roles.collect() };
        let Some(wanted) = self.accounts.get_mut(account).and_then(|wanted| wanted.workspace.as_mut()) else { return };
        let member = WantedMember { owner: subject.clone(), roles, keeps };
        wanted.members.entry(name.clone()).or_default().push(member);
    }

    /// Roles in a workspace cannot be given for a time: nothing but the operator would take them away again.
    pub(super) fn check_temporary_in_workspaces(&mut self, subject: &ManifestRef, user: &TenantUser, grants: &Grants) {
        for temporary in &user.spec.temporary_roles {
            let given = grants.get(&temporary.name).and_then(|grant| grant.in_workspaces.roles.first().cloned());
            if let Some(role) = given {
                let message = format!(
                    "TenantRole {} has the workspace role {role}, which cannot be given for a time: the rest of the role is. Write what it allows as statements.",
                    temporary.name
                );
                self.refuse(subject, None, Class::Invalid, message);
            }
        }
    }
}
