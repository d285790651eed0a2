//! One pass over one tenant, from manifests to statuses: the whole program in one function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::object::HasStatus;

use super::accounts::backoff;
use super::notebooks::set_going;
use super::settle::{Settled, Stage, settle};
use super::{Memory, Operator};
use crate::api::{ObservedStatus, Reason};
use crate::apply::{Account, Gate};
use crate::cloud::AnyCloud;
use crate::cluster::{Snapshot, Watched};
use crate::desired::{Context, Manifests, compile, manifest_ref};
use crate::model::{Class, ClusterState, Fault, Inventory, Life, Wanted};
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};
use crate::plan::Outcome;
use crate::status::{
    AccountView, Report, Verdict, notebook_status, notebook_words, role_status, tenant_status, user_status,
};

/// Even where nothing wakes it, a tenant is compared this often.
const AT_LEAST_EVERY: Duration = Duration::from_secs(600);

/// The accounts that a pass works in.
pub(super) type Reached = BTreeMap<AccountName, Arc<Account<AnyCloud>>>;

/// What comes after a pass.
pub(super) struct Next {
    /// When the tenant is due again.
    pub(super) again: Option<Duration>,
    /// Accounts to look at: one that is being deleted may have become free.
    pub(super) accounts: Vec<AccountName>,
    /// Whether anything failed.
    pub(super) failed: bool,
}

impl Operator {
    /// Compares what the manifests of `name` ask for with what is, puts it right and says so.
    pub(super) async fn pass(&self, name: &TenantName, out_of_date: &AtomicBool) -> Next {
        self.world.watch_secrets(&self.world.namespaces_of_users());
        self.world.forget_missing_workloads();
        let snapshot = self.world.snapshot(name);
        let soon = Next { again: Some(Duration::from_secs(1)), accounts: Vec::new(), failed: false };
        if !snapshot.ready || !self.leadership.is_current() {
            return soon;
        }
        let manifests = manifests_of(&snapshot);
        if self.waits_for_a_first_look(&snapshot) {
            return soon;
        }
        if let Err(fault) = self.hold(&manifests).await {
            tracing::warn!(tenant = %name, %fault, "finalizer not added");
            return soon;
        }
        let facts = self.accounts.facts(&snapshot.accounts);
        let context = Context {
            cluster: self.settings.cluster.clone(),
            accounts: facts,
            operator_namespace: self.settings.namespace.clone(),
            operator_account: self.settings.service_account.clone(),
            issuer: self.settings.issuer.clone(),
            now: Timestamp::now(),
        };
        let mut wanted = compile(name, &manifests, &context);
        wanted.settled = self.is_settled(name, &wanted);
        self.ripen(&mut wanted);
        let (accounts, twins) = self.accounts_of(name, &wanted, &context, &snapshot.cluster);
        stand_in(&mut wanted, &twins);
        self.read_afresh(name, &manifests, &accounts).await;
        let state = || {
            let mut state = self.world.snapshot(name).cluster;
            for secret in state.secrets.values_mut() {
                if let Some(twin) = twins.get(&AccountName::new(&secret.account)) {
                    secret.account = twin.to_string();
                }
            }
            state
        };
        let gate = || match (self.leadership.is_current(), out_of_date.load(Ordering::Acquire)) {
            (false, _) => Gate::NotLeader,
            (true, true) => Gate::OutOfDate,
            (true, false) => Gate::Open,
        };
        let settled = settle(&Stage {
            wanted: &wanted,
            accounts: &accounts,
            cluster: &self.cluster,
            state: &state,
            proof: self.settings.proof,
            gate: &gate,
            now: &Timestamp::now,
        })
        .await;
        if !self.leadership.is_current() {
            return soon;
        }
        let failures = self.count_failures(name, &settled);
        self.tell(&manifests, &wanted, &settled, &accounts, &context, failures).await;
        let released = self.release(&manifests, &wanted, &settled, &accounts, &context).await;
        let again = again(&wanted, &settled, failures, released, gate() == Gate::OutOfDate);
        let mut look_at = self.note_orphans(&wanted, &settled, &accounts).await;
        look_at.extend(set_going(&settled));
        let freed = snapshot.accounts.iter().filter(|(_, it)| it.metadata.deletion_timestamp.is_some());
        look_at.extend(freed.map(|(name, _)| name.clone()));
        Next { again, accounts: look_at.into_iter().collect(), failed: failures > 0 }
    }

