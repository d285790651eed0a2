//! Reads the whole account as far as lists show it: all users, groups, roles and customer's policies with their marks, in one
//! call a page. What hangs between them no list shows; that is read object by object, in turn.
//!
//! Lists are not filtered by our tags: names that others have taken must be known before something is made, and an
//! object that lost its tags must not look as if it were gone.

use std::collections::BTreeMap;

use super::Alibaba;
use super::act::Act;
use super::call::Call;
use super::{roles, shapes};
use crate::model::{Fault, Finding, Policy, Sweep};
use crate::names::{CloudName, DESCRIPTION_PREFIX};

/// The most that one page holds (RAM API reference).
const PAGE: u32 = 1000;
const PAGE_OF_GROUPS: u32 = 100;

pub(super) async fn sweep(cloud: &Alibaba, act: &Act<'_>) -> Result<Sweep, Fault> {
    let account = &cloud.identity.account;
    let users = act.pages(|| Call::ims("ListUsers"), PAGE, ("Users", "User")).await?;
    cloud.note_domain(users.iter().map(|user| shapes::text(user, "UserPrincipalName"))).await;
    let groups = act.pages(|| Call::ram("ListGroups"), PAGE_OF_GROUPS, ("Groups", "Group")).await?;
    let custom = || Call::ram("ListPolicies").with("PolicyType", "Custom");
    let policies = act.pages(custom, PAGE, ("Policies", "Policy")).await?;
    let roles = act.pages(|| Call::ram("ListRoles"), PAGE, ("Roles", "Role")).await?;
    let count =
        |it: &serde_json::Value| Some((CloudName::new(it["PolicyName"].as_str()?), it["AttachmentCount"].as_i64()?));
    let attachments: BTreeMap<CloudName, i64> = policies.iter().filter_map(count).collect();
    let users = users.iter().filter_map(|user| shapes::user(account, user)).map(Finding::User);
    let groups = groups.iter().filter_map(shapes::group).map(Finding::Group);
    let policies = policies.iter().filter_map(|it| shapes::policy(account, it, Some(shapes::tags(it))));
    // What stands for an inline policy is no object of its own.
    let begin = format!("{DESCRIPTION_PREFIX}inline ");
    let (stand_ins, policies): (Vec<Policy>, Vec<Policy>) = policies.partition(|it| it.description.starts_with(&begin));
    let loose = stand_ins.into_iter().filter(|it| attachments.get(&it.name) == Some(&0));
    let loose = loose.map(|it| (it.name, it.description)).collect();
    let roles = roles.iter().filter_map(|role| roles::shape(account, role, shapes::tags(role))).map(Finding::Role);
    let found = users.chain(groups).chain(policies.into_iter().map(Finding::Policy)).chain(roles).collect();
    Ok(Sweep { found, bare: true, attachments, loose })
}
