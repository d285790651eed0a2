//! What a plan means for people in services that have rights of their own: the roles of MaxCompute, told by what they say,
//! and of PAI workspaces, told by their names.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Change, Share};
use crate::model::Inventory;
use crate::names::{CloudName, max_compute_user, region_of_workspace};
use crate::policy::evaluate::Context;
use crate::policy::{Carried, Meanings};

/// Adds what a user gains and loses there to what it does by its policies.
pub(super) fn add(
    change: &mut Change,
    name: &CloudName,
    before: &Inventory,
    after: &Inventory,
    meanings: &mut Meanings,
    now: Timestamp,
) {
    let (old, new) = (in_max_compute(name, before), in_max_compute(name, after));
    if old != new {
        let meaning = meanings.of(&old, &new, &Context::new(), now);
        change.gains.extend(meaning.gains.into_iter().map(Share::Right));
        change.loses.extend(meaning.loses.into_iter().map(Share::Right));
        change.too_large |= meaning.too_large;
    }
    let (old, new) = (in_workspaces(name, before), in_workspaces(name, after));
    change.gains.extend(new.difference(&old).cloned());
    change.loses.extend(old.difference(&new).cloned());
}

/// What the roles say that a user has in MaxCompute, as far as they were read.
fn in_max_compute(name: &CloudName, inventory: &Inventory) -> Carried {
    let principal = max_compute_user(&inventory.account, name);
    let roles = inventory.max_compute.regions.values().flat_map(|region| region.roles.values().flatten());
    let mine = roles.filter(|role| role.users.contains(&principal));
    Carried { documents: mine.filter_map(|role| role.document.clone()).collect(), boundary: None }
}

/// The roles that a user has in workspaces, as far as their members were read. Who is made by the plan is a member by its
/// name.
fn in_workspaces(name: &CloudName, inventory: &Inventory) -> BTreeSet<Share> {
    let id = inventory.users.get(name).and_then(|user| user.id.as_deref()).unwrap_or(name.as_str());
    let known = inventory.workspaces.known.iter();
    let member = known.filter_map(|(workspace, it)| Some((workspace, it.members.as_ref()?.get(id)?)));
    let shares = member.flat_map(|(workspace, member)| {
        let workspace = region_of_workspace(workspace).1.to_owned();
        member
            .roles
            .iter()
            .map(move |role| Share::Member { workspace: workspace.clone(), workspace_role: role.clone() })
    });
    shares.collect()
}
