//! What holds for a whole account, whatever tenants are in it: rules for passwords, and the boundary that we keep.

use serde::Serialize;

use super::wanted::WantedPolicy;
use crate::names::CloudName;

/// The account's rules for console passwords, whole: what a cloud is not told falls back to its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PasswordRules {
    /// Fewest characters.
    pub minimum_length: i32,
    /// At least one lower case letter.
    pub lowercase: bool,
    /// At least one upper case letter.
    pub uppercase: bool,
    /// At least one digit.
    pub numbers: bool,
    /// At least one other character.
    pub symbols: bool,
    /// Days until a password must be changed; none: never.
    pub max_age_days: Option<i32>,
    /// How many earlier passwords may not come back; none: all may.
    pub reuse_prevention: Option<i32>,
    /// Whether only an administrator can set a new password once the old one is too old.
    pub hard_expiry: bool,
    /// Failed logins within an hour before a user is locked out; none: no limit (Alibaba Cloud).
    pub max_login_attempts: Option<i32>,
    /// Whether users may change their own password (AWS).
    pub users_may_change: bool,
}

impl PasswordRules {
    /// What differs from `seen`, in the words of the manifest: `minimumLength 6 → 10`. Empty where nothing does.
    #[must_use]
    pub fn differences(&self, seen: &Self) -> Vec<String> {
        let optional = |value: Option<i32>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let rows = [
            ("minimumLength", seen.minimum_length.to_string(), self.minimum_length.to_string()),
            ("requireLowercase", seen.lowercase.to_string(), self.lowercase.to_string()),
            ("requireUppercase", seen.uppercase.to_string(), self.uppercase.to_string()),
            ("requireNumbers", seen.numbers.to_string(), self.numbers.to_string()),
            ("requireSymbols", seen.symbols.to_string(), self.symbols.to_string()),
            ("maxAgeDays", optional(seen.max_age_days), optional(self.max_age_days)),
            ("reusePrevention", optional(seen.reuse_prevention), optional(self.reuse_prevention)),
            ("hardExpiry", seen.hard_expiry.to_string(), self.hard_expiry.to_string()),
            ("maxLoginAttempts", optional(seen.max_login_attempts), optional(self.max_login_attempts)),
            ("allowUsersToChange", seen.users_may_change.to_string(), self.users_may_change.to_string()),
        ];
        let differing = rows.into_iter().filter(|(_, seen, wanted)| seen != wanted);
        differing.map(|(name, seen, wanted)| format!("{name} {seen} → {wanted}")).collect()
    }
}

/// What should hold for a whole account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedRules {
    /// The boundary that we make and keep, with its name.
    pub boundary: Option<(CloudName, WantedPolicy)>,
    /// The rules for passwords; none: not managed.
    pub passwords: Option<PasswordRules>,
}
