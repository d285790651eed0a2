//! IMS 2019-08-15: RAM's users, groups, keys and logins by principal name, with tags, and the recycle bin.

pub mod account;
pub mod bin;
pub mod groups;
pub mod logins;
pub mod oidc;
pub mod principals;
pub mod tags;
pub mod users;

use crate::ram::{keys, mfa};
use crate::routes::Needs::Ram;
use crate::routes::{Operation, Target, rpc};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[IDENTITIES, REST];

const IDENTITIES: &[Operation] = &[
    rpc("CreateUser", Ram(&[Target::User]), users::create),
    rpc("GetUser", Ram(&[Target::User]), users::get),
    rpc("UpdateUser", Ram(&[Target::User]), users::update),
    rpc("DeleteUser", Ram(&[Target::User]), users::delete),
    rpc("ListUsers", Ram(&[Target::Users]), users::list),
    rpc("ListUserBasicInfos", Ram(&[Target::Users]), users::list_basic),
    rpc("CreateAccessKey", Ram(&[Target::User]), keys::create),
    rpc("ListAccessKeys", Ram(&[Target::User]), keys::list),
    rpc("UpdateAccessKey", Ram(&[Target::User]), keys::update),
    rpc("DeleteAccessKey", Ram(&[Target::User]), keys::delete),
    rpc("GetAccessKeyLastUsed", Ram(&[Target::User]), keys::last_used),
    rpc("CreateLoginProfile", Ram(&[Target::User]), logins::create),
    rpc("GetLoginProfile", Ram(&[Target::User]), logins::get),
    rpc("UpdateLoginProfile", Ram(&[Target::User]), logins::update),
    rpc("DeleteLoginProfile", Ram(&[Target::User]), logins::delete),
    rpc("CreateGroup", Ram(&[Target::Group]), groups::create),
    rpc("GetGroup", Ram(&[Target::Group]), groups::get),
    rpc("UpdateGroup", Ram(&[Target::Group]), groups::update),
    rpc("DeleteGroup", Ram(&[Target::Group]), groups::delete),
    rpc("ListGroups", Ram(&[Target::Groups]), groups::list),
    rpc("AddUserToGroup", Ram(&[Target::User, Target::Group]), groups::add_user),
    rpc("RemoveUserFromGroup", Ram(&[Target::User, Target::Group]), groups::remove_user),
    rpc("ListGroupsForUser", Ram(&[Target::User]), groups::list_for_user),
    rpc("ListUsersForGroup", Ram(&[Target::Group]), groups::list_users),
    rpc("UnbindMFADevice", Ram(&[Target::User]), mfa::unbind),
    rpc("GetUserMFAInfo", Ram(&[Target::User]), mfa::get),
    rpc("TagResources", Ram(&[Target::Tagged]), tags::tag),
    rpc("UntagResources", Ram(&[Target::Tagged]), tags::untag),
    rpc("ListTagResources", Ram(&[Target::Tagged]), tags::list),
];

const REST: &[Operation] = &[
    rpc("ListUsersInRecycleBin", Ram(&[Target::Users]), bin::list_users),
    rpc("GetUserInRecycleBin", Ram(&[Target::Users]), bin::get_user),
    rpc("RestoreUserFromRecycleBin", Ram(&[Target::Users]), bin::restore_user),
    rpc("DeleteUserInRecycleBin", Ram(&[Target::Users]), bin::delete_user),
    rpc("ListAccessKeysInRecycleBin", Ram(&[Target::Users]), bin::list_keys),
    rpc("GetAccessKeyInfoInRecycleBin", Ram(&[Target::Users]), bin::get_key),
    rpc("RestoreAccessKeyFromRecycleBin", Ram(&[Target::Users]), bin::restore_key),
    rpc("DeleteAccessKeyInRecycleBin", Ram(&[Target::Users]), bin::delete_key),
    rpc("SetPasswordPolicy", Ram(&[Target::Account]), account::set_password_policy),
    rpc("GetPasswordPolicy", Ram(&[Target::Account]), account::get_password_policy),
    rpc("SetSecurityPreference", Ram(&[Target::Account]), account::set_preference),
    rpc("GetSecurityPreference", Ram(&[Target::Account]), account::get_preference),
    rpc("SetDefaultDomain", Ram(&[Target::Account]), account::set_domain),
    rpc("GetDefaultDomain", Ram(&[Target::Account]), account::get_domain),
    rpc("GetAccountSummary", Ram(&[Target::Account]), account::summary),
    rpc("CreateOIDCProvider", Ram(&[Target::Oidc]), oidc::create),
    rpc("GetOIDCProvider", Ram(&[Target::Oidc]), oidc::get),
    rpc("UpdateOIDCProvider", Ram(&[Target::Oidc]), oidc::update),
    rpc("DeleteOIDCProvider", Ram(&[Target::Oidc]), oidc::delete),
    rpc("ListOIDCProviders", Ram(&[Target::Oidc]), oidc::list),
    rpc("AddClientIdToOIDCProvider", Ram(&[Target::Oidc]), oidc::add_client),
    rpc("RemoveClientIdFromOIDCProvider", Ram(&[Target::Oidc]), oidc::remove_client),
    rpc("AddFingerprintToOIDCProvider", Ram(&[Target::Oidc]), oidc::add_fingerprint),
    rpc("RemoveFingerprintFromOIDCProvider", Ram(&[Target::Oidc]), oidc::remove_fingerprint),
];
