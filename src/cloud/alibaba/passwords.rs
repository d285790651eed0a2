//! The account's rules for passwords: one function a call.

use super::act::Act;
use super::call::Call;
use crate::model::{Fault, PasswordRules};

/// An account always has rules; in them 0 stands for none.
pub(super) async fn read(act: &Act<'_>) -> Result<Option<PasswordRules>, Fault> {
    let answer = act.send(Call::ram("GetPasswordPolicy")).await?;
    let policy = &answer["PasswordPolicy"];
    let number = |name: &str| policy[name].as_i64().and_then(|number| i32::try_from(number).ok());
    let some = |name: &str| number(name).filter(|number| *number > 0);
    let flag = |name: &str| policy[name].as_bool().unwrap_or_default();
    Ok(Some(PasswordRules {
        minimum_length: number("MinimumPasswordLength").unwrap_or_default(),
        lowercase: flag("RequireLowercaseCharacters"),
        uppercase: flag("RequireUppercaseCharacters"),
        numbers: flag("RequireNumbers"),
        symbols: flag("RequireSymbols"),
        max_age_days: some("MaxPasswordAge"),
        reuse_prevention: some("PasswordReusePrevention"),
        hard_expiry: flag("HardExpiry"),
        max_login_attempts: some("MaxLoginAttemps"),
        users_may_change: false,
    }))
}

/// Every field is sent every time. `MaxLoginAttemps` is spelled so.
pub(super) async fn set(act: &Act<'_>, rules: &PasswordRules) -> Result<(), Fault> {
    let call = Call::ram("SetPasswordPolicy")
        .with("MinimumPasswordLength", rules.minimum_length)
        .with("RequireLowercaseCharacters", rules.lowercase)
        .with("RequireUppercaseCharacters", rules.uppercase)
        .with("RequireNumbers", rules.numbers)
        .with("RequireSymbols", rules.symbols)
        .with("MaxPasswordAge", rules.max_age_days.unwrap_or(0))
        .with("PasswordReusePrevention", rules.reuse_prevention.unwrap_or(0))
        .with("HardExpiry", rules.hard_expiry)
        .with("MaxLoginAttemps", rules.max_login_attempts.unwrap_or(0));
    act.send(call).await?;
    Ok(())
}
