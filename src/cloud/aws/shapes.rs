//! AWS's shapes → the nouns of the model, and back.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_iam::types;
use jiff::Timestamp;

use crate::model::{AccessKey, Group, LastUse, Policy, Quota, Role, Tags, User};
use crate::names::CloudName;
use crate::policy::Document;

/// A user of the bulk call, which shows all but keys and login. None where it has no name, which AWS never answers.
pub(super) fn user(detail: types::UserDetail) -> Option<User> {
    Some(User {
        name: CloudName::new(detail.user_name?),
        path: detail.path.unwrap_or_default(),
        arn: detail.arn.unwrap_or_default(),
        id: None,
        tags: tags(detail.tags.unwrap_or_default()),
        profile: Default::default(),
        boundary: boundary(detail.permissions_boundary),
        groups: detail.group_list.unwrap_or_default().into_iter().map(CloudName::new).collect(),
        attached: arns(detail.attached_managed_policies.unwrap_or_default()).into_iter().collect(),
        inline: inline(detail.user_policy_list.unwrap_or_default()),
        keys: None,
        login: None,
    })
}

/// A group of the bulk call.
pub(super) fn group(detail: types::GroupDetail) -> Option<Group> {
    Some(Group {
        name: CloudName::new(detail.group_name?),
        path: detail.path.unwrap_or_default(),
        attached: arns(detail.attached_managed_policies.unwrap_or_default()).into_iter().collect(),
        inline: inline(detail.group_policy_list.unwrap_or_default()),
    })
}

/// A role of the bulk call, which shows all but how long sessions may last.
pub(super) fn role(detail: types::RoleDetail) -> Option<Role> {
    Some(Role {
        name: CloudName::new(detail.role_name?),
        path: detail.path.unwrap_or_default(),
        arn: detail.arn.unwrap_or_default(),
        tags: tags(detail.tags.unwrap_or_default()),
        trust: detail.assume_role_policy_document.as_deref().and_then(document),
        session_seconds: None,
        boundary: boundary(detail.permissions_boundary),
        attached: arns(detail.attached_managed_policies.unwrap_or_default()).into_iter().collect(),
        inline: inline(detail.role_policy_list.unwrap_or_default()),
    })
}

/// A policy of the bulk call, which shows all but tags.
pub(super) fn policy(detail: types::ManagedPolicyDetail) -> Option<Policy> {
    let versions = detail.policy_version_list.unwrap_or_default();
    let in_force = versions.iter().find(|version| version.is_default_version);
    let arn = detail.arn?;
    Some(Policy {
        // Names are the last part of ARNs; an account whose details lack one of the two is still read.
        name: CloudName::new(detail.policy_name.as_deref().or_else(|| arn.rsplit('/').next())?),
        path: detail.path.unwrap_or_default(),
        arn,
        description: detail.description.unwrap_or_default(),
        tags: None,
        document: in_force.and_then(|version| version.document.as_deref()).and_then(document),
        default_version: detail.default_version_id.unwrap_or_default(),
        old_versions: old_versions(versions),
    })
}

/// The versions that are not in force, oldest first.
pub(super) fn old_versions(versions: Vec<types::PolicyVersion>) -> Vec<String> {
    let mut old: Vec<String> = versions
        .into_iter()
        .filter(|version| !version.is_default_version)
        .filter_map(|version| version.version_id)
        .collect();
    old.sort_by_key(|version| version.trim_start_matches('v').parse::<u32>().unwrap_or(u32::MAX));
    old
}

/// A document as AWS returns it, percent-encoded. None where it is no policy that we can read.
pub(super) fn document(text: &str) -> Option<Document> {
    Document::parse(text).ok()
}

/// Inline policies by name. One that cannot be read still has its name, by which it can be removed; nothing compares
/// its content, so it stands as an empty document.
fn inline(details: Vec<types::PolicyDetail>) -> BTreeMap<String, Document> {
    let with_name = |detail: types::PolicyDetail| {
        Some((detail.policy_name?, detail.policy_document.as_deref().and_then(document).unwrap_or_else(unreadable)))
    };
    details.into_iter().filter_map(with_name).collect()
}

pub(super) fn unreadable() -> Document {
    Document::aws(Vec::new())
}

