//! Manifests → what should exist. Pure: no cloud, no cluster, no clock but the one that is handed in.

mod account;
mod checks;
mod cloud_roles;
mod cluster;
mod conduct;
mod credentials;
mod dialect;
mod execution;
mod grants;
mod keyless;
mod limits;
mod max_compute;
mod notebooks;
mod passing;
mod ram;
mod roles;
mod schedule;
mod settled;
mod trust;
mod users;
mod workspaces;

pub use conduct::given_up;
pub use limits::keys_wanted;
pub use notebooks::notebook_region;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{CloudAccount, DeletionPolicy, Tenant, TenantNotebook, TenantRole, TenantUser, annotations};
use crate::model::{Class, Life, ManifestLife, Provider, Refusal, Tags, Wanted, WantedAccount, WantedCluster};
use crate::names::{
    ADOPT, AccountName, ClusterId, ManifestKind, ManifestRef, Naming, TAG_CLUSTER, TAG_OWNER, TAG_TENANT, TAG_UID,
    TenantName,
};

pub use account::{account_rules, boundary_description};

/// Every manifest of one tenant: the Tenant, and what names it, being deleted or not.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// The Tenant.
    pub tenant: Option<Arc<Tenant>>,
    /// Its roles.
    pub roles: Vec<Arc<TenantRole>>,
    /// Its users.
    pub users: Vec<Arc<TenantUser>>,
    /// Its notebooks.
    pub notebooks: Vec<Arc<TenantNotebook>>,
}

/// What must be known of a cloud account to say what should be in it.
#[derive(Clone, Debug)]
pub struct AccountFacts {
    /// The manifest.
    pub manifest: Arc<CloudAccount>,
    /// The account's id, once its credentials have answered.
    pub id: Option<String>,
    /// The first part of its ARNs, such as `aws`.
    pub partition: String,
    /// Why nothing can be done in it now, if so; its own condition says more.
    pub trouble: Option<String>,
    /// Whether the last looks at it failed in a way that does not pass by itself: credentials that are refused or missing,
    /// or an endpoint that has not answered for a while.
    pub unreadable: bool,
    /// The issuer that its OIDC provider of this cluster stands for, where that was asked for and answered.
    pub issuer: Option<String>,
}

impl AccountFacts {
    /// Whose cloud it is in.
    #[must_use]
    pub fn provider(&self) -> Provider {
        if self.manifest.spec.alibaba.is_some() { Provider::Alibaba } else { Provider::Aws }
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.manifest.spec.region()
    }

    /// How a tenant's objects are called in it.
    fn naming(&self, cluster: &ClusterId, tenant: &TenantName) -> Naming {
        Naming {
            cluster: cluster.clone(),
            tenant: tenant.clone(),
            prefix: self.manifest.spec.name_prefix.clone(),
            ram: self.provider() == Provider::Alibaba,
        }
    }

    /// Whether something may be in it that cannot be seen now. Where its credentials never answered nothing was made.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.id.is_none() && self.manifest.status.as_ref().is_some_and(|status| status.account_id.is_some())
    }
}

/// What holds for every tenant.
#[derive(Clone, Debug)]
pub struct Context {
    /// The cluster's id.
    pub cluster: ClusterId,
    /// The CloudAccounts.
    pub accounts: BTreeMap<AccountName, AccountFacts>,
    /// The operator's own namespace.
    pub operator_namespace: String,
    /// The operator's ServiceAccount.
    pub operator_account: String,
    /// Who issues the tokens of this cluster's ServiceAccounts, where the API server says.
    pub issuer: Option<String>,
    /// Now.
    pub now: Timestamp,
}

/// Which manifest this is.
#[must_use]
pub fn manifest_ref<K: ResourceExt>(kind: ManifestKind, object: &K) -> ManifestRef {
    ManifestRef { kind, namespace: object.namespace(), name: object.name_any() }
}

