//! Statuses in the simulation: what no list shows, and what a mark alone does not prove, is found by them.

use super::*;
use crate::api::RoleAccountStatus;
use crate::desired::manifest_ref;
use crate::names::ManifestKind;
use crate::status::{AccountView, Report, role_status, tenant_status};

/// An edit leaves the statuses as they are.
pub(super) fn keep_statuses(before: &Manifests, after: &mut Manifests) {
    if let (Some(before), Some(after)) = (&before.tenant, &mut after.tenant) {
        Arc::make_mut(after).status.clone_from(&before.status);
    }
    for role in &mut after.roles {
        if let Some(before) = before.roles.iter().find(|it| it.name_any() == role.name_any()) {
            Arc::make_mut(role).status.clone_from(&before.status);
        }
    }
}

impl Simulation {
    /// Passes until nothing is left, each of which ends with what its statuses say of MaxCompute, unless the operator dies
    /// before.
    pub(super) async fn converge_telling(&mut self, manifests: &mut Manifests) {
        for _ in 0..24 {
            let settled = self.pass(manifests).await;
            let travelling = self.arrive().await;
            if self.cloud.crashed() || self.cluster.crashed() {
                self.start().await;
                continue;
            }
            self.tell(manifests, &settled);
            let surprised = settled.done.iter().any(|(_, outcome)| *outcome != Outcome::Done);
            if settled.left.steps.is_empty() && settled.left.reads.is_empty() && !surprised && !travelling {
                return;
            }
        }
        panic!("did not converge: {:#?}", self.pass(manifests).await.left);
    }

    /// What statuses are made of after a pass.
    pub(super) fn report<T>(&self, manifests: &Manifests, settled: &Settled, look: impl FnOnce(&Report<'_>) -> T) -> T {
        let tenant = TenantName::new("acme");
        let context = self.context();
        let wanted = compile(&tenant, manifests, &context);
        let inventory = self.inventory.lock().part_of(&tenant);
        let view = AccountView { inventory: Some(&inventory), id: Some(ACCOUNT) };
        look(&Report {
            wanted: &wanted,
            done: &settled.done,
            left: &settled.left,
            unread: &settled.unread,
            accounts: BTreeMap::from([(AccountName::new("aws"), view)]),
            failures: 0,
            still: BTreeMap::new(),
        })
    }

    /// Writes the statuses that what is in MaxCompute and PAI is found by.
    pub(super) fn tell(&self, manifests: &mut Manifests, settled: &Settled) {
        let now = self.now();
        let (statuses, of_tenant) = self.report(manifests, settled, |report| {
            let statuses = manifests.roles.iter().map(|role| {
                let verdict = report.verdict(&manifest_ref(ManifestKind::TenantRole, role.as_ref()), "");
                role_status(report, role, manifests, &verdict, now)
            });
            let of_tenant = manifests.tenant.as_ref().map(|tenant| tenant_status(report, tenant, manifests, &[], now));
            (statuses.collect::<Vec<_>>(), of_tenant)
        });
        // Only these: what else statuses say is believed after a start, and here a start believes nothing.
        for (role, status) in manifests.roles.iter_mut().zip(statuses) {
            let accounts = status.accounts.into_iter();
            let accounts = accounts.map(|it| RoleAccountStatus {
                name: it.name,
                max_compute: it.max_compute,
                ..Default::default()
            });
            Arc::make_mut(role).status.get_or_insert_default().accounts = accounts.collect();
        }
        if let (Some(tenant), Some(status)) = (&mut manifests.tenant, of_tenant) {
            Arc::make_mut(tenant).status.get_or_insert_default().accounts = status.accounts;
        }
    }
}
