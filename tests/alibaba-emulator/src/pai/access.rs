//! What one may do in a workspace: by RAM policies, or by one's role in the workspace.
//!
//! A Deny of a policy wins over a role. The real service documents that for some codes and says nothing about the
//! others; the stricter reading is taken for all.

use std::collections::BTreeSet;

use serde_json::Value;
use tenantry::policy::evaluate::Verdict;

use super::model::{Workspace, refusal};
use crate::authorization::{decide, layers};
use crate::caller::Caller;
use crate::cloud::Call;
use crate::refusal::Refusal;

/// Something in a workspace that is asked about: whose it is and who sees it.
#[derive(Clone, Copy)]
pub struct Entity<'a> {
    /// The end of its ARN, after `workspace/<id>/`; empty for the workspace itself.
    pub path: &'a str,
    pub creator: &'a str,
    /// `PUBLIC` or `PRIVATE`.
    pub accessibility: &'a str,
}

/// A rule of a permission: for which entities it holds. `ANY` is all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub accessibility: &'static str,
    pub entity: &'static str,
}

const ANY: Rule = Rule { accessibility: "ANY", entity: "ANY" };
const OWN_PRIVATE: Rule = Rule { accessibility: "PRIVATE", entity: "CREATOR" };
const PUBLIC: Rule = Rule { accessibility: "PUBLIC", entity: "ANY" };
const OWN_PUBLIC: Rule = Rule { accessibility: "PUBLIC", entity: "CREATOR" };

/// The permission codes that are known, for `ListPermissions`.
pub const CODES: &[&str] = &[
    "PaiWorkspace:GetWorkspace",
    "PaiWorkspace:UpdateWorkspace",
    "PaiWorkspace:CreateMember",
    "PaiWorkspace:DeleteMembers",
    "PaiWorkspace:AddMemberRole",
    "PaiWorkspace:RemoveMemberRole",
    "PaiWorkspace:GetMember",
    "PaiWorkspace:ListMembers",
    "PaiWorkspace:AddWorkspaceRole",
    "PaiWorkspace:RemoveWorkspaceRole",
    "PaiWorkspace:UpdateWorkspaceRole",
    "PaiWorkspace:GetWorkspaceRole",
    "PaiWorkspace:ListWorkspaceRoles",
    "PaiWorkspace:ListConfigs",
    "PaiWorkspace:UpdateConfigs",
    "PaiWorkspace:DeleteConfig",
    "PaiWorkspace:ListResources",
    "PaiWorkspace:CreateWorkspaceResource",
    "PaiWorkspace:DeleteWorkspaceResource",
    "PaiWorkspace:UpdateWorkspaceResource",
    "PaiWorkspace:ListOperationLogs",
    "PaiWorkspace:ListPermissions",
    "PaiWorkspace:GetInstanceJob",
    "PaiWorkspace:ListWorkspaceUsers",
    "PaiDSW:CreatePostPaidInstance",
    "PaiDSW:CreatePrePaidInstance",
    "PaiDSW:StartInstance",
    "PaiDSW:StopInstance",
    "PaiDSW:DeletePostPaidInstance",
    "PaiDSW:DeletePrePaidInstance",
    "PaiDSW:GetInstance",
    "PaiDSW:UpdatePostPaidInstance",
    "PaiDSW:UpdatePrePaidInstance",
    "PaiDSW:OpenInstance",
    "PaiDSW:ListInstances",
    "PaiDSW:ListAllInstances",
    "PaiDSW:CheckInstanceExistence",
    "PaiDSW:CreateIdleInstanceCuller",
    "PaiDSW:GetIdleInstanceCuller",
    "PaiDSW:DeleteIdleInstanceCuller",
    "PaiDSW:CreateInstanceShutdownTimer",
    "PaiDSW:GetInstanceShutdownTimer",
    "PaiDSW:DeleteInstanceShutdownTimer",
    "PaiDSW:CreateInstanceSnapshot",
    "PaiDSW:GetInstanceSnapshot",
    "PaiDSW:DeleteInstanceSnapshot",
    "PaiDSW:ListInstanceSnapshot",
    "PaiDSW:GetInstanceEvents",
    "PaiDSW:GetInstanceMetrics",
    "PaiDSW:GetLifecycle",
    "PaiDSW:GetToken",
    "PaiDSW:ListInstanceStatistics",
    "PaiDSW:ListAllInstanceStatistics",
    "PaiDSW:UpdateInstanceLabels",
    "PaiDSW:DeleteInstanceLabels",
];

/// What a role of the service's own allows with a code.
fn builtin(role: &str, code: &str) -> &'static [Rule] {
    let lower = code.to_lowercase();
    let (service, name) = lower.split_once(':').unwrap_or_default();
    let reads = name.starts_with("get") || name.starts_with("list") || name.starts_with("check");
    match (role, service) {
        ("PAI.WorkspaceAdmin" | "PAI.WorkspaceOwner", _) => &[ANY],
        (_, "paiworkspace") if reads => &[ANY],
        ("PAI.AlgoDeveloper" | "PAI.AlgoOperator", "paidsw") if name.starts_with("listall") => &[],
        ("PAI.AlgoDeveloper" | "PAI.AlgoOperator", "paidsw") if reads && name != "gettoken" => &[OWN_PRIVATE, PUBLIC],
        ("PAI.AlgoDeveloper" | "PAI.AlgoOperator", "paidsw") => &[OWN_PRIVATE, OWN_PUBLIC],
        _ => &[],
    }
}

