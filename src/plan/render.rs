//! The plan as people read it, in the shape of UX samples that Terraform's users know: `+ ~ -`, `!` for what is refused.

use std::collections::BTreeMap;

use super::report::{About, Report};
use super::{Action, Plan, Step, Why, account::last_part, workspace};
use crate::model::{CloudAction, ClusterAction, NotebookAction, ObjectId, RoleAction, SecretTarget};
use crate::names::{AccountName, CloudName, TenantName};

/// What a line tells of; it decides the line's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// An account, a tenant, the last line.
    Heading,
    /// Something is made.
    Add,
    /// Something changes.
    Change,
    /// Something goes.
    Delete,
    /// Something is not done.
    Refused,
    /// What it means for people.
    People,
    /// Everything else.
    Plain,
}

/// One line of a printed plan, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it tells of.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

impl Line {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// The calls that an act takes, with the live read before what cannot be undone.
pub(super) fn calls(action: &Action) -> usize {
    match action {
        Action::Cloud { action, .. } => 1 + usize::from(action.needs_live_read()),
        Action::IssueKey { .. } | Action::IssueLogin { .. } => 1,
        Action::Cluster(_) => 0,
    }
}

/// Prints plans account by account, tenant by tenant, with a last line that sums up. Same plans, same text.
#[must_use]
pub fn render(plans: &[Plan], accounts: &BTreeMap<AccountName, About>, writes_per_second: f64) -> String {
    Report::new(plans, accounts.clone(), writes_per_second).text()
}

impl Report {
    /// The report as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().into_iter().map(|line| line.text + "\n").collect()
    }

    /// The report line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (account, about) in &self.accounts {
            lines.push(Line::new(Tone::Heading, format!("{account} ({}, {})", about.id, about.region)));
            let part = self.part(Some(account));
            if part.is_empty() {
                lines.push(Line::new(Tone::Plain, "  nothing to do"));
            }
            lines.extend(part);
        }
        let part = self.part(None);
        if !part.is_empty() {
            lines.push(Line::new(Tone::Heading, "cluster"));
            lines.extend(part);
        }
        lines.push(Line::new(Tone::Plain, ""));
        lines.push(Line::new(Tone::Heading, self.last_line()));
        lines.extend(self.notes.iter().map(|note| Line::new(Tone::Plain, format!("Note: {note}"))));
        lines
    }

    fn last_line(&self) -> String {
        if self.summary.is_nothing() {
            return "No changes. Everything is as the manifests say.".to_owned();
        }
        let effort = self.summary.effort().map(|effort| format!(" {effort}")).unwrap_or_default();
        format!("Plan: {}.{effort}", self.summary.counts())
    }

    /// What is told of one account, or of the cluster, tenant by tenant.
    fn part(&self, account: Option<&AccountName>) -> Vec<Line> {
        let mut lines = Vec::new();
        for tenant in [None].into_iter().chain(self.tenants().into_iter().map(Some)) {
            let of_tenant = self.of(tenant, account);
            if !of_tenant.is_empty() {
                let title = tenant.map_or_else(|| "whole account".to_owned(), |tenant| format!("tenant {tenant}"));
                lines.push(Line::new(Tone::Heading, format!("  {title}")));
                lines.extend(of_tenant.into_iter().map(|line| {
                    let text = format!("    {}", line.text);
                    Line { text: text.trim_end().to_owned(), ..line }
                }));
            }
        }
        lines
    }

    /// The tenants that anything is told of, in the order of the plans.
    pub(super) fn tenants(&self) -> Vec<&TenantName> {
        let changes = self.changes.iter().filter_map(|it| it.tenant.as_ref());
        let refused = self.refused.iter().filter_map(|it| it.tenant.as_ref());
        let orphans = self.orphans.iter().map(|it| &it.tenant);
        let withheld = self.withheld.iter().filter_map(|it| it.tenant.as_ref());
        let mut tenants: Vec<&TenantName> = changes
            .chain(refused)
            .chain(withheld)
            .chain(orphans)
            .chain(self.people.iter().map(|it| &it.tenant))
            .collect();
        tenants.sort();
        tenants.dedup();
        tenants
    }

    /// What is told of one tenant, or of none in particular, in one account or in the cluster.
    pub(super) fn of(&self, tenant: Option<&TenantName>, account: Option<&AccountName>) -> Vec<Line> {
        let mut lines = Vec::new();
        for change in self.changes.iter().filter(|it| it.tenant.as_ref() == tenant && it.account.as_ref() == account) {
            let tone = match change.deed {
                super::report::Deed::Add => Tone::Add,
                super::report::Deed::Change => Tone::Change,
                super::report::Deed::Delete => Tone::Delete,
            };
            let head = format!("{} {:<8} {}", change.deed.sign(), change.noun, change.object);
            match change.detail.split_first() {
                Some((first, rest)) => {
                    lines.push(Line::new(tone, format!("{head:<46} {first}")));
                    lines.extend(rest.iter().map(|more| Line::new(Tone::Plain, format!("    {more}"))));
                }
                None => lines.push(Line::new(tone, head)),
            }
        }
        for refused in self.refused.iter().filter(|it| it.tenant.as_ref() == tenant && it.account.as_ref() == account) {
            lines.push(Line::new(Tone::Refused, format!("! {}: {}", refused.manifest, refused.message)));
        }
        for told in self.withheld.iter().filter(|it| it.tenant.as_ref() == tenant && it.account.as_ref() == account) {
            lines.push(Line::new(Tone::Plain, format!("= {} ({})", told.words, reason(told.why))));
        }
        for left in self.orphans.iter().filter(|it| Some(&it.tenant) == tenant && Some(&it.orphan.account) == account) {
            let text = format!("? {} is an orphan: {} is gone", left.orphan.object, left.orphan.owner);
            lines.push(Line::new(Tone::Refused, text));
        }
        for people in self.people.iter().filter(|it| Some(&it.tenant) == tenant && it.account.as_ref() == account) {
            lines.extend(people.lines().into_iter().map(|line| Line::new(Tone::People, format!("> {line}"))));
        }
        lines
    }
}

