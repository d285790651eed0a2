//! How long each orphan has been one, and which of them may go: the brakes of `pruneOrphans`. Kept in memory on purpose:
//! a process that starts again starts all clocks again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Operator;
use super::pass::Reached;
use super::settle::Settled;
use crate::cluster::Tone;
use crate::model::{CloudAction, Inventory, ObjectId, ObjectKind, Ripe, Wanted, WorkspaceAction};
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};
use crate::plan::{Action, Orphan, Outcome};

/// How many objects go in one account within [`DAY`].
const A_DAY: usize = 10;
/// No pass takes longer.
const ONE_PASS: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Since when every look showed it as an orphan.
    since: Instant,
    /// Since when every look showed that none of its keys works; objects without keys have none that does.
    quiet: Option<Instant>,
}

/// What is known of orphans.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    known: Mutex<BTreeMap<TenantName, BTreeMap<Orphan, Clock>>>,
    /// When objects went, by account id.
    gone: Mutex<BTreeMap<String, Vec<Instant>>>,
    /// Which tenant's pass prunes in an account now, by the account's id: the room of a day is given to one at a time.
    pruning: Mutex<BTreeMap<String, (TenantName, Instant)>>,
}

impl Orphans {
    /// Takes in what one pass over a tenant found; an orphan that it did not find starts anew when it comes back. Returns
    /// the accounts in which others are orphans than before.
    fn note(
        &self,
        tenant: &TenantName,
        found: &[Orphan],
        is_quiet: impl Fn(&Orphan) -> bool,
        now: Instant,
    ) -> BTreeSet<AccountName> {
        let mut known = self.known.lock();
        let before = known.remove(tenant).unwrap_or_default();
        let next: BTreeMap<Orphan, Clock> = found
            .iter()
            .map(|orphan| {
                let clock = before.get(orphan).copied().unwrap_or(Clock { since: now, quiet: None });
                let quiet = is_quiet(orphan).then(|| clock.quiet.unwrap_or(now));
                (orphan.clone(), Clock { quiet, ..clock })
            })
            .collect();
        let came = next.keys().filter(|orphan| !before.contains_key(*orphan));
        let went = before.keys().filter(|orphan| !next.contains_key(*orphan));
        let changed = came.chain(went).map(|orphan| orphan.account.clone()).collect();
        if !next.is_empty() {
            known.insert(tenant.clone(), next);
        }
        changed
    }

    /// What may be done to a tenant's orphans in one account, with `room` for so many to go.
    fn ripe(
        &self,
        tenant: &TenantName,
        account: &AccountName,
        age: Duration,
        now: Instant,
        room: usize,
    ) -> BTreeMap<ObjectId, (Ripe, String)> {
        let known = self.known.lock();
        let of_account = known.get(tenant).into_iter().flatten().filter(|(orphan, _)| orphan.account == *account);
        let old = of_account.filter(|(_, clock)| now.duration_since(clock.since) >= age);
        let mut ripe = BTreeMap::new();
        let mut going = 0;
        for (orphan, clock) in old {
            let has_keys = orphan.object.kind == ObjectKind::User;
            let may_go = !has_keys || clock.quiet.is_some_and(|quiet| now.duration_since(quiet) >= age);
            let what = if may_go && going < room {
                going += 1;
                Ripe::Remove
            } else if has_keys {
                Ripe::DisableKeys
            } else {
                continue;
            };
            ripe.insert(orphan.object.clone(), (what, orphan.owner.clone()));
        }
        ripe
    }

    fn has_any(&self, tenant: &TenantName, account: &AccountName) -> bool {
        self.known.lock().get(tenant).is_some_and(|known| known.keys().any(|orphan| orphan.account == *account))
    }

    /// How many more objects may go in an account today.
    fn room(&self, account: &str, now: Instant) -> usize {
        let mut gone = self.gone.lock();
        let gone = gone.entry(account.to_owned()).or_default();
        gone.retain(|at| now.duration_since(*at) < DAY);
        A_DAY.saturating_sub(gone.len())
    }

    /// Whether this tenant's pass may prune in an account now: no other one does. A pass that never ended holds it up for
    /// [`ONE_PASS`].
    fn begins(&self, account: &str, tenant: &TenantName, now: Instant) -> bool {
        let mut pruning = self.pruning.lock();
        let other =
            pruning.get(account).filter(|(other, since)| other != tenant && now.duration_since(*since) < ONE_PASS);
        if other.is_some() {
            return false;
        }
        pruning.insert(account.to_owned(), (tenant.clone(), now));
        true
    }

    fn ends(&self, tenant: &TenantName) {
        self.pruning.lock().retain(|_, (other, _)| other != tenant);
    }

    fn went(&self, account: &str, now: Instant) {
        self.gone.lock().entry(account.to_owned()).or_default().push(now);
    }

