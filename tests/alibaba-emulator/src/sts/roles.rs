//! Assuming a role: by one's own right, or with a token of an issuer that the role trusts.

use jiff::SignedDuration;
use serde_json::json;
use tenantry::policy::evaluate::{Context, Layers, Principal, Request, Source, evaluate};
use tenantry::policy::{Document, PrincipalSet, Principals};

use super::model::Session;
use super::{shown, tokens};
use crate::authorization;
use crate::caller::Caller;
use crate::cloud::{Call, Outcome, iso, random};
use crate::ims::oidc;
use crate::ram::documents;
use crate::refusal::Refusal;

/// What both ways of assuming ask for.
struct Asked {
    role: String,
    name: String,
    seconds: i64,
    policy: Option<String>,
}

fn asked(call: &Call<'_>) -> Result<Asked, Refusal> {
    let parameters = call.parameters;
    let wrong = |parameter: &str, text: &str| Err(Refusal::new(400, format!("InvalidParameter.{parameter}"), text));
    let arn = parameters.required("RoleArn")?;
    let own = format!("acs:ram::{}:role/", call.account());
    if !arn.starts_with("acs:ram::") || !arn.contains(":role/") {
        return wrong("RoleArn", "The parameter RoleArn is wrongly formed.");
    }
    let role = arn.strip_prefix(&own).ok_or_else(|| Refusal::known("EntityNotExist.Role"))?.to_owned();
    let name = parameters.required("RoleSessionName")?.to_owned();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b".@-_".contains(&byte);
    if !(2..=64).contains(&name.len()) || !name.bytes().all(word) {
        return wrong("RoleSessionName", "The parameter RoleSessionName is wrongly formed.");
    }
    let most = call.cloud.role(&role, call.now).map_or(3600, |role| role.session);
    let seconds = parameters.number("DurationSeconds")?.unwrap_or(3600.min(most));
    if !(900..=most).contains(&seconds) {
        return wrong("DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr.");
    }
    let policy = parameters.text("Policy").map(str::to_owned);
    if let Some(policy) = &policy {
        if policy.len() > 2048 {
            return wrong("PolicySize", "The size of Policy must be smaller than 2048 bytes.");
        }
        if documents::permissions(call, policy, "Policy").is_err() {
            return wrong("PolicyGrammar", "The parameter Policy has not passed grammar check.");
        }
    }
    Ok(Asked { role, name, seconds, policy })
}

/// Whether a trust policy covers a principal under the call's conditions.
fn trusts(trust: &str, resource: &str, principal: Principal, context: Context) -> bool {
    let Ok(document) = Document::parse(trust) else { return false };
    let layers =
        Layers { resource: Some(Source { name: "the trust policy".to_owned(), document }), ..Layers::default() };
    let request = Request { action: "sts:AssumeRole".to_owned(), resource: resource.to_owned(), context, principal };
    evaluate(&layers, &request).is_allowed()
}

/// The trust policy in the evaluator's words. It knows principals of AWS's language; here a principal of kind `RAM` that
/// is the caller, its role or its account stands for the caller itself, since in RAM the caller's own policies are
/// asked beside the trust policy and never instead of it.
fn in_evaluators_words(trust: &str, account: &str, names: &[String], caller: &str) -> String {
    let Ok(mut document) = Document::parse(trust) else { return trust.to_owned() };
    let root = format!("acs:ram::{account}:root");
    for statement in &mut document.statements {
        let set = match &mut statement.principals {
            Some(Principals::These(PrincipalSet::Of(kinds)) | Principals::AllBut(PrincipalSet::Of(kinds))) => kinds,
            _ => continue,
        };
        let covers = |name: &String| *name == root || name == "*" || names.contains(&name.to_lowercase());
        if set.remove("RAM").is_some_and(|listed| listed.iter().any(covers)) {
            set.insert("AWS".to_owned(), vec![caller.to_owned()]);
        }
    }
    document.to_json()
}

