//! PAI AIWorkSpace 2021-02-04: workspaces, their members and what each may do.

pub mod access;
pub mod members;
pub mod model;
pub mod others;
pub mod permissions;
pub mod roles;
pub mod workspaces;

use crate::routes::{Operation, roa};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[OPERATIONS];

const OPERATIONS: &[Operation] = &[
    roa("CreateWorkspace", "POST", "/api/v1/workspaces", workspaces::create),
    roa("ListWorkspaces", "GET", "/api/v1/workspaces", workspaces::list),
    roa("GetWorkspace", "GET", "/api/v1/workspaces/{WorkspaceId}", workspaces::get),
    roa("UpdateWorkspace", "PUT", "/api/v1/workspaces/{WorkspaceId}", workspaces::update),
    roa("DeleteWorkspace", "DELETE", "/api/v1/workspaces/{WorkspaceId}", workspaces::delete),
    roa("GetDefaultWorkspace", "GET", "/api/v1/defaultWorkspaces", workspaces::get_default),
    roa("UpdateDefaultWorkspace", "PUT", "/api/v1/defaultWorkspaces", workspaces::set_default),
    roa("ChangeResourceGroup", "PUT", "/resourcegroups/action/changeresourcegroup", workspaces::change_group),
    roa("CreateMember", "POST", "/api/v1/workspaces/{WorkspaceId}/members", members::create),
    roa("ListMembers", "GET", "/api/v1/workspaces/{WorkspaceId}/members", members::list),
    roa("DeleteMembers", "DELETE", "/api/v1/workspaces/{WorkspaceId}/members", members::delete),
    roa("GetMember", "GET", "/api/v1/workspaces/{WorkspaceId}/member", members::get),
    roa("AddMemberRole", "POST", "/api/v1/workspaces/{WorkspaceId}/members/{MemberId}/roles/{Role}", members::add_role),
    roa(
        "RemoveMemberRole",
        "DELETE",
        "/api/v1/workspaces/{WorkspaceId}/members/{MemberId}/roles/{Role}",
        members::remove_role,
    ),
    roa("ListWorkspaceUsers", "GET", "/api/v1/workspaces/{WorkspaceId}/users", members::outsiders),
    roa("ListPermissions", "GET", "/api/v1/workspaces/{WorkspaceId}/permissions", permissions::list),
    roa("GetPermission", "GET", "/api/v1/workspaces/{WorkspaceId}/permissions/{PermissionCode}", permissions::get),
    roa("CreateWorkspaceRole", "POST", "/api/v1/workspaces/{WorkspaceId}/roles", roles::create),
    roa("ListWorkspaceRoles", "GET", "/api/v1/workspaces/{WorkspaceId}/roles", roles::list),
    roa("DeleteWorkspaceRoles", "POST", "/api/v1/workspaces/{WorkspaceId}/roles/action/delete", roles::delete),
    roa("GetWorkspaceRole", "GET", "/api/v1/workspaces/{WorkspaceId}/roles/{RoleId}", roles::get),
    roa("UpdateWorkspaceRole", "PUT", "/api/v1/workspaces/{WorkspaceId}/roles/{RoleId}", roles::update),
    roa("GetInstanceJob", "GET", "/api/v1/instancejobs/{JobId}", roles::job),
    roa("CreateWorkspaceResource", "POST", "/api/v1/workspaces/{WorkspaceId}/resources", others::create_resource),
    roa("ListResources", "GET", "/api/v1/resources", others::list_resources),
    roa("ListQuotas", "GET", "/api/v1/quotas", others::list_quotas),
    roa("ListProducts", "GET", "/api/v1/products", others::list_products),
    roa("UpdateConfigs", "PUT", "/api/v1/workspaces/{WorkspaceId}/configs", others::update_configs),
    roa("ListConfigs", "GET", "/api/v1/workspaces/{WorkspaceId}/configs", others::list_configs),
    roa("DeleteConfig", "DELETE", "/api/v1/workspaces/{WorkspaceId}/configs/{ConfigKey}", others::delete_config),
];
