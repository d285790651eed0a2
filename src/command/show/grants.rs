//! `tenantry show grants`: the users of a tenant in MaxCompute, its roles, the grants of each and who has them. Asked of the
//! service, not of manifests: what people granted by hand is there too.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

use kube::api::{Api, ListParams};
use kube::config::KubeConfigOptions;
use kube::{Client, Config, ResourceExt as _};
use serde::Serialize;

use super::super::connect::{Connected, connect};
use crate::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use crate::cloud::{Calls, Cloud as _, Rates};
use crate::cluster::cluster_id;
use crate::controller::Accounts;
use crate::model::{
    Fault, Finding, MaxComputeFound, MaxComputePlace, MaxComputeQuery, MaxComputeRead, MaxComputeRole, Read,
};
use crate::names::{
    AccountName, CloudName, ClusterId, Naming, TenantName, max_compute_is_of, max_compute_suffix, max_compute_user,
    ram_user_of_max_compute,
};

/// What the JSON is.
const FORMAT: &str = "tenantry.dev/grants/v1";

/// Whose grants, and how they are told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The Tenant
    #[arg(value_name = "TENANT")]
    pub tenant: String,
    /// Only this user and what it may do: a TenantUser, or a user as MaxCompute writes it. May be given several times
    #[arg(long = "user", value_name = "USER")]
    pub users: Vec<String>,
    /// Only this role, what it allows and who has it: a TenantRole, or a role as MaxCompute calls it. May be given several
    /// times
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// Only in this account
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Everybody and every role in the region, others' too
    #[arg(long, conflicts_with_all = ["users", "roles"])]
    pub all: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub output: Output,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "CONTEXT")]
    pub context: Option<String>,
    /// The operator's namespace: where CloudAccounts' credentials are
    #[arg(long, env = "POD_NAMESPACE", default_value = "tenantry-system", value_name = "NAMESPACE")]
    pub namespace: String,
    /// What tells this cluster's objects from another's [default: the first eight hex digits of the kube-system
    /// namespace's UID]
    #[arg(long, env = "CLUSTER_ID", value_name = "ID", value_parser = crate::config::cluster_id)]
    pub cluster_id: Option<String>,
}

/// How grants are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Everything that was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Grants {
    format: &'static str,
    tenant: String,
    accounts: Vec<InAccount>,
    /// What could not be read, and what was taken for granted.
    notes: Vec<String>,
}

/// One account's MaxCompute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InAccount {
    account: String,
    account_id: String,
    #[serde(flatten)]
    place: MaxComputePlace,
    users: Vec<User>,
    roles: Vec<Role>,
}

/// A user of the tenant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    /// As MaxCompute writes it.
    user: CloudName,
    /// The TenantUser that it was made from.
    tenant_user: Option<String>,
    roles: Vec<CloudName>,
}

/// A role of the tenant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    role: CloudName,
    /// The TenantRole that it was made from, and the TenantUser where it is for one alone: `home.alice`.
    tenant_role: Option<String>,
    /// What it says; none where that could not be read.
    policy: Option<serde_json::Value>,
    users: Vec<CloudName>,
    /// The projects that it is in, of those that manifests and statuses name.
    projects: Vec<String>,
}

/// The manifests of a tenant, as far as they bear on names.
struct Manifests {
    tenant: Tenant,
    roles: Vec<TenantRole>,
    users: Vec<TenantUser>,
}

