//! Modes in which something in RAM is left as it is, and told; and objects that are taken over.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};

use super::{
    POWER, active_keys, another, attached, exists, groups, key_in, looks_at_group, names, of_group, operator_calls,
    policy, role, shared, tag, tags, tenant, user,
};
use crate::modes::{drifted, undrifted};
use crate::support::{
    ALIBABA, annotate, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, says,
};
use crate::tenant::launch;

// proves: CloudAccount.spec.management Drifted
#[tokio::test]
async fn an_account_that_is_only_observed_is_not_written_and_everything_is_told() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1s").await;
    let defs = definitions("ob");
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    world.apply(&(tenant("ob", "") + &role("ob", "reader"))).await;
    for name in ["alice", "bob"] {
        world.apply(&user("ob", name, "  roles: [reader]\n  accessKey: {}")).await;
        ready(world, &users, name).await;
    }
    ready(world, &roles, "reader").await;
    let secrets = of::<Secret>(world, &defs);
    let before = secrets.get("alice-ali").await.unwrap();
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 1s\n  management: Observe")).await;
    ready(world, &accounts, ALIBABA).await;
    world.alibaba.reset_calls().await;
    world.apply(&role("ob", "reader").replace("ram:GetGroup", "ram:GetUser")).await;
    world.apply(&user("ob", "alice", "  suspended: true\n  accessKey: {}")).await;
    world.apply(&user("ob", "carol", "  roles: [reader]\n  accessKey: {}")).await;
    world.alibaba.root().done("RemoveUserFromGroup", &[("UserName", "ob.bob"), ("GroupName", "ob")]).await;
    assert!(drifted(world, &roles, "reader", "policy ob-reader").await.contains("only observed"));
    let said = drifted(world, &users, "alice", "tenantry-suspended").await;
    assert!(said.contains("ob-reader") && said.contains("inactive"), "{said}");
    drifted(world, &users, "carol", "user ob.carol").await;
    reconcile(world, &users, "bob", "look").await;
    drifted(world, &users, "bob", "member ob.bob → ob").await;
    let carol = ready(world, &users, "carol").await;
    let seen = &carol.status.as_ref().unwrap().accounts[0];
    assert!(!seen.ready && seen.message.as_ref().is_some_and(|it| it.contains("only observed")), "{seen:?}");
    assert!(!exists(world, "ob.carol").await && secrets.get_opt("carol-ali").await.unwrap().is_none());
    // Deletion releases: manifests go, what they made stays, the Secret too.
    delete(world, &users, "alice").await;
    let after = secrets.get("alice-ali").await.unwrap();
    assert_eq!((&after.data, after.owner_references().len()), (&before.data, 0));
    assert!(world.alibaba.client(key_in(&after)).who().await.is_ok());
    delete(world, &tenants, "ob").await;
    delete(world, &accounts, ALIBABA).await;
    assert!(exists(world, "ob.alice").await && exists(world, "ob.bob").await);
    let written: Vec<String> = operator_calls(world).await;
    let written: Vec<&String> = written.iter().filter(|it| !it.starts_with("Get") && !it.starts_with("List")).collect();
    assert!(written.is_empty(), "{written:?}");
}

// proves: CloudAccount.spec.extras Drifted
#[tokio::test]
async fn what_people_attach_by_hand_is_only_told_with_extras_report() {
    let world = shared().await;
    let users = of::<TenantUser>(world, &definitions("ex"));
    let tenants: Api<Tenant> = Api::all(world.client());
    let kept = |extras: &str| {
        another(world, "ex", &format!("  namePrefix: ex-\n  extras: {extras}\n  driftCheckInterval: 1s"))
    };
    world.apply(&kept("Report")).await;
    world.apply(&(tenant("ex", "  accounts: [{name: ex}]") + &role("ex", "reader") + &role("ex", "writer"))).await;
    world.apply(&user("ex", "alice", "  roles: [reader, writer]\n  accessKey: {}")).await;
    ready(world, &users, "alice").await;
    ready(world, &tenants, "ex").await;
    let root = world.alibaba.root();
    root.done("CreateGroup", &[("GroupName", "people-ex")]).await;
    root.done("AddUserToGroup", &[("UserName", "ex-ex.alice"), ("GroupName", "people-ex")]).await;
    root.done("AttachPolicyToUser", &[&POWER[..], &[("UserName", "ex-ex.alice")]].concat()).await;
    root.done("AttachPolicyToGroup", &[&POWER[..], &[("GroupName", "ex-ex")]].concat()).await;
    tag(world, "ex-ex.alice", &[("note", "x"), ("tenant", "beta")]).await;
    let theirs = world.alibaba.another_key("ex-ex.alice").await;
    reconcile(world, &users, "alice", "look").await;
    for words in [
        "attach AdministratorAccess → ex-ex.alice",
        "member ex-ex.alice → people-ex",
        "tags note",
        &theirs.access_key_id,
    ] {
        drifted(world, &users, "alice", words).await;
    }
    drifted(world, &tenants, "ex", "attach AdministratorAccess → ex").await;
    // What is ours goes as ever, and what is changed of it is put right.
    world.apply(&user("ex", "alice", "  roles: [reader]\n  accessKey: {}")).await;
    eventually(world, "the role that was taken off is off", || async {
        attached(world, "ex-ex.alice").await == names(["AdministratorAccess", "ex-ex-reader"])
    })
    .await;
    eventually(world, "the tag that grants is put right", || async {
        let tags = tags(world, "ex-ex.alice").await;
        tags["tenant"] == "ex" && tags["note"] == "x"
    })
    .await;
    assert_eq!(active_keys(world, "ex-ex.alice").await.len(), 2);
    ready(world, &users, "alice").await;

    // With Remove, the default, all of it goes.
    world.apply(&kept("Remove")).await;
    undrifted(world, &users, "alice").await;
    undrifted(world, &tenants, "ex").await;
    eventually(world, "all of it is gone", || async {
        attached(world, "ex-ex.alice").await == names(["ex-ex-reader"])
            && groups(world, "ex-ex.alice").await == names(["ex-ex"])
            && of_group(world, "ex-ex").await == Some(names([]))
            && active_keys(world, "ex-ex.alice").await.len() == 1
    })
    .await;
    root.done("DeleteGroup", &[("GroupName", "people-ex")]).await;
    delete(world, &tenants, "ex").await;
    delete(world, &Api::<CloudAccount>::all(world.client()), "ex").await;
}

