//! Who is let in: signatures, clocks, nonces, keys and tokens, and what the gateway says to the others.

#![allow(missing_docs)]

mod support;

use std::time::Duration;

use alibaba_signature::Credentials;
use jiff::Timestamp;
use serde_json::json;
use support::{Cloud, IMS, RAM, STS, nonce};

#[tokio::test]
async fn what_is_not_signed_right_is_refused_with_the_right_code() {
    let cloud = Cloud::start().await;
    cloud.ram("ListUsers", &[]).await.fine();

    let wrong = cloud.with(Credentials::new("LTAIroot", "wrong"));
    wrong.ram("ListUsers", &[]).await.is(400, "SignatureDoesNotMatch");
    let unknown = cloud.with(Credentials::new("LTAIother", "x"));
    unknown.ram("ListUsers", &[]).await.is(404, "InvalidAccessKeyId.NotFound");
    cloud.send("POST", "/?Action=ListUsers&Version=2015-05-01", &[], "").await.is(400, "MissingAccessKeyId");

    let once = nonce();
    cloud.rpc_at(RAM, "ListUsers", &[], Timestamp::now(), &once).await.fine();
    cloud.rpc_at(RAM, "ListUsers", &[], Timestamp::now(), &once).await.is(400, "SignatureNonceUsed");
    for off in [Timestamp::now() - Duration::from_secs(1200), Timestamp::now() + Duration::from_secs(1200)] {
        cloud.rpc_at(RAM, "ListUsers", &[], off, &nonce()).await.is(400, "InvalidTimeStamp.Expired");
    }
    let token = cloud.with(Credentials::new("LTAIroot", "rootsecret").with_security_token("x"));
    token.ram("ListUsers", &[]).await.is(400, "InvalidSecurityToken.MismatchWithAccessKey");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_in_the_date_header() {
    let cloud = Cloud::start().await;
    cloud.turn("skew", json!({"seconds": 1200})).await;
    let answer = cloud.ram("ListUsers", &[]).await;
    answer.is(400, "InvalidTimeStamp.Expired");
    let date = alibaba_signature::odps::parse_date(answer.headers["date"].to_str().unwrap()).unwrap();
    assert!(date.as_second() - Timestamp::now().as_second() > 1100);
    cloud.rpc_at(RAM, "ListUsers", &[], date, &nonce()).await.fine();
}

#[tokio::test]
async fn the_older_signature_counts_too() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let identity = alice.rpc_v1(STS, "GetCallerIdentity", &[]).await.fine();
    assert_eq!(identity["Arn"], format!("acs:ram::{}:user/alice", support::ACCOUNT));
    let wrong = cloud.with(Credentials::new(&alice.credentials.access_key_id, "wrong"));
    wrong.rpc_v1(STS, "GetCallerIdentity", &[]).await.is(400, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn what_does_not_exist_gets_the_gateways_own_error() {
    let cloud = Cloud::start().await;
    cloud.ram("MakeCoffee", &[]).await.is(404, "InvalidAction.NotFound");
    cloud.rpc("1999-01-01", "ListUsers", &[]).await.is(404, "InvalidProduct.NotFound");
    cloud.rest(support::PAI, "GET", "/api/v1/coffee", &[], None).await.is(404, "InvalidApi.NotFound");
    cloud.rest(support::PAI, "PATCH", "/api/v1/workspaces", &[], None).await.is(404, "InvalidApi.NotFound");
    let answer = cloud.send("GET", "/nowhere", &[], "").await;
    answer.is(400, "MissingVersion");
    assert!(answer.body["RequestId"].is_string() && answer.body["HostId"] == cloud.host);
    let unknown = cloud.send("GET", "/ext/nothing", &[], "").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn keys_are_told_apart_by_their_state() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let id = alice.credentials.access_key_id.clone();
    let status = |status| [("UserName", "alice"), ("UserAccessKeyId", id.as_str()), ("Status", status)];
    cloud.ram("UpdateAccessKey", &status("Inactive")).await.fine();
    alice.rpc(STS, "GetCallerIdentity", &[]).await.is(400, "InvalidAccessKeyId.Inactive");
    cloud.ram("UpdateAccessKey", &status("Active")).await.fine();
    alice.rpc(STS, "GetCallerIdentity", &[]).await.fine();
    cloud.ram("DeleteAccessKey", &status("Active")[..2]).await.fine();
    alice.rpc(STS, "GetCallerIdentity", &[]).await.is(404, "InvalidAccessKeyId.NotFound");
    let binned = cloud.rpc(IMS, "ListAccessKeysInRecycleBin", &[]).await.fine();
    assert_eq!(binned["AccessKeys"]["AccessKey"][0]["AccessKeyId"], id);
    cloud.rpc(IMS, "RestoreAccessKeyFromRecycleBin", &[("UserAccessKeyId", &id)]).await.fine();
    alice.rpc(STS, "GetCallerIdentity", &[]).await.is(400, "InvalidAccessKeyId.Inactive");
}

#[tokio::test]
async fn maxcompute_has_codes_of_its_own() {
    let cloud = Cloud::start().await;
    let get =
        |cloud: Cloud, region, at| async move { cloud.odps("GET", "/tenants", "curr_project=p", "", region, at).await };
    let now = Timestamp::now();
    assert_eq!(get(cloud.clone(), None, now).await.fine()["Tenant"]["State"], "NORMAL");
    get(cloud.clone(), Some("cn-hangzhou"), now).await.fine();
    let told = |answer: support::Answer, status: u16, number: &str| {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(&format!("ODPS-{number}")), "{}", answer.text);
        assert!(answer.headers.contains_key("x-odps-request-id"));
    };
    told(get(cloud.clone(), None, now - Duration::from_secs(1200)).await, 400, "0410031");
    told(get(cloud.with(Credentials::new("LTAIroot", "wrong")), None, now).await, 401, "0410042");
    told(get(cloud.with(Credentials::new("LTAIother", "x")), None, now).await, 401, "0410051");
    told(cloud.send("GET", "/api/tenants", &[], "").await, 400, "0410001");
    told(cloud.odps("POST", "/projects/none/authorization", "", "nonsense", None, now).await, 400, "0420031");
    let answer = cloud.say("none", "list tenant roles").await;
    assert!(answer.text.contains("<Error><Code>NoSuchObject</Code>"), "{}", answer.text);
    told(answer, 404, "0420111");
}