pub(super) fn boundary(attached: Option<types::AttachedPermissionsBoundary>) -> Option<String> {
    attached.and_then(|boundary| boundary.permissions_boundary_arn).filter(|arn| !arn.is_empty())
}

pub(super) fn arns(attached: Vec<types::AttachedPolicy>) -> Vec<String> {
    attached.into_iter().filter_map(|policy| policy.policy_arn).collect()
}

pub(super) fn tags(tags: Vec<types::Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags as AWS takes them; none where there are none, for it refuses an empty list.
pub(super) fn sdk_tags(tags: &Tags) -> Option<Vec<types::Tag>> {
    // Building fails only where key or value is missing.
    let tag = |(key, value): (&String, &String)| types::Tag::builder().key(key).value(value).build().ok();
    (!tags.is_empty()).then(|| tags.iter().filter_map(tag).collect())
}

pub(super) fn key(metadata: types::AccessKeyMetadata) -> Option<AccessKey> {
    Some(AccessKey {
        id: metadata.access_key_id?,
        active: metadata.status == Some(types::StatusType::Active),
        created: metadata.create_date.map(timestamp).unwrap_or_default(),
        last_use: None,
    })
}

/// Of a key that was never used AWS gives no date, and `N/A` for the rest.
pub(super) fn last_use(answer: Option<types::AccessKeyLastUsed>, asked: Timestamp) -> LastUse {
    let at = answer.as_ref().and_then(|answer| answer.last_used_date).map(timestamp);
    let service = answer.map(|answer| answer.service_name).filter(|service| at.is_some() && service != "N/A");
    LastUse { at, service, asked }
}

pub(super) fn timestamp(at: aws_smithy_types::DateTime) -> Timestamp {
    Timestamp::from_second(at.secs()).unwrap_or_default()
}

/// Everything of which the summary says both how much there is and how much there may be.
pub(super) fn quotas(summary: HashMap<types::SummaryKeyType, i32>) -> BTreeMap<String, Quota> {
    let by_name: BTreeMap<String, i64> =
        summary.into_iter().map(|(key, value)| (key.as_str().to_owned(), i64::from(value))).collect();
    let quota = |(name, used): (&String, &i64)| {
        let limit = by_name.get(&format!("{name}Quota"))?;
        Some((name.clone(), Quota { used: *used, limit: *limit }))
    };
    by_name.iter().filter_map(quota).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const ENCODED: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
                           %22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";

    fn version(id: &str, in_force: bool) -> types::PolicyVersion {
        types::PolicyVersion::builder().version_id(id).is_default_version(in_force).document(ENCODED).build()
    }

    #[test]
    fn a_policys_versions_are_sorted_by_age_and_its_document_is_decoded() {
        let detail = types::ManagedPolicyDetail::builder()
            .arn("arn:aws:iam::123456789012:policy/tenants/c1/acme/acme.dev")
            .default_version_id("v10")
            .policy_version_list(version("v11", false))
            .policy_version_list(version("v9", false))
            .policy_version_list(version("v10", true))
            .build();
        let policy = policy(detail).unwrap();
        assert_eq!(policy.name.as_str(), "acme.dev");
        assert_eq!(policy.old_versions, ["v9", "v11"]);
        assert!(policy.document.unwrap().to_json().contains("s3:GetObject"));
        assert_eq!(policy.tags, None);
    }

    #[test]
    fn an_inline_policy_that_cannot_be_read_can_still_be_removed() {
        let broken = types::PolicyDetail::builder().policy_name("by-hand").policy_document("%7B").build();
        let detail = types::UserDetail::builder().user_name("acme.alice").user_policy_list(broken).build();
        assert!(user(detail).unwrap().inline.contains_key("by-hand"));
    }

    #[test]
    fn quotas_pair_usage_with_its_limit() {
        let summary = [("Users", 3), ("UsersQuota", 5000), ("GroupsPerUserQuota", 10), ("MFADevices", 1)];
        let found = quotas(summary.map(|(key, value)| (types::SummaryKeyType::from(key), value)).into());
        assert_eq!(found, BTreeMap::from([("Users".to_owned(), Quota { used: 3, limit: 5000 })]));
    }
}
