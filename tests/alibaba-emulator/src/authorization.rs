//! What a caller may do: its policies, evaluated by the operator crate's own evaluator in RAM's language.

use data_encoding::BASE64;
use serde_json::{Value, json};
use tenantry::policy::Document;
use tenantry::policy::evaluate::{Context, Decision, Layers, Principal, Request, Source, Verdict, evaluate};

use crate::caller::Caller;
use crate::cloud::{Call, Cloud};
use crate::ram::model::{Attachments, PolicyKind};
use crate::ram::system_policies;
use crate::refusal::Refusal;

/// Fails unless the caller may do `action` on every one of the resources.
///
/// # Errors
/// `NoPermission`, with what the service tells about why.
pub fn require(call: &Call<'_>, action: &str, resources: &[String], context: &Context) -> Result<(), Refusal> {
    for resource in resources {
        let decision = decide(call.cloud, call.caller, action, resource, context);
        if !decision.is_allowed() {
            return Err(refusal(call.cloud, call.caller, action, resource, &decision));
        }
    }
    Ok(())
}

/// What the caller's own policies say, without any resource's; what they allow is noted.
pub fn decide(cloud: &Cloud, caller: &Caller, action: &str, resource: &str, context: &Context) -> Decision {
    let decision = weigh(cloud, caller, action, resource, context);
    if let Some(origin) = decision.by.as_ref().filter(|_| decision.is_allowed()) {
        let grant = (origin.document.clone(), origin.statement, action.to_owned());
        cloud.granted.lock().entry(caller.arn(&cloud.account.id)).or_default().insert(grant);
    }
    decision
}

fn weigh(cloud: &Cloud, caller: &Caller, action: &str, resource: &str, context: &Context) -> Decision {
    let layers = layers(cloud, caller);
    let ask = |resource: String| {
        let principal = principal(cloud, caller);
        let request = Request { action: action.to_owned(), resource, context: context.clone(), principal };
        evaluate(&layers, &request)
    };
    let decision = ask(resource.to_owned());
    // A global service's ARNs are written with `*` or with nothing for the region: both mean the same.
    if decision.effect == Verdict::ExplicitDeny || !resource.starts_with("acs:ram:*:") {
        return decision;
    }
    let other = ask(resource.replacen("acs:ram:*:", "acs:ram::", 1));
    if decision.is_allowed() && other.effect != Verdict::ExplicitDeny { decision } else { other }
}

/// The documents of a caller: its own, its groups', its session's.
pub fn layers(cloud: &Cloud, caller: &Caller) -> Layers {
    let mut layers = Layers::default();
    match caller {
        Caller::Root => {
            let text = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
            layers.identity.extend(source("the account itself", text));
        }
        Caller::Nobody => {}
        Caller::User { name, .. } => {
            let Some(user) = cloud.ram.users.get(name) else { return layers };
            attached(cloud, &user.policies, &mut layers.identity);
            for group in user.groups.keys().filter_map(|group| cloud.ram.groups.get(group)) {
                attached(cloud, &group.policies, &mut layers.identity);
            }
        }
        Caller::Session { role, policy, .. } => {
            let Some(role) = cloud.ram.roles.get(&role.to_lowercase()) else { return layers };
            attached(cloud, &role.policies, &mut layers.identity);
            layers.session = policy.as_ref().and_then(|text| source("the session's policy", text));
        }
    }
    layers
}

/// Attachments of a resource group's scope are about that group's resources, of which there are none here.
fn attached(cloud: &Cloud, attachments: &Attachments, into: &mut Vec<Source>) {
    for (policy, scope) in attachments.keys().filter(|(_, scope)| scope.is_empty()) {
        debug_assert!(scope.is_empty());
        let text = match policy.kind {
            PolicyKind::System => system_policies::find(&policy.name).map(|it| it.document.to_owned()),
            PolicyKind::Custom => cloud.ram.policies.get(&policy.name).map(|it| it.default_text().to_owned()),
        };
        into.extend(text.and_then(|text| source(&policy.name, &text)));
    }
}

pub fn source(name: &str, text: &str) -> Option<Source> {
    Document::parse(text).ok().map(|document| Source { name: name.to_owned(), document })
}

pub fn principal(cloud: &Cloud, caller: &Caller) -> Principal {
    let account = cloud.account.id.clone();
    match caller {
        Caller::Root | Caller::Nobody => Principal::Unknown,
        Caller::User { .. } => Principal::User { arn: caller.arn(&account), account },
        Caller::Session { role, .. } => Principal::Role {
            arn: format!("acs:ram::{account}:role/{}", role.to_lowercase()),
            session: caller.arn(&account),
            account,
        },
    }
}

/// `NoPermission` with its `AccessDeniedDetail`.
pub fn refusal(cloud: &Cloud, caller: &Caller, action: &str, resource: &str, decision: &Decision) -> Refusal {
    let mut refusal = Refusal::known("NoPermission");
    let account = &cloud.account.id;
    let (kind, name) = caller.shown(account);
    let explicit = decision.effect == Verdict::ExplicitDeny;
    let why = if explicit { "ExplicitDeny" } else { "ImplicitDeny" };
    let message = json!({
        "AuthAction": action, "AuthResource": resource, "ExplicitDeny": explicit, "NoPermissionPolicyType": POLICY_TYPE,
        "AuthPrincipal": {"AuthPrincipalType": kind, "AuthPrincipalDisplayName": name, "AuthPrincipalOwnerId": account},
        "MatchedPolicies": matched(decision), "AuthConditions": [],
    });
    refusal.detail = Some(json!({
        "AuthAction": action, "AuthPrincipalType": kind, "AuthPrincipalDisplayName": name,
        "AuthPrincipalOwnerId": account, "NoPermissionType": why, "PolicyType": POLICY_TYPE,
        "EncodedDiagnosticMessage": BASE64.encode(message.to_string().as_bytes()),
    }));
    refusal
}

const POLICY_TYPE: &str = "AccountLevelIdentityBasedPolicy";

fn matched(decision: &Decision) -> Value {
    let policies = decision.by.iter().map(|origin| {
        json!({"Effect": "Deny", "PolicyIdentifier": origin.document, "PolicyType": "Custom", "AttachedScope": "Account"})
    });
    Value::Array(policies.collect())
}
