//! Tenant, TenantRoles and TenantUsers → users, roles and grants at tenant level in MaxCompute; and where, by what specs
//! and statuses say, something of the tenant may be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use super::users::{before, utc};
use super::{AccountFacts, Compiler, Manifests, manifest_ref};
use crate::api::{MaxComputePermissions, TenantRole, TenantUser};
use crate::model::{
    Class, MaxComputePlace, Provider, ToldMaxCompute, WantedGrants, WantedMaxCompute, WantedMaxComputeRole,
};
use crate::names::{AccountName, ManifestKind, ManifestRef};
use crate::policy::{Document, Effect, Scope, Statement, Variable};

/// All that policies of MaxCompute can speak of.
const EVERYTHING: [&str; 4] =
    ["acs:odps:*:projects/*", "acs:odps:*:quotas/*", "acs:odps:*:regions/*/quotas/*", "acs:odps:*:networklinks/*"];
/// Stands for a user where a role is only tried out.
const ANYBODY: &str = "user";

/// A role as it is given to users.
struct Offer<'r> {
    subject: ManifestRef,
    name: String,
    default: bool,
    permissions: &'r MaxComputePermissions,
    /// None: it speaks of its user, so each has one of its own.
    shared: Option<Document>,
    refused: bool,
}

/// Of each account of the tenant, where in MaxCompute something of it may be.
pub(super) fn told(manifests: &Manifests, account: &AccountName) -> ToldMaxCompute {
    let is_it = |name: &String| name == account.as_str();
    let place =
        |region: &String, project: &String| MaxComputePlace { region: region.clone(), project: project.clone() };
    let mut told = ToldMaxCompute::default();
    let tenant = manifests.tenant.iter();
    let spec = tenant.clone().flat_map(|it| &it.spec.accounts).filter(|it| is_it(&it.name));
    told.places.extend(spec.filter_map(|it| it.max_compute.as_ref()).map(|it| (place(&it.region, &it.project), false)));
    let statuses = tenant.filter_map(|it| it.status.as_ref()).flat_map(|status| &status.accounts);
    let statuses = statuses.filter(|it| is_it(&it.name)).flat_map(|it| &it.max_compute);
    told.places.extend(statuses.map(|it| (place(&it.region, &it.project), true)));
    for manifest in &manifests.roles {
        let accounts = manifest.status.iter().flat_map(|status| &status.accounts).filter(|it| is_it(&it.name));
        for role in accounts.filter_map(|it| it.max_compute.as_ref()) {
            told.places.insert(place(&role.region, &role.project), true);
            told.projects.extend(role.projects.iter().cloned());
            told.roles.insert(manifest_ref(ManifestKind::TenantRole, manifest.as_ref()));
        }
    }
    let named = manifests.roles.iter().filter_map(|role| permissions(role)).flat_map(|it| &it.projects);
    told.named = named.filter(|project| !told.projects.contains(*project)).cloned().collect();
    told
}