/// Why something is not done, in a few words.
fn reason(why: Why) -> &'static str {
    match why {
        Why::Observed => "not done: the account is only observed",
        Why::Extra => "left: nobody asked for it, and extras are only told",
        Why::Unconfirmed => "left: its mark alone says that it is the tenant's",
        Why::Paused => "not done: paused",
        Why::Abandoned => "given up",
    }
}

impl Step {
    /// The step in a few words, as an event or a log line tells it.
    #[must_use]
    pub fn words(&self) -> String {
        let (sign, noun, what) = line(self);
        format!("{sign} {noun} {what}")
    }
}

/// Sign, noun and object of a step.
pub(super) fn line(step: &Step) -> (char, &'static str, String) {
    match &step.action {
        Action::Cloud { action, .. } => cloud_line(action),
        Action::IssueKey { user, wish, replaces, .. } => {
            let sign = if replaces.is_some() { '~' } else { '+' };
            (sign, "key", format!("{user} → {}", secret_name(&wish.secret)))
        }
        Action::IssueLogin { user, wish, fresh, .. } => {
            let sign = if *fresh { '+' } else { '~' };
            (sign, "login", format!("{user} → {}", secret_name(&wish.secret)))
        }
        Action::Cluster(action) => match action {
            ClusterAction::Create(object) => ('+', "object", object.at.to_string()),
            ClusterAction::Apply(object) => ('~', "object", object.at.to_string()),
            ClusterAction::Delete(at) => ('-', "object", at.to_string()),
            ClusterAction::Release(name) => ('~', "release", format!("Namespace {name}")),
            ClusterAction::DeleteSecret { secret, .. } => ('-', "object", secret_name(secret)),
            ClusterAction::ReleaseSecret { secret, .. } => ('~', "release", secret_name(secret)),
            ClusterAction::NoteLogin { secret, .. } => ('~', "object", secret_name(secret)),
            ClusterAction::Restart { workload, .. } => ('~', "restart", workload.to_string()),
            ClusterAction::DeleteManifest(manifest) => ('-', "object", manifest.to_string()),
        },
    }
}