/// The working state of one compilation: what the rooms of this folder add to.
struct Compiler<'a> {
    tenant_name: &'a TenantName,
    context: &'a Context,
    tenant: &'a Tenant,
    tenant_ref: ManifestRef,
    manifests: BTreeMap<ManifestRef, ManifestLife>,
    accounts: BTreeMap<AccountName, WantedAccount>,
    cluster: WantedCluster,
    refusals: Vec<Refusal>,
}

/// Says what should exist for the tenant of that name.
#[must_use]
pub fn compile(name: &TenantName, manifests: &Manifests, context: &Context) -> Wanted {
    let retains = manifests.tenant.as_ref().is_some_and(|it| it.spec.deletion_policy == DeletionPolicy::Retain);
    let life = match &manifests.tenant {
        None => Life::Absent,
        Some(tenant) if tenant.metadata.deletion_timestamp.is_some() => Life::Deleting,
        Some(_) => Life::Alive,
    };
    let mut wanted = Wanted {
        tenant: name.clone(),
        life,
        manifests: lives(manifests),
        retain: retains,
        settled: settled::settled(manifests, context),
        conduct: conduct::conduct(manifests, context),
        notebook_regions: notebooks::regions(manifests, context),
        accounts: BTreeMap::new(),
        cluster: WantedCluster::default(),
        refusals: Vec::new(),
        next_change: next_change(manifests, context.now),
    };
    match (&manifests.tenant, life) {
        (Some(tenant), Life::Alive) => {
            let mut compiler = Compiler {
                tenant_name: name,
                context,
                tenant,
                tenant_ref: wanted.tenant_ref(),
                manifests: wanted.manifests,
                accounts: BTreeMap::new(),
                cluster: WantedCluster::default(),
                refusals: Vec::new(),
            };
            compiler.compile(manifests);
            wanted.manifests = compiler.manifests;
            wanted.accounts = compiler.accounts;
            wanted.cluster = compiler.cluster;
            wanted.refusals = compiler.refusals;
        }
        _ => orphaned(name, manifests.tenant.as_deref(), &mut wanted),
    }
    wait_for_unread_accounts(manifests, context, &mut wanted);
    wanted
}

/// Says of what is being deleted that an account cannot be cleaned now.
fn wait_for_unread_accounts(manifests: &Manifests, context: &Context, wanted: &mut Wanted) {
    let named = manifests.tenant.iter().flat_map(|tenant| &tenant.spec.accounts).map(|it| AccountName::new(&it.name));
    for account in named {
        let Some(facts) = context.accounts.get(&account).filter(|facts| facts.is_unread()) else { continue };
        // What is given up is not waited for, and what is only observed is let go without a look.
        if wanted.abandons(&account) || wanted.observes(&account) {
            continue;
        }
        let elsewhere = |subject: &ManifestRef| {
            let user =
                manifests.users.iter().find(|it| manifest_ref(ManifestKind::TenantUser, it.as_ref()) == *subject);
            let accounts = user.and_then(|user| user.spec.accounts.as_ref());
            accounts.is_some_and(|accounts| !accounts.iter().any(|it| it == account.as_str()))
        };
        let deleting = wanted.manifests.iter().filter(|(subject, life)| life.deleting && !elsewhere(subject));
        let message = facts.trouble.clone().unwrap_or_default();
        let refusals = deleting.map(|(subject, _)| Refusal {
            subject: subject.clone(),
            account: Some(account.clone()),
            class: Class::AccountNotReady,
            message: format!("what is there cannot be deleted now: {message}"),
        });
        wanted.refusals.extend(refusals);
    }
}

