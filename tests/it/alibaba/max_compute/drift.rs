//! What people change in MaxCompute behind the operator's back is put right: what lists show by the next look, the rest when
//! it is asked for or in its turn.

use kube::api::Api;
use serde_json::json;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::alibaba::max_compute_user;

use super::super::{names, user};
use super::{OPS, grants, principals, projects, role, tenant, the_role, with_max_compute};
use crate::support::{definitions, delete, eventually, of, ready, reconcile};

#[tokio::test]
async fn what_people_change_in_max_compute_is_put_right() {
    let world = with_max_compute().await;
    let root = world.alibaba.root();
    projects(world, &["mc_drift_a", "mc_drift_b"]).await;
    let defs = definitions("mc-drift");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let all_roles = of::<TenantRole>(world, &defs);
    world.apply(&tenant("mc-drift", "")).await;
    for name in ["edited", "dropped", "kept"] {
        world.apply(&role("mc-drift", name, "acs:odps:*:projects/mc_drift_a/*", &["mc_drift_a"])).await;
    }
    for name in ["alice", "bob"] {
        world.apply(&user("mc-drift", name, "  roles: [edited, dropped, kept]")).await;
    }
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    for name in ["edited", "dropped", "kept"] {
        ready(world, &all_roles, name).await;
    }
    ready(world, &tenants, "mc-drift").await;
    let wanted = Some(names(["mc_drift_dropped", "mc_drift_edited", "mc_drift_kept"]));
    let alice = max_compute_user("mc-drift.alice");
    let [edited, dropped, kept] = [
        the_role(world, "mc_drift_edited").await,
        the_role(world, "mc_drift_dropped").await,
        the_role(world, "mc_drift_kept").await,
    ];

    // What lists show: a role that was dropped, a user that was removed.
    root.said(OPS, &format!("drop tenant role {dropped}")).await;
    root.said(OPS, &format!("remove tenant user {}", max_compute_user("mc-drift.bob"))).await;
    eventually(world, "the role is there again, for both", || async {
        principals(world, &dropped).await.len() == 2 && root.project_roles("mc_drift_a").await.contains(&dropped)
    })
    .await;
    eventually(world, "bob is back with its roles", || async { grants(world, "mc-drift.bob").await == wanted }).await;

    // What is read in turn, and at once where somebody asks.
    root.said(OPS, &format!("revoke tenant role {kept} from user {alice}")).await;
    root.said(OPS, &format!("grant tenant role admin to user {alice}")).await;
    let anything = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "odps:*", "Resource": "*"}]});
    root.put_role_policy(&edited, &anything).await;
    let stranger = max_compute_user("mc-drift-stranger");
    root.done("CreateUser", &[("UserName", "mc-drift-stranger")]).await;
    root.said(OPS, &format!("add tenant user {stranger}")).await;
    root.said(OPS, &format!("grant tenant role {kept} to user {stranger}")).await;
    root.said(OPS, &format!("remove tenant role {kept} from project mc_drift_a")).await;
    root.said(OPS, &format!("add tenant role {kept} to project mc_drift_b")).await;
    reconcile(world, &tenants, "mc-drift", "look").await;
    eventually(world, "alice has what it should have and no more", || async {
        grants(world, "mc-drift.alice").await == wanted
    })
    .await;
    eventually(world, "the policy says what the manifest says", || async {
        root.role_policy(&edited).await.is_some_and(|it| it.to_string().contains("mc_drift_a"))
    })
    .await;
    eventually(world, "nobody else has the role", || async { !principals(world, &kept).await.contains(&stranger) })
        .await;
    eventually(world, "it is in its project", || async { root.project_roles("mc_drift_a").await.contains(&kept) })
        .await;
    root.said(OPS, &format!("remove tenant user {stranger}")).await;
    delete(world, &tenants, "mc-drift").await;
}