fn secret_name(at: &SecretTarget) -> String {
    format!("Secret {}/{}", at.namespace, at.name)
}

fn cloud_line(action: &CloudAction) -> (char, &'static str, String) {
    let named = |name: &CloudName| name.to_string();
    let edge = |of: &ObjectId, what: &str| format!("{what} → {}", of.name);
    match action {
        CloudAction::CreateGroup(group) => ('+', "group", named(&group.name)),
        CloudAction::DeleteGroup(name) => ('-', "group", named(name)),
        CloudAction::MoveGroup { group, path } => ('~', "path", format!("{path} of group {group}")),
        CloudAction::CreateUser(user) => ('+', "user", named(&user.name)),
        CloudAction::DeleteUser(name) => ('-', "user", named(name)),
        CloudAction::SetTags { of, .. } => ('~', "tags", of.to_string()),
        CloudAction::SetProfile { user, .. } => ('~', "profile", named(user)),
        CloudAction::SetBoundary { of, .. } => ('~', "boundary", named(&of.name)),
        CloudAction::Role(action) => role_line(action),
        CloudAction::CreatePolicy(policy) => ('+', "policy", named(&policy.name)),
        CloudAction::SetDocument { policy, .. } => ('~', "policy", named(policy)),
        CloudAction::DeletePolicy(name) | CloudAction::DropLoose(name) => ('-', "policy", named(name)),
        CloudAction::AddMember { group, user } => ('+', "member", format!("{user} → {group}")),
        CloudAction::RemoveMember { group, user } => ('-', "member", format!("{user} → {group}")),
        CloudAction::Attach { to, policy } => ('+', "attach", edge(to, &policy.to_string())),
        CloudAction::Detach { from, arn } => ('-', "attach", edge(from, last_part(arn))),
        CloudAction::PutInline { of, name, .. } => ('+', "inline", edge(of, name)),
        CloudAction::DeleteInline { of, name } => ('-', "inline", edge(of, name)),
        CloudAction::CreateKey(user) => ('+', "key", named(user)),
        CloudAction::SetKeyActive { user, id, active: true } => ('~', "key", format!("{id} of {user} active")),
        CloudAction::SetKeyActive { user, id, active: false } => ('~', "key", format!("{id} of {user} inactive")),
        CloudAction::DeleteKey { user, id } => ('-', "key", format!("{id} of {user}")),
        CloudAction::SetLogin { user, .. } => ('~', "login", named(user)),
        CloudAction::DeleteLogin(user) => ('-', "login", named(user)),
        CloudAction::MaxCompute(action) => action.words(),
        CloudAction::Workspace(action) => workspace::line(action),
        CloudAction::Notebook(action) => notebook_line(action),
    }
}

fn notebook_line(action: &NotebookAction) -> (char, &'static str, String) {
    let name = action.name();
    match action {
        NotebookAction::Create(_) => ('+', "notebook", name.to_string()),
        NotebookAction::Delete(_) => ('-', "notebook", name.to_string()),
        NotebookAction::Update { .. } => ('~', "notebook", name.to_string()),
        NotebookAction::SetIdle { .. } => ('~', "idle", format!("notebook {name}")),
        NotebookAction::Start(_) => ('~', "start", format!("notebook {name}")),
        NotebookAction::Stop { .. } => ('~', "stop", format!("notebook {name}")),
    }
}

fn role_line(action: &RoleAction) -> (char, &'static str, String) {
    match action {
        RoleAction::Create(role) => ('+', "role", role.name.to_string()),
        RoleAction::SetTrust { role, .. } => ('~', "trust", role.to_string()),
        RoleAction::SetSession { role, .. } => ('~', "role", role.to_string()),
        RoleAction::Delete(role) => ('-', "role", role.to_string()),
    }
}
