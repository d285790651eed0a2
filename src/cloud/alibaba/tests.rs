#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alibaba_signature::parse_query;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::credentials::Provider;
use super::endpoints::Endpoints;
use super::wire::Wire;
use super::*;
use crate::cloud::budget::Family;
use crate::cloud::{Budgets, Rates};
use crate::model::{PolicyRef, Tags, User};
use crate::names::{ClusterId, RAM_PARTITION, TAG_CLUSTER, TAG_OWNER, TAG_TENANT};
use crate::policy::{Document, Scope, Statement};

/// What the endpoint was asked: operation, parameters of query and body, headers.
#[derive(Clone, Debug)]
struct Asked {
    action: String,
    parameters: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

/// An endpoint that answers with these, one call each, and keeps what it was asked.
struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    fn actions(&self) -> Vec<String> {
        self.asked.lock().iter().map(|asked| asked.action.clone()).collect()
    }

    fn last(&self) -> Asked {
        self.asked.lock().last().cloned().unwrap()
    }
}

async fn stub(answers: Vec<Answer>) -> Stub {
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let noted = Arc::clone(&asked);
    let router = Router::new().fallback(move |request: Request| {
        let (answers, noted) = (Arc::clone(&answers), Arc::clone(&noted));
        async move {
            let headers: BTreeMap<String, String> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let query = request.uri().query().unwrap_or_default().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let form = String::from_utf8(body.to_vec()).unwrap();
            let parameters = parse_query(&query).into_iter().chain(parse_query(&form)).collect();
            noted.lock().push(Asked { action: headers["x-acs-action"].clone(), parameters, headers });
            let answer = answers.lock().pop_front().unwrap_or_else(|| error(500, "InternalError"));
            let mut response = axum::response::Response::new(axum::body::Body::from(answer.body.to_string()));
            *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
            for (name, value) in answer.headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Stub { url, asked }
}

fn ok(body: Value) -> Answer {
    Answer { status: 200, body, headers: Vec::new() }
}

fn error(status: u16, code: &str) -> Answer {
    let body = json!({"Code": code, "Message": "because", "RequestId": "0F8A-REQUEST"});
    Answer { status, body, headers: Vec::new() }
}

fn caller() -> Answer {
    ok(json!({"AccountId": "1234567890123456", "Arn": "acs:ram::1234567890123456:user/op"}))
}

fn domain() -> Answer {
    ok(json!({"DefaultDomainName": "1234567890123456.onaliyun.com"}))
}

fn settings(stub: &Stub) -> Settings {
    Settings {
        region: "cn-shanghai".to_owned(),
        endpoint_url: Some(stub.url.clone()),
        credentials: Credentials::Static { id: "LTAI".to_owned(), secret: SecretString::from("x"), token: None },
        assume_roles: Vec::new(),
        empty_recycle_bin: false,
    }
}

fn budgets() -> Budgets {
    Budgets::new(Rates { write: 1000.0, read: 1000.0 })
}

/// An account behind a stub that answers so after the one call that asks whose it is.
async fn account(answers: Vec<Answer>) -> (Stub, Alibaba) {
    let stub = stub([vec![caller()], answers].concat()).await;
    let cloud = Alibaba::connect(settings(&stub), &budgets(), Arc::default()).await.unwrap();
    (stub, cloud)
}

fn inventory() -> Mutex<Inventory> {
    Mutex::new(Inventory::new(ClusterId::new("c1"), "1234567890123456", RAM_PARTITION))
}

fn marks(owner: &str) -> Tags {
    let marks = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, owner)];
    marks.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
}

fn shown(name: &str, tags: &Tags) -> Value {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"TagKey": key, "TagValue": value})).collect();
    json!({"UserPrincipalName": format!("{name}@1234567890123456.onaliyun.com"), "Tags": {"Tag": tags}})
}

fn users(users: &[&str], marker: Option<&str>) -> Answer {
    let users: Vec<Value> = users.iter().map(|name| shown(name, &Tags::new())).collect();
    ok(json!({"Users": {"User": users}, "IsTruncated": marker.is_some(), "Marker": marker}))
}

