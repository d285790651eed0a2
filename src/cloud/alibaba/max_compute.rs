//! MaxCompute at tenant level: one function a read and an act, each a command of the service or a call of its REST
//! interface for policies.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Alibaba;
use super::act::Act;
use super::call::Call;
use super::odps::{Odps, elements};
use super::refusal::Refused;
use crate::model::{
    Class, Effect, Fault, Finding, MaxComputeAction, MaxComputeDeed, MaxComputeFinding, MaxComputeFound,
    MaxComputePlace, MaxComputeQuery, MaxComputeRead, MaxComputeRole,
};
use crate::names::{CloudName, max_compute_principal};
use crate::policy::Document;

/// There is no such project.
const NO_PROJECT: &str = "ODPS-0420111";
/// The signature is not accepted: the region may know only the older one.
const NOT_SIGNED: [&str; 3] = ["ODPS-0410051", "ODPS-0410042", "ODPS-0410021"];

/// One place, as commands reach it.
struct Tenant<'a> {
    cloud: &'a Alibaba,
    act: &'a Act<'a>,
    place: &'a MaxComputePlace,
}

impl Tenant<'_> {
    async fn send(&self, action: &'static str, request: impl Fn() -> Odps) -> Result<Value, Refused> {
        let older = &self.cloud.older_odps;
        if older.load(Ordering::Relaxed) {
            return self.act.send(Call::odps(action, request().older())).await;
        }
        match self.act.send(Call::odps(action, request())).await {
            Err(refused) if NOT_SIGNED.iter().any(|number| refused.code.ends_with(number)) => {
                let answer = self.act.send(Call::odps(action, request().older())).await;
                // Where that is refused as well, it is not for the signature's age.
                let answer = answer.map_err(|_| refused)?;
                older.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            other => other,
        }
    }

    /// Sends a command and gives its result.
    async fn say(&self, action: &'static str, command: &str) -> Result<String, Refused> {
        let (region, project) = (&self.place.region, &self.place.project);
        let answer = self.send(action, || Odps::command(region, project, command)).await?;
        let text = answer.as_str().unwrap_or_default();
        elements(text, "Result").into_iter().next().ok_or_else(|| {
            let words = "MaxCompute answered without a result";
            Refused::odd(Fault::new(Class::Transient, format!("odps:{action}"), &self.act.object, words))
        })
    }

    fn principal(&self, shown: &str) -> CloudName {
        max_compute_principal(&self.cloud.identity.account, shown)
    }

    async fn lists(&self) -> Result<MaxComputeFound, Refused> {
        let users = self.say("ListTenantUsers", "list tenant users").await?;
        let roles = self.say("ListTenantRoles", "list tenant roles").await?;
        let users = principals(&users).iter().map(|it| self.principal(it)).collect();
        Ok(MaxComputeFound::Lists { users, roles: names(&roles).into_iter().map(CloudName::new).collect() })
    }

    async fn role(&self, role: &CloudName) -> Result<MaxComputeFound, Refused> {
        let (region, project) = (&self.place.region, &self.place.project);
        let policy = || Odps::policy(region, project, role.as_str(), None);
        let answer = self.send("GetTenantRolePolicy", policy).await?;
        let text = answer["Policy"].as_str().unwrap_or_default().trim();
        let document = match text {
            "" => Some(Document::ram(Vec::new())),
            text => Document::parse(text).ok(),
        };
        let said = self.say("ShowPrincipalsForTenantRole", &format!("show principals for tenant role {role}")).await?;
        let users = principals(&said).iter().map(|it| self.principal(it)).collect();
        Ok(MaxComputeFound::Role(MaxComputeRole { document, users }))
    }

    async fn grants(&self, user: &CloudName) -> Result<MaxComputeFound, Refused> {
        let said = self.say("ShowGrantsForTenantUser", &format!("show grants for tenant user {user}")).await?;
        Ok(MaxComputeFound::Grants(granted(&said).into_iter().map(CloudName::new).collect()))
    }

    async fn project(&self, project: &str) -> Result<MaxComputeFound, Refused> {
        let answer = self.send("ListProjectRoles", || Odps::roles(&self.place.region, project)).await?;
        let names = elements(answer.as_str().unwrap_or_default(), "Name");
        Ok(MaxComputeFound::Project(names.into_iter().map(CloudName::new).collect()))
    }
}

pub(super) async fn read(cloud: &Alibaba, act: &Act<'_>, asked: &MaxComputeRead) -> Result<Finding, Fault> {
    let tenant = Tenant { cloud, act, place: &asked.place };
    let found = match &asked.what {
        MaxComputeQuery::Lists => tenant.lists().await,
        MaxComputeQuery::Role(role) => tenant.role(role).await,
        MaxComputeQuery::Grants(user) => tenant.grants(user).await,
        MaxComputeQuery::Project(project) => tenant.project(project).await,
    };
    let about_project = matches!(asked.what, MaxComputeQuery::Project(_));
    let found = match found {
        Err(refused) if refused.code.ends_with(NO_PROJECT) && !about_project => MaxComputeFound::NoWay,
        Err(refused) if refused.absent() => MaxComputeFound::Absent,
        other => other?,
    };
    Ok(Finding::MaxCompute(MaxComputeFinding { asked: asked.clone(), found }))
}

