//! The tenant's commands: what a security query says, read into one of these. Keywords have no case.
//!
//! Source: the grammar of MaxCompute's official console.

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    AddUser(String),
    RemoveUser(String),
    ListUsers,
    ListRoles,
    CreateRole(String),
    DropRole(String),
    DescribeRole(String),
    Grant {
        roles: Vec<String>,
        user: String,
    },
    Revoke {
        roles: Vec<String>,
        user: String,
    },
    AddRoleToProject {
        role: String,
        project: String,
    },
    RemoveRoleFromProject {
        role: String,
        project: String,
    },
    GrantsForRole(String),
    GrantsForUser(String),
    Principals(String),
    WhoAmI,
    ShowPackages,
    /// `put policy … on tenant role`: the client reads the file and calls another address.
    OfTheClient,
}

impl Command {
    /// The name under which calls are counted.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddUser(_) => "AddTenantUser",
            Self::RemoveUser(_) => "RemoveTenantUser",
            Self::ListUsers => "ListTenantUsers",
            Self::ListRoles => "ListTenantRoles",
            Self::CreateRole(_) => "CreateTenantRole",
            Self::DropRole(_) => "DropTenantRole",
            Self::DescribeRole(_) => "DescribeTenantRole",
            Self::Grant { .. } => "GrantTenantRole",
            Self::Revoke { .. } => "RevokeTenantRole",
            Self::AddRoleToProject { .. } => "AddTenantRoleToProject",
            Self::RemoveRoleFromProject { .. } => "RemoveTenantRoleFromProject",
            Self::GrantsForRole(_) => "ShowGrantsForTenantRole",
            Self::GrantsForUser(_) => "ShowGrantsForTenantUser",
            Self::Principals(_) => "ShowPrincipalsForTenantRole",
            Self::WhoAmI => "WhoAmI",
            Self::ShowPackages => "ShowPackages",
            Self::OfTheClient => "ClientCommand",
        }
    }
}

/// Reads a command; `None` when it is none of these.
pub fn parse(query: &str) -> Option<Command> {
    let query = query.trim().trim_end_matches(';').replace(',', " , ");
    let words: Vec<&str> = query.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let word = |at: usize| words.get(at).map(|word| (*word).to_owned());
    Some(match lower[..] {
        ["add", "tenant", "user", _] => Command::AddUser(word(3)?),
        ["remove", "tenant", "user", _] => Command::RemoveUser(word(3)?),
        ["list", "tenant", "users"] => Command::ListUsers,
        ["list", "tenant", "roles"] => Command::ListRoles,
        ["create", "tenant", "role", _] => Command::CreateRole(word(3)?),
        ["drop" | "delete", "tenant", "role", _] => Command::DropRole(word(3)?),
        ["describe" | "desc", "tenant", "role", _] => Command::DescribeRole(word(3)?),
        ["add", "tenant", "role", _, "to", "project", _] => {
            Command::AddRoleToProject { role: word(3)?, project: word(6)? }
        }
        ["remove", "tenant", "role", _, "from", "project", _] => {
            Command::RemoveRoleFromProject { role: word(3)?, project: word(6)? }
        }
        ["grant", "tenant", "role", .., "to", "user", _] => {
            let (roles, user) = listed(&words[3..])?;
            Command::Grant { roles, user }
        }
        ["revoke", "tenant", "role", .., "from", "user", _] => {
            let (roles, user) = listed(&words[3..])?;
            Command::Revoke { roles, user }
        }
        ["show", "grants", "for", "tenant", "role", _] => Command::GrantsForRole(word(5)?),
        ["show", "grants", "for", "tenant", "user", _] => Command::GrantsForUser(word(5)?),
        ["show", "principals", "for", "tenant", "role", _] => Command::Principals(word(5)?),
        ["whoami"] => Command::WhoAmI,
        ["show", "packages"] => Command::ShowPackages,
        ["put" | "get", "policy", ..] => Command::OfTheClient,
        _ => return None,
    })
}

/// `r1 , r2 to user u`: the roles and the user.
fn listed(words: &[&str]) -> Option<(Vec<String>, String)> {
    let (user, rest) = words.split_last()?;
    let roles = &rest[..rest.len().checked_sub(2)?];
    let names: Vec<String> = roles.iter().step_by(2).map(|role| (*role).to_owned()).collect();
    let commas = roles.iter().skip(1).step_by(2).all(|word| *word == ",");
    (commas && roles.len() % 2 == 1).then(|| (names, (*user).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_whatever_their_case() {
        let user = "RAM$1:acme.alice".to_owned();
        assert_eq!(parse("ADD  Tenant USER RAM$1:acme.alice;"), Some(Command::AddUser(user.clone())));
        let roles = vec!["acme_dev".to_owned(), "acme_ops".to_owned()];
        let read = parse("grant tenant role acme_dev,acme_ops to user RAM$1:acme.alice");
        assert_eq!(read, Some(Command::Grant { roles, user }));
        assert_eq!(parse("desc tenant role r"), Some(Command::DescribeRole("r".to_owned())));
        for wrong in ["grant tenant role a b to user u", "grant tenant role to user u", "create role x", "", "drop"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
