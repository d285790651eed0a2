//! The account's rules for passwords: one function a call.

use super::act::Act;
use crate::model::{Fault, PasswordRules};

/// None where the account has no rules of its own.
pub(super) async fn read(act: &Act<'_>) -> Result<Option<PasswordRules>, Fault> {
    let answer = match act.send("GetAccountPasswordPolicy", act.iam.get_account_password_policy().send()).await {
        Ok(answer) => answer,
        Err(refused) if refused.absent() => return Ok(None),
        Err(refused) => return Err(refused.into()),
    };
    Ok(answer.password_policy.map(|policy| PasswordRules {
        minimum_length: policy.minimum_password_length.unwrap_or_default(),
        lowercase: policy.require_lowercase_characters,
        uppercase: policy.require_uppercase_characters,
        numbers: policy.require_numbers,
        symbols: policy.require_symbols,
        max_age_days: policy.max_password_age.filter(|days| *days > 0),
        reuse_prevention: policy.password_reuse_prevention.filter(|count| *count > 0),
        hard_expiry: policy.hard_expiry.unwrap_or(false),
        max_login_attempts: None,
        users_may_change: policy.allow_users_to_change_password,
    }))
}

/// What is left out of this call falls back to its default, and 0 is refused where it means "none" (IAM API reference,
/// UpdateAccountPasswordPolicy): all is sent, or left out, every time.
pub(super) async fn set(act: &Act<'_>, rules: &PasswordRules) -> Result<(), Fault> {
    let request = act
        .iam
        .update_account_password_policy()
        .minimum_password_length(rules.minimum_length)
        .require_lowercase_characters(rules.lowercase)
        .require_uppercase_characters(rules.uppercase)
        .require_numbers(rules.numbers)
        .require_symbols(rules.symbols)
        .set_max_password_age(rules.max_age_days)
        .set_password_reuse_prevention(rules.reuse_prevention)
        .hard_expiry(rules.hard_expiry)
        .allow_users_to_change_password(rules.users_may_change);
    act.send("UpdateAccountPasswordPolicy", request.send()).await?;
    Ok(())
}