pub(super) async fn execute(cloud: &Alibaba, act: &Act<'_>, action: &MaxComputeAction) -> Result<Effect, Fault> {
    let tenant = Tenant { cloud, act, place: &action.place };
    let (region, way) = (&action.place.region, &action.place.project);
    let answer = match &action.deed {
        MaxComputeDeed::SetPolicy { role, document } => {
            let policy = || Odps::policy(region, way, role.as_str(), Some(document.to_json()));
            tenant.send("PutTenantRolePolicy", policy).await.map(drop)
        }
        deed => {
            let (name, command) = command(deed);
            tenant.say(name, &command).await.map(drop)
        }
    };
    match answer {
        Err(refused) if refused.exists() && !action.takes_away() => Ok(Effect::Done),
        // That a project is not there says nothing of what should go.
        Err(refused) if refused.absent() && action.takes_away() && !refused.code.ends_with(NO_PROJECT) => {
            Ok(Effect::Done)
        }
        Err(refused) if refused.code.ends_with(NO_PROJECT) => {
            let project = match &action.deed {
                MaxComputeDeed::AddToProject { project, .. } | MaxComputeDeed::RemoveFromProject { project, .. } => {
                    format!("{way} or {project}")
                }
                _ => way.clone(),
            };
            Err(Fault { class: Class::Invalid, message: no_project(&project, region), ..refused.fault })
        }
        other => Ok(other.map(|()| Effect::Done)?),
    }
}

fn no_project(project: &str, region: &str) -> String {
    format!("there is no MaxCompute project {project} in {region}. Make it, or name another")
}

/// The name under which a command is counted, and its text.
fn command(deed: &MaxComputeDeed) -> (&'static str, String) {
    match deed {
        MaxComputeDeed::CreateRole(role) => ("CreateTenantRole", format!("create tenant role {role}")),
        MaxComputeDeed::DropRole(role) => ("DropTenantRole", format!("drop tenant role {role}")),
        MaxComputeDeed::AddUser(user) => ("AddTenantUser", format!("add tenant user {user}")),
        MaxComputeDeed::RemoveUser(user) => ("RemoveTenantUser", format!("remove tenant user {user}")),
        MaxComputeDeed::Grant { role, user } => ("GrantTenantRole", format!("grant tenant role {role} to user {user}")),
        MaxComputeDeed::Revoke { role, user, .. } => {
            ("RevokeTenantRole", format!("revoke tenant role {role} from user {user}"))
        }
        MaxComputeDeed::AddToProject { role, project } => {
            ("AddTenantRoleToProject", format!("add tenant role {role} to project {project}"))
        }
        MaxComputeDeed::RemoveFromProject { role, project } => {
            ("RemoveTenantRoleFromProject", format!("remove tenant role {role} from project {project}"))
        }
        // Policies have an address of their own.
        MaxComputeDeed::SetPolicy { role, .. } => ("GetTenantRolePolicy", format!("get policy on tenant role {role}")),
    }
}

/// The names in a list: JSON texts, JSON objects with a name, or one name a line.
fn names(said: &str) -> Vec<String> {
    let named = |item: &Value| {
        let keys = ["Name", "name", "DisplayName", "displayName", "ID", "id"];
        item.as_str().or_else(|| keys.iter().find_map(|key| item[*key].as_str())).map(str::to_owned)
    };
    match serde_json::from_str::<Value>(said) {
        Ok(Value::Array(items)) => items.iter().filter_map(named).collect(),
        _ => said.split(['\n', ',']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    }
}

/// The users in a list, whatever stands around them.
fn principals(said: &str) -> Vec<String> {
    let is_user = |name: &String| name.starts_with("RAM$") || name.starts_with("ALIYUN$");
    let last_word = |name: String| name.rsplit(char::is_whitespace).next().unwrap_or_default().to_owned();
    names(said).into_iter().map(last_word).filter(is_user).collect()
}

/// The roles in `show grants` for a user: what follows `[roles]`, up to the first empty line or block.
fn granted(said: &str) -> BTreeSet<String> {
    if let Ok(Value::Object(answer)) = serde_json::from_str(said) {
        let roles = answer.get("roles").or_else(|| answer.get("Roles")).cloned().unwrap_or_default();
        return names(&roles.to_string()).into_iter().collect();
    }
    let after = said.split_once("[roles]").map(|(_, rest)| rest).unwrap_or_default();
    let lines = after.trim_start_matches([' ', '\t', '\r']).trim_start_matches('\n').lines();
    let of_block = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('[') && !line.starts_with("Authorization Type")
    };
    lines.take_while(of_block).flat_map(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_whatever_form_they_come() {
        assert_eq!(names(r#"["a","b"]"#), ["a", "b"]);
        assert_eq!(names("a\nb, c\n"), ["a", "b", "c"]);
        let users = ["RAM$1:acme.alice".to_owned(), "ALIYUN$1".to_owned()];
        assert_eq!(principals(r#"[{"DisplayName":"RAM$1:acme.alice"},{"ID":"ALIYUN$1"}]"#), users);
        assert_eq!(principals("[users] RAM$1:acme.alice, ALIYUN$1\nAuthorization Type: Policy"), users);
        assert!(principals("").is_empty() && principals("OK").is_empty());
    }

    #[test]
    fn roles_of_a_user_end_where_their_block_does() {
        let said =
            "[roles]\nacme_dev_abcdefgh, admin\n\nAuthorization Type: Policy\n[role/acme_dev_abcdefgh]\nA  x: y\n";
        assert_eq!(granted(said), ["acme_dev_abcdefgh", "admin"].map(str::to_owned).into());
        for none in ["[roles]\n\n\n", "", "[roles]\n\nAuthorization Type: Policy\n[role/x]\n"] {
            assert!(granted(none).is_empty(), "{none:?}");
        }
        assert_eq!(granted(r#"{"roles":["admin"]}"#), ["admin".to_owned()].into());
    }
}
