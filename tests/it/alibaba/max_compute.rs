//! MaxCompute at tenant level, end to end: users, roles, policies, grants and projects, checked from outside.

mod bad_input;
mod drift;
mod life;
mod modes;

use std::collections::BTreeSet;

use testbed::World;
use testbed::alibaba::max_compute_user;
use tokio::sync::OnceCell;

use super::shared;

/// The project that commands are sent through.
pub const OPS: &str = "shared_ops";

/// The shared world with a project for commands, in which the operator administers what docs/alibaba.md says.
pub async fn with_max_compute() -> &'static World {
    static READY: OnceCell<()> = OnceCell::const_new();
    let world = shared().await;
    READY.get_or_init(|| prepare(world)).await;
    world
}

/// Makes the project [`OPS`] and gives the operator its rights.
pub async fn prepare(world: &World) {
    world.alibaba.projects(&[OPS]).await;
    world.alibaba.administers_max_compute(OPS).await;
}

/// Projects that the operator administers.
pub async fn projects(world: &World, names: &[&str]) {
    world.alibaba.projects(names).await;
    for name in names {
        world.alibaba.administers_project(name, true).await;
    }
}

/// A Tenant in MaxCompute.
pub fn tenant(name: &str, more: &str) -> String {
    super::tenant(
        name,
        &format!("  accounts: [{{name: ali, maxCompute: {{region: cn-shanghai, project: {OPS}}}}}]\n{more}"),
    )
}

/// A TenantRole in MaxCompute: `allowed` on a resource, in these projects.
pub fn role(tenant: &str, name: &str, resource: &str, projects: &[&str]) -> String {
    let statement = format!("{{effect: Allow, actions: ['odps:List', 'odps:Read'], resources: ['{resource}']}}");
    let projects = projects.join(", ");
    let more = format!("    maxCompute: {{statements: [{statement}], projects: [{projects}]}}");
    super::role_of(tenant, name, &more, &[])
}

/// The names in a list that MaxCompute answers in JSON.
pub async fn listed(world: &World, command: &str) -> BTreeSet<String> {
    serde_json::from_str(&world.alibaba.root().said(OPS, command).await).unwrap()
}

/// The tenant-level roles whose name is this and a hash behind it.
pub async fn roles(world: &World, head: &str) -> Vec<String> {
    let is_it = |name: &String| name.strip_prefix(head).is_some_and(|rest| rest.len() == 9 && rest.starts_with('_'));
    listed(world, "list tenant roles").await.into_iter().filter(is_it).collect()
}

/// The only one of them.
pub async fn the_role(world: &World, head: &str) -> String {
    let all = roles(world, head).await;
    let [only] = all.as_slice() else { panic!("{head}: {all:?}") };
    only.clone()
}

/// The roles of a RAM user; none where it is no user of the tenant. Of our own the hashes are left out.
pub async fn grants(world: &World, user: &str) -> Option<BTreeSet<String>> {
    let command = format!("show grants for tenant user {}", max_compute_user(user));
    let said = world.alibaba.root().say(OPS, &command).await.ok()?;
    let roles = said.strip_prefix("[roles]\n").unwrap().lines().next().unwrap_or_default();
    let plain = |name: &str| match name.rsplit_once('_') {
        Some((head, hash)) if hash.len() == 8 => head.to_owned(),
        _ => name.to_owned(),
    };
    Some(roles.split(", ").filter(|name| !name.is_empty()).map(plain).collect())
}

/// Who has a role.
pub async fn principals(world: &World, role: &str) -> BTreeSet<String> {
    let said = world.alibaba.root().say(OPS, &format!("show principals for tenant role {role}")).await;
    said.unwrap_or_default().lines().map(str::to_owned).collect()
}
