//! Who asks for a pass with fresh reads: two annotations do, and the younger value of the two is answered.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use super::Operator;
use super::max_compute::read_max_compute;
use super::pass::Reached;
use crate::api::{ObservedStatus, annotations};
use crate::apply::Account;
use crate::cloud::AnyCloud;
use crate::cluster::{Wake, Watched};
use crate::desired::{Manifests, manifest_ref};
use crate::model::{Fault, ObjectKind, Read, WorkspaceRead};
use crate::names::{ManifestRef, TenantName, region_of_workspace};

const KEYS: [&str; 2] = [annotations::RECONCILE, annotations::FLUX_RECONCILE];

/// What the annotations of one manifest said last, and which value came last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    values: [Option<String>; 2],
    newest: Option<String>,
}

impl Asked {
    /// Takes in what the annotations say now. After a start nobody knows which came last: the one that was answered last
    /// counts as answered still.
    pub(super) fn next(&self, annotations: &BTreeMap<String, String>, handled: Option<&str>) -> Self {
        let values = KEYS.map(|key| annotations.get(key).cloned());
        if values == self.values {
            return self.clone();
        }
        let known = self.newest.is_some();
        let changed = values.iter().zip(&self.values).filter(|(now, before)| known && now != before);
        let changed = changed.filter_map(|(now, _)| now.clone()).next_back();
        let answered = handled.filter(|handled| values.iter().flatten().any(|value| value == handled));
        let any = values.iter().flatten().next_back().cloned();
        let newest = changed.or_else(|| answered.map(str::to_owned)).or(any);
        Self { values, newest }
    }

    /// The value that is to be echoed.
    pub(super) fn newest(&self) -> Option<&String> {
        self.newest.as_ref()
    }
}

impl Operator {
    /// Reads the tenant's accounts whole where somebody newly asks for it, with what the bulk call omits of the tenant's
    /// objects. Where a reading fails nothing counts as answered.
    pub(super) async fn read_afresh(&self, name: &TenantName, manifests: &Manifests, accounts: &Reached) {
        let before = self.memory.lock().get(name).map(|memory| memory.asked.clone()).unwrap_or_default();
        let mut all: Vec<(ManifestRef, Asked, Option<String>)> = Vec::new();
        all.extend(manifests.tenant.iter().map(|it| asks(it.as_ref(), &before)));
        all.extend(manifests.roles.iter().map(|it| asks(it.as_ref(), &before)));
        all.extend(manifests.users.iter().map(|it| asks(it.as_ref(), &before)));
        all.extend(manifests.notebooks.iter().map(|it| asks(it.as_ref(), &before)));
        all.retain(|(_, asked, _)| asked.newest().is_some());
        let is_new = |(subject, asked, handled): &(ManifestRef, Asked, Option<String>)| {
            asked.newest() != handled.as_ref() && before.get(subject) != Some(asked)
        };
        if all.iter().any(is_new) {
            for (account_name, account) in accounts {
                if let Err(fault) = self.read_whole(name, account).await {
                    tracing::warn!(tenant = %name, account = %account_name, %fault, "not read afresh");
                    return;
                }
            }
        }
        let asked: BTreeMap<_, _> = all.into_iter().map(|(subject, asked, _)| (subject, asked)).collect();
        if !(asked.is_empty() && before.is_empty()) {
            self.memory.lock().entry(name.clone()).or_default().asked = asked;
        }
    }

    /// What the status of a manifest echoes, where its asking was answered by this process.
    pub(super) fn echo(&self, tenant: &TenantName, subject: &ManifestRef) -> Option<String> {
        self.memory.lock().get(tenant)?.asked.get(subject)?.newest().cloned()
    }

    async fn read_whole(&self, tenant: &TenantName, account: &Account<AnyCloud>) -> Result<(), Fault> {
        // The reading shows others' drift as well, and no later one will call it new.
        let mut moved = self.sweep(account).await?;
        let lists = account.inventory.lock().max_compute.to_list();
        moved.extend(read_max_compute(account, lists).await.0);
        let hidden = account.inventory.lock().max_compute_of(tenant);
        moved.extend(read_max_compute(account, hidden).await.0);
        let others = moved.into_iter().filter(|it| it != tenant);
        self.world.wakes().add(others.map(Wake::Tenant));
        let objects = account.inventory.lock().of_tenant(tenant);
        let workspaces = objects.iter().filter(|object| object.kind == ObjectKind::Workspace);
        let regions: BTreeSet<&str> = workspaces.map(|object| region_of_workspace(&object.name).0).collect();
        for region in regions {
            account.learn(&Read::Workspace(WorkspaceRead::Region(region.to_owned()))).await?;
        }
        for object in objects {
            let reads = match object.kind {
                ObjectKind::Policy | ObjectKind::Role => vec![Read::Object(object.clone())],
                ObjectKind::User
                | ObjectKind::Group
                | ObjectKind::Notebook
                | ObjectKind::MaxCompute
                | ObjectKind::Workspace => account.inventory.lock().hidden_parts(&object),
            };
            for read in reads {
                account.learn(&read).await?;
            }
        }
        Ok(())
    }
}

/// Which manifest it is, what it asks for, and what its status echoes.
fn asks<K>(object: &K, before: &BTreeMap<ManifestRef, Asked>) -> (ManifestRef, Asked, Option<String>)
where
    K: Watched + kube::core::object::HasStatus<Status: ObservedStatus>,
{
    let subject = manifest_ref(K::KIND, object);
    let handled = object.status().and_then(ObservedStatus::last_handled_reconcile_at).map(str::to_owned);
    let asked = before.get(&subject).cloned().unwrap_or_default().next(object.annotations(), handled.as_deref());
    (subject, asked, handled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(ours: Option<&str>, flux: Option<&str>) -> BTreeMap<String, String> {
        let pairs = KEYS.into_iter().zip([ours, flux]);
        pairs.filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect()
    }

    #[test]
    fn the_value_that_came_last_is_answered_whichever_annotation_it_is_in() {
        let first = Asked::default().next(&annotated(None, Some("f1")), None);
        assert_eq!(first.newest().map(String::as_str), Some("f1"));
        let second = first.next(&annotated(Some("r1"), Some("f1")), Some("f1"));
        assert_eq!(second.newest().map(String::as_str), Some("r1"));
        assert_eq!(second.next(&annotated(Some("r1"), Some("f1")), Some("r1")), second);
        let third = second.next(&annotated(Some("r1"), Some("f2")), Some("r1"));
        assert_eq!(third.newest().map(String::as_str), Some("f2"));
    }

    #[test]
    fn after_a_start_what_was_answered_is_not_asked_again() {
        let restarted = Asked::default().next(&annotated(Some("r1"), Some("f1")), Some("r1"));
        assert_eq!(restarted.newest().map(String::as_str), Some("r1"));
        assert_eq!(restarted.next(&annotated(None, None), Some("r1")).newest(), None);
    }
}
