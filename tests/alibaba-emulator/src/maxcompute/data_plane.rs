//! MaxCompute's data plane: security queries through a project, and the tenant's own addresses.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::commands::{self, Command};
use super::tenant;
use crate::caller::Caller;
use crate::cloud::{Cloud, iso};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::wire::{Answer, Wire, element, escape};

/// What a request to the data plane is for.
pub struct Route {
    pub parameters: Parameters,
    aim: Aim,
}

enum Aim {
    /// Through a project, or through the tenant itself (`None`).
    Query {
        project: Option<String>,
        command: Command,
        json: bool,
    },
    Tenant,
    PutPolicy(String),
    GetPolicy(String),
    Project(String),
    Users(String),
    Roles(String),
    Instance {
        project: String,
        id: String,
    },
}

impl Route {
    pub fn action(&self) -> &'static str {
        match &self.aim {
            Aim::Query { command, .. } => command.name(),
            Aim::Tenant => "GetTenant",
            Aim::PutPolicy(_) => "PutTenantRolePolicy",
            Aim::GetPolicy(_) => "GetTenantRolePolicy",
            Aim::Project(_) => "GetProject",
            Aim::Users(_) => "ListProjectUsers",
            Aim::Roles(_) => "ListProjectRoles",
            Aim::Instance { .. } => "GetAuthorizationInstance",
        }
    }
}

/// An error of the data plane.
pub fn refuse(status: u16, code: &str, number: &str, text: &str) -> Refusal {
    Refusal::new(status, code, format!("ODPS-{number}:{text}"))
}

/// Whether a request is for the data plane: by its path, or by how it is signed.
pub fn is_for(wire: &Wire) -> bool {
    let path = wire.path.strip_prefix("/api").unwrap_or(&wire.path);
    let own = ["/projects", "/tenants"].iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
    own || wire.header("authorization").is_some_and(|header| header.starts_with("ODPS "))
}

/// Finds what a request is for.
pub fn find(wire: &Wire) -> Result<Route, Refusal> {
    let path = wire.path.strip_prefix("/api").unwrap_or(&wire.path);
    let parts: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut parameters = wire.parameters();
    let policy = parameters.sent("policy").is_some();
    let aim = match (wire.method.as_str(), &parts[..]) {
        ("POST", ["projects", project, "authorization"]) => query(wire, Some((*project).to_owned()))?,
        ("POST", ["tenants", _, "authorization"]) => query(wire, None)?,
        ("GET", ["projects", project, "authorization", id]) => {
            Aim::Instance { project: (*project).to_owned(), id: (*id).to_owned() }
        }
        ("GET", ["tenants"] | ["tenants", _]) => Aim::Tenant,
        ("PUT", ["tenants", _, "authorization", "roles", role]) if policy => Aim::PutPolicy((*role).to_owned()),
        ("GET", ["tenants", _, "authorization", "roles", role]) if policy => Aim::GetPolicy((*role).to_owned()),
        ("GET", ["projects", project]) => Aim::Project((*project).to_owned()),
        ("GET", ["projects", project, "users"]) => Aim::Users((*project).to_owned()),
        ("GET", ["projects", project, "roles"]) => Aim::Roles((*project).to_owned()),
        _ => {
            return Err(refuse(404, "NoSuchObject", "0420061", "Invalid parameter in HTTP request - no such resource"));
        }
    };
    match &aim {
        Aim::Query { .. } => parameters.insert("Query", &element(&wire.body_text(), "Query").unwrap_or_default()),
        Aim::PutPolicy(role) | Aim::GetPolicy(role) => parameters.insert("Role", role),
        _ => {}
    }
    Ok(Route { parameters, aim })
}

fn query(wire: &Wire, project: Option<String>) -> Result<Aim, Refusal> {
    let body = wire.body_text();
    let invalid = |text: &str| refuse(400, "InvalidParameter", "0420031", text);
    if !body.contains("<Authorization") || !body.contains("</Authorization>") {
        return Err(invalid("Invalid XML in HTTP request body - the request body is not a valid Authorization"));
    }
    let query = element(&body, "Query").ok_or_else(|| invalid("Invalid XML in HTTP request body - no Query"))?;
    let json = element(&body, "ResponseInJsonFormat").is_some_and(|flag| flag.trim().eq_ignore_ascii_case("true"));
    let command = commands::parse(&query).ok_or_else(|| {
        refuse(
            400,
            "InvalidParameter",
            "0420061",
            &format!("Invalid parameter in HTTP request - cannot parse '{query}'"),
        )
    })?;
    Ok(Aim::Query { project, command, json })
}

