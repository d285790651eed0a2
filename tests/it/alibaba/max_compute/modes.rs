//! Suspension, roles for a time, Retain, Observe, extras that are left, places that are taken out, and what
//! `tenantry show grants` prints.

use k8s_openapi::jiff::Timestamp;
use kube::api::Api;
use serde_json::Value;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::alibaba::max_compute_user;

use super::super::{another, exists, names, user};
use super::{OPS, grants, listed, projects, role, roles, tenant, the_role, with_max_compute};
use crate::modes::drifted;
use crate::support::{definitions, delete, eventually, of, ready, reconcile, says};

async fn show(world: &World, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(["show", "grants"]).args(arguments).env_clear();
    command.env("KUBECONFIG", world.control_plane.kubeconfig());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

// proves: TenantUser.spec.suspended TenantUser.spec.temporaryRoles[]
#[tokio::test]
async fn who_is_suspended_has_no_role_and_roles_for_a_time_end_by_themselves() {
    let world = with_max_compute().await;
    let root = world.alibaba.root();
    projects(world, &["mc_modes_a"]).await;
    let defs = definitions("mc-modes");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    world.apply(&tenant("mc-modes", "")).await;
    for name in ["dev", "ops"] {
        world.apply(&role("mc-modes", name, "acs:odps:*:projects/mc_modes_a/*", &["mc_modes_a"])).await;
    }
    world.apply(&user("mc-modes", "alice", "  roles: [dev]")).await;
    ready(world, &users, "alice").await;
    let dev = the_role(world, "mc_modes_dev").await;

    // The service's own view, for people.
    let all = show(world, &["mc-modes"]).await;
    assert!(all.contains("MaxCompute in cn-shanghai through project shared_ops"), "{all}");
    assert!(
        all.contains(&dev) && all.contains("Allow odps:List, odps:Read on acs:odps:*:projects/mc_modes_a/*"),
        "{all}"
    );
    let parsed: Value =
        serde_json::from_str(&show(world, &["mc-modes", "--user", "alice", "-o", "json"]).await).unwrap();
    let found = &parsed["accounts"][0];
    assert_eq!(found["users"][0]["user"], max_compute_user("mc-modes.alice"));
    assert_eq!(found["users"][0]["tenantUser"], "alice");
    assert_eq!(found["users"][0]["roles"][0], dev.as_str());
    assert_eq!(found["roles"].as_array().unwrap().len(), 1, "{parsed}");
    assert_eq!(found["roles"][0]["projects"][0], "mc_modes_a");
    let ops = show(world, &["mc-modes", "--role", "ops"]).await;
    assert!(!ops.contains("TENANTUSER ") && ops.contains("mc_modes_ops_") && !ops.contains(&dev), "{ops}");
    assert!(show(world, &["mc-modes", "--all"]).await.contains("super_administrator"));

    world.apply(&user("mc-modes", "alice", "  roles: [dev]\n  suspended: true")).await;
    says(world, &users, "alice", "True", "Suspended").await;
    assert_eq!(grants(world, "mc-modes.alice").await, Some(names([])), "it stays a user, without a role");
    world.apply(&user("mc-modes", "alice", "  roles: [dev]")).await;
    ready(world, &users, "alice").await;
    assert_eq!(grants(world, "mc-modes.alice").await, Some(names(["mc_modes_dev"])));

    // For a time: a role of its own, which says until when.
    let until = Timestamp::now() + std::time::Duration::from_secs(3600);
    let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let more = format!("  roles: [dev]\n  temporaryRoles: [{{name: ops, until: '{until}'}}]");
    world.apply(&user("mc-modes", "alice", &more)).await;
    eventually(world, "alice has the role for a time", || async {
        grants(world, "mc-modes.alice").await == Some(names(["mc_modes_dev", "mc_modes_ops_alice"]))
    })
    .await;
    ready(world, &users, "alice").await;
    let own = the_role(world, "mc_modes_ops_alice").await;
    let policy = root.role_policy(&own).await.unwrap().to_string();
    assert!(policy.contains("DateLessThan") && policy.contains(&until), "{policy}");
    world.apply(&user("mc-modes", "alice", "  roles: [dev]")).await;
    eventually(world, "that role is gone", || async { roles(world, "mc_modes_ops_alice").await.is_empty() }).await;
    delete(world, &tenants, "mc-modes").await;
}

// proves: Tenant.spec.deletionPolicy CloudAccount.spec.extras
#[tokio::test]
async fn what_is_let_go_stays_and_what_is_taken_out_is_cleaned() {
    let world = with_max_compute().await;
    let root = world.alibaba.root();
    projects(world, &["mc_out_a"]).await;
    let defs = definitions("mc-out");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let all_roles = of::<TenantRole>(world, &defs);
    world.apply(&tenant("mc-out", "")).await;
    world.apply(&role("mc-out", "dev", "acs:odps:*:projects/mc_out_a/*", &["mc_out_a"])).await;
    world.apply(&user("mc-out", "alice", "  roles: [dev]")).await;
    ready(world, &users, "alice").await;
    ready(world, &all_roles, "dev").await;

    // Taken out of the Tenant: users and roles go, RAM stays.
    let without = tenant("mc-out", "").replace(&format!(", maxCompute: {{region: cn-shanghai, project: {OPS}}}"), "");
    assert!(!without.contains("maxCompute"));
    world.apply(&without).await;
    eventually(world, "nothing is left in MaxCompute", || async {
        grants(world, "mc-out.alice").await.is_none() && roles(world, "mc_out_dev").await.is_empty()
    })
    .await;
    assert!(exists(world, "mc-out.alice").await);
    let told = says(world, &all_roles, "dev", "False", "Invalid").await;
    assert!(crate::support::message(&told).contains("nowhere in MaxCompute"), "{}", crate::support::message(&told));
    let clean =
        |it: &Tenant| it.status.as_ref().is_some_and(|it| it.accounts.iter().all(|it| it.max_compute.is_empty()));
    world.until(tenants.clone(), "mc-out", "says that nothing is left", clean).await;

    // And the other way round; then with an account that leaves what people grant.
    world.apply(&tenant("mc-out", "")).await;
    ready(world, &all_roles, "dev").await;
    ready(world, &users, "alice").await;
    world.apply(&another(world, "mc-report", "  driftCheckInterval: 1s\n  extras: Report")).await;
    let reported = tenant("mc-out", "").replace("{name: ali,", "{name: mc-report,");
    world.apply(&reported).await;
    ready(world, &users, "alice").await;
    root.said(OPS, &format!("grant tenant role admin to user {}", max_compute_user("mc-out.alice"))).await;
    reconcile(world, &users, "alice", "look").await;
    assert!(drifted(world, &users, "alice", "admin").await.contains("nobody asked for it"));
    assert_eq!(grants(world, "mc-out.alice").await, Some(names(["admin", "mc_out_dev"])));

    // Retained: everything stays, the project too.
    let dev = the_role(world, "mc_out_dev").await;
    let retained = tenant("mc-out", "  deletionPolicy: Retain").replace("{name: ali,", "{name: mc-report,");
    world.apply(&retained).await;
    delete(world, &tenants, "mc-out").await;
    assert_eq!(grants(world, "mc-out.alice").await, Some(names(["admin", "mc_out_dev"])));
    assert!(root.project_roles("mc_out_a").await.contains(&dev));
    assert!(listed(world, "list tenant roles").await.contains(&dev));
}