    /// Whether statuses may be believed still: not once anything of the tenant was new in the life of this process.
    fn is_settled(&self, name: &TenantName, wanted: &Wanted) -> bool {
        let named = wanted.conduct.iter().filter(|(_, conduct)| conduct.named);
        let news = !wanted.settled || named.into_iter().any(|(account, _)| self.accounts.entry(account).restated);
        let mut memory = self.memory.lock();
        let memory = memory.entry(name.clone()).or_default();
        memory.unsettled |= news;
        !memory.unsettled
    }

    /// After a start, statuses stay what they are until the accounts were looked at; that wakes the tenants.
    fn waits_for_a_first_look(&self, snapshot: &Snapshot) -> bool {
        let named =
            snapshot.tenant.iter().flat_map(|tenant| &tenant.spec.accounts).map(|it| AccountName::new(&it.name));
        let mut known = named.filter(|name| snapshot.accounts.contains_key(name));
        known.any(|name| !self.accounts.was_looked_at(&name))
    }

    /// Puts our finalizer on every manifest that counts, before anything is made for it.
    async fn hold(&self, manifests: &Manifests) -> Result<(), Fault> {
        let Some(tenant) = &manifests.tenant else { return Ok(()) };
        if tenant.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        self.finalizers.add(tenant.as_ref()).await?;
        let counts = |namespace: Option<String>, deleting: bool| {
            !deleting && tenant.may_be_named_from(&namespace.unwrap_or_default())
        };
        for role in manifests.roles.iter().filter(|it| counts(it.namespace(), it.metadata.deletion_timestamp.is_some()))
        {
            self.finalizers.add(role.as_ref()).await?;
        }
        for user in manifests.users.iter().filter(|it| counts(it.namespace(), it.metadata.deletion_timestamp.is_some()))
        {
            self.finalizers.add(user.as_ref()).await?;
        }
        let notebooks = manifests.notebooks.iter();
        for notebook in notebooks.filter(|it| counts(it.namespace(), it.metadata.deletion_timestamp.is_some())) {
            self.finalizers.add(notebook.as_ref()).await?;
        }
        Ok(())
    }

    /// The accounts of a pass: those that are wanted in, those that hold anything of the tenant, and those whose keys are in
    /// its Secrets. Of several CloudAccounts that are one account, one is enough to see what is there; it stands for its
    /// twins, by their names, in whose Secrets keys may be.
    fn accounts_of(
        &self,
        name: &TenantName,
        wanted: &Wanted,
        context: &Context,
        state: &ClusterState,
    ) -> (Reached, BTreeMap<AccountName, AccountName>) {
        let in_secrets: BTreeSet<&str> = state.secrets.values().map(|secret| secret.account.as_str()).collect();
        let (first, rest): (Vec<_>, Vec<_>) = self
            .accounts
            .ready()
            .into_iter()
            .filter(|(account, _)| !wanted.abandons(account))
            .partition(|(account, _)| wanted.accounts.contains_key(account));
        // What is wanted in an account that cannot be reached is not known: a twin that can be reached would take all of it
        // for unwanted.
        let lost = lost(wanted, context);
        let mut chosen: BTreeMap<usize, (AccountName, Arc<Account<AnyCloud>>)> = BTreeMap::new();
        let mut accounts = Reached::new();
        let mut twins = BTreeMap::new();
        for (each, account) in first.into_iter().chain(rest) {
            let inventory = Arc::as_ptr(&account.inventory) as usize;
            let may_be_lost = |id: &str| lost.iter().any(|known| known.as_deref().is_none_or(|known| known == id));
            if !wanted.accounts.contains_key(&each) && may_be_lost(&account.inventory.lock().account) {
                continue;
            }
            let (stands, account) = chosen.entry(inventory).or_insert_with(|| (each.clone(), account)).clone();
            if wanted.accounts.contains_key(&each)
                || wanted.notebook_regions.contains_key(&each)
                || in_secrets.contains(each.as_str())
                || wanted.conduct.get(&each).is_some_and(|conduct| !conduct.max_compute.places.is_empty())
                || wanted.conduct.get(&each).is_some_and(|conduct| conduct.workspace_in.is_some())
                || !account.inventory.lock().of_tenant(name).is_empty()
            {
                accounts.insert(stands.clone(), account);
            }
            if stands != each {
                twins.insert(each, stands);
            }
        }
        (accounts, twins)
    }

