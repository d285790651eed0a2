//! How each account is handled: what its CloudAccount says of it, and which accounts the Tenant gives up.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use super::users::everything;
use super::{Compiler, Context, Manifests, max_compute};
use crate::api::{Extras, Management, Tenant, annotations};
use crate::model::{Class, Conduct, Provider};
use crate::names::{AccountName, CloudName, TenantName};

/// Of every known CloudAccount, the tenant's or not: what was made in one that it is no longer in must be handled too.
pub(super) fn conduct(manifests: &Manifests, context: &Context) -> BTreeMap<AccountName, Conduct> {
    let tenant = manifests.tenant.as_deref();
    let known = context.accounts.iter().map(|(name, facts)| {
        let spec = &facts.manifest.spec;
        let conduct = Conduct {
            observe: spec.management == Management::Observe,
            report_extras: spec.extras == Extras::Report,
            prune_orphans: spec.prune_orphans,
            ..Conduct::default()
        };
        (name.clone(), conduct)
    });
    let mut all: BTreeMap<AccountName, Conduct> = known.collect();
    // An account may be gone without its CloudAccount.
    for name in tenant.map(given_up).unwrap_or_default() {
        all.entry(name).or_default();
    }
    for (name, conduct) in &mut all {
        let mut listed = tenant.iter().flat_map(|tenant| &tenant.spec.accounts);
        conduct.named = listed.any(|account| account.name == name.as_str());
        conduct.suspension = context
            .accounts
            .get(name)
            .filter(|_| tenant.is_some_and(|tenant| tenant.spec.suspended))
            .map(|facts| facts.document(vec![everything()]));
        conduct.workspace_in = workspace_in(tenant, context, name);
        conduct.workspace_name = workspace_name(tenant, context, name);
        conduct.workspace_id = workspace_id(tenant, name);
        conduct.abandoned = is_given_up(tenant, context, name);
        conduct.max_compute = max_compute::told(manifests, name);
    }
    all
}

/// The region in which the Tenant may have a PAI workspace: it asks for one, or its status tells of one. One that goes
/// waits for what it was told of, not for what it never got.
fn workspace_in(tenant: Option<&Tenant>, context: &Context, name: &AccountName) -> Option<String> {
    let facts = context.accounts.get(name).filter(|facts| facts.provider() == Provider::Alibaba)?;
    let lives = tenant?.metadata.deletion_timestamp.is_none();
    let asks = lives && tenant?.spec.accounts.iter().any(|it| it.name == name.as_str() && it.workspace.is_some());
    (asks || workspace_id(tenant, name).is_some()).then(|| facts.region().to_owned())
}

fn workspace_id(tenant: Option<&Tenant>, name: &AccountName) -> Option<String> {
    tenant?.status.as_ref()?.accounts.iter().find(|it| it.name == name.as_str())?.workspace_id.clone()
}

/// How the workspace is called that the spec asks for, also while the Tenant is being deleted.
fn workspace_name(tenant: Option<&Tenant>, context: &Context, name: &AccountName) -> Option<CloudName> {
    let facts = context.accounts.get(name).filter(|facts| facts.provider() == Provider::Alibaba)?;
    let asked = tenant?.spec.accounts.iter().find(|it| it.name == name.as_str())?.workspace.as_ref()?;
    let naming = facts.naming(&context.cluster, &TenantName::new(tenant?.name_any()));
    Some(naming.workspace(facts.region(), &asked.name))
}

/// Whether nobody can read the account, and the Tenant or the CloudAccount itself says that it is closed.
fn is_given_up(tenant: Option<&Tenant>, context: &Context, name: &AccountName) -> bool {
    let by_account = context.accounts.get(name).is_some_and(|facts| given_up(facts.manifest.as_ref()).contains(name));
    is_lost(context, name) && (by_account || tenant.is_some_and(|tenant| given_up(tenant).contains(name)))
}

/// The accounts that a manifest's annotation `tenantry.dev/abandon` names; several are separated by commas.
#[must_use]
pub fn given_up<K: ResourceExt>(manifest: &K) -> BTreeSet<AccountName> {
    let value = manifest.annotations().get(annotations::ABANDON);
    let names = value.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    names.map(AccountName::new).collect()
}

/// Whether an account can be given up: only one that nobody can read. Giving up deletes Secrets and leaves users with
/// working keys behind, so the annotation alone, on an account that could be cleaned, is not enough.
fn is_lost(context: &Context, name: &AccountName) -> bool {
    context.accounts.get(name).is_none_or(|facts| facts.unreadable)
}

impl Compiler<'_> {
    /// Whether the Tenant gives an account up. Nothing is said about what should be in it.
    pub(super) fn gives_up(&self, name: &AccountName) -> bool {
        is_given_up(Some(self.tenant), self.context, name)
    }

    pub(super) fn check_abandoned(&mut self) {
        let is_read = |name: &AccountName| self.context.accounts.get(name).is_some_and(|facts| facts.trouble.is_none());
        let read: Vec<AccountName> = given_up(self.tenant).into_iter().filter(is_read).collect();
        for name in read.into_iter().filter(|name| !is_lost(self.context, name)) {
            let message = format!(
                "the annotation {} names CloudAccount {name}, which can be read: nothing was given up. Take the account out of spec.accounts, and it is cleaned, or remove the annotation.",
                annotations::ABANDON
            );
            let tenant = self.tenant_ref.clone();
            self.refuse(&tenant, Some(&name), Class::Invalid, message);
        }
    }
}
