//! What a plan means for people: the rights that each user gains and loses, by meaning and not by attachment.

mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::account::last_part;
use super::{About, Action, Plan};
use crate::model::{CloudAction, ClusterAction, ClusterState, Effect, Inventory, KubeKind, ObjRef, PolicyRef, User};
use crate::names::{AccountName, CloudName, TAG_PRINCIPAL_USER, TenantName, operator_binding, ram_policy};
use crate::policy::evaluate::Context;
use crate::policy::{Carried, Meanings, Right};

/// Something that people gain or lose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Share {
    /// Actions on resources.
    Right(Right),
    /// All that a policy says which is not the tenant's own: the cloud's, or a customer's by its ARN.
    Policy {
        /// Its name, or its ARN where it is a customer's.
        policy: String,
    },
    /// All that a role of a PAI workspace allows.
    Member {
        /// In which workspace.
        workspace: String,
        /// The role.
        workspace_role: String,
    },
    /// All that a role of the cluster says.
    ClusterRole {
        /// Its kind and name.
        role: String,
        /// Where; none: in the whole cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
}

/// What some people gain and lose, all of them the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct People {
    /// Whose users they are.
    pub tenant: TenantName,
    /// In which account; none: in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Who: TenantUsers by name; in the cluster, subjects.
    pub users: Vec<String>,
    /// What they may do afterwards and could not before.
    pub gains: Vec<Share>,
    /// What they can do no longer.
    pub loses: Vec<Share>,
    /// Whether they can do nothing at all afterwards: deleted, or suspended.
    pub loses_everything: bool,
    /// Whether the change is too large to be told; its policies are among the changes.
    pub too_large: bool,
}

/// One user's part of [`People`], by which equals are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    gains: Vec<Share>,
    loses: Vec<Share>,
    loses_everything: bool,
    too_large: bool,
}

/// Says what a plan means for the people of its tenant. `accounts` is what is there of the tenant before it, boundaries
/// included; `rules` are done first.
#[must_use]
pub fn people(
    plan: &Plan,
    accounts: &BTreeMap<AccountName, Inventory>,
    rules: &BTreeMap<AccountName, About>,
    cluster: &ClusterState,
    now: Timestamp,
) -> Vec<People> {
    let (mut all, mut meanings) = (Vec::new(), Meanings::default());
    for (account, before) in accounts {
        let rules = rules.get(account);
        let touched = plan.steps.iter().any(|step| step.action.account() == Some(account));
        if !touched && rules.is_none_or(|about| about.rules.steps.is_empty()) {
            continue;
        }
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let after = afterwards(plan, account, before, rules);
        let names: BTreeSet<&CloudName> = before.users.keys().chain(after.users.keys()).collect();
        for name in names {
            let change = change(name, before, &after, &mut meanings, now);
            if change != Change::default() {
                let user = after.users.get(name).or_else(|| before.users.get(name));
                let manifest = user.and_then(|user| user.tags.get(TAG_PRINCIPAL_USER).cloned());
                changes.insert(manifest.unwrap_or_else(|| name.to_string()), change);
            }
        }
        all.extend(together(&plan.tenant, Some(account), changes));
    }
    all.extend(together(&plan.tenant, None, in_cluster(plan, cluster)));
    all
}

/// Those whose change is the same, told once.
fn together(tenant: &TenantName, account: Option<&AccountName>, changes: BTreeMap<String, Change>) -> Vec<People> {
    let mut equals: BTreeMap<Change, Vec<String>> = BTreeMap::new();
    for (user, change) in changes {
        equals.entry(change).or_default().push(user);
    }
    let told = equals.into_iter().map(|(change, users)| People {
        tenant: tenant.clone(),
        account: account.cloned(),
        users,
        gains: change.gains,
        loses: change.loses,
        loses_everything: change.loses_everything,
        too_large: change.too_large,
    });
    let mut told: Vec<People> = told.collect();
    told.sort_by(|a, b| a.users.cmp(&b.users));
    told
}

