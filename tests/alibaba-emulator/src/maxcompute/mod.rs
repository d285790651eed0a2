//! MaxCompute: its OpenAPI 2022-01-04 here, its data plane with the tenant's commands in [`data_plane`].

pub mod commands;
pub mod data_plane;
pub mod model;
pub mod projects;
pub mod roles;
pub mod tenant;
pub mod users;

use serde_json::{Value, json};

use crate::authorization::decide;
use crate::caller::Caller;
use crate::cloud::Call;
use crate::refusal::Refusal;
use crate::routes::{Operation, roa};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[OPERATIONS];

const OPERATIONS: &[Operation] = &[
    roa("ListUsers", "GET", "/api/v1/users", users::list),
    roa("UpdateTenantUserRoles", "PUT", "/api/v1/tenants/user/roles/new", users::update_roles),
    roa("GetTenantUser", "GET", "/api/v1/tenants/user", users::get),
    roa("ListProjects", "GET", "/api/v1/projects", projects::list),
    roa("CreateProject", "POST", "/api/v1/projects", projects::create),
    roa("GetProject", "GET", "/api/v1/projects/{Project}", projects::get),
    roa("DeleteProject", "DELETE", "/api/v1/projects/{Project}", projects::delete),
    roa("UpdateProjectBasicMeta", "PUT", "/api/v1/projects/{Project}/meta", projects::update_meta),
    roa("UpdateProjectDefaultQuota", "PUT", "/api/v1/projects/{Project}/quota", projects::update_quota),
    roa("UpdateProjectIpWhiteList", "PUT", "/api/v1/projects/{Project}/ipWhiteList", projects::update_white_list),
    roa("GetTrustedProjects", "GET", "/api/v1/projects/{Project}/trustedProjects", projects::trusted),
    roa("ListProjectUsers", "GET", "/api/v1/projects/{Project}/users", projects::users),
    roa("CreateRole", "POST", "/api/v1/projects/{Project}/roles", roles::create),
    roa("ListRoles", "GET", "/api/v1/projects/{Project}/roles", roles::list),
    roa("UpdateRole", "PUT", "/api/v1/projects/{Project}/roles/{Role}", roles::update),
    roa("DeleteRole", "DELETE", "/api/v1/projects/{Project}/roles/{Role}", roles::delete),
    roa("GetRolePolicy", "GET", "/api/v1/projects/{Project}/roles/{Role}/policy", roles::policy),
    roa("GetRoleAcl", "GET", "/api/v1/projects/{Project}/roles/{Role}/roleAcl", roles::acl),
    roa("GetRoleAclOnObject", "GET", "/api/v1/projects/{Project}/roles/{Role}/acl", roles::acl_on_object),
    roa("ListUsersByRole", "GET", "/api/v1/projects/{Project}/roles/{Role}/users", roles::users),
    roa("UpdateUsersToRole", "PUT", "/api/v1/projects/{Project}/roles/{Role}/users", roles::update_users),
    roa("ListQuotas", "GET", "/api/v1/quotas", projects::quotas),
];

/// Fails unless RAM allows an action, on a project or (`*`) on all.
pub fn require(call: &Call<'_>, action: &str, project: &str) -> Result<(), Refusal> {
    let resource = format!("acs:odps:cn-hangzhou:{}:projects/{project}", call.account());
    let allowed = decide(call.cloud, call.caller, &format!("odps:{action}"), &resource, &call.context).is_allowed();
    if *call.caller == Caller::Root || allowed {
        return Ok(());
    }
    Err(Refusal::new(403, "NoPermission", "Sub user has no permission to perform this operation."))
}

/// `{"data": …}`, as every answer is.
pub fn data(value: impl Into<Value>) -> Value {
    json!({"data": value.into()})
}

pub fn not_there() -> Refusal {
    Refusal::new(404, "OBJECT_NOT_EXIST", "This object does not exist.")
}

pub fn illegal(text: impl Into<String>) -> Refusal {
    Refusal::new(400, "ILLEGAL_ARGUMENT", text)
}

/// An error as the OpenAPI answers it.
pub fn refused(refusal: &Refusal, id: &str) -> Value {
    json!({
        "requestId": id, "code": refusal.code, "message": refusal.message, "Code": refusal.code,
        "Message": refusal.message, "errorCode": refusal.code, "errorMsg": refusal.message, "httpCode": refusal.status,
    })
}