    fn count_failures(&self, name: &TenantName, settled: &Settled) -> u32 {
        let failed = !settled.unread.is_empty()
            || settled
                .done
                .iter()
                .any(|(_, outcome)| matches!(outcome, Outcome::Failed(fault) if fault.class == Class::Transient));
        let mut memory = self.memory.lock();
        let memory: &mut Memory = memory.entry(name.clone()).or_default();
        memory.failures = if failed { memory.failures + 1 } else { 0 };
        memory.failures
    }

    /// Writes what became of everything into the statuses, and tells of it in events.
    async fn tell(
        &self,
        manifests: &Manifests,
        wanted: &Wanted,
        settled: &Settled,
        accounts: &Reached,
        context: &Context,
        failures: u32,
    ) {
        let inventories: BTreeMap<AccountName, Inventory> = accounts
            .iter()
            .map(|(name, account)| (name.clone(), account.inventory.lock().part_of(&wanted.tenant)))
            .collect();
        let view = |(name, facts): (&AccountName, &crate::desired::AccountFacts)| {
            let inventory = inventories.get(name);
            (name.clone(), (inventory, facts.id.clone()))
        };
        let views: BTreeMap<AccountName, (Option<&Inventory>, Option<String>)> =
            context.accounts.iter().map(view).collect();
        let report = Report {
            wanted,
            done: &settled.done,
            left: &settled.left,
            unread: &settled.unread,
            accounts: views
                .iter()
                .map(|(name, (inventory, id))| (name.clone(), AccountView { inventory: *inventory, id: id.as_deref() }))
                .collect(),
            failures,
            still: still(manifests, context.now),
        };
        let now = context.now;
        let mut troubled: Vec<(ManifestRef, Verdict)> = Vec::new();
        for role in &manifests.roles {
            let subject = manifest_ref(ManifestKind::TenantRole, role.as_ref());
            let verdict = report.verdict(&subject, "the role's policies are as it says");
            let status = role_status(&report, role, manifests, &verdict, now);
            self.write(role.as_ref(), status, &subject, &verdict, settled).await;
            troubled.push((subject, verdict));
        }
        for user in &manifests.users {
            let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
            let verdict = report.verdict(&subject, "the user is as it says in every account");
            let status = user_status(&report, user, &verdict, now);
            self.write(user.as_ref(), status, &subject, &verdict, settled).await;
            troubled.push((subject, verdict));
        }
        for notebook in &manifests.notebooks {
            let subject = manifest_ref(ManifestKind::TenantNotebook, notebook.as_ref());
            let verdict = report.verdict(&subject, &notebook_words(&report, &subject));
            let status = notebook_status(&report, notebook, &verdict, now);
            self.write(notebook.as_ref(), status, &subject, &verdict, settled).await;
            troubled.push((subject, verdict));
        }
        if let Some(tenant) = &manifests.tenant {
            troubled.retain(|(_, verdict)| matches!(verdict, Verdict::Stalled(..) | Verdict::Unknown(..)));
            let subject = wanted.tenant_ref();
            let verdict = report.verdict(&subject, "");
            let status = tenant_status(&report, tenant, manifests, &troubled, now);
            self.write(tenant.as_ref(), status, &subject, &verdict, settled).await;
        }
    }

    async fn write<K: Watched + HasStatus<Status: ObservedStatus>>(
        &self,
        object: &K,
        mut status: <K as HasStatus>::Status,
        subject: &ManifestRef,
        verdict: &Verdict,
        settled: &Settled,
    ) {
        if let Some(echo) = self.echo(&settled.left.tenant, subject) {
            status.set_last_handled_reconcile_at(Some(echo));
        }
        if let Err(fault) = self.status.write(object, &status).await {
            tracing::warn!(%subject, %fault, "status not written");
        }
        self.announce(object, subject, verdict, settled).await;
    }
}

/// An account that stands for its twins is asked for what may be in them; in a tenant that wants nothing in it, it is handled
/// as the most careful of them says.
fn stand_in(wanted: &mut Wanted, twins: &BTreeMap<AccountName, AccountName>) {
    for (twin, stands) in twins {
        let regions = wanted.notebook_regions.remove(twin).unwrap_or_default();
        wanted.notebook_regions.entry(stands.clone()).or_default().extend(regions);
    }
    for (twin, stands) in twins.iter().filter(|(_, stands)| !wanted.accounts.contains_key(*stands)) {
        let of_twin = wanted.conduct.get(twin).cloned().unwrap_or_default();
        let conduct = wanted.conduct.entry(stands.clone()).or_default();
        conduct.observe |= of_twin.observe;
        conduct.report_extras |= of_twin.report_extras;
        conduct.prune_orphans &= of_twin.prune_orphans;
    }
}