/// Prints the grants.
///
/// # Errors
/// No cluster, no such Tenant, one that is nowhere in MaxCompute, an account that does not answer.
pub async fn run(args: &Args) -> Result<(), String> {
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    let config = match args.context {
        Some(_) => Config::from_kubeconfig(&options).await.map_err(|error| error.to_string()),
        None => Config::infer().await.map_err(|error| error.to_string()),
    };
    let config = config.map_err(|error| format!("no cluster to ask: {error}"))?;
    let client = Client::try_from(config).map_err(|error| format!("no client for the cluster: {error}"))?;
    let cluster = match &args.cluster_id {
        Some(id) => ClusterId::new(id.clone()),
        None => cluster_id(&client)
            .await
            .map_err(|fault| format!("{fault}. Say what the operator runs with: --cluster-id"))?,
    };
    let manifests = manifests(&client, &args.tenant).await?;
    let mut grants = Grants { format: FORMAT, tenant: args.tenant.clone(), accounts: Vec::new(), notes: Vec::new() };
    let accounts = Accounts::new(cluster.clone(), Rates::default(), Arc::new(Calls::default()));
    for listed in &manifests.tenant.spec.accounts {
        let Some(max_compute) = &listed.max_compute else { continue };
        if args.account.as_ref().is_some_and(|only| *only != listed.name) {
            continue;
        }
        let name = AccountName::new(&listed.name);
        let manifest = Api::<CloudAccount>::all(client.clone()).get(&listed.name).await;
        let manifest = manifest.map_err(|error| format!("CloudAccount {name}: {error}"))?;
        let (account, _) = connect(&client, &args.namespace, &accounts, &name, &manifest, &mut grants.notes).await?;
        let place = MaxComputePlace { region: max_compute.region.clone(), project: max_compute.project.clone() };
        let naming = Naming {
            cluster: cluster.clone(),
            tenant: TenantName::new(&args.tenant),
            prefix: manifest.spec.name_prefix.clone(),
            ram: true,
        };
        let service = Service { account, place };
        let found = Asked { args, manifests: &manifests, naming, service: &service, notes: &mut grants.notes };
        let found = found.read(&listed.name).await.map_err(|fault| format!("CloudAccount {name}: {fault}"))?;
        grants.accounts.push(found);
    }
    if grants.accounts.is_empty() {
        let place = args.account.as_ref().map(|account| format!(" in account {account}")).unwrap_or_default();
        return Err(format!(
            "tenant {} is not in MaxCompute{place}: spec.accounts[].maxCompute says where",
            args.tenant
        ));
    }
    let mut out = anstream::stdout();
    let printed = match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&grants).unwrap_or_default()),
        Output::Text => write!(out, "{}", text::of(&grants, !args.users.is_empty(), !args.roles.is_empty())),
    };
    printed.map_err(|error| format!("the grants cannot be printed: {error}"))
}

/// The Tenant, and what names it in its namespaces; what may not be listed is left out, as only names come of it.
async fn manifests(client: &Client, name: &str) -> Result<Manifests, String> {
    let tenant = Api::<Tenant>::all(client.clone()).get_opt(name).await;
    let tenant = tenant.map_err(|error| format!("Tenant {name}: {error}"))?;
    let tenant = tenant.ok_or_else(|| format!("there is no Tenant {name}"))?;
    let own = ListParams::default().fields(&format!("spec.tenant={name}"));
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    let namespaces: BTreeSet<String> =
        tenant.namespace_names().into_iter().chain(tenant.spec.definition_namespaces.clone()).collect();
    for namespace in namespaces {
        let all = Api::<TenantRole>::namespaced(client.clone(), &namespace).list(&own).await;
        roles.extend(all.map(|list| list.items).unwrap_or_default());
        let all = Api::<TenantUser>::namespaced(client.clone(), &namespace).list(&own).await;
        users.extend(all.map(|list| list.items).unwrap_or_default());
    }
    Ok(Manifests { tenant, roles, users })
}

/// The service in one place.
struct Service {
    account: Connected,
    place: MaxComputePlace,
}

impl Service {
    async fn ask(&self, what: MaxComputeQuery) -> Result<MaxComputeFound, Fault> {
        let read = Read::MaxCompute(MaxComputeRead { place: self.place.clone(), what });
        match self.account.cloud.read(&read, &self.account.inventory).await? {
            Finding::MaxCompute(finding) => Ok(finding.found),
            _ => Ok(MaxComputeFound::Absent),
        }
    }
}

/// One reading of one account.
struct Asked<'a> {
    args: &'a Args,
    manifests: &'a Manifests,
    naming: Naming,
    service: &'a Service,
    notes: &'a mut Vec<String>,
}

