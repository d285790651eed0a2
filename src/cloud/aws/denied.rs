//! A call that the operator's rights do not cover, in words: which action is missing, and the line of the documented
//! policy that gives it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

/// The statements that allow an action, by the documented policy that people start from.
static STATEMENTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let policies = [
        include_str!("../../../docs/aws/operator-policy.json"),
        include_str!("../../../docs/aws/operator-policy-without-boundary.json"),
    ];
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for policy in policies.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        let statements = policy["Statement"].as_array().into_iter().flatten();
        for statement in statements.filter(|statement| statement["Effect"] == "Allow") {
            let (sid, actions) = (statement["Sid"].as_str().unwrap_or_default(), &statement["Action"]);
            let named = actions.as_array().into_iter().flatten().chain([actions]);
            for action in named.filter_map(Value::as_str) {
                let known = all.entry(action.to_owned()).or_default();
                if !known.iter().any(|it| it == sid) {
                    known.push(sid.to_owned());
                }
            }
        }
    }
    all
});

/// What AWS says of a denied call: the action that was missing, which is not always the one that was called (tags in a
/// create call need the right to tag), the resource, and the kind of policy that decided.
/// (IAM user guide, "Troubleshoot access denied error messages".)
struct Denial<'a> {
    action: &'a str,
    resource: Option<&'a str>,
    /// The kind of policy that does not allow it, such as `identity-based policy`.
    lacking: Option<&'a str>,
    /// The kind of policy that denies it.
    denying: Option<&'a str>,
}

impl<'a> Denial<'a> {
    fn read(message: &'a str, called: &'a str) -> Self {
        let rest = message.split_once("is not authorized to perform: ").map(|(_, rest)| rest).unwrap_or_default();
        let word = |text: &'a str| text.split_whitespace().next().filter(|word| !word.is_empty());
        let resource = rest.split_once(" on resource: ").and_then(|(_, rest)| word(rest));
        let lacking = rest.split_once(" because no ").and_then(|(_, rest)| rest.split_once(" allows "));
        let denying =
            rest.split_once(" with an explicit deny in a").map(|(_, rest)| rest.trim_start_matches('n').trim());
        Self {
            action: word(rest).filter(|action| action.contains(':')).unwrap_or(called),
            resource: resource.filter(|resource| *resource != "*"),
            lacking: lacking.map(|(kind, _)| kind),
            denying,
        }
    }
}

/// `message` is AWS's, `called` the action of the call, `operator` its ARN behind a space, or nothing.
pub(super) fn words(message: &str, called: &str, operator: &str) -> String {
    let denial = Denial::read(message, called);
    let Denial { action, .. } = denial;
    let resource = denial.resource.map(|resource| format!(" on {resource}")).unwrap_or_default();
    let refused = format!("{action} is refused for the operator{operator}{resource}");
    if let Some(kind) = denial.denying {
        return format!("{refused}: an explicit Deny forbids it ({kind}): docs/aws.md#permissions");
    }
    if let Some(kind) = denial.lacking.filter(|kind| *kind != "identity-based policy") {
        return format!("{refused}: no {kind} allows it. Allow {action} there: docs/aws.md#permissions");
    }
    match STATEMENTS.get(action) {
        Some(statements) => {
            let statements = statements.join(" or ");
            format!(
                "{refused}. Add \"{action}\" to statement {statements} of the operator's policy: docs/aws.md#permissions"
            )
        }
        None => format!("{refused}. Add \"{action}\" to the operator's policy: docs/aws.md#permissions"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: &str = " arn:aws:iam::1:role/tenantry";

    fn aws(rest: &str) -> String {
        format!("User: arn:aws:sts::1:assumed-role/tenantry/1732264 is not authorized to perform: {rest}")
    }

    #[test]
    fn a_refusal_names_operator_action_resource_and_the_line_to_add() {
        let said = aws(
            "iam:TagUser on resource: arn:aws:iam::1:user/x because no identity-based policy allows the iam:TagUser action",
        );
        assert_eq!(
            words(&said, "iam:CreateUser", OPERATOR),
            "iam:TagUser is refused for the operator arn:aws:iam::1:role/tenantry on arn:aws:iam::1:user/x. Add \
             \"iam:TagUser\" to statement Users of the operator's policy: docs/aws.md#permissions"
        );
        let both = words(&aws("iam:DetachUserPolicy on resource: x"), "iam:DetachUserPolicy", "");
        assert!(both.contains("statement PoliciesOfUsers or TakeOwnPoliciesBack of"), "{both}");
        assert!(words("", "iam:CreateUser", "").contains("Add \"iam:CreateUser\" to statement CreateUsers of"));
        assert!(words("", "iam:Unheard", "").contains("Add \"iam:Unheard\" to the operator's policy"));
    }

    #[test]
    fn what_another_policy_forbids_is_not_to_be_added_to_ours() {
        let bounded =
            aws("iam:CreateUser on resource: x because no permissions boundary allows the iam:CreateUser action");
        let said = words(&bounded, "iam:CreateUser", "");
        assert!(
            said.ends_with("no permissions boundary allows it. Allow iam:CreateUser there: docs/aws.md#permissions"),
            "{said}"
        );
        let denied = aws("iam:CreateUser on resource: x with an explicit deny in a service control policy");
        let said = words(&denied, "iam:CreateUser", "");
        assert!(said.contains("an explicit Deny forbids it (service control policy)"), "{said}");
        let denied = aws("iam:CreateUser on resource: x with an explicit deny in an identity-based policy");
        assert!(words(&denied, "iam:CreateUser", "").contains("(identity-based policy)"));
    }
}