fn empty(outer: &str, inner: &str) -> Answer {
    ok(json!({outer: {inner: []}, "IsTruncated": false}))
}

#[tokio::test]
async fn a_sweep_is_four_lists_each_to_its_end() {
    let lists = [empty("Groups", "Group"), empty("Policies", "Policy"), empty("Roles", "Role")];
    let answers = [vec![users(&["a"], Some("m1")), users(&["b"], None)], lists.to_vec()].concat();
    let (stub, cloud) = account(answers).await;
    let sweep = cloud.sweep().await.unwrap();
    assert!(sweep.bare);
    assert_eq!(sweep.found.len(), 2);
    assert_eq!(
        stub.actions(),
        ["GetCallerIdentity", "ListUsers", "ListUsers", "ListGroups", "ListPolicies", "ListRoles"]
    );
    assert_eq!(stub.asked.lock()[2].parameters["Marker"], "m1");
    assert_eq!(stub.asked.lock()[4].parameters["PolicyType"], "Custom");
}

#[tokio::test]
async fn a_page_that_fails_fails_the_sweep() {
    for bad in [error(403, "NoPermission"), users(&["b"], Some("m1")), ok(json!({}))] {
        let (_stub, cloud) = account(vec![users(&["a"], Some("m1")), bad]).await;
        assert!(cloud.sweep().await.is_err());
    }
}

#[tokio::test]
async fn throttling_is_waited_out_as_long_as_it_says_and_slows_the_account_down() {
    let soon = || Answer { headers: vec![("x-acs-retry-after", "20".to_owned())], ..error(400, "Throttling.User") };
    let quotas = ok(json!({"SummaryMap": {"Users": 3, "UsersQuota": 5000}}));
    let (stub, cloud) = account(vec![soon(), soon(), quotas]).await;
    assert_eq!(cloud.quotas().await.unwrap()["Users"], Quota { used: 3, limit: 5000 });
    assert_eq!(stub.actions().len(), 4);
    assert!(cloud.channel.wire.budget.rate(Family::Read) < 600.0);
    let (_stub, cloud) = account(vec![soon(), soon(), soon()]).await;
    let fault = cloud.quotas().await.unwrap_err();
    assert_eq!(fault.class, Class::Throttled);
    assert!(!fault.to_string().contains("0F8A"), "{fault}");
    let nonces: std::collections::BTreeSet<String> =
        stub.asked.lock().iter().map(|asked| asked.headers["x-acs-signature-nonce"].clone()).collect();
    assert_eq!(nonces.len(), 4, "a nonce counts once");
}