/// Carries out what a caller asked for.
pub fn run(route: &Route, wire: &Wire, cloud: &mut Cloud, caller: &Caller) -> Result<Answer, Refusal> {
    match &route.aim {
        Aim::Query { project, command, json } => {
            if let Some(project) = project {
                cloud.maxcompute.projects.get(project).ok_or_else(|| tenant::no_project(project))?;
            }
            let said = tenant::run(cloud, caller, command)?;
            let text = match &said {
                Value::String(text) => text.clone(),
                Value::Array(items) if !json => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
                other => other.to_string(),
            };
            Ok(match project {
                Some(_) => {
                    Answer::xml(200, format!("<Authorization><Result>{}</Result></Authorization>", escape(&text)))
                }
                None => Answer::json(200, &json!({"Response": text})),
            })
        }
        Aim::Tenant => {
            let id = &cloud.account.id;
            Ok(Answer::json(
                200,
                &json!({"Tenant": {
                    "Name": id, "OwnerId": id, "TenantId": id, "State": "NORMAL", "TenantState": "NORMAL", "TenantMeta": "",
                    "Parameters": {},
                }}),
            ))
        }
        Aim::PutPolicy(role) => {
            tenant::put_policy(cloud, caller, role, &wire.body_text())?;
            Ok(Answer::json(200, &json!({})))
        }
        Aim::GetPolicy(role) => tenant::get_policy(cloud, caller, role).map(|policy| Answer::json(200, &policy)),
        Aim::Project(name) => {
            let project = cloud.maxcompute.projects.get(name).ok_or_else(|| tenant::no_project(name))?;
            let (name, owner, comment) = (escape(&project.name), escape(&project.owner), escape(&project.comment));
            Ok(Answer::xml(200, format!(
                "<Project><Name>{name}</Name><Type>managed</Type><Comment>{comment}</Comment><State>AVAILABLE</State>\
                 <ProjectGroupName/><Properties/></Project>"
            ))
            .with("x-odps-owner", owner)
            .with("x-odps-creation-time", iso(project.created)))
        }
        Aim::Users(name) => {
            let project = own(cloud, caller, name)?;
            let shown = |user: &String| {
                format!("<User><ID>{0}</ID><DisplayName>{0}</DisplayName><Comment/></User>", escape(user))
            };
            Ok(Answer::xml(200, format!("<Users>{}</Users>", project.users.iter().map(shown).collect::<String>())))
        }
        Aim::Roles(name) => {
            let project = own(cloud, caller, name)?;
            let names = project.roles.keys().chain(&project.tenant_roles);
            let shown = |role: &String| format!("<Role><Name>{}</Name><Comment/></Role>", escape(role));
            Ok(Answer::xml(200, format!("<Roles>{}</Roles>", names.map(shown).collect::<String>())))
        }
        Aim::Instance { project, id } => {
            cloud.maxcompute.projects.get(project).ok_or_else(|| tenant::no_project(project))?;
            let result = cloud.maxcompute.instances.get(id).ok_or_else(|| {
                refuse(404, "NoSuchObject", "0420061", "Invalid parameter in HTTP request - no such instance")
            })?;
            let body = format!(
                "<AuthorizationQuery><Result>{}</Result><Status>Terminated</Status></AuthorizationQuery>",
                escape(result)
            );
            Ok(Answer::xml(200, body))
        }
    }
}

/// A project that the caller may look into.
fn own<'a>(cloud: &'a Cloud, caller: &Caller, name: &str) -> Result<&'a super::model::Project, Refusal> {
    let project = cloud.maxcompute.projects.get(name).ok_or_else(|| tenant::no_project(name))?;
    let user = cloud.odps_user(caller);
    if cloud.administers_project(caller, project) {
        return Ok(project);
    }
    if !project.users.contains(&user) {
        let text = format!("Authorization Failed [4002], You don't exist in project {name}");
        return Err(refuse(403, "NoPermission", "0420095", &text));
    }
    let text =
        format!("Authorization Failed [4019], You have no privilege 'odps:List' on {{acs:odps:*:projects/{name}}}");
    Err(refuse(403, "NoPermission", "0420095", &text))
}

/// An error as the address answers it: XML, of the tenant's own addresses JSON.
pub fn refused(refusal: &Refusal, wire: &Wire, id: &str) -> Answer {
    let host = wire.header("host").unwrap_or_default();
    let (code, message) = (&refusal.code, &refusal.message);
    if wire.path.trim_start_matches("/api").starts_with("/tenants") {
        let body = json!({"Code": code, "Message": message, "RequestId": id, "HostId": host});
        return Answer::json(refusal.status, &body);
    }
    let (code, message) = (escape(code), escape(message));
    Answer::xml(
        refusal.status,
        format!(
            "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId><HostId>{host}</HostId></Error>"
        ),
    )
}
