//! The ground under the other tests: the control plane and moto do what Kubernetes and AWS do where it matters to us.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::Tag;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, ListParams};
use testbed::aws::Credentials;
use testbed::{ControlPlane, Fault, Moto, gone, until};

fn code<T: std::fmt::Debug, E: ProvideErrorMetadata>(answer: Result<T, E>) -> String {
    answer.expect_err("an error was expected").code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn control_plane_deletes_namespaces_and_counts_requests() {
    let control_plane = ControlPlane::start().await;
    let client = control_plane.client();
    let manifests = "
apiVersion: v1
kind: Namespace
metadata: {name: acme}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: acme}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: note, namespace: acme}
data: {text: a-text-that-etcd-keeps}
";
    testbed::apply::apply(&client, manifests).await.unwrap();
    until(Api::<ConfigMap>::namespaced(client.clone(), "acme"), "kube-root-ca.crt", "made by the controller", |_| true)
        .await
        .unwrap();

    let dump = control_plane.etcd_dump().await;
    let note = dump.iter().find(|(key, _)| key == "/registry/configmaps/acme/note").expect("etcd has the ConfigMap");
    assert!(String::from_utf8_lossy(&note.1).contains("a-text-that-etcd-keeps"));

    let robot = control_plane.client_as("acme", "robot").await;
    let listed = Api::<ConfigMap>::namespaced(robot, "acme").list(&ListParams::default()).await;
    assert!(matches!(listed, Err(kube::Error::Api(status)) if status.code == 403), "a service account has no rights");
    let asked = control_plane.requests();
    assert!(asked.iter().any(|r| r.user == "system:serviceaccount:acme:robot" && r.verb == "list" && r.code == 403));
    assert!(asked.iter().any(|r| r.is_write() && r.resource == "configmaps" && r.name == "note"));

    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete("acme", &DeleteParams::default()).await.unwrap();
    gone(namespaces, "acme").await.unwrap();
    let version = control_plane.kubectl(&["version"]);
    assert!(version.status.success(), "{}", String::from_utf8_lossy(&version.stderr));
}

#[tokio::test]
async fn processes_end_with_their_owner() {
    let moto = Moto::start().await;
    let url = moto.url().to_owned();
    drop(moto);
    assert!(testbed::http::get(&url).await.is_err(), "moto is stopped when dropped");
}

const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

#[tokio::test]
async fn moto_keeps_boundaries_and_refuses_what_aws_refuses() {
    let moto = Moto::start().await;
    let iam = moto.iam();
    let policy = iam.create_policy().policy_name("boundary").policy_document(ALLOW_ALL).send().await.unwrap();
    let boundary = policy.policy.unwrap().arn.unwrap();
    let tag = Tag::builder().key("tenant").value("acme").build().unwrap();
    let create = iam.create_user().user_name("acme.alice").path("/tenants/c1/acme/").tags(tag);
    create.permissions_boundary(&boundary).send().await.unwrap();
    let user = iam.get_user().user_name("acme.alice").send().await.unwrap().user.unwrap();
    assert_eq!(user.permissions_boundary.unwrap().permissions_boundary_arn.as_deref(), Some(boundary.as_str()));

    let details = iam.get_account_authorization_details().send().await.unwrap();
    let alice = details.user_detail_list().iter().find(|u| u.user_name() == Some("acme.alice")).unwrap();
    assert_eq!(alice.tags().len(), 1);
    assert!(alice.permissions_boundary().is_some());
    let seen = details.policies().iter().find(|p| p.policy_name() == Some("boundary")).unwrap();
    assert_eq!(seen.permissions_boundary_usage_count(), Some(1));

    assert_eq!(code(iam.create_user().user_name("ACME.alice").send().await), "EntityAlreadyExists");
    assert_eq!(code(iam.create_user().user_name("no spaces").send().await), "ValidationError");
    assert_eq!(code(iam.delete_policy().policy_arn(&boundary).send().await), "DeleteConflict");
    iam.create_group().group_name("acme").send().await.unwrap();
    iam.add_user_to_group().group_name("acme").user_name("acme.alice").send().await.unwrap();
    assert_eq!(code(iam.delete_user().user_name("acme.alice").send().await), "DeleteConflict");
    assert_eq!(code(iam.delete_group().group_name("acme").send().await), "DeleteConflict");
    iam.remove_user_from_group().group_name("acme").user_name("acme.alice").send().await.unwrap();
    moto.another_key("acme.alice").await;
    assert_eq!(code(iam.delete_user().user_name("acme.alice").send().await), "DeleteConflict");
    assert_eq!(code(iam.delete_group().group_name("nobody").send().await), "NoSuchEntity");
    let attach = iam.attach_user_policy().user_name("acme.alice").policy_arn("arn:aws:iam::123456789012:policy/none");
    assert_eq!(code(attach.send().await), "NoSuchEntity");
    let attach = iam.attach_user_policy().user_name("acme.alice").policy_arn("not-an-arn-at-all-but-long-enough");
    assert_eq!(code(attach.send().await), "InvalidInput");
}

