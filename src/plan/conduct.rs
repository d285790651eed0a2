//! What is not done although it differs: in an account that is only observed, to what people attached by hand, under a
//! pause, and in an account that is given up. It is told instead.

use std::collections::BTreeSet;

use serde::Serialize;

use super::account::Account;
use super::{Action, Draft, Rank, Step};
use crate::model::{CloudAction, ClusterAction, ObjectId, Policy, Tags, Wanted};
use crate::names::{AccountName, CloudName, MARK_PREFIX, ManifestRef, TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER};

/// How the names of our own inline policies begin.
pub(super) const OWN_INLINE: &str = "tenantry-";

/// Why something that differs is not put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Why {
    /// The account is only observed.
    Observed,
    /// It was attached by hand, and the account has `extras: Report`.
    Extra,
    /// Only the mark that it carries says that it is the tenant's.
    Unconfirmed,
    /// The manifest, or its Tenant, is paused.
    Paused,
    /// The Tenant gives the account up.
    Abandoned,
}

/// Something that differs and is not being put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Withheld {
    /// Whose condition tells of it.
    pub subject: ManifestRef,
    /// In which account, if in one.
    pub account: Option<AccountName>,
    /// Why it is not done.
    pub why: Why,
    /// The step, as a plan prints it.
    pub words: String,
}

impl Withheld {
    pub(super) fn of(step: &Step, account: Option<&AccountName>, why: Why) -> Self {
        Self { subject: step.subject.clone(), account: account.cloned(), why, words: step.words() }
    }
}

/// What a Tenant says of the accounts that it gives up.
pub(super) fn given_up(wanted: &Wanted) -> Vec<Withheld> {
    let abandoned = wanted.conduct.iter().filter(|(_, conduct)| conduct.abandoned && conduct.named);
    let told = abandoned.map(|(account, _)| Withheld {
        subject: wanted.tenant_ref(),
        account: Some(account.clone()),
        why: Why::Abandoned,
        words: "what was made there".to_owned(),
    });
    told.collect()
}

impl Draft<'_> {
    /// Takes the steps from `first` on, all of one observed account, out of the plan and tells of them. What only keeps a
    /// Secret from going with its owner stays: without it the deletion of a manifest would delete a key's only copy.
    pub(super) fn hold_back(&mut self, account: &AccountName, first: usize) {
        for mut step in self.steps.split_off(first) {
            if matches!(step.action, Action::Cluster(ClusterAction::ReleaseSecret { .. })) {
                step.needs.clear();
                self.steps.push(step);
            } else {
                self.withheld.push(Withheld::of(&step, Some(account), Why::Observed));
            }
        }
    }
}

impl Account<'_, '_, '_> {
    pub(super) fn reports_extras(&self) -> bool {
        self.draft.wanted.conduct.get(self.name).is_some_and(|conduct| conduct.report_extras)
    }

    /// Takes away what no manifest asks for; what people attached, `theirs`, is only told where the account says so.
    pub(super) fn take_away(&mut self, subject: &ManifestRef, action: CloudAction, theirs: bool) {
        if theirs && self.reports_extras() {
            self.tell_extra(subject, action);
        } else {
            self.step(subject, Rank::Revoke, action, Vec::new());
        }
    }

    /// Tells of what no manifest asks for and leaves it.
    pub(super) fn tell_extra(&mut self, subject: &ManifestRef, action: CloudAction) {
        self.tell(subject, action, Why::Extra);
    }

    /// Tells of what could be done and leaves it.
    pub(super) fn tell(&mut self, subject: &ManifestRef, action: CloudAction, why: Why) {
        let action = Action::Cloud { account: self.name.clone(), action };
        let needs = BTreeSet::new();
        let step = Step { subject: subject.clone(), action, rank: Rank::Revoke, needs, detail: Vec::new() };
        self.draft.withheld.push(Withheld::of(&step, Some(self.name), why));
    }

    /// Whether an attached policy is none of this tenant's own.
    pub(super) fn is_foreign_policy(&self, arn: &str) -> bool {
        if self.inventory.is_ram() {
            // No path tells whose it is.
            let of_tenant = |policy: &Policy| {
                policy.mark(&self.inventory.cluster).is_some_and(|mark| mark.tenant == self.draft.wanted.tenant)
            };
            return !self.inventory.policies.values().any(|policy| policy.arn == arn && of_tenant(policy));
        }
        let path = crate::names::tenant_path(&self.inventory.cluster, &self.draft.wanted.tenant);
        let own = self.inventory.arn(crate::model::ObjectKind::Policy, &path, &CloudName::new(""));
        !arn.starts_with(&own)
    }

    /// Whether a group is none of this tenant's own.
    pub(super) fn is_foreign_group(&self, group: &CloudName) -> bool {
        let mark = self.inventory.mark(&ObjectId::group(group));
        mark.is_none_or(|mark| mark.tenant != self.draft.wanted.tenant)
    }

    /// Removes inline policies; only ours begin with `tenantry-`.
    pub(super) fn drop_inline(&mut self, of: &ObjectId, subject: &ManifestRef, names: Vec<String>) {
        for name in names {
            let theirs = !name.starts_with(OWN_INLINE);
            self.take_away(subject, CloudAction::DeleteInline { of: of.clone(), name }, theirs);
        }
    }

    /// Sets what is missing and removes what is not wanted: a tag is a right wherever policies look at principal tags, so
    /// every tag on an object of ours is ours, but for those that AWS itself sets.
    pub(super) fn tags(&mut self, of: &ObjectId, subject: &ManifestRef, seen: &Tags, wanted: &Tags) {
        let set: Tags =
            wanted.iter().filter(|(k, v)| seen.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let unset: BTreeSet<String> =
            seen.keys().filter(|key| !wanted.contains_key(*key) && !key.starts_with("aws:")).cloned().collect();
        let (own, theirs): (BTreeSet<String>, BTreeSet<String>) = unset.into_iter().partition(|key| is_own_tag(key));
        let unset = if self.reports_extras() {
            if !theirs.is_empty() {
                let list: Vec<&str> = theirs.iter().map(String::as_str).collect();
                let words = format!("tags {} → {}", list.join(", "), of.name);
                let account = Some(self.name.clone());
                self.draft.withheld.push(Withheld { subject: subject.clone(), account, why: Why::Extra, words });
            }
            own
        } else {
            own.into_iter().chain(theirs).collect()
        };
        if !set.is_empty() || !unset.is_empty() {
            let mut detail: Vec<String> = set.iter().map(|(key, value)| format!("+ {key}={value}")).collect();
            detail.extend(unset.iter().map(|key| format!("- {key}")));
            self.step(subject, Rank::Repair, CloudAction::SetTags { of: of.clone(), set, unset }, detail);
        }
    }
}

fn is_own_tag(key: &str) -> bool {
    key.starts_with(MARK_PREFIX) || [TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER].contains(&key)
}