    /// The tenants that have orphans in an account.
    pub(super) fn tenants_in(&self, account: &AccountName) -> BTreeSet<TenantName> {
        let known = self.known.lock();
        let has = |orphans: &BTreeMap<Orphan, Clock>| orphans.keys().any(|orphan| orphan.account == *account);
        known.iter().filter(|(_, orphans)| has(orphans)).map(|(tenant, _)| tenant.clone()).collect()
    }

    /// The orphans in an account of those tenants, in words.
    fn words(&self, account: &AccountName, of: impl Fn(&TenantName) -> bool) -> Vec<String> {
        let known = self.known.lock();
        let tenants = known.iter().filter(|(tenant, _)| of(tenant));
        let all = tenants.flat_map(|(tenant, orphans)| orphans.keys().map(move |orphan| (tenant, orphan)));
        all.filter(|(_, orphan)| orphan.account == *account).map(|(tenant, orphan)| orphan.words(tenant)).collect()
    }
}

/// How many orphans a CloudAccount's condition names; the rest is counted.
const NAMED: usize = 3;

impl Operator {
    /// Says which orphans may be touched in this pass. None while a list of manifests is empty: an empty list is more
    /// often a mistake than the wish to delete everything. (A list that failed stops the whole pass.)
    pub(super) fn ripen(&self, wanted: &mut Wanted) {
        let has_any = |kind| self.world.has_any(kind);
        if !has_any(ManifestKind::Tenant) {
            return;
        }
        let (age, now) = (self.settings.orphan_age, Instant::now());
        for (account, conduct) in wanted.conduct.iter_mut().filter(|(_, conduct)| conduct.prune_orphans) {
            let Some(id) = self.accounts.entry(account).id else { continue };
            if !self.orphans.has_any(&wanted.tenant, account) || !self.orphans.begins(&id, &wanted.tenant, now) {
                continue;
            }
            let room = self.orphans.room(&id, now);
            let ripe = self.orphans.ripe(&wanted.tenant, account, age, now, room).into_iter();
            let known = ripe.filter(|(_, (_, owner))| kind_of(owner).is_some_and(has_any));
            conduct.ripe = known.map(|(object, (what, _))| (object, what)).collect();
        }
    }

    /// Notes what a pass found and what it removed, and tells of the latter. Returns the CloudAccounts whose condition is to
    /// say something else now: those with orphans of a tenant that does not exist.
    pub(super) async fn note_orphans(
        &self,
        wanted: &Wanted,
        settled: &Settled,
        accounts: &Reached,
    ) -> BTreeSet<AccountName> {
        let now = Instant::now();
        for (step, outcome) in &settled.done {
            let Action::Cloud { account, action } = &step.action else { continue };
            let ripe = wanted.conduct.get(account).and_then(|conduct| conduct.ripe.get(&action.object()));
            if ripe.is_none() || *outcome != Outcome::Done {
                continue;
            }
            let goes = matches!(
                action,
                CloudAction::DeleteUser(_)
                    | CloudAction::DeleteGroup(_)
                    | CloudAction::DeletePolicy(_)
                    | CloudAction::Workspace(WorkspaceAction::Delete(_))
            );
            if goes && let Some(id) = self.accounts.entry(account).id {
                self.orphans.went(&id, now);
            }
            tracing::warn!(tenant = %wanted.tenant, %account, step = step.words(), "an orphan is pruned");
            if let Some(manifest) = self.world.account(account) {
                let note = format!("orphan of tenant {}: {}", wanted.tenant, step.words());
                self.events.publish(manifest.as_ref(), Tone::Warning, "OrphanPruned", "Prune", &note).await;
            }
        }
        self.orphans.ends(&wanted.tenant);
        let is_quiet = |orphan: &Orphan| {
            accounts.get(&orphan.account).is_some_and(|account| is_quiet(&account.inventory.lock(), &orphan.object))
        };
        let changed = self.orphans.note(&wanted.tenant, &settled.left.orphans, is_quiet, now);
        if self.world.exists(&wanted.tenant_ref()) { BTreeSet::new() } else { changed }
    }

    /// What a CloudAccount says of orphans whose tenant does not exist; a Tenant tells of its own.
    pub(super) fn drift_of_account(&self, account: &AccountName) -> Option<String> {
        let exists = |tenant: &TenantName| {
            self.world.exists(&ManifestRef::cluster_scoped(ManifestKind::Tenant, tenant.as_str()))
        };
        let orphans = self.orphans.words(account, |tenant| !exists(tenant));
        let named = orphans.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match orphans.len() {
            0 => None,
            all @ 1..=NAMED => Some(format!("{all} objects carry our marks and no manifest wants them: {named}")),
            all => Some(format!(
                "{all} objects carry our marks and no manifest wants them: {named}, and {} more",
                all - NAMED
            )),
        }
    }
}