#[tokio::test]
async fn an_answer_without_a_code_is_transient_and_names_the_endpoint() {
    let nothing = Answer { status: 502, body: Value::from("<html>"), headers: Vec::new() };
    let (stub, cloud) = account(vec![nothing.clone(), nothing.clone(), nothing]).await;
    let fault = cloud.quotas().await.unwrap_err();
    assert_eq!(fault.class, Class::Transient);
    assert!(fault.message.contains(&stub.url) && fault.message.contains("502"), "{fault}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_said_so() {
    let theirs = alibaba_signature::odps::date(Timestamp::now() + SignedDuration::from_mins(20));
    let answer = Answer { headers: vec![("date", theirs)], ..error(400, "InvalidTimeStamp.Expired") };
    let stub = stub(vec![answer]).await;
    let fault = Alibaba::connect(settings(&stub), &budgets(), Arc::default()).await.unwrap_err();
    assert_eq!(fault.class, Class::AccessDenied);
    assert!(fault.message.contains("clock is 20 minutes behind Alibaba Cloud's"), "{fault}");
}

fn alice() -> User {
    User {
        name: CloudName::new("acme.alice"),
        path: "/tenants/c1/acme/".to_owned(),
        arn: "acs:ram::1234567890123456:user/acme.alice".to_owned(),
        id: None,
        tags: marks("tenantuser/acme/alice"),
        profile: Default::default(),
        boundary: None,
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: None,
        login: None,
    }
}

#[tokio::test]
async fn a_user_whose_making_went_unanswered_is_ours_and_anothers_is_not() {
    let found = |owner: &str| ok(json!({"User": shown("acme.alice", &marks(owner))}));
    let rest = || vec![empty("Groups", "Group"), empty("Policies", "Policy")];
    let taken = || vec![domain(), error(409, "EntityAlreadyExists.User")];
    let action = CloudAction::CreateUser(alice());
    let (stub, cloud) = account([taken(), vec![found("tenantuser/acme/alice")], rest()].concat()).await;
    assert!(matches!(cloud.execute(&action, &inventory()).await, Ok(Effect::Found(_))));
    let asked = stub.asked.lock()[2].clone();
    assert_eq!(asked.parameters["UserPrincipalName"], "acme.alice@1234567890123456.onaliyun.com");
    assert_eq!(asked.parameters["Tag.1.Key"], TAG_CLUSTER);
    let (_stub, cloud) = account([taken(), vec![found("tenantuser/acme/bob")], rest()].concat()).await;
    assert_eq!(cloud.execute(&action, &inventory()).await.unwrap_err().class, Class::NotOwned);
}

#[tokio::test]
async fn a_key_is_made_in_one_try_and_never_shown() {
    let user = CloudName::new("acme.alice");
    let (stub, cloud) = account(vec![error(500, "InternalError")]).await;
    assert!(cloud.execute(&CloudAction::CreateKey(user.clone()), &inventory()).await.is_err());
    assert_eq!(stub.actions(), ["GetCallerIdentity", "CreateAccessKey"]);
    let key = json!({"AccessKeyId": "LTAI1", "AccessKeySecret": "hush", "CreateDate": "2026-11-22T08:00:00Z"});
    let (_stub, cloud) = account(vec![ok(json!({"AccessKey": key}))]).await;
    let effect = cloud.execute(&CloudAction::CreateKey(user), &inventory()).await.unwrap();
    assert!(!format!("{effect:?}").contains("hush"));
}

#[tokio::test]
async fn what_is_done_already_is_done_and_what_is_gone_is_removed() {
    let (user, group) = (CloudName::new("acme.alice"), CloudName::new("acme"));
    let to = ObjectId::user(&user);
    let again = [
        (CloudAction::AddMember { group: group.clone(), user: user.clone() }, "EntityAlreadyExists.User.Group"),
        (CloudAction::RemoveMember { group, user: user.clone() }, "EntityNotExist.User.Group"),
        (
            CloudAction::Attach { to: to.clone(), policy: PolicyRef::Vendor("ReadOnlyAccess".to_owned()) },
            "EntityAlreadyExists.User.Policy",
        ),
        (
            CloudAction::Detach { from: to, arn: "acs:ram:*:system:policy/ReadOnlyAccess".to_owned() },
            "EntityNotExist.User.Policy",
        ),
        (CloudAction::DeleteUser(user), "EntityNotExist.User"),
    ];
    for (action, code) in again {
        let (_stub, cloud) = account(vec![error(409, code)]).await;
        assert!(cloud.execute(&action, &inventory()).await.is_ok(), "{action:?}");
    }
}

#[tokio::test]
async fn an_unknown_system_policy_is_said_so() {
    let to = ObjectId::user(&CloudName::new("acme.alice"));
    let action = CloudAction::Attach { to, policy: PolicyRef::Vendor("ReadOnly".to_owned()) };
    let (stub, cloud) = account(vec![error(404, "EntityNotExist.Policy")]).await;
    let fault = cloud.execute(&action, &inventory()).await.unwrap_err();
    assert_eq!(fault.class, Class::Invalid);
    assert!(fault.message.contains("no system policy named \"ReadOnly\""), "{fault}");
    assert_eq!(stub.last().parameters["PolicyType"], "System");
}

#[tokio::test]
async fn an_inline_policy_is_a_named_one_that_the_first_who_has_it_makes() {
    let everything = || Scope::These(vec!["*".to_owned()]);
    let document = Document::ram(vec![Statement::new(crate::policy::Effect::Deny, everything(), everything())]);
    let of = ObjectId::user(&CloudName::new("acme.alice"));
    let action = CloudAction::PutInline { of, name: "tenantry-suspended".to_owned(), document: document.clone() };
    let (first, cloud) = account(vec![ok(json!({"Policy": {}})), ok(json!({}))]).await;
    cloud.execute(&action, &inventory()).await.unwrap();
    assert_eq!(first.actions()[1..], ["CreatePolicy", "AttachPolicyToUser"]);
    assert_eq!(first.asked.lock()[1].parameters["Description"], "tenantry: inline tenantry-suspended of cluster c1");
    // Whom the inventory knows to have it shows what it says.
    let known = inventory();
    let inline = BTreeMap::from([("tenantry-suspended".to_owned(), document.clone())]);
    let bob = User { name: CloudName::new("acme.bob"), inline, ..alice() };
    known.lock().users.insert(bob.name.clone(), bob);
    let (second, cloud) = account(vec![ok(json!({}))]).await;
    cloud.execute(&action, &known).await.unwrap();
    assert_eq!(second.actions()[1..], ["AttachPolicyToUser"]);
    assert_eq!(second.last().parameters["PolicyName"], first.last().parameters["PolicyName"]);
    // It may be gone by then.
    let answers = vec![error(404, "EntityNotExist.Policy"), ok(json!({"Policy": {}})), ok(json!({}))];
    let (third, cloud) = account(answers).await;
    cloud.execute(&action, &known).await.unwrap();
    assert_eq!(third.actions()[1..], ["AttachPolicyToUser", "CreatePolicy", "AttachPolicyToUser"]);
}

#[tokio::test]
async fn what_somebody_made_under_the_name_of_an_inline_policy_is_not_attached_unread() {
    let everything = || Scope::These(vec!["*".to_owned()]);
    let deny = Document::ram(vec![Statement::new(crate::policy::Effect::Deny, everything(), everything())]);
    let allow = Document::ram(vec![Statement::new(crate::policy::Effect::Allow, everything(), everything())]);
    let of = ObjectId::user(&CloudName::new("acme.alice"));
    let action = CloudAction::PutInline { of, name: "tenantry-suspended".to_owned(), document: deny };
    let there = |description: &str| {
        let version = json!({"PolicyDocument": allow.to_json()});
        ok(json!({"Policy": {"Description": description}, "DefaultPolicyVersion": version}))
    };
    let taken = || error(409, "EntityAlreadyExists.Policy");
    let (theirs, cloud) = account(vec![taken(), there("for tests")]).await;
    assert_eq!(cloud.execute(&action, &inventory()).await.unwrap_err().class, Class::NotOwned);
    assert_eq!(theirs.actions()[1..], ["CreatePolicy", "GetPolicy"]);
    // Ours that somebody edited says again what it should before anybody has it.
    let ours = there("tenantry: inline tenantry-suspended of cluster c1");
    let version = ok(json!({"PolicyVersion": {"VersionId": "v2"}}));
    let (edited, cloud) = account(vec![taken(), ours, version, ok(json!({}))]).await;
    cloud.execute(&action, &inventory()).await.unwrap();
    assert_eq!(edited.actions()[1..], ["CreatePolicy", "GetPolicy", "CreatePolicyVersion", "AttachPolicyToUser"]);
}

#[tokio::test]
async fn another_login_domain_is_seen_by_the_next_sweep() {
    let lists =
        |listed: Answer| vec![listed, empty("Groups", "Group"), empty("Policies", "Policy"), empty("Roles", "Role")];
    let named = |domain: &str| {
        let users = [json!({"UserPrincipalName": format!("a@{domain}"), "Tags": {"Tag": []}})];
        ok(json!({"Users": {"User": users}, "IsTruncated": false}))
    };
    let made = || ok(json!({"User": {"UserId": "1"}}));
    let answers = [vec![domain(), made()], lists(named("acme.example")), vec![made()]].concat();
    let nobody = [lists(empty("Users", "User")), vec![domain(), made()]].concat();
    let (stub, cloud) = account([answers, nobody].concat()).await;
    let action = CloudAction::CreateUser(alice());
    let principal = || stub.last().parameters["UserPrincipalName"].clone();
    cloud.execute(&action, &inventory()).await.unwrap();
    assert_eq!(principal(), "acme.alice@1234567890123456.onaliyun.com");
    cloud.sweep().await.unwrap();
    cloud.execute(&action, &inventory()).await.unwrap();
    assert_eq!(principal(), "acme.alice@acme.example", "no call was needed for it");
    // Where no list shows it, it is asked for again.
    cloud.sweep().await.unwrap();
    cloud.execute(&action, &inventory()).await.unwrap();
    assert_eq!(principal(), "acme.alice@1234567890123456.onaliyun.com");
    assert_eq!(stub.actions().iter().filter(|it| *it == "GetDefaultDomain").count(), 2);
}

fn session(id: &str, minutes: i64) -> Answer {
    let end = (Timestamp::now() + SignedDuration::from_mins(minutes)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let keys = json!({"AccessKeyId": id, "AccessKeySecret": "s", "SecurityToken": "token", "Expiration": end});
    ok(json!({"Credentials": keys}))
}

#[tokio::test]
async fn roles_are_assumed_one_after_the_other_and_again_when_their_keys_end() {
    let role = |name: &str, external_id: Option<&str>| AssumeRole {
        arn: format!("acs:ram::1:role/{name}"),
        external_id: external_id.map(str::to_owned),
    };
    let summary = || ok(json!({"SummaryMap": {}}));
    let early = error(400, "InvalidSecurityToken.Expired");
    let answers = vec![session("STS.1", 60), session("STS.2", 60), caller(), summary(), early, session("STS.3", 60)];
    let stub = stub([answers, vec![session("STS.4", 60), summary()]].concat()).await;
    let settings = Settings { assume_roles: vec![role("hop", None), role("last", Some("x"))], ..settings(&stub) };
    let cloud = Alibaba::connect(settings, &budgets(), Arc::default()).await.unwrap();
    cloud.quotas().await.unwrap();
    assert_eq!(stub.actions(), ["AssumeRole", "AssumeRole", "GetCallerIdentity", "GetAccountSummary"]);
    let second = stub.asked.lock()[1].clone();
    assert!(second.headers["authorization"].contains("Credential=STS.1,"));
    assert_eq!(second.headers["x-acs-security-token"], "token");
    assert_eq!(second.parameters["ExternalId"], "x");
    cloud.quotas().await.unwrap();
    assert_eq!(stub.actions()[4..], ["GetAccountSummary", "AssumeRole", "AssumeRole", "GetAccountSummary"]);
    assert!(stub.last().headers["authorization"].contains("Credential=STS.4,"));
}

#[tokio::test]
async fn the_pods_token_is_read_anew_each_time_and_sent_unsigned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let variables = BTreeMap::from([
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/op".to_owned()),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack".to_owned()),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.display().to_string()),
    ]);
    let provider = Provider::new(&Credentials::Chain, Vec::new(), |name| variables.get(name).cloned()).unwrap();
    let stub = stub(vec![session("STS.1", 0), session("STS.2", 60)]).await;
    let wire = Wire {
        account: String::new(),
        operator: None,
        endpoints: Endpoints::new("cn-shanghai", Some(&stub.url)),
        budget: budgets().fresh(),
        calls: Arc::default(),
    };
    for (token, id) in [("one", "STS.1"), ("two", "STS.2"), ("three", "STS.2")] {
        std::fs::write(&file, token).unwrap();
        assert_eq!(provider.current(&wire).await.unwrap().access_key_id, id);
    }
    assert_eq!(stub.actions().len(), 2);
    let asked = stub.last();
    assert_eq!(
        (asked.parameters["OIDCToken"].as_str(), asked.parameters["Action"].as_str()),
        ("two", "AssumeRoleWithOIDC")
    );
    assert!(!asked.headers.contains_key("authorization"));
}
