//! Alibaba Cloud's shapes → the nouns of the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{AccessKey, Group, LastUse, Policy, Profile, Quota, Tags, User, mark_of_tags};
use crate::names::{CloudName, path_of_comment, ram_arn, system_policy_arn, tenant_path};
use crate::policy::Document;

pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// `Tags: {Tag: [{TagKey, TagValue}]}`.
pub(super) fn tags(value: &Value) -> Tags {
    let tags = value["Tags"]["Tag"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "TagKey").to_owned(), text(tag, "TagValue").to_owned())).collect()
}

/// There are no paths: an object lies where its marks say.
pub(super) fn path(tags: &Tags) -> String {
    mark_of_tags(tags).map_or_else(|| "/".to_owned(), |mark| tenant_path(&mark.cluster, &mark.tenant))
}

/// A user as IMS shows it, without what hangs on it. None where it has no name, which IMS never answers.
pub(super) fn user(account: &str, value: &Value) -> Option<User> {
    let name = text(value, "UserPrincipalName").split('@').next().filter(|name| !name.is_empty())?;
    let tags = tags(value);
    Some(User {
        name: CloudName::new(name),
        path: path(&tags),
        arn: ram_arn(account, "user", name),
        id: value["UserId"].as_str().map(str::to_owned),
        tags,
        profile: Profile {
            display_name: text(value, "DisplayName").to_owned(),
            email: text(value, "Email").to_owned(),
        },
        boundary: None,
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: None,
        login: None,
    })
}

/// A group, without what hangs on it.
pub(super) fn group(value: &Value) -> Option<Group> {
    Some(Group {
        name: CloudName::new(value["GroupName"].as_str()?),
        path: path_of_comment(text(value, "Comments")),
        attached: Default::default(),
        inline: Default::default(),
    })
}

/// A policy, without its document; `tags` are none where the call does not show them.
pub(super) fn policy(account: &str, value: &Value, tags: Option<Tags>) -> Option<Policy> {
    let name = value["PolicyName"].as_str()?;
    Some(Policy {
        name: CloudName::new(name),
        path: tags.as_ref().map_or_else(|| "/".to_owned(), path),
        arn: ram_arn(account, "policy", name),
        description: text(value, "Description").to_owned(),
        tags,
        default_version: text(value, "DefaultVersion").to_owned(),
        old_versions: Vec::new(),
        document: None,
    })
}

/// A policy's document: plain JSON text, in the version that is in force. None where it is no policy that we can read.
pub(super) fn document(answer: &Value) -> Option<Document> {
    let in_force = answer["DefaultPolicyVersion"]["PolicyDocument"].as_str();
    Document::parse(in_force.or_else(|| answer["Policy"]["PolicyDocument"].as_str())?).ok()
}

/// The ARN of a policy in a list of what is attached.
pub(super) fn attached_arn(account: &str, value: &Value) -> String {
    let name = text(value, "PolicyName");
    if value["PolicyType"] == "System" { system_policy_arn(name) } else { ram_arn(account, "policy", name) }
}

pub(super) fn key(value: &Value) -> Option<AccessKey> {
    Some(AccessKey {
        id: value["AccessKeyId"].as_str()?.to_owned(),
        active: value["Status"] == "Active",
        created: text(value, "CreateDate").parse().unwrap_or_default(),
        last_use: None,
    })
}

/// Of a key that was never used there is no date.
pub(super) fn last_use(answer: &Value, asked: Timestamp) -> LastUse {
    let answer = &answer["AccessKeyLastUsed"];
    let at: Option<Timestamp> = text(answer, "LastUsedDate").parse().ok();
    let service = text(answer, "ServiceName");
    let service = (at.is_some() && !service.is_empty() && service != "N/A").then(|| service.to_owned());
    LastUse { at, service, asked }
}

/// Everything of which the summary says both how much there is and how much there may be.
pub(super) fn quotas(answer: &Value) -> BTreeMap<String, Quota> {
    let Some(summary) = answer["SummaryMap"].as_object() else { return BTreeMap::new() };
    let quota = |(name, used): (&String, &Value)| {
        let limit = summary.get(&format!("{name}Quota"))?.as_i64()?;
        Some((name.clone(), Quota { used: used.as_i64()?, limit }))
    };
    summary.iter().filter_map(quota).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_lies_where_its_marks_say() {
        let tag = |key: &str, value: &str| json!({"TagKey": key, "TagValue": value});
        let marks = [
            tag("tenantry.dev/cluster", "c1"),
            tag("tenantry.dev/tenant", "acme"),
            tag("tenantry.dev/owner", "tenantuser/acme/alice"),
        ];
        let mut value = json!({"UserPrincipalName": "acme.alice@1.onaliyun.com", "Tags": {"Tag": marks}});
        let ours = user("1", &value).unwrap();
        assert_eq!((ours.name.as_str(), ours.path.as_str()), ("acme.alice", "/tenants/c1/acme/"));
        assert_eq!(ours.arn, "acs:ram::1:user/acme.alice");
        value["Tags"] = json!({});
        assert_eq!(user("1", &value).unwrap().path, "/");
    }

    #[test]
    fn quotas_pair_usage_with_its_limit() {
        let answer = json!({"SummaryMap": {"Users": 3, "UsersQuota": 5000, "MFADevices": 1, "GroupsPerUserQuota": 10}});
        assert_eq!(quotas(&answer), BTreeMap::from([("Users".to_owned(), Quota { used: 3, limit: 5000 })]));
    }
}
