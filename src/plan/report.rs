//! Plans as one value for people and programs: what is printed as text, Markdown or JSON is all in here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::render::{calls, line};
use super::{Action, Orphan, People, Plan, Rank, RulesPlan, Step, Why};
use crate::model::{Class, CloudAction, RoleAction};
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};
use crate::policy::Document;

/// The form of [`Report`] as JSON; it changes when a field changes its meaning or goes, not when one is added.
pub const REPORT_FORMAT: &str = "tenantry.dev/plan.v1";

/// What is said of an account above its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The account's id.
    pub id: String,
    /// Its region.
    pub region: String,
    /// With whose credentials it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// What becomes of the rules that hold for the whole account.
    #[serde(skip)]
    pub rules: RulesPlan,
    /// Whether the account is only observed.
    pub observed: bool,
}

impl About {
    /// An account of which no more is to be said.
    #[must_use]
    pub fn new(id: &str, region: &str) -> Self {
        Self { id: id.to_owned(), region: region.to_owned(), ..Self::default() }
    }
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Deed {
    /// It is made.
    Add,
    /// It is changed.
    Change,
    /// It goes.
    Delete,
}

impl Deed {
    fn of(sign: char) -> Self {
        match sign {
            '+' => Self::Add,
            '~' => Self::Change,
            _ => Self::Delete,
        }
    }

    pub(super) fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            Self::Delete => '-',
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The tenant; none: it is about the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// The account; none: in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// What becomes of it.
    pub deed: Deed,
    /// What kind of thing it is: `user`, `policy`, `member`, …
    pub noun: String,
    /// Which one; of an edge, both ends.
    pub object: String,
    /// The manifest that asks for it.
    pub manifest: String,
    /// Old and new, or why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// Of a policy: what it will say; of a role: who may assume it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// Cloud calls that it takes.
    pub calls: usize,
}

/// Something that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The tenant; none: it is about the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// The account, if in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The manifest that asks for it.
    pub manifest: String,
    /// Why, as a class.
    pub class: Class,
    /// Why, in words, and what would help.
    pub message: String,
}

/// Something that differs and is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The tenant; none: it is about the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// The account, if in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The manifest that it is about.
    pub manifest: String,
    /// Why it is not done.
    pub why: Why,
    /// The step, as a plan prints it.
    pub words: String,
}

/// An object with our marks whose manifest is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The tenant.
    pub tenant: TenantName,
    /// What and where.
    #[serde(flatten)]
    pub orphan: Orphan,
}

/// How many of each a plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    /// Seconds that these take within the budgets of their accounts, which are used side by side.
    pub seconds: u64,
}

/// Everything that a plan tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format: &'static str,
    /// The accounts that were read, by CloudAccount.
    pub accounts: BTreeMap<AccountName, About>,
    /// The steps, by tenant, in the order in which they could be done.
    pub changes: Vec<Change>,
    /// What is not done.
    pub refused: Vec<Refused>,
    /// What differs and is left as it is.
    pub withheld: Vec<Told>,
    /// What no manifest wants.
    pub orphans: Vec<Left>,
    /// What it means for people.
    pub people: Vec<People>,
    /// What else there is to know: what was taken for granted, what was passed over.
    pub notes: Vec<String>,
    /// How much it is.
    pub summary: Summary,
}