/// The manifests in a snapshot, as a compilation takes them.
#[must_use]
pub fn manifests_of(snapshot: &Snapshot) -> Manifests {
    Manifests {
        tenant: snapshot.tenant.clone(),
        roles: snapshot.roles.clone(),
        users: snapshot.users.clone(),
        notebooks: snapshot.notebooks.clone(),
    }
}

/// Who does nothing for now although all is as it should be, and why.
fn still(manifests: &Manifests, now: Timestamp) -> BTreeMap<ManifestRef, Reason> {
    let suspended = manifests.tenant.as_ref().is_some_and(|it| it.spec.suspended);
    let mut still = BTreeMap::new();
    if let Some(tenant) = manifests.tenant.as_ref().filter(|_| suspended) {
        still.insert(manifest_ref(ManifestKind::Tenant, tenant.as_ref()), Reason::Suspended);
    }
    for user in &manifests.users {
        let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
        if suspended || user.spec.suspended {
            still.insert(subject, Reason::Suspended);
        } else if user.spec.expires_at.as_ref().is_some_and(|time| time.0 <= now) {
            still.insert(subject, Reason::Expired);
        }
    }
    for notebook in &manifests.notebooks {
        let user = manifests.users.iter().find(|user| user.name_any() == notebook.spec.user);
        let reason = user.and_then(|user| still.get(&manifest_ref(ManifestKind::TenantUser, user.as_ref())).copied());
        if let Some(reason) = reason {
            still.insert(manifest_ref(ManifestKind::TenantNotebook, notebook.as_ref()), reason);
        }
    }
    still
}

/// The ids, as far as they are known, of the accounts that a living Tenant names and that cannot be reached now.
fn lost(wanted: &Wanted, context: &Context) -> Vec<Option<String>> {
    if wanted.life != Life::Alive {
        return Vec::new();
    }
    let named = wanted.conduct.iter().filter(|(_, conduct)| conduct.named && !conduct.abandoned);
    let facts = named.filter_map(|(name, _)| context.accounts.get(name)).filter(|facts| facts.id.is_none());
    let id = |facts: &crate::desired::AccountFacts| {
        let told = facts.manifest.status.as_ref().and_then(|status| status.account_id.clone());
        facts.manifest.spec.account_id.clone().or(told)
    };
    facts.map(id).collect()
}

/// When the tenant is due again: what failed decides, by its class.
fn again(wanted: &Wanted, settled: &Settled, failures: u32, released: bool, out_of_date: bool) -> Option<Duration> {
    if out_of_date {
        return Some(Duration::ZERO);
    }
    let mut due = AT_LEAST_EVERY;
    for (_, outcome) in &settled.done {
        if let Outcome::Failed(fault) = outcome {
            due = due.min(match fault.class {
                Class::Waiting | Class::AccountNotReady | Class::TenantNotFound => Duration::from_secs(15),
                Class::AccessDenied => Duration::from_secs(300),
                Class::NotOwned | Class::QuotaExceeded | Class::LimitExceeded | Class::Failed => {
                    Duration::from_secs(600)
                }
                Class::Throttled => Duration::from_secs(1),
                Class::Transient => backoff(failures),
                Class::Invalid | Class::NotAllowed => AT_LEAST_EVERY,
            });
        }
    }
    if !settled.unread.is_empty() {
        due = due.min(backoff(failures));
    }
    if settled.left.refusals.iter().any(|refusal| refusal.class == Class::Waiting) {
        due = due.min(Duration::from_secs(15));
    }
    let untried =
        settled.left.steps.iter().any(|step| !settled.done.iter().any(|(done, _)| done.action == step.action));
    if untried {
        due = due.min(Duration::from_secs(1));
    }
    if !released && wanted.manifests.values().any(|life| life.deleting) {
        due = due.min(Duration::from_secs(5));
    }
    for change in wanted.next_change.into_iter().chain(settled.left.due) {
        let wait = Timestamp::now().until(change).ok().and_then(|span| Duration::try_from(span).ok());
        due = due.min(wait.unwrap_or_default() + Duration::from_millis(10));
    }
    let waits = !wanted.manifests.is_empty() || !settled.left.reads.is_empty();
    (wanted.life != Life::Absent || waits).then_some(due)
}
