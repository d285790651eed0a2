//! The status of each kind, from what is wanted, what is there and what stands against it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::conditions::{mark_drifted, set_verdict};
use super::verdict::{Report, Verdict};
use crate::api::{
    AccessKeyState, AccessKeyStatus, ObservedStatus, RoleAccountStatus, Tenant, TenantAccountStatus, TenantRole,
    TenantRoleStatus, TenantStatus, TenantUser, TenantUserStatus, Usage, UserAccountStatus, annotations,
};
use crate::desired::{Manifests, keys_wanted, manifest_ref};
use crate::model::{Inventory, WantedAccount};
use crate::names::{AccountName, CloudName, ManifestKind, ManifestRef};

/// Forgets a forced reconcile that nobody asks for any more, writes the verdict, and says what differs and is left so. While an account cannot be looked
/// at, what was said of it stays.
pub(super) fn finish<S: ObservedStatus, K: ResourceExt>(
    status: &mut S,
    object: &K,
    verdict: &Verdict,
    drift: Option<String>,
    now: Timestamp,
) {
    let asked = [annotations::RECONCILE, annotations::FLUX_RECONCILE];
    if !asked.iter().any(|key| object.annotations().contains_key(*key)) {
        status.set_last_handled_reconcile_at(None);
    }
    let generation = object.meta().generation.unwrap_or_default();
    set_verdict(status, verdict, generation, now);
    if drift.is_some() || !matches!(verdict, Verdict::Unchanged(..)) {
        mark_drifted(status, drift, generation, now);
    }
}

/// The next status of the Tenant.
#[must_use]
pub fn tenant_status(
    report: &Report<'_>,
    tenant: &Tenant,
    manifests: &Manifests,
    troubled: &[(ManifestRef, Verdict)],
    now: Timestamp,
) -> TenantStatus {
    let mut status = tenant.status.clone().unwrap_or_default();
    let subject = report.wanted.tenant_ref();
    let verdict = report.verdict(&subject, &well(troubled));
    let living = |deleting: bool| !deleting;
    let before = std::mem::take(&mut status.accounts);
    status.accounts = tenant
        .spec
        .accounts
        .iter()
        .map(|account| {
            let name = AccountName::new(&account.name);
            let view = report.accounts.get(&name);
            let inventory = view.and_then(|view| view.inventory);
            let wanted = report.wanted.accounts.get(&name);
            let group = wanted.and_then(|wanted| wanted.groups.keys().next());
            let tally = report.tally(&subject, Some(&name));
            TenantAccountStatus {
                name: account.name.clone(),
                account_id: view
                    .and_then(|view| view.id)
                    .map(str::to_owned)
                    .or_else(|| before.iter().find(|it| it.name == account.name)?.account_id.clone()),
                group: group
                    .filter(|name| inventory.is_some_and(|it| it.groups.contains_key(name)))
                    .map(CloudName::to_string),
                execution_role: wanted.zip(inventory).and_then(|(wanted, seen)| execution_role(wanted, seen)),
                max_compute: report.max_compute_places(
                    &name,
                    account.max_compute.as_ref(),
                    before.iter().find(|it| it.name == account.name).map_or(&[], |it| &it.max_compute),
                ),
                workspace_id: report.workspace_id(&name, before.iter().find(|it| it.name == account.name)),
                ready: inventory.is_some() && tally.is_clear(),
                message: tally.words(),
            }
        })
        .collect();
    status.accounts.extend(report.accounts_being_cleaned(tenant, &before));
    let names: Vec<&str> = tenant.spec.accounts.iter().map(|account| account.name.as_str()).collect();
    status.account_names = (!names.is_empty()).then(|| names.join(","));
    status.namespaces = tenant.namespace_names();
    status.namespace_names = Some(status.namespaces.join(","));
    let users = manifests.users.iter().filter(|it| living(it.metadata.deletion_timestamp.is_some()));
    let keys = users.clone().map(|it| keys_wanted(tenant, it)).sum();
    status.users = Some(count(users.count()));
    status.roles =
        Some(count(manifests.roles.iter().filter(|it| living(it.metadata.deletion_timestamp.is_some())).count()));
    status.notebooks =
        Some(count(manifests.notebooks.iter().filter(|it| living(it.metadata.deletion_timestamp.is_some())).count()));
    let limits = tenant.spec.limits.clone().unwrap_or_default();
    let used = [
        ("accessKeys", keys, limits.access_keys),
        ("notebooks", status.notebooks.unwrap_or_default(), limits.notebooks),
        ("users", status.users.unwrap_or_default(), limits.users),
    ];
    status.limits = used
        .into_iter()
        .filter_map(|(name, used, limit)| {
            Some(Usage { name: name.to_owned(), used: used.into(), limit: limit?.into() })
        })
        .collect();
    finish(&mut status, tenant, &verdict, report.drift(&subject), now);
    status
}

/// What a Tenant says that is well itself: whom of its own it is not well with.
fn well(troubled: &[(ManifestRef, Verdict)]) -> String {
    let mut names: Vec<String> =
        troubled.iter().map(|(manifest, verdict)| format!("{manifest} ({})", verdict.reason().as_str())).collect();
    names.sort();
    match names.len() {
        0 => "everything is as the manifests say".to_owned(),
        more @ 4.. => format!("not ready: {}; and {} more", names[..3].join(", "), more - 3),
        _ => format!("not ready: {}", names.join(", ")),
    }
}

