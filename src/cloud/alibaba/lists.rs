//! RAM's lists of what hangs on a user, a group or a policy.

use serde_json::Value;

use super::act::Act;
use super::call::Call;
use super::refusal::Refused;
use super::shapes;
use crate::model::{AccessKey, ObjectId, ObjectKind};

type Found<T> = Result<Vec<T>, Refused>;

/// The policies attached to a user, group or role, as RAM shows them.
pub(super) async fn attached(act: &Act<'_>, of: &ObjectId) -> Found<Value> {
    let call = match of.kind {
        ObjectKind::Group => Call::ram("ListPoliciesForGroup").with("GroupName", &of.name),
        ObjectKind::Role => Call::ram("ListPoliciesForRole").with("RoleName", &of.name),
        ObjectKind::User
        | ObjectKind::Policy
        | ObjectKind::Notebook
        | ObjectKind::MaxCompute
        | ObjectKind::Workspace => Call::ram("ListPoliciesForUser").with("UserName", &of.name),
    };
    act.list(call, ("Policies", "Policy")).await
}

pub(super) async fn groups_of(act: &Act<'_>, user: &str) -> Found<String> {
    let groups = act.list(Call::ram("ListGroupsForUser").with("UserName", user), ("Groups", "Group")).await?;
    Ok(groups.iter().map(|group| shapes::text(group, "GroupName").to_owned()).collect())
}

pub(super) async fn members(act: &Act<'_>, group: &str) -> Found<String> {
    let call = || Call::ram("ListUsersForGroup").with("GroupName", group);
    let users = act.pages(call, 1000, ("Users", "User")).await?;
    Ok(users.iter().map(|user| shapes::text(user, "UserName").to_owned()).collect())
}

pub(super) async fn keys(act: &Act<'_>, user: &str) -> Found<AccessKey> {
    let keys = act.list(Call::ram("ListAccessKeys").with("UserName", user), ("AccessKeys", "AccessKey")).await?;
    Ok(keys.iter().filter_map(shapes::key).collect())
}

/// Tags of a policy or role, which a read of it alone does not show; `kind` is RAM's word for it.
pub(super) async fn tags_of(act: &Act<'_>, kind: &str, name: &str) -> Result<crate::model::Tags, Refused> {
    let names = serde_json::json!([name]);
    let call = Call::ram("ListTagResources").with("ResourceType", kind).with("ResourceNames", names);
    // Each has at most 20 tags, and a page holds 100.
    let answer = act.send(call.with("PageSize", 100)).await?;
    let tags = answer["TagResources"].as_array().into_iter().flatten();
    Ok(tags.map(|tag| (shapes::text(tag, "TagKey").to_owned(), shapes::text(tag, "TagValue").to_owned())).collect())
}
