//! `examples/roles/`: each role is compiled as the operator compiles it, and given to a user whose requests are judged.
//! What it must allow and refuse is in `tests/roles/`, one file a role.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tenantry::desired::{AccountFacts, Context, Manifests, compile};
use tenantry::model::{PolicyRef, WantedAccount, WantedUser};
use tenantry::names::{AccountName, CloudName, ClusterId, RAM_PARTITION, TenantName};
use tenantry::policy::evaluate::{Layers, Request, Source, evaluate};
use testbed::layout::root;

const AWS: (&str, &str) = ("aws-prod", "123456789012");
const ALIBABA: (&str, &str) = ("alibaba-prod", "1234567890123456");
/// The id of the tenant's PAI workspace.
const WORKSPACE: &str = "45678";

/// What a role must allow and refuse its user, alice of acme.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdicts {
    allowed: Vec<Request>,
    refused: Vec<Request>,
}

fn of<K: DeserializeOwned>(value: serde_json::Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn facts((name, id): (&str, &str), spec: serde_json::Value, partition: &str) -> (AccountName, AccountFacts) {
    let manifest = of(json!({"metadata": {"name": name}, "spec": spec}));
    let id = Some(id.to_owned());
    (
        AccountName::new(name),
        AccountFacts { manifest, id, partition: partition.to_owned(), trouble: None, unreadable: false, issuer: None },
    )
}

/// What is wanted in both accounts for a tenant whose only user has the role.
fn wanted(role: &Path) -> BTreeMap<AccountName, WantedAccount> {
    let text = fs::read_to_string(role).unwrap();
    let role: Arc<tenantry::api::TenantRole> = Arc::new(serde_saphyr::from_str(&text).unwrap());
    let tenant = json!({"metadata": {"name": "acme", "uid": "t"}, "spec": {"accounts": [{"name": AWS.0}, {"name": ALIBABA.0, "workspace": {"name": "acme"}, "maxCompute": {"region": "cn-shanghai", "project": "acme_ops"}}]}});
    let alice = json!({
        "metadata": {"name": "alice", "namespace": "acme", "uid": "u"},
        "spec": {"tenant": "acme", "roles": [role.metadata.name]},
    });
    let manifests =
        Manifests { tenant: Some(of(tenant)), roles: vec![role], users: vec![of(alice)], notebooks: Vec::new() };
    let context = Context {
        cluster: ClusterId::new("c1a2b3c4"),
        accounts: [
            facts(AWS, json!({"aws": {"region": "eu-west-1"}}), "aws"),
            facts(ALIBABA, json!({"alibaba": {"region": "cn-shanghai"}}), RAM_PARTITION),
        ]
        .into(),
        operator_namespace: "tenantry-system".to_owned(),
        operator_account: "tenantry".to_owned(),
        issuer: None,
        now: jiff::Timestamp::now(),
    };
    let wanted = compile(&TenantName::new("acme"), &manifests, &context);
    assert!(wanted.refusals.is_empty(), "{:?}", wanted.refusals);
    wanted.accounts
}

/// The documents that speak for the user: its own and its group's. What the cloud itself has written is not judged.
fn layers(account: &WantedAccount, user: &WantedUser) -> Layers {
    let groups = user.groups.iter().map(|name| &account.groups[name][0]);
    let attached = user.attached.iter().chain(groups.flat_map(|group| &group.attached));
    let own = attached.filter_map(|policy| match policy {
        PolicyRef::Own(name) => Some((name.to_string(), account.policies[name][0].document.in_workspace(WORKSPACE))),
        PolicyRef::Vendor(_) | PolicyRef::Arn(_) => None,
    });
    let inline = user.inline.iter().map(|(name, document)| (name.clone(), document.clone()));
    let identity = own.chain(inline).map(|(name, document)| Source { name, document }).collect();
    Layers { identity, ..Layers::default() }
}

/// The documents of the roles at tenant level that the user has in MaxCompute, of those that are in the project.
fn in_project(account: &WantedAccount, user: &CloudName, project: &str) -> Layers {
    let wanted = account.max_compute.as_ref().unwrap();
    let roles = wanted.users[user][0].roles.iter().map(|name| (name, &wanted.roles[name]));
    let inside = roles.filter(|(_, role)| role.projects.contains(project));
    let identity = inside.map(|(name, role)| Source { name: name.to_string(), document: role.document.clone() });
    Layers { identity: identity.collect(), ..Layers::default() }
}

/// The project of a resource of MaxCompute, which unlike one of RAM names no account.
fn project(resource: &str) -> Option<&str> {
    let (_, path) = resource.strip_prefix("acs:odps:")?.split_once(":projects/")?;
    (resource.matches(':').count() == 3).then(|| path.split('/').next().unwrap())
}

fn is_allowed(accounts: &BTreeMap<AccountName, WantedAccount>, request: &Request) -> bool {
    let on_alibaba = request.resource.starts_with("acs:");
    let account = &accounts[&AccountName::new(if on_alibaba { ALIBABA.0 } else { AWS.0 })];
    let (name, user) = account.users.iter().next().unwrap();
    let user = &user[0];
    if let Some(project) = project(&request.resource) {
        return evaluate(&in_project(account, name, project), request).is_allowed();
    }
    let mut request = request.clone();
    for (key, value) in &user.tags {
        request.context = request.context.with(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    evaluate(&layers(account, user), &request).is_allowed()
}

#[test]
fn every_role_of_the_library_allows_what_it_is_for_and_no_more() {
    let mut judged = 0;
    for file in fs::read_dir(root().join("examples/roles")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let accounts = wanted(&file);
        let name = file.file_name().unwrap();
        let cases = fs::read_to_string(root().join("tests/roles").join(name)).unwrap();
        let verdicts: Verdicts = serde_saphyr::from_str(&cases).unwrap();
        assert!(!verdicts.allowed.is_empty() && !verdicts.refused.is_empty(), "{name:?}");
        for (wanted, request) in
            verdicts.allowed.iter().map(|it| (true, it)).chain(verdicts.refused.iter().map(|it| (false, it)))
        {
            assert_eq!(is_allowed(&accounts, request), wanted, "{name:?}: {request:?}");
        }
        judged += 1;
    }
    assert!(judged > 0);
}
