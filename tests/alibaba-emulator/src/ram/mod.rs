//! RAM 2015-05-01: its operations, one row each.

pub mod account;
pub mod attachments;
pub mod documents;
pub mod groups;
pub mod keys;
pub mod logins;
pub mod mfa;
pub mod model;
pub mod names;
pub mod pages;
pub mod policies;
pub mod resources;
pub mod roles;
pub mod service_linked;
pub mod system_policies;
pub mod tags;
pub mod users;
pub mod versions;

use crate::routes::Needs::{Anyone, Ram};
use crate::routes::{Operation, Target, rpc};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[IDENTITIES, POLICIES, REST];

/// Calls a second. Source: RAM's page "API rate quotas"; what it does not show is taken as its kind.
pub fn rate(action: &str) -> Option<usize> {
    let narrow = ["AddUser", "RemoveUser", "Attach", "Detach", "Tag", "Untag", "Decode"];
    Some(if narrow.iter().any(|prefix| action.starts_with(prefix)) {
        10
    } else if action.starts_with("Get") || action.starts_with("List") {
        100
    } else {
        20
    })
}

const IDENTITIES: &[Operation] = &[
    rpc("CreateUser", Ram(&[Target::User]), users::create),
    rpc("GetUser", Ram(&[Target::User]), users::get),
    rpc("UpdateUser", Ram(&[Target::User]), users::update),
    rpc("DeleteUser", Ram(&[Target::User]), users::delete),
    rpc("ListUsers", Ram(&[Target::Users]), users::list),
    rpc("CreateAccessKey", Ram(&[Target::User]), keys::create),
    rpc("ListAccessKeys", Ram(&[Target::User]), keys::list),
    rpc("UpdateAccessKey", Ram(&[Target::User]), keys::update),
    rpc("DeleteAccessKey", Ram(&[Target::User]), keys::delete),
    rpc("GetAccessKeyLastUsed", Ram(&[Target::User]), keys::last_used),
    rpc("CreateLoginProfile", Ram(&[Target::User]), logins::create),
    rpc("GetLoginProfile", Ram(&[Target::User]), logins::get),
    rpc("UpdateLoginProfile", Ram(&[Target::User]), logins::update),
    rpc("DeleteLoginProfile", Ram(&[Target::User]), logins::delete),
    rpc("ChangePassword", Anyone, logins::change_password),
    rpc("CreateGroup", Ram(&[Target::Group]), groups::create),
    rpc("GetGroup", Ram(&[Target::Group]), groups::get),
    rpc("UpdateGroup", Ram(&[Target::Group]), groups::update),
    rpc("DeleteGroup", Ram(&[Target::Group]), groups::delete),
    rpc("ListGroups", Ram(&[Target::Groups]), groups::list),
    rpc("AddUserToGroup", Ram(&[Target::User, Target::Group]), groups::add_user),
    rpc("RemoveUserFromGroup", Ram(&[Target::User, Target::Group]), groups::remove_user),
    rpc("ListGroupsForUser", Ram(&[Target::User]), groups::list_for_user),
    rpc("ListUsersForGroup", Ram(&[Target::Group]), groups::list_users),
    rpc("CreateVirtualMFADevice", Ram(&[Target::Mfa]), mfa::create),
    rpc("ListVirtualMFADevices", Ram(&[Target::Mfa]), mfa::list),
    rpc("DeleteVirtualMFADevice", Ram(&[Target::Mfa]), mfa::delete),
    rpc("BindMFADevice", Ram(&[Target::User]), mfa::bind),
    rpc("UnbindMFADevice", Ram(&[Target::User]), mfa::unbind),
    rpc("GetUserMFAInfo", Ram(&[Target::User]), mfa::get),
];

const POLICIES: &[Operation] = &[
    rpc("CreatePolicy", Ram(&[Target::Policy]), policies::create),
    rpc("GetPolicy", Ram(&[Target::Policy]), policies::get),
    rpc("UpdatePolicyDescription", Ram(&[Target::Policy]), policies::describe),
    rpc("DeletePolicy", Ram(&[Target::Policy]), policies::delete),
    rpc("ListPolicies", Ram(&[Target::Policies]), policies::list),
    rpc("ListEntitiesForPolicy", Ram(&[Target::Policy]), policies::entities),
    rpc("CreatePolicyVersion", Ram(&[Target::Policy]), versions::create),
    rpc("GetPolicyVersion", Ram(&[Target::Policy]), versions::get),
    rpc("SetDefaultPolicyVersion", Ram(&[Target::Policy]), versions::set_default),
    rpc("DeletePolicyVersion", Ram(&[Target::Policy]), versions::delete),
    rpc("ListPolicyVersions", Ram(&[Target::Policy]), versions::list),
    rpc("AttachPolicyToUser", Ram(&[Target::User, Target::Policy]), attachments::to_user),
    rpc("AttachPolicyToGroup", Ram(&[Target::Group, Target::Policy]), attachments::to_group),
    rpc("AttachPolicyToRole", Ram(&[Target::Role, Target::Policy]), attachments::to_role),
    rpc("DetachPolicyFromUser", Ram(&[Target::User, Target::Policy]), attachments::from_user),
    rpc("DetachPolicyFromGroup", Ram(&[Target::Group, Target::Policy]), attachments::from_group),
    rpc("DetachPolicyFromRole", Ram(&[Target::Role, Target::Policy]), attachments::from_role),
    rpc("ListPoliciesForUser", Ram(&[Target::User]), attachments::of_user),
    rpc("ListPoliciesForGroup", Ram(&[Target::Group]), attachments::of_group),
    rpc("ListPoliciesForRole", Ram(&[Target::Role]), attachments::of_role),
];

const REST: &[Operation] = &[
    rpc("CreateRole", Ram(&[Target::Role]), roles::create),
    rpc("GetRole", Ram(&[Target::Role]), roles::get),
    rpc("UpdateRole", Ram(&[Target::Role]), roles::update),
    rpc("DeleteRole", Ram(&[Target::Role]), roles::delete),
    rpc("ListRoles", Ram(&[Target::Roles]), roles::list),
    rpc("CreateServiceLinkedRole", Ram(&[Target::Roles]), service_linked::create),
    rpc("DeleteServiceLinkedRole", Ram(&[Target::Role]), service_linked::delete),
    rpc("GetServiceLinkedRoleTemplate", Ram(&[Target::Roles]), service_linked::template),
    rpc("TagResources", Ram(&[Target::Tagged]), tags::tag),
    rpc("UntagResources", Ram(&[Target::Tagged]), tags::untag),
    rpc("ListTagResources", Ram(&[Target::Tagged]), tags::list),
    rpc("SetPasswordPolicy", Ram(&[Target::Account]), account::set_password_policy),
    rpc("GetPasswordPolicy", Ram(&[Target::Account]), account::get_password_policy),
    rpc("SetSecurityPreference", Ram(&[Target::Account]), account::set_preference),
    rpc("GetSecurityPreference", Ram(&[Target::Account]), account::get_preference),
    rpc("SetAccountAlias", Ram(&[Target::Account]), account::set_alias),
    rpc("GetAccountAlias", Ram(&[Target::Account]), account::get_alias),
    rpc("ClearAccountAlias", Ram(&[Target::Account]), account::clear_alias),
    rpc("DecodeDiagnosticMessage", Ram(&[Target::Account]), account::decode_message),
];
