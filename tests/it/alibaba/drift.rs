//! What people change in RAM behind the operator's back is put right: what lists or counts show by the next look, the
//! rest when it is asked for or in its turn. And what people hung on an object goes with it.

use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantUser};
use testbed::alibaba::IMS;

use super::{
    POWER, account, active_keys, attached, document, exists, groups, key, key_in, looks, names, of_group,
    operator_calls, policy, role, shared, tag, tags, tenant, user,
};
use crate::support::{definitions, delete, eventually, of, own_alibaba, ready, reconcile, restart};
use crate::tenant::launch;

const ANYTHING: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

// proves: CloudAccount.spec.driftCheckInterval
#[tokio::test]
async fn what_people_change_in_the_account_is_put_right() {
    let world = shared().await;
    let defs = definitions("dr");
    let (users, tenants) = (of::<TenantUser>(world, &defs), Api::<Tenant>::all(world.client()));
    let root = world.alibaba.root();
    world.apply(&tenant("dr", "  accounts: [{name: ali, systemPolicies: [AliyunPAIReadOnlyAccess]}]")).await;
    for name in ["reader", "edited", "lost"] {
        world.apply(&role("dr", name)).await;
    }
    let all = ["alice", "gone", "tagged"];
    for name in all {
        world
            .apply(&user("dr", name, "  roles: [reader, edited, lost]\n  accessKey: {}\n  tags: {team: vision}"))
            .await;
    }
    for name in all {
        ready(world, &users, name).await;
    }
    ready(world, &tenants, "dr").await;
    looks(world, 2).await;

    // What a look shows by itself: a policy that was edited, detached or deleted; tags; a user or group that is gone.
    let edited = policy(world, "dr-edited").await;
    let version = [("PolicyName", edited.as_str()), ("PolicyDocument", ANYTHING), ("SetAsDefault", "true")];
    root.done("CreatePolicyVersion", &version).await;
    let reader = policy(world, "dr-reader").await;
    let of_alice = [("PolicyName", reader.as_str()), ("PolicyType", "Custom"), ("UserName", "dr.alice")];
    root.done("DetachPolicyFromUser", &of_alice).await;
    tag(world, "dr.tagged", &[("tenant", "beta"), ("note", "x"), ("team", "y")]).await;
    eventually(world, "the document is the role's again", || async {
        document(world, &edited).await.to_string().contains("ram:GetGroup")
    })
    .await;
    let wanted = names(["dr-reader", "dr-edited", "dr-lost"]);
    eventually(world, "the attachment is back", || async { attached(world, "dr.alice").await == wanted }).await;
    eventually(world, "tags are as they were", || async {
        let tags = tags(world, "dr.tagged").await;
        tags["tenant"] == "dr" && tags["team"] == "vision" && !tags.contains_key("note")
    })
    .await;
    let lost = policy(world, "dr-lost").await;
    eventually(world, "a policy is deleted", || async {
        for name in ["dr.alice", "dr.gone", "dr.tagged"] {
            let _ = root
                .ram("DetachPolicyFromUser", &[("PolicyName", &lost), ("PolicyType", "Custom"), ("UserName", name)])
                .await;
        }
        root.ram("DeletePolicy", &[("PolicyName", &lost)]).await.status == 200
    })
    .await;
    eventually(world, "it is made again and attached", || async {
        let mut back = true;
        for name in ["dr.alice", "dr.gone", "dr.tagged"] {
            back &= attached(world, name).await == wanted;
        }
        back
    })
    .await;
    eventually(world, "a user is deleted", || async {
        for id in active_keys(world, "dr.gone").await {
            let _ = root.ram("DeleteAccessKey", &[("UserName", "dr.gone"), ("UserAccessKeyId", &id)]).await;
        }
        let _ = root.ram("RemoveUserFromGroup", &[("UserName", "dr.gone"), ("GroupName", "dr")]).await;
        for head in ["dr-reader", "dr-edited", "dr-lost"] {
            let name = policy(world, head).await;
            let _ = root
                .ram(
                    "DetachPolicyFromUser",
                    &[("PolicyName", &name), ("PolicyType", "Custom"), ("UserName", "dr.gone")],
                )
                .await;
        }
        root.ram("DeleteUser", &[("UserName", "dr.gone")]).await.status == 200
    })
    .await;
    eventually(world, "it is back, with all that is its own", || async {
        attached(world, "dr.gone").await == wanted && groups(world, "dr.gone").await == names(["dr"])
    })
    .await;
    eventually(world, "with a new key in its Secret", || async {
        let secret = of::<k8s_openapi::api::core::v1::Secret>(world, &defs).get("gone-ali").await.unwrap();
        active_keys(world, "dr.gone").await == [key_in(&secret).access_key_id]
    })
    .await;
    ready(world, &users, "gone").await;

    // What no list shows is found when somebody asks, and else in its turn.
    root.done("RemoveUserFromGroup", &[("UserName", "dr.alice"), ("GroupName", "dr")]).await;
    root.done("AttachPolicyToUser", &[&POWER[..], &[("UserName", "dr.alice")]].concat()).await;
    root.done("AttachPolicyToGroup", &[&POWER[..], &[("GroupName", "dr")]].concat()).await;
    root.done("CreateGroup", &[("GroupName", "people-dr")]).await;
    root.done("AddUserToGroup", &[("UserName", "dr.alice"), ("GroupName", "people-dr")]).await;
    world.alibaba.another_key("dr.alice").await;
    reconcile(world, &users, "alice", "look").await;
    eventually(world, "memberships, attachments and keys are as they were", || async {
        groups(world, "dr.alice").await == names(["dr"])
            && attached(world, "dr.alice").await == wanted
            && of_group(world, "dr").await == Some(names(["AliyunPAIReadOnlyAccess"]))
            && active_keys(world, "dr.alice").await == [key(world, "dr", "alice").await.access_key_id]
    })
    .await;
    root.done("DeleteGroup", &[("GroupName", "people-dr")]).await;
    eventually(world, "the group is deleted", || async {
        for name in ["dr.alice", "dr.gone", "dr.tagged"] {
            let _ = root.ram("RemoveUserFromGroup", &[("UserName", name), ("GroupName", "dr")]).await;
        }
        let policy = [("PolicyName", "AliyunPAIReadOnlyAccess"), ("PolicyType", "System"), ("GroupName", "dr")];
        let _ = root.ram("DetachPolicyFromGroup", &policy).await;
        root.ram("DeleteGroup", &[("GroupName", "dr")]).await.status == 200
    })
    .await;
    eventually(world, "the group is made again, with what it carries and who is in it", || async {
        let mut back = of_group(world, "dr").await == Some(names(["AliyunPAIReadOnlyAccess"]));
        for name in ["dr.alice", "dr.gone", "dr.tagged"] {
            back &= groups(world, name).await == names(["dr"]);
        }
        back
    })
    .await;
    for name in all {
        ready(world, &users, name).await;
    }
    delete(world, &tenants, "dr").await;
    assert!(!account(world).await.iter().any(|it| it.contains(" dr.") || it.contains(" dr-") || it.ends_with(" dr")));
}