pub fn assume(call: &mut Call<'_>) -> Outcome {
    if matches!(call.caller, Caller::Root) {
        return Err(Refusal::new(403, "NoPermission", "Roles may not be assumed by root accounts."));
    }
    let asked = asked(call)?;
    if call.parameters.sent("ExternalId").is_some_and(|id| !(2..=1224).contains(&id.len())) {
        return Err(Refusal::invalid("ExternalId"));
    }
    let account = call.account().to_owned();
    let role = call.cloud.role(&asked.role, call.now)?;
    let (arn, trust) = (role.arn(&account), role.trust.clone());
    let resource = format!("acs:ram:*:{account}:role/{}", role.name);
    let mut context = call.context.clone();
    if let Some(id) = call.parameters.text("ExternalId") {
        context = context.with("sts:ExternalId", id);
    }
    let caller = call.caller.arn(&account);
    let mut names = vec![caller.to_lowercase()];
    if let Caller::Session { role, .. } = call.caller {
        names.push(format!("acs:ram::{account}:role/{}", role.to_lowercase()));
    }
    let words = in_evaluators_words(&trust, &account, &names, &caller);
    let principal = Principal::User { account: account.clone(), arn: caller };
    if !trusts(&words, &arn, principal, context) {
        return Err(Refusal::known("NoPermission"));
    }
    // The role's ARN as the cloud writes it and as policies do.
    let by_arn = authorization::decide(call.cloud, call.caller, "sts:AssumeRole", &arn, &call.context);
    if !by_arn.is_allowed() {
        authorization::require(call, "sts:AssumeRole", &[resource], &call.context)?;
    }
    begin(call, asked)
}

/// Starts a session and gives its credentials.
fn begin(call: &mut Call<'_>, asked: Asked) -> Outcome {
    let length = call.cloud.settings.session.unwrap_or(SignedDuration::from_secs(asked.seconds));
    let role = call.cloud.role(&asked.role, call.now)?;
    let session = Session {
        key_id: format!("STS.N{}", random(24)),
        secret: random(44),
        token: format!("CAIS{}", random(200)),
        role: role.name.clone(),
        role_id: role.id.clone(),
        name: asked.name,
        policy: asked.policy,
        expires: call.now + length,
    };
    let answer = shown(&session, call.account());
    let now = call.now;
    // Those that ended an hour ago are remembered no longer: nobody is told how they ended.
    call.cloud.sts.sessions.retain(|_, old| old.expires + SignedDuration::from_hours(1) > now);
    call.cloud.sts.sessions.insert(session.key_id.clone(), session);
    Ok(answer)
}

pub fn assume_with_oidc(call: &mut Call<'_>) -> Outcome {
    let fail = |code: &str, text: &str| Err(Refusal::new(401, format!("AuthenticationFail.{code}"), text));
    let asked = asked(call)?;
    let provider_arn = call.parameters.required("OIDCProviderArn")?.to_owned();
    let token = call.parameters.required("OIDCToken")?.to_owned();
    let account = call.account().to_owned();
    let provider =
        call.cloud.ram.providers.values().find(|provider| oidc::arn(&account, &provider.name) == provider_arn);
    let Some(provider) = provider else {
        return fail("NoPermission", "No such OIDC Provider registered.");
    };
    let keys = match &call.keys {
        Some(Ok(keys)) => keys,
        Some(Err(why)) => return fail("OIDCToken.HttpsUrlInvalid", why),
        None => return fail("OIDCToken.HttpsUrlInvalid", "The issuer's keys cannot be read."),
    };
    let claims = match tokens::verify(&token, keys) {
        Ok(claims) => claims,
        Err(refused) => return fail(refused.code(), refused.text()),
    };
    if claims.issuer != provider.issuer {
        return fail("OIDCToken.Invalid", "The issuer of the token is not the provider's.");
    }
    let audience = claims.audiences.iter().find(|audience| provider.clients.contains(audience));
    let Some(audience) = audience.cloned() else {
        return fail("OIDCToken.AudienceNotMatch", "Invalid audience.");
    };
    let now = call.now + call.cloud.settings.ahead;
    if claims.expires.is_some_and(|end| end <= now)
        || claims.issued.is_some_and(|at| now.duration_since(at) > SignedDuration::from_hours(provider.hours))
    {
        return fail("OIDCToken.Expired", "This JsonWebToken is expired.");
    }
    let role = call.cloud.role(&asked.role, call.now)?;
    let context = call
        .context
        .clone()
        .with("oidc:iss", claims.issuer.as_str())
        .with("oidc:aud", audience.as_str())
        .with("oidc:sub", claims.subject.as_str());
    let arn = role.arn(&account);
    if !trusts(&role.trust, &arn, Principal::Federated { provider: provider_arn }, context) {
        return fail("NoPermission", "There is no permission");
    }
    let mut answer = begin(call, asked)?;
    answer["OIDCTokenInfo"] = json!({
        "Issuer": claims.issuer, "Subject": claims.subject, "ClientIds": claims.audiences.join(","),
        "IssuanceTime": claims.issued.map(iso), "ExpirationTime": claims.expires.map(iso),
        "VerificationInfo": "Success",
    });
    Ok(answer)
}
