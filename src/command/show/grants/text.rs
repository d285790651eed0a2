//! Grants as people read them: a table of users, a table of roles, and below each role what it allows.

use serde_json::Value;

use super::{Grants, InAccount, Role};
use crate::names::{CloudName, ram_user_of_max_compute};

/// Only users where only users were asked for, with what their roles allow; only roles where only roles were.
pub(super) fn of(grants: &Grants, only_users: bool, only_roles: bool) -> String {
    let mut text = String::new();
    for account in &grants.accounts {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{} ({}): {}\n", account.account, account.account_id, account.place));
        if only_users || !only_roles {
            text.push('\n');
            text.push_str(&users(account));
        }
        text.push('\n');
        text.push_str(&roles(account));
    }
    for note in &grants.notes {
        text.push_str(&format!("\nNote: {note}\n"));
    }
    text
}

fn users(account: &InAccount) -> String {
    let mut rows = vec![["USER".to_owned(), "TENANTUSER".to_owned(), "ROLES".to_owned()]];
    rows.extend(account.users.iter().map(|user| {
        let roles: Vec<&str> = user.roles.iter().map(CloudName::as_str).collect();
        [user.user.to_string(), or_none(user.tenant_user.as_deref()), or_none(Some(&roles.join(", ")))]
    }));
    if rows.len() == 1 { "no users\n".to_owned() } else { table(&rows) }
}

fn roles(account: &InAccount) -> String {
    if account.roles.is_empty() {
        return "no roles\n".to_owned();
    }
    let mut rows = vec![["ROLE".to_owned(), "TENANTROLE".to_owned(), "PROJECTS".to_owned(), "USERS".to_owned()]];
    rows.extend(account.roles.iter().map(|role| {
        let users: Vec<String> = role.users.iter().map(short).collect();
        [
            role.role.to_string(),
            or_none(role.tenant_role.as_deref()),
            or_none(Some(&role.projects.join(", "))),
            or_none(Some(&users.join(", "))),
        ]
    }));
    let mut lines = table(&rows).lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
    let mut text = lines.next().unwrap_or_default() + "\n";
    for (role, line) in account.roles.iter().zip(lines) {
        text.push_str(&line);
        text.push('\n');
        says(role).into_iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text
}

/// RAM users by their names there, others as they are.
fn short(user: &CloudName) -> String {
    ram_user_of_max_compute(user).unwrap_or_else(|| user.clone()).to_string()
}

fn or_none(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A role's statements, one a line.
fn says(role: &Role) -> Vec<String> {
    let Some(policy) = &role.policy else { return vec!["(its policy cannot be read as one)".to_owned()] };
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if statements.is_empty() {
        return vec!["allows nothing".to_owned()];
    }
    statements.iter().map(statement).collect()
}

fn statement(statement: &Value) -> String {
    let list = |value: &Value| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let scope = |these: &str, others: &str| match &statement[these] {
        Value::Null => format!("all but {}", list(&statement[others])),
        some => list(some),
    };
    let effect = statement["Effect"].as_str().unwrap_or_default();
    let mut text = format!("{effect} {} on {}", scope("Action", "NotAction"), scope("Resource", "NotResource"));
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            text.push_str(&format!(" if {key} {operator} {}", list(values)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{FORMAT, User};
    use super::*;
    use crate::model::MaxComputePlace;

    #[test]
    fn grants_are_told_in_two_tables_with_what_each_role_allows() {
        let alice = CloudName::new("RAM$1:acme.alice");
        let dev = CloudName::new("acme_dev_abcdefgh");
        let policy = json!({"Version": "1", "Statement": {
            "Effect": "Allow", "Action": ["odps:List", "odps:Read"], "Resource": "acs:odps:*:projects/acme_dev/*",
            "Condition": {"DateLessThan": {"acs:CurrentTime": "2026-12-01T00:00:00Z"}},
        }});
        let user = User { user: alice.clone(), tenant_user: Some("alice".to_owned()), roles: vec![dev.clone()] };
        let role = Role {
            role: dev,
            tenant_role: Some("dev".to_owned()),
            policy: Some(policy),
            users: vec![alice, CloudName::new("ALIYUN$1")],
            projects: Vec::new(),
        };
        let place = MaxComputePlace { region: "cn-shanghai".to_owned(), project: "acme_ops".to_owned() };
        let account = InAccount {
            account: "ali".to_owned(),
            account_id: "1".to_owned(),
            place,
            users: vec![user],
            roles: vec![role],
        };
        let mut grants = Grants {
            format: FORMAT,
            tenant: "acme".to_owned(),
            accounts: vec![account],
            notes: vec!["There is no project x.".to_owned()],
        };
        assert_eq!(
            of(&grants, false, false),
            "ali (1): MaxCompute in cn-shanghai through project acme_ops\n\
             \n\
             USER              TENANTUSER  ROLES\n\
             RAM$1:acme.alice  alice       acme_dev_abcdefgh\n\
             \n\
             ROLE               TENANTROLE  PROJECTS  USERS\n\
             acme_dev_abcdefgh  dev         -         acme.alice, ALIYUN$1\n\
             \x20 Allow odps:List, odps:Read on acs:odps:*:projects/acme_dev/* if acs:CurrentTime DateLessThan 2026-12-01T00:00:00Z\n\
             \n\
             Note: There is no project x.\n"
        );
        assert!(!of(&grants, false, true).contains("TENANTUSER  "));
        grants.accounts[0].roles.clear();
        assert!(of(&grants, true, false).contains("no roles"));
    }
}
