//! The plan as people read it, in the shape of UX samples that Terraform's users know: `+ ~ -`, `!` for what is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Action, Plan, Step, Why, account::last_part};
use crate::model::{CloudAction, ClusterAction, ObjectId, SecretTarget};
use crate::names::{AccountName, CloudName};

/// How many of each a plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Objects, edges and keys to make.
    pub add: usize,
    /// To change.
    pub change: usize,
    /// To delete.
    pub delete: usize,
    /// Not done.
    pub refused: usize,
    /// What differs and is left as it is.
    pub withheld: usize,
    /// Cloud calls that it takes.
    pub calls: usize,
}

impl Summary {
    /// Counts the plans of one or several tenants.
    #[must_use]
    pub fn of(plans: &[Plan]) -> Self {
        let mut sum = Self::default();
        for plan in plans {
            sum.refused += plan.refusals.len();
            sum.withheld += plan.withheld.len();
            for step in &plan.steps {
                match line(step).0 {
                    '+' => sum.add += 1,
                    '~' => sum.change += 1,
                    _ => sum.delete += 1,
                }
                sum.calls += calls(&step.action);
            }
        }
        sum
    }
}

/// The calls that an act takes, with the live read before what cannot be undone.
fn calls(action: &Action) -> usize {
    match action {
        Action::Cloud { action, .. } => 1 + usize::from(action.needs_live_read()),
        Action::IssueKey { .. } | Action::IssueLogin { .. } => 1,
        Action::Cluster(_) => 0,
    }
}

/// Prints plans account by account, tenant by tenant, with a last line that sums up. `about` says in a few words what
/// an account is (its id and region). Same plans, same text.
#[must_use]
pub fn render(plans: &[Plan], about: &BTreeMap<AccountName, String>, writes_per_second: f64) -> String {
    let mut text = String::new();
    for (account, about) in about {
        let of_account = |step: &&Step| step.action.account() == Some(account);
        let _ = writeln!(text, "{account} ({about})");
        let part = tenants(plans, &of_account, Some(account));
        text.push_str(if part.is_empty() { "  nothing to do\n" } else { &part });
    }
    let part = tenants(plans, &|step| step.action.account().is_none(), None);
    if !part.is_empty() {
        text.push_str("cluster\n");
        text.push_str(&part);
    }
    let sum = Summary::of(plans);
    if sum == Summary::default() {
        text.push_str("\nNo changes. Everything is as the manifests say.\n");
        return text;
    }
    let _ = write!(text, "\nPlan: {} to add, {} to change, {} to delete", sum.add, sum.change, sum.delete);
    if sum.refused > 0 {
        let _ = write!(text, ", {} refused", sum.refused);
    }
    if sum.withheld > 0 {
        let _ = write!(text, ", {} only told", sum.withheld);
    }
    text.push('.');
    if sum.calls > 0 {
        let calls = f64::from(u32::try_from(sum.calls).unwrap_or(u32::MAX));
        let seconds = (calls / writes_per_second).ceil();
        let _ = write!(text, " {} cloud calls, about {seconds} s within the account's budget.", sum.calls);
    }
    text.push('\n');
    text
}

fn tenants(plans: &[Plan], of: &dyn Fn(&&Step) -> bool, account: Option<&AccountName>) -> String {
    let mut text = String::new();
    for plan in plans {
        let mut lines: Vec<String> = Vec::new();
        for step in plan.steps.iter().filter(of) {
            let (sign, noun, what) = line(step);
            let head = format!("{sign} {noun:<8} {what}");
            match step.detail.split_first() {
                Some((first, rest)) => {
                    lines.push(format!("{head:<46} {first}"));
                    lines.extend(rest.iter().map(|more| format!("    {more}")));
                }
                None => lines.push(head),
            }
        }
        for refusal in plan.refusals.iter().filter(|refusal| refusal.account.as_ref() == account) {
            lines.push(format!("! {}: {}", refusal.subject, refusal.message));
        }
        for it in plan.withheld.iter().filter(|it| it.account.as_ref() == account) {
            lines.push(format!("= {} ({})", it.words, reason(it.why)));
        }
        for orphan in plan.orphans.iter().filter(|orphan| Some(&orphan.account) == account) {
            lines.push(format!("? {} is an orphan: {} is gone", orphan.object, orphan.owner));
        }
        if !lines.is_empty() {
            let _ = writeln!(text, "  tenant {}", plan.tenant);
            for line in lines {
                let _ = writeln!(text, "    {}", line.trim_end());
            }
        }
    }
    text
}

/// Why something is not done, in a few words.
fn reason(why: Why) -> &'static str {
    match why {
        Why::Observed => "not done: the account is only observed",
        Why::Extra => "left: nobody asked for it, and the account has extras: Report",
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
fn line(step: &Step) -> (char, &'static str, String) {
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
        CloudAction::SetBoundary { user, .. } => ('~', "boundary", named(user)),
        CloudAction::CreatePolicy(policy) => ('+', "policy", named(&policy.name)),
        CloudAction::SetDocument { policy, .. } => ('~', "policy", named(policy)),
        CloudAction::DeletePolicy(name) => ('-', "policy", named(name)),
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
    }
}