/// All that RAM can hang on a user and its group.
async fn by_hand(world: &testbed::World, user: &str) {
    let root = world.alibaba.root();
    let of_user = ("UserName", user);
    root.done("CreateAccessKey", &[of_user]).await;
    root.done("CreateLoginProfile", &[of_user, ("Password", "By-hand-12345!")]).await;
    root.done("AddUserToGroup", &[of_user, ("GroupName", "friends")]).await;
    root.done("AttachPolicyToUser", &[&POWER[..], &[of_user]].concat()).await;
    root.done("AttachPolicyToUser", &[("PolicyName", "by-hand"), ("PolicyType", "Custom"), of_user]).await;
    let device = root.done("CreateVirtualMFADevice", &[("VirtualMFADeviceName", &user.replace('.', "-"))]).await;
    let serial = device["VirtualMFADevice"]["SerialNumber"].as_str().unwrap().to_owned();
    let codes = [("AuthenticationCode1", "123456"), ("AuthenticationCode2", "654321")];
    root.done("BindMFADevice", &[&[of_user, ("SerialNumber", serial.as_str())][..], &codes].concat()).await;
}

#[tokio::test]
async fn everything_that_people_hung_on_it_goes_with_an_object() {
    let launch = launch();
    let mut world = own_alibaba(launch.clone(), "  driftCheckInterval: 1h").await;
    let root = world.alibaba.root();
    root.done("CreateGroup", &[("GroupName", "friends")]).await;
    root.done("CreateUser", &[("UserName", "guest")]).await;
    root.done("AddUserToGroup", &[("UserName", "guest"), ("GroupName", "friends")]).await;
    root.done("CreatePolicy", &[("PolicyName", "by-hand"), ("PolicyDocument", ANYTHING)]).await;
    let before = account(&world).await;
    let (users, tenants) = (of::<TenantUser>(&world, &definitions("td")), Api::<Tenant>::all(world.client()));
    world.apply(&(tenant("td", "") + &role("td", "reader"))).await;
    for name in ["plain", "alice", "known", "last"] {
        world.apply(&user("td", name, "  roles: [reader]\n  accessKey: {}")).await;
        ready(&world, &users, name).await;
    }

    // Nothing is listed where nothing hangs.
    world.alibaba.reset_calls().await;
    delete(&world, &users, "plain").await;
    let calls = operator_calls(&world).await;
    assert!(!calls.iter().any(|call| call.starts_with("List")), "{calls:?}");

    // What was added since the account was last read is found when the user does not go.
    by_hand(&world, "td.alice").await;
    delete(&world, &users, "alice").await;
    assert!(!exists(&world, "td.alice").await);
    // So it is by a new process, which never knew.
    by_hand(&world, "td.known").await;
    world.operator.kill();
    users.delete("known", &Default::default()).await.unwrap();
    restart(&mut world, &launch).await;
    world.gone(users.clone(), "known").await;
    assert!(!exists(&world, "td.known").await);

    // A stranger in the group, and the role's policy on a stranger and on a role: the tenant goes all the same.
    let root = world.alibaba.root();
    root.done("AddUserToGroup", &[("UserName", "guest"), ("GroupName", "td")]).await;
    root.done("AttachPolicyToGroup", &[&POWER[..], &[("GroupName", "td")]].concat()).await;
    let reader = policy(&world, "td-reader").await;
    let attach = [("PolicyName", reader.as_str()), ("PolicyType", "Custom")];
    root.done("AttachPolicyToUser", &[&attach[..], &[("UserName", "guest")]].concat()).await;
    let trust = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
    root.done("CreateRole", &[("RoleName", "theirs"), ("AssumeRolePolicyDocument", trust)]).await;
    root.done("AttachPolicyToRole", &[&attach[..], &[("RoleName", "theirs")]].concat()).await;
    by_hand(&world, "td.last").await;
    delete(&world, &tenants, "td").await;
    assert_eq!(account(&world).await, before);
    let root = world.alibaba.root();
    let friends = root.all("ListUsersForGroup", &[("GroupName", "friends")], super::USERS).await;
    assert_eq!(super::field(&friends, "UserName"), names(["guest"]));
    let devices = root.rpc(IMS, "ListVirtualMFADevices", &[]).await.body;
    assert!(!devices.to_string().contains("td."), "bound to nobody: {devices}");
    delete(&world, &Api::<CloudAccount>::all(world.client()), "ali").await;
}