fn custom(workspace: &Workspace, role: &str, code: &str) -> Vec<Rule> {
    let role = workspace.roles.values().find(|own| own.id == role || own.name == role);
    let modules = role.and_then(|role| role.modules.as_array()).into_iter().flatten();
    let mut rules = Vec::new();
    for permission in modules.filter_map(|module| module["Permissions"].as_array()).flatten() {
        let codes = permission["PermissionCodes"].as_array().into_iter().flatten();
        if !codes.filter_map(Value::as_str).any(|other| other.eq_ignore_ascii_case(code)) {
            continue;
        }
        match permission["PermissionRules"].as_array().filter(|rules| !rules.is_empty()) {
            None => rules.push(ANY),
            Some(written) => rules.extend(written.iter().map(|rule| {
                let known = |field: &str, words: [&'static str; 2]| {
                    words.into_iter().find(|word| rule[field] == **word).unwrap_or("ANY")
                };
                Rule {
                    accessibility: known("Accessibility", ["PUBLIC", "PRIVATE"]),
                    entity: known("EntityAccessType", ["CREATOR", "ANY"]),
                }
            })),
        }
    }
    rules
}

/// The rules under which the caller's roles in a workspace allow a code.
pub fn rules(call: &Call<'_>, workspace: &Workspace, code: &str) -> Vec<Rule> {
    let id = call.caller.id(call.account());
    let mut rules = Vec::new();
    for role in workspace.members.get(&id).into_iter().flat_map(|member| &member.roles) {
        rules.extend_from_slice(builtin(role, code));
        rules.extend(custom(workspace, role, code));
    }
    rules
}

/// A code as RAM's policies write it, with the service in small letters.
fn action(code: &str) -> String {
    let (service, name) = code.split_once(':').unwrap_or_default();
    format!("{}:{name}", service.to_lowercase())
}

/// The region of everything here, unless policies speak of others.
const REGION: &str = "cn-hangzhou";

fn arn(call: &Call<'_>, region: &str, code: &str, workspace: &str, path: &str) -> String {
    let service = code.split(':').next().unwrap_or_default().to_lowercase();
    let end = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("acs:{service}:{region}:{}:workspace/{workspace}{end}", call.account())
}

/// One address plays every region, so nobody can tell in which a workspace is: it is in each that the caller's policies
/// name.
fn regions(call: &Call<'_>) -> BTreeSet<String> {
    let layers = layers(call.cloud, call.caller);
    let documents = layers.identity.iter().chain(&layers.session);
    let resources = documents.flat_map(|it| &it.document.statements).filter_map(|it| it.resources.as_ref());
    let named = resources.flat_map(|it| it.patterns()).filter(|it| it.starts_with("acs:pai"));
    let named = named.filter_map(|it| it.split(':').nth(2)).filter(|it| !it.is_empty() && !it.contains(['*', '?']));
    named.map(str::to_owned).chain([REGION.to_owned()]).collect()
}

/// Fails unless one of these codes (an action may be known by several) is allowed on an entity of a workspace.
pub fn require(call: &Call<'_>, workspace: &str, codes: &[&str], entity: Option<Entity<'_>>) -> Result<(), Refusal> {
    if *call.caller == Caller::Root {
        return Ok(());
    }
    let own = call.caller.id(call.account());
    let mut context = call.context.clone();
    let (mut allowed, regions) = (false, regions(call));
    if let Some(entity) = entity {
        let kind = if entity.creator == own { "CREATOR" } else { "OTHERS" };
        context = context.with("pai:Accessibility", entity.accessibility).with("pai:EntityAccessType", kind);
    }
    for code in codes {
        for region in &regions {
            let resource = arn(call, region, code, workspace, entity.map_or("", |entity| entity.path));
            // Pages differ in whether the word has a capital.
            for resource in [resource.replacen(":workspace/", ":Workspace/", 1), resource] {
                match decide(call.cloud, call.caller, &action(code), &resource, &context).effect {
                    Verdict::ExplicitDeny => return Err(denied(codes[0], &resource)),
                    Verdict::Allowed => allowed = true,
                    Verdict::ImplicitDeny => {}
                }
            }
        }
        let rules = call.cloud.pai.workspaces.get(workspace).map(|found| rules(call, found, code)).unwrap_or_default();
        allowed |= rules.iter().any(|rule| match entity {
            None => true,
            Some(entity) => {
                (rule.accessibility == "ANY" || rule.accessibility == entity.accessibility)
                    && (rule.entity == "ANY" || entity.creator == own)
            }
        });
    }
    let path = entity.map_or("", |entity| entity.path);
    if allowed { Ok(()) } else { Err(denied(codes[0], &arn(call, REGION, codes[0], workspace, path))) }
}

/// Fails unless RAM allows an action that no workspace's role can.
pub fn require_by_policy(call: &Call<'_>, code: &str, workspace: &str) -> Result<(), Refusal> {
    let ask = |region: &str| {
        decide(call.cloud, call.caller, &action(code), &arn(call, region, code, workspace, ""), &call.context)
    };
    let answers: Vec<Verdict> = regions(call).iter().map(|region| ask(region).effect).collect();
    if answers.contains(&Verdict::Allowed) && !answers.contains(&Verdict::ExplicitDeny) {
        return Ok(());
    }
    Err(denied(code, &arn(call, REGION, code, workspace, "")))
}

fn denied(code: &str, resource: &str) -> Refusal {
    refusal(403, "NoPermissionError", format!("No permission {code} for resource: {resource}"))
}
