//! The status of a notebook: the cloud's own word for what it does, which instance it is, and why it does not run.

use jiff::Timestamp;

use super::manifests::finish;
use super::verdict::{Report, Verdict};
use crate::api::{TenantNotebook, TenantNotebookStatus};
use crate::desired::manifest_ref;
use crate::model::{Inventory, Notebook, Phase, Rest, WantedNotebook};
use crate::names::{AccountName, ManifestKind, ManifestRef, TAG_STOPPED};

impl Report<'_> {
    /// What is known of a manifest's notebook: what is wanted, and what is there.
    fn notebook(&self, subject: &ManifestRef) -> (Option<&WantedNotebook>, Option<&Notebook>) {
        let claims = self.wanted.accounts.values().flat_map(|account| account.notebooks.values().flatten());
        let wanted = claims.into_iter().find(|claim| claim.owner == *subject);
        let inventories = self.accounts.values().filter_map(|view| view.inventory);
        let mut seen = inventories.flat_map(|inventory| inventory.notebooks.ours.values());
        (wanted, seen.find(|it| !it.is_second() && it.mark().is_some_and(|mark| mark.is_of(subject))))
    }
}

/// What is said of a notebook that is as its manifest says.
#[must_use]
pub fn notebook_words(report: &Report<'_>, subject: &ManifestRef) -> String {
    let (wanted, seen) = report.notebook(subject);
    let rest = wanted.and_then(|wanted| wanted.rest);
    match seen {
        None => "nothing runs for it".to_owned(),
        Some(seen) if seen.phase == Phase::Running => "the notebook runs".to_owned(),
        Some(_) if rest == Some(Rest::Asked) => "the notebook is stopped, as spec.state says".to_owned(),
        Some(_) if rest.is_some() => "the notebook is stopped: nobody may use it".to_owned(),
        Some(seen) if seen.tags.contains_key(TAG_STOPPED) => {
            "the notebook is stopped until its schedule starts it".to_owned()
        }
        Some(_) => {
            "the notebook was stopped by its schedule, for idleness or by hand; its user may start it".to_owned()
        }
    }
}

/// Whether it is known which notebooks there are where this one is said to be.
fn is_listed(inventory: &Inventory, instance: Option<&str>) -> bool {
    let region = instance.filter(|id| id.starts_with("arn:")).and_then(|arn| arn.split(':').nth(3));
    region.map_or(!inventory.notebooks.listed.is_empty(), |region| inventory.knows_notebooks(region))
}

/// The next status of a notebook.
#[must_use]
pub fn notebook_status(
    report: &Report<'_>,
    notebook: &TenantNotebook,
    verdict: &Verdict,
    now: Timestamp,
) -> TenantNotebookStatus {
    let mut status = notebook.status.clone().unwrap_or_default();
    let subject = manifest_ref(ManifestKind::TenantNotebook, notebook);
    let account = AccountName::new(&notebook.spec.account);
    // Another CloudAccount may stand for this one.
    let of_id = || {
        let id = status.instance.as_deref().and_then(|arn| arn.split(':').nth(4))?;
        report.accounts.values().find(|view| view.id == Some(id))
    };
    let known = report.accounts.get(&account).or_else(of_id).and_then(|view| view.inventory);
    match report.notebook(&subject).1 {
        Some(seen) => {
            status.state = Some(seen.state.clone());
            status.instance = Some(seen.id.clone());
        }
        // Where nobody could look, what was said last is the best that is known, and by it the notebook is found again.
        None if known.is_some_and(|inventory| is_listed(inventory, status.instance.as_deref())) => {
            status.state = None;
            status.instance = None;
        }
        None => {}
    }
    let tally = report.tally(&subject, Some(&account));
    status.message = tally.words().or_else(|| report.observed(&subject, &account));
    finish(&mut status, notebook, verdict, report.drift(&subject), now);
    status
}
