//! The end of manifests that are being deleted: our finalizer comes off when nothing of theirs is left anywhere.

use kube::ResourceExt;

use super::Operator;
use super::max_compute::is_unclear;
use super::pass::Reached;
use super::settle::Settled;
use crate::apply::Account;
use crate::cloud::AnyCloud;
use crate::cluster::Watched;
use crate::desired::{AccountFacts, Context, Manifests, manifest_ref, notebook_region};
use crate::model::{Inventory, Life, ObjectId, ObjectKind, Read, SecretSeen, Wanted};
use crate::names::{AccountName, ManifestKind, ManifestRef, Mark, TAG_TENANT};

impl Operator {
    /// Takes our finalizer off what is being deleted and has nothing left. Returns whether all that could go is gone.
    pub(super) async fn release(
        &self,
        manifests: &Manifests,
        wanted: &Wanted,
        settled: &Settled,
        accounts: &Reached,
        context: &Context,
    ) -> bool {
        if !wanted.manifests.values().any(|life| life.deleting) {
            return true;
        }
        let mut all = true;
        let listed = manifests.tenant.iter().flat_map(|it| &it.spec.accounts).map(|it| &it.name);
        let told = manifests.tenant.iter().filter_map(|it| it.status.as_ref()).flat_map(|status| &status.accounts);
        let named_by_tenant: Vec<AccountName> = listed.chain(told.map(|it| &it.name)).map(AccountName::new).collect();
        // What is given up is not waited for, and what is only observed stays as it is, marks and all.
        let is_cleaned = |name: &AccountName| !wanted.abandons(name) && !wanted.observes(name);
        let unread =
            |name: &AccountName| is_cleaned(name) && context.accounts.get(name).is_some_and(AccountFacts::is_unread);
        let cleaned: Vec<_> = accounts.iter().filter(|(name, _)| is_cleaned(name)).collect();
        let unclear = is_unclear(&settled.left, wanted, accounts);
        let free = |subject: &ManifestRef, named: &[AccountName]| {
            let unreadable = named.iter().any(unread);
            let left = settled.left.steps.iter().any(|step| step.subject == *subject);
            let took_over = wanted.manifests.get(subject).is_some_and(|life| life.adopt);
            let has_its =
                |account: &Account<AnyCloud>| account.inventory.lock().has_owned_by(&wanted.tenant, subject, took_over);
            let marked = cleaned.iter().any(|(_, account)| has_its(account));
            !unreadable && !left && !marked && !unclear && !settled.left.stuck.contains(subject)
        };
        let state = self.world.snapshot(&wanted.tenant).cluster;
        for user in manifests.users.iter().filter(|it| it.metadata.deletion_timestamp.is_some()) {
            let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
            let told = user.status.iter().flat_map(|it| &it.accounts).map(|it| AccountName::new(&it.name));
            let named = match &user.spec.accounts {
                Some(named) => told.chain(named.iter().map(AccountName::new)).collect::<Vec<_>>(),
                None => told.chain(named_by_tenant.clone()).collect(),
            };
            // A Secret that is to stay must have been seen, and let go, before its owner is gone.
            let namespace = user.namespace().unwrap_or_default();
            let kept = wanted.keeps_secrets() || named.iter().any(|name| wanted.observes(name));
            let secrets_seen = !kept
                || state.secrets_known.contains(&namespace)
                || state.namespaces.get(&namespace).is_none_or(|seen| seen.terminating);
            all &= self.let_go(user.as_ref(), secrets_seen && free(&subject, &named)).await;
        }
        for role in manifests.roles.iter().filter(|it| it.metadata.deletion_timestamp.is_some()) {
            let subject = manifest_ref(ManifestKind::TenantRole, role.as_ref());
            let told = role.status.iter().flat_map(|it| &it.accounts).map(|it| AccountName::new(&it.name));
            let named: Vec<AccountName> = told.chain(named_by_tenant.clone()).collect();
            all &= self.let_go(role.as_ref(), free(&subject, &named)).await;
        }
        for notebook in manifests.notebooks.iter().filter(|it| it.metadata.deletion_timestamp.is_some()) {
            let subject = manifest_ref(ManifestKind::TenantNotebook, notebook.as_ref());
            let account = AccountName::new(&notebook.spec.account);
            let made = notebook.status.as_ref().is_some_and(|status| status.instance.is_some());
            // Where nobody could look, it may be there.
            let unseen = made
                && is_cleaned(&account)
                && context.accounts.get(&account).is_some_and(|facts| {
                    let region = notebook_region(notebook, &facts.manifest);
                    // Another CloudAccount may stand for this one.
                    let knows = |inventory: &Inventory| {
                        facts.id.as_deref() == Some(inventory.account.as_str()) && inventory.knows_notebooks(&region)
                    };
                    !accounts.values().any(|it| knows(&it.inventory.lock()))
                });
            all &= self.let_go(notebook.as_ref(), !unseen && free(&subject, &[account])).await;
        }
        if let Some(tenant) = manifests.tenant.as_ref().filter(|_| wanted.life == Life::Deleting) {
            let snapshot = self.world.snapshot(&wanted.tenant);
            let own = |namespace: Option<String>| tenant.namespace_names().contains(&namespace.unwrap_or_default());
            let inside = snapshot.users.iter().filter(|it| own(it.namespace())).count()
                + snapshot.roles.iter().filter(|it| own(it.namespace())).count()
                + snapshot.notebooks.iter().filter(|it| own(it.namespace())).count();
            let ours = snapshot
                .cluster
                .namespaces
                .values()
                .filter(|seen| seen.labels.get(TAG_TENANT).map(String::as_str) == Some(wanted.tenant.as_str()));
            let took_over = |mark: &Mark| wanted.owner(&mark.owner).is_some_and(|(_, life)| life.adopt);
            let marked = cleaned.iter().any(|(name, account)| {
                let inventory = account.inventory.lock();
                let is_left = |object: &ObjectId| {
                    object.kind == ObjectKind::Workspace && !wanted.knows_workspace(name, &inventory, &object.name)
                };
                inventory.holds_up(&wanted.tenant, took_over, is_left)
            });
            let unreadable = named_by_tenant.iter().any(unread);
            let is_kept =
                |seen: &SecretSeen| seen.owner_uid.is_empty() && wanted.observes(&AccountName::new(&seen.account));
            let looked = !settled.left.reads.values().flatten().any(|read| matches!(read, Read::Workspace(_)));
            let nothing_left = !unclear
                && looked
                && settled.left.steps.is_empty()
                && settled.left.stuck.is_empty()
                && snapshot.cluster.objects.is_empty()
                && snapshot.cluster.secrets.values().all(is_kept);
            let free = inside == 0 && ours.count() == 0 && !marked && !unreadable && nothing_left;
            all &= self.let_go(tenant.as_ref(), free).await;
        }
        all
    }

    async fn let_go<K: Watched>(&self, object: &K, free: bool) -> bool {
        if !free {
            return false;
        }
        match self.finalizers.remove(object).await {
            Ok(()) => true,
            Err(fault) => {
                tracing::warn!(%fault, "finalizer not removed");
                false
            }
        }
    }
}