fn is_quiet(inventory: &Inventory, object: &ObjectId) -> bool {
    match object.kind {
        ObjectKind::User => {
            let keys = inventory.users.get(&object.name).and_then(|user| user.keys.as_ref());
            keys.is_some_and(|keys| keys.iter().all(|key| !key.active))
        }
        ObjectKind::Group
        | ObjectKind::Policy
        | ObjectKind::Role
        | ObjectKind::Notebook
        | ObjectKind::MaxCompute
        | ObjectKind::Workspace => true,
    }
}

/// The kind of manifest that an owner mark names.
fn kind_of(owner: &str) -> Option<ManifestKind> {
    const KINDS: [ManifestKind; 4] =
        [ManifestKind::Tenant, ManifestKind::TenantRole, ManifestKind::TenantUser, ManifestKind::TenantNotebook];
    let (kind, _) = owner.split_once('/')?;
    KINDS.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::CloudName;

    const HOUR: Duration = Duration::from_secs(3600);

    fn orphan(kind: ObjectKind, name: &str) -> Orphan {
        let object = ObjectId { kind, name: CloudName::new(name) };
        Orphan { account: AccountName::new("aws"), object, owner: format!("tenantuser/acme/{name}") }
    }

    fn ripe(orphans: &Orphans, now: Instant, room: usize) -> Vec<(String, Ripe)> {
        let ripe = orphans.ripe(&TenantName::new("acme"), &AccountName::new("aws"), HOUR, now, room);
        ripe.into_iter().map(|(object, (what, _))| (object.name.to_string(), what)).collect()
    }

    #[test]
    fn keys_go_off_after_one_span_and_the_user_after_another_of_silence() {
        let (orphans, tenant, start) = (Orphans::default(), TenantName::new("acme"), Instant::now());
        let found = [orphan(ObjectKind::User, "alice")];
        let at = |hours: f64| start + HOUR.mul_f64(hours);
        assert_eq!(orphans.note(&tenant, &found, |_| false, at(0.0)).len(), 1);
        assert_eq!(ripe(&orphans, at(0.9), 10), []);
        assert_eq!(ripe(&orphans, at(1.0), 10), [("alice".to_owned(), Ripe::DisableKeys)]);
        assert!(orphans.note(&tenant, &found, |_| true, at(1.1)).is_empty());
        assert_eq!(ripe(&orphans, at(2.0), 10), [("alice".to_owned(), Ripe::DisableKeys)]);
        assert_eq!(ripe(&orphans, at(2.2), 10), [("alice".to_owned(), Ripe::Remove)]);
        // Somebody made a key work again: its silence begins anew.
        orphans.note(&tenant, &found, |_| false, at(2.3));
        assert_eq!(ripe(&orphans, at(3.0), 10), [("alice".to_owned(), Ripe::DisableKeys)]);
    }

    #[test]
    fn one_look_without_it_starts_the_clock_again() {
        let (orphans, tenant, start) = (Orphans::default(), TenantName::new("acme"), Instant::now());
        let found = [orphan(ObjectKind::Policy, "acme.reader")];
        orphans.note(&tenant, &found, |_| true, start);
        orphans.note(&tenant, &[], |_| true, start + HOUR / 2);
        orphans.note(&tenant, &found, |_| true, start + HOUR);
        assert_eq!(ripe(&orphans, start + HOUR, 10), []);
        assert_eq!(ripe(&orphans, start + HOUR * 2, 10), [("acme.reader".to_owned(), Ripe::Remove)]);
    }

    #[test]
    fn ten_go_in_an_account_in_a_day() {
        let (orphans, tenant, start) = (Orphans::default(), TenantName::new("acme"), Instant::now());
        let found: Vec<Orphan> = (0..12).map(|index| orphan(ObjectKind::Policy, &format!("p{index}"))).collect();
        orphans.note(&tenant, &found, |_| true, start);
        assert_eq!(ripe(&orphans, start + HOUR, orphans.room("1", start)).len(), A_DAY);
        (0..A_DAY).for_each(|_| orphans.went("1", start));
        assert_eq!((orphans.room("1", start + HOUR), orphans.room("2", start + HOUR)), (0, A_DAY));
        assert_eq!(orphans.room("1", start + DAY), A_DAY);
    }

    #[test]
    fn one_tenant_at_a_time_is_given_the_room_of_an_account() {
        let (orphans, now) = (Orphans::default(), Instant::now());
        let (acme, beta) = (TenantName::new("acme"), TenantName::new("beta"));
        assert!(orphans.begins("1", &acme, now) && orphans.begins("1", &acme, now) && orphans.begins("2", &beta, now));
        assert!(!orphans.begins("1", &beta, now));
        orphans.ends(&acme);
        assert!(orphans.begins("1", &beta, now));
        assert!(orphans.begins("1", &acme, now + ONE_PASS), "a pass that never ended is forgotten");
    }
}
