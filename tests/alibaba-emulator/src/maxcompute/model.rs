//! MaxCompute's tenant and projects as they are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::caller::Caller;
use crate::cloud::Cloud;

/// A project.
pub struct Project {
    pub name: String,
    pub owner: String,
    pub comment: String,
    pub quota: String,
    pub properties: Value,
    pub created: Timestamp,
    /// The project's users, as commands write them.
    pub users: BTreeSet<String>,
    /// The project's own roles.
    pub roles: BTreeMap<String, ProjectRole>,
    /// Roles of the tenant that were added.
    pub tenant_roles: BTreeSet<String>,
    pub ip_white_list: String,
}

#[derive(Default)]
pub struct ProjectRole {
    pub kind: String,
    pub policy: String,
    pub acl: Value,
    pub users: BTreeSet<String>,
}

/// A role of the tenant.
#[derive(Default)]
pub struct TenantRole {
    /// Exactly as it was put.
    pub policy: Option<String>,
}

/// Everything of MaxCompute. Grants are kept apart from users: a user that is removed and added again has them again.
#[derive(Default)]
pub struct MaxCompute {
    pub projects: BTreeMap<String, Project>,
    pub users: BTreeSet<String>,
    pub roles: BTreeMap<String, TenantRole>,
    /// Role → users.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// Asynchronous instances, all of which have ended.
    pub instances: BTreeMap<String, String>,
}

/// The tenant's own roles, by both their spellings.
pub const BUILTIN: [(&str, &str); 2] = [("super_administrator", "Super_Administrator"), ("admin", "Admin")];

/// The spelling of a role under which it is kept.
pub fn role_key(name: &str) -> String {
    match BUILTIN.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
        Some((key, _)) => (*key).to_owned(),
        None => name.to_owned(),
    }
}

impl Cloud {
    /// A caller as MaxCompute's commands write users.
    pub fn odps_user(&self, caller: &Caller) -> String {
        let account = &self.account.id;
        match caller {
            Caller::User { name, .. } => format!("RAM${account}:{name}"),
            Caller::Session { role, .. } => format!("RAM${account}:`role/{role}`"),
            Caller::Root | Caller::Nobody => format!("ALIYUN${account}"),
        }
    }

    /// Whether a caller may change the tenant: the account, and who has one of the tenant's own roles.
    pub fn administers_tenant(&self, caller: &Caller) -> bool {
        let user = self.odps_user(caller);
        let has = |role: &str| self.maxcompute.grants.get(role).is_some_and(|users| users.contains(&user));
        *caller == Caller::Root || (self.maxcompute.users.contains(&user) && BUILTIN.iter().any(|(role, _)| has(role)))
    }

    /// Whether a caller may change a project: the account, its owner, and who has one of its roles for that. To
    /// administer the tenant is not enough.
    pub fn administers_project(&self, caller: &Caller, project: &Project) -> bool {
        let user = self.odps_user(caller);
        let by_role = ["admin", "super_administrator"].iter().any(|name| {
            let role = project.roles.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            role.is_some_and(|(_, role)| role.users.contains(&user))
        });
        *caller == Caller::Root || project.owner == user || by_role
    }

    /// A user as commands write it, if it exists in RAM: with RAM's spelling, backquotes only around roles.
    pub fn odps_known(&self, text: &str) -> Option<String> {
        let account = &self.account.id;
        let text = text.replace('`', "");
        let (kind, rest) = text.split_once('$')?;
        match kind.to_ascii_uppercase().as_str() {
            "ALIYUN" if rest == account => Some(format!("ALIYUN${account}")),
            "RAM" => {
                let name = match rest.split_once(':') {
                    Some((owner, name)) if owner == account => name,
                    Some(_) => return None,
                    None => rest,
                };
                if let Some(role) = name.strip_prefix("role/") {
                    let role = self.ram.roles.get(&role.to_lowercase())?;
                    return Some(format!("RAM${account}:`role/{}`", role.name));
                }
                self.ram.users.get(name).map(|user| format!("RAM${account}:{}", user.name))
            }
            _ => None,
        }
    }
}