/// The account as it is when the plan was carried out: the inventory records the acts as if they were done.
fn afterwards(plan: &Plan, account: &AccountName, before: &Inventory, about: Option<&About>) -> Inventory {
    let mut after = before.clone();
    let rules = about.filter(|about| !about.observed).map(|about| about.rules.steps.as_slice());
    for (action, _) in rules.unwrap_or_default() {
        after.record(action, &Effect::Done, Instant::now());
    }
    for step in &plan.steps {
        let Action::Cloud { account: of, action } = &step.action else { continue };
        if of == account {
            let effect = match action {
                CloudAction::Attach { policy: PolicyRef::Vendor(name), .. } => Effect::Arn(before.vendor_arn(name)),
                _ => Effect::Done,
            };
            after.record(action, &effect, Instant::now());
        }
    }
    after
}

fn change(name: &CloudName, before: &Inventory, after: &Inventory, meanings: &mut Meanings, now: Timestamp) -> Change {
    let mut change = by_policies(name, before, after, meanings, now);
    if !change.loses_everything {
        services::add(&mut change, name, before, after, meanings, now);
    }
    change
}

fn by_policies(
    name: &CloudName,
    before: &Inventory,
    after: &Inventory,
    meanings: &mut Meanings,
    now: Timestamp,
) -> Change {
    let (old, new) = (before.users.get(name), after.users.get(name));
    let (old_carried, old_names) = carried(old, before);
    let (new_carried, new_names) = carried(new, after);
    if old.is_some() && new.is_some() && (&old_carried, &old_names) == (&new_carried, &new_names) {
        return Change::default();
    }
    let who = new.or(old).map(|user| context(user, before)).unwrap_or_default();
    let meaning = meanings.of(&old_carried, &new_carried, &who, now);
    let nothing = BTreeSet::new();
    let old_names = if meaning.had_nothing { &nothing } else { &old_names };
    let new_names = if meaning.loses_everything { &nothing } else { &new_names };
    let named = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
        let only = these.difference(those);
        only.map(|policy| Share::Policy { policy: policy.clone() }).collect::<Vec<_>>()
    };
    let (mut gains, mut loses) = (named(new_names, old_names), named(old_names, new_names));
    gains.extend(meaning.gains.into_iter().map(Share::Right));
    loses.extend(meaning.loses.into_iter().map(Share::Right));
    let had_any = !meaning.had_nothing && (!old_carried.documents.is_empty() || !old_names.is_empty());
    let gone = old.is_some() && new.is_none();
    if (gone || meaning.loses_everything) && had_any {
        return Change { loses_everything: true, ..Change::default() };
    }
    Change { gains, loses, loses_everything: false, too_large: meaning.too_large }
}

/// What a user carries: the documents that are known, and the names of the policies that are not.
fn carried(user: Option<&User>, inventory: &Inventory) -> (Carried, BTreeSet<String>) {
    let Some(user) = user else { return (Carried::default(), BTreeSet::new()) };
    let own: BTreeMap<&str, &crate::model::Policy> =
        inventory.policies.values().map(|policy| (policy.arn.as_str(), policy)).collect();
    let document = |arn: &str| own.get(arn).and_then(|policy| policy.document.clone());
    let groups = || user.groups.iter().filter_map(|name| inventory.groups.get(name));
    let mut documents: Vec<_> = user.inline.values().cloned().collect();
    documents.extend(groups().flat_map(|group| group.inline.values().cloned()));
    let mut names = BTreeSet::new();
    for arn in user.attached.iter().chain(groups().flat_map(|group| &group.attached)) {
        match document(arn) {
            Some(document) => documents.push(document),
            None if is_vendors(arn) => drop(names.insert(last_part(arn).to_owned())),
            None => drop(names.insert(arn.clone())),
        }
    }
    let boundary = user.boundary.as_deref().and_then(document);
    (Carried { documents, boundary }, names)
}

/// Whether a policy is the cloud's own, whichever cloud it is.
fn is_vendors(arn: &str) -> bool {
    arn.contains(":iam::aws:policy/") || ram_policy(arn).is_some_and(|(_, system)| system)
}