#[tokio::test]
async fn moto_counts_against_quotas_and_pages() {
    let moto = Moto::start().await;
    let iam = moto.iam();
    moto.quotas(&BTreeMap::from([("Users".to_owned(), 5)])).await;
    for n in 0..5 {
        iam.create_user().user_name(format!("user{n}")).send().await.unwrap();
    }
    assert_eq!(code(iam.create_user().user_name("user5").send().await), "LimitExceeded");
    let summary = iam.get_account_summary().send().await.unwrap().summary_map.unwrap();
    let number = |name: &str| summary.iter().find(|(key, _)| key.as_str() == name).map(|(_, n)| *n);
    assert_eq!((number("Users"), number("UsersQuota"), number("GroupsQuota")), (Some(5), Some(5), Some(300)));

    let (mut marker, mut pages, mut seen) = (None, 0, 0);
    loop {
        let page = iam.get_account_authorization_details().max_items(2).set_marker(marker).send().await.unwrap();
        (pages, seen) = (pages + 1, seen + page.user_detail_list().len());
        marker = page.marker().map(str::to_owned);
        assert_eq!(page.is_truncated(), marker.is_some());
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, 5);
    assert!(pages >= 3);
    moto.largest_page(3).await;
    let page = iam.list_users().max_items(1000).send().await.unwrap();
    assert_eq!((page.users.len(), page.is_truncated), (3, true));
    moto.reset().await;
    assert!(iam.list_users().send().await.unwrap().users.is_empty());
}

#[tokio::test]
async fn moto_enforces_policies_with_variables_and_conditions() {
    let moto = Moto::start().await;
    let root = Credentials::root();
    for bucket in ["/acme-data", "/umbra-data"] {
        assert_eq!(moto.s3(&root, "PUT", bucket, "").await.0, 200);
        assert_eq!(moto.s3(&root, "PUT", &format!("{bucket}/report"), "numbers").await.0, 200);
    }
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:PrincipalTag/tenant}-data/*"},
        {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2999-01-01T00:00:00Z"}}}]}"#;
    let alice = moto.user_with_key("acme.alice", policy).await;
    let tag = Tag::builder().key("tenant").value("acme").build().unwrap();
    moto.iam().tag_user().user_name("acme.alice").tags(tag).send().await.unwrap();
    moto.enforce(true).await;
    assert_eq!(moto.s3(&alice, "GET", "/acme-data/report", "").await, (200, "numbers".to_owned()));
    assert_eq!(moto.s3(&alice, "GET", "/umbra-data/report", "").await.0, 403);
    let who = moto.sts_as(&alice).get_caller_identity().send().await.unwrap();
    assert_eq!(who.arn(), Some("arn:aws:iam::123456789012:user/acme.alice"));
    assert_eq!(code(moto.iam_as(&alice).list_users().send().await), "AccessDenied");
    // Signed with every character that clients escape in different ways.
    let odd =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "a"}}"#;
    let create = moto.iam_as(&alice).create_policy().policy_name("odd").policy_document(odd).description("~a +b%20/ü");
    assert_eq!(code(create.send().await), "AccessDenied");

    moto.clock_ahead(Duration::from_secs(1000 * 365 * 24 * 3600)).await;
    assert_eq!(moto.s3(&alice, "GET", "/acme-data/report", "").await.0, 403);

    let wrong = Credentials::new(&alice.access_key_id, "wrong");
    assert_eq!(code(moto.sts_as(&wrong).get_caller_identity().send().await), "SignatureDoesNotMatch");
    let unknown = Credentials::new("AKIAUNKNOWNUNKNOWN00", "wrong");
    assert_eq!(code(moto.sts_as(&unknown).get_caller_identity().send().await), "InvalidClientTokenId");
}

#[tokio::test]
async fn moto_injects_faults_and_counts_calls() {
    let moto = Moto::start().await;
    let iam = moto.iam();
    iam.create_user().user_name("acme.alice").send().await.unwrap();
    iam.create_user().user_name("acme.bob").send().await.unwrap();
    moto.reset_calls().await;
    let fault = Fault::lost_answer("CreateAccessKey", 1).only("UserName", r"acme\.alice");
    moto.faults(&[fault, Fault::new("GetUser", 400, "Throttling", 1)]).await;
    iam.create_access_key().user_name("acme.bob").send().await.unwrap();
    assert_eq!(code(iam.create_access_key().user_name("acme.alice").send().await), "ServiceFailure");
    let keys = iam.list_access_keys().user_name("acme.alice").send().await.unwrap().access_key_metadata;
    assert_eq!(keys.len(), 1, "the key was made, its answer was lost");
    assert_eq!(code(iam.get_user().user_name("acme.bob").send().await), "Throttling");
    iam.get_user().user_name("acme.bob").send().await.unwrap();

    let calls = moto.calls().await;
    assert_eq!(calls.get("CreateAccessKey"), Some(&2));
    assert_eq!(calls.get("GetUser"), Some(&2));
    let requests = moto.requests().await;
    let lost = &requests[1];
    assert_eq!((lost.action.as_str(), lost.status), ("CreateAccessKey", 500));
    assert_eq!(lost.parameters.get("UserName").map(String::as_str), Some("acme.alice"));
    assert_eq!(lost.access_key_id, Credentials::root().access_key_id);
}
