//! What tests can ask for under `/ext/`, and what they can read there.

#![allow(missing_docs)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Cloud, IMS, PAI, STS};

#[tokio::test]
async fn faults_hit_the_calls_that_they_name() {
    let cloud = Cloud::start().await;
    let fault = json!({
        "action": "CreateUser", "status": 400, "code": "Throttling.User", "count": 2, "retry_after": 1500,
        "parameters": {"UserName": "a.*"},
    });
    cloud.turn("faults", json!([fault])).await;
    cloud.ram("CreateUser", &[("UserName", "bob")]).await.fine();
    for _ in 0..2 {
        let answer = cloud.ram("CreateUser", &[("UserName", "alice")]).await;
        answer.is(400, "Throttling.User");
        assert_eq!(answer.headers["x-acs-retry-after"], "1500");
        assert_eq!(answer.body["Message"], "Request was denied due to user flow control.");
    }
    cloud.ram("CreateUser", &[("UserName", "alice")]).await.fine();

    let fault = json!({
        "action": "CreateWorkspace", "service": "pai", "status": 503, "code": "ServiceUnavailable",
        "parameters": {"WorkspaceName": "acme"},
    });
    cloud.turn("faults", json!([fault])).await;
    let wanted = |name: &str| Some(json!({"WorkspaceName": name, "Description": "d", "EnvTypes": ["prod"]}));
    cloud.rest(PAI, "POST", "/api/v1/workspaces", &[], wanted("beta")).await.fine();
    cloud.rest(PAI, "POST", "/api/v1/workspaces", &[], wanted("acme")).await.is(503, "ServiceUnavailable");

    cloud.turn("faults", json!([{"action": "*", "status": 503, "code": "ServiceUnavailable", "service": "ims"}])).await;
    cloud.ram("ListUsers", &[]).await.fine();
    let answer = cloud.rpc(IMS, "ListUsers", &[]).await;
    answer.is(503, "ServiceUnavailable");
    assert!(!answer.headers.contains_key("x-acs-retry-after"));
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_deed_and_can_be_late() {
    let cloud = Cloud::start().await;
    cloud
        .turn("faults", json!([{"action": "CreateUser", "status": 500, "code": "InternalError", "after": true}]))
        .await;
    cloud.ram("CreateUser", &[("UserName", "alice")]).await.is(500, "InternalError");
    cloud.ram("CreateUser", &[("UserName", "alice")]).await.is(409, "EntityAlreadyExists.User");

    cloud.turn("faults", json!([{"action": "GetUser", "delay": 0.3}])).await;
    let began = Instant::now();
    cloud.ram("GetUser", &[("UserName", "alice")]).await.fine();
    assert!(began.elapsed() >= Duration::from_millis(300));
    cloud.turn("latency", json!({"milliseconds": 100})).await;
    let began = Instant::now();
    cloud.ram("GetUser", &[("UserName", "alice")]).await.fine();
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn calls_are_counted_and_secrets_are_not_kept() {
    let cloud = Cloud::start().await;
    cloud.person("alice").await;
    cloud.ram("CreateLoginProfile", &[("UserName", "alice"), ("Password", "Correct-horse-9")]).await.fine();
    cloud.ram("GetUser", &[("UserName", "nobody")]).await.is(404, "EntityNotExist.User");
    let calls = cloud.read("calls").await;
    assert_eq!(calls, json!({"CreateUser": 1, "CreateAccessKey": 1, "CreateLoginProfile": 1, "GetUser": 1}));
    assert_eq!(cloud.read("calls-by-service").await["ram"], calls);
    let requests = cloud.read("requests").await;
    let last = &requests[3];
    assert_eq!(
        (&last["action"], &last["status"], &last["code"]),
        (&json!("GetUser"), &json!(404), &json!("EntityNotExist.User"))
    );
    assert_eq!(last["access_key_id"], "LTAIroot");
    assert_eq!(last["parameters"], json!({"UserName": "nobody"}));
    assert!(!requests.to_string().contains("Correct-horse"));
    cloud.turn("reset-calls", json!(null)).await;
    assert_eq!(cloud.read("calls").await, json!({}));
}

#[tokio::test]
async fn quotas_pages_and_rates_are_turned() {
    let cloud = Cloud::start().await;
    cloud.turn("quotas", json!({"Groups": 1, "GroupsPerUserQuota": 0})).await;
    cloud.ram("CreateGroup", &[("GroupName", "a")]).await.fine();
    cloud.ram("CreateGroup", &[("GroupName", "b")]).await.is(409, "LimitExceeded.Group");
    cloud.ram("CreateUser", &[("UserName", "alice")]).await.fine();
    let join = [("UserName", "alice"), ("GroupName", "a")];
    cloud.ram("AddUserToGroup", &join).await.is(409, "LimitExceeded.User.Group");
    let summary = cloud.rpc(IMS, "GetAccountSummary", &[]).await.fine();
    assert_eq!(summary["SummaryMap"]["GroupsQuota"], 1);
    assert_eq!(summary["SummaryMap"]["Groups"], 1);

    cloud.ram("CreateUser", &[("UserName", "bob")]).await.fine();
    cloud.turn("page", json!({"items": 1})).await;
    let page = cloud.ram("ListUsers", &[("MaxItems", "1000")]).await.fine();
    assert_eq!((&page["IsTruncated"], page["Users"]["User"].as_array().unwrap().len()), (&json!(true), 1));
    cloud.ram("ListUsers", &[("MaxItems", "1001")]).await.is(400, "InvalidParameter.MaxItems.Range");

    cloud.turn("rates", json!({"kept": true})).await;
    let mut throttled = 0;
    // Ten may be within one second and two in the next: far more than that are not.
    for _ in 0..60 {
        let answer = cloud.ram("AddUserToGroup", &join).await;
        throttled += usize::from(answer.code() == "Throttling.User");
    }
    assert!(throttled > 0, "60 calls at once are more than 10 a second");
    assert_eq!(cloud.read("rates").await["ram:AddUserToGroup"], json!({"most": 10, "documented": 10}));
    cloud.turn("reset", json!(null)).await;
    cloud.ram("AddUserToGroup", &join).await.fine();
}

#[tokio::test]
async fn writes_can_take_a_while_to_be_seen() {
    let cloud = Cloud::start().await;
    cloud.ram("CreateUser", &[("UserName", "alice")]).await.fine();
    let policy = [("PolicyName", "ReadOnlyAccess"), ("PolicyType", "System"), ("UserName", "alice")];
    cloud.ram("AttachPolicyToUser", &policy).await.fine();
    cloud.turn("visibility", json!({"milliseconds": 400})).await;
    cloud.ram("DetachPolicyFromUser", &policy).await.fine();
    cloud.ram("DeleteUser", &[("UserName", "alice")]).await.is(409, "DeleteConflict.User.Policy");
    cloud.ram("CreateUser", &[("UserName", "bob")]).await.fine();
    cloud.ram("GetUser", &[("UserName", "bob")]).await.is(404, "EntityNotExist.User");
    cloud.ram("CreateUser", &[("UserName", "bob")]).await.is(409, "EntityAlreadyExists.User");
    tokio::time::sleep(Duration::from_millis(450)).await;
    cloud.ram("DeleteUser", &[("UserName", "alice")]).await.fine();
    cloud.ram("GetUser", &[("UserName", "bob")]).await.fine();
}

#[tokio::test]
async fn conditions_see_another_clock_and_signatures_do_not() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let until = (jiff::Timestamp::now() + Duration::from_secs(600)).to_string();
    let statement = json!([{
        "Effect": "Allow", "Action": "ram:ListUsers", "Resource": "*",
        "Condition": {"DateLessThan": {"acs:CurrentTime": until}, "IpAddress": {"acs:SourceIp": "127.0.0.0/8"}},
    }]);
    cloud.grant("alice", "until", statement).await;
    alice.ram("ListUsers", &[]).await.fine();
    cloud.turn("clock", json!({"ahead": 3600})).await;
    let answer = alice.ram("ListUsers", &[]).await;
    answer.is(403, "NoPermission");
    let detail = &answer.body["AccessDeniedDetail"];
    assert_eq!((&detail["AuthAction"], &detail["NoPermissionType"]), (&json!("ram:ListUsers"), &json!("ImplicitDeny")));
    let message = detail["EncodedDiagnosticMessage"].as_str().unwrap();
    let decoded = cloud.ram("DecodeDiagnosticMessage", &[("EncodedDiagnosticMessage", message)]).await.fine();
    assert_eq!(decoded["DecodedDiagnosticMessage"]["AuthAction"], "ram:ListUsers");
    alice.rpc(STS, "GetCallerIdentity", &[]).await.fine();
}

#[tokio::test]
async fn the_account_can_be_emptied() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    cloud.turn("reset-account", json!(null)).await;
    alice.rpc(STS, "GetCallerIdentity", &[]).await.is(404, "InvalidAccessKeyId.NotFound");
    assert_eq!(cloud.ram("ListUsers", &[]).await.fine()["Users"]["User"], json!([]));
    let answer = cloud.send("POST", "/ext/faults", &[], "[{\"action\": 1}]").await;
    assert_eq!(answer.status, 400);
}
