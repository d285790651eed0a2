//! That every documented operation of the services is there, and that requests which the official clients sent are let in.

#![allow(missing_docs)]

mod support;

use alibaba_emulator::{Account, serve};
use alibaba_signature::Credentials;
use jiff::Timestamp;
use serde_json::{Value, json};
use support::{ACCOUNT, Cloud};
use tokio::net::TcpListener;

#[tokio::test]
async fn every_documented_operation_is_known() {
    let cloud = Cloud::start().await;
    let mut missing = Vec::new();
    let mut count = 0;
    for line in include_str!("data/operations.txt").lines() {
        let [version, action, method, path] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let answer = match path {
            "/" => cloud.rpc(version, action, &[]).await,
            path => cloud.rest(version, method, path, &[], None).await,
        };
        count += 1;
        if answer.text.contains("NotFound") || answer.status == 500 {
            missing.push(format!("{line}: {}", answer.text));
        }
        // Whatever a service says, it says in its envelope.
        let id = if version == "2022-01-04" { "requestId" } else { "RequestId" };
        assert!(answer.body[id].is_string(), "{line}: {}", answer.text);
    }
    // SAML is the one thing that is not played.
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(missing[0].contains("AssumeRoleWithSAML"), "{missing:#?}");
    assert!(count > 190, "{count}");
}

#[tokio::test]
async fn requests_of_the_official_clients_are_let_in() {
    let captures = include_str!("../../../crates/alibaba-signature/tests/data/captures.json");
    let captures: Vec<Value> = serde_json::from_str(captures).unwrap();
    for (key, secret, kinds) in
        [("LTAItestid", "testsecret", &["acs3", "rpc-v1-sha1"][..]), ("akid", "aksecret", &["odps-v2", "odps-v4"])]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(serve(listener, Account::new(ACCOUNT, key, secret)));
        let cloud = Cloud { host, credentials: Credentials::new(key, secret) };
        let then: Timestamp = "2026-11-22T04:52:54Z".parse().unwrap();
        cloud.turn("skew", json!({"seconds": then.as_second() - Timestamp::now().as_second()})).await;
        let mut let_in = 0;
        for capture in captures.iter().filter(|capture| kinds.contains(&capture["kind"].as_str().unwrap())) {
            let text = |name: &str| capture[name].as_str().unwrap();
            let headers: Vec<(String, String)> = serde_json::from_value(capture["headers"].clone()).unwrap();
            let answer = cloud.replay(text("method"), text("target"), &headers, text("body")).await;
            let name = text("name");
            if name.contains("sts-token") {
                // Its token was made up; the key is the account's own.
                answer.is(400, "InvalidSecurityToken.MismatchWithAccessKey");
                continue;
            }
            let refused = ["Signature", "TimeStamp", "AccessKey", "0410"];
            assert!(!refused.iter().any(|word| answer.text.contains(word)), "{name}: {}", answer.text);
            let_in += 1;
            if kinds.contains(&"acs3") {
                let again = cloud.replay(text("method"), text("target"), &headers, text("body")).await;
                again.is(400, "SignatureNonceUsed");
            }
        }
        assert!(let_in >= 4, "{let_in}");
    }
}
