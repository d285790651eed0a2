//! What one manifest's steps and refusals amount to: a reason, a message, and whether it goes on by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Reason;
use crate::model::{Class, CloudAction, Fault, Inventory, Life, Read, Wanted};
use crate::names::{AccountName, CloudName, ManifestKind, ManifestRef};
use crate::plan::{Action, KeyInUse, Outcome, Plan, Step};

/// Failed passes in a row after which Ready is no longer what it was.
const PATIENCE: u32 = 3;
/// How many messages one condition holds; the rest is counted.
const MESSAGES_MAX: usize = 3;

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the manifest says.
    Ready(Reason, String),
    /// Not there yet, and it goes on by itself.
    Reconciling(Reason, String),
    /// Somebody must act.
    Stalled(Reason, String),
    /// A passing fault: whatever Ready was, it still is.
    Unchanged(Reason, String),
    /// A fault that does not pass: it is not known whether Ready still holds.
    Unknown(Reason, String),
}

impl Verdict {
    /// Whether all is as the manifest says.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready(..))
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Ready(reason, _)
            | Self::Reconciling(reason, _)
            | Self::Stalled(reason, _)
            | Self::Unchanged(reason, _)
            | Self::Unknown(reason, _) => *reason,
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Ready(_, message)
            | Self::Reconciling(_, message)
            | Self::Stalled(_, message)
            | Self::Unchanged(_, message)
            | Self::Unknown(_, message) => message,
        }
    }
}

/// One account as the status tells of it.
#[derive(Clone, Debug)]
pub struct AccountView<'a> {
    /// What is known of it; none before its first sweep.
    pub inventory: Option<&'a Inventory>,
    /// Its id.
    pub id: Option<&'a str>,
}

/// Everything that statuses are made of.
pub struct Report<'a> {
    /// What should exist.
    pub wanted: &'a Wanted,
    /// What was done, and what became of it.
    pub done: &'a [(Step, Outcome)],
    /// What is left.
    pub left: &'a Plan,
    /// What should have been read and was not.
    pub unread: &'a [(AccountName, Fault)],
    /// The accounts.
    pub accounts: BTreeMap<AccountName, AccountView<'a>>,
    /// Failed passes in a row, this one included.
    pub failures: u32,
    /// Why a manifest that is as it should be does nothing: suspended, expired.
    pub still: BTreeMap<ManifestRef, Reason>,
}

/// What stands against a manifest, worst class first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    problems: BTreeMap<Class, BTreeSet<String>>,
    pending: usize,
}

impl Tally {
    fn add(&mut self, class: Class, message: String) {
        self.problems.entry(class).or_default().insert(message);
    }

    /// Whether nothing stands against it and nothing is left to do.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.problems.is_empty() && self.pending == 0
    }

    /// The messages of the worst class, or that work is left.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match self.worst() {
            Some((_, message)) => Some(message),
            None if self.pending > 0 => Some(format!("{} steps are left", self.pending)),
            None => None,
        }
    }

    fn worst(&self) -> Option<(Class, String)> {
        const ORDER: [Class; 12] = [
            Class::Invalid,
            Class::NotAllowed,
            Class::NotOwned,
            Class::LimitExceeded,
            Class::QuotaExceeded,
            Class::Failed,
            Class::AccessDenied,
            Class::TenantNotFound,
            Class::Waiting,
            Class::Transient,
            Class::Throttled,
            Class::AccountNotReady,
        ];
        let class = ORDER.into_iter().find(|class| self.problems.contains_key(class))?;
        let messages: Vec<&str> = self.problems.get(&class)?.iter().map(String::as_str).collect();
        let mut text = messages.iter().take(MESSAGES_MAX).copied().collect::<Vec<_>>().join("; ");
        if messages.len() > MESSAGES_MAX {
            text.push_str(&format!("; and {} more", messages.len() - MESSAGES_MAX));
        }
        Some((class, text))
    }
}