impl Compiler<'_> {
    /// What should exist in MaxCompute, from the users that are wanted in each account already. Roles and users come oldest
    /// first.
    pub(super) fn max_compute(&mut self, roles: &[Arc<TenantRole>], users: &[Arc<TenantUser>]) {
        let mut anywhere = false;
        for (account, facts) in self.tenant_accounts() {
            if facts.provider() != Provider::Alibaba {
                continue;
            }
            let listed = self.tenant.spec.accounts.iter().find(|it| it.name == account.as_str());
            let Some(place) = listed.and_then(|it| it.max_compute.as_ref()) else { continue };
            anywhere = true;
            let place = MaxComputePlace { region: place.region.clone(), project: place.project.clone() };
            let wanted = self.max_compute_in(&account, &facts, place, roles, users);
            self.accounts.entry(account).or_default().max_compute = Some(wanted);
        }
        let ready = |name: &str| self.context.accounts.get(&AccountName::new(name)).is_some_and(|it| it.id.is_some());
        let named = &self.tenant.spec.accounts;
        if anywhere || named.iter().any(|it| it.max_compute.is_some() && !ready(&it.name)) {
            return;
        }
        for role in roles.iter().filter(|role| permissions(role).is_some()) {
            let subject = manifest_ref(ManifestKind::TenantRole, role.as_ref());
            let message = format!(
                "tenant {} is nowhere in MaxCompute, so spec.alibaba.maxCompute says nothing. Add spec.accounts[].maxCompute to the Tenant, or take it out here.",
                self.tenant_name
            );
            self.refuse(&subject, None, Class::Invalid, message);
        }
    }

    fn max_compute_in(
        &mut self,
        account: &AccountName,
        facts: &AccountFacts,
        place: MaxComputePlace,
        roles: &[Arc<TenantRole>],
        users: &[Arc<TenantUser>],
    ) -> WantedMaxCompute {
        let naming = self.naming(facts);
        let mut wanted = WantedMaxCompute {
            owner: self.tenant_ref.clone(),
            place,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            kept: BTreeSet::new(),
        };
        let offers = self.offers(account, facts, &wanted.place.region, roles);
        for offer in &offers {
            if offer.refused {
                wanted.kept.insert(naming.max_compute_role(&offer.name));
                let of_one = |user: &Arc<TenantUser>| format!("{}.{}", offer.name, user.name_any());
                wanted.kept.extend(users.iter().map(|user| naming.max_compute_role(&of_one(user))));
            } else if let Some(document) = &offer.shared {
                let role = offer.role(document.clone());
                wanted.roles.insert(naming.max_compute_role(&offer.name), role);
            }
        }
        for user in users {
            let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
            let claims = self.accounts.get(account).into_iter().flat_map(|it| &it.users);
            let mine = claims.filter_map(|(name, claims)| {
                let mine = claims.iter().find(|claim| claim.owner == subject)?;
                Some((name.clone(), mine.only_still, mine.still))
            });
            for (name, only_still, still) in mine.collect::<Vec<_>>() {
                let mut grants = WantedGrants {
                    owner: subject.clone(),
                    roles: BTreeSet::new(),
                    own: BTreeMap::new(),
                    still,
                    only_still,
                };
                for (offer, until) in self.offered(&offers, user) {
                    let own = format!("{}.{}", offer.name, user.name_any());
                    let role = match (&offer.shared, until) {
                        _ if offer.refused => continue,
                        (Some(_), None) => naming.max_compute_role(&offer.name),
                        (shared, until) => {
                            let document = shared.clone().or_else(|| {
                                self.max_compute_document(facts, &wanted.place.region, offer, &user.name_any()).ok()
                            });
                            let Some(document) = document.and_then(|document| bounded(document, facts, until)) else {
                                continue;
                            };
                            let role = naming.max_compute_role(&own);
                            grants.own.insert(role.clone(), offer.role(document));
                            role
                        }
                    };
                    grants.roles.insert(role);
                }
                wanted.users.entry(name).or_default().push(grants);
            }
        }
        for claims in wanted.users.values_mut() {
            if let [only] = claims.as_mut_slice() {
                wanted.roles.append(&mut only.own);
            }
        }
        wanted
    }

    /// The roles that say anything for MaxCompute; of several of one name, the oldest.
    fn offers<'r>(
        &mut self,
        account: &AccountName,
        facts: &AccountFacts,
        region: &str,
        roles: &'r [Arc<TenantRole>],
    ) -> Vec<Offer<'r>> {
        let mut offers: Vec<Offer<'r>> = Vec::new();
        let mut seen = BTreeSet::new();
        for role in roles.iter().filter(|role| seen.insert(role.name_any())) {
            let Some(permissions) = permissions(role) else { continue };
            let subject = manifest_ref(ManifestKind::TenantRole, role.as_ref());
            let mut offer = Offer {
                subject: subject.clone(),
                name: role.name_any(),
                default: role.spec.default,
                permissions,
                shared: None,
                refused: false,
            };
            match self.max_compute_document(facts, region, &offer, ANYBODY) {
                Ok(_) if super::dialect::speak_of_user(&permissions.statements) => {}
                Ok(document) => offer.shared = Some(document),
                Err(message) => {
                    let message = format!("spec.alibaba.maxCompute, {message}");
                    self.refuse(&subject, Some(account), Class::Invalid, message);
                    self.hold(&subject);
                    offer.refused = true;
                }
            }
            offers.push(offer);
        }
        offers
    }

    /// What a user has, and until when it has it.
    fn offered<'o, 'r>(&self, offers: &'o [Offer<'r>], user: &TenantUser) -> Vec<(&'o Offer<'r>, Option<Timestamp>)> {
        let expires = user.spec.expires_at.as_ref().map(|time| time.0);
        let mut offered = Vec::new();
        for offer in offers {
            if offer.default || user.spec.roles.contains(&offer.name) {
                offered.push((offer, expires));
                continue;
            }
            let temporary = user.spec.temporary_roles.iter().filter(|it| it.name == offer.name);
            if let Some(until) = temporary.map(|it| it.until.0).filter(|until| *until > self.context.now).max() {
                offered.push((offer, Some(expires.map_or(until, |expires| expires.min(until)))));
            }
        }
        offered
    }

    /// What a role says, checked against what MaxCompute's own policies may say.
    fn max_compute_document(
        &self,
        facts: &AccountFacts,
        region: &str,
        offer: &Offer<'_>,
        user: &str,
    ) -> Result<Document, String> {
        let statements = &offer.permissions.statements;
        if statements.is_empty() {
            return Ok(facts.document(Vec::new()));
        }
        // MaxCompute's names hold no hyphens.
        let tenant = self.tenant_name.as_str().replace('-', "_");
        let variables = self.variables(facts, Some(user)).with(Variable::Tenant, tenant).with(Variable::Region, region);
        let variables = variables.unavailable(Variable::Workspace, "MaxCompute has no PAI workspaces");
        let mut document = super::dialect::document(facts, statements, &variables)?;
        for (index, statement) in document.statements.iter().enumerate() {
            let number = index + 1;
            let foreign = |action: &&String| *action != "*" && !action.to_ascii_lowercase().starts_with("odps:");
            if let Some(action) = statement.actions.patterns().iter().find(foreign) {
                return Err(format!(
                    "statement {number}: {action:?} is no action of MaxCompute: write odps:Name, such as odps:List"
                ));
            }
            let mut resources = statement.resources.iter().flat_map(Scope::patterns);
            if let Some(resource) = resources.find(|resource| !is_max_computes(resource)) {
                return Err(format!(
                    "statement {number}: {resource:?} is no resource of MaxCompute: write acs:odps:*: and what it is, such as acs:odps:*:projects/acme_prod/*"
                ));
            }
        }
        // MaxCompute does not ask RAM, where the account's denials are on everyone.
        let denied = facts.manifest.spec.denied_actions.iter();
        let denied = denied.filter(|action| *action == "*" || action.to_ascii_lowercase().starts_with("odps:"));
        let denied: Vec<String> = denied.cloned().collect();
        if !denied.is_empty() {
            let everything = EVERYTHING.map(str::to_owned).to_vec();
            document.statements.push(Statement::new(Effect::Deny, Scope::These(denied), Scope::These(everything)));
        }
        Ok(document)
    }
}

impl Offer<'_> {
    fn role(&self, document: Document) -> WantedMaxComputeRole {
        let projects = self.permissions.projects.iter().cloned().collect();
        WantedMaxComputeRole { owner: self.subject.clone(), document, projects }
    }
}

fn permissions(role: &TenantRole) -> Option<&MaxComputePermissions> {
    role.spec.alibaba.as_ref()?.max_compute.as_ref()
}

/// Resources of MaxCompute have four parts, not RAM's five.
fn is_max_computes(resource: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(4, ':').collect();
    resource == "*" || (parts.len() == 4 && parts[..2] == ["acs", "odps"] && !parts[3].contains(':'))
}

/// The document until then; none where nothing of it can be given for a time.
fn bounded(document: Document, facts: &AccountFacts, until: Option<Timestamp>) -> Option<Document> {
    let Some(until) = until.map(utc) else { return Some(document) };
    let had_any = !document.statements.is_empty();
    let statements: Vec<_> = document.statements.into_iter().filter_map(|it| before(it, facts, &until)).collect();
    (!(had_any && statements.is_empty())).then(|| facts.document(statements))
}