impl Asked<'_> {
    async fn read(mut self, account: &str) -> Result<InAccount, Fault> {
        let place = self.service.place.clone();
        let account_id = self.service.account.inventory.lock().account.clone();
        let mut found =
            InAccount { account: account.to_owned(), account_id, place, users: Vec::new(), roles: Vec::new() };
        let MaxComputeFound::Lists { users, roles } = self.service.ask(MaxComputeQuery::Lists).await? else {
            let (project, region) = (&found.place.project, &found.place.region);
            self.notes.push(format!("{account}: there is no MaxCompute project {project} in {region}."));
            return Ok(found);
        };
        let everything = self.args.users.is_empty() && self.args.roles.is_empty();
        let (of_users, of_roles) = (self.users(&found.account_id), self.roles());
        for user in users {
            let tenant_user = of_users.get(&user).cloned();
            let named = [tenant_user.as_deref(), Some(user.as_str()), user.as_str().split_once(':').map(|it| it.1)];
            let asked = self.args.users.iter().any(|it| named.contains(&Some(it)));
            let shown = asked || (everything && (self.args.all || tenant_user.is_some() || self.is_of_tenant(&user)));
            if shown
                && let MaxComputeFound::Grants(roles) = self.service.ask(MaxComputeQuery::Grants(user.clone())).await?
            {
                found.users.push(User { user, tenant_user, roles: roles.into_iter().collect() });
            }
        }
        let granted: BTreeSet<&CloudName> = found.users.iter().flat_map(|user| &user.roles).collect();
        let shown = roles.into_iter().filter(|role| {
            let tenant_role =
                of_roles.iter().find(|(suffix, _)| max_compute_is_of(role, &BTreeSet::from([(*suffix).clone()])));
            let base = tenant_role.map(|(_, name)| name.split('.').next().unwrap_or_default().to_owned());
            let asked = self.args.roles.iter().any(|it| it == role.as_str() || base.as_ref() == Some(it));
            // What a user may do is what its roles say.
            let of_user = !self.args.users.is_empty() && self.args.roles.is_empty() && granted.contains(role);
            asked || of_user || (everything && (self.args.all || tenant_role.is_some()))
        });
        let projects = self.projects().await;
        for role in shown.collect::<Vec<_>>() {
            let is_it = |suffix: &String| max_compute_is_of(&role, &BTreeSet::from([suffix.clone()]));
            let tenant_role = of_roles.iter().find(|(suffix, _)| is_it(suffix)).map(|(_, name)| name.clone());
            let (policy, users) = match self.service.ask(MaxComputeQuery::Role(role.clone())).await? {
                MaxComputeFound::Role(MaxComputeRole { document, users }) => {
                    (document.and_then(|it| serde_json::to_value(it).ok()), users.into_iter().collect())
                }
                _ => continue,
            };
            let inside = projects.iter().filter(|(_, roles)| roles.contains(&role)).map(|(project, _)| project.clone());
            found.roles.push(Role { projects: inside.collect(), role, tenant_role, policy, users });
        }
        Ok(found)
    }

    /// The TenantUsers by their principals.
    fn users(&self, account: &str) -> BTreeMap<CloudName, String> {
        let name = |user: &TenantUser| self.naming.user(&user.name_any(), Some(user.spec.user_name.as_str()));
        self.manifests.users.iter().map(|user| (max_compute_user(account, &name(user)), user.name_any())).collect()
    }

    /// What the ends of the names of the tenant's roles stand for.
    fn roles(&self) -> BTreeMap<String, String> {
        let suffix =
            |name: String| (max_compute_suffix(self.naming.cluster.as_str(), self.naming.tenant.as_str(), &name), name);
        let of_one = |role: &TenantRole| {
            let users = self.manifests.users.iter();
            users.map(|user| format!("{}.{}", role.name_any(), user.name_any())).collect::<Vec<_>>()
        };
        let all = self.manifests.roles.iter().flat_map(|role| of_one(role).into_iter().chain([role.name_any()]));
        all.map(suffix).collect()
    }

    /// Whether a user has a name as the tenant's have, whether a manifest stands behind it or not.
    fn is_of_tenant(&self, user: &CloudName) -> bool {
        let head = format!("{}{}.", self.naming.prefix, self.naming.tenant).to_ascii_lowercase();
        ram_user_of_max_compute(user).is_some_and(|name| name.as_str().to_ascii_lowercase().starts_with(&head))
    }

    /// The roles in the projects that manifests and statuses name.
    async fn projects(&mut self) -> BTreeMap<String, BTreeSet<CloudName>> {
        let wanted = self.manifests.roles.iter().filter_map(|role| role.spec.alibaba.as_ref()?.max_compute.as_ref());
        let told = self.manifests.roles.iter().flat_map(|role| role.status.iter().flat_map(|status| &status.accounts));
        let told = told.filter_map(|account| account.max_compute.as_ref()).flat_map(|it| &it.projects);
        let names: BTreeSet<&String> = wanted.flat_map(|it| &it.projects).chain(told).collect();
        let mut projects = BTreeMap::new();
        for name in names {
            match self.service.ask(MaxComputeQuery::Project(name.clone())).await {
                Ok(MaxComputeFound::Project(roles)) => drop(projects.insert(name.clone(), roles)),
                Ok(_) => self.notes.push(format!("There is no project {name}.")),
                Err(fault) => {
                    self.notes.push(format!("The roles in project {name} could not be read: {}.", fault.message))
                }
            }
        }
        projects
    }
}