impl Report<'_> {
    /// What stands against a manifest, in all accounts or in one.
    #[must_use]
    pub fn tally(&self, subject: &ManifestRef, account: Option<&AccountName>) -> Tally {
        let mut tally = Tally::default();
        let concerns = |of: Option<&AccountName>| account.is_none() || of == account;
        let said = |of: Option<&AccountName>, message: &str| match of {
            Some(of) if account.is_none() => format!("{of}: {message}"),
            _ => message.to_owned(),
        };
        for refusal in &self.left.refusals {
            if refusal.subject == *subject && concerns(refusal.account.as_ref()) {
                tally.add(refusal.class, said(refusal.account.as_ref(), &refusal.message));
            }
        }
        for step in self.left.steps.iter().filter(|step| step.subject == *subject) {
            let of = step.action.account();
            if !concerns(of) {
                continue;
            }
            let fault = self.done.iter().rev().find(|(done, _)| done.action == step.action);
            match fault {
                Some((_, Outcome::Failed(fault))) => {
                    tally.add(fault.class, said(of, &fault.words()));
                }
                _ => tally.pending += 1,
            }
        }
        // A key whose making failed is no step any more where it must be read first whether it is there, or is there and
        // is not proved yet; a login's next step is another one where its password is in the Secret by now.
        for (step, outcome) in self.done {
            if let (
                Action::IssueKey { account: of, .. } | Action::IssueLogin { account: of, .. },
                Outcome::Failed(fault),
            ) = (&step.action, outcome)
                && step.subject == *subject
                && concerns(Some(of))
                && !self.left.steps.iter().any(|left| left.action == step.action)
            {
                tally.add(fault.class, said(Some(of), &fault.words()));
            }
        }
        // Where an act failed in MaxCompute it may first have to be read what is there before it is a step again.
        for (step, outcome) in self.done {
            if let (Action::Cloud { account: of, action: CloudAction::MaxCompute(action) }, Outcome::Failed(fault)) =
                (&step.action, outcome)
                && step.subject == *subject
                && concerns(Some(of))
                && self.left.reads.get(of).is_some_and(|reads| reads.contains(&action.read_after()))
            {
                tally.add(fault.class, said(Some(of), &fault.words()));
            }
        }
        // Without what must be read nobody can say that all is well.
        for of in self.left.reads.keys().filter(|of| concerns(Some(of))) {
            if !self.reads_about(subject, of) {
                continue;
            }
            match self.why_unread(subject, of) {
                Some(fault) => tally.add(fault.class, said(Some(of), &fault.words())),
                None => tally.pending += 1,
            }
        }
        for lookup in self.left.lookups.iter().filter(|it| it.subject == *subject && concerns(Some(&it.account))) {
            match self.unread.iter().find(|(account, _)| *account == lookup.account) {
                Some((_, fault)) => tally.add(fault.class, said(Some(&lookup.account), &fault.words())),
                None => tally.pending += 1,
            }
        }
        tally
    }

    /// The replaced keys of a user that are still used, in words.
    fn keys_in_use(&self, subject: &ManifestRef) -> Option<String> {
        let words = |it: &KeyInUse| {
            let service = it.service.as_deref().map(|service| format!(" ({service})")).unwrap_or_default();
            format!("{}: key {} was replaced and is still used{service}", it.account, it.id)
        };
        let mine: Vec<String> = self.left.in_use.iter().filter(|it| it.subject == *subject).map(words).collect();
        let help = "it stays active until it is not; usually a workload did not take up the new key from the Secret";
        (!mine.is_empty()).then(|| format!("{}; {help}", mine.join("; ")))
    }

    /// Why something that a manifest waits for could not be read: the fault of just that reading, if there is one.
    fn why_unread(&self, subject: &ManifestRef, account: &AccountName) -> Option<&Fault> {
        let wanted = self.wanted.accounts.get(account);
        let reads = self.left.reads.get(account).into_iter().flatten().map(Read::object);
        let mine = reads.filter(|object| wanted.is_some_and(|wanted| wanted.is_claimed_by(object, subject)));
        let names: Vec<CloudName> = mine.map(|object| object.name).collect();
        let faults = self.unread.iter().filter(|(of, _)| of == account).map(|(_, fault)| fault);
        let is_its = |fault: &&Fault| names.iter().any(|name| fault.object.contains(name.as_str()));
        faults.clone().find(is_its).or_else(|| faults.clone().next())
    }

    /// Whether something that the manifest wants must be read in the account before the plan is whole.
    fn reads_about(&self, subject: &ManifestRef, account: &AccountName) -> bool {
        let mut reads = self.left.reads.get(account).into_iter().flatten();
        // So must be known what is left of anything in MaxCompute.
        let goes = self.wanted.manifests.get(subject).is_some_and(|life| life.deleting);
        if goes && reads.clone().any(|read| matches!(read, Read::MaxCompute(_))) {
            return true;
        }
        // Whether a tenant has a workspace left must be known before it goes.
        if *subject == self.wanted.tenant_ref() && reads.clone().any(|read| matches!(read, Read::Workspace(_))) {
            return true;
        }
        let Some(wanted) = self.wanted.accounts.get(account) else { return false };
        let lists = |read: &Read| matches!(read, Read::Notebooks(_)) && subject.kind == ManifestKind::TenantNotebook;
        reads.any(|read| lists(read) || wanted.is_claimed_by(&read.object(), subject))
    }

    /// Whether the account is there and cannot be looked at now.
    pub(super) fn is_unseen(&self, account: &str) -> bool {
        let view = self.accounts.get(&AccountName::new(account));
        view.is_some_and(|view| view.inventory.is_none() && view.id.is_none())
    }

    /// What the manifest's Ready condition says.
    #[must_use]
    pub fn verdict(&self, subject: &ManifestRef, all_is_well: &str) -> Verdict {
        let tally = self.tally(subject, None);
        let life = self.wanted.manifests.get(subject);
        let deleting = life.is_some_and(|life| life.deleting);
        if deleting {
            return deletion(&tally);
        }
        // Under a pause the steps that are left are those that take access away: that one failed must be told.
        let revokes = self.left.steps.iter().any(|step| step.subject == *subject);
        if life.is_some_and(|life| life.paused) && self.wanted.life == Life::Alive && !revokes {
            let message = "nothing is made or changed while the annotation tenantry.dev/paused is \"true\"";
            return Verdict::Ready(Reason::Paused, message.to_owned());
        }
        match tally.worst() {
            Some((class, message)) => self.of_class(class, message),
            None if tally.pending > 0 => {
                Verdict::Reconciling(Reason::Waiting, format!("{} steps are left", tally.pending))
            }
            None => match self.still.get(subject) {
                Some(reason) if subject.kind == ManifestKind::TenantNotebook => {
                    Verdict::Ready(*reason, all_is_well.to_owned())
                }
                Some(reason) => Verdict::Ready(*reason, still_words(*reason).to_owned()),
                None => match self.keys_in_use(subject) {
                    Some(words) => Verdict::Ready(Reason::OldKeyInUse, words),
                    None => Verdict::Ready(Reason::Provisioned, all_is_well.to_owned()),
                },
            },
        }
    }

    fn of_class(&self, class: Class, message: String) -> Verdict {
        match class {
            Class::Invalid => Verdict::Stalled(Reason::Invalid, message),
            Class::NotAllowed => Verdict::Stalled(Reason::NotAllowed, message),
            Class::NotOwned => Verdict::Stalled(Reason::NotOwned, message),
            Class::LimitExceeded => Verdict::Stalled(Reason::LimitExceeded, message),
            Class::QuotaExceeded => Verdict::Stalled(Reason::QuotaExceeded, message),
            Class::Failed => Verdict::Stalled(Reason::CloudError, message),
            Class::AccessDenied => Verdict::Stalled(Reason::AccessDenied, message),
            Class::TenantNotFound => Verdict::Reconciling(Reason::TenantNotFound, message),
            Class::Waiting => Verdict::Reconciling(Reason::Waiting, message),
            Class::AccountNotReady => Verdict::Unchanged(Reason::Waiting, message),
            Class::Throttled => Verdict::Unchanged(Reason::Throttled, message),
            Class::Transient if self.failures >= PATIENCE => Verdict::Unknown(Reason::CloudError, message),
            Class::Transient => Verdict::Unchanged(Reason::CloudError, message),
        }
    }
}

fn deletion(tally: &Tally) -> Verdict {
    match tally.worst() {
        Some((
            Class::Transient | Class::Throttled | Class::Waiting | Class::TenantNotFound | Class::AccountNotReady,
            message,
        )) => Verdict::Reconciling(Reason::Deleting, message),
        Some((_, message)) => Verdict::Stalled(Reason::DeletionBlocked, message),
        None if tally.pending == 0 => {
            Verdict::Reconciling(Reason::Deleting, "waits until what was made for it is gone".to_owned())
        }
        None => Verdict::Reconciling(Reason::Deleting, format!("{} steps are left", tally.pending)),
    }
}

fn still_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => {
            "spec.expiresAt is over: keys are inactive, the console login is off and everything is denied; nothing was deleted"
        }
        _ => "suspended: keys are inactive, the console login is off and everything is denied; nothing was deleted",
    }
}
