//! PAI workspaces where something is in the way: wrong words, names that are taken, a region without PAI, modes in which
//! nothing is changed, and rights that are missing.

use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::{Fault, OperatorPolicy, World};

use super::workspaces::{PAI, id, members, roles, user_id, workspaces};
use super::{role_of, tenant, user};
use crate::support::{
    ALIBABA, annotate, condition, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, restart,
    says,
};
use crate::tenant::launch;

fn with_workspace(name: &str, workspace: &str, more: &str) -> String {
    tenant(name, &format!("  accounts: [{{name: {ALIBABA}, workspace: {{name: {workspace}}}}}]\n{more}"))
}

fn role(tenant: &str, name: &str, workspace_roles: &str) -> String {
    role_of(tenant, name, &format!("    workspaceRoles: [{workspace_roles}]\n"), &[])
}

async fn made_by_hand(world: &World, name: &str, description: &str) -> String {
    let body = json!({"WorkspaceName": name, "Description": description, "EnvTypes": ["prod"]});
    let made = world.alibaba.root().rest(PAI, "POST", "/api/v1/workspaces", &[], Some(body)).await;
    assert_eq!(made.status, 200, "{}", made.body);
    made.body["WorkspaceId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_cannot_be_is_said_and_everything_else_goes_on() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), "  driftCheckInterval: 2s").await;
    let tenants = Api::<Tenant>::all(world.client());
    let (of_a, of_b) = (definitions("la"), definitions("lb"));

    // A region without PAI: RAM goes on.
    let no_pai: Vec<Fault> = ["ListWorkspaces", "CreateWorkspace"]
        .map(|action| Fault::new(action, 404, "InvalidProduct.NotFound", 100_000))
        .into();
    world.alibaba.faults(&no_pai).await;
    world.apply(&(with_workspace("la", "la_lab", "") + &role("la", "developer", "PAI.AlgoDeveloper"))).await;
    let read = "effect: Allow, actions: ['ram:GetGroup'], resources: ['acs:ram:*:*:group/$(tenant)']";
    world.apply(&role_of("la", "reader", "", &[read])).await;
    world.apply(&user("la", "alice", "  roles: [developer, reader]\n  accessKey: {}")).await;
    world.apply(&user("la", "zoe", "  roles: [reader]\n  accessKey: {}")).await;
    let nowhere = says(world, &tenants, "la", "False", "Invalid").await;
    assert!(message(&nowhere).contains("PAI has no workspaces in region cn-shanghai"), "{}", message(&nowhere));
    let (users, users_b) = (of::<TenantUser>(world, &of_a), of::<TenantUser>(world, &of_b));
    ready(world, &users, "zoe").await;
    ready(world, &of::<TenantRole>(world, &of_a), "reader").await;
    let alice = says(world, &users, "alice", "False", "Waiting").await;
    assert!(message(&alice).contains("waits for the workspace la_lab of the Tenant"), "{}", message(&alice));
    assert!(!super::active_keys(world, "la.alice").await.is_empty(), "all but the workspace is there");
    let accounts = Api::<CloudAccount>::all(world.client());
    ready(world, &accounts, ALIBABA).await;
    world.alibaba.faults(&[]).await;
    reconcile(world, &tenants, "la", "there it is").await;
    ready(world, &users, "alice").await;
    ready(world, &tenants, "la").await;
    let lab = id(world, "la_lab").await;

    // Roles that there are not, a name that is another tenant's, one that is nobody's, another name and environment.
    world.apply(&role("la", "wrong", "PAI.Everything, PAI.LabelManager")).await;
    let wrong = says(world, &of::<TenantRole>(world, &of_a), "wrong", "False", "Invalid").await;
    let words =
        "there is no workspace role PAI.Everything. There are PAI.AlgoDeveloper, PAI.AlgoOperator, PAI.LabelManager,";
    assert!(message(&wrong).contains(words), "{}", message(&wrong));
    world.apply(&with_workspace("lb", "la_lab", "")).await;
    let taken = says(world, &tenants, "lb", "False", "NotOwned").await;
    assert!(message(&taken).contains("its mark says tenant/la of tenant la"), "{}", message(&taken));
    let by_hand = made_by_hand(world, "lb_lab", "ours").await;
    world.apply(&with_workspace("lb", "lb_lab", "")).await;
    super::looks(world, 2).await;
    let foreign = says(world, &tenants, "lb", "False", "NotOwned").await;
    assert!(message(&foreign).contains("it carries no mark of ours"), "{}", message(&foreign));
    let renamed =
        json!({"spec": {"accounts": [{"name": ALIBABA, "workspace": {"name": "la_lab_2", "env": ["dev", "prod"]}}]}});
    tenants.patch("la", &PatchParams::default(), &Patch::Merge(renamed)).await.unwrap();
    let renamed = says(world, &tenants, "la", "False", "Invalid").await;
    assert!(message(&renamed).contains("PAI cannot rename or move one"), "{}", message(&renamed));
    assert!(workspaces(world).await.contains_key("la_lab"));
    let other_env =
        json!({"spec": {"accounts": [{"name": ALIBABA, "workspace": {"name": "la_lab", "env": ["dev", "prod"]}}]}});
    tenants.patch("la", &PatchParams::default(), &Patch::Merge(other_env)).await.unwrap();
    let env = |it: &Tenant| condition(it, "Ready").is_some_and(|(_, why)| why.contains("which PAI cannot change to"));
    world.until(tenants.clone(), "la", "says what cannot change", env).await;
    let back = json!({"spec": {"accounts": [{"name": ALIBABA, "workspace": {"name": "la_lab"}}]}});
    tenants.patch("la", &PatchParams::default(), &Patch::Merge(back)).await.unwrap();
    ready(world, &tenants, "la").await;

    // Taken over: what is in it stays but for members that nobody asks for, and these too with extras: Report.
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 2s\n  extras: Report")).await;
    let zoe = json!({"Members": [{"UserId": user_id(world, "la.zoe").await, "Roles": ["PAI.WorkspaceGuest"]}]});
    let path = format!("/api/v1/workspaces/{by_hand}/members");
    assert_eq!(world.alibaba.root().rest(PAI, "POST", &path, &[], Some(zoe)).await.status, 200);
    world.apply(&role("lb", "developer", "PAI.AlgoDeveloper")).await;
    world.apply(&user("lb", "ben", "  roles: [developer]")).await;
    annotate(&tenants, "lb", "tenantry.dev/adopt", "true").await;
    ready(world, &users_b, "ben").await;
    let adopted = ready(world, &tenants, "lb").await;
    assert_eq!(adopted.status.as_ref().unwrap().accounts[0].workspace_id.as_ref(), Some(&by_hand));
    let told =
        |it: &Tenant| condition(it, "Drifted").is_some_and(|(_, why)| why.contains("member la.zoe → workspace lb_lab"));
    world.until(tenants.clone(), "lb", "tells of the member", told).await;
    let both = roles([("la.zoe", &["PAI.WorkspaceGuest"]), ("lb.ben", &["PAI.AlgoDeveloper"])]);
    assert_eq!(members(world, &by_hand).await, both);
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 2s")).await;
    let ben = roles([("lb.ben", &["PAI.AlgoDeveloper"])]);
    eventually(world, "nobody else is in it", || async { members(world, &by_hand).await == ben }).await;

    // Observed, nothing is written; retained, only the mark comes off.
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 2s\n  management: Observe")).await;
    world.apply(&user("lb", "amy", "  roles: [developer]")).await;
    let observed = |it: &TenantUser| condition(it, "Drifted").is_some_and(|(_, why)| why.contains("only observed"));
    world.until(users_b.clone(), "amy", "is only told", observed).await;
    assert_eq!(members(world, &by_hand).await, ben);
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 2s")).await;
    ready(world, &users_b, "amy").await;
    let retain = json!({"spec": {"deletionPolicy": "Retain"}});
    tenants.patch("lb", &PatchParams::default(), &Patch::Merge(retain)).await.unwrap();
    ready(world, &tenants, "lb").await;
    delete(world, &users_b, "amy").await;
    delete(world, &tenants, "lb").await;
    let left = workspaces(world).await["lb_lab"].clone();
    assert_eq!(left["Description"], "lb_lab");
    let kept = roles([("lb.amy", &["PAI.AlgoDeveloper"]), ("lb.ben", &["PAI.AlgoDeveloper"])]);
    assert_eq!(members(world, &by_hand).await, kept);
    delete(world, &tenants, "la").await;
    assert!(!workspaces(world).await.values().any(|it| it["WorkspaceId"] == lab.as_str()));
}

/// Every right on workspaces that the documented policy gives is needed: each is taken out, what it is for is asked for,
/// and the condition names it. What the operator makes itself it owns; so this is about one that it took over.
#[tokio::test]
async fn every_right_on_workspaces_is_needed() {
    let launch = launch().argument("--fresh-write=0");
    let mut world = own_alibaba(launch.clone(), "  driftCheckInterval: 1h").await;
    let without = |action: &str| OperatorPolicy::alibaba().without(action);
    world.alibaba.operator_may(&without("paiworkspace:ListWorkspaces")).await;
    restart(&mut world, &launch).await;
    let world = &world;
    let tenants = Api::<Tenant>::all(world.client());

    // Without any of these the tenant says which one is missing, and goes on when it is there again.
    let denied = async |name: &str, action: &str| {
        let named = format!("Add \"{action}\" to the operator's policy");
        let says = |it: &Tenant| condition(it, "Ready").is_some_and(|(_, why)| why.contains(&named));
        world.until(tenants.clone(), name, &named, says).await;
    };
    world.apply(&(with_workspace("wr", "made", "") + &role("wr", "developer", "PAI.AlgoDeveloper"))).await;
    denied("wr", "paiworkspace:ListWorkspaces").await;
    world.alibaba.operator_may(&without("paiworkspace:CreateWorkspace")).await;
    annotate(&tenants, "wr", "tenantry.dev/reconcile", "1").await;
    denied("wr", "paiworkspace:CreateWorkspace").await;
    world.alibaba.operator_may(&OperatorPolicy::alibaba()).await;
    annotate(&tenants, "wr", "tenantry.dev/reconcile", "2").await;
    ready(world, &tenants, "wr").await;
    world.alibaba.operator_may(&without("paiworkspace:DeleteWorkspace")).await;
    world.apply(&with_workspace("ws", "other", "")).await;
    ready(world, &tenants, "ws").await;
    tenants.delete("ws", &Default::default()).await.unwrap();
    denied("ws", "paiworkspace:DeleteWorkspace").await;
    world.alibaba.operator_may(&OperatorPolicy::alibaba()).await;
    annotate(&tenants, "ws", "tenantry.dev/reconcile", "2").await;
    world.gone(tenants.clone(), "ws").await;

    // Somebody else's workspace, taken over.
    let by_hand = made_by_hand(world, "theirs", "by hand").await;
    reconcile(world, &tenants, "wr", "there is one more").await;
    // It is looked at before it is taken over: in this order no pass that is under way gets further than it should.
    world.alibaba.operator_may(&without("paiworkspace:GetWorkspace")).await;
    world.apply(&with_workspace("wt", "theirs", "")).await;
    annotate(&tenants, "wt", "tenantry.dev/adopt", "true").await;
    denied("wt", "paiworkspace:GetWorkspace").await;
    world.alibaba.operator_may(&without("paiworkspace:UpdateWorkspace")).await;
    annotate(&tenants, "wt", "tenantry.dev/reconcile", "1").await;
    denied("wt", "paiworkspace:UpdateWorkspace").await;
    world.alibaba.operator_may(&without("paiworkspace:ListMembers")).await;
    annotate(&tenants, "wt", "tenantry.dev/reconcile", "2").await;
    denied("wt", "paiworkspace:ListMembers").await;
    world.alibaba.operator_may(&without("paiworkspace:CreateMember")).await;
    annotate(&tenants, "wt", "tenantry.dev/reconcile", "3").await;
    let users_t = of::<TenantUser>(world, &definitions("wt"));
    world.apply(&(role("wt", "developer", "PAI.AlgoDeveloper") + &user("wt", "tom", "  roles: [developer]"))).await;
    let user_denied = async |action: &str| {
        let named = format!("Add \"{action}\" to the operator's policy");
        let says = |it: &TenantUser| condition(it, "Ready").is_some_and(|(_, why)| why.contains(&named));
        world.until(users_t.clone(), "tom", &named, says).await;
    };
    user_denied("paiworkspace:CreateMember").await;
    world.alibaba.operator_may(&without("paiworkspace:AddMemberRole")).await;
    annotate(&users_t, "tom", "tenantry.dev/reconcile", "1").await;
    ready(world, &users_t, "tom").await;
    world.apply(&role("wt", "developer", "PAI.AlgoDeveloper, PAI.LabelManager")).await;
    user_denied("paiworkspace:AddMemberRole").await;
    world.alibaba.operator_may(&without("paiworkspace:RemoveMemberRole")).await;
    annotate(&users_t, "tom", "tenantry.dev/reconcile", "2").await;
    ready(world, &users_t, "tom").await;
    world.apply(&role("wt", "developer", "PAI.LabelManager")).await;
    user_denied("paiworkspace:RemoveMemberRole").await;
    world.alibaba.operator_may(&without("paiworkspace:DeleteMembers")).await;
    annotate(&users_t, "tom", "tenantry.dev/reconcile", "3").await;
    ready(world, &users_t, "tom").await;
    world.apply(&user("wt", "tom", "  roles: []")).await;
    user_denied("paiworkspace:DeleteMembers").await;
    world.alibaba.operator_may(&OperatorPolicy::alibaba()).await;
    annotate(&users_t, "tom", "tenantry.dev/reconcile", "4").await;
    ready(world, &users_t, "tom").await;
    assert!(members(world, &by_hand).await.is_empty());
    for name in ["wr", "wt"] {
        delete(world, &tenants, name).await;
    }
    assert!(workspaces(world).await.is_empty());
}