/// Without a Tenant, what its manifests have stays until they are deleted; with one that goes, everything goes.
fn orphaned(name: &TenantName, tenant: Option<&Tenant>, wanted: &mut Wanted) {
    let own: BTreeSet<String> = tenant.map(|tenant| tenant.namespace_names().into_iter().collect()).unwrap_or_default();
    for (manifest, life) in &mut wanted.manifests {
        if manifest.kind == ManifestKind::Tenant || life.deleting {
            continue;
        }
        if tenant.is_none() {
            life.held = true;
        }
        if !manifest.namespace.as_ref().is_some_and(|namespace| own.contains(namespace)) {
            let message = match tenant {
                None => format!("there is no Tenant {name}. It is waited for; nothing was made."),
                Some(_) => format!("Tenant {name} is being deleted. This manifest can be deleted freely."),
            };
            let subject = manifest.clone();
            wanted.refusals.push(Refusal { subject, account: None, class: Class::TenantNotFound, message });
        }
    }
}

fn lives(manifests: &Manifests) -> BTreeMap<ManifestRef, ManifestLife> {
    fn life<K: ResourceExt>(kind: ManifestKind, object: &K) -> (ManifestRef, ManifestLife) {
        let adopt = object.annotations().get(ADOPT).is_some_and(|value| value == "true");
        let deleting = object.meta().deletion_timestamp.is_some();
        let uid = object.uid().unwrap_or_default();
        let paused = object.annotations().get(annotations::PAUSED).is_some_and(|value| value == "true");
        (manifest_ref(kind, object), ManifestLife { uid, deleting, adopt, paused, told: false, held: false })
    }
    let tenant = manifests.tenant.iter().map(|it| life(ManifestKind::Tenant, it.as_ref()));
    let roles = manifests.roles.iter().map(|it| life(ManifestKind::TenantRole, it.as_ref()));
    let users = manifests.users.iter().map(|it| life(ManifestKind::TenantUser, it.as_ref()));
    let notebooks = manifests.notebooks.iter().map(|it| life(ManifestKind::TenantNotebook, it.as_ref()));
    let mut lives: BTreeMap<ManifestRef, ManifestLife> = tenant.chain(roles).chain(users).chain(notebooks).collect();
    for role in &manifests.roles {
        let told = role.status.iter().flat_map(|status| &status.accounts).any(|account| account.policy.is_some());
        if let Some(life) = lives.get_mut(&manifest_ref(ManifestKind::TenantRole, role.as_ref())) {
            life.told = told;
        }
    }
    // A paused Tenant pauses everything in it.
    if lives.iter().any(|(manifest, life)| manifest.kind == ManifestKind::Tenant && life.paused) {
        lives.values_mut().for_each(|life| life.paused = true);
    }
    lives
}

/// The first moment after now at which a user expires, has a role no longer, or a notebook is to start or stop.
fn next_change(manifests: &Manifests, now: Timestamp) -> Option<Timestamp> {
    let expiries = manifests.users.iter().filter_map(|user| user.spec.expires_at.as_ref());
    let ends = manifests.users.iter().flat_map(|user| &user.spec.temporary_roles).map(|role| &role.until);
    let scheduled = manifests.notebooks.iter().filter_map(|notebook| schedule::next(notebook, now));
    expiries.chain(ends).map(|time| time.0).chain(scheduled).filter(|time| *time > now).min()
}

