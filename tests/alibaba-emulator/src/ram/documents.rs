//! Policy documents as RAM takes them: its own grammar, version "1", no variables, its own operators.

use tenantry::policy::{Document, RAM_VERSION, Statement, validate};

use crate::cloud::Call;
use crate::refusal::Refusal;

fn parse(text: &str) -> Result<Document, Refusal> {
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::malformed_policy("The policy document is not a JSON object."));
    }
    let document = Document::parse(text).map_err(|error| Refusal::malformed_policy(error.to_string()))?;
    if document.version != RAM_VERSION {
        let version = &document.version;
        return Err(Refusal::malformed_policy(format!(
            "The policy version {version:?} is not supported, it must be \"1\"."
        )));
    }
    Ok(document)
}

/// Checks a document that grants permissions.
///
/// # Errors
/// `InvalidParameter.PolicyDocument.Length` or `MalformedPolicyDocument`.
pub fn permissions(call: &Call<'_>, text: &str, parameter: &str) -> Result<(), Refusal> {
    let most = call.cloud.quota("PolicySize", 6144);
    if i64::try_from(text.chars().count()).is_ok_and(|length| length > most) {
        return Err(Refusal::length(parameter));
    }
    let document = parse(text)?;
    if document.statements.iter().any(|statement| statement.principals.is_some()) {
        return Err(Refusal::malformed_policy("Principal is not allowed in the policy of an identity."));
    }
    match validate(&document).first() {
        Some(problem) => Err(Refusal::malformed_policy(problem.to_string())),
        None => Ok(()),
    }
}

/// Checks a role's trust policy.
///
/// # Errors
/// `InvalidParameter.AssumeRolePolicyDocument.Length` or `MalformedPolicyDocument`.
pub fn trust(text: &str) -> Result<(), Refusal> {
    if text.chars().count() > 4096 {
        return Err(Refusal::length("AssumeRolePolicyDocument"));
    }
    let document = parse(text)?;
    if document.statements.is_empty() {
        return Err(Refusal::malformed_policy("The trust policy has no statements."));
    }
    for statement in &document.statements {
        trusting(statement).map_err(Refusal::malformed_policy)?;
    }
    Ok(())
}

fn trusting(statement: &Statement) -> Result<(), String> {
    let Some(principals) = &statement.principals else { return Err("A statement names no Principal.".to_owned()) };
    if statement.resources.is_some() {
        return Err("Resource is not allowed in a trust policy.".to_owned());
    }
    if let tenantry::policy::PrincipalSet::Of(kinds) = principals.set() {
        for (kind, names) in kinds {
            let fine = |name: &String| match kind.as_str() {
                "RAM" => name.starts_with("acs:ram::") || name == "*",
                "Federated" => name.starts_with("acs:ram::"),
                "Service" => name.ends_with(".aliyuncs.com"),
                _ => false,
            };
            if let Some(wrong) = names.iter().find(|name| !fine(name)) {
                return Err(format!("The principal {kind} {wrong} is not valid."));
            }
        }
    }
    let actions = statement.actions.patterns();
    if actions.is_empty() || actions.iter().any(|action| !action.to_lowercase().starts_with("sts:") && action != "*") {
        return Err("A trust policy's Action is sts:AssumeRole.".to_owned());
    }
    Ok(())
}
