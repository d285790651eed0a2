//! What should exist in MaxCompute for one tenant.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{MaxComputePlace, MaxComputeQuery, MaxComputeRead};
use crate::model::ObjectId;
use crate::names::{CloudName, ManifestRef};
use crate::policy::Document;

/// The tenant in MaxCompute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedMaxCompute {
    /// The Tenant.
    pub owner: ManifestRef,
    /// Where.
    pub place: MaxComputePlace,
    /// Its users, by their names in RAM; of a name that several manifests want, each one's wish, oldest first.
    pub users: BTreeMap<CloudName, Vec<WantedGrants>>,
    /// Its roles.
    pub roles: BTreeMap<CloudName, WantedMaxComputeRole>,
    /// Roles that stay as they are, with whoever has them: what they should say is not known now.
    pub kept: BTreeSet<CloudName>,
}

impl WantedMaxCompute {
    /// Its roles, also those of manifests that want one name.
    pub fn all_roles(&self) -> impl Iterator<Item = (&CloudName, &WantedMaxComputeRole)> {
        self.roles.iter().chain(self.users.values().flatten().flat_map(|user| &user.own))
    }

    /// Whether what a manifest asks for cannot be told before this was read.
    #[must_use]
    pub fn waits_for(&self, object: &ObjectId, manifest: &ManifestRef) -> bool {
        let is = |what| MaxComputeRead { place: self.place.clone(), what }.object() == *object;
        let lists = is(MaxComputeQuery::Lists);
        let of_role = |(name, role): (&CloudName, &WantedMaxComputeRole)| {
            let inside = || role.projects.iter().any(|project| is(MaxComputeQuery::Project(project.clone())));
            role.owner == *manifest && (lists || is(MaxComputeQuery::Role(name.clone())) || inside())
        };
        let of_user = |(name, claims): (&CloudName, &Vec<WantedGrants>)| {
            let grants = || {
                let end = format!(":{name} in {}", self.place.region);
                object.name.as_str().ends_with(&end)
            };
            claims.iter().any(|user| user.owner == *manifest) && (lists || grants())
        };
        (lists && self.owner == *manifest) || self.all_roles().any(of_role) || self.users.iter().any(of_user)
    }
}

/// What one user has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedGrants {
    /// The TenantUser.
    pub owner: ManifestRef,
    /// Its roles.
    pub roles: BTreeSet<CloudName>,
    /// Of several manifests that want one name: those of the roles that are this one's alone.
    pub own: BTreeMap<CloudName, WantedMaxComputeRole>,
    /// Whether it can do nothing for now (suspended, expired): it has no role until it can again.
    pub still: bool,
    /// Whether only what takes access away, and undoes that, is done.
    pub only_still: bool,
}

/// A tenant-level role that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedMaxComputeRole {
    /// The TenantRole.
    pub owner: ManifestRef,
    /// What it says; without statements: nothing.
    pub document: Document,
    /// The projects that it is in.
    pub projects: BTreeSet<String>,
}

/// What specs and statuses say of where something of the tenant may be in one account's MaxCompute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToldMaxCompute {
    /// The places; true: a status says that something is there.
    pub places: BTreeMap<MaxComputePlace, bool>,
    /// The projects that the tenant's roles were put into, as their statuses say.
    pub projects: BTreeSet<String>,
    /// The TenantRoles whose statuses say that they are there.
    pub roles: BTreeSet<ManifestRef>,
    /// Those that manifests name beside: a role may be there although no status came to say so.
    pub named: BTreeSet<String>,
}
