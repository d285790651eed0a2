//! `tenantry plan`: the plan of what is in the cluster, the same value that the operator carries out. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::{Client, Config};

use crate::cloud::{Calls, Cloud, Rates};
use crate::cluster::{Snapshot, cluster_id, read_once, read_secret_data};
use crate::controller::{Accounts, Stage, manifests_of};
use crate::desired::{Context, compile};
use crate::model::{FRESH_WRITE, Fault};
use crate::names::{AccountName, ClusterId, TenantName};
use crate::plan::{Plan, render};

/// What to plan.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only this tenant.
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// The operator's namespace: where CloudAccounts' credentials are.
    #[arg(long, env = "POD_NAMESPACE", default_value = "tenantry-system", value_name = "NAMESPACE")]
    pub namespace: String,
    /// The operator's ServiceAccount.
    #[arg(long, env = "POD_SERVICE_ACCOUNT", default_value = "tenantry", value_name = "NAME")]
    pub service_account: String,
    /// What tells this cluster's objects from another's [default: the first eight hex digits of the kube-system
    /// namespace's UID]
    #[arg(long, env = "CLUSTER_ID", value_name = "ID")]
    pub cluster_id: Option<String>,
}

/// Prints the plan.
///
/// # Errors
/// What keeps it from being made: no cluster, no rights, an account that does not answer.
pub async fn run(args: &Args) -> Result<(), String> {
    let config = Config::infer().await.map_err(|error| format!("no cluster to plan for: {error}"))?;
    let client = Client::try_from(config).map_err(|error| format!("no client for the cluster: {error}"))?;
    let cluster = match &args.cluster_id {
        Some(id) => ClusterId::new(id.clone()),
        None => cluster_id(&client).await.map_err(|fault| fault.to_string())?,
    };
    let snapshots = read_once(client.clone()).await.map_err(|fault| fault.to_string())?;
    let accounts = Accounts::new(cluster.clone(), Rates::default(), Arc::new(Calls::default()));
    let mut manifests = BTreeMap::new();
    for snapshot in snapshots.values() {
        manifests.extend(snapshot.accounts.clone());
    }
    for (name, manifest) in &manifests {
        let read = |secret: String| {
            let client = client.clone();
            async move { read_secret_data(&client, &args.namespace, &secret).await }
        };
        let result = async {
            let account = accounts.connect(&read, name, manifest).await?;
            let started = std::time::Instant::now();
            let sweep = account.cloud.sweep().await?;
            let quotas = account.cloud.quotas().await?;
            let mut inventory = account.inventory.lock();
            inventory.absorb(sweep, started, FRESH_WRITE);
            inventory.quotas = quotas;
            Ok::<(), Fault>(())
        };
        if let Err(fault) = result.await {
            return Err(format!("CloudAccount {name}: {fault}"));
        }
    }
    let context = Context {
        cluster,
        accounts: accounts.facts(&manifests),
        operator_namespace: args.namespace.clone(),
        operator_account: args.service_account.clone(),
        now: Timestamp::now(),
    };
    let mut plans: Vec<Plan> = Vec::new();
    for (tenant, snapshot) in &snapshots {
        if args.tenant.as_ref().is_none_or(|only| only == tenant.as_str()) {
            plans.push(plan_of(tenant, snapshot, &accounts, &context).await?);
        }
    }
    let about = manifests.iter().map(|(name, manifest)| {
        let id = context.accounts.get(name).and_then(|facts| facts.id.clone()).unwrap_or_default();
        let region = manifest.spec.aws.as_ref().map(|aws| aws.region.clone()).unwrap_or_default();
        (name.clone(), format!("{id}, {region}"))
    });
    let about: BTreeMap<AccountName, String> = about.collect();
    anstream::print!("{}", render(&plans, &about, Rates::default().write));
    Ok(())
}

async fn plan_of(
    tenant: &TenantName,
    snapshot: &Snapshot,
    accounts: &Accounts,
    context: &Context,
) -> Result<Plan, String> {
    let wanted = compile(tenant, &manifests_of(snapshot), context);
    let state = &snapshot.cluster;
    let stage = Stage {
        wanted: &wanted,
        accounts: &accounts.ready(),
        cluster: &(),
        state: &|| state.clone(),
        proof: Default::default(),
        gate: &|| crate::apply::Gate::NotLeader,
        now: &Timestamp::now,
    };
    let (plan, faults) = stage.look(state).await;
    match faults.into_iter().next() {
        Some((account, fault)) => Err(format!("CloudAccount {account}: {fault}")),
        None => Ok(plan),
    }
}
