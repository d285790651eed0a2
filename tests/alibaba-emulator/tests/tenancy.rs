//! That a tenant stays within what it was given, in every service.

#![allow(missing_docs)]

mod support;

use serde_json::json;
use support::{ACCOUNT, Cloud, DSW, IMS, PAI};

#[tokio::test]
async fn policies_decide_with_denials_first() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("acme.alice").await;
    cloud.ram("CreateUser", &[("UserName", "beta.bob")]).await.fine();
    let own = format!("acs:ram:*:{ACCOUNT}:user/acme.*");
    cloud.grant("acme.alice", "own", json!([{"Effect": "Allow", "Action": "ram:*", "Resource": own}])).await;
    alice.ram("GetUser", &[("UserName", "acme.alice")]).await.fine();
    alice.ram("CreateUser", &[("UserName", "acme.new")]).await.fine();
    alice.ram("GetUser", &[("UserName", "beta.bob")]).await.is(403, "NoPermission");
    let principal = format!("beta.bob@{ACCOUNT}.onaliyun.com");
    alice.rpc(IMS, "GetUser", &[("UserPrincipalName", &principal)]).await.is(403, "NoPermission");
    alice.ram("ListUsers", &[]).await.is(403, "NoPermission");
    cloud.ram("CreateGroup", &[("GroupName", "acme")]).await.fine();
    alice.ram("AddUserToGroup", &[("UserName", "acme.alice"), ("GroupName", "acme")]).await.is(403, "NoPermission");
    // Nobody gives themselves more: the policy is another resource.
    let admin = [("PolicyName", "AdministratorAccess"), ("PolicyType", "System"), ("UserName", "acme.alice")];
    alice.ram("AttachPolicyToUser", &admin).await.is(403, "NoPermission");

    let deny = json!([{"Effect": "Deny", "Action": ["ram:DeleteUser"], "Resource": "*"}]);
    cloud.grant("acme.alice", "deny", deny).await;
    cloud.ram("AttachPolicyToUser", &admin).await.fine();
    alice.ram("ListUsers", &[]).await.fine();
    let answer = alice.ram("DeleteUser", &[("UserName", "acme.new")]).await;
    answer.is(403, "NoPermission");
    assert_eq!(answer.body["AccessDeniedDetail"]["NoPermissionType"], "ExplicitDeny");
}

#[tokio::test]
async fn an_attachment_of_a_resource_group_grants_nothing_in_the_account() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let policy = [("PolicyName", "AliyunRAMFullAccess"), ("PolicyType", "System"), ("UserName", "alice")];
    cloud.ram("AttachPolicyToUser", &[&policy[..], &[("ResourceGroupId", "rg-1")]].concat()).await.fine();
    alice.ram("ListUsers", &[]).await.is(403, "NoPermission");
    cloud.ram("AttachPolicyToUser", &policy).await.fine();
    alice.ram("ListUsers", &[]).await.fine();
}

#[tokio::test]
async fn a_denial_wins_over_a_role_in_a_workspace() {
    let cloud = Cloud::start().await;
    let (id, alice) = cloud.person("alice").await;
    let wanted = json!({"WorkspaceName": "acme", "Description": "d", "EnvTypes": ["prod"]});
    let workspace = cloud.rest(PAI, "POST", "/api/v1/workspaces", &[], Some(wanted)).await.fine();
    let path = format!("/api/v1/workspaces/{}", workspace["WorkspaceId"].as_str().unwrap());
    alice.rest(PAI, "GET", &path, &[], None).await.is(403, "NoPermissionError");
    let member = json!({"Members": [{"UserId": id, "Roles": ["PAI.WorkspaceAdmin"]}]});
    cloud.rest(PAI, "POST", &format!("{path}/members"), &[], Some(member)).await.fine();
    alice.rest(PAI, "GET", &path, &[], None).await.fine();
    let deny = json!([{"Effect": "Deny", "Action": "paiworkspace:*", "Resource": "*"}]);
    cloud.grant("alice", "no-pai", deny).await;
    alice.rest(PAI, "GET", &path, &[], None).await.is(403, "NoPermissionError");
}

