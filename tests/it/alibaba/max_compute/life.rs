//! Manifests become users, roles and grants, and go again.

use kube::api::Api;
use serde_json::json;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::alibaba::max_compute_user;

use super::super::outside::compared;
use super::super::{exists, names, role_of, user};
use super::{OPS, grants, listed, principals, projects, role, roles, tenant, the_role, with_max_compute};
use crate::support::{definitions, delete, of, ready};

// proves: Tenant.spec.accounts[].maxCompute Tenant.spec.accounts[].maxCompute.{region,project}
// proves: Tenant.status.accounts[].maxCompute[] Tenant.status.accounts[].maxCompute[].{region,project}
// proves: TenantRole.spec.alibaba.maxCompute TenantRole.spec.alibaba.maxCompute.projects
// proves: TenantRole.spec.alibaba.maxCompute.statements[] TenantRole.spec.alibaba.maxCompute.statements[].{effect,actions,resources}
// proves: TenantRole.spec.alibaba.maxCompute.statements[].{notActions,notResources,conditions}
// proves: TenantRole.status.accounts[].maxCompute TenantRole.status.accounts[].maxCompute.{region,project,role,projects}
#[tokio::test]
async fn manifests_become_users_roles_and_grants_and_go_again() {
    let world = with_max_compute().await;
    let root = world.alibaba.root();
    projects(world, &["mc_life_dev", "mc_life_prod"]).await;
    let defs = definitions("mc-life");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let all_roles = of::<TenantRole>(world, &defs);
    world.apply(&tenant("mc-life", "")).await;
    let dev = role("mc-life", "dev", "acs:odps:*:projects/$(tenant)_dev/*", &["mc_life_dev", "mc_life_prod"]);
    world.apply(&dev).await;
    let base = role("mc-life", "base", "acs:odps:*:regions/*/quotas/*", &[]);
    world.apply(&base.replace("  alibaba:", "  default: true\n  alibaba:")).await;
    let home = role("mc-life", "home", "acs:odps:*:projects/$(tenant)_dev/tables/$(user)_*", &["mc_life_dev"]);
    world.apply(&home).await;
    let but = "{effect: Deny, notActions: ['odps:List'], notResources: ['acs:odps:*:projects/mc_life_dev/*'], \
               conditions: {Bool: {'acs:SecureTransport': ['false']}}}";
    world.apply(&role_of("mc-life", "but", &format!("    maxCompute: {{statements: [{but}]}}"), &[])).await;
    world.apply(&user("mc-life", "alice", "  roles: [dev, home]\n  accessKey: {}")).await;
    world.apply(&user("mc-life", "bob", "  roles: [dev]")).await;
    world.apply(&user("mc-life", "carol", "")).await;
    for name in ["alice", "bob", "carol"] {
        ready(world, &users, name).await;
    }
    let made = ready(world, &all_roles, "dev").await;
    let acme = ready(world, &tenants, "mc-life").await;

    // Who has what, as MaxCompute says it.
    let dev = the_role(world, "mc_life_dev").await;
    assert_eq!(
        grants(world, "mc-life.alice").await,
        Some(names(["mc_life_base", "mc_life_dev", "mc_life_home_alice"]))
    );
    assert_eq!(grants(world, "mc-life.bob").await, Some(names(["mc_life_base", "mc_life_dev"])));
    assert_eq!(grants(world, "mc-life.carol").await, Some(names(["mc_life_base"])));
    assert_eq!(principals(world, &dev).await, ["mc-life.alice", "mc-life.bob"].map(max_compute_user).into());
    let policy = json!({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": ["odps:List", "odps:Read"], "Resource": "acs:odps:*:projects/mc_life_dev/*"},
    ]});
    let same = |a: &serde_json::Value, b: &serde_json::Value| {
        let parsed = |it: &serde_json::Value| tenantry::policy::Document::parse(&it.to_string()).unwrap();
        parsed(a).same_meaning(&parsed(b))
    };
    assert!(same(&root.role_policy(&dev).await.unwrap(), &policy));
    let home = the_role(world, "mc_life_home_alice").await;
    assert!(root.role_policy(&home).await.unwrap().to_string().contains("tables/alice_*"));
    for project in ["mc_life_dev", "mc_life_prod"] {
        assert!(root.project_roles(project).await.contains(&dev), "{project}");
    }
    assert!(!root.project_roles("mc_life_prod").await.contains(&home));

    // And as the official clients see it.
    ready(world, &all_roles, "but").await;
    let [base, but] = [the_role(world, "mc_life_base").await, the_role(world, "mc_life_but").await];
    let allow = |actions: &[&str], resource: &str| {
        json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resource},
        ]})
    };
    let plain =
        |policy: serde_json::Value, projects: serde_json::Value| json!({"policy": policy, "projects": projects});
    let both = ["odps:List", "odps:Read"];
    let denied = json!({"Version": "1", "Statement": [{
        "Effect": "Deny", "NotAction": "odps:List", "NotResource": "acs:odps:*:projects/mc_life_dev/*",
        "Condition": {"Bool": {"acs:SecureTransport": "false"}},
    }]});
    let wanted = json!({
        "project": OPS,
        "users": {
            max_compute_user("mc-life.alice"): [&base, &dev, &home],
            max_compute_user("mc-life.bob"): [&base, &dev],
            max_compute_user("mc-life.carol"): [&base],
        },
        "roles": {
            &dev: plain(allow(&both, "acs:odps:*:projects/mc_life_dev/*"), json!({"mc_life_dev": true, "mc_life_prod": true})),
            &home: plain(
                allow(&both, "acs:odps:*:projects/mc_life_dev/tables/alice_*"),
                json!({"mc_life_dev": true, "mc_life_prod": false}),
            ),
            &base: plain(allow(&both, "acs:odps:*:regions/*/quotas/*"), json!({"mc_life_dev": false})),
            &but: plain(denied, json!({"mc_life_dev": false})),
        },
    });
    assert_eq!(compared(world, "made_in_maxcompute.py", &wanted).await, "");

    // As the statuses tell it.
    let told = made.status.unwrap().accounts[0].max_compute.clone().unwrap();
    assert_eq!((told.role.as_str(), told.region.as_str(), told.project.as_str()), (dev.as_str(), "cn-shanghai", OPS));
    assert_eq!(told.projects, ["mc_life_dev", "mc_life_prod"]);
    let place = &acme.status.unwrap().accounts[0].max_compute;
    assert_eq!(
        place.iter().map(|it| (it.region.as_str(), it.project.as_str())).collect::<Vec<_>>(),
        [("cn-shanghai", OPS)]
    );

    // Edited: another policy, one project less, one role less.
    world.apply(&role("mc-life", "dev", "acs:odps:*:projects/$(tenant)_dev/tables/*", &["mc_life_dev"])).await;
    world.apply(&user("mc-life", "bob", "  roles: []")).await;
    let edited = |it: &TenantRole| {
        let told = it.status.as_ref().and_then(|status| status.accounts.first()?.max_compute.clone());
        told.is_some_and(|told| told.projects == ["mc_life_dev"])
    };
    world.until(all_roles.clone(), "dev", "is in one project", edited).await;
    ready(world, &users, "bob").await;
    assert!(root.role_policy(&dev).await.unwrap().to_string().contains("tables/*"));
    assert!(!root.project_roles("mc_life_prod").await.contains(&dev));
    assert_eq!(grants(world, "mc-life.bob").await, Some(names(["mc_life_base"])));

    // One by one, then all.
    delete(world, &users, "alice").await;
    assert_eq!(grants(world, "mc-life.alice").await, None);
    assert!(!exists(world, "mc-life.alice").await);
    assert!(roles(world, "mc_life_home_alice").await.is_empty(), "the role was alice's alone");
    delete(world, &all_roles, "dev").await;
    assert!(roles(world, "mc_life_dev").await.is_empty());
    delete(world, &tenants, "mc-life").await;
    let mut left = listed(world, "list tenant users").await;
    left.extend(listed(world, "list tenant roles").await);
    left.retain(|name| name.contains("mc_life") || name.contains("mc-life"));
    assert!(left.is_empty(), "{left:?}");
}
