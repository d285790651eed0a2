//! What RAM takes of users' names, tags and profiles, where its rules are narrower than a manifest's: refused here, in
//! words and before the first call.
//!
//! Sources: RAM's API reference (CreateUser), IMS's (CreateUser, TagResources), and RAM's page "Limits".

use super::AccountFacts;
use crate::api::TenantUser;
use crate::model::{Profile, Provider, Tags};
use crate::names::{CloudName, RAM_DISPLAY_NAME_MAX, RAM_PRINCIPAL_NAME_MAX};

/// The most tags that one object carries.
const TAGS_MAX: usize = 20;
/// Longest value of a user's tag, in characters.
const TAG_VALUE_MAX: usize = 128;

impl AccountFacts {
    /// How a user is shown to people, as far as its cloud shows anything.
    pub(super) fn profile(&self, user: &TenantUser, name: &CloudName) -> Profile {
        if self.provider() == Provider::Aws {
            return Profile::default();
        }
        let display = user.spec.display_name.as_deref().filter(|text| !text.trim().is_empty());
        let email = user.spec.contact.as_ref().and_then(|contact| contact.email.clone());
        Profile {
            display_name: display.unwrap_or(name.as_str()).chars().take(RAM_DISPLAY_NAME_MAX).collect(),
            email: email.unwrap_or_default(),
        }
    }

    /// Why a user cannot have that name.
    pub(super) fn refused_name(&self, name: &CloudName) -> Option<String> {
        let name = name.as_str();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.provider() == Provider::Aws || (name.len() <= RAM_PRINCIPAL_NAME_MAX && name.chars().all(allowed)) {
            return None;
        }
        Some(format!(
            "RAM takes no user of the name {name:?}: letters, digits, \".\", \"_\" and \"-\", at most {RAM_PRINCIPAL_NAME_MAX}. \
             Make a new TenantUser with another spec.userName, or without one."
        ))
    }

    /// Why an object cannot have these tags.
    pub(super) fn refused_tags(&self, tags: &Tags) -> Option<String> {
        if self.provider() == Provider::Aws {
            return None;
        }
        if tags.len() > TAGS_MAX {
            return Some(format!(
                "it would carry {} tags with those of its tenant and its account: RAM takes {TAGS_MAX}. Take some out.",
                tags.len()
            ));
        }
        let address = |text: &str| text.contains("http://") || text.contains("https://");
        let wrong = tags.iter().find_map(|(key, value)| {
            if key.starts_with("aliyun") || key.starts_with("acs:") || address(key) {
                Some((key, "keys that begin with aliyun or acs:, or hold http:// or https://"))
            } else if value.chars().count() > TAG_VALUE_MAX || address(value) {
                Some((key, "values of more than 128 characters, or with http:// or https:// in them"))
            } else {
                None
            }
        });
        wrong.map(|(key, what)| format!("RAM does not take the tag {key}: it takes no {what}."))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::api::{AlibabaAccount, AwsAccount, CloudAccount, CloudAccountSpec, Contact};

    fn facts(alibaba: bool) -> AccountFacts {
        let spec = CloudAccountSpec {
            aws: (!alibaba).then(AwsAccount::default),
            alibaba: alibaba.then(AlibabaAccount::default),
            ..CloudAccountSpec::default()
        };
        AccountFacts {
            manifest: CloudAccount::new("account", spec).into(),
            id: None,
            partition: String::new(),
            trouble: None,
            unreadable: false,
            issuer: None,
        }
    }

    #[test]
    fn names_and_tags_that_only_iam_takes_are_refused_on_ram() {
        for name in ["a+b", "a@b.example", "a=b", "a,b", &"a".repeat(65)] {
            assert!(facts(true).refused_name(&CloudName::new(name)).is_some(), "{name}");
            assert!(facts(false).refused_name(&CloudName::new(name)).is_none(), "{name}");
        }
        assert_eq!(facts(true).refused_name(&CloudName::new("Acme.alice_7-x")), None);
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let many: Tags = (0..21).map(|n| (n.to_string(), String::new())).collect();
        for wrong in [many, tags(&[("aliyun-x", "")]), tags(&[("a", "https://b")]), tags(&[("a", &"b".repeat(129))])] {
            assert!(facts(true).refused_tags(&wrong).is_some(), "{wrong:?}");
            assert!(facts(false).refused_tags(&wrong).is_none());
        }
        assert_eq!(facts(true).refused_tags(&tags(&[("team", "vision 视觉")])), None);
    }

    #[test]
    fn a_display_name_is_cut_by_characters_and_there_is_always_one() {
        let mut user = TenantUser::default();
        let name = CloudName::new("acme.alice");
        assert_eq!(facts(true).profile(&user, &name).display_name, "acme.alice");
        user.spec.display_name = Some("张".repeat(30));
        user.spec.contact = Some(Contact { email: Some("a@b.example".to_owned()) });
        let profile = facts(true).profile(&user, &name);
        assert_eq!((profile.display_name.chars().count(), profile.email.as_str()), (24, "a@b.example"));
        assert_eq!(facts(false).profile(&user, &name), Profile::default());
    }
}