#[tokio::test]
async fn a_workspace_takes_its_time_and_a_notebook_goes_through_its_states() {
    let cloud = Cloud::start().await;
    cloud.turn("delays", json!({"workspace": 60_000, "notebook": 60_000})).await;
    let wanted = json!({"WorkspaceName": "acme", "Description": "d", "EnvTypes": ["dev", "prod"]});
    let workspace = cloud.rest(PAI, "POST", "/api/v1/workspaces", &[], Some(wanted)).await.fine();
    let id = workspace["WorkspaceId"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/workspaces/{id}");
    let status = |answer: &serde_json::Value| answer["Status"].as_str().unwrap().to_owned();
    assert_eq!(status(&cloud.rest(PAI, "GET", &path, &[], None).await.fine()), "INITIALIZING");
    let notebook = json!({"WorkspaceId": id, "InstanceName": "n", "EcsSpec": "ecs.g6.large", "ImageId": "i"});
    cloud.rest(DSW, "POST", "/api/v2/instances", &[], Some(notebook.clone())).await.is(400, "ValidationError");
    cloud.turn("delays", json!({"workspace": 0})).await;
    assert_eq!(status(&cloud.rest(PAI, "GET", &path, &[], None).await.fine()), "ENABLED");

    let made = cloud.rest(DSW, "POST", "/api/v2/instances", &[], Some(notebook.clone())).await.fine();
    let path = format!("/api/v2/instances/{}", made["InstanceId"].as_str().unwrap());
    assert_eq!(status(&cloud.rest(DSW, "GET", &path, &[], None).await.fine()), "Creating");
    cloud.rest(DSW, "PUT", &format!("{path}/start"), &[], None).await.is(400, "ValidationError");
    cloud.turn("delays", json!({"notebook": 0})).await;
    let running = cloud.rest(DSW, "GET", &path, &[], None).await.fine();
    assert_eq!((status(&running).as_str(), &running["Success"]), ("Running", &json!(true)));

    let mut sold_out = notebook;
    sold_out["EcsSpec"] = "ecs.gn7e-c16g1.4xlarge".into();
    let made = cloud.rest(DSW, "POST", "/api/v2/instances", &[], Some(sold_out)).await.fine();
    let path = format!("/api/v2/instances/{}", made["InstanceId"].as_str().unwrap());
    let failed = cloud.rest(DSW, "GET", &path, &[], None).await.fine();
    assert_eq!((status(&failed).as_str(), &failed["ReasonCode"]), ("Failed", &json!("ResourceSoldOut")));
}

#[tokio::test]
async fn only_administrators_change_the_tenant_of_maxcompute() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let path = "/api/v1/projects";
    let project = json!({"name": "acme_ops"});
    alice.rest("2022-01-04", "POST", path, &[], Some(project.clone())).await.is(403, "NoPermission");
    cloud.rest("2022-01-04", "POST", path, &[], Some(project)).await.fine();
    let missing = cloud.rest("2022-01-04", "GET", "/api/v1/projects/none", &[], None).await;
    missing.is(403, "ProjectNotExist");

    let refused = alice.say("acme_ops", "create tenant role acme_dev").await;
    assert!(refused.status == 403 && refused.text.contains("ODPS-0420095"), "{}", refused.text);
    let user = format!("RAM${ACCOUNT}:alice");
    assert_eq!(cloud.say("acme_ops", &format!("add tenant user {user}")).await.status, 200);
    let grant = format!("grant tenant role Admin to user {user}");
    assert_eq!(cloud.say("acme_ops", &grant).await.status, 200);
    assert_eq!(alice.say("acme_ops", "create tenant role acme_dev").await.status, 200);
    // To administer the tenant is not to administer a project.
    let add = "add tenant role acme_dev to project acme_ops";
    let refused = alice.say("acme_ops", add).await;
    assert!(refused.status == 403 && refused.text.contains("ODPS-0420095"), "{}", refused.text);
    let users = "/api/v1/projects/acme_ops/roles/admin/users";
    let member = json!({"add": [user]});
    cloud.rest("2022-01-04", "PUT", users, &[], Some(member)).await.fine();
    assert_eq!(alice.say("acme_ops", add).await.status, 200);
    let roles = alice.say("acme_ops", "LIST TENANT ROLES").await;
    assert!(roles.text.contains("acme_dev") && roles.text.contains("super_administrator"), "{}", roles.text);
}