/// What policies can know of a user in every call.
fn context(user: &User, inventory: &Inventory) -> Context {
    let mut context = Context::new()
        .with("aws:username", user.name.as_str())
        .with("aws:PrincipalArn", user.arn.as_str())
        .with("aws:PrincipalAccount", inventory.account.as_str())
        .with("aws:PrincipalType", "User");
    for (key, value) in &user.tags {
        context = context.with(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    context
}

/// Who is bound to which role, and will be.
fn in_cluster(plan: &Plan, cluster: &ClusterState) -> BTreeMap<String, Change> {
    let operator = operator_binding(&plan.tenant);
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for step in &plan.steps {
        let Action::Cluster(action) = &step.action else { continue };
        let nothing = Value::Null;
        let (at, after) = match action {
            ClusterAction::Create(object) | ClusterAction::Apply(object) => (&object.at, &object.body),
            ClusterAction::Delete(at) => (at, &nothing),
            _ => continue,
        };
        if !matches!(at.kind, KubeKind::RoleBinding | KubeKind::ClusterRoleBinding) || at.name == operator {
            continue;
        }
        let before = cluster.objects.get(at).unwrap_or(&nothing);
        let (old, new) = (bound(at, before), bound(at, after));
        for (subject, share) in new.difference(&old) {
            changes.entry(subject.clone()).or_default().gains.push(share.clone());
        }
        for (subject, share) in old.difference(&new) {
            changes.entry(subject.clone()).or_default().loses.push(share.clone());
        }
    }
    changes
}

/// The subjects of a binding, each with what it gives them.
fn bound(at: &ObjRef, body: &Value) -> BTreeSet<(String, Share)> {
    let role = &body["roleRef"];
    let role = format!("{} {}", role["kind"].as_str().unwrap_or_default(), role["name"].as_str().unwrap_or_default());
    let share = Share::ClusterRole { role, namespace: at.namespace.clone() };
    let name = |subject: &Value| {
        let name = subject["name"].as_str().unwrap_or_default();
        match (subject["kind"].as_str(), subject["namespace"].as_str()) {
            (Some("Group"), _) => format!("group {name}"),
            (Some("ServiceAccount"), Some(namespace)) => format!("service account {namespace}/{name}"),
            _ => name.to_owned(),
        }
    };
    body["subjects"].as_array().into_iter().flatten().map(|subject| (name(subject), share.clone())).collect()
}

/// People that a line names before it counts the others.
const NAMED_MAX: usize = 5;

impl People {
    /// One line for each kind of change, such as `dave gains s3:PutObject on arn:aws:s3:::data/acme/*`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let who = self.who();
        let several = self.users.len() > 1;
        let (gains, loses) = if several { ("gain", "lose") } else { ("gains", "loses") };
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.gains.iter().map(|share| format!("{who} {gains} {}", share.words("had"))));
        if self.loses_everything {
            lines.push(format!("{who} {loses} everything"));
        }
        let keeps = if several { "keep" } else { "keeps" };
        lines.extend(self.loses.iter().map(|share| format!("{who} {loses} {}", share.words(keeps))));
        if self.too_large {
            lines.push(format!("{who}: too much changes to be told right by right; see the policies above"));
        }
        lines
    }

    /// Their names; of many, the first few and how many more.
    #[must_use]
    pub fn who(&self) -> String {
        match self.users.split_last() {
            None => String::new(),
            Some((last, [])) => last.clone(),
            Some((last, others)) if others.len() < NAMED_MAX => format!("{} and {last}", others.join(", ")),
            Some(_) => {
                let (named, others) = self.users.split_at(NAMED_MAX - 1);
                format!("{} and {} others", named.join(", "), others.len())
            }
        }
    }
}

impl Share {
    /// `but` is the word before parts that were there before, or stay.
    fn words(&self, but: &str) -> String {
        match self {
            Self::Right(right) if right.but.is_empty() => right.to_string(),
            Self::Right(right) => format!("{right} ({but} {})", right.but.join(", ")),
            Self::Policy { policy } => format!("policy {policy}"),
            Self::Member { workspace, workspace_role } => format!("{workspace_role} in workspace {workspace}"),
            Self::ClusterRole { role, namespace: Some(namespace) } => format!("{role} in namespace {namespace}"),
            Self::ClusterRole { role, namespace: None } => format!("{role} in the cluster"),
        }
    }
}

#[cfg(test)]
mod tests;
