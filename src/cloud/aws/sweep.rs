//! Reads the whole account with the one bulk call that IAM has.

use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::EntityType;

use super::act::{Act, Page};
use super::shapes;
use crate::model::{Fault, Finding, Sweep};

/// The most entities that IAM gives in one page; it may give fewer.
const PAGE: i32 = 1000;

/// All users, groups, roles and customer's policies: every page, or a fault.
pub(super) async fn sweep(act: &Act<'_>) -> Result<Sweep, Fault> {
    let found = act
        .pages("GetAccountAuthorizationDetails", move |marker| async move {
            let request = act
                .iam
                .get_account_authorization_details()
                .filter(EntityType::User)
                .filter(EntityType::Group)
                .filter(EntityType::Role)
                .filter(EntityType::LocalManagedPolicy)
                .max_items(PAGE)
                .set_marker(marker);
            let page = act.send("GetAccountAuthorizationDetails", request.send()).await?;
            Ok(page_of(page))
        })
        .await?;
    Ok(Sweep { found, ..Sweep::default() })
}

fn page_of(page: GetAccountAuthorizationDetailsOutput) -> Page<Finding> {
    let users = page.user_detail_list.into_iter().flatten().filter_map(shapes::user).map(Finding::User);
    let groups = page.group_detail_list.into_iter().flatten().filter_map(shapes::group).map(Finding::Group);
    let policies = page.policies.into_iter().flatten().filter_map(shapes::policy).map(Finding::Policy);
    let roles = page.role_detail_list.into_iter().flatten().filter_map(shapes::role).map(Finding::Role);
    let items = users.chain(groups).chain(policies).chain(roles).collect();
    Page { items, truncated: page.is_truncated, marker: page.marker }
}