impl Report {
    /// Puts plans together. `writes_per_second` is an account's budget.
    #[must_use]
    pub fn new(plans: &[Plan], accounts: BTreeMap<AccountName, About>, writes_per_second: f64) -> Self {
        let mut changes: Vec<Change> = Vec::new();
        let (mut refused, mut withheld) = (Vec::new(), Vec::new());
        for (account, about) in &accounts {
            whole_account(account, about, &mut changes, &mut refused, &mut withheld);
        }
        changes.extend(plans.iter().flat_map(|plan| plan.steps.iter().map(|step| change(Some(&plan.tenant), step))));
        for plan in plans {
            let tenant = Some(plan.tenant.clone());
            refused.extend(plan.refusals.iter().map(|refusal| Refused {
                tenant: tenant.clone(),
                account: refusal.account.clone(),
                manifest: refusal.subject.to_string(),
                class: refusal.class,
                message: refusal.message.clone(),
            }));
            withheld.extend(plan.withheld.iter().map(|it| Told {
                tenant: tenant.clone(),
                account: it.account.clone(),
                manifest: it.subject.to_string(),
                why: it.why,
                words: it.words.clone(),
            }));
        }
        let left = |plan: &Plan| -> Vec<Left> {
            plan.orphans.iter().map(|orphan| Left { tenant: plan.tenant.clone(), orphan: orphan.clone() }).collect()
        };
        let summary = summary(&changes, refused.len(), withheld.len(), writes_per_second);
        Self {
            format: REPORT_FORMAT,
            accounts,
            changes,
            refused,
            withheld,
            orphans: plans.iter().flat_map(left).collect(),
            people: Vec::new(),
            notes: Vec::new(),
            summary,
        }
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // Keys of maps are texts and nothing here fails to serialize.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// What becomes of an account's own rules.
fn whole_account(
    account: &AccountName,
    about: &About,
    changes: &mut Vec<Change>,
    refused: &mut Vec<Refused>,
    withheld: &mut Vec<Told>,
) {
    let manifest = ManifestRef::cluster_scoped(ManifestKind::CloudAccount, account.as_str());
    refused.extend(about.rules.refusal.iter().map(|fault| Refused {
        tenant: None,
        account: Some(account.clone()),
        manifest: manifest.to_string(),
        class: fault.class,
        message: fault.words(),
    }));
    if about.observed {
        withheld.extend(about.rules.words().into_iter().map(|words| Told {
            tenant: None,
            account: Some(account.clone()),
            manifest: manifest.to_string(),
            why: Why::Observed,
            words,
        }));
        return;
    }
    for (action, detail) in &about.rules.steps {
        let action = Action::Cloud { account: account.clone(), action: action.clone() };
        let (needs, detail) = (BTreeSet::new(), detail.clone());
        changes.push(change(None, &Step { subject: manifest.clone(), action, rank: Rank::Change, needs, detail }));
    }
    changes.extend(about.rules.passwords.iter().map(|(_, detail)| Change {
        tenant: None,
        account: Some(account.clone()),
        deed: Deed::Change,
        noun: "rules".to_owned(),
        object: "for passwords".to_owned(),
        manifest: manifest.to_string(),
        detail: detail.clone(),
        document: None,
        calls: 1,
    }));
}

fn change(tenant: Option<&TenantName>, step: &Step) -> Change {
    let (sign, noun, object) = line(step);
    let document = match &step.action {
        Action::Cloud { action: CloudAction::CreatePolicy(policy), .. } => policy.document.clone(),
        Action::Cloud { action: CloudAction::SetDocument { document, .. }, .. }
        | Action::Cloud { action: CloudAction::PutInline { document, .. }, .. } => Some(document.clone()),
        Action::Cloud { action: CloudAction::Role(action), .. } => match action {
            RoleAction::Create(role) => role.trust.clone(),
            RoleAction::SetTrust { trust, .. } => Some(trust.clone()),
            RoleAction::SetSession { .. } | RoleAction::Delete(_) => None,
        },
        Action::Cloud { action: CloudAction::MaxCompute(action), .. } => action.document().cloned(),
        _ => None,
    };
    Change {
        tenant: tenant.cloned(),
        account: step.action.account().cloned(),
        deed: Deed::of(sign),
        noun: noun.to_owned(),
        object,
        manifest: step.subject.to_string(),
        detail: step.detail.clone(),
        document,
        calls: calls(&step.action),
    }
}

fn summary(changes: &[Change], refused: usize, withheld: usize, writes_per_second: f64) -> Summary {
    let mut sum = Summary { refused, withheld, ..Summary::default() };
    let mut by_account: BTreeMap<Option<&AccountName>, u32> = BTreeMap::new();
    for change in changes {
        match change.deed {
            Deed::Add => sum.add += 1,
            Deed::Change => sum.change += 1,
            Deed::Delete => sum.delete += 1,
        }
        sum.calls += change.calls;
        *by_account.entry(change.account.as_ref()).or_default() += u32::try_from(change.calls).unwrap_or(u32::MAX);
    }
    let most = by_account.into_values().max().unwrap_or_default();
    // Whole seconds, and a budget is never so small that they would not fit.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded up and not negative")]
    let seconds = (f64::from(most) / writes_per_second).ceil() as u64;
    sum.seconds = seconds;
    sum
}

impl Summary {
    /// Whether there is nothing to do and nothing to say.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// `4 to add, 1 to change, 1 to delete, 1 refused`.
    #[must_use]
    pub fn counts(&self) -> String {
        let mut text = format!("{} to add, {} to change, {} to delete", self.add, self.change, self.delete);
        if self.refused > 0 {
            text += &format!(", {} refused", self.refused);
        }
        if self.withheld > 0 {
            text += &format!(", {} only told", self.withheld);
        }
        text
    }

    /// `11 cloud calls, about 3 s within the account's budget.`; nothing where no call is needed.
    #[must_use]
    pub fn effort(&self) -> Option<String> {
        let calls = if self.calls == 1 { "call" } else { "calls" };
        (self.calls > 0)
            .then(|| format!("{} cloud {calls}, about {} s within the account's budget.", self.calls, self.seconds))
    }
}