// proves: tenantry.dev/adopt NotOwned
#[tokio::test]
async fn objects_without_a_mark_are_taken_over_and_anothers_never() {
    let world = shared().await;
    let (users, roles) = (of::<TenantUser>(world, &definitions("av")), of::<TenantRole>(world, &definitions("av")));
    let tenants: Api<Tenant> = Api::all(world.client());
    let root = world.alibaba.root();
    for name in ["av.alice", "av.bob"] {
        root.done("CreateUser", &[("UserName", name)]).await;
        root.done("AttachPolicyToUser", &[&POWER[..], &[("UserName", name)]].concat()).await;
        tag(world, name, &[("team", "people")]).await;
    }
    let marks = [("cluster", "elsewhere"), ("tenant", "av"), ("owner", "tenantuser/av-defs/bob")];
    let marks = marks.map(|(key, value)| (format!("tenantry.dev/{key}"), value));
    tag(world, "av.bob", &marks.each_ref().map(|(key, value)| (key.as_str(), *value))).await;
    root.done("CreateGroup", &[("GroupName", "av"), ("Comments", "people's own")]).await;
    // The name of a policy has a hash in it, so its name is known once it was made.
    world.apply(&(tenant("av", "") + &role("av", "reader"))).await;
    ready(world, &roles, "reader").await;
    let reader = policy(world, "av-reader").await;
    crate::letting_go::tear_out(world, &roles, "reader").await;
    let anything = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    root.done("DeletePolicy", &[("PolicyName", &reader), ("CascadingDelete", "true")]).await;
    root.done("CreatePolicy", &[("PolicyName", &reader), ("PolicyDocument", anything)]).await;
    super::looks(world, 2).await;
    world.apply(&role("av", "reader")).await;
    for name in ["alice", "bob"] {
        world.apply(&user("av", name, "  roles: [reader]\n  accessKey: {}")).await;
        let said = says(world, &users, name, "False", "NotOwned").await;
        assert!(message(&said).contains(&format!("av.{name}")), "{}", message(&said));
    }
    says(world, &roles, "reader", "False", "NotOwned").await;
    says(world, &tenants, "av", "False", "NotOwned").await;
    for name in ["alice", "bob"] {
        annotate(&users, name, "tenantry.dev/adopt", "true").await;
    }
    annotate(&roles, "reader", "tenantry.dev/adopt", "true").await;
    annotate(&tenants, "av", "tenantry.dev/adopt", "true").await;
    ready(world, &tenants, "av").await;
    ready(world, &roles, "reader").await;
    ready(world, &users, "alice").await;
    let theirs = says(world, &users, "bob", "False", "NotOwned").await;
    assert!(message(&theirs).contains("cluster elsewhere"), "{}", message(&theirs));

    // Taken over, they are ours: marked, and as the manifests say.
    let hers = tags(world, "av.alice").await;
    assert!(hers.contains_key("tenantry.dev/owner") && !hers.contains_key("team"), "{hers:?}");
    eventually(world, "she has what her manifest says", || async {
        attached(world, "av.alice").await == names(["av-reader"]) && groups(world, "av.alice").await == names(["av"])
    })
    .await;
    let key = super::key(world, "av", "alice").await;
    assert!(looks_at_group(world, &key, "av").await, "the role's own document is in force");
    let comment = root.done("GetGroup", &[("GroupName", "av")]).await["Group"]["Comments"].as_str().unwrap().to_owned();
    assert!(comment.starts_with("tenantry: /tenants/") && comment.ends_with("/av/"), "{comment}");
    assert_eq!(tags(world, "av.bob").await["team"], "people");
    assert_eq!(attached(world, "av.bob").await, names(["AdministratorAccess"]));
    assert!(active_keys(world, "av.bob").await.is_empty());
    delete(world, &tenants, "av").await;
    assert!(!exists(world, "av.alice").await && exists(world, "av.bob").await);
}
