//! IAM's lists, each read to its end: what hangs on a user, a group or a policy.

use aws_sdk_iam::types::{PolicyScopeType, PolicyUsageType};

use super::act::{Act, Page};
use super::refusal::Refused;
use super::shapes;
use crate::model::{AccessKey, ObjectKind};

type Found<T> = Result<Vec<T>, Refused>;

/// The most that IAM gives in one page.
const PAGE: i32 = 1000;

pub(super) async fn keys(act: &Act<'_>, user: &str) -> Found<AccessKey> {
    act.pages("ListAccessKeys", move |marker| async move {
        let request = act.iam.list_access_keys().user_name(user).set_marker(marker);
        let page = act.send("ListAccessKeys", request.send()).await?;
        let items = page.access_key_metadata.into_iter().filter_map(shapes::key).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

pub(super) async fn groups_of(act: &Act<'_>, user: &str) -> Found<String> {
    act.pages("ListGroupsForUser", move |marker| async move {
        let request = act.iam.list_groups_for_user().user_name(user).set_marker(marker);
        let page = act.send("ListGroupsForUser", request.send()).await?;
        let items = page.groups.into_iter().map(|group| group.group_name).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

pub(super) async fn members(act: &Act<'_>, group: &str) -> Found<String> {
    act.pages("GetGroup", move |marker| async move {
        let request = act.iam.get_group().group_name(group).max_items(PAGE).set_marker(marker);
        let page = act.send("GetGroup", request.send()).await?;
        let items = page.users.into_iter().map(|user| user.user_name).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

/// ARNs of the policies attached to a user, group or role.
pub(super) async fn attached(act: &Act<'_>, kind: ObjectKind, name: &str) -> Found<String> {
    if kind == ObjectKind::Group {
        return act
            .pages("ListAttachedGroupPolicies", move |marker| async move {
                let request = act.iam.list_attached_group_policies().group_name(name).set_marker(marker);
                let page = act.send("ListAttachedGroupPolicies", request.send()).await?;
                let items = shapes::arns(page.attached_policies.unwrap_or_default());
                Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
            })
            .await;
    }
    if kind == ObjectKind::Role {
        return act
            .pages("ListAttachedRolePolicies", move |marker| async move {
                let request = act.iam.list_attached_role_policies().role_name(name).set_marker(marker);
                let page = act.send("ListAttachedRolePolicies", request.send()).await?;
                let items = shapes::arns(page.attached_policies.unwrap_or_default());
                Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
            })
            .await;
    }
    act.pages("ListAttachedUserPolicies", move |marker| async move {
        let request = act.iam.list_attached_user_policies().user_name(name).set_marker(marker);
        let page = act.send("ListAttachedUserPolicies", request.send()).await?;
        let items = shapes::arns(page.attached_policies.unwrap_or_default());
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

/// Names of the inline policies of a user, group or role.
pub(super) async fn inline(act: &Act<'_>, kind: ObjectKind, name: &str) -> Found<String> {
    if kind == ObjectKind::Group {
        return act
            .pages("ListGroupPolicies", move |marker| async move {
                let request = act.iam.list_group_policies().group_name(name).set_marker(marker);
                let page = act.send("ListGroupPolicies", request.send()).await?;
                Ok(Page { items: page.policy_names, truncated: page.is_truncated, marker: page.marker })
            })
            .await;
    }
    if kind == ObjectKind::Role {
        return act
            .pages("ListRolePolicies", move |marker| async move {
                let request = act.iam.list_role_policies().role_name(name).set_marker(marker);
                let page = act.send("ListRolePolicies", request.send()).await?;
                Ok(Page { items: page.policy_names, truncated: page.is_truncated, marker: page.marker })
            })
            .await;
    }
    act.pages("ListUserPolicies", move |marker| async move {
        let request = act.iam.list_user_policies().user_name(name).set_marker(marker);
        let page = act.send("ListUserPolicies", request.send()).await?;
        Ok(Page { items: page.policy_names, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

/// The versions of a policy that are not in force, oldest first.
pub(super) async fn old_versions(act: &Act<'_>, arn: &str) -> Found<String> {
    let versions = act
        .pages("ListPolicyVersions", move |marker| async move {
            let request = act.iam.list_policy_versions().policy_arn(arn).set_marker(marker);
            let page = act.send("ListPolicyVersions", request.send()).await?;
            let items = page.versions.unwrap_or_default();
            Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
        })
        .await?;
    Ok(shapes::old_versions(versions))
}

/// Names and ARNs of all policies of AWS's own or of the customer's.
pub(super) async fn policies(act: &Act<'_>, scope: PolicyScopeType) -> Found<(String, String)> {
    let scope = &scope;
    act.pages("ListPolicies", move |marker| async move {
        let request = act.iam.list_policies().scope(scope.clone()).max_items(PAGE).set_marker(marker);
        let page = act.send("ListPolicies", request.send()).await?;
        let policies = page.policies.unwrap_or_default();
        let items = policies.into_iter().filter_map(|policy| policy.policy_name.zip(policy.arn)).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

/// Who has a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    User(String),
    Group(String),
    Role(String),
}

/// Who has a policy attached, or with [`PolicyUsageType::PermissionsBoundary`] as a boundary.
pub(super) async fn holders(act: &Act<'_>, arn: &str, usage: PolicyUsageType) -> Found<Holder> {
    let usage = &usage;
    act.pages("ListEntitiesForPolicy", move |marker| async move {
        let request = act.iam.list_entities_for_policy().policy_arn(arn).policy_usage_filter(usage.clone());
        let page = act.send("ListEntitiesForPolicy", request.set_marker(marker).send()).await?;
        let users = page.policy_users.into_iter().flatten().filter_map(|user| user.user_name).map(Holder::User);
        let groups = page.policy_groups.into_iter().flatten().filter_map(|group| group.group_name).map(Holder::Group);
        let roles = page.policy_roles.into_iter().flatten().filter_map(|role| role.role_name).map(Holder::Role);
        let items = users.chain(groups).chain(roles).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

/// Serial numbers of a user's MFA devices.
pub(super) async fn mfa_devices(act: &Act<'_>, user: &str) -> Found<String> {
    act.pages("ListMFADevices", move |marker| async move {
        let request = act.iam.list_mfa_devices().user_name(user).set_marker(marker);
        let page = act.send("ListMFADevices", request.send()).await?;
        let items = page.mfa_devices.into_iter().map(|device| device.serial_number).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

pub(super) async fn certificates(act: &Act<'_>, user: &str) -> Found<String> {
    act.pages("ListSigningCertificates", move |marker| async move {
        let request = act.iam.list_signing_certificates().user_name(user).set_marker(marker);
        let page = act.send("ListSigningCertificates", request.send()).await?;
        let items = page.certificates.into_iter().map(|certificate| certificate.certificate_id).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

pub(super) async fn ssh_keys(act: &Act<'_>, user: &str) -> Found<String> {
    act.pages("ListSSHPublicKeys", move |marker| async move {
        let request = act.iam.list_ssh_public_keys().user_name(user).set_marker(marker);
        let page = act.send("ListSSHPublicKeys", request.send()).await?;
        let items = page.ssh_public_keys.into_iter().flatten().map(|key| key.ssh_public_key_id).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}

pub(super) async fn service_credentials(act: &Act<'_>, user: &str) -> Found<String> {
    act.pages("ListServiceSpecificCredentials", move |marker| async move {
        let request = act.iam.list_service_specific_credentials().user_name(user).set_marker(marker);
        let page = act.send("ListServiceSpecificCredentials", request.send()).await?;
        let credentials = page.service_specific_credentials.into_iter().flatten();
        let items = credentials.map(|credential| credential.service_specific_credential_id).collect();
        Ok(Page { items, truncated: page.is_truncated, marker: page.marker })
    })
    .await
}
