//! What stands in the way of a deletion and is not in the inventory: things that people added by hand, listed and
//! removed after a `DeleteConflict`. Order: what gives access first.

use aws_sdk_iam::types::{PolicyUsageType, StatusType};

use super::act::Act;
use super::lists::{self, Holder};
use super::policies;
use crate::model::{Class, Fault, ObjectId};
use crate::names::CloudName;

/// Removes a user's keys, console login, memberships, policies and MFA devices.
pub(super) async fn user(act: &Act<'_>, user: &str) -> Result<(), Fault> {
    for key in lists::keys(act, user).await? {
        if key.active {
            let off = act.iam.update_access_key().user_name(user).access_key_id(&key.id).status(StatusType::Inactive);
            act.remove("UpdateAccessKey", off.send()).await?;
        }
        let delete = act.iam.delete_access_key().user_name(user).access_key_id(&key.id);
        act.remove("DeleteAccessKey", delete.send()).await?;
    }
    act.remove("DeleteLoginProfile", act.iam.delete_login_profile().user_name(user).send()).await?;
    for group in lists::groups_of(act, user).await? {
        let leave = act.iam.remove_user_from_group().user_name(user).group_name(group);
        act.remove("RemoveUserFromGroup", leave.send()).await?;
    }
    policies_of(act, &ObjectId::user(&CloudName::new(user))).await?;
    for serial in lists::mfa_devices(act, user).await? {
        let off = act.iam.deactivate_mfa_device().user_name(user).serial_number(&serial);
        act.remove("DeactivateMFADevice", off.send()).await?;
        // A device of one's own has a serial number; a virtual one has an ARN and is an object of the account.
        if serial.starts_with("arn:") {
            let delete = act.iam.delete_virtual_mfa_device().serial_number(&serial);
            act.remove("DeleteVirtualMFADevice", delete.send()).await?;
        }
    }
    Ok(())
}

/// Removes a user's certificates, SSH keys and credentials of single services: rare, so only if the rest was not all.
pub(super) async fn rare_credentials(act: &Act<'_>, user: &str) -> Result<(), Fault> {
    for id in lists::certificates(act, user).await? {
        let delete = act.iam.delete_signing_certificate().user_name(user).certificate_id(id);
        act.remove("DeleteSigningCertificate", delete.send()).await?;
    }
    for id in lists::ssh_keys(act, user).await? {
        let delete = act.iam.delete_ssh_public_key().user_name(user).ssh_public_key_id(id);
        act.remove("DeleteSSHPublicKey", delete.send()).await?;
    }
    for id in lists::service_credentials(act, user).await? {
        let delete = act.iam.delete_service_specific_credential().user_name(user);
        let delete = delete.service_specific_credential_id(id);
        act.remove("DeleteServiceSpecificCredential", delete.send()).await?;
    }
    Ok(())
}

/// Removes a group's members and policies.
pub(super) async fn group(act: &Act<'_>, group: &str) -> Result<(), Fault> {
    for user in lists::members(act, group).await? {
        let leave = act.iam.remove_user_from_group().group_name(group).user_name(user);
        act.remove("RemoveUserFromGroup", leave.send()).await?;
    }
    policies_of(act, &ObjectId::group(&CloudName::new(group))).await
}

async fn policies_of(act: &Act<'_>, of: &ObjectId) -> Result<(), Fault> {
    for arn in lists::attached(act, of.kind, of.name.as_str()).await? {
        policies::detach(act, of, &arn).await?;
    }
    for policy in lists::inline(act, of.kind, of.name.as_str()).await? {
        policies::delete_inline(act, of, &policy).await?;
    }
    Ok(())
}

/// Removes a role's policies.
pub(super) async fn role(act: &Act<'_>, name: &CloudName) -> Result<(), Fault> {
    policies_of(act, &ObjectId::role(name)).await
}

/// Detaches a policy from everyone and deletes its old versions.
///
/// # Errors
/// `Waiting`, with who has it, while it is someone's permissions boundary: taking that off would give them more than
/// they were given.
pub(super) async fn policy(act: &Act<'_>, arn: &str) -> Result<(), Fault> {
    let bounded = lists::holders(act, arn, PolicyUsageType::PermissionsBoundary).await?;
    if !bounded.is_empty() {
        let message = format!(
            "it is the permissions boundary of {}. It is deleted once they have another or none",
            spoken(&bounded)
        );
        return Err(act.fault(Class::Waiting, "DeletePolicy", message));
    }
    for holder in lists::holders(act, arn, PolicyUsageType::PermissionsPolicy).await? {
        match holder {
            Holder::User(name) => policies::detach(act, &ObjectId::user(&CloudName::new(name)), arn).await?,
            Holder::Group(name) => policies::detach(act, &ObjectId::group(&CloudName::new(name)), arn).await?,
            Holder::Role(name) => policies::detach(act, &ObjectId::role(&CloudName::new(name)), arn).await?,
        };
    }
    for version in lists::old_versions(act, arn).await? {
        let delete = act.iam.delete_policy_version().policy_arn(arn).version_id(version);
        act.remove("DeletePolicyVersion", delete.send()).await?;
    }
    Ok(())
}

const NAMED: usize = 5;

fn spoken(holders: &[Holder]) -> String {
    let name = |holder: &Holder| match holder {
        Holder::User(name) => format!("user {name}"),
        Holder::Group(name) => format!("group {name}"),
        Holder::Role(name) => format!("role {name}"),
    };
    let mut names: Vec<String> = holders.iter().map(name).collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let named = names.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_holders_are_not_all_named() {
        let users: Vec<Holder> = (0..7).map(|n| Holder::User(format!("u{n}"))).collect();
        assert_eq!(spoken(&users), "user u0, user u1, user u2, user u3, user u4 and 2 more");
        assert_eq!(spoken(&[Holder::Role("r".to_owned())]), "role r");
    }
}