/// The next status of a role.
#[must_use]
pub fn role_status(
    report: &Report<'_>,
    role: &TenantRole,
    manifests: &Manifests,
    verdict: &Verdict,
    now: Timestamp,
) -> TenantRoleStatus {
    let mut status = role.status.clone().unwrap_or_default();
    let subject = manifest_ref(ManifestKind::TenantRole, role);
    let name = role.name_any();
    let before = std::mem::take(&mut status.accounts);
    status.accounts = report
        .wanted
        .accounts
        .iter()
        .filter_map(|(account, wanted)| {
            let mine = wanted.policies.iter().find(|(_, claims)| claims.iter().any(|claim| claim.owner == subject));
            let tally = report.tally(&subject, Some(account));
            let inventory = report.accounts.get(account).and_then(|view| view.inventory);
            let role = wanted.roles.iter().find(|(_, claims)| claims.iter().any(|claim| claim.owner == subject));
            let told = before.iter().find(|it| it.name == account.as_str()).and_then(|it| it.max_compute.as_ref());
            let max_compute = report.max_compute_role(account, &subject, told);
            if mine.is_none() && role.is_none() && max_compute.is_none() && tally.is_clear() {
                return None;
            }
            let policy = mine.and_then(|(name, _)| own_policy(inventory?, name, &subject));
            let is_role = role.is_some();
            let role = role.and_then(|(name, _)| own_role(inventory?, name, &subject));
            let ready = tally.is_clear() && (mine.is_none() || policy.is_some()) && (!is_role || role.is_some());
            let message = tally.words().or_else(|| report.observed(&subject, account));
            Some(RoleAccountStatus { name: account.to_string(), policy, role, max_compute, ready, message })
        })
        .collect();
    status.accounts.extend(before.iter().filter(|it| report.is_unseen(&it.name)).cloned());
    status.accounts.extend(report.roles_being_cleaned(&subject, &status.accounts, &before));
    status.accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let has = |user: &TenantUser| {
        role.spec.default
            || user.spec.roles.contains(&name)
            || user.spec.temporary_roles.iter().any(|it| it.name == name)
    };
    status.users = Some(count(manifests.users.iter().filter(|user| has(user)).count()));
    finish(&mut status, role, verdict, report.drift(&subject), now);
    status
}

/// The next status of a user.
#[must_use]
pub fn user_status(report: &Report<'_>, user: &TenantUser, verdict: &Verdict, now: Timestamp) -> TenantUserStatus {
    let mut status = user.status.clone().unwrap_or_default();
    let subject = manifest_ref(ManifestKind::TenantUser, user);
    let mut accounts: Vec<UserAccountStatus> = Vec::new();
    for (account, wanted) in &report.wanted.accounts {
        let mine = wanted.users.iter().find_map(|(name, claims)| {
            let claim = claims.iter().find(|claim| claim.owner == subject)?;
            Some((name, claim))
        });
        let Some((cloud_name, claim)) = mine else { continue };
        let tally = report.tally(&subject, Some(account));
        let inventory = report.accounts.get(account).and_then(|view| view.inventory);
        let seen = inventory.and_then(|inventory| ours(inventory, cloud_name, &subject));
        let before = status.accounts.iter().find(|it| it.name == account.as_str());
        let keys = match seen.and_then(|seen| seen.keys.as_ref()) {
            Some(keys) => keys.iter().map(key_status).collect(),
            // Not read since the start: what was said last time is the best that is known.
            None => before.map(|before| before.access_keys.clone()).unwrap_or_default(),
        };
        accounts.push(UserAccountStatus {
            name: account.to_string(),
            user_name: Some(cloud_name.to_string()),
            principal: seen.map(|seen| seen.arn.clone()),
            secret_name: claim.key.as_ref().map(|wish| wish.secret.name.clone()),
            access_keys: keys,
            ready: seen.is_some() && tally.is_clear(),
            message: tally.words().or_else(|| report.observed(&subject, account)),
        });
    }
    // Of an account that cannot be looked at now, what was said last is the best that is known.
    let unseen = status.accounts.iter().filter(|before| report.is_unseen(&before.name));
    accounts.extend(unseen.cloned());
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let keys = accounts.iter().flat_map(|account| &account.access_keys);
    status.newest_key_at = keys.clone().filter_map(|key| key.created_at.clone()).max();
    status.keys = Some(count(keys.count()));
    status.accounts = accounts;
    status.role_names = (!user.spec.roles.is_empty()).then(|| user.spec.roles.join(","));
    finish(&mut status, user, verdict, report.drift(&subject), now);
    status
}

fn ours<'i>(inventory: &'i Inventory, name: &CloudName, owner: &ManifestRef) -> Option<&'i crate::model::User> {
    let user = inventory.users.get(name)?;
    user.mark().is_some_and(|mark| mark.is_of(owner)).then_some(user)
}

/// The ARN of the role's policy: of one that is the role's, for the name alone may be another's.
fn own_policy(inventory: &Inventory, name: &CloudName, owner: &ManifestRef) -> Option<String> {
    let policy = inventory.policies.get(name)?;
    policy.mark(&inventory.cluster).is_some_and(|mark| mark.is_of(owner)).then(|| policy.arn.clone())
}

/// The ARN of the TenantRole's cloud role.
fn own_role(inventory: &Inventory, name: &CloudName, owner: &ManifestRef) -> Option<String> {
    let role = inventory.roles.get(name)?;
    role.mark().is_some_and(|mark| mark.is_of(owner)).then(|| role.arn.clone())
}

/// The ARN of the tenant's execution role.
fn execution_role(wanted: &WantedAccount, inventory: &Inventory) -> Option<String> {
    let name = wanted.execution_role.as_ref()?;
    wanted.roles.get(name)?.iter().find_map(|claim| own_role(inventory, name, &claim.owner))
}

fn key_status(key: &crate::model::AccessKey) -> AccessKeyStatus {
    AccessKeyStatus {
        id: key.id.clone(),
        state: if key.active { AccessKeyState::Active } else { AccessKeyState::Inactive },
        created_at: Some(Time(key.created)),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