impl Compiler<'_> {
    fn compile(&mut self, manifests: &Manifests) {
        self.check_tenant();
        self.workspaces();
        let roles = self.allowed(ManifestKind::TenantRole, &manifests.roles);
        let users = self.allowed(ManifestKind::TenantUser, &manifests.users);
        let notebooks = self.allowed(ManifestKind::TenantNotebook, &manifests.notebooks);
        self.notebooks(&notebooks, &users);
        let mut compiled = Vec::with_capacity(roles.len());
        for role in &roles {
            compiled.push(self.role(role));
        }
        let grants = grants::Grants::new(compiled);
        self.groups(&grants);
        let (mut users, over) = self.within_limits(users);
        for user in &users {
            self.user(user, &grants, false);
        }
        for user in &over {
            self.user(user, &grants, true);
        }
        // Lowering a limit takes nothing from those who are there.
        let there = |user: &&Arc<TenantUser>| user.status.as_ref().is_some_and(|status| !status.accounts.is_empty());
        users.extend(over.iter().filter(there).cloned());
        self.assumable_roles(&roles, &users, &grants);
        self.service_accounts(&grants);
        self.execution_roles(&roles, &users, &notebooks, &grants);
        self.max_compute(&roles, &users);
        self.cluster(&roles, &users, &notebooks);
    }

    fn refuse(&mut self, subject: &ManifestRef, account: Option<&AccountName>, class: Class, message: String) {
        self.refusals.push(Refusal { subject: subject.clone(), account: account.cloned(), class, message });
    }

    /// What the manifest has stays as it is.
    fn hold(&mut self, subject: &ManifestRef) {
        if let Some(life) = self.manifests.get_mut(subject) {
            life.held = true;
        }
    }

    /// The manifests that live, in a namespace that may name the tenant; oldest first.
    fn allowed<K: ResourceExt>(&mut self, kind: ManifestKind, all: &[Arc<K>]) -> Vec<Arc<K>> {
        let mut living: Vec<Arc<K>> = Vec::new();
        for object in all.iter().filter(|object| object.meta().deletion_timestamp.is_none()) {
            let subject = manifest_ref(kind, object.as_ref());
            let namespace = object.namespace().unwrap_or_default();
            if self.tenant.may_be_named_from(&namespace) {
                living.push(object.clone());
            } else {
                let message = format!(
                    "manifests in namespace {namespace} may not name tenant {}. Move it, or add the namespace to spec.namespaces or spec.definitionNamespaces of the Tenant.",
                    self.tenant_name
                );
                self.refuse(&subject, None, Class::NotAllowed, message);
                self.hold(&subject);
            }
        }
        living.sort_by_key(|object| {
            (object.creation_timestamp().map(|time| time.0), object.namespace(), object.name_any())
        });
        living
    }

    fn naming(&self, account: &AccountFacts) -> Naming {
        account.naming(&self.context.cluster, self.tenant_name)
    }

    /// Tags by which an object is known as ours, over those of account and tenant.
    fn tags(&self, account: &AccountFacts, owner: &ManifestRef, own: &BTreeMap<String, String>) -> Tags {
        let mut tags = account.manifest.spec.tags.clone();
        tags.extend(self.tenant.spec.tags.clone());
        tags.extend(own.clone());
        tags.insert(TAG_CLUSTER.to_owned(), self.context.cluster.to_string());
        tags.insert(TAG_TENANT.to_owned(), self.tenant_name.to_string());
        tags.insert(TAG_OWNER.to_owned(), owner.mark_text());
        let uid = self.manifests.get(owner).map(|life| life.uid.clone()).unwrap_or_default();
        tags.insert(TAG_UID.to_owned(), uid);
        tags
    }

    /// Says on a role or user that some of its accounts cannot be used now; why is told once, on the CloudAccount.
    fn wait_for_accounts(&mut self, subject: &ManifestRef, named: Option<&[String]>) {
        for account in &self.tenant.spec.accounts {
            let name = AccountName::new(&account.name);
            let concerned = named.is_none_or(|named| named.contains(&account.name));
            let unusable = self.context.accounts.get(&name).is_none_or(|facts| facts.id.is_none());
            if concerned && unusable && !self.gives_up(&name) {
                let message = format!("waits for CloudAccount {name}, which is not ready");
                self.refuse(subject, Some(&name), Class::AccountNotReady, message);
            }
        }
    }

    /// The accounts of the tenant that something can be said about; the others are told once, on the Tenant.
    fn tenant_accounts(&self) -> Vec<(AccountName, AccountFacts)> {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut accounts = Vec::new();
        for account in &self.tenant.spec.accounts {
            let name = AccountName::new(&account.name);
            let Some(facts) = self.context.accounts.get(&name) else { continue };
            let Some(id) = &facts.id else { continue };
            if !self.gives_up(&name) && seen.insert(id.clone()) {
                accounts.push((name, facts.clone()));
            }
        }
        accounts
    }
}
