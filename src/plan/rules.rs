//! The plan for what holds for a whole account: the boundary that we keep, and what of the rules for passwords differs.

use crate::model::{Class, CloudAction, Fault, Inventory, ObjectId, PasswordRules, Policy, WantedRules};
use crate::policy;

/// What lies between the rules of an account and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesPlan {
    /// The steps, in order, each with what people read beside it.
    pub steps: Vec<(CloudAction, Vec<String>)>,
    /// The rules for passwords to set, with what differs.
    pub passwords: Option<(PasswordRules, Vec<String>)>,
    /// What is not done, and why.
    pub refusal: Option<Fault>,
}

impl RulesPlan {
    /// What would be changed, one line each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let steps = self.steps.iter().map(|(action, detail)| match detail.is_empty() {
            true => format!("{} would be made", action.object()),
            false => format!("{}: {}", action.object(), detail.join(", ")),
        });
        let passwords = self.passwords.iter().map(|(_, detail)| format!("password policy: {}", detail.join(", ")));
        steps.chain(passwords).collect()
    }
}

/// Compares the rules that should hold with those that do. `seen` are the account's rules for passwords; none: it has
/// none of its own.
#[must_use]
pub fn plan_rules(wanted: &WantedRules, inventory: &Inventory, seen: Option<&PasswordRules>) -> RulesPlan {
    let mut plan = RulesPlan::default();
    boundary(&mut plan, wanted, inventory);
    if let Some(rules) = &wanted.passwords {
        let differences = match seen {
            Some(seen) => rules.differences(seen),
            None => rules.differences(&PasswordRules::default()),
        };
        if seen.is_none() || !differences.is_empty() {
            plan.passwords = Some((rules.clone(), differences));
        }
    }
    plan
}

fn boundary(plan: &mut RulesPlan, wanted: &WantedRules, inventory: &Inventory) {
    let Some((name, wanted)) = &wanted.boundary else { return };
    let object = ObjectId::policy(name);
    let Some(seen) = inventory.policies.get(name) else {
        if inventory.others.contains_key(&object) {
            return refuse(plan, &object);
        }
        let policy = Policy {
            name: name.clone(),
            path: wanted.path.clone(),
            arn: inventory.arn(object.kind, &wanted.path, name),
            description: wanted.description.clone(),
            tags: Some(wanted.tags.clone()),
            default_version: "v1".to_owned(),
            old_versions: Vec::new(),
            document: Some(wanted.document.clone()),
        };
        plan.steps.push((CloudAction::CreatePolicy(policy), Vec::new()));
        return;
    };
    if seen.description != wanted.description || seen.path != wanted.path {
        return refuse(plan, &object);
    }
    if !seen.document.as_ref().is_some_and(|seen| seen.same_meaning(&wanted.document)) {
        let detail = seen.document.iter().flat_map(|seen| policy::diff(seen, &wanted.document)).collect();
        let action = CloudAction::SetDocument { policy: name.clone(), document: wanted.document.clone() };
        plan.steps.push((action, detail));
    }
}

fn refuse(plan: &mut RulesPlan, object: &ObjectId) {
    let message =
        "it exists and was not made by this operator. Nothing was changed. Rename it, or set spec.namePrefix.";
    plan.refusal = Some(Fault::new(Class::NotOwned, "iam:CreatePolicy", object, message));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::names::ClusterId;

    fn passwords(minimum_length: i32) -> PasswordRules {
        PasswordRules { minimum_length, max_age_days: Some(90), ..PasswordRules::default() }
    }

    #[test]
    fn rules_that_hold_make_no_step_and_others_are_told_by_name() {
        let inventory = Inventory::new(ClusterId::new("c1"), "123456789012", "aws");
        let wanted = WantedRules { passwords: Some(passwords(10)), ..WantedRules::default() };
        assert_eq!(plan_rules(&wanted, &inventory, Some(&passwords(10))), RulesPlan::default());
        let plan = plan_rules(&wanted, &inventory, Some(&passwords(8)));
        assert_eq!(plan.words(), ["password policy: minimumLength 8 → 10"]);
        assert!(plan_rules(&wanted, &inventory, None).passwords.is_some(), "an account without rules gets them");
        let unmanaged = plan_rules(&WantedRules::default(), &inventory, Some(&passwords(8)));
        assert_eq!(unmanaged, RulesPlan::default(), "rules that no manifest states are nobody's");
    }
}
